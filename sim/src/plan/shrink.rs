//! Makes a plan that fails small: clients, faults and settings go, messages become few and short, times round, as long
//! as it still fails. What is left is what somebody has to look at.

use super::text::check;
use super::{AnswersPlan, Cutting, Fault, HelpersPlan, LinkPlan, NamesPlan, Plan, When};
use std::time::Duration;

/// Trials at most: a plan is small before that, or will not become so.
const TRIALS_MAX: u32 = 400;

/// The smallest plan found for which `fails` is still true; `plan` itself when nothing can be left out.
pub fn shrink(plan: &Plan, fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut search = Search { best: plan.clone(), fails, trials: 0 };
    loop {
        let before = search.best.clone();
        search.leave_out(|plan| &mut plan.faults);
        search.leave_out(|plan| &mut plan.clients);
        search.leave_out(|plan| &mut plan.settings);
        search.leave_out(|plan| &mut plan.policy);
        search.leave_out(|plan| &mut plan.zone);
        for simpler in simplifications() {
            search.attempt(simpler);
        }
        for index in 0..search.best.clients.len() {
            search.attempt(|plan| plan.clients[index].wishes.messages = 1);
            search.attempt(|plan| plan.clients[index].wishes.body_octets_max = 100);
            search.attempt(|plan| plan.clients[index].wishes.pause_max = Duration::ZERO);
            search.attempt(|plan| {
                plan.clients[index].link =
                    LinkPlan { least_us: 1_000, most_us: 1_000, cut: Cutting::Whole, window: 65_536 };
            });
            search.attempt(|plan| round(&mut plan.clients[index].start_ms));
        }
        for index in 0..search.best.faults.len() {
            search.attempt(|plan| round_fault(&mut plan.faults[index]));
        }
        if search.best == before || search.trials >= TRIALS_MAX {
            return search.best;
        }
    }
}

struct Search<F> {
    best: Plan,
    fails: F,
    trials: u32,
}

impl<F: FnMut(&Plan) -> bool> Search<F> {
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        // A policy without one of its lines may be none.
        if candidate == self.best || self.trials >= TRIALS_MAX || check(&candidate).is_err() {
            return false;
        }
        self.trials += 1;
        let better = (self.fails)(&candidate);
        if better {
            self.best = candidate;
        }
        better
    }

    /// Leaves out as many items as possible: halves first, single ones at last.
    fn leave_out<T>(&mut self, items: impl Fn(&mut Plan) -> &mut Vec<T>) {
        let mut size = items(&mut self.best).len();
        while size > 0 {
            let mut start = 0;
            while start < items(&mut self.best).len() {
                let gone = self.attempt(|plan| {
                    let items = items(plan);
                    let end = (start + size).min(items.len());
                    items.drain(start..end);
                });
                if !gone {
                    start += size;
                }
            }
            size /= 2;
        }
    }
}

type Change = fn(&mut Plan);

fn simplifications() -> [Change; 12] {
    [
        |plan| {
            let NamesPlan { takes_us, .. } = plan.names;
            plan.names = NamesPlan { takes_us, ..NamesPlan::default() };
        },
        |plan| {
            let HelpersPlan { work_us, .. } = plan.helpers;
            plan.helpers = HelpersPlan { work_us, ..HelpersPlan::default() };
        },
        |plan| plan.answers = AnswersPlan::default(),
        |plan| plan.answers.late = 0,
        |plan| plan.answers.twice = 0,
        |plan| plan.answers.never = 0,
        |plan| plan.shuffle_ties = false,
        |plan| plan.disk.ordered = false,
        |plan| plan.disk.journal = true,
        |plan| plan.disk.capacity_kib = 1 << 40,
        |plan| plan.disk.threads = 1,
        |plan| {
            plan.disk.operation_us = 100;
            plan.disk.sync_us = 5_000;
        },
    ]
}

/// A rounder number, not a larger one.
fn round(number: &mut u64) {
    let unit = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    *number = *number / unit * unit;
}

fn round_fault(fault: &mut Fault) {
    match fault {
        Fault::PowerCut { when, down_ms } | Fault::Kill { when, down_ms } => {
            if let When::AtMs(at) = when {
                round(at);
            }
            round(down_ms);
        }
        Fault::Stop { at_ms, down_ms } => {
            round(at_ms);
            round(down_ms);
        }
        Fault::Reconfigure { at_ms, .. } | Fault::WallJump { at_ms, .. } => round(at_ms),
        Fault::Pause { at_ms, for_ms }
        | Fault::ReadOnly { at_ms, for_ms }
        | Fault::Full { at_ms, for_ms }
        | Fault::SlowDisk { at_ms, for_ms, .. }
        | Fault::Stall { at_ms, for_ms, .. } => {
            round(at_ms);
            round(for_ms);
        }
        Fault::FullAfter { octets } => round(octets),
        Fault::DiskError { .. } | Fault::Cut { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::generate;

    #[test]
    fn what_has_nothing_to_do_with_the_failure_goes() {
        let plan = (0..100).map(generate).find(|plan| plan.faults.len() > 4).expect("a rich plan");
        let wanted = plan.faults[2].clone();
        let small = shrink(&plan, |plan| {
            plan.faults.iter().any(|fault| std::mem::discriminant(fault) == std::mem::discriminant(&wanted))
        });
        assert_eq!((small.faults.len(), small.clients.len(), small.settings.len()), (1, 0, 0));
    }
}
