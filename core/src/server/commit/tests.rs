//! Group commit against examples and against a naive model that keeps plain lists.

use super::*;
use alloc::collections::BTreeSet;
use proptest::prelude::*;

fn session(serial: u64) -> SessionId {
    SessionId { began: 0, serial }
}

fn stored(inode: u64) -> Stored {
    Stored { inode, mtime_seconds: 1, mtime_nanos: 0 }
}

/// A commit machine with what it asked for.
struct Bench {
    commits: Commits,
    outputs: VecDeque<Output>,
}

impl Bench {
    fn new(parallel_max: u32) -> Bench {
        Bench { commits: Commits::new(parallel_max), outputs: VecDeque::new() }
    }

    fn order(&mut self, serial: u64) -> Vec<Output> {
        self.commits.order(session(serial), &mut self.outputs);
        self.outputs.drain(..).collect()
    }

    fn synced(&mut self, serial: u64, result: Result<(), SpoolFault>) -> Vec<Output> {
        self.commits.synced(session(serial), result.map(|()| stored(serial)), &mut self.outputs);
        self.outputs.drain(..).collect()
    }

    fn published(&mut self, results: &[(u64, Result<(), SpoolFault>)]) -> Vec<Output> {
        let results = results
            .iter()
            .map(|(serial, result)| (session(*serial), result.map(|()| stored(*serial))))
            .collect();
        self.commits.published(results, &mut self.outputs);
        self.outputs.drain(..).collect()
    }
}

fn sync(serial: u64) -> Output {
    Output::Sync(session(serial))
}

fn publish(serials: &[u64]) -> Output {
    Output::Publish(serials.iter().map(|serial| (session(*serial), stored(*serial))).collect())
}

fn committed(serial: u64) -> Output {
    Output::Report(session(serial), Report::Committed(stored(serial)))
}

fn failed(serial: u64, fault: SpoolFault) -> Output {
    Output::Report(session(serial), Report::Failed(fault))
}

#[test]
fn one_draft_goes_straight_through() {
    let mut bench = Bench::new(4);
    assert_eq!(bench.order(1), [sync(1)]);
    assert_eq!(bench.synced(1, Ok(())), [publish(&[1])]);
    assert_eq!(bench.published(&[(1, Ok(()))]), [committed(1)]);
    assert_eq!(bench.order(1), [sync(1)], "the session may send another message");
}

#[test]
fn what_is_synced_during_a_publication_shares_the_next() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.order(1), [sync(1)]);
    assert_eq!(bench.order(2), [sync(2)]);
    assert_eq!(bench.order(3), []);
    assert_eq!(bench.order(4), []);
    assert_eq!(bench.synced(2, Ok(())), [sync(3), publish(&[2])]);
    assert_eq!(bench.synced(3, Ok(())), [sync(4)]);
    assert_eq!(bench.synced(1, Ok(())), []);
    assert_eq!(bench.published(&[(2, Ok(()))]), [committed(2), publish(&[3, 1])]);
    assert_eq!(bench.synced(4, Err(SpoolFault::Full)), [failed(4, SpoolFault::Full)]);
    assert_eq!(
        bench.published(&[(1, Ok(())), (3, Err(SpoolFault::Unusable))]),
        [failed(3, SpoolFault::Unusable), committed(1)]
    );
    assert_eq!(bench.commits.under_way(), 0);
}

#[test]
fn a_draft_that_the_results_forget_has_failed() {
    let mut bench = Bench::new(2);
    bench.order(1);
    bench.synced(1, Ok(()));
    assert_eq!(bench.published(&[(9, Ok(()))]), [failed(1, SpoolFault::Broken)]);
}

#[test]
fn reports_nobody_waits_for_are_ignored() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.synced(1, Ok(())), []);
    assert_eq!(bench.published(&[(1, Ok(()))]), []);
    bench.order(1);
    bench.order(2);
    assert_eq!(bench.synced(2, Ok(())), [], "the second is still queued");
    assert_eq!(bench.published(&[(1, Ok(()))]), [], "the first is not published yet");
    assert_eq!(bench.synced(1, Ok(())), [sync(2), publish(&[1])]);
    assert_eq!(bench.synced(1, Err(SpoolFault::Full)), [], "a sync is reported once");
    assert_eq!(bench.published(&[(1, Ok(())), (1, Err(SpoolFault::Full))]), [committed(1)]);
}

