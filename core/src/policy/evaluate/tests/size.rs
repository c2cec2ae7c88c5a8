//! A policy of a million entries, measured: run in release, with `--ignored --nocapture`.

extern crate std;

use super::*;
use crate::server::rate_window::RateVerdict;
use alloc::string::String;
use core::fmt::Write;
use std::println;
use std::time::Duration;

const ENTRIES: u32 = 1_000_000;
const JUDGEMENTS: u32 = 300_000;

/// Half of the entries are senders nobody wants, three tenths networks, two tenths domains that we take mail for.
fn files() -> [String; 3] {
    let (mut spam, mut relay, mut mx) = (String::new(), String::new(), String::new());
    for number in 0..ENTRIES {
        match number % 10 {
            0..5 => writeln!(spam, "bulk{number}.sender-{}.example", number % 97),
            5..8 => writeln!(
                relay,
                "[{}]/32 ratelimitmsgs {}",
                core::net::Ipv4Addr::from(mixed(number)),
                number % 500
            ),
            _ => writeln!(mx, "client{number}.example test-rcpt-dns-rbl -"),
        }
        .expect("memory");
    }
    [spam, relay, mx]
}

/// What this thread has run so far: others use the machine too.
fn run_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number"))
}

type Probe = (IpAddr, ReversePath, ForwardPath);

fn best(round: impl Fn()) -> Duration {
    let time = |_| {
        let start = run_time();
        round();
        (run_time() - start) / JUDGEMENTS
    };
    (0..5).map(time).min().expect("five rounds")
}

/// Numbers without an order that a cache could guess.
fn mixed(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1).rotate_left(13)
}

#[test]
#[ignore = "long: run in release"]
fn a_million_entries() {
    let source = "\
. relaytarget - senderokwithdns +
[0.0.0.0]/0 rcpt-dns-rbl bl.example
_full_rights relaycustnet + = _late
_relaytarget relaytarget + = _late
_late test-rcpt-dns-rbl +
_bulk_mail rejectsource + relaytarget -
";
    let [spam, relay, mx] = files();
    let file = |role, name, text| SourceFile { role, name, text };
    let start = run_time();
    let compiled = compile(&[
        file(Role::Source, "src", source.as_bytes()),
        file(Role::Relay, "relay", relay.as_bytes()),
        file(Role::Mx, "mx", mx.as_bytes()),
        file(Role::Spam, "spam", spam.as_bytes()),
    ]);
    let rules = compiled.expect("compiles").rules;
    let built = run_time() - start;
    let file = rules.encode();
    let start = run_time();
    let rules = Arc::new(Rules::decode(&file).expect("reads"));
    let read = run_time() - start;
    let octets = u64::try_from(rules.octets() / rules.entries()).expect("fits");
    println!("entries {}: built in {built:?}, read in {read:?}, {octets} octets each", rules.entries());

    let own = Arc::default();
    let world = |wish: &Wish| match wish {
        Wish::Listing { .. } => Told::Listing(None),
        Wish::Domain(..) => Told::Domain(DomainIs::Elsewhere),
        Wish::Spf => Told::Spf(Ok(())),
        Wish::Message(_) | Wish::Recipient(_) => Told::Rate(RateVerdict::Within),
    };
    let told: Vec<Probe> = (0..JUDGEMENTS)
        .map(|number| {
            let any = mixed(number) % ENTRIES;
            let from = alloc::format!("ann.other@deep.host.sender{any}.example");
            let to = alloc::format!("bob@client{}.example", any / 10 * 10 + 8);
            (IpAddr::V4(mixed(any / 10 * 10 + 5).into()), reverse(&from), forward(&to))
        })
        .collect();
    let client = |(address, ..): &Probe| {
        done(&world, |told| connect(&rules, &own, *address, told)).verdict.expect("welcome")
    };
    let clients: Vec<Client> = told.iter().map(client).collect();
    let sender = |(client, (_, from, _)): (&Client, &Probe)| {
        done(&world, |told| client.sender(from, told)).verdict.expect("taken")
    };
    let senders: Vec<Sender> = clients.iter().zip(&told).map(sender).collect();
    let recipient = |((client, sender), (_, _, to)): ((&Client, &Sender), &Probe)| {
        done(&world, |told| client.recipient(sender, to, told)).verdict.expect("admitted")
    };
    // Nothing is kept of what is measured; the best of a few rounds is the one that others disturbed least.
    let connects = best(|| told.iter().map(client).for_each(drop));
    let mails = best(|| {
        clients.iter().zip(&told).map(sender).for_each(|sender| assert_eq!(sender.place, Place::Router))
    });
    let rcpts = best(|| clients.iter().zip(&senders).zip(&told).map(recipient).for_each(drop));
    println!("a verdict: connect {connects:?}, MAIL with two wishes {mails:?}, RCPT {rcpts:?}");
    // MAIL is judged anew after each wish.
    assert!(connects.max(mails / 3).max(rcpts).as_nanos() < 2_000);
    assert!(octets <= 150, "{octets} octets");
    assert!(built.as_secs() < 10, "{built:?}");
}
