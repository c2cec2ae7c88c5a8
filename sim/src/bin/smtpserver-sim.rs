//! Runs worlds: `smtpserver-sim --seeds N | --seed S | --plan FILE | --minutes M`. What fails is shown with its seed,
//! its first bad event and a plan made small, which is kept in a file. The door for people is `cargo xtask sim`.

use clap::{ArgGroup, Parser};
use smtpserver::clock::{Clock, SystemClock};
use smtpserver_core::Instant;
use smtpserver_sim::des::Plant;
use smtpserver_sim::net;
use smtpserver_sim::plan::{self, Plan};
use smtpserver_sim::runner::{Failure, Judged, Options, judge, run_seeds, smallest};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events before the first bad one that are shown.
const SHOWN_BEFORE: usize = 25;
/// A line of progress after so many seconds.
const PROGRESS_SECONDS: u64 = 2;

/// Simulated worlds under seeds: whatever fails can be replayed exactly.
#[derive(Debug, Parser)]
#[command(name = "smtpserver-sim", max_term_width = 110)]
#[command(group = ArgGroup::new("what").required(true).args(["seeds", "seed", "plan", "minutes"]))]
struct Arguments {
    /// This many seeds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    seeds: Option<u64>,
    /// One seed, with its trace
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// A plan from a file, with its trace
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Seeds for so many minutes
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=525_600))]
    minutes: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1 << 62))]
    from: u64,
    /// Each world once only, not twice
    #[arg(long)]
    once: bool,
    /// Many honest clients and no trouble: 50 clients with 10 messages each
    #[arg(long)]
    crowd: bool,
    /// The production driver on a simulated network, instead of the event loop
    #[arg(long, conflicts_with_all = ["plan", "crowd", "plant", "write_plan", "threads"])]
    net: bool,
    /// With a defect planted
    #[arg(long, value_name = "NAME")]
    plant: Option<Plant>,
    /// Threads
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print the fingerprint of each world
    #[arg(long)]
    fingerprints: bool,
    /// Show a failing world's trace from its beginning
    #[arg(long)]
    trace: bool,
    /// Do not make a failing plan small
    #[arg(long)]
    no_shrink: bool,
    /// Write the plan of --seed into this file, and do nothing else
    #[arg(long, value_name = "FILE", requires = "seed")]
    write_plan: Option<PathBuf>,
    /// Where failing plans are kept
    #[arg(long, value_name = "DIR", default_value = "target/sim")]
    keep: PathBuf,
}

fn main() -> ExitCode {
    // What an assertion says is part of the report; a thread's own words would come in between.
    std::panic::set_hook(Box::new(|_| {}));
    match go(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            tell(&format!("smtpserver-sim: {fault}"));
            ExitCode::from(2)
        }
    }
}

fn go(arguments: &Arguments) -> Result<bool, String> {
    if arguments.once && matches!(arguments.plant, Some(Plant::HashOrder | Plant::UnbiasedSelect)) {
        return Err("this defect shows only when a world happens twice: leave --once out".into());
    }
    if arguments.net {
        // Here a panic is not part of a report that somebody prints.
        drop(std::panic::take_hook());
        return Ok(net(arguments));
    }
    let make = |seed| if arguments.crowd { plan::crowd(seed, 50, 10) } else { plan::generate(seed) };
    if let Some(path) = &arguments.plan {
        return one(arguments, &plan::load(path).map_err(|fault| format!("{}: {fault}", path.display()))?);
    }
    if let Some(seed) = arguments.seed {
        let plan = make(seed);
        if let Some(path) = &arguments.write_plan {
            plan::save(&plan, &format!("seed {seed}"), path).map_err(|fault| fault.to_string())?;
            return Ok(true);
        }
        return one(arguments, &plan);
    }
    let clock = SystemClock::default();
    let began = clock.now().instant;
    let end = arguments.seeds.map_or(u64::MAX, |seeds| arguments.from.saturating_add(seeds));
    let time = arguments.minutes.map(|minutes| minutes * 60);
    let threads = arguments
        .threads
        .or_else(|| std::thread::available_parallelism().ok().map(std::num::NonZero::get))
        .unwrap_or(1);
    let fingerprints = arguments.fingerprints;
    let options = Options { threads, twice: !arguments.once, fingerprints, plant: arguments.plant };
    let mut progress = Progress { began, told: 0, from: arguments.from, end, time };
    let mut failed = None;
    let mut good = 0;
    run_seeds((arguments.from, end), options, make, |judged| {
        let seconds = clock.now().instant.since(began).as_secs();
        match &judged.outcome {
            Ok(fingerprint) => {
                good += 1;
                if let Some(fingerprint) = fingerprint {
                    say(&format!("{} {fingerprint:016x}", judged.seed));
                }
            }
            Err(_) => {
                failed = Some(judged);
                return false;
            }
        }
        progress.tell(seconds, good);
        time.is_none_or(|time| seconds < time)
    });
    let took = clock.now().instant.since(began).as_secs_f64();
    if let Some(judged) = failed {
        report(arguments, judged)?;
        return Ok(false);
    }
    let times = if options.twice { "twice" } else { "once" };
    let runs = if options.twice { good * 2 } else { good };
    let rate = f64::from(u32::try_from(runs).unwrap_or(u32::MAX)) / took.max(0.001) * 60.0;
    tell(&format!("{good} seeds, each {times}, no law broken: {took:.1} s, {rate:.0} runs a minute"));
    Ok(true)
}

