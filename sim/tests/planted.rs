//! Every planted defect is found within 200 seeds, by the law that it breaks; otherwise the simulator is broken.

use smtpserver_sim::des::Plant;
use smtpserver_sim::plan;
use smtpserver_sim::runner::{Options, run_seeds, smallest};

/// Seeds within which a defect must be found.
const SEEDS: u64 = 200;

/// The first law that a defect breaks, and the seed.
fn found(plant: Plant) -> Option<(u64, u8)> {
    let mut found = None;
    let twice = matches!(plant, Plant::HashOrder | Plant::UnbiasedSelect);
    let options = Options { threads: 2, twice, fingerprints: false, plant: Some(plant) };
    run_seeds((0, SEEDS), options, plan::generate, |judged| {
        found = judged.outcome.err().map(|failure| (judged.seed, failure.violation.law));
        found.is_none()
    });
    found
}

fn is_found(plant: Plant, laws: &[u8]) {
    let Some((seed, law)) = found(plant) else { panic!("{plant} was not found within {SEEDS} seeds") };
    assert!(laws.contains(&law), "{plant} breaks law {law} under seed {seed}, not one of {laws:?}");
}

#[test]
fn a_skipped_fsync() {
    is_found(Plant::SkippedFsync, &[1]);
}

#[test]
fn a_250_before_its_proof() {
    is_found(Plant::Early250, &[1, 3]);
}

#[test]
fn a_name_before_its_octets() {
    is_found(Plant::EarlyName, &[1, 3]);
}

#[test]
fn a_leaked_connection_slot() {
    is_found(Plant::LeakedSlot, &[10, 11]);
}

#[test]
fn a_lost_wakeup() {
    is_found(Plant::LostWakeup, &[2, 11]);
}

#[test]
fn the_order_of_a_hash_map() {
    is_found(Plant::HashOrder, &[5]);
}

#[test]
fn a_choice_left_to_chance() {
    is_found(Plant::UnbiasedSelect, &[5]);
}

#[test]
fn a_tarpit_that_sleeps_short() {
    is_found(Plant::ShortTarpit, &[7]);
}

#[test]
fn a_refused_chunk_taken_for_commands() {
    is_found(Plant::UnreadChunk, &[1, 2, 3, 10]);
}

#[test]
fn trouble_taken_for_no_such_name() {
    is_found(Plant::TroubleAsNoName, &[10]);
}

#[test]
fn rates_that_are_forgotten_with_a_new_configuration() {
    is_found(Plant::ForgottenRates, &[9, 10]);
}

#[test]
fn verdicts_of_two_sessions_mixed_up() {
    is_found(Plant::MixedVerdicts, &[9, 10]);
}

#[test]
fn a_failing_plan_becomes_small_and_still_fails() {
    let (seed, law) = found(Plant::SkippedFsync).expect("it is found");
    let plan = plan::generate(seed);
    let small = smallest(&plan, Some(Plant::SkippedFsync), law);
    assert!(small.faults.len() <= 2 && small.clients.len() * 2 <= plan.clients.len(), "{small:#?}");
}
