//! The project's own cases: client, sender, result, and a few words that must stand in the explanation or the problem.

use super::*;
use SpfResult::{Fail, Neutral, None, Pass, PermError, SoftFail, TempError};

const ZONE: &str = "
    plain.example TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all
    plain.example TXT some other text
    upper.example TXT V=SPF1 IP4:192.0.2.7 ~ALL
    empty.example TXT v=spf1
    wrong.example TXT v=spf1x ip4:192.0.2.7 -all
    two.example TXT v=spf1 -all
    two.example TXT v=spf1 +all
    spaces.example TXT v=spf1   ip4:192.0.2.7     -all
    tab.example TXT v=spf1\tip4:192.0.2.7 -all
    a.example TXT v=spf1 a -all
    a.example A 192.0.2.7
    a.example AAAA 2001:db8::7
    near.example TXT v=spf1 a/24//64 -all
    near.example A 192.0.2.200
    near.example AAAA 2001:db8::200
    mx.example TXT v=spf1 mx -all
    mx.example MX 20 mx2.example
    mx.example MX 10 mx1.example
    mx1.example A 198.51.100.1
    mx2.example A 192.0.2.7
    nomx.example TXT v=spf1 mx ?all
    nomx.example A 192.0.2.7
    nullmx.example TXT v=spf1 mx -all
    nullmx.example MX 0 .
    sixmx.example TXT v=spf1 mx a:x1.example ip6:2001:db8::7 -all
    sixmx.example MX 1 m1.example
    sixmx.example MX 2 m2.example
    sixmx.example MX 3 m3.example
    m1.example A 198.51.100.1
    m2.example A 198.51.100.1
    m3.example A 198.51.100.1
    x1.example A 198.51.100.1
    manymx.example TXT v=spf1 mx -all
    manymx.example MX 1 m1.example
    manymx.example MX 2 m2.example
    manymx.example MX 3 m3.example
    manymx.example MX 4 m1.example
    manymx.example MX 5 m2.example
    manymx.example MX 6 m3.example
    manymx.example MX 7 m1.example
    manymx.example MX 8 m2.example
    manymx.example MX 9 m3.example
    manymx.example MX 10 m1.example
    manymx.example MX 11 mx2.example
    ptr.example TXT v=spf1 ptr -all
    other.example TXT v=spf1 ptr:ptr.example -all
    7.2.0.192.in-addr.arpa PTR forged.plain.example
    7.2.0.192.in-addr.arpa PTR host.ptr.example
    host.ptr.example A 192.0.2.7
    forged.plain.example A 198.51.100.1
    slowptr.example TXT v=spf1 ptr -all
    9.2.0.192.in-addr.arpa TIMEOUT
    exists.example TXT v=spf1 exists:%{ir}.%{l1r-}.user.%{d} -all
    7.2.0.192.bob.user.exists.example A 127.0.0.2
    incl.example TXT v=spf1 include:plain.example ~all
    inclneg.example TXT v=spf1 -include:plain.example +all
    inclnone.example TXT v=spf1 include:absent.example -all
    inclbad.example TXT v=spf1 include:x..y.example -all
    inclslow.example TXT v=spf1 include:slow.example -all
    incltwo.example TXT v=spf1 include:two.example -all
    late.example TXT v=spf1 ip4:192.0.2.7 include:slow.example -all
    slow.example TIMEOUT
    broken.example SERVFAIL
    redir.example TXT v=spf1 ip4:198.51.100.1 redirect=plain.example
    rediall.example TXT v=spf1 redirect=absent.example ?all
    redinone.example TXT v=spf1 redirect=absent.example
    redimacro.example TXT v=spf1 redirect=%{p}
    loop.example TXT v=spf1 redirect=loop.example
    circle.example TXT v=spf1 include:elcric.example
    elcric.example TXT v=spf1 include:circle.example
    voids.example TXT v=spf1 a:v1.example a:v2.example ip4:192.0.2.7 -all
    voids3.example TXT v=spf1 a:v1.example exists:v2.example mx:v3.example ip4:192.0.2.7 -all
    nodata.example TXT v=spf1 a:plain.example mx:plain.example a:a.example -all
    ten.example TXT v=spf1 a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:a.example -all
    eleven.example TXT v=spf1 a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:m1.example a:a.example -all
    local.example TXT v=spf1 a:%{l}.example -all
    exp.example TXT v=spf1 -all exp=why.%{d}
    why.exp.example TXT %{i} is not %{o}'s, says %{r} at %{t}: see http://%{h}/?s=%{S}
    expp.example TXT v=spf1 -all exp=whyp.example
    whyp.example TXT You are %{p}
    exp2.example TXT v=spf1 -all exp=two.example
    expslow.example TXT v=spf1 -all exp=slow.example
    expbad.example TXT v=spf1 -all exp=whybad.example
    whybad.example TXT 100% wrong
    expincl.example TXT v=spf1 -include:plain.example exp=whyp.example ?all
    expsoft.example TXT v=spf1 ~all exp=whyp.example
    expredir.example TXT v=spf1 redirect=exp.example exp=whyp.example
    early.example TXT v=spf1 ip4:192.0.2.7 -all bogus
    dots.example TXT v=spf1 a:a.example. -all
    unknown.example TXT v=spf1 ra=postmaster x.y-z_1=%{t} ip4:192.0.2.7 -all
    host_1.example TXT v=spf1 +all
    helo.example TXT v=spf1 ip4:192.0.2.7 -all
    cidr0.example TXT v=spf1 ip4:1.2.3.4/0 -all
    half.example TXT v=spf1 ip6:2001:db8:0:0:8000::/65 -all
