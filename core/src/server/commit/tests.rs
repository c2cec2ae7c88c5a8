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

    fn published(&mut self, number: u64, results: &[(u64, Result<(), SpoolFault>)]) -> Vec<Output> {
        let results = results
            .iter()
            .map(|(serial, result)| (session(*serial), result.map(|()| stored(*serial))))
            .collect();
        self.commits.published(Publication(number), results, &mut self.outputs);
        self.outputs.drain(..).collect()
    }
}

fn sync(serial: u64) -> Output {
    Output::Sync(session(serial))
}

fn publish(number: u64, serials: &[u64]) -> Output {
    let batch = serials.iter().map(|serial| (session(*serial), stored(*serial))).collect();
    Output::Publish(Publication(number), batch)
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
    assert_eq!(bench.synced(1, Ok(())), [publish(0, &[1])]);
    assert_eq!(bench.published(0, &[(1, Ok(()))]), [committed(1)]);
    assert_eq!(bench.order(1), [sync(1)], "the session may send another message");
}

#[test]
fn what_is_synced_while_two_publications_run_shares_the_next() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.order(1), [sync(1)]);
    assert_eq!(bench.order(2), [sync(2)]);
    assert_eq!(bench.order(3), []);
    assert_eq!(bench.order(4), []);
    assert_eq!(bench.order(5), []);
    assert_eq!(bench.synced(2, Ok(())), [sync(3), publish(0, &[2])]);
    assert_eq!(bench.synced(3, Ok(())), [sync(4), publish(1, &[3])], "two side by side");
    assert_eq!(bench.synced(4, Ok(())), [sync(5)], "but not three");
    assert_eq!(bench.synced(1, Ok(())), []);
    assert_eq!(
        bench.published(1, &[(3, Ok(()))]),
        [committed(3), publish(2, &[4, 1])],
        "whichever ends first"
    );
    assert_eq!(bench.published(1, &[(2, Ok(()))]), [], "it has ended already");
    assert_eq!(bench.synced(5, Err(SpoolFault::Full)), [failed(5, SpoolFault::Full)]);
    assert_eq!(
        bench.published(2, &[(1, Ok(())), (4, Err(SpoolFault::Unusable))]),
        [failed(4, SpoolFault::Unusable), committed(1)]
    );
    assert_eq!(bench.published(0, &[(2, Ok(()))]), [committed(2)]);
    assert_eq!(bench.commits.under_way(), 0);
}

#[test]
fn a_draft_that_the_results_forget_has_failed() {
    let mut bench = Bench::new(2);
    bench.order(1);
    bench.synced(1, Ok(()));
    assert_eq!(bench.published(0, &[(9, Ok(()))]), [failed(1, SpoolFault::Broken)]);
}

#[test]
fn reports_nobody_waits_for_are_ignored() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.synced(1, Ok(())), []);
    assert_eq!(bench.published(0, &[(1, Ok(()))]), []);
    bench.order(1);
    bench.order(2);
    assert_eq!(bench.synced(2, Ok(())), [], "the second is still queued");
    assert_eq!(bench.published(0, &[(1, Ok(()))]), [], "the first is not published yet");
    assert_eq!(bench.synced(1, Ok(())), [sync(2), publish(0, &[1])]);
    assert_eq!(bench.synced(1, Err(SpoolFault::Full)), [], "a sync is reported once");
    assert_eq!(bench.published(0, &[(1, Ok(())), (1, Err(SpoolFault::Full))]), [committed(1)]);
}

#[test]
fn a_batch_has_its_bound() {
    let mut bench = Bench::new(5_000);
    for serial in 0..=2_001 {
        bench.order(serial);
        bench.synced(serial, Ok(()));
    }
    // The first two went alone; 2,000 have gathered.
    for ended in 0..2 {
        match bench.published(ended, &[(ended, Ok(()))]).last() {
            Some(Output::Publish(_, batch)) => assert_eq!(batch.len(), 1_000),
            other => panic!("a batch was due: {other:?}"),
        }
    }
    assert_eq!(bench.commits.under_way(), 2_000);
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
    Publish { which: prop::sample::Index, mask: u64, stranger: u64 },
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
        3 => (any::<prop::sample::Index>(), any::<u64>(), 0_u64..60)
            .prop_map(|(which, mask, stranger)| Step::Publish { which, mask, stranger }),
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
    publishing: Vec<(Publication, Vec<u64>)>,
    parallel_max: usize,
}

impl Model {
    fn has(&self, serial: u64) -> bool {
        let published = self.publishing.iter().map(|(_, batch)| batch);
        [&self.waiting, &self.syncing, &self.synced]
            .into_iter()
            .chain(published)
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
                Output::Publish(publication, batch) => {
                    assert!(!batch.is_empty());
                    let all = core::mem::take(&mut self.synced);
                    assert_eq!(batch, all.iter().map(|s| (session(*s), stored(*s))).collect::<Vec<_>>());
                    self.publishing.push((publication, all));
                    assert!(self.publishing.len() <= PUBLICATIONS_MAX);
                }
                Output::Report(..) => {
                    let at = reports.iter().position(|report| *report == output).expect("an expected report");
                    reports.remove(at);
                }
                Output::Welcome(_)
                | Output::TurnAway(..)
                | Output::Drop(_)
                | Output::Answer(..)
                | Output::Look { .. }
                | Output::Helper(..)
                | Output::HelperNote(..)
                | Output::Reasoned(..)
                | Output::Check(..)
                | Output::Advise(..)
                | Output::MeasureSpace => {
                    panic!("not the commit machine's business: {output:?}")
                }
            }
        }
        assert!(reports.is_empty(), "missing: {reports:?}");
        // Nothing idles that could go on.
        assert!(self.synced.is_empty() || self.publishing.len() == PUBLICATIONS_MAX);
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

    /// Ends the publication at `at`; bit n of `mask` says that the n-th of the batch is named and well.
    fn publish(&mut self, bench: &mut Bench, at: usize, mask: u64, stranger: u64) {
        let (publication, batch) = self.publishing.remove(at);
        let mut results = Vec::new();
        let mut reports = Vec::new();
        for (n, serial) in batch.into_iter().enumerate() {
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
        self.take(bench.published(publication.0, &results), reports);
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
                Step::Publish { which, mask, stranger } if !model.publishing.is_empty() => {
                    model.publish(&mut bench, which.index(model.publishing.len()), mask, stranger);
                }
                Step::Publish { .. } => {}
                // Lowered, it binds what starts from now on; the model's check wants it at rest.
                Step::Parallel(most) if model.syncing.is_empty() => {
                    bench.commits.set_parallel_max(most);
                    model.parallel_max = usize::try_from(most.max(1)).expect("small");
                }
                Step::Parallel(_) => {}
            }
            prop_assert_eq!(
                bench.commits.under_way(),
                model.waiting.len() + model.syncing.len() + model.synced.len()
                    + model.publishing.iter().map(|(_, batch)| batch.len()).sum::<usize>()
            );
        }
        // With every result delivered, everything drains.
        while bench.commits.under_way() > 0 {
            if model.syncing.is_empty() {
                model.publish(&mut bench, 0, u64::MAX, 99);
            } else {
                model.sync(&mut bench, 0, None);
            }
        }
        prop_assert!(ordered.iter().all(|serial| !model.has(*serial)));
        prop_assert!(bench.commits.queued.is_empty() && bench.commits.syncing == 0);
    }
}
