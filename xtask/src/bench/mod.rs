//! `cargo xtask bench`: messages a second, latency, processor time and memory, alone or beside other servers.
//!
//! Our server is started anew for every run, in a fresh folder; the others run already and are taken in turn with
//! it, so that all see the same machine. Loopback only, and bounded in time.

mod idle;
mod load;
mod report;
mod subject;
mod wire;

use crate::cargo;
use crate::lab::{Scratch, Server};
use load::{Load, Sample};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use wire::Script;

/// What is measured, and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Counted seconds of each run
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Runs of each case; medians are shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Only the rules and the rate windows: a million entries and a million sources, in memory and time
    #[arg(long, exclusive = true)]
    policy: bool,
    /// Only TLS: handshakes, one long message, and the memory of idle connections; a --peer must speak SMTPS
    #[arg(long, conflicts_with_all = ["cases", "dir", "bin", "no_ours", "json"])]
    tls: bool,
    /// Only cases whose name holds this, such as 4k/10 or reuse (repeatable)
    #[arg(long = "case", value_name = "PART")]
    cases: Vec<String>,
    /// Idle connections to weigh (repeatable; 0: none)
    #[arg(long, value_name = "N", default_values_t = [1000, 10_000])]
    idle: Vec<usize>,
    /// Where the spool goes (default: beneath target)
    #[arg(long)]
    dir: Option<PathBuf>,
    /// A server that runs already on loopback (repeatable; the first is the yardstick)
    #[arg(long = "peer", value_name = "NAME=HOST:PORT", value_parser = peer)]
    peers: Vec<Peer>,
    /// A binary built already (default: build the release)
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Measure only the peers
    #[arg(long)]
    no_ours: bool,
    /// To whom every message goes
    #[arg(long, default_value = "postmaster")]
    to: String,
    /// All numbers, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    fn wants(&self, case: &Case) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|part| case.name().contains(part))
    }
}

/// A server that somebody else started.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    name: String,
    address: SocketAddr,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.1..=60.0).contains(&value) => Ok(value),
        Ok(_) | Err(_) => Err("between 0.1 and 60".to_owned()),
    }
}

fn peer(text: &str) -> Result<Peer, String> {
    let (name, address) = text.split_once('=').ok_or("NAME=HOST:PORT")?;
    let address: SocketAddr = address.parse().map_err(|err| format!("{address}: {err}"))?;
    if !address.ip().is_loopback() {
        return Err("only loopback is measured".to_owned());
    }
    Ok(Peer { name: name.to_owned(), address })
}

/// One way to send.
struct Case {
    octets: usize,
    connections: usize,
    reuse: bool,
}

impl Case {
    /// Such as `4k/10/reuse`.
    fn name(&self) -> String {
        let how = if self.reuse { "reuse" } else { "new" };
        format!("{}k/{}/{how}", self.octets / 1024, self.connections)
    }
}

const CASES: [Case; 9] = [
    Case { octets: 4 * 1024, connections: 1, reuse: true },
    Case { octets: 4 * 1024, connections: 10, reuse: true },
    Case { octets: 4 * 1024, connections: 100, reuse: true },
    Case { octets: 4 * 1024, connections: 1, reuse: false },
    Case { octets: 4 * 1024, connections: 10, reuse: false },
    Case { octets: 4 * 1024, connections: 100, reuse: false },
    Case { octets: 100 * 1024, connections: 1, reuse: true },
    Case { octets: 100 * 1024, connections: 10, reuse: true },
    Case { octets: 100 * 1024, connections: 100, reuse: true },
];

const WARM_UP: Duration = Duration::from_millis(500);

/// Who is measured.
enum Subject<'a> {
    /// Ours: its binary, and the folder beneath which its spools go.
    Ours(&'a Path),
    /// Another.
    Peer(&'a Peer),
}

impl Subject<'_> {
    fn name(&self) -> &str {
        match self {
            Subject::Ours(_) => "smtpserver",
            Subject::Peer(peer) => &peer.name,
        }
    }
}

