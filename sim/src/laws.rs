//! The laws of the house, each one function over what happened. A law knows nothing of how the world works inside: it
//! reads the trace, what the clients believe, and the files that are left.
//!
//! | law | where |
//! | --- | --- |
//! | 1 kept, 3 honest, 9 closed | `mail` |
//! | 2 answered, 7 punctual | `talk` |
//! | 4 seamless | `segments`: some sessions of each run are held again, cut in other places |
//! | 5 repeatable | [`repeatable`], which compares two runs |
//! | 6 bounded, 11 live | `order` |
//! | 10 exact | `order` for who is let in; `rules` for policy, rates and look-ups; `segments` for the replies of single sessions; all against the naive model |
//! | 8 sealed | `seal`; the seam of STARTTLS is what the fuzz target `tls_seam` and scripts try |
//! | 12 replayable | `recordings`: some sessions of each run are recorded and lived through again |
//!
//! Not here: of law 10 the tarpit's hours, which `tests/model.rs` compares alone, and SPF, which has examples of its own. Of
//! law 7 the second half, nothing said after its timeout, is seen as the bound on a session's length in law 6.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a law speaks of a few kinds of events and faults: that the others are nothing to it is the rule"
)]

mod by_connection;
mod mail;
mod order;
mod recordings;
mod rules;
mod seal;
mod segments;
mod talk;

use crate::des::Run;
use crate::plan::Plan;
use std::fmt;

/// A run and all that more than one law wants to know of it.
struct Case<'a> {
    plan: &'a Plan,
    run: &'a Run,
    spooled: mail::Spooled,
    sample: segments::Sample,
    rulings: rules::Rulings,
}

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which law, by its number.
    pub law: u8,
    /// The first bad event: its place in the trace, where there is one.
    pub entry: Option<usize>,
    /// What was wrong.
    pub what: String,
}

impl Violation {
    fn new(law: u8, entry: impl Into<Option<usize>>, what: impl Into<String>) -> Violation {
        Violation { law, entry: entry.into(), what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "law {} ({}): {}", self.law, name(self.law), self.what)
    }
}

/// The name of a law.
pub fn name(law: u8) -> &'static str {
    match law {
        1 => "kept",
        2 => "answered",
        3 => "honest",
        4 => "seamless",
        5 => "repeatable",
        6 => "bounded",
        7 => "punctual",
        8 => "sealed",
        9 => "closed",
        10 => "exact",
        11 => "live",
        12 => "replayable",
        _ => "unknown",
    }
}

type Law = fn(&Case<'_>) -> Result<(), Violation>;

/// All laws that speak of one run.
const LAWS: [Law; 13] = [
    order::bounded,
    talk::answered,
    talk::punctual,
    mail::kept,
    mail::honest,
    mail::closed,
    order::exact,
    rules::exact,
    order::live,
    seal::sealed,
    segments::as_modelled,
    segments::seamless,
    recordings::replayable,
];

/// Holds a run against all laws; the first that is broken comes back.
///
/// # Errors
/// The violation.
pub fn check(plan: &Plan, run: &Run) -> Result<(), Violation> {
    let (spooled, sample) = (mail::Spooled::of(plan, run), segments::Sample::of(plan, run));
    let case = Case { plan, run, spooled, sample, rulings: rules::Rulings::of(plan, run) };
    LAWS.iter().try_for_each(|law| law(&case))
}

/// Law 5, repeatable: the same plan gives the same trace, octet for octet.
///
/// # Errors
/// The first event that differs.
pub fn repeatable(one: &Run, two: &Run) -> Result<(), Violation> {
    if one.trace.entries() == two.trace.entries() && one.panic == two.panic {
        return Ok(());
    }
    let (one, two) = (one.trace.entries(), two.trace.entries());
    let differs = one.iter().zip(two).position(|(one, two)| one != two).unwrap_or(one.len().min(two.len()));
    let show = |entries: &[crate::trace::Entry]| {
        entries
            .get(differs)
            .map_or_else(|| "nothing more".to_owned(), |entry| entry.to_string().trim().to_owned())
    };
    let what = format!("the second run differs at event {differs}: {} / {}", show(one), show(two));
    Err(Violation::new(5, differs, what))
}
