//! Faults do what they are named after, and no law minds; and the law on recordings sees a recording that is not right.

use smtpserver_sim::des::{Run, run};
use smtpserver_sim::laws::check;
use smtpserver_sim::plan::{self, Cutting, Ending, Fault, Plan, Side};
use smtpserver_sim::trace::{Errno, Operation, Ordered, What};

/// What happens, if no law is broken by it.
fn lawful(plan: &Plan) -> Run {
    let run = run(plan, None);
    assert_eq!(check(plan, &run), Ok(()));
    run
}

fn count(run: &Run, is_one: impl Fn(&What) -> bool) -> usize {
    run.trace.entries().iter().filter(|entry| is_one(&entry.what)).count()
}

fn heard(run: &Run) -> String {
    let heard = run.trace.entries().iter().filter_map(|entry| {
        let What::Heard(_, octets) = &entry.what else { return None };
        Some(String::from_utf8_lossy(octets).into_owned())
    });
    heard.collect()
}

#[test]
fn a_quota_is_reached_in_the_middle_of_a_file() {
    let mut plan = plan::crowd(1, 3, 4);
    plan.faults.push(Fault::FullAfter { octets: 1_500 });
    let run = lawful(&plan);
    let is_full = |what: &What| {
        matches!(what, What::Disk { operation: Operation::Write(..), failed: Some(Errno::Full), .. })
    };
    assert!(count(&run, is_full) > 0);
    assert!(heard(&run).contains("\r\n45"), "somebody is told to come again: {}", heard(&run));
}

#[test]
fn behind_a_one_way_partition_the_server_is_still_heard() {
    let mut plan = plan::crowd(1, 1, 3);
    plan.faults.push(Fault::Cut {
        client: 0,
        connection: 0,
        side: Side::Up,
        after: 60,
        ending: Ending::OneWay,
    });
    let run = lawful(&plan);
    // Its command never came; what the server says about that does.
    assert!(heard(&run).contains("421 "), "{}", heard(&run));
    plan.faults.clear();
    assert!(!heard(&lawful(&plan)).contains("421 "));
}

#[test]
fn joined_segments_are_read_together() {
    let mut plan = plan::crowd(3, 4, 4);
    let takes = |plan: &Plan| count(&lawful(plan), |what| matches!(what, What::Took(..)));
    let whole = takes(&plan);
    plan.clients.iter_mut().for_each(|client| client.link.cut = Cutting::Joined);
    assert!(takes(&plan) < whole);
}

#[test]
fn a_recording_that_is_not_right_breaks_its_law() {
    let plans: Vec<Plan> = (0..20).map(plan::generate).collect();
    let mut runs: Vec<Run> = plans.iter().map(lawful).collect();
    let recorded: usize = runs.iter().map(|run| run.recordings.len()).sum();
    assert!(recorded >= 20, "{recorded} recordings in 20 worlds");
    for (plan, run) in plans.iter().zip(&mut runs) {
        let Some(recording) = run.recordings.values_mut().next() else { continue };
        *recording = recording.slice(..recording.len() - 9);
        assert_eq!(check(plan, run).map_err(|violation| violation.law), Err(12));
    }
}

#[test]
fn milters_and_policy_services_with_all_their_faults_lose_nothing() {
    let with = |faulty: bool| {
        let mut plan = plan::crowd(5, 6, 6);
        plan.settings.push("milter unix:/milter".into());
        plan.settings.push("policy-service unix:/policy".into());
        plan.helpers.work_us = 2_000;
        if faulty {
            (plan.helpers.dies, plan.helpers.cut, plan.helpers.twice) = (10, 10, 10);
            (plan.helpers.nonsense, plan.helpers.silent) = (10, 5);
            plan.heal_ms = 600_000;
        }
        lawful(&plan)
    };
    let revised = |run: &Run| count(run, |what| matches!(what, What::Ordered(_, Ordered::Revise)));
    let well = with(false);
    let committed = count(&well, |what| matches!(what, What::Ordered(_, Ordered::Commit)));
    assert!(committed > 20);
    assert_eq!(revised(&well), committed, "each message's file is written anew");
    assert!(!heard(&well).contains("\r\n451 "));
    let ill = with(true);
    assert!(revised(&ill) > 0);
    assert!(heard(&ill).contains("451 4.7.1 ") || heard(&ill).contains("451 4.3.0 "), "{}", heard(&ill));
}
