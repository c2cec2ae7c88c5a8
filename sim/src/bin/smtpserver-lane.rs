//! Runs scripts in the core lane: `smtpserver-lane [--trace] [--bless] [--only TEXT] [PATH..]`.
//! The door for people is `cargo xtask script` and `cargo xtask conformance --lane core`.

use smtpserver_conformance::{Options, Outcome, Style, Suite, bless, judge};
use smtpserver_sim::CoreLane;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the scripts are when nothing is named.
const SCRIPTS: &str = "conformance/rfc-scripts";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            let _ = writeln!(std::io::stderr(), "smtpserver-lane: {fault}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let (mut trace, mut write, mut only, mut paths) = (false, false, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--trace" => trace = true,
            "--bless" => write = true,
            "--only" => only = Some(arguments.next().ok_or("--only needs a text")?),
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            path => paths.push(PathBuf::from(path)),
        }
    }
    if paths.is_empty() {
        paths.push(PathBuf::from(SCRIPTS));
    }
    let mut good = true;
    for path in &paths {
        let suite =
            Suite::collect(path, only.as_deref()).map_err(|fault| format!("{}: {fault}", path.display()))?;
        if trace || write {
            good &= look_closely(&suite, trace, write)?;
        } else {
            let mut out = std::io::stdout().lock();
            let tally = suite
                .run(&mut [Box::new(CoreLane)], &Options::default(), Style::Dots, &mut out)
                .map_err(|fault| fault.to_string())?;
            good &= tally.succeeded();
        }
    }
    Ok(good)
}

/// Shows what was really said, and rewrites what the server says in the script where that is asked for.
fn look_closely(suite: &Suite, trace: bool, write: bool) -> Result<bool, String> {
    let mut good = true;
    let mut out = std::io::stdout().lock();
    for complaint in suite.complaints() {
        good = false;
        writeln!(out, "{complaint}").map_err(|fault| fault.to_string())?;
    }
    for script in suite.scripts() {
        let judgement = judge(script, &mut CoreLane, &Options::default());
        let verdict = match &judgement.outcome {
            Outcome::Passed => String::from("passed"),
            Outcome::Skipped(why) => format!("skipped: {why}"),
            Outcome::Failed(failure) => {
                good = false;
                failure.report(script, "core").to_string()
            }
        };
        writeln!(out, "{}: {verdict}", script.file).map_err(|fault| fault.to_string())?;
        if trace {
            writeln!(out, "{}", judgement.transcript).map_err(|fault| fault.to_string())?;
        }
        if write {
            match bless(script, &mut CoreLane, &Options::default()) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    std::fs::write(Path::new(&script.file), text).map_err(|fault| fault.to_string())?;
                }
                Err(refused) => {
                    writeln!(out, "{}: {refused:?}", script.file).map_err(|fault| fault.to_string())?
                }
            }
        }
    }
    Ok(good)
}
