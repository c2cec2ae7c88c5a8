//! The real program, started for each test on a free port with a spool of its own, and spoken to over loopback.
//! Nothing here knows its inside: only its words, its files and its exit codes.
#![allow(missing_docs)]

use std::io::Write;

mod client;
mod clients;
mod config;
mod corpus;
mod demo;
mod durable;
mod e2e;
mod faults;
mod helpers;
mod hostile;
mod kill9;
mod limits;
mod logins;
mod logs;
mod metrics;
mod milter;
mod names;
mod operator;
#[cfg(feature = "pam")]
mod pam;
mod policy;
mod policy_service;
mod policy_tools;
mod process;
mod proxy;
mod queues;
mod record;
mod secrets;
mod server;
mod single;
mod spool;
mod stats;
mod stop;
mod submission;
mod tls;

/// Says loudly that something was not tested, or fails where everything must be (`SMTPSERVER_REQUIRE_PEERS=1`).
fn skipped(what: &str) {
    assert!(std::env::var_os("SMTPSERVER_REQUIRE_PEERS").is_none(), "cannot test: {what}");
    // Not by a macro, whose output a test that passes would hide.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// Whether a program can be started. When it cannot, the test says so and is over.
fn is_here(program: &str) -> bool {
    let here = is_installed(program);
    if !here {
        skipped(&format!("{program} is not installed"));
    }
    here
}

fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}
