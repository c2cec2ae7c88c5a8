//! Sources of each role, and everything that may be wrong with them.

use super::*;
use alloc::format;
use alloc::string::ToString;
use proptest::prelude::*;

const BASE: &str = "\
# comment
. relaytarget -

_localnames rejectnet - localdomain + relaytarget +
_full_rights relaycustnet + filtering -
_relaytarget relaytarget +
_bulk_mail rejectsource + relaytarget -
_rbl0 # nothing
";

fn file<'a>(role: Role, name: &'a str, text: &'a str) -> SourceFile<'a> {
    SourceFile { role, name, text: text.as_bytes() }
}

fn faults(text: &str) -> Vec<String> {
    match compile(&[file(Role::Source, "p", text)]) {
        Ok(compiled) => compiled.remarks.iter().map(ToString::to_string).collect(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// What a key says of an attribute, with the way to it.
fn said(rules: &Rules, key: &str, attribute: Attribute) -> Option<String> {
    let entry = match key.parse() {
        Ok(address) => rules.find_address(address),
        Err(_) => key
            .split_once('@')
            .map_or_else(|| rules.find_domain(key), |(local, domain)| rules.find_mailbox(local, domain)),
    };
    rules.take(entry?, attribute).map(|taken| rules.describe(&taken))
}

#[test]
fn each_role_adds_what_is_its_own() {
    let compiled = compile(&[
        file(Role::Spam, "spam", "@Bulk.Example  # all of it\nSpammer@\n[203.0.113.0]/24\n"),
        file(Role::Mx, "mx", "client.example\npostmaster@client.example\n"),
        file(Role::MxManual, "mx.manual", "client.example relaytarget -\n"),
        file(
            Role::Relay,
            "relay",
            "[192.0.2.0]/24 message \"#1 asks\" filtering + # ours\n  indented.example\n",
        ),
        file(Role::Localnames, "localnames", "  home.example and more words\n#none\n\n[192.0.2.1]\n"),
        file(Role::Source, "src", BASE),
    ])
    .expect("compiles");
    let rules = compiled.rules;
    for (key, attribute, wanted) in [
        (
            "home.example",
            Attribute::LocalDomain,
            "home.example (localnames:1) = _localnames (src:4) localdomain +",
        ),
        (
            "192.0.2.1",
            Attribute::RelayTarget,
            "[192.0.2.1]/32 (localnames:4) = _localnames (src:4) relaytarget +",
        ),
        ("192.0.2.7", Attribute::Filtering, "[192.0.2.0]/24 (relay:1) filtering +"),
        (
            "192.0.2.7",
            Attribute::RelayCustNet,
            "[192.0.2.0]/24 (relay:1) = _full_rights (src:5) relaycustnet +",
        ),
        ("client.example", Attribute::RelayTarget, "client.example (mx.manual:1) relaytarget -"),
        (
            "postmaster@client.example",
            Attribute::RelayTarget,
            "postmaster@client.example (mx:2) = _relaytarget (src:6) relaytarget +",
        ),
        (
            "bulk.example",
            Attribute::RejectSource,
            "bulk.example (spam:1) = _bulk_mail (src:7) rejectsource +",
        ),
        (
            "spammer@any.example",
            Attribute::RelayTarget,
            "spammer@ (spam:2) = _bulk_mail (src:7) relaytarget -",
        ),
        ("203.0.113.9", Attribute::RejectNet, "[203.0.113.0]/24 (spam:3) rejectnet +"),
        ("elsewhere.example", Attribute::RelayTarget, ". (src:2) relaytarget -"),
    ] {
        assert_eq!(said(&rules, key, attribute).as_deref(), Some(wanted));
    }
    assert_eq!(said(&rules, "192.0.2.1", Attribute::Filtering), None, "only the narrowest network speaks");
    let message = rules.find_address("192.0.2.7".parse().expect("address")).expect("found");
    let taken = rules.take(message, Attribute::Filtering).expect("said");
    assert_eq!(taken.message.map(|id| rules.text(id)), Some("#1 asks"));
    let remarks: Vec<_> = compiled.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    assert!(remarks[0].starts_with("relay:2:1: remark: not read"), "{remarks:?}");
}

#[test]
fn the_first_that_speaks_wins_through_labels_and_lines() {
    let text = "\
. relaytarget -
a.example message \"one\" = _x rejectnet - = _y
a.example rejectnet + maxinsize 7
_x freezenet +
_y rejectnet + spf + = _loop
_loop = _loop maxinsize 5
_1 = _2
_2 = _3
_3 = _4
_4 = _5
_5 spf + = _6
_6 spf - filtering +
deep.example = _1
names.example = _local_names
_localnames localdomain +
";
    let compiled = compile(&[file(Role::Source, "p", text)]).expect("compiles");
    let rules = compiled.rules;
    let entry = rules.find_domain("a.example").expect("found");
    let reject = rules.take(entry, Attribute::RejectNet).expect("said");
    assert_eq!((reject.value, reject.message.map(|id| rules.text(id))), (Value::No, Some("one")));
    let wanted =
        "a.example (p:2) = _y (p:5) = _loop (p:6) = _loop (p:6) = _loop (p:6) = _loop (p:6) maxinsize 5";
    assert_eq!(said(&rules, "a.example", Attribute::MaxInSize).as_deref(), Some(wanted));
    assert_eq!(
        said(&rules, "deep.example", Attribute::Spf).map(|way| way.ends_with("= _5 (p:11) spf +")),
        Some(true)
    );
    assert_eq!(said(&rules, "deep.example", Attribute::Filtering), None, "the sixth label is too deep");
    assert!(said(&rules, "names.example", Attribute::LocalDomain).is_some(), "two spellings of one label");
}

#[test]
fn every_fault_has_its_place_and_its_hint() {
    let text = "\
x.example rejectnet
y.example rejectnt +
z.example rejectnet yes
[1.2.3.4]/33 rejectnet +
a.example rejectnet + # why
b.example = label
c.example message \"open
d.example test-dns-rbl +:bl.example
e.example test-dns-rbl bl..example
f.example ratelimitmsgs 10,x
g.example maxinsize 1k
h.example bare-newline keep
i.example message \"caf\u{e9}\" rejectnet +
j.example RejectNet +
k.example rcpt-dns-rbl bl.example=128.0.0.1
";
    let found = faults(text);
    for (line, wanted) in [
        "p:1:11: \"rejectnet\" needs a value",
        "p:2:11: there is no attribute \"rejectnt\"; did you mean \"rejectnet\"?",
        "p:3:21: rejectnet takes + or -",
        "p:4:11: \"33\" is no width of a network (0 to 32",
        "p:5:23: a comment may not begin here (a comment begins in column 1",
        "p:6:13: = takes a label (write = _label)",
        "p:7:19: a quote that is not closed",
        "p:8:24: the zone \"+\" stood for a list that is no more",
        "p:9:24: \"bl..example\" is no zone",
        "p:10:25: ratelimitmsgs takes messages, or",
        "p:11:21: maxinsize takes a whole number",
        "p:12:24: bare-newline takes reject or normalize",
        "p:13:23: 'é' may not stand here",
        "p:14:11: there is no attribute \"RejectNet\"; did you mean \"rejectnet\"?",
        "p:15:24: \"bl.example=128.0.0.1\" is no zone",
        "the key \".\" says nothing",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(found[line].starts_with(wanted), "{}", found[line]);
    }
    assert_eq!(found.len(), 16, "{found:?}");
    let octets = SourceFile { role: Role::Source, name: "p", text: b". relaytarget -\n\xff rejectnet +\n" };
    let text = compile(&[octets]).expect_err("not text")[0].to_string();
    assert_eq!(text, "p:2:1: not UTF-8");
}

#[test]
fn remarks_stop_nothing() {
    let found = faults(
        ". relaycustomer + maxoutsize 5\n\tx.example rejectnet +\ny.example = _none message \"idle\"\n#\n  # x\n",
    );
    let starts = [
        "p:1:3: remark: relaycustomer has no effect",
        "p:1:19: remark: maxoutsize has no effect",
        "p:2:1: remark: not read",
        "p:3:19: remark: a message that explains nothing",
        "p:3:1: remark: no line has the key _none",
    ];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    for (line, start) in found.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!(faults(". relaycustomer - relaytarget -\r\n"), Vec::<String>::new());
}

#[test]
fn bounds_are_kept() {
    let many: String = (0..40).map(|number| format!("x.example maxinsize {number}\n")).collect();
    assert!(faults(&format!(". spf -\n{many}"))[0].contains("more than 32 lines"));
    let same = "x.example maxinsize 1\n".repeat(100);
    assert_eq!(faults(&format!(". spf -\n{same}")), Vec::<String>::new(), "the same again is nothing new");
    let wide = format!(". {}", "spf - ".repeat(65));
    assert!(faults(&wide)[0].contains("more attributes"));
    let tangle = format!(". = _a\n_a {}\n", "= _a ".repeat(10));
    assert!(faults(&tangle)[0].contains("the label _a leads"));
    let broken = "x\u{1}\n".repeat(500);
    let found = faults(&broken);
    assert_eq!(found.len(), 102);
    assert!(found[100].contains("there are more faults"), "{}", found[100]);
    assert!(faults(&format!(". message \"{}\" spf -", "x".repeat(401)))[0].contains("longer than 400"));
}

#[test]
fn nothing_at_all_is_no_policy() {
    for text in ["", "\n\n", "# only words\n", "home.example relaytarget +\n", ".\n", ". # nothing\n"] {
        assert_eq!(faults(text).len(), 1, "{text:?}");
        assert!(faults(text)[0].contains("says nothing"), "{:?}", faults(text));
    }
}

proptest! {
    #[test]
    fn no_source_makes_it_panic(
        text in "([a-z_.@/\\[\\]0-9:]{0,12}[ \t]{0,2}(rejectnet|=|message|ratelimitmsgs|\"|#)?[ \t][-+_a-z0-9,:\"]{0,8}\n?){0,12}",
        role in proptest::sample::select(Role::ALL.to_vec()),
    ) {
        let base = file(Role::Source, "src", BASE);
        if let Ok(compiled) = compile(&[base, file(role, "p", &text)]) {
            prop_assert_eq!(Rules::decode(&compiled.rules.encode()), Ok(compiled.rules));
        }
    }
}