#[test]
fn a_batch_has_its_bound() {
    let mut bench = Bench::new(5_000);
    for serial in 0..=2_001 {
        bench.order(serial);
        bench.synced(serial, Ok(()));
    }
    // The first went alone; 2,001 have gathered.
    let batch = |outputs: &[Output]| match outputs.last() {
        Some(Output::Publish(batch)) => batch.iter().map(|(session, _)| session.serial).collect(),
        Some(_) | None => Vec::new(),
    };
    let mut results = alloc::vec![(0, Ok(()))];
    let mut sizes = Vec::new();
    loop {
        let next = batch(&bench.published(&results));
        if next.is_empty() {
            break;
        }
        sizes.push(next.len());
        results = next.into_iter().map(|serial| (serial, Ok(()))).collect();
    }
    assert_eq!(sizes, [1_000, 1_000, 1]);
    assert_eq!(bench.commits.under_way(), 0);
}

#[test]
fn the_bound_may_change_under_way() {
    let mut bench = Bench::new(0);
    assert_eq!(bench.order(1), [sync(1)], "at least one");
    for serial in 2..=4 {
        assert_eq!(bench.order(serial), []);
    }
    bench.commits.set_parallel_max(3);
    assert_eq!(
        bench.synced(1, Err(SpoolFault::Full)),
        [failed(1, SpoolFault::Full), sync(2), sync(3), sync(4)]
    );
}

#[test]
#[should_panic(expected = "one draft at a time")]
fn a_second_draft_of_a_session_is_our_fault() {
    let mut bench = Bench::new(1);
    bench.order(1);
    bench.order(1);
}

/// What happens next to the machine under test.
#[derive(Clone, Debug)]
enum Step {
    Order(u64),
    Sync { which: prop::sample::Index, fault: Option<SpoolFault> },
    StraySync(u64),
    Publish { mask: u64, stranger: u64 },
    Parallel(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop::option::weighted(
        0.2,
        prop_oneof![Just(SpoolFault::Full), Just(SpoolFault::Unusable), Just(SpoolFault::Broken)],
    );
    let step = prop_oneof![
        6 => (0_u64..40).prop_map(Step::Order),
        6 => (any::<prop::sample::Index>(), fault).prop_map(|(which, fault)| Step::Sync { which, fault }),
        1 => (0_u64..40).prop_map(Step::StraySync),
        3 => (any::<u64>(), 0_u64..60).prop_map(|(mask, stranger)| Step::Publish { mask, stranger }),
        1 => (0_u32..6).prop_map(Step::Parallel),
    ];
    prop::collection::vec(step, 0..200)
}

/// Plain lists of what is where, filled only from what the machine says.
#[derive(Default)]
struct Model {
    waiting: Vec<u64>,
    syncing: Vec<u64>,
    synced: Vec<u64>,
    publishing: Vec<u64>,
    parallel_max: usize,
}

impl Model {
    fn has(&self, serial: u64) -> bool {
        [&self.waiting, &self.syncing, &self.synced, &self.publishing]
            .iter()
            .any(|list| list.contains(&serial))
    }

