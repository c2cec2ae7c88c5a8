//! Runs scripts in a simulated lane: `smtpserver-lane [--lane core|sim] [--trace] [--bless] [--only TEXT] [PATH..]`.
//! The door for people is `cargo xtask script` and `cargo xtask conformance`.

use smtpserver_conformance::{Lane, Options, Outcome, Style, Suite, bless, judge};
use smtpserver_sim::{CoreLane, NetLane};
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
    let mut lane: Box<dyn Lane> = Box::new(CoreLane);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--lane" => lane = named(&arguments.next().unwrap_or_default())?,
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
    let mut lanes = [lane];
    for path in &paths {
        let suite =
            Suite::collect(path, only.as_deref()).map_err(|fault| format!("{}: {fault}", path.display()))?;
        if trace || write {
            good &= look_closely(&suite, &mut *lanes[0], trace, write)?;
        } else {
            let mut out = std::io::stdout().lock();
            let tally = suite
                .run(&mut lanes, &Options::default(), Style::Dots, &mut out)
                .map_err(|fault| fault.to_string())?;
            good &= tally.succeeded();
        }
    }
    Ok(good)
}

fn named(lane: &str) -> Result<Box<dyn Lane>, String> {
    match lane {
        "core" => Ok(Box::new(CoreLane)),
        "sim" => Ok(Box::new(NetLane)),
        other => Err(format!("there is no lane `{other}` here: core or sim")),
    }
}

/// Shows what was really said, and rewrites what the server says in the script where that is asked for.
fn look_closely(suite: &Suite, lane: &mut dyn Lane, trace: bool, write: bool) -> Result<bool, String> {
    let mut good = true;
    let mut out = std::io::stdout().lock();
    for complaint in suite.complaints() {
        good = false;
        writeln!(out, "{complaint}").map_err(|fault| fault.to_string())?;
    }
    for script in suite.scripts() {
        let judgement = judge(script, lane, &Options::default());
        let verdict = match &judgement.outcome {
            Outcome::Passed => String::from("passed"),
            Outcome::Skipped(why) => format!("skipped: {why}"),
            Outcome::Failed(failure) => {
                good = false;
                failure.report(script, lane.name()).to_string()
            }
        };
        writeln!(out, "{}: {verdict}", script.file).map_err(|fault| fault.to_string())?;
        if trace {
            writeln!(out, "{}", judgement.transcript).map_err(|fault| fault.to_string())?;
        }
        if write {
            match bless(script, lane, &Options::default()) {
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
