//! `cargo xtask fuzz`: one target of the fuzz crate, built with coverage and run, on the stable toolchain.
//!
//! What it finds is written beside the committed corpus, where the ordinary tests replay it from then on. What it
//! merely learns stays under `target`.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Coverage as libFuzzer reads it, asked of LLVM by name: rustc's own switch for it is not on stable.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Runs of each target in `cargo xtask test`, which are always the same ones: as many as take some five seconds. Whoever
/// makes a target enters it here.
const RUNS: &[(&str, u32)] = &[
    ("auth_exchange", 500_000),
    ("chunk", 300_000),
    ("command", 400_000),
    ("conf", 2_000),
    ("dns_answer", 70_000),
    ("dotted", 80_000),
    ("line", 30_000),
    ("milter", 10_000),
    ("oracle", 150_000),
    ("params", 80_000),
    ("path", 30_000),
    ("plan", 60),
    ("policy_file", 100_000),
    ("policy_service", 10_000),
    ("policy_source", 12_000),
    ("proxy", 80_000),
    ("replay_log", 1_000),
    ("scram", 8_000),
    ("session", 1_500),
    ("spf_record", 5_000),
    ("xtext", 200_000),
];
/// Longest that one run may take. Worlds of the target `plan` take seconds, and others may need the machine as well.
const UNIT_SECONDS_MAX: u32 = 60;
/// Runs of a target that is not entered.
const RUNS_OF_OTHERS: u32 = 2_000;

/// How a target is run.
#[derive(Clone, Copy)]
enum Hunt {
    /// With what it learned before, and always anew.
    Anew,
    /// So many runs, the same ones each time: a commit that passed passes again.
    Same(u32),
}

/// Which target, how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file of fuzz/src/bin, without `.rs`; without it, all are listed
    target: Option<String>,
    /// How long
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,
    /// How long, in minutes instead
    #[arg(long, value_name = "M", conflicts_with = "seconds")]
    minutes: Option<u32>,
    /// For libFuzzer, as they are
    #[arg(last = true)]
    args: Vec<String>,
}

impl Options {
    fn seconds(&self) -> u32 {
        self.minutes.map_or(self.seconds, |minutes| minutes.saturating_mul(60))
    }
}

/// The verb.
pub(crate) fn run(options: &Options) -> ExitCode {
    let outcome = match &options.target {
        Some(target) => {
            known(target).and_then(|()| built()).and_then(|()| once(target, options.seconds(), &options.args))
        }
        None => targets().map(|names| println!("{}", names.join("\n"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fuzz: {why}");
            ExitCode::FAILURE
        }
    }
}

fn known(target: &str) -> Result<(), String> {
    let names = targets()?;
    let there = names.iter().any(|name| name == target);
    if there { Ok(()) } else { Err(format!("no target {target}; there are {}", names.join(" "))) }
}

/// A short run of each target, for `cargo xtask test`; no more than `seconds` each, where a machine is slow.
pub(crate) fn steps(steps: &mut Steps, seconds: u32) {
    let names = match targets() {
        Ok(names) if seconds > 0 && !names.is_empty() => names,
        Ok(_) => return steps.step("fuzz", || Outcome::Skipped("no targets, or no seconds".to_owned())),
        Err(why) => return steps.step("fuzz", || Outcome::Failed(why)),
    };
    steps.step("fuzz targets, built with coverage", || Outcome::of(built()));
    for name in names {
        let runs = RUNS.iter().find(|(target, _)| *target == name).map_or(RUNS_OF_OTHERS, |(_, runs)| *runs);
        steps.step(&format!("fuzz {name}, {runs} runs"), || Outcome::of(short(&name, seconds, runs)));
    }
}

/// The targets: one file each.
fn targets() -> Result<Vec<String>, String> {
    let folder = cargo::root().join("fuzz/src/bin");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|err| format!("{}: {err}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// Builds every target; a folder of their own keeps the flags from rebuilding everything else.
fn built() -> Result<(), String> {
    let mut command = cargo::command(&["build", "--release", "--package", "smtpserver-fuzz", "--bins"]);
    // A target that is named keeps the flags away from build scripts.
    command.args(["--target", &host()?]).arg("--target-dir").arg(folder());
    command.env("RUSTFLAGS", RUSTFLAGS);
    // Arithmetic that overflows is a finding; link-time optimisation would drop the coverage tables.
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo::finish(&mut command)
}

/// A run for people, who see all that libFuzzer says.
fn once(target: &str, seconds: u32, args: &[String]) -> Result<(), String> {
    cargo::finish(ready(target, seconds, Hunt::Anew)?.args(args))
        .map_err(|why| format!("{why}; {}", advice(target)))
}

/// A run among many, which says something only when it finds something.
fn short(target: &str, seconds: u32, runs: u32) -> Result<(), String> {
    let said = ready(target, seconds, Hunt::Same(runs))?.output().map_err(|err| err.to_string())?;
    if said.status.success() {
        return Ok(());
    }
    print!("{}", String::from_utf8_lossy(&said.stderr));
    Err(format!("{}; {}", said.status, advice(target)))
}

fn advice(target: &str) -> String {
    format!(
        "what broke it is now in fuzz/corpus/{target}: mend the cause, and commit the file with its reason"
    )
}

/// The program of a target with its bounds and its corpora, not yet started.
fn ready(target: &str, seconds: u32, hunt: Hunt) -> Result<Command, String> {
    if !targets()?.iter().any(|name| name == target) {
        return Err(format!("no such target: {target} (there are: {})", targets()?.join(" ")));
    }
    let learned = match hunt {
        Hunt::Anew => folder().join("corpus").join(target),
        Hunt::Same(_) => {
            let scratch = folder().join("scratch").join(target);
            // Missing is as good as empty.
            let _ = std::fs::remove_dir_all(&scratch);
            scratch
        }
    };
    let kept = cargo::root().join("fuzz/corpus").join(target);
    for place in [&learned, &kept] {
        std::fs::create_dir_all(place).map_err(|err| format!("{}: {err}", place.display()))?;
    }
    let mut command = Command::new(folder().join(host()?).join("release").join(target));
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-timeout={UNIT_SECONDS_MAX}"),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={}/", kept.display()),
    ]);
    if let Hunt::Same(runs) = hunt {
        command.args(["-seed=1".to_owned(), "-reload=0".to_owned(), format!("-runs={runs}")]);
    }
    command.arg(learned).arg(kept);
    Ok(command)
}

fn folder() -> PathBuf {
    cargo::target().join("fuzz")
}

/// The triple of this machine.
fn host() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).arg("-vV").output().map_err(|err| format!("rustc: {err}"))?;
    String::from_utf8_lossy(&told.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| "rustc does not say its host".to_owned())
}