    /// Takes what the machine asked for; `reports` are those that must be among it, neither more nor fewer.
    fn take(&mut self, outputs: Vec<Output>, mut reports: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Sync(session) => {
                    assert_eq!(self.waiting.remove(0), session.serial, "first come, first synced");
                    self.syncing.push(session.serial);
                    assert!(self.syncing.len() <= self.parallel_max);
                }
                Output::Publish(batch) => {
                    assert!(self.publishing.is_empty(), "one publication at a time");
                    assert!(!batch.is_empty());
                    let all = core::mem::take(&mut self.synced);
                    assert_eq!(batch, all.iter().map(|s| (session(*s), stored(*s))).collect::<Vec<_>>());
                    self.publishing = all;
                }
                Output::Report(..) => {
                    let at = reports.iter().position(|report| *report == output).expect("an expected report");
                    reports.remove(at);
                }
                Output::Welcome(_)
                | Output::TurnAway(..)
                | Output::Drop
                | Output::Answer(..)
                | Output::MeasureSpace => {
                    panic!("not the commit machine's business: {output:?}")
                }
            }
        }
        assert!(reports.is_empty(), "missing: {reports:?}");
        // Nothing idles that could go on.
        assert!(self.synced.is_empty() || !self.publishing.is_empty());
        assert!(self.waiting.is_empty() || !self.syncing.is_empty());
    }

    fn sync(&mut self, bench: &mut Bench, at: usize, fault: Option<SpoolFault>) {
        let serial = self.syncing.remove(at);
        let (result, reports) = match fault {
            None => {
                self.synced.push(serial);
                (Ok(()), Vec::new())
            }
            Some(fault) => (Err(fault), alloc::vec![failed(serial, fault)]),
        };
        self.take(bench.synced(serial, result), reports);
    }

    /// Publishes what is under way; bit n of `mask` says that the n-th of the batch is named and well.
    fn publish(&mut self, bench: &mut Bench, mask: u64, stranger: u64) {
        let mut results = Vec::new();
        let mut reports = Vec::new();
        for (n, serial) in core::mem::take(&mut self.publishing).into_iter().enumerate() {
            let (well, named) = ((mask >> (n % 64)) & 1 == 1, (mask >> ((n + 32) % 64)) & 1 == 1);
            if well {
                results.insert(0, (serial, Ok(())));
                reports.push(committed(serial));
            } else if named {
                results.push((serial, Err(SpoolFault::Full)));
                reports.push(failed(serial, SpoolFault::Full));
            } else {
                reports.push(failed(serial, SpoolFault::Broken));
            }
        }
        // A stranger's result, unless it would name one of the batch.
        if !reports.iter().any(|report| matches!(report, Output::Report(id, _) if id.serial == stranger)) {
            results.push((stranger, Ok(())));
        }
        self.take(bench.published(&results), reports);
    }
}

proptest! {
    #[test]
    fn every_draft_gets_one_report(parallel_max in 1_u32..6, steps in steps()) {
        let mut bench = Bench::new(parallel_max);
        let mut model = Model { parallel_max: usize::try_from(parallel_max).expect("small"), ..Model::default() };
        let mut ordered = BTreeSet::new();
        for step in steps {
            match step {
                Step::Order(serial) if model.has(serial) => {}
                Step::Order(serial) => {
                    ordered.insert(serial);
                    model.waiting.push(serial);
                    model.take(bench.order(serial), Vec::new());
                }
                Step::Sync { which, fault } if !model.syncing.is_empty() => {
                    model.sync(&mut bench, which.index(model.syncing.len()), fault);
                }
                Step::Sync { .. } => {}
                Step::StraySync(serial) if model.syncing.contains(&serial) => {}
                Step::StraySync(serial) => model.take(bench.synced(serial, Ok(())), Vec::new()),
                Step::Publish { mask, stranger } => model.publish(&mut bench, mask, stranger),
                // Lowered, it binds what starts from now on; the model's check wants it at rest.
                Step::Parallel(most) if model.syncing.is_empty() => {
                    bench.commits.set_parallel_max(most);
                    model.parallel_max = usize::try_from(most.max(1)).expect("small");
                }
                Step::Parallel(_) => {}
            }
            prop_assert_eq!(
                bench.commits.under_way(),
                model.waiting.len() + model.syncing.len() + model.synced.len() + model.publishing.len()
            );
        }
        // With every result delivered, everything drains.
        while bench.commits.under_way() > 0 {
            if model.syncing.is_empty() {
                model.publish(&mut bench, u64::MAX, 99);
            } else {
                model.sync(&mut bench, 0, None);
            }
        }
        prop_assert!(ordered.iter().all(|serial| !model.has(*serial)));
        prop_assert!(bench.commits.queued.is_empty() && bench.commits.syncing == 0);
    }
}
