//! Random policies and sessions: both evaluators conclude the same, and nobody relays who was not told that he may.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use smtpserver_core::policy::evaluate::{DomainIs, Listing, No, Place, Step, Told, Why, Wish, connect};
use smtpserver_core::policy::rules::{ATTRIBUTES, Form, Misfit};
use smtpserver_core::policy::source::FaultKind;
use smtpserver_core::policy::{Role, Rules, SourceFile, compile};
use smtpserver_core::server::rate_window::RateVerdict;
use smtpserver_core::wire::path::{Address, ForwardPath, ReversePath};
use smtpserver_sim::model::{Line, Outcome, Policy};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

/// Our own address.
const OWN: &str = "192.0.2.1";

const KEYS: [&str; 22] = [
    "[0.0.0.0]/0",
    "[192.0.2.0]/24",
    "[192.0.2.64]/26",
    "[192.0.2.66]/32",
    "[IPv6:2001:db8::]/32",
    "[IPv6:2001:db8:1::]/48",
    "[IPv6:::]/0",
    "home.example",
    ".home.example",
    ".example",
    "other.example",
    ".",
    "x@home.example",
    "postmaster@home.example",
    "x@",
    "postmaster@",
    "_a",
    "_b",
    "_c",
    "_d",
    "_e",
    "_f",
];
const PEERS: [&str; 6] =
    ["192.0.2.66", "192.0.2.65", "192.0.2.1", "198.51.100.7", "2001:db8:1::5", "2002::1"];
const DOMAINS: [&str; 9] = [
    "home.example",
    "sub.home.example",
    "other.example",
    "far.test",
    "nowhere.test",
    "here.test",
    "[192.0.2.1]",
    "[192.0.2.66]",
    "[IPv6:2001:db8::1]",
];
const LOCALS: [&str; 13] = [
    "x",
    "y",
    "postmaster",
    "x%other.example",
    "x%far.test",
    "home.example!y",
    "x%far.test%home.example",
    "here.test!x%far.test",
    "x%",
    "\"x@far.test\"",
    "\"@far.test:x\"",
    "\"@home.example,@far.test:x\"",
    "\"x@home.example\"",
];
const NAMES: [&str; 4] = ["home.example", "a.b.example", "far.test", "[192.0.2.66]"];

fn values(form: Form) -> &'static [&'static str] {
    match form {
        Form::Switch => &["+", "-"],
        Form::Number => &["0", "1", "30000000"],
        Form::Rates => &["0", "10", "-10", "10,20", "0,-5"],
        Form::Zones => &["-", "bl.test", "bl.test:wl.test"],
        Form::ZonesOrText => &["-", "bl.test", "_text", "_+"],
        Form::Newlines => &["reject", "normalize"],
    }
}

fn pair() -> impl Strategy<Value = (String, String)> {
    let own = select(ATTRIBUTES.to_vec())
        .prop_flat_map(|(_, name, form)| (Just(name), select(values(form).to_vec())));
    let label = select(vec_of(&["_a", "_b", "_c", "_d", "_e", "_f"])).prop_map(|label| ("=", label));
    prop_oneof![2 => own, 1 => label].prop_map(|(name, value)| (String::from(name), String::from(value)))
}