/// The verb.
pub(crate) fn run(options: &Options) -> ExitCode {
    match measure(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured in the core itself: ignored tests, as they need a release build and some seconds.
const IN_CORE: [&str; 2] = [
    "policy::evaluate::tests::size::a_million_entries",
    "server::rate_window::tests::size::a_million_sources",
];

/// Tells the test that measures TLS who else is there.
const TLS_PEERS: &str = "SMTPSERVER_TLS_PEERS";

fn measure(options: &Options) -> Result<(), String> {
    if options.policy {
        let flags = ["--ignored", "--nocapture", "--exact", "--test-threads", "1"];
        let cargo = ["test", "--quiet", "--release", "--package", "smtpserver-core", "--lib", "--"];
        return cargo::run(&[&cargo[..], &flags, &IN_CORE].concat());
    }
    if options.tls {
        let cargo = ["test", "--quiet", "--release", "--package", "smtpserver", "--test", "daemon", "--"];
        let flags = ["--ignored", "--nocapture", "--exact", "tls::measured::what_tls_costs"];
        let peers: Vec<String> =
            options.peers.iter().map(|peer| format!("{}={}", peer.name, peer.address)).collect();
        let mut command = cargo::command(&[&cargo[..], &flags].concat());
        return cargo::finish(command.env(TLS_PEERS, peers.join(" ")));
    }
    if !options.cases.is_empty() && !CASES.iter().any(|case| options.wants(case)) {
        let names: Vec<String> = CASES.iter().map(Case::name).collect();
        return Err(format!("no case is named so; there are {}", names.join(" ")));
    }
    raise_file_limit()?;
    let binary = if options.no_ours { None } else { Some(cargo::server_binary(options.bin.as_deref())?) };
    // The peers come first: the first of them is the yardstick.
    let mut subjects: Vec<Subject<'_>> = options.peers.iter().map(Subject::Peer).collect();
    subjects.extend(binary.as_deref().map(Subject::Ours));
    let mut report = report::Report::new(subjects.iter().map(|subject| subject.name().to_owned()).collect());

    for case in CASES.iter().filter(|case| options.wants(case)) {
        let script = Script::new(&options.to, case.octets);
        let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (index, subject) in subjects.iter().enumerate() {
                // A subject that fails keeps its place in the table, with the reason.
                samples[index].push(once(subject, case, &script, options).unwrap_or_else(|why| Sample {
                    failed: 1,
                    trouble: why,
                    ..Sample::default()
                }));
            }
        }
        report.case(&case.name(), samples);
    }
    let script = Script::new(&options.to, 1024);
    for connections in options.idle.iter().filter(|count| **count > 0) {
        for subject in &subjects {
            let weighed = weigh(subject, *connections, &script, options);
            report.idle(subject.name(), *connections, weighed);
        }
    }
    report.finish(options.json.as_deref())
}

/// One run of one case.
fn once(subject: &Subject<'_>, case: &Case, script: &Script, options: &Options) -> Result<Sample, String> {
    on(subject, options, |address, pid| {
        Load {
            address,
            connections: case.connections,
            reuse: case.reuse,
            script,
            warm_up: WARM_UP,
            window: Duration::from_secs_f64(options.seconds),
            server_cpu: &|| pid.and_then(subject::cpu_us),
        }
        .run()
    })
}

fn weigh(
    subject: &Subject<'_>,
    connections: usize,
    script: &Script,
    options: &Options,
) -> Result<idle::Idle, String> {
    on(subject, options, |address, pid| {
        let pid = pid.ok_or("its process is not to be found")?;
        // One message first, so that what is made once is not charged to the idle.
        let warm = Duration::from_millis(200);
        let server_cpu: &dyn Fn() -> Option<u64> = &|| None;
        Load { address, connections: 1, reuse: true, script, warm_up: warm, window: warm, server_cpu }
            .run()?;
        idle::measure(address, pid, connections, script)
    })
}

/// Does something to a subject that runs; ours is started for it and stopped afterwards.
fn on<T>(
    subject: &Subject<'_>,
    options: &Options,
    work: impl FnOnce(SocketAddr, Option<u32>) -> Result<T, String>,
) -> Result<T, String> {
    match subject {
        Subject::Peer(peer) => work(peer.address, subject::listener(peer.address)),
        Subject::Ours(binary) => {
            let scratch = Scratch::new("bench", options.dir.as_deref())?;
            let server = Server::foreground(binary, scratch.path(), &limits())?;
            let result = work(server.address, Some(server.pid()));
            server.stop()?;
            drop(scratch);
            // What was thrown away is written back now, and not into the next run.
            nix::unistd::sync();
            result
        }
    }
}

/// The limits that would stop a load from few addresses, lifted.
fn limits() -> Vec<String> {
    ["--param", "MaxSameIpSource 20000", "--param", "MaxParallelConnections 20000"]
        .map(str::to_owned)
        .to_vec()
}

/// As many open files as we may have; a server that we start inherits it.
fn raise_file_limit() -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|err| err.to_string())?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(|err| format!("limit of open files: {err}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_on_loopback() {
        let address = "127.0.0.1:25".parse().unwrap();
        assert_eq!(peer("postfix=127.0.0.1:25"), Ok(Peer { name: "postfix".to_owned(), address }));
        assert!(peer("far=192.0.2.1:25").is_err());
        assert!(peer("127.0.0.1:25").is_err());
    }

    #[test]
    fn cases_are_named_once() {
        let mut names: Vec<String> = CASES.iter().map(Case::name).collect();
        assert_eq!(names[1], "4k/10/reuse");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }
}
