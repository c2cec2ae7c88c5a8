//! `cargo xtask replay`: recorded sessions through the core as it is now. The server itself knows how; this builds it and
//! hands on the files. Nothing that they hold is looked at here.

use crate::cargo;
use std::path::PathBuf;
use std::process::ExitCode;

/// The verb.
pub(crate) fn run(files: &[PathBuf]) -> ExitCode {
    let mut command = cargo::command(&["run", "--quiet", "--package", "smtpserver", "--", "replay"]);
    for file in files {
        // Cargo runs in the root, and the files were named from where we are.
        command.arg(std::path::absolute(file).unwrap_or_else(|_| file.clone()));
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("replay: cargo: {err}");
            ExitCode::FAILURE
        }
    }
}
