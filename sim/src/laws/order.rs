//! Laws 6, 10 and 11: bounds, counts, and that everything comes to its end.

use super::by_connection::ByConnection;
use super::{Case, Violation};
use crate::des::Run;
use crate::model::{Connections, Door, Policy, read};
use crate::plan::{Fault, OWN, Plan};
use crate::trace::{News, Operation, Ordered, What};
use smtpserver_core::config::worst;
use smtpserver_core::limits::{BODY_READ_MAX, BODY_WINDOW, Limits};
use smtpserver_core::now::micros;
use std::net::IpAddr;

/// Octets of a draft that may be on their way beside its window: what one read brings, and the envelope's lines.
const DEBT_MAX: usize = BODY_WINDOW + BODY_READ_MAX + 16_384;
/// How much longer than the worst case a session may seem to last, in microseconds: the time that its own words take.
const SESSION_SLACK: u64 = 60 * 1_000_000;

/// How long a session may last by what is said of the plan's settings (`check-config`), in microseconds.
fn longest(plan: &Plan) -> Result<u64, Violation> {
    let mut longest = 0;
    for change in plan.changes() {
        let settings = plan.settings(change).map_err(|what| Violation::new(6, None, what))?;
        longest = longest.max(micros(worst::session(&settings).lasts));
    }
    Ok(longest)
}

