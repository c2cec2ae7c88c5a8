//! The judge: one engine for all lanes. It runs a script in each of its variants and says what came of it.
//! How one variant is run is in `perform`; what must be true behind the dialogue in `aftermath`.

mod aftermath;
mod perform;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use self::perform::Performance;
use crate::lane::{Clock, Lane, Refused, Trouble};
use crate::script::{Act, Script};
use crate::transcript::Transcript;
use crate::variant::{Variant, has_joints};

/// How strictly and how patiently scripts are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a server line may take where the script says nothing. Zero in an exact lane: no time may pass.
    pub within: Duration,
    /// The most time that a script may wait in all, in lanes of real time; longer ones are skipped.
    pub waiting_max: Duration,
    /// Whether scripts run again dribbled and glued.
    pub variants: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { within: Duration::from_secs(10), waiting_max: Duration::from_secs(3), variants: true }
    }
}

/// What came of one script in one lane.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The result itself.
    pub outcome: Outcome,
    /// Checks that this lane could not make, each in a few words.
    pub notes: Vec<String>,
    /// What was really said, as written; empty if nothing was.
    pub transcript: Transcript,
}

/// Passed, failed or not run.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Every variant went as the script says.
    Passed,
    /// Something was otherwise.
    Failed(Box<Failure>),
    /// The lane cannot run it, for this reason.
    Skipped(String),
}

/// The first thing that was otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The variant in which it happened.
    pub variant: Variant,
    /// Line of the script, from 1.
    pub line: usize,
    /// What went wrong, in words.
    pub what: String,
    /// What came instead, in the scripts' language; empty if nothing did.
    pub got: Vec<String>,
    /// The dialogue up to there.
    pub transcript: Transcript,
}

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    Otherwise { line: usize, what: String, got: Vec<String> },
    Trouble(Trouble),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Stop {
    pub(crate) fn otherwise(line: usize, what: impl Into<String>) -> Self {
        Self::Otherwise { line, what: what.into(), got: Vec::new() }
    }
}

/// Runs a script in a lane, in all its variants, up to the first failure.
pub fn judge(script: &Script, lane: &mut dyn Lane, options: &Options) -> Judgement {
    let skipped = |reason| Judgement {
        outcome: Outcome::Skipped(reason),
        notes: Vec::new(),
        transcript: Transcript::default(),
    };
    if let Some(reason) = not_here(script, lane, options) {
        return skipped(reason);
    }
    let mut first: Option<Run> = None;
    for variant in variants(script, options) {
        let run = match run_variant(script, lane, options, variant) {
            Ok(run) => run,
            Err(Refused::NotHere(reason)) => return skipped(reason),
            Err(Refused::Trouble(trouble)) => Run::troubled(script, variant, trouble),
        };
        let (notes, transcript) = match &first {
            Some(first) => (first.notes.clone(), first.transcript.clone()),
            None => (run.notes.clone(), run.transcript.clone()),
        };
        if let Some(failure) =
            run.failure.clone().or_else(|| disagreement(script, first.as_ref(), &run, variant))
        {
            return Judgement { outcome: Outcome::Failed(Box::new(failure)), notes, transcript };
        }
        first.get_or_insert(run);
    }
    let (notes, transcript) = first.map_or_else(Default::default, |run| (run.notes, run.transcript));
    Judgement { outcome: Outcome::Passed, notes, transcript }
}

fn variants(script: &Script, options: &Options) -> Vec<Variant> {
    let mut variants = vec![Variant::AsWritten];
    if options.variants {
        variants.push(Variant::Dribble);
        if has_joints(&script.steps) {
            variants.push(Variant::Glued);
        }
    }
    variants
}

