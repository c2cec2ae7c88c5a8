//! Runs plans and judges them: each once or twice, many at a time, in the order of their seeds. It measures nothing and
//! prints nothing.

use crate::des::{Plant, Run, run};
use crate::laws::{self, Violation};
use crate::plan::{Plan, shrink};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A plan that broke a law.
#[derive(Debug)]
pub struct Failure {
    /// Which law, and how.
    pub violation: Violation,
    /// What happened.
    pub run: Run,
}

/// Lets a plan happen and holds it against the laws; with `twice` it happens again and must be the same. What
/// happened comes back.
///
/// # Errors
/// The first law that was broken.
pub fn judge(plan: &Plan, plant: Option<Plant>, twice: bool) -> Result<Run, Box<Failure>> {
    let first = run(plan, plant);
    let verdict = laws::check(plan, &first)
        .and_then(|()| if twice { laws::repeatable(&first, &run(plan, plant)) } else { Ok(()) });
    match verdict {
        Ok(()) => Ok(first),
        Err(violation) => Err(Box::new(Failure { violation, run: first })),
    }
}

/// The smallest plan that still breaks the same law.
pub fn smallest(plan: &Plan, plant: Option<Plant>, law: u8) -> Plan {
    shrink(plan, |plan| judge(plan, plant, law == 5).is_err_and(|failure| failure.violation.law == law))
}

/// One seed's outcome.
#[derive(Debug)]
pub struct Judged {
    /// The seed.
    pub seed: u64,
    /// Its plan.
    pub plan: Plan,
    /// The fingerprint of its trace, if it was asked for, or what was wrong.
    pub outcome: Result<Option<u64>, Box<Failure>>,
}

/// How seeds are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads; a seed is run by one of them.
    pub threads: usize,
    /// Each plan happens twice.
    pub twice: bool,
    /// Each trace gets its fingerprint.
    pub fingerprints: bool,
    /// The planted defect, if any.
    pub plant: Option<Plant>,
}

/// Runs the seeds from `first` to before `end`. `done` gets each outcome, in the order of the seeds, and says whether to
/// go on.
pub fn run_seeds(
    (first, end): (u64, u64),
    options: Options,
    make: impl Fn(u64) -> Plan + Sync,
    done: impl FnMut(Judged) -> bool + Send,
) {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let line = Mutex::new(Line { next: first, waiting: BTreeMap::new(), done });
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let plan = make(seed);
            let outcome = judge(&plan, options.plant, options.twice)
                .map(|run| options.fingerprints.then(|| run.trace.fingerprint()));
            let go_on =
                line.lock().unwrap_or_else(PoisonError::into_inner).take(Judged { seed, plan, outcome });
            if !go_on {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads {
            scope.spawn(work);
        }
        work();
    });
}

/// Outcomes wait here until those before them are there.
struct Line<F> {
    next: u64,
    waiting: BTreeMap<u64, Judged>,
    done: F,
}

impl<F: FnMut(Judged) -> bool> Line<F> {
    fn take(&mut self, judged: Judged) -> bool {
        self.waiting.insert(judged.seed, judged);
        while let Some(judged) = self.waiting.remove(&self.next) {
            self.next += 1;
            if !(self.done)(judged) {
                // Nothing after this one is told.
                self.next = u64::MAX;
                return false;
            }
        }
        true
    }
}
