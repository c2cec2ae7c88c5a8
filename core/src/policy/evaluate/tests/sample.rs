//! The worked sample: twenty probes of one policy in a small world.

use super::*;
use crate::server::rate_window::RateVerdict;
use alloc::string::{String, ToString};

/// The policy of the sample; sessions are tried with it too.
pub(crate) const POLICY: &str = "\
.                        = _dom
[0.0.0.0]/0              = _net
_dom                     senderokwithdns + acceptifmx - = _late
_net                     rcpt-dns-rbl bl.example.net:bl2.example.org
_late                    test-rcpt-dns-rbl +
_relay                   rejectnet - relaycustnet + relaytarget + = _late
_mine                    rejectnet - localdomain + relaytarget + = _late
_mxfor                   relaytarget + = _late
_bad                     message \"Sender refused\" rejectsource + message \"Net refused\" rejectnet + \
message \"Target refused\" relaytarget -
[192.0.2.0]/24           ratelimitmsgs 100,500 maxsameipsource 20 = _relay
[192.0.2.66]/32          message \"Host quarantined\" rejectnet +
[198.51.100.0]/24        fulltrustnet + maxinsize 30000000
[203.0.113.0]/24         freezenet +
[203.0.113.128]/25       trustrecipients + filtering +
[IPv6:2001:db8:1::]/48   = _relay
home.example             = _mine
.home.example            = _mine
client.example           = _mxfor
norbl.example            test-rcpt-dns-rbl - = _mxfor
postmaster@home.example  relaytarget +
held@home.example        freeze +
spammer@                 = _bad
evil.example             = _bad
boss@evil.example        rejectsource -
";

fn world(wish: &Wish) -> Told {
    match wish {
        Wish::Listing { address, zones } => {
            assert_eq!(*zones, ["bl.example.net", "bl2.example.org"]);
            let listed = address.to_string() == "198.18.5.5";
            let listing = || Listing { zone: zones[0].clone(), text: Some("listed".into()) };
            Told::Listing(listed.then(listing))
        }
        Wish::Domain(domain, _) => match domain.as_str() {
            "ok.example" | "other.example" => Told::Domain(DomainIs::Elsewhere),
            "mxhere.example" => Told::Domain(DomainIs::Ours),
            "tmp.example" => Told::Trouble,
            _ => Told::Domain(DomainIs::Nowhere),
        },
        Wish::Message(_) | Wish::Recipient(_) => Told::Rate(RateVerdict::Within),
        Wish::Spf => panic!("nobody asks for SPF here"),
    }
}

/// What a client sees and where the message goes: `connect`, `mail`, or `rcpt` with the reason, or the place.
fn probe(rules: &Arc<Rules>, peer: &str, from: &str, to: &str) -> String {
    let said = |phase: &str, no: &No| match &no.text {
        Some(text) => alloc::format!("{phase} {:?} {text}", no.why),
        None => alloc::format!("{phase} {:?}", no.why),
    };
    let client = match connected(rules, &world, peer).verdict {
        Ok(client) => client.hello("client.invalid"),
        Err(no) => return said("connect", &no),
    };
    let sender = match done(&world, |told| client.sender(&reverse(from), told)).verdict {
        Ok(sender) => sender,
        Err(no) => return said("mail", &no),
    };
    match done(&world, |told| client.recipient(&sender, &forward(to), told)).verdict {
        Ok(welcome) => alloc::format!("{:?}", sender.place.max(welcome.place)),
        Err(no) => said("rcpt", &no),
    }
}

