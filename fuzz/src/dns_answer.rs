//! Answers: whatever records a server sends, what is kept of them is bounded and safe to repeat, and every machine that
//! asks comes to an end with it.

use super::choice;
use smtpserver_core::dns::blocklist::{self, Zone};
use smtpserver_core::dns::exchange::{self, Wanted};
use smtpserver_core::dns::reverse::Reverse;
use smtpserver_core::dns::{Answer, Gathering, Kind, Name, Question, Records, Step};
use smtpserver_core::limits::{
    BLOCKLIST_TEXT_MAX, DNS_ADDRESSES_MAX, DNS_HOSTS_MAX, DNS_NAMES_MAX, DNS_TEXTS_MAX,
};
use std::net::IpAddr;
use std::sync::Arc;

/// A choice of the machine, then records: each a length in octets, and what a server put there.
pub fn dns_answer(data: &[u8]) {
    let (chosen, data) = choice(data);
    let client: IpAddr =
        if chosen & 1 == 0 { [192, 0, 2, 7].into() } else { [0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into() };
    let domain = Name::parse("example.com").expect("a name");
    match chosen >> 1 & 3 {
        0 => {
            let mut machine = Reverse::all(client);
            let names = run(data, 1 + DNS_HOSTS_MAX, |answer| {
                if let Some(answer) = answer {
                    machine.answer(answer);
                }
                machine.poll()
            });
            assert!(names.confirmed.iter().chain(&names.claimed).all(Name::is_host));
        }
        1 => {
            let zones: Arc<[Zone]> =
                Zone::parse_list("a.example:b.example=127.0.0.2..9").expect("zones").into();
            let mut machine = blocklist::Check::new(client, zones);
            let listing = run(data, 3, |answer| {
                if let Some(answer) = answer {
                    machine.answer(answer);
                }
                machine.poll()
            });
            if let blocklist::Listing::Listed { text: Some(text), code, .. } = listing {
                assert!(text.len() <= BLOCKLIST_TEXT_MAX && code.is_loopback());
                assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
            }
        }
        choice => {
            let wanted = if choice == 2 { Wanted::Exists } else { Wanted::Ours(Arc::new([client].into())) };
            let mut machine = exchange::Check::new(domain, wanted);
            run(data, 1 + 2 * DNS_HOSTS_MAX, |answer| {
                if let Some(answer) = answer {
                    machine.answer(answer);
                }
                machine.poll()
            });
        }
    }
}

/// Runs a machine to its end.
fn run<T>(mut data: &[u8], asked_max: usize, mut machine: impl FnMut(Option<Answer>) -> Step<T>) -> T {
    let mut answer = None;
    for _ in 0..=asked_max {
        match machine(answer) {
            Step::Done(outcome) => return outcome,
            Step::Ask(question) => answer = Some(gather(&question, &mut data)),
        }
    }
    panic!("more than {asked_max} questions");
}

/// Up to a length of zero, records of the kind in question. Dots part labels and strings.
fn gather(question: &Question, data: &mut &[u8]) -> Answer {
    let mut gathering = Gathering::new(question.kind);
    while let Some((length, rest)) = data.split_first().filter(|(length, _)| **length > 0) {
        let (record, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        *data = rest;
        let parts = record.split(|octet| *octet == b'.').filter(|label| !label.is_empty());
        let number = record.iter().fold(0u128, |number, octet| number << 8 | u128::from(*octet));
        match question.kind {
            Kind::A => gathering
                .a(std::net::Ipv4Addr::from_bits(u32::try_from(number & 0xffff_ffff).expect("masked"))),
            Kind::Aaaa => gathering.aaaa(std::net::Ipv6Addr::from_bits(number)),
            Kind::Mx => gathering.mx(u16::from(*length), parts),
            Kind::Txt => gathering.txt(parts),
            Kind::Ptr => gathering.ptr(parts),
        }
    }
    *data = data.get(1..).unwrap_or_default();
    let answer = gathering.finish();
    if let Answer::Found(records) = &answer {
        let (count, most) = match records {
            Records::A(all) => (all.len(), DNS_ADDRESSES_MAX),
            Records::Aaaa(all) => (all.len(), DNS_ADDRESSES_MAX),
            Records::Mx(all) => (all.len(), DNS_NAMES_MAX),
            Records::Txt(all) => (all.len(), DNS_TEXTS_MAX),
            Records::Ptr(all) => (all.len(), DNS_NAMES_MAX),
        };
        assert!((1..=most).contains(&count), "{count} records");
    }
    answer
}
