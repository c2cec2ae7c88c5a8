//! What is depended on: licences, bans, sources and known defects, as `deny.toml` has it, by `cargo deny`. Where that
//! program is not installed this is skipped, loudly: it takes minutes to compile, and nothing else here needs it.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use std::process::Stdio;

/// Two steps: what the lock file alone tells, and what the database of advisories says, which is on the net.
pub(crate) fn steps(steps: &mut Steps) {
    steps.step("dependencies: licences, bans, sources", || {
        if !succeeds(&["deny", "--version"]) {
            return Outcome::Skipped(
                "cargo-deny is not installed (cargo install cargo-deny --locked)".into(),
            );
        }
        let words = ["deny", "--log-level", "error", "check", "licenses", "bans", "sources"];
        Outcome::of(cargo::run(&words))
    });
    steps.step("dependencies: advisories", || {
        if !succeeds(&["deny", "--version"]) {
            return Outcome::Skipped(
                "cargo-deny is not installed (cargo install cargo-deny --locked)".into(),
            );
        }
        if !succeeds(&["deny", "fetch", "db"]) {
            return Outcome::Skipped("the database of advisories cannot be fetched".into());
        }
        Outcome::of(cargo::run(&["deny", "--log-level", "error", "check", "--disable-fetch", "advisories"]))
    });
}

fn succeeds(words: &[&str]) -> bool {
    let mut command = cargo::command(words);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
