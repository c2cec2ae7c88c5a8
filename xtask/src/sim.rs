//! `cargo xtask sim`: builds the simulator and hands on the words. What worlds are and what breaks a law is known in the
//! `sim` crate only.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use std::path::Path;
use std::process::ExitCode;

/// Seeds of the commit check, each twice.
const SEEDS: u32 = 2_000;

/// The verb.
pub(crate) fn run(args: &[String]) -> ExitCode {
    // Cargo runs in the root, and files were named from where we are.
    let mut is_file = false;
    let args = args.iter().map(|arg| {
        let path =
            std::mem::replace(&mut is_file, matches!(arg.as_str(), "--plan" | "--keep" | "--write-plan"));
        match std::path::absolute(Path::new(arg)) {
            Ok(absolute) if path => absolute.into_os_string(),
            Ok(_) | Err(_) => arg.into(),
        }
    });
    match cargo::command(&[
        "run",
        "--quiet",
        "--release",
        "--package",
        "smtpserver-sim",
        "--bin",
        "smtpserver-sim",
        "--",
    ])
    .args(args)
    .status()
    {
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => {
            eprintln!("sim: cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// For `cargo xtask test`: many seeds, each twice.
pub(crate) fn step(steps: &mut Steps) {
    steps.step(&format!("{SEEDS} simulated worlds, each twice"), || {
        let seeds = SEEDS.to_string();
        Outcome::of(cargo::run(&[
            "run",
            "--quiet",
            "--release",
            "--package",
            "smtpserver-sim",
            "--bin",
            "smtpserver-sim",
            "--",
            "--seeds",
            &seeds,
        ]))
    });
}
