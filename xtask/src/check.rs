//! `cargo xtask check`: what a commit needs, in under two minutes on a warm build.
//!
//! The steps are here because `cargo xtask test` takes them too.

use crate::steps::{self, Outcome, Steps};
use crate::{cargo, spec, tidy};
use std::process::ExitCode;

/// The verb.
pub(crate) fn run(keep_going: bool) -> ExitCode {
    let mut steps = Steps::new(keep_going);
    style(&mut steps);
    // `--lib --bins` leaves out the tests that start servers; fuzz is no default member and is left out with them.
    steps.step("unit tests", || Outcome::of(cargo::run(&["test", "--quiet", "--lib", "--bins"])));
    scripts(&mut steps);
    spec(&mut steps);
    steps.finish()
}

/// What can be said without running anything: cheapest first.
pub(crate) fn style(steps: &mut Steps) {
    steps.step("fmt", || Outcome::of(cargo::run(&["fmt", "--all", "--check"])));
    steps.step("tidy", || {
        if tidy::check() { Outcome::Passed } else { Outcome::Failed("see the findings above".to_owned()) }
    });
    steps.step("clippy", || {
        Outcome::of(cargo::run(&[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    });
}

/// Every script against a bare session.
pub(crate) fn scripts(steps: &mut Steps) {
    steps.step("scripts in the core lane", || {
        if !cargo::root().join("sim/tests/scripts.rs").exists() {
            return Outcome::Skipped("there is no sim/tests/scripts.rs".to_owned());
        }
        Outcome::of(cargo::run(&["test", "--quiet", "--package", "smtpserver-sim", "--test", "scripts"]))
    });
}

/// Requirements, code and scripts agree; where the texts of the RFCs are at hand, they too.
pub(crate) fn spec(steps: &mut Steps) {
    let texts = cargo::test_data().join("rfc");
    let mut args = Vec::new();
    if texts.is_dir() {
        args.extend(["--texts".to_owned(), texts.display().to_string()]);
    } else {
        steps::skipped(&format!(
            "{} is not there: the tables are not held against the texts",
            texts.display()
        ));
    }
    steps.step("spec", || {
        if spec::run(&args) == ExitCode::SUCCESS {
            Outcome::Passed
        } else {
            Outcome::Failed("see above".to_owned())
        }
    });
}