fn vec_of(texts: &[&'static str]) -> Vec<&'static str> {
    texts.to_vec()
}

fn policy() -> impl Strategy<Value = Vec<Line>> {
    let line = (select(KEYS.to_vec()), proptest::collection::vec(pair(), 0..5));
    let lines = proptest::collection::vec(line.prop_map(|(key, said)| (String::from(key), said)), 0..24);
    (lines, proptest::collection::vec(pair(), 1..4)).prop_map(|(mut lines, said)| {
        lines.push((".".into(), said));
        lines
    })
}

fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    for (key, said) in lines {
        out.push_str(key);
        for (attribute, value) in said {
            write!(out, " {attribute} {value}").expect("memory");
        }
        out.push('\n');
    }
    out
}

/// The rules, unless labels refer to each other more than is allowed.
fn untangled(lines: &[Line]) -> Result<Arc<Rules>, TestCaseError> {
    let text = text(lines);
    let file = SourceFile { role: Role::Source, name: "test.src", text: text.as_bytes() };
    match compile(&[file]) {
        Ok(compiled) => Ok(Arc::new(compiled.rules)),
        Err(faults)
            if faults.iter().any(|fault| matches!(fault.kind, FaultKind::Whole(Misfit::Tangle { .. }))) =>
        {
            Err(TestCaseError::reject("tangled labels"))
        }
        Err(faults) => Err(TestCaseError::fail(format!("{faults:?}\n{text}"))),
    }
}

#[derive(Clone, Debug)]
struct Session {
    peer: &'static str,
    reverse: Option<&'static str>,
    hello: &'static str,
    login: bool,
    from: Option<(&'static str, &'static str)>,
    to: Vec<(&'static str, &'static str)>,
    /// Turns some of the world's answers.
    weather: u8,
}

fn session() -> impl Strategy<Value = Session> {
    let from = proptest::option::of((select(vec_of(&["x", "y"])), select(DOMAINS.to_vec())));
    let to = proptest::collection::vec((select(LOCALS.to_vec()), select(DOMAINS.to_vec())), 1..4);
    let names = (proptest::option::of(select(NAMES[..3].to_vec())), select(NAMES.to_vec()));
    (select(PEERS.to_vec()), names, prop::bool::weighted(0.1), from, to, any::<u8>()).prop_map(
        |(peer, (reverse, hello), login, from, to, weather)| Session {
            peer,
            reverse,
            hello,
            login,
            from,
            to,
            weather,
        },
    )
}

fn answer(weather: u8, wish: &Wish) -> Told {
    let bit = |place: u32| weather & (1 << place) != 0;
    match wish {
        Wish::Listing { address, zones } => {
            let listing = Listing { zone: zones[0].clone(), text: None };
            if bit(7) {
                Told::Trouble
            } else {
                Told::Listing((address.is_ipv4() == bit(0)).then_some(listing))
            }
        }
        Wish::Domain(domain, _) => Told::Domain(match domain.as_str() {
            "here.test" | "home.example" | "sub.home.example" => DomainIs::Ours,
            "far.test" | "other.example" => DomainIs::Elsewhere,
            _ if bit(1) => return Told::Trouble,
            _ => DomainIs::Nowhere,
        }),
        Wish::Spf if bit(2) => Told::Spf(Err("no".into())),
        Wish::Spf => Told::Spf(Ok(())),
        Wish::Message(_) if bit(3) && bit(4) => Told::Rate(RateVerdict::Forbidden),
        Wish::Recipient(_) if bit(5) && bit(6) => Told::Rate(RateVerdict::Forbidden),
        Wish::Message(_) | Wish::Recipient(_) => Told::Rate(RateVerdict::Within),
    }
}

fn name(no: &No) -> &'static str {
    match no.why {
        Why::Client => "Client",
        Why::Listed => "Listed",
        Why::NoConnections => "NoConnections",
        Why::Sender => "Sender",
        Why::SenderDomain => "SenderDomain",
        Why::Spf => "Spf",
        Why::Messages(_) => "Messages",
        Why::Recipients(_) => "Recipients",
        Why::Recipient => "Recipient",
        Why::NotAdmitted => "NotAdmitted",
        Why::NotExchanger => "NotExchanger",
        Why::RecipientDomain => "RecipientDomain",
        Why::Route => "Route",
        Why::Trouble => "Trouble",
    }
}

fn address(local: &str, domain: &str) -> Address {
    Address::parse(&format!("{local}@{domain}")).expect("an address")
}

/// Judges until there is no wish left.
fn done<T>(world: &dyn Fn(&Wish) -> Told, mut judge: impl FnMut(&[Told]) -> Step<T>) -> T {
    let mut told = Vec::new();
    loop {
        match judge(&told) {
            Step::Done(done) => return done,
            Step::Wish(wish) => told.push(world(&wish)),
        }
        assert!(told.len() < 100, "a judgement without an end");
    }
}

