//! The production driver on the simulated network.

use smtpserver_conformance::{Options, Outcome, Style, Suite, judge};
use smtpserver_sim::NetLane;
use smtpserver_sim::net::{Plan, run};
use std::path::Path;

#[test]
fn every_script_passes_in_the_sim_lane() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/rfc-scripts");
    let suite = Suite::collect(&root, None).expect("the scripts are there");
    let mut report = Vec::new();
    let options = Options { ..Options::default() };
    let tally =
        suite.run(&mut [Box::new(NetLane)], &options, Style::Dots, &mut report).expect("writing to memory");
    assert!(tally.succeeded(), "{}", String::from_utf8_lossy(&report));
    assert_eq!(tally.skipped, 0, "the lane can do everything: {}", String::from_utf8_lossy(&report));
}

#[test]
fn an_hour_that_is_wrong_by_a_tick_is_seen() {
    for (hour, passes) in [("19900ms", false), ("20s", true), ("20100ms", false)] {
        let text = format!(
            "title   A refused recipient waits its hour\nspec    manual#tarpit\nworld   plain, tarpit 20 0.1 300\n\n\
             S: 220 {{*}}\nC: HELO client.example\nS: 250 {{*}}\nC: MAIL FROM:<ann@client.example>\nS: 250 {{*}}\n\
             C: RCPT TO:<bob@elsewhere.example>\nquiet {hour}\nS: 550 {{*}}\n"
        );
        let script = smtpserver_conformance::parse("inline", &text).expect("a script");
        let judgement = judge(&script, &mut NetLane, &Options::default());
        assert_eq!(matches!(judgement.outcome, Outcome::Passed), passes, "{hour}: {:?}", judgement.outcome);
    }
}

/// Seeds that are tried, in as many tests as there are threads to run them.
fn seeds(from: u64, to: u64) {
    let (mut accepted, mut crashes, mut stops) = (0, 0, 0);
    for seed in from..to {
        let plan = Plan::of(seed);
        let outcome = run(&plan, false);
        assert!(outcome.broken.is_empty(), "seed {seed}: {:#?}\n{plan:#?}", outcome.broken);
        let again = run(&plan, seed % 4 == 0);
        assert_eq!(outcome.hash, again.hash, "seed {seed} is not the same twice");
        accepted += outcome.accepted;
        crashes += outcome.crashes;
        stops += outcome.stops;
    }
    // Worlds in which nothing happens would all be good ones.
    assert!(
        accepted > 500 && crashes > 10 && stops > 5,
        "{accepted} accepted, {crashes} crashes, {stops} stops"
    );
}

#[test]
fn every_law_holds_in_seeds_0_to_49() {
    seeds(0, 50);
}

#[test]
fn every_law_holds_in_seeds_50_to_99() {
    seeds(50, 100);
}

#[test]
fn every_law_holds_in_seeds_100_to_149() {
    seeds(100, 150);
}

#[test]
fn every_law_holds_in_seeds_150_to_199() {
    seeds(150, 200);
}

#[test]
fn the_same_seed_is_the_same_world_and_another_is_not() {
    let plan = Plan::of(5);
    let (once, again) = (run(&plan, true), run(&plan, true));
    let differs = once.lines.iter().zip(&again.lines).find(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert_eq!((once.hash, once.lines.len()), (again.hash, again.lines.len()));
    assert_eq!(once.hash, run(&plan, false).hash, "keeping the lines changes the world");
    assert_ne!(once.hash, run(&Plan::of(6), false).hash);
}

/// The first seed that finds something broken by this law.
fn found(law: &str, planted: impl Fn(Plan) -> Plan) -> Option<u64> {
    (0..200).find(|seed| {
        let broken = run(&planted(Plan::of(*seed)), false).broken;
        broken.iter().any(|what| what.starts_with(law))
    })
}

#[test]
fn a_forgotten_sync_of_files_is_found() {
    assert!(found("kept", Plan::without_file_syncs).is_some());
}

#[test]
fn a_forgotten_sync_of_the_directory_is_found() {
    assert!(found("kept", Plan::without_directory_syncs).is_some());
}

#[test]
fn a_name_before_its_octets_is_found() {
    assert!(found("honest", Plan::without_pushes).is_some());
}