/// The first reason why this lane cannot run this script.
fn not_here(script: &Script, lane: &dyn Lane, options: &Options) -> Option<String> {
    let can = lane.abilities();
    for step in &script.steps {
        let what = match &step.act {
            Act::StartTls if !can.tls => "`C starts tls`".to_string(),
            Act::Exactly(_) if !can.texts => "`S|`: texts are not compared".to_string(),
            Act::Asked(helper, _) | Act::Answers(helper, _) | Act::Dies(helper) | Act::Silent(helper)
                if !can.helpers.contains(helper) =>
            {
                format!("a {helper} played by the script")
            }
            Act::Send { .. }
            | Act::Line { .. }
            | Act::Among { .. }
            | Act::Last(_)
            | Act::Exactly(_)
            | Act::Quiet(_)
            | Act::Pause(_)
            | Act::Within(_)
            | Act::ClientCloses
            | Act::ClientResets
            | Act::ServerCloses
            | Act::StartTls
            | Act::Asked(..)
            | Act::Answers(..)
            | Act::Dies(_)
            | Act::Silent(_) => continue,
        };
        return Some(format!("not supported here, line {}: {what}", step.line));
    }
    let waiting = script.waiting(options.within);
    (can.clock != Clock::Exact && waiting > options.waiting_max)
        .then(|| format!("waits {waiting:?} in real time, more than {:?}", options.waiting_max))
}

/// One variant's run.
pub(crate) struct Run {
    failure: Option<Failure>,
    notes: Vec<String>,
    transcript: Transcript,
    replies: Vec<(usize, String)>,
}

impl Run {
    fn troubled(script: &Script, variant: Variant, trouble: Trouble) -> Self {
        let line = script.steps.first().map_or(1, |step| step.line);
        let transcript = Transcript::default();
        let what = format!("the lane failed: {}", trouble.0);
        let failure = Failure { variant, line, what, got: Vec::new(), transcript: transcript.clone() };
        Self { failure: Some(failure), notes: Vec::new(), transcript, replies: Vec::new() }
    }
}

fn run_variant(
    script: &Script,
    lane: &mut dyn Lane,
    options: &Options,
    variant: Variant,
) -> Result<Run, Refused> {
    let abilities = lane.abilities();
    let mut stage = lane.open(&script.world)?;
    let mut performance = Performance::new(script, &mut *stage, &abilities, options, variant);
    let ended = performance.run();
    let (transcript, replies, notes) = performance.into_parts();
    let failure = ended.err().map(|stop| {
        let (line, what, got) = match stop {
            Stop::Otherwise { line, what, got } => (line, what, got),
            Stop::Trouble(trouble) => {
                let line = script.steps.last().map_or(1, |step| step.line);
                (line, format!("the lane failed: {}", trouble.0), Vec::new())
            }
        };
        Failure { variant, line, what, got, transcript: transcript.clone() }
    });
    Ok(Run { failure, notes, transcript, replies })
}

/// Both variants passed, and yet a wildcard may hide that they were answered differently.
fn disagreement(script: &Script, first: Option<&Run>, run: &Run, variant: Variant) -> Option<Failure> {
    let first = first?;
    let longer = first.replies.len().max(run.replies.len());
    let at =
        (0..longer).find(|at| first.replies.get(*at).map(|r| &r.1) != run.replies.get(*at).map(|r| &r.1))?;
    let said = |run: &Run| run.replies.get(at).map_or_else(|| "nothing".to_string(), |reply| reply.1.clone());
    let last = script.steps.last().map_or(1, |step| step.line);
    let line = run.replies.get(at).or(first.replies.get(at)).map_or(last, |reply| reply.0);
    Some(Failure {
        variant,
        line,
        what: format!("answered `{}` here, but `{}` as written", said(run), said(first)),
        got: Vec::new(),
        transcript: run.transcript.clone(),
    })
}

impl Judgement {
    /// The result for a reader: one line, or the failure's whole [report](Failure::report).
    pub fn report(&self, script: &Script, lane: &str) -> String {
        let notes: String = self.notes.iter().map(|note| format!(" ({note})")).collect();
        match &self.outcome {
            Outcome::Passed => format!("{}: passed in lane {lane}{notes}", script.file),
            Outcome::Skipped(reason) => format!("{}: skipped in lane {lane}: {reason}", script.file),
            Outcome::Failed(failure) => failure.report(script, lane).to_string(),
        }
    }
}

impl Failure {
    /// The failure for a reader: where, what, the script around it with the difference marked, and the real dialogue.
    pub fn report<'a>(&'a self, script: &'a Script, lane: &'a str) -> impl fmt::Display + 'a {
        crate::diff::Report { failure: self, script, lane }
    }
}