/// Worlds of the simulated network, one after the other; whether all are good.
fn net(arguments: &Arguments) -> bool {
    let clock = SystemClock::default();
    let began = clock.now().instant;
    let (from, end) = match (arguments.seed, arguments.seeds) {
        (Some(seed), _) => (seed, seed.saturating_add(1)),
        (None, Some(seeds)) => (arguments.from, arguments.from.saturating_add(seeds)),
        (None, None) => (arguments.from, u64::MAX),
    };
    let time = arguments.minutes.map(|minutes| minutes * 60);
    let mut progress = Progress { began, told: 0, from, end, time };
    let mut good = 0_u64;
    for seed in from..end {
        let plan = net::Plan::of(seed);
        let mut outcome = net::run(&plan, arguments.trace || arguments.seed.is_some());
        if !arguments.once && net::run(&plan, false).hash != outcome.hash {
            outcome.broken.push("repeatable: the second run differs".to_owned());
        }
        outcome.lines.iter().for_each(|line| say(line));
        if !outcome.broken.is_empty() {
            tell(&format!("seed {seed} at commit {}", commit()));
            outcome.broken.iter().for_each(|what| tell(what));
            tell(&format!("{plan:#?}\nagain: cargo xtask sim --net --seed {seed}"));
            return false;
        }
        if arguments.fingerprints {
            say(&format!("{seed} {:016x}", outcome.hash));
        }
        let seconds = clock.now().instant.since(began).as_secs();
        good += 1;
        progress.tell(seconds, good);
        if time.is_some_and(|time| seconds >= time) {
            break;
        }
    }
    let times = if arguments.once { "once" } else { "twice" };
    tell(&format!("{good} seeds on the network, each {times}, no law broken"));
    true
}

/// Progress, with the rate and the time that is left.
struct Progress {
    began: Instant,
    told: u64,
    from: u64,
    end: u64,
    time: Option<u64>,
}

impl Progress {
    fn tell(&mut self, seconds: u64, good: u64) {
        if seconds < self.told + PROGRESS_SECONDS || self.began == Instant::from_micros(u64::MAX) {
            return;
        }
        self.told = seconds;
        let rate = good / seconds.max(1);
        let left = match self.time {
            Some(time) => time.saturating_sub(seconds),
            None => (self.end - self.from - good).checked_div(rate).unwrap_or(0),
        };
        tell(&format!("seed {}: {good} good, {rate} a second, {left} s left", self.from + good));
    }
}

/// One plan, with its trace.
fn one(arguments: &Arguments, plan: &Plan) -> Result<bool, String> {
    match judge(plan, arguments.plant, !arguments.once) {
        Ok(run) => {
            for entry in run.trace.entries() {
                say(&entry.to_string());
            }
            say(&format!(
                "{} events, fingerprint {:016x}, no law broken",
                run.trace.entries().len(),
                run.trace.fingerprint()
            ));
            Ok(true)
        }
        Err(failure) => {
            report(arguments, Judged { seed: plan.seed, plan: plan.clone(), outcome: Err(failure) })?;
            Ok(false)
        }
    }
}

/// What failed: its seed, its first bad event, and a plan made small.
fn report(arguments: &Arguments, judged: Judged) -> Result<(), String> {
    let Err(failure) = judged.outcome else { return Ok(()) };
    tell(&format!("seed {} at commit {}", judged.seed, commit()));
    tell(&failure.violation.to_string());
    show(arguments, &failure);
    let (plan, how) = if arguments.no_shrink {
        (judged.plan, "as it was")
    } else {
        tell("making the plan small ...");
        (smallest(&judged.plan, arguments.plant, failure.violation.law), "made small")
    };
    let why = judge(&plan, arguments.plant, true).err().unwrap_or(failure).violation.to_string();
    std::fs::create_dir_all(&arguments.keep)
        .map_err(|error| format!("{}: {error}", arguments.keep.display()))?;
    let path = arguments.keep.join(format!("seed-{}-law-{}.plan", judged.seed, law_of(&why)));
    plan::save(&plan, &why, &path).map_err(|fault| fault.to_string())?;
    tell(&format!(
        "the plan, {how} ({} clients, {} faults): {}",
        plan.clients.len(),
        plan.faults.len(),
        path.display()
    ));
    tell(&format!("again: {}", again(arguments, &path)));
    Ok(())
}

fn law_of(why: &str) -> &str {
    why.split(' ').nth(1).unwrap_or("x")
}

fn again(arguments: &Arguments, path: &Path) -> String {
    let plant = arguments.plant.map(|plant| format!(" --plant {plant}")).unwrap_or_default();
    format!("cargo xtask sim --plan {}{plant}", path.display())
}

/// The events up to the first bad one.
fn show(arguments: &Arguments, failure: &Failure) {
    let entries = failure.run.trace.entries();
    let bad = failure.violation.entry.unwrap_or(entries.len().saturating_sub(1));
    let first = if arguments.trace { 0 } else { bad.saturating_sub(SHOWN_BEFORE) };
    for (index, entry) in entries.iter().enumerate().skip(first).take(bad + 1 - first) {
        tell(&format!("{} {entry}", if index == bad { ">" } else { " " }));
    }
}

fn commit() -> String {
    let output = std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    output
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_else(|| "unknown".into())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