/// Every conclusion of a session, in order.
fn ours(rules: &Arc<Rules>, session: &Session) -> Vec<Outcome> {
    let world = |wish: &Wish| answer(session.weather, wish);
    let own = Arc::new(BTreeSet::from([OWN.parse().expect("an address")]));
    let peer: IpAddr = session.peer.parse().expect("an address");
    let mut client = match done(&world, |told| connect(rules, &own, peer, told)).verdict {
        Ok(client) => client,
        Err(no) => return Vec::from([Err(name(&no))]),
    };
    if let Some(reverse) = session.reverse {
        client = client.reverse_name(reverse);
    }
    client = client.hello(session.hello);
    if session.login {
        client = client.login("ann");
    }
    let mut out = Vec::new();
    let path = match session.from {
        Some((local, domain)) => ReversePath::Address(address(local, domain)),
        None => ReversePath::Null,
    };
    let sender = match done(&world, |told| client.sender(&path, told)).verdict {
        Ok(sender) => sender,
        Err(no) => return Vec::from([Err(name(&no))]),
    };
    out.push(Ok(sender.place == Place::Freezer));
    for (local, domain) in &session.to {
        let path = ForwardPath::Address(address(local, domain));
        let ruling = done(&world, |told| client.recipient(&sender, &path, told));
        assert!(!client.explain(&ruling.chain).is_empty());
        out.push(match ruling.verdict {
            Ok(welcome) => Ok(welcome.place == Place::Freezer),
            Err(no) => Err(name(&no)),
        });
    }
    out
}

fn theirs(lines: &[Line], session: &Session) -> Vec<Outcome> {
    let world = |wish: &Wish| answer(session.weather, wish);
    let (own, peer) = (OWN.parse().expect("an address"), session.peer.parse().expect("an address"));
    let mut naive = Policy::new(lines, own, peer);
    if let Err(why) = naive.connect(&world) {
        return Vec::from([Err(why)]);
    }
    if let Some(reverse) = session.reverse {
        naive.reverse(reverse);
    }
    naive.hello(session.hello);
    if session.login {
        naive.login();
    }
    let mut out = Vec::from([naive.mail(&world, session.from)]);
    if out[0].is_ok() {
        out.extend(session.to.iter().map(|(local, domain)| naive.rcpt(&world, local, domain)));
    }
    out
}

fn compare(cases: u32) {
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_global_rejects: cases,
        ..Config::default()
    });
    let sessions = proptest::collection::vec(session(), 1..4);
    let result = runner.run(&(policy(), sessions), |(lines, sessions)| {
        let rules = untangled(&lines)?;
        let again = Arc::new(Rules::decode(&rules.encode()).expect("just written"));
        for session in &sessions {
            let wanted = theirs(&lines, session);
            prop_assert_eq!(&ours(&rules, session), &wanted, "{:?}\n{}", session, text(&lines));
            prop_assert_eq!(&ours(&again, session), &wanted);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn two_evaluators_conclude_the_same() {
    compare(1_000);
}

#[test]
#[ignore = "long: run in release"]
fn two_evaluators_conclude_the_same_a_hundred_thousand_times() {
    compare(100_000);
}

/// Takes away whatever gives a right to relay.
fn without_rights(lines: Vec<Line>) -> Vec<Line> {
    let gives = |(attribute, value): &(String, String)| match attribute.as_str() {
        "relaycustnet" | "fulltrustnet" | "trustrecipients" | "relaytarget" | "freeze" => value == "+",
        "acceptifdns" => true,
        _ => false,
    };
    let harmless = |(key, said): Line| (key, said.into_iter().filter(|pair| !gives(pair)).collect());
    lines
        .into_iter()
        .map(harmless)
        .chain([(".".into(), Vec::from([("localdomain".into(), "-".into())]))])
        .collect()
}

proptest! {
    #![proptest_config(Config { cases: 1_000, failure_persistence: None, max_global_rejects: 1_000, ..Config::default() })]

    #[test]
    fn without_a_right_to_relay_no_foreign_recipient_is_admitted(lines in policy(), session in session()) {
        let session = Session { login: false, ..session };
        let rules = untangled(&without_rights(lines))?;
        // The first conclusion is about the sender.
        let admitted = ours(&rules, &session).into_iter().skip(1).zip(&session.to).filter(|(outcome, _)| outcome.is_ok());
        for (_, (local, domain)) in admitted {
            // Ours are our address, domains whose exchanger we are, and those that a rule may call ours.
            let exchanger = matches!(*domain, "[192.0.2.1]" | "home.example" | "sub.home.example" | "here.test");
            let ours = exchanger || *domain == "other.example";
            prop_assert!(ours, "{}@{} admitted", local, domain);
            let leads_out = local.contains("far.test") || local.contains("other.example");
            prop_assert!(!leads_out, "{}@{} admitted", local, domain);
        }
    }
}
