//! A run of named steps: each is shown with its time, and the last line counts them.
//!
//! It knows nothing of what a step does. A step that could not be tried is skipped, loudly; it never passes silently.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it claims.
    Passed,
    /// It did not; the reason in one line.
    Failed(String),
    /// It could not be tried here; the reason in one line.
    Skipped(String),
}

impl Outcome {
    /// Passed, or failed with this reason.
    pub(crate) fn of(result: Result<(), String>) -> Outcome {
        match result {
            Ok(()) => Outcome::Passed,
            Err(why) => Outcome::Failed(why),
        }
    }
}

/// Says loudly, on a line of its own, that something was not tried.
pub(crate) fn skipped(what: &str) {
    println!("SKIPPED: {what}");
}

/// The steps of one verb, in order.
pub(crate) struct Steps {
    keep_going: bool,
    done: Vec<(String, Outcome, Duration)>,
}

impl Steps {
    /// With `keep_going` a failure does not stop the steps after it.
    pub(crate) fn new(keep_going: bool) -> Steps {
        Steps { keep_going, done: Vec::new() }
    }

    /// Runs one step, unless an earlier one failed and that ends the run.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        if self.stopped() {
            return;
        }
        println!("==> {name}");
        let begun = Instant::now();
        let outcome = work();
        let took = begun.elapsed();
        match &outcome {
            Outcome::Passed => println!("    {name}: ok, {:.1} s", took.as_secs_f64()),
            Outcome::Failed(why) => println!("    {name}: FAILED after {:.1} s: {why}", took.as_secs_f64()),
            Outcome::Skipped(why) => skipped(&format!("{name}: {why}")),
        }
        self.done.push((name.to_owned(), outcome, took));
    }

    fn stopped(&self) -> bool {
        !self.keep_going && self.count(|outcome| matches!(outcome, Outcome::Failed(_))) > 0
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.done.iter().filter(|(_, outcome, _)| wanted(outcome)).count()
    }

    /// The closing line, and what the process should say to its caller.
    pub(crate) fn finish(self) -> ExitCode {
        println!();
        for (name, outcome, took) in &self.done {
            let (word, why) = match outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
                Outcome::Skipped(why) => ("skipped", why.as_str()),
            };
            println!("{word:<8} {:>7.1} s  {name}  {why}", took.as_secs_f64());
        }
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        println!("{}", self.summary());
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn summary(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.count(|outcome| *outcome == Outcome::Passed),
            self.count(|outcome| matches!(outcome, Outcome::Failed(_))),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_)))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stops_the_steps_after_it() {
        let mut steps = Steps::new(false);
        steps.step("one", || Outcome::Passed);
        steps.step("two", || Outcome::Failed("no".to_owned()));
        steps.step("three", || panic!("must not run"));
        assert_eq!(steps.summary(), "1 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn keep_going_runs_them_all() {
        let mut steps = Steps::new(true);
        steps.step("one", || Outcome::Failed("no".to_owned()));
        steps.step("two", || Outcome::Skipped("not here".to_owned()));
        steps.step("three", || Outcome::Passed);
        assert_eq!(steps.summary(), "1 passed, 1 failed, 1 skipped");
    }
}