/// Law 6, bounded: memory stays under its limit, every session has a deadline and ends by it, and no assertion of ours
/// breaks.
pub(super) fn bounded(Case { plan, run, .. }: &Case<'_>) -> Result<(), Violation> {
    if let Some(panic) = &run.panic {
        return Err(Violation::new(
            6,
            run.trace.entries().len().checked_sub(1),
            format!("an assertion broke: {panic}"),
        ));
    }
    let paused: u64 = plan
        .faults
        .iter()
        .map(|fault| match fault {
            Fault::Pause { for_ms, .. } => for_ms * 1000,
            _ => 0,
        })
        .sum();
    let longest = longest(plan)?;
    let mut debts: ByConnection<usize> = ByConnection::default();
    let mut began: ByConnection<u64> = ByConnection::default();
    for (index, entry) in run.trace.entries().iter().enumerate() {
        match &entry.what {
            What::Broken(id, what) => {
                return Err(Violation::new(6, index, format!("connection {id}: {what}")));
            }
            What::Welcomed { connection, .. } => {
                began.insert(*connection, entry.at);
            }
            What::Closed(id, _) => {
                let lasted = entry.at - began.get_mut(*id).copied().unwrap_or(entry.at);
                if lasted > longest + SESSION_SLACK + paused {
                    let what = format!("session {id} lasted {} seconds", lasted / 1_000_000);
                    return Err(Violation::new(6, index, what));
                }
            }
            What::Ordered(id, Ordered::Append(octets)) => {
                let debt = debts.or_default(*id);
                *debt += octets;
                if *debt > DEBT_MAX {
                    let what = format!("connection {id} has {debt} octets on their way to the spool");
                    return Err(Violation::new(6, index, what));
                }
            }
            What::Ordered(id, Ordered::Begin | Ordered::Commit | Ordered::Freeze | Ordered::Abandon) => {
                debts.remove(*id);
            }
            What::Told(id, News::Room(octets)) => {
                let debt = debts.or_default(*id);
                *debt = debt.saturating_sub(*octets);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The longest time between commit and reply when nothing is wrong, in microseconds: a few syncs of the slowest disk.
const STORE_MAX: u64 = 30_000_000;

/// Law 10, exact: connections are welcomed, turned away and dropped as a naive count of who is there says, and what was
/// acquired is released on every path.
pub(super) fn exact(Case { plan, run, .. }: &Case<'_>) -> Result<(), Violation> {
    if plan.faults.iter().any(|fault| matches!(fault, Fault::Reconfigure { .. })) {
        return Ok(());
    }
    let limits = plan.settings(None).map_err(|what| Violation::new(10, None, what))?.limits;
    let policy = read(plan.policy(None));
    let mut sources: ByConnection<IpAddr> = ByConnection::default();
    let mut naive = Connections::default();
    for (index, entry) in run.trace.entries().iter().enumerate() {
        let (id, found) = match &entry.what {
            What::Connects { connection, source, .. } => {
                sources.insert(*connection, *source);
                continue;
            }
            What::Down => {
                naive = Connections::default();
                continue;
            }
            What::Released(id) => {
                naive.leave(u64::from(*id));
                continue;
            }
            What::Welcomed { connection, .. } => (*connection, Door::Welcome),
            What::TurnedAway(id) => (*id, Door::TurnAway),
            What::Dropped(id) => (*id, Door::Drop),
            _ => continue,
        };
        let Some(source) = sources.get_mut(id).copied() else { continue };
        // The evaluator tries every width of a network, which is slow.
        let has_policy = !policy.is_empty();
        let own = has_policy.then(|| Policy::new(&policy, OWN, source).same_source_max()).flatten();
        let limits = Limits { same_source_max: own.unwrap_or(limits.same_source_max), ..limits.clone() };
        let expected = naive.come(&limits, u64::from(id), source);
        if found != expected {
            let what = format!(
                "connection {id}: {found:?}, and should have been {expected:?}, with {} sessions there",
                naive.sessions()
            );
            return Err(Violation::new(10, index, what));
        }
    }
    Ok(())
}

/// Law 11, live: when all faults are healed every session ends, the spool drains, nothing is left over, and honest mail
/// is taken again.
pub(super) fn live(Case { plan, run, .. }: &Case<'_>) -> Result<(), Violation> {
    let last = run.trace.entries().len().checked_sub(1);
    let wrong = |what: String| Err(Violation::new(11, last, what));
    // What cannot be removed stays, until a server starts that can.
    let mut leftovers_are_excused = false;
    let mut read_only = plan.faults.iter().any(|fault| matches!(fault, Fault::ReadOnly { .. }));
    for entry in run.trace.entries() {
        match &entry.what {
            What::Healed => read_only = false,
            What::Up => leftovers_are_excused = read_only,
            What::Disk { operation: Operation::Remove(_), failed: Some(_), .. } => {
                leftovers_are_excused = true
            }
            What::Ended(rest) => {
                if rest.endless {
                    return wrong("the world never came to rest".into());
                }
                if rest.sessions + rest.connections + rest.drafts + rest.jobs > 0
                    || (rest.unfinished > 0 && !leftovers_are_excused)
                {
                    return wrong(format!("something is left over: {rest:?}"));
                }
            }
            _ => {}
        }
    }
    prompt(plan, run)?;
    if let Some(lost) = run.trace.entries().iter().find_map(|entry| match &entry.what {
        What::Farm { trade, hungry, helpers, waiting }
            if *hungry == 0 || hungry < helpers || *waiting > 0 =>
        {
            Some(format!(
                "{trade}: {hungry} of {helpers} helpers are hungry in the end, and {waiting} jobs wait"
            ))
        }
        _ => None,
    }) {
        return wrong(lost);
    }
    for client in plan.clients.iter().filter(|client| client.start_ms > plan.heal_ms) {
        let beliefs = &run.beliefs[&client.id];
        let wanted = usize::try_from(client.wishes.messages).expect("few");
        // A message for nobody here is refused, and rightly.
        let refused =
            beliefs.iter().filter(|belief| belief.accepted.is_none() && !belief.to.is_empty()).count();
        if beliefs.len() < wanted || refused > 0 || !run.done[&client.id] {
            let what = format!(
                "client {} came after the healing, tried {} of {wanted} messages, and {refused} were not taken",
                client.id,
                beliefs.len()
            );
            return wrong(what);
        }
    }
    Ok(())
}

/// With all healed and hardly anybody there, a message is kept in the time that a disk needs, and its client told.
fn prompt(plan: &Plan, run: &Run) -> Result<(), Violation> {
    let mut connections: ByConnection<Option<u64>> = ByConnection::default();
    for (index, entry) in run.trace.entries().iter().enumerate() {
        match &entry.what {
            What::Connects { client, connection, .. } => {
                let client = plan.clients.iter().find(|other| other.id == *client);
                if client.is_some_and(|client| client.start_ms > plan.heal_ms) {
                    connections.insert(*connection, None);
                }
            }
            What::Ordered(id, Ordered::Commit | Ordered::Freeze) => {
                if let Some(since) = connections.get_mut(*id) {
                    *since = Some(entry.at);
                }
            }
            What::Wrote(id, _) | What::Closed(id, _) => {
                let waited =
                    connections.get_mut(*id).and_then(Option::take).map_or(0, |since| entry.at - since);
                if waited > STORE_MAX {
                    let what = format!(
                        "connection {id} heard {} seconds later what became of its message",
                        waited / 1_000_000
                    );
                    return Err(Violation::new(11, index, what));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
