//! Whatever the domain name system answers, a check ends soon, and says something printable.

use super::*;
use crate::dns::{Mx, Name, Question, Records};
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;

/// Every question that one check can ask: the record; ten terms, each with ten hosts at most; the client's names; an
/// explanation. The operator's mechanisms have as much once more.
const QUESTIONS_MAX: usize = 1 + 10 * 11 + 11 + 1;

fn terms() -> impl Strategy<Value = String> {
    let spec = prop_oneof![
        Just("%{d}".to_string()),
        Just("a.example".to_string()),
        Just("%{p}.b.example".to_string()),
        Just("%{l1r+-}.%{ir}.%{v}.%{H}.example".to_string()),
        "[ -~]{0,12}",
    ];
    let name = prop_oneof![
        Just("a:"),
        Just("mx:"),
        Just("include:"),
        Just("exists:"),
        Just("ptr:"),
        Just("redirect="),
        Just("exp="),
        Just("a/24 mx//64 ip4:1.2.3.4/8 ip6:::1 ~"),
        Just("all "),
        Just("")
    ];
    let qualifier = prop_oneof![Just("-"), Just("?"), Just(""), Just("")];
    let term = (qualifier, name, spec).prop_map(|(qualifier, name, spec)| format!("{qualifier}{name}{spec}"));
    prop::collection::vec(term, 0..12).prop_map(|terms| format!("v=spf1 {}", terms.join(" ")))
}

/// An answer of any kind, fitting or not.
fn answers() -> impl Strategy<Value = Answer> {
    let name = "[a-e]{1,3}\\.example".prop_map(|text| Name::parse(&text).expect("name"));
    let records = prop_oneof![
        4 => prop::collection::vec(terms().prop_map(String::into_bytes), 1..2).prop_map(Records::Txt),
        1 => prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..3).prop_map(Records::Txt),
        1 => prop::collection::vec(any::<u32>().prop_map(Ipv4Addr::from_bits), 0..3).prop_map(Records::A),
        1 => prop::collection::vec(any::<u128>().prop_map(Ipv6Addr::from_bits), 0..3).prop_map(Records::Aaaa),
        1 => prop::collection::vec(
            (any::<u16>(), prop::option::of(name.clone())).prop_map(|(preference, host)| Mx { preference, host }),
            0..14
        ).prop_map(Records::Mx),
        1 => prop::collection::vec(name, 0..14).prop_map(Records::Ptr),
    ];
    prop_oneof![
        8 => records.prop_map(Answer::Found),
        1 => Just(Answer::NoData),
        1 => Just(Answer::NoName),
        1 => Just(Answer::Trouble(Trouble::Timeout)),
    ]
}

fn kind_fits(question: &Question, answer: &Answer) -> bool {
    use crate::dns::Kind;
    match (question.kind, answer) {
        (_, Answer::NoData | Answer::NoName | Answer::Trouble(_)) => true,
        (Kind::A, Answer::Found(Records::A(_)))
        | (Kind::Aaaa, Answer::Found(Records::Aaaa(_)))
        | (Kind::Mx, Answer::Found(Records::Mx(_)))
        | (Kind::Txt, Answer::Found(Records::Txt(_)))
        | (Kind::Ptr, Answer::Found(Records::Ptr(_))) => true,
        (_, Answer::Found(_)) => false,
    }
}

proptest! {
    #[test]
    fn any_answers_end_in_a_printable_outcome(
        answers in prop::collection::vec(answers(), 1..60),
        v6 in any::<bool>(),
        local in any::<bool>(),
        mail_from in "[ -~]{0,20}@[a-e]\\.example|[ -~]{0,20}",
        helo in "\\PC{0,20}",
    ) {
        let client = if v6 { "2001:db8::7" } else { "192.0.2.7" };
        let policy = local.then(|| Arc::new(LocalPolicy::parse("a:%{l}.l.example mx include:b.example ptr", true).expect("policy")));
        let asked_max = if local { 2 * QUESTIONS_MAX } else { QUESTIONS_MAX };
        let facts = facts(client, &helo, &mail_from);
        let mut check = Check::new(facts.clone(), policy);
        let mut source = answers.iter().cycle();
        let mut asked = 0;
        let outcome = loop {
            match check.poll() {
                Step::Done(outcome) => break outcome,
                Step::Ask(question) => {
                    prop_assert_eq!(check.poll(), Step::Ask(question.clone()), "a question stays until it is answered");
                    let answer = source.by_ref().take(answers.len()).find(|answer| kind_fits(&question, answer));
                    check.answer(answer.cloned().unwrap_or(Answer::NoData));
                    asked += 1;
                    prop_assert!(asked <= asked_max, "{} questions", asked);
                }
            }
        };
        let field = received_spf(&facts, &outcome);
        prop_assert!(field.lines().skip(1).all(|line| line.starts_with('\t')));
        prop_assert!(field.bytes().all(|octet| octet == b'\n' || octet == b'\t' || (b' '..=b'~').contains(&octet)));
        let explanation = outcome.explanation.unwrap_or_default();
        prop_assert!(explanation.is_empty() || outcome.result == SpfResult::Fail);
        prop_assert!(explanation.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
        let depth = usize::try_from(2 * (2 * SPF_LOOKUPS_MAX + 3)).expect("small");
        prop_assert!(outcome.trail.len() <= depth);
    }

    #[test]
    fn networks_hold_what_shares_their_first_bits(client in any::<u32>(), flipped in 0u32..33, prefix in 0u32..33) {
        // One bit differs, counted from the left; with 32, none.
        let network = client ^ 1u32.checked_shl(31u32.wrapping_sub(flipped)).unwrap_or(0);
        let zone = format!("a.example TXT v=spf1 ip4:{}/{prefix} -all", Ipv4Addr::from_bits(network));
        let outcome = of(&Ipv4Addr::from_bits(client).to_string(), "x@a.example", &zone);
        prop_assert_eq!(outcome.result == SpfResult::Pass, flipped >= prefix, "{}", zone);
    }

    #[test]
    fn ipv6_networks_too(client in any::<u128>(), flipped in 0u32..129, prefix in 0u32..129) {
        // Not an IPv4-mapped one.
        let client = client | 1 << 127;
        let network = client ^ 1u128.checked_shl(127u32.wrapping_sub(flipped)).unwrap_or(0);
        let zone = format!("a.example TXT v=spf1 ip6:{}/{prefix} -all", Ipv6Addr::from_bits(network));
        let outcome = of(&Ipv6Addr::from_bits(client).to_string(), "x@a.example", &zone);
        prop_assert_eq!(outcome.result == SpfResult::Pass, flipped >= prefix, "{}", zone);
    }

    #[test]
    fn any_octets_are_a_record_or_a_problem(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut record = b"v=spf1 ".to_vec();
        record.extend_from_slice(&octets);
        // Says one or the other, and never panics.
        if let Err(problem) = validate(&record) {
            prop_assert!(problem.to_string().is_ascii());
            prop_assert_eq!(problem.result(), SpfResult::PermError);
        }
    }
}
