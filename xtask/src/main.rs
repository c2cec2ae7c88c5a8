//! `cargo xtask`: the one door for developers. This file only knows the verbs and hands each to its room.
//!
//! It never does work of its own, and nothing that ships depends on it.

mod bench;
mod cargo;
mod check;
mod conformance;
mod deny;
mod fuzz;
mod lab;
mod peers;
mod replay;
mod script;
mod sim;
mod smoke;
mod spec;
mod states;
mod steps;
mod test;
mod tidy;

use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The one door for developers.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Door {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// fmt, tidy, clippy, unit tests, core-lane scripts, spec: all that a commit needs
    Check {
        /// Go on after a step has failed
        #[arg(long)]
        keep_going: bool,
    },
    /// Everything that must pass, from a fresh clone: what CI runs
    Test(test::Options),
    /// The laws of the house that neither rustc nor clippy knows
    Tidy,
    /// Requirements, code and scripts held against each other
    #[command(disable_help_flag = true)]
    Spec {
        /// Handed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// The states of a session: table and picture written anew, what has changed shown
    States,
    /// Every script in its lanes; any other server with --peer
    Conformance(conformance::Options),
    /// One script, or a folder of them
    Script(script::Options),
    /// A new script for a requirement: title, spec line, empty dialogue
    New {
        /// The requirement, such as rfc2920#3.2/4
        id: String,
    },
    /// Start the binary on loopback, send one message, find it in the spool, stop it
    Smoke {
        /// A binary built already (default: build the release)
        #[arg(long)]
        bin: Option<PathBuf>,
    },
    /// Load, latency, CPU and memory, alone or against other servers
    Bench(bench::Options),
    /// Simulated worlds under seeds, with faults; what fails is kept as a plan
    ///
    /// Such as `--seeds 2000`, `--seed 7`, `--plan FILE`, `--minutes 10`; `cargo xtask sim --help` tells more.
    #[command(disable_help_flag = true)]
    Sim {
        /// For the simulator, as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// A recorded session through a fresh core: equal, or the first difference
    Replay {
        /// Recordings of `smtpserver --record`
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run one fuzz target with coverage, on the stable toolchain
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let Some(verb) = Door::parse().verb else { return list() };
    match verb {
        Verb::Check { keep_going } => check::run(keep_going),
        Verb::Test(options) => test::run(&options),
        Verb::Tidy => tidy::run(),
        Verb::Spec { args } => spec::run(&args),
        Verb::States => states::run(),
        Verb::Conformance(options) => conformance::run(&options),
        Verb::Script(options) => script::run(&options),
        Verb::New { id } => script::new(&id),
        Verb::Smoke { bin } => smoke::run(bin),
        Verb::Bench(options) => bench::run(&options),
        Verb::Sim { args } => sim::run(&args),
        Verb::Replay { files } => replay::run(&files),
        Verb::Fuzz(options) => fuzz::run(&options),
    }
}

/// Each verb with its one line: what somebody new wants to see first.
fn list() -> ExitCode {
    println!("cargo xtask VERB\n");
    for verb in Door::command().get_subcommands() {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        println!("  {:<12} {about}", verb.get_name());
    }
    println!("\ncargo xtask VERB --help tells more.");
    ExitCode::SUCCESS
}