";

const CASES: &[(&str, &str, SpfResult, &str)] = &[
    // Networks.
    ("192.0.2.7", "x@plain.example", Pass, ""),
    ("192.0.3.7", "x@plain.example", Fail, ""),
    ("2001:db8:ffff::7", "x@plain.example", Pass, ""),
    ("2001:db9::7", "x@plain.example", Fail, ""),
    ("::ffff:192.0.2.7", "x@plain.example", Pass, ""),
    ("203.0.113.1", "x@cidr0.example", Pass, ""),
    ("2001:db8::7", "x@cidr0.example", Fail, ""),
    ("2001:db8::8000:0:0:1", "x@half.example", Pass, ""),
    ("2001:db8::7000:0:0:1", "x@half.example", Fail, ""),
    // Which record, and its letter.
    ("192.0.2.7", "x@UPPER.example.", Pass, ""),
    ("192.0.2.8", "x@upper.example", SoftFail, ""),
    ("192.0.2.7", "x@empty.example", Neutral, ""),
    ("192.0.2.7", "x@wrong.example", None, ""),
    ("192.0.2.7", "x@two.example", PermError, "more than one"),
    ("192.0.2.7", "x@spaces.example", Pass, ""),
    ("192.0.2.7", "x@tab.example", None, ""),
    ("192.0.2.7", "x@early.example", PermError, "bogus"),
    ("192.0.2.7", "x@unknown.example", Pass, ""),
    ("192.0.2.7", "x@absent.example", None, ""),
    ("192.0.2.7", "x@slow.example", TempError, "slow.example TXT: timeout"),
    ("192.0.2.7", "x@broken.example", TempError, "server failure"),
    // Which domain.
    ("192.0.2.7", "x@localhost", None, ""),
    ("192.0.2.7", "x@[192.0.2.7]", None, ""),
    ("192.0.2.7", "x@-bad.example", None, ""),
    ("192.0.2.7", "x@a b.example", None, ""),
    ("192.0.2.7", "x@host_1.example", Pass, ""),
    ("192.0.2.7", "\"a@b\"@plain.example", Pass, ""),
    ("192.0.2.7", "", Pass, ""),
    ("192.0.2.8", "", Fail, ""),
    // a
    ("192.0.2.7", "x@a.example", Pass, ""),
    ("2001:db8::7", "x@a.example", Pass, ""),
    ("192.0.2.8", "x@a.example", Fail, ""),
    ("192.0.2.7", "x@near.example", Pass, ""),
    ("2001:db8::7", "x@near.example", Pass, ""),
    ("2001:db8:0:1::7", "x@near.example", Fail, ""),
    ("192.0.2.7", "x@dots.example", Pass, ""),
    // mx
    ("192.0.2.7", "x@mx.example", Pass, ""),
    ("192.0.2.8", "x@mx.example", Fail, ""),
    ("192.0.2.7", "x@nomx.example", Neutral, ""),
    ("192.0.2.7", "x@nullmx.example", Fail, ""),
    ("192.0.2.7", "x@manymx.example", PermError, "mail exchanges for manymx.example"),
    // Three exchanges without an IPv6 address are one term that finds exchanges, not three that find nothing.
    ("2001:db8::7", "x@sixmx.example", Pass, ""),
    // ptr
    ("192.0.2.7", "x@ptr.example", Pass, ""),
    ("192.0.2.7", "x@other.example", Pass, ""),
    ("192.0.2.8", "x@ptr.example", Fail, ""),
    ("192.0.2.9", "x@slowptr.example", Fail, ""),
    // exists
    ("192.0.2.7", "bob-list@exists.example", Pass, ""),
    ("192.0.2.7", "list-bob@exists.example", Fail, ""),
    ("192.0.2.7", "bob@exists.example", Pass, ""),
    // include and redirect
    ("192.0.2.7", "x@incl.example", Pass, ""),
    ("203.0.113.1", "x@incl.example", SoftFail, ""),
    ("192.0.2.7", "x@inclneg.example", Fail, ""),
    ("203.0.113.1", "x@inclneg.example", Pass, ""),
    ("192.0.2.7", "x@inclnone.example", PermError, "no record"),
    ("192.0.2.7", "x@inclbad.example", PermError, "impossible name"),
    ("192.0.2.7", "x@inclslow.example", TempError, "slow.example"),
    ("192.0.2.7", "x@incltwo.example", PermError, "more than one"),
    ("192.0.2.7", "x@late.example", Pass, ""),
    ("192.0.2.7", "x@redir.example", Pass, ""),
    ("203.0.113.1", "x@redir.example", Fail, ""),
    ("203.0.113.1", "x@rediall.example", Neutral, ""),
    ("203.0.113.1", "x@redinone.example", PermError, "no record"),
    ("203.0.113.1", "x@redimacro.example", PermError, "no record"),
    // Limits
    ("192.0.2.7", "x@loop.example", PermError, "too many look-ups"),
    ("192.0.2.7", "x@circle.example", PermError, "too many look-ups"),
    ("192.0.2.7", "x@voids.example", Pass, ""),
    ("192.0.2.7", "x@voids3.example", PermError, "find nothing"),
    ("192.0.2.7", "x@nodata.example", Pass, ""),
    ("192.0.2.7", "x@ten.example", Pass, ""),
    ("192.0.2.7", "x@eleven.example", PermError, "too many look-ups"),
    // Names out of a client's words
    ("192.0.2.7", "a@local.example", Pass, ""),
    ("192.0.2.7", "x..y@local.example", Fail, ""),
    // Explanations
    (
        "192.0.2.7",
        "a+b@exp.example",
        Fail,
        "192.0.2.7 is not exp.example's, says mx.here.example at 1000: see http://helo.example/?s=a%2Bb%40exp.example",
    ),
    ("192.0.2.7", "x@expp.example", Fail, "You are host.ptr.example"),
    ("192.0.2.8", "x@expp.example", Fail, "You are unknown"),
    ("192.0.2.7", "x@exp2.example", Fail, ""),
    ("192.0.2.7", "x@expslow.example", Fail, ""),
    ("192.0.2.7", "x@expbad.example", Fail, ""),
    ("192.0.2.7", "x@expincl.example", Fail, "You are host.ptr.example"),
    ("192.0.2.7", "x@expsoft.example", SoftFail, ""),
    ("192.0.2.7", "x@expredir.example", Fail, "192.0.2.7 is not expredir.example's"),
];

#[test]
fn the_table_holds() {
    for (client, mail_from, result, words) in CASES {
        let outcome = of(client, mail_from, ZONE);
        let said = match (&outcome.problem, &outcome.explanation) {
            (Some(problem), _) => problem.to_string(),
            (_, Some(explanation)) => explanation.clone(),
            _ => String::new(),
        };
        assert_eq!(outcome.result, *result, "{client} {mail_from}: {outcome:?}");
        let as_wanted = if words.is_empty() { said.is_empty() } else { said.contains(words) };
        assert!(as_wanted, "{client} {mail_from}: {said:?}");
    }
}
