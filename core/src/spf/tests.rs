//! Whole checks, as a plain table: a small world, a client, what must come out, and what led to it.

use super::*;
use crate::dns::fake::World;
use crate::dns::{Answer, Step, Trouble};
use crate::limits::{SPF_LOOKUPS_MAX, SPF_RECORD_MAX};
use crate::now::Wall;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

mod hostile;
mod table;

fn facts(client: &str, helo: &str, mail_from: &str) -> Facts {
    Facts {
        client: client.parse().expect(client),
        helo: helo.to_string(),
        mail_from: mail_from.to_string(),
        receiver: "mx.here.example".to_string(),
        wall: Wall::from_seconds(1_000),
    }
}

/// Runs a check in a world; the outcome and what was asked.
fn run(facts: Facts, local: Option<&str>, world: &mut World) -> Outcome {
    let local = local.map(|text| Arc::new(LocalPolicy::parse(text, false).expect(text)));
    let mut check = Check::new(facts, local);
    loop {
        match check.poll() {
            Step::Ask(question) => check.answer(world.answer(&question)),
            Step::Done(outcome) => return outcome,
        }
    }
}

fn of(client: &str, mail_from: &str, zone: &str) -> Outcome {
    run(facts(client, "helo.example", mail_from), None, &mut World::parse(zone))
}

fn trail(outcome: &Outcome) -> Vec<String> {
    outcome.trail.iter().map(ToString::to_string).collect()
}

#[test]
fn the_way_to_a_result_is_kept() {
    let zone = "a.example TXT v=spf1 redirect=b.example
        b.example TXT v=spf1 mx include:c.example -all
        b.example MX 5 mx.b.example
        mx.b.example A 192.0.2.99
        c.example TXT v=spf1 ip4:192.0.2.0/28 ?all";
    let outcome = of("192.0.2.7", "x@a.example", zone);
    assert_eq!(outcome.result, SpfResult::Pass);
    assert_eq!(
        trail(&outcome),
        ["a.example: redirect=b.example", "b.example: include:c.example", "c.example: ip4:192.0.2.0/28"]
    );
    assert_eq!(outcome.mechanism.as_deref(), Some("include:c.example"));
    let outcome = of("192.0.2.77", "x@a.example", zone);
    assert_eq!(
        (outcome.result, trail(&outcome).join(", ").as_str()),
        (SpfResult::Fail, "a.example: redirect=b.example, b.example: -all")
    );
}

#[test]
fn errors_name_what_went_wrong_and_where() {
    let zone = "a.example TXT v=spf1 include:b.example -all\nb.example TXT v=spf1 moo";
    let outcome = of("192.0.2.7", "x@a.example", zone);
    assert_eq!(outcome.problem, Some(Problem::BadTerm("moo".to_string())));
    assert_eq!(trail(&outcome), ["a.example: include:b.example"]);
    let zone = "a.example TXT v=spf1 a:gone.example -all\ngone.example A TIMEOUT";
    let outcome = of("192.0.2.7", "x@a.example", zone);
    assert_eq!(outcome.problem.as_ref().map(ToString::to_string).as_deref(), Some("gone.example A: timeout"));
    assert_eq!((outcome.result, outcome.mechanism), (SpfResult::TempError, None));
}