#[test]
fn the_probes() {
    let rules = compiled(POLICY);
    let table = [
        ("1", "192.0.2.10", "a@ok.example", "x@other.example", "Router"),
        ("2", "192.0.2.10", "a@ok.example", "x@nodns.example", "rcpt RecipientDomain"),
        ("3", "192.0.2.10", "a@nodns.example", "x@other.example", "mail SenderDomain"),
        ("4", "192.0.2.10", "a@tmp.example", "x@other.example", "mail Trouble"),
        ("5", "192.0.2.66", "a@ok.example", "x@other.example", "connect Client Host quarantined"),
        ("6", "198.51.100.7", "a@nodns.example", "x@evil.example", "Router"),
        ("7", "203.0.113.5", "a@nodns.example", "u@home.example", "Freezer"),
        ("8", "203.0.113.200", "a@nodns.example", "x@other.example", "mail SenderDomain"),
        ("9", "203.0.113.200", "a@ok.example", "x@other.example", "Router"),
        ("10", "198.18.5.5", "a@ok.example", "u@home.example", "rcpt Listed listed"),
        ("11", "198.18.5.5", "a@ok.example", "u@norbl.example", "Router"),
        ("12", "198.18.5.5", "a@ok.example", "postmaster@home.example", "Router"),
        ("13", "198.18.7.7", "spammer@ok.example", "u@home.example", "mail Sender Sender refused"),
        ("14", "198.18.7.7", "boss@evil.example", "u@client.example", "Router"),
        ("15", "198.18.7.7", "", "x@mxhere.example", "Router"),
        ("16", "198.18.7.7", "", "x@other.example", "rcpt NotExchanger"),
        ("17", "198.18.7.7", "a@ok.example", "x%other.example@home.example", "rcpt NotExchanger"),
        ("18", "198.18.7.7", "a@ok.example", "held@home.example", "Freezer"),
        ("19", "2001:db8:1::5", "a@ok.example", "x@other.example", "Router"),
        ("20", "2001:db8:2::5", "a@ok.example", "u@home.example", "Router"),
        // What is frozen opens no door: these recipients are judged as if it were not.
        ("7a", "203.0.113.5", "a@ok.example", "x@other.example", "rcpt NotExchanger"),
        ("18a", "198.18.7.7", "a@ok.example", "x@other.example", "rcpt NotExchanger"),
        ("mapped", "::ffff:192.0.2.66", "", "u@home.example", "connect Client Host quarantined"),
        ("sub", "198.18.7.7", "", "u@deep.sub.home.example", "Router"),
        ("case", "198.18.7.7", "", "U@HOME.Example", "Router"),
        ("bad target", "198.18.7.7", "", "x@evil.example", "rcpt Recipient Target refused"),
        ("bang", "198.18.7.7", "", "home.example!mxhere.example!x@client.example", "Router"),
        ("bang out", "198.18.7.7", "", "other.example!x@client.example", "rcpt NotExchanger"),
        ("own literal", "198.18.7.7", "", "u@[192.0.2.1]", "Router"),
        ("own literal out", "198.18.7.7", "", "u%other.example@[192.0.2.1]", "rcpt NotExchanger"),
        ("relay literal", "192.0.2.10", "", "u@[198.18.9.9]", "Router"),
        ("literal", "198.18.7.7", "", "u@[198.18.9.9]", "rcpt NotAdmitted"),
        ("route", "198.18.7.7", "", "x%@home.example", "rcpt Route"),
    ];
    for (number, peer, from, to, wanted) in table {
        assert_eq!(probe(&rules, peer, from, to), wanted, "{number}: {peer} {from} {to}");
    }
}

#[test]
fn what_else_the_rules_say_of_a_client() {
    let rules = compiled(POLICY);
    let client = |peer| connected(&rules, &world, peer).verdict.expect("welcome");
    let relay = client("192.0.2.10");
    assert_eq!(relay.trust(), &Trust::Relay);
    assert_eq!(relay.terms().same_source_max, Some(20));
    assert_eq!(relay.terms().rates.map(|limit| (limit.messages, limit.recipients)), Some((100, 500)));
    assert!(!relay.is_filtered());
    let full = client("198.51.100.7");
    assert_eq!((full.trust(), full.terms().message_octets_max), (&Trust::Full, Some(30_000_000)));
    assert!(full.is_filtered() && client("203.0.113.200").is_filtered());
    assert!(!client("203.0.113.5").is_filtered());
}

#[test]
fn the_chain_names_keys_attributes_and_lines() {
    let rules = compiled(POLICY);
    let client = connected(&rules, &world, "198.18.5.5").verdict.expect("welcome");
    assert_eq!(
        client.explain(client.chain()),
        [
            "address: the key is [0.0.0.0]/0 (test.src:2)",
            "[0.0.0.0]/0 (test.src:2) = _net (test.src:4) rcpt-dns-rbl bl.example.net:bl2.example.org",
            "on a list: yes, bl.example.net",
        ]
    );
    let sender = done(&world, |told| client.sender(&ReversePath::Null, told)).verdict.expect("taken");
    let ruling = done(&world, |told| client.recipient(&sender, &forward("u@home.example"), told));
    assert_eq!(
        client.explain(&ruling.chain),
        [
            "recipient: the key is home.example (test.src:16)",
            "home.example (test.src:16) = _mine (test.src:7) = _late (test.src:5) test-rcpt-dns-rbl +",
            "as was found out by the address",
        ]
    );
}
