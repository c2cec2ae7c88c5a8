//! `cargo xtask test`: everything that must pass, from a fresh clone. What CI runs.

use crate::steps::{Outcome, Steps};
use crate::{cargo, check, conformance, deny, fuzz, peers, sim, smoke};
use std::process::ExitCode;

/// How strict and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A foreign program that is not installed is a failure, not a skipped step
    #[arg(long)]
    require_peers: bool,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// How long each fuzz target may take for its fixed number of runs; 0 runs none
    #[arg(long, default_value_t = 30, value_name = "N")]
    fuzz_seconds: u32,
}

/// The verb.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut steps = Steps::new(!options.fail_fast);
    check::style(&mut steps);
    peers::step(&mut steps, options.require_peers);
    deny::steps(&mut steps);
    steps.step("release build", || Outcome::of(cargo::run(&["build", "--quiet", "--release"])));
    steps.step("unit tests", || {
        // What fails must not hide what would fail behind it.
        let words = ["test", "--quiet", "--no-fail-fast", "--workspace"];
        let others = ["--exclude", "smtpserver-fuzz", "--exclude", "smtpserver"];
        Outcome::of(cargo::run(&[&words[..], &others].concat()))
    });
    steps.step("two evaluators of policy, a hundred thousand times, release build", || {
        let name = "a_hundred_thousand_times";
        let package = ["--package", "smtpserver-sim", "--test", "policies"];
        let cargo = [&["test", "--quiet", "--release"], &package[..], &["--"]].concat();
        Outcome::of(cargo::run(&[&cargo[..], &["--ignored", name]].concat()))
    });
    // Its tests flood the server with mail and kill it under load: that is to be seen of the program that is used.
    steps.step("the daemon's tests, release build", || {
        let mut command =
            cargo::command(&["test", "--quiet", "--no-fail-fast", "--release", "--package", "smtpserver"]);
        if options.require_peers {
            command.env(peers::REQUIRE_ENV, "1");
        }
        Outcome::of(cargo::finish(&mut command))
    });
    peers::features(&mut steps, options.require_peers);
    sim::step(&mut steps);
    check::scripts(&mut steps);
    check::spec(&mut steps);
    conformance::tcp_step(&mut steps);
    steps.step("smoke", smoke::step);
    steps.step("fuzz corpora, replayed", || {
        Outcome::of(cargo::run(&["test", "--quiet", "--package", "smtpserver-fuzz"]))
    });
    fuzz::steps(&mut steps, options.fuzz_seconds);
    steps.finish()
}
