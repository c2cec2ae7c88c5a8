//! `smtpserver check-config`: what is wrong, or what would run and what it could cost. It listens on nothing.

mod group;

use crate::Stop;
use crate::args::DaemonArgs;
use crate::auth::{self, BackEnds};
use crate::clock::{Clock, SystemClock};
use crate::config_file::{self, Loaded};
use crate::policy_build;
use crate::policy_db::PolicyDb;
use crate::process::privileges;
use crate::spool_fs;
use crate::subserver::Plan;
use smtpserver_core::Duration;
use smtpserver_core::config::worst::{self, Worst};
use std::fmt::Write;
use std::path::Path;

/// Checks, and prints what would run.
pub(crate) fn run(args: DaemonArgs) -> Result<(), Stop> {
    let loaded = config_file::load(&args, &[]).map_err(config_file::LoadFault::tell)?;
    loaded.tell();
    privileges::exists(loaded.configuration.global().run_as.as_ref())
        .map_err(|why| loaded.blame("user", why))?;
    // Whether what it names can be started.
    let plan = Plan::of(&args, &loaded, &loaded.postoffice)?;
    let groups = loaded.configuration.groups.iter().map(|group| &group.settings);
    drop(auth::ready(groups, &BackEnds::default(), false).map_err(Stop::unfit)?);
    if let Err(fault) = spool_fs::find(&loaded.postoffice) {
        eprintln!("smtpserver: warning: {fault}");
    }
    for remark in policy_remarks(&loaded) {
        eprintln!("{remark}");
    }
    print!("{}", page(&loaded, plan.router()));
    Ok(())
}

/// What `policy build` would say of the policies, each once.
fn policy_remarks(loaded: &Loaded) -> Vec<String> {
    let sources = loaded.configuration.groups.iter().map(|group| &group.settings.sources);
    let named = sources.flat_map(|sources| [&sources.policydb, &sources.policydb_submit]).flatten();
    let mut seen: Vec<PolicyDb> = named.flat_map(|db| PolicyDb::new(&db.kind, Path::new(&db.path))).collect();
    seen.sort();
    seen.dedup();
    seen.iter().flat_map(policy_build::remarks).collect()
}

/// The page about a configuration that is fit.
fn page(loaded: &Loaded, router: Option<&Path>) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out += &text;
        out.push('\n');
    };
    let configuration = &loaded.configuration;
    match &loaded.file {
        Some(path) => line(format!("{} is fit to serve.", path.display())),
        None => line("There is no configuration file: the defaults hold.".into()),
    }
    if let Some(path) = &loaded.zenv {
        line(format!("Variables come from {}.", path.display()));
    }
    line(format!("The spool is {}.", loaded.postoffice.display()));
    line(String::new());
    line("services".into());
    for wanted in &loaded.wanted {
        let optional = if wanted.optional { ", if this machine has it" } else { "" };
        let address = wanted.address.to_string();
        line(format!("  {:6} {address:24} ({}{optional})", wanted.settings.service, wanted.asked_by));
    }
    certificates(loaded, &mut line);
    line(String::new());
    line("limits".into());
    let global = configuration.global();
    let limits = &global.limits;
    line(format!("  connections: {} in all, {} of a source", limits.connections_max, limits.same_source_max));
    let octets = match limits.message_octets_max {
        0 => "of any size".into(),
        octets => format!("up to {octets} octets"),
    };
    line(format!("  messages: {octets}; {} KiB stay free", limits.free_kib_min));
    line(format!("  pattern lines: {}", global.patterns.lines().len()));
    for (index, group) in configuration.groups.iter().enumerate() {
        line(String::new());
        group::lines(index + 1, group).into_iter().for_each(&mut line);
    }
    line(String::new());
    line("helpers".into());
    group::helpers(&global.helpers, router).into_iter().for_each(&mut line);
    line(String::new());
    let Worst { session, sessions, octets, disk_octets, stop } = worst::process(configuration);
    line("worst case".into());
    line(format!(
        "  a session: {} of memory, {}, silent for {}",
        size(session.octets),
        time(session.lasts),
        time(session.silent)
    ));
    line(format!("  {sessions} sessions: {} of memory", size(octets)));
    match disk_octets {
        Some(octets) => line(format!("  messages on their way: {} of disk", size(octets))),
        None => line("  messages on their way: as much disk as there is; maxsize would bound it".into()),
    }
    line(format!("  to stop: {}", time(stop)));
    out
}

/// Our certificates, and how long they are good.
fn certificates(loaded: &Loaded, line: &mut impl FnMut(String)) {
    let now = SystemClock::default().now().wall.seconds();
    for (index, terms) in loaded.tls.all().enumerate() {
        if index == 0 {
            line(String::new());
            line("certificates".into());
        }
        for (file, subject, ends) in terms.certificates() {
            let days = (ends - now).div_euclid(86_400);
            line(format!("  {} of {subject}, for {days} more days", file.display()));
        }
    }
}

/// Octets, for people.
fn size(octets: u64) -> String {
    match octets {
        0..1_048_576 => format!("{} KiB", octets.div_ceil(1024)),
        1_048_576..10_737_418_240 => format!("{} MiB", octets.div_ceil(1 << 20)),
        10_737_418_240.. => format!("{} GiB", octets.div_ceil(1 << 30)),
    }
}

/// A time, for people.
fn time(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut out = String::new();
    for (number, unit) in [(hours, "h"), (minutes, "min"), (rest, "s")] {
        if number > 0 {
            let blank = if out.is_empty() { "" } else { " " };
            let _ = write!(out, "{blank}{number} {unit}");
        }
    }
    if out.is_empty() { "0 s".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 1, 2048, 3 << 20, 40 << 30].map(size), ["0 KiB", "1 KiB", "2 KiB", "3 MiB", "40 GiB"]);
        let spans = [0, 5, 65, 3600, 16_000].map(|seconds| time(Duration::from_secs(seconds)));
        assert_eq!(spans, ["0 s", "5 s", "1 min 5 s", "1 h", "4 h 26 min 40 s"]);
    }

    #[test]
    fn the_page_says_what_would_run() {
        let folder = tempfile::tempdir().expect("directory");
        let path = folder.path().join("t.conf");
        let text = "PARAM BindSmtp any 25\nPARAM localnames example.org\nPARAM newgroup\nPARAM BindSubmit [127.0.0.1]\n";
        std::fs::write(&path, text).expect("written");
        let zenv = folder.path().join("zenv");
        std::fs::write(&zenv, "POSTOFFICE=/spool\n").expect("written");
        let words = ["-C", path.to_str().expect("text"), "-Z", zenv.to_str().expect("text")];
        let Ok(loaded) = config_file::load(&args::daemon_args(&words), &[]) else { panic!("fit") };
        let page = page(&loaded, None);
        for line in [
            "t.conf is fit to serve.",
            "The spool is /spool.",
            "  SMTP   0.0.0.0:25 ",
            "  SUBMIT 127.0.0.1:587 ",
            "t.conf:4)",
            "  connections: 800 in all, 100 of a source",
            "group 2 (SUBMIT [127.0.0.1] port 587)",
            "  mail for: 1 domain and our own postmaster",
            "  AUTH: none",
            "  content filter: none",
            "  800 sessions: ",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }
}
