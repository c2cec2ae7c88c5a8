//! `cargo xtask conformance`: the scripts in their lanes.
//!
//! The simulated lanes are a program of the simulator crate, which this crate must not depend on; the judge drives the
//! lanes that use sockets.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use smtpserver_conformance::{self as judge, Lane, Peer, Style, Suite, Tcp};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where the scripts are when none is named.
const SCRIPTS: &str = "conformance/rfc-scripts";

/// Where a script runs.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Where {
    /// A bare session: exact time, microseconds
    Core,
    /// The production driver on a simulated network: exact time, milliseconds
    Sim,
    /// Our binary, on loopback
    Tcp,
    /// A server that runs already (--peer)
    Peer,
    /// Core, sim and tcp, and peer if one is named
    All,
}

/// Which lanes and scripts.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the scripts run (default: all; with --peer alone: peer)
    #[arg(long, value_enum)]
    lane: Option<Where>,
    /// Judge this server
    #[arg(long, value_name = "HOST:PORT")]
    peer: Option<String>,
    /// Scripts or folders (default: all)
    paths: Vec<PathBuf>,
}

/// The verb.
pub(crate) fn run(options: &Options) -> ExitCode {
    let lane = options.lane.unwrap_or(if options.peer.is_some() { Where::Peer } else { Where::All });
    lanes(lane, options.peer.as_deref(), &options.paths, &[])
}

/// Runs the scripts in each of the lanes; `flags` are for the simulated lanes.
pub(crate) fn lanes(lane: Where, peer: Option<&str>, paths: &[PathBuf], flags: &[(&str, bool)]) -> ExitCode {
    let mut steps = Steps::new(true);
    if matches!(lane, Where::Core | Where::All) {
        steps.step("core lane", || Outcome::of(simulated("core", paths, flags)));
    }
    if matches!(lane, Where::Sim | Where::All) {
        steps.step("sim lane", || Outcome::of(simulated("sim", paths, flags)));
    }
    if matches!(lane, Where::Tcp | Where::All) {
        steps.step("tcp lane", || Outcome::of(tcp(paths)));
    }
    if lane == Where::Peer || (lane == Where::All && peer.is_some()) {
        steps.step("peer lane", || Outcome::of(self::peer(peer, paths)));
    }
    steps.finish()
}

/// The step of `cargo xtask test`.
pub(crate) fn tcp_step(steps: &mut Steps) {
    steps.step("scripts in the tcp lane", || {
        if cargo::root().join(SCRIPTS).is_dir() {
            Outcome::of(tcp(&[]))
        } else {
            Outcome::Skipped(format!("there is no {SCRIPTS}"))
        }
    });
}

fn simulated(lane: &str, paths: &[PathBuf], flags: &[(&str, bool)]) -> Result<(), String> {
    let mut command =
        cargo::command(&["run", "--quiet", "--package", "smtpserver-sim", "--bin", "smtpserver-lane", "--"]);
    command.args(["--lane", lane]);
    // It runs in the root; the paths were typed elsewhere.
    command.args(paths.iter().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())));
    command.args(flags.iter().filter(|(_, wanted)| *wanted).map(|(flag, _)| *flag));
    cargo::finish(&mut command)
}

fn tcp(paths: &[PathBuf]) -> Result<(), String> {
    let lane = Tcp::new(Some(cargo::server_binary(None)?)).map_err(|trouble| trouble.0)?;
    judge(Box::new(lane), paths)
}

fn peer(address: Option<&str>, paths: &[PathBuf]) -> Result<(), String> {
    let address = address.ok_or("say which: --peer HOST:PORT")?;
    judge(Box::new(Peer::new(address).map_err(|trouble| trouble.0)?), paths)
}

/// Runs the scripts in a lane that the judge can drive by itself.
fn judge(lane: Box<dyn Lane>, paths: &[PathBuf]) -> Result<(), String> {
    let all = [cargo::root().join(SCRIPTS)];
    let mut lanes = [lane];
    let mut good = true;
    for path in if paths.is_empty() { &all } else { paths } {
        let text = |err: std::io::Error| format!("{}: {err}", path.display());
        let suite = Suite::collect(path, None).map_err(text)?;
        let tally = suite
            .run(&mut lanes, &judge::Options::default(), Style::Dots, &mut std::io::stdout())
            .map_err(text)?;
        good &= tally.succeeded();
    }
    if good { Ok(()) } else { Err("see above".to_owned()) }
}
