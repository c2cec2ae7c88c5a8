//! Plans as text: TOML between a first line that names the version and a last line that shows that nothing is
//! missing. Made to be read and changed by people.

use super::{Fault, Plan};
use crate::zone::Zone;
use std::fmt;
use std::path::Path;

/// What the first line says, before the version.
const FIRST: &str = "# smtpserver-sim plan, version ";
/// The version that is written and read.
const VERSION: &str = "1";
/// The last line.
const LAST: &str = "# end of plan";
/// The longest time that a plan may name, in milliseconds: a year.
const MILLISECONDS_MAX: u64 = 366 * 24 * 3_600_000;
/// Most clients of a plan.
const CLIENTS_MAX: usize = 10_000;

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanFault {
    /// It does not begin like one.
    NotAPlan,
    /// It is of another version.
    Version(String),
    /// Its end is missing.
    Cut,
    /// It is not what a plan looks like.
    Damaged(String),
    /// It says what cannot be.
    Impossible(String),
    /// It cannot be read or written.
    File(String),
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanFault::NotAPlan => write!(f, "this is no plan: its first line is not \"{FIRST}{VERSION}\""),
            PlanFault::Version(found) => {
                write!(f, "this is a plan of version {found}, and this program reads version {VERSION} only")
            }
            PlanFault::Cut => write!(f, "the plan is cut short: its last line is not \"{LAST}\""),
            PlanFault::Damaged(what) => write!(f, "the plan is damaged: {what}"),
            PlanFault::Impossible(what) => write!(f, "the plan asks for what cannot be: {what}"),
            PlanFault::File(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for PlanFault {}

/// Reads a plan.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Plan, PlanFault> {
    let first = text.lines().next().unwrap_or_default();
    let version = first.strip_prefix(FIRST).ok_or(PlanFault::NotAPlan)?.trim();
    if version != VERSION {
        return Err(PlanFault::Version(version.to_owned()));
    }
    if text.trim_end().lines().next_back() != Some(LAST) {
        return Err(PlanFault::Cut);
    }
    let plan: Plan = toml::from_str(text).map_err(|error| PlanFault::Damaged(error.to_string()))?;
    check(&plan).map_err(PlanFault::Impossible)?;
    Ok(plan)
}

/// A plan as text; `why` are lines of comment.
///
/// # Errors
/// What cannot be written.
pub fn text(plan: &Plan, why: &str) -> Result<String, PlanFault> {
    let body = toml::to_string(plan).map_err(|error| PlanFault::Impossible(error.to_string()))?;
    let why: String = why.lines().map(|line| format!("# {line}\n")).collect();
    Ok(format!("{FIRST}{VERSION}\n{why}\n{body}\n{LAST}\n"))
}

/// Reads a plan from a file.
///
/// # Errors
/// What is wrong with it.
pub fn load(path: &Path) -> Result<Plan, PlanFault> {
    let octets =
        std::fs::read(path).map_err(|error| PlanFault::File(format!("{}: {error}", path.display())))?;
    let text = String::from_utf8(octets)
        .map_err(|_| PlanFault::Damaged("it holds octets that are no text".into()))?;
    parse(&text)
}

/// Writes a plan to a file; `why` goes into its head.
///
/// # Errors
/// What went wrong.
pub fn save(plan: &Plan, why: &str, path: &Path) -> Result<(), PlanFault> {
    let text = text(plan, why)?;
    std::fs::write(path, text).map_err(|error| PlanFault::File(format!("{}: {error}", path.display())))
}

/// Whether a plan can happen at all.
pub(super) fn check(plan: &Plan) -> Result<(), String> {
    for change in plan.changes() {
        plan.settings(change)?;
    }
    Zone::read(plan.zone.iter().map(String::as_str))?;
    let mut ids: Vec<u32> = plan.clients.iter().map(|client| client.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two clients have the same id".into());
    }
    if ids.len() > CLIENTS_MAX {
        return Err(format!("more than {CLIENTS_MAX} clients"));
    }
    for client in &plan.clients {
        if client.link.least_us > client.link.most_us {
            return Err(format!("client {}: least_us is above most_us", client.id));
        }
        if client.link.window == 0 {
            return Err(format!("client {}: a window of 0 octets", client.id));
        }
        time("start_ms", client.start_ms)?;
        time("most_us", client.link.most_us / 1000)?;
        time("pause_max", u64::try_from(client.wishes.pause_max.as_millis()).unwrap_or(u64::MAX))?;
    }
    time("heal_ms", plan.heal_ms)?;
    time("late_ms", plan.answers.late_ms)?;
    time("late_ms", plan.helpers.late_ms)?;
    time("late_ms", plan.names.late_ms)?;
    time("takes_us", plan.names.takes_us / 1000)?;
    time("work_us", plan.helpers.work_us / 1000)?;
    time("operation_us", plan.disk.operation_us / 1000)?;
    time("sync_us", plan.disk.sync_us / 1000)?;
    for fault in &plan.faults {
        for (name, value) in fault.times() {
            time(name, value)?;
        }
        if let Fault::WallJump { seconds, .. } = fault
            && seconds.unsigned_abs() > MILLISECONDS_MAX / 1000
        {
            return Err("the wall clock jumps by more than a year".into());
        }
    }
    Ok(())
}

fn time(name: &str, milliseconds: u64) -> Result<(), String> {
    if milliseconds > MILLISECONDS_MAX { Err(format!("{name} is more than a year")) } else { Ok(()) }
}

impl Fault {
    /// All times that it names, in milliseconds.
    fn times(&self) -> Vec<(&'static str, u64)> {
        match self {
            Fault::PowerCut { when, down_ms } | Fault::Kill { when, down_ms } => {
                let at = match when {
                    super::When::AtMs(at) => *at,
                    super::When::DiskOperation(_) => 0,
                };
                vec![("when", at), ("down_ms", *down_ms)]
            }
            Fault::Stop { at_ms, down_ms } => vec![("at_ms", *at_ms), ("down_ms", *down_ms)],
            Fault::Reconfigure { at_ms, .. } | Fault::WallJump { at_ms, .. } => vec![("at_ms", *at_ms)],
            Fault::Pause { at_ms, for_ms }
            | Fault::ReadOnly { at_ms, for_ms }
            | Fault::Full { at_ms, for_ms }
            | Fault::Stall { at_ms, for_ms, .. } => vec![("at_ms", *at_ms), ("for_ms", *for_ms)],
            Fault::SlowDisk { at_ms, for_ms, by_ms } => {
                vec![("at_ms", *at_ms), ("for_ms", *for_ms), ("by_ms", *by_ms)]
            }
            Fault::FullAfter { .. } | Fault::DiskError { .. } | Fault::Cut { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::generate;

    #[test]
    fn every_generated_plan_comes_back_as_it_was() {
        for seed in 0..50 {
            let plan = generate(seed);
            let text = text(&plan, "a reason").expect("text");
            assert_eq!(parse(&text), Ok(plan), "{text}");
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_with_the_reason() {
        let good = text(&generate(1), "").expect("text");
        assert_eq!(parse("hello"), Err(PlanFault::NotAPlan));
        assert_eq!(parse(""), Err(PlanFault::NotAPlan));
        let newer = good.replace("version 1", "version 2");
        assert_eq!(parse(&newer), Err(PlanFault::Version("2".into())));
        for end in [40, good.len() / 2, good.len() - 4] {
            assert_eq!(parse(&good[..end]), Err(PlanFault::Cut), "cut at {end}");
        }
        let unknown = good.replace("heal_ms", "heal_us");
        assert!(matches!(parse(&unknown), Err(PlanFault::Damaged(what)) if what.contains("heal_us")));
        let late = good.replace("heal_ms = ", "heal_ms = 9999999999999");
        assert!(matches!(parse(&late), Err(PlanFault::Impossible(what)) if what.contains("heal_ms")));
    }
}
