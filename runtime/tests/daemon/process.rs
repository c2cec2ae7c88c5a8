//! The daemon among other processes: it leaves its terminal, is replaced while mail flows, takes sockets from systemd
//! and tells how it is, and gives up the rights of root.

mod activation;
mod configured;
mod detach;
mod privileges;
mod replace;

use crate::server::{PATIENCE, signal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::server::PROGRAM;

/// A daemon that has detached; told to stop when this is dropped.
struct Daemon {
    pid: u32,
    /// What it said until it served.
    said: String,
    address: std::net::SocketAddr,
}

impl Daemon {
    /// Starts it with a spool in this folder, taking mail for `local.example`; returns when it serves.
    fn start(postoffice: &Path, port: &str, more: &[&str]) -> Daemon {
        let output = command(postoffice, port, more).output().expect("the program starts");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(0), "{said}");
        let line = said.lines().find_map(|line| line.strip_prefix("listening on ")).expect("an address");
        let address = line.parse().expect("an address");
        Daemon { pid: pid(postoffice), said, address }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended, and then its number may be another's: only one that still is our program is told.
        if is_ours(self.pid) {
            signal(self.pid, "KILL");
        }
    }
}

fn command(postoffice: &Path, port: &str, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["-p", port, "--param", "localnames local.example", "-P"]).arg(postoffice).args(more);
    command.stdin(Stdio::null());
    command
}

fn pid_file(postoffice: &Path) -> PathBuf {
    postoffice.join(".pid.smtpserver")
}

/// The pid in the pid file.
fn pid(postoffice: &Path) -> u32 {
    let text = std::fs::read_to_string(pid_file(postoffice)).expect("a pid file");
    text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no pid"))
}

/// Whether this process runs the program under test.
fn is_ours(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == Path::new(PROGRAM))
}

/// Waits until something is so; fails with `what` when it does not become so.
fn eventually(what: &str, so: impl Fn() -> bool) {
    let step = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if so() {
            return;
        }
        std::thread::sleep(step);
    }
    panic!("{what} did not happen");
}

/// The fields of a line of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> Vec<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a line");
    line.split_ascii_whitespace().map(Into::into).collect()
}