#[test]
fn local_policy_speaks_before_the_last_word_of_the_domain() {
    let zone = "strict.example TXT v=spf1 ip4:198.51.100.1 -all
        silent.example TXT v=spf1 ip4:198.51.100.1
        moved.example TXT v=spf1 redirect=strict.example
        outer.example TXT v=spf1 include:strict.example ~all
        friend.example TXT v=spf1 ip4:192.0.2.0/24 -all
        slow.example SERVFAIL
        far.example A 203.0.113.9";
    let check = |client: &str, domain: &str, local: &str| {
        run(facts(client, "h.example", &format!("x@{domain}")), Some(local), &mut World::parse(zone))
    };
    for (client, domain, local, result, mechanism) in [
        ("192.0.2.7", "strict.example", "ip4:192.0.2.0/24", SpfResult::Pass, Some("ip4:192.0.2.0/24")),
        ("192.0.2.7", "strict.example", "?ip4:192.0.2.7", SpfResult::Neutral, Some("?ip4:192.0.2.7")),
        (
            "192.0.2.7",
            "strict.example",
            "include:friend.example",
            SpfResult::Pass,
            Some("include:friend.example"),
        ),
        ("192.0.2.7", "silent.example", "ip4:192.0.2.7", SpfResult::Pass, Some("ip4:192.0.2.7")),
        ("192.0.2.7", "moved.example", "ip4:192.0.2.7", SpfResult::Pass, Some("ip4:192.0.2.7")),
        // An included record's own all is not the last word.
        ("192.0.2.7", "outer.example", "ip4:192.0.2.7", SpfResult::Pass, Some("ip4:192.0.2.7")),
        ("203.0.113.1", "strict.example", "ip4:192.0.2.7", SpfResult::Fail, Some("-all")),
        ("203.0.113.1", "silent.example", "ip4:192.0.2.7", SpfResult::Neutral, Some("default")),
        // The domain's own mechanisms come first.
        ("198.51.100.1", "strict.example", "-ip4:198.51.100.1", SpfResult::Pass, Some("ip4:198.51.100.1")),
        // Broken parts are passed over, what comes behind them is not.
        (
            "192.0.2.7",
            "strict.example",
            "include:gone.example ip4:192.0.2.7",
            SpfResult::Pass,
            Some("ip4:192.0.2.7"),
        ),
        ("203.0.113.1", "strict.example", "include:gone.example", SpfResult::Fail, Some("-all")),
        // Trouble is trouble.
        ("203.0.113.1", "strict.example", "a:slow.example", SpfResult::TempError, None),
    ] {
        let outcome = check(client, domain, local);
        assert_eq!((outcome.result, outcome.mechanism.as_deref()), (result, mechanism), "{domain} {local}");
    }
    // No domain, no policy to add to.
    assert_eq!(check("192.0.2.7", "absent.example", "ip4:192.0.2.7").result, SpfResult::None);
    let many = ["a:far.example"; 30].join(" ");
    assert_eq!(
        check("203.0.113.1", "strict.example", &many).result,
        SpfResult::Fail,
        "its look-ups are its own"
    );
    assert_eq!(
        trail(&check("192.0.2.7", "strict.example", "ip4:192.0.2.7")),
        ["strict.example: local policy", "strict.example: ip4:192.0.2.7"]
    );
}

#[test]
fn thresholds_are_ordered_as_the_manual_has_them() {
    let results =
        [SpfResult::Fail, SpfResult::SoftFail, SpfResult::None, SpfResult::Neutral, SpfResult::Pass];
    for (least, word) in ["fail", "softfail", "none", "neutral", "Pass"].into_iter().enumerate() {
        let threshold = Threshold::parse(word).expect(word);
        for (level, result) in results.into_iter().enumerate() {
            assert_eq!(threshold.accepts(result), level >= least, "{word} {result}");
        }
        assert!(threshold.accepts(SpfResult::TempError) && threshold.accepts(SpfResult::PermError));
    }
    assert_eq!(Threshold::parse("perhaps"), None);
}

#[test]
fn a_check_that_takes_too_long_is_given_up() {
    let mut check = Check::new(facts("192.0.2.7", "h.example", "x@a.example"), None);
    check.give_up();
    assert!(matches!(check.poll(), Step::Done(Outcome { result: SpfResult::TempError, .. })));
    // An answer that comes later changes nothing.
    check.answer(Answer::NoName);
    assert!(matches!(check.poll(), Step::Done(Outcome { problem: Some(Problem::TookTooLong), .. })));

    // A fail whose explanation does not come is a fail.
    let mut world = World::parse("a.example TXT v=spf1 -all exp=why.example");
    let mut check = Check::new(facts("192.0.2.7", "h.example", "x@a.example"), None);
    let Step::Ask(question) = check.poll() else { panic!("nothing is asked") };
    check.answer(world.answer(&question));
    assert!(matches!(check.poll(), Step::Ask(_)));
    check.give_up();
    assert!(matches!(check.poll(), Step::Done(Outcome { result: SpfResult::Fail, explanation: None, .. })));
}

#[test]
fn an_answer_of_the_wrong_kind_is_trouble() {
    let mut check = Check::new(facts("192.0.2.7", "h.example", "x@a.example"), None);
    check.answer(Answer::Found(crate::dns::Records::A(alloc::vec![])));
    let Step::Done(outcome) = check.poll() else { panic!("goes on") };
    assert!(matches!(outcome.problem, Some(Problem::Dns(_, Trouble::Malformed))));
}

#[test]
fn writers_of_records_are_told() {
    assert_eq!(validate(b"v=spf1 mx -all"), Ok(()));
    assert_eq!(validate(b"v=spf2 mx -all"), Err(Problem::NoRecord));
    assert_eq!(validate(b"v=spf1 exp=a.b exp=a.b"), Err(Problem::Twice("exp")));
    assert_eq!(validate("v=spf1 a:caf\u{e9}.b".as_bytes()), Err(Problem::NotAscii));
    let long = format!("v=spf1 {}", "ip4:192.0.2.1 ".repeat(SPF_RECORD_MAX / 14 + 1));
    assert_eq!(validate(long.as_bytes()), Err(Problem::TooLong));
}
