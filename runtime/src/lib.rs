//! The hands of the mail receiving server: sockets, threads, files, clocks and signals around `smtpserver-core`,
//! which makes every decision.
//!
//! [`drive`] is the loop between a session and its client; [`desk`] is where all sessions meet the one server;
//! [`spool_fs`] keeps messages. `serve` puts them together, for `daemon` and for `demo`.

pub mod args;
pub mod auth;
mod check_config;
pub mod clock;
mod config_file;
mod daemon;
mod demo;
pub mod desk;
mod doors;
pub mod drive;
mod explain;
mod freezer;
pub mod journal;
mod limits;
pub mod lines;
pub mod listen;
mod load;
pub mod log;
pub mod mailbox;
pub mod metrics;
pub mod names;
pub mod passwd;
mod pid_file;
mod pipe;
mod places;
mod policy_build;
pub mod policy_db;
mod policy_tools;
mod policy_watch;
mod port_holder;
mod process;
mod rate_file;
pub mod recorder;
mod reload;
mod replay;
pub mod resolver;
pub mod seat;
mod serve;
pub mod session_log;
pub mod signals;
mod single;
pub mod spool;
pub mod spool_fs;
mod spool_read;
mod stats;
pub mod subserver;
pub mod tls;

use args::{Args, Command, FreezerCommand, Listed, OneMessage, PolicyCommand, SpoolCommand};
use spool_fs::FREEZER;

/// Does what the command line asks for. An error is one line for a person, and the exit code.
pub fn run(args: Args) -> Result<(), Stop> {
    process::descriptors::keep_to_ourselves();
    match args.command {
        None | Some(Command::Help | Command::Demo(_) | Command::AuthWorker(_) | Command::HelperHost(_)) => {}
        Some(_) => signals::end_with_the_reader(),
    }
    match args.command {
        // Printed by whoever read the command line.
        Some(Command::Help) => Ok(()),
        None => daemon::run(args.daemon),
        Some(Command::Demo(demo)) => demo::run(demo),
        Some(Command::CheckConfig(args)) => check_config::run(args),
        Some(Command::Reload(args)) => reload::ask::run(args),
        Some(Command::Policy(PolicyCommand::Build { folder, base, output })) => {
            policy_build::run(&folder, &base, output)
        }
        Some(Command::Policy(PolicyCommand::Test(test))) => policy_tools::test::run(&test),
        Some(Command::Policy(PolicyCommand::Diff(diff))) => policy_tools::diff::run(&diff),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Stats(args)) => stats::run(&args),
        Some(Command::Passwd(passwd)) => passwd::run(&passwd),
        Some(Command::AuthWorker(worker)) => auth::worker::run(worker),
        Some(Command::HelperHost(host)) => subserver::host::run(host),
        Some(Command::Replay { files }) => replay::run(&files),
        Some(Command::Spool(SpoolCommand::List(Listed { office, json }))) => {
            spool_read::list(&spool_read::queue(&office)?, json)
        }
        Some(Command::Spool(SpoolCommand::Show(OneMessage { id, office }))) => {
            spool_read::show(&spool_read::queue(&office)?, &id)
        }
        Some(Command::Freezer(command)) => match command {
            FreezerCommand::List(Listed { office, json }) => {
                spool_read::list(&[office.postoffice.join(FREEZER)], json)
            }
            FreezerCommand::Show(OneMessage { id, office }) => {
                spool_read::show(&[office.postoffice.join(FREEZER)], &id)
            }
            FreezerCommand::Release(OneMessage { id, office }) => freezer::release(&office, &id),
            FreezerCommand::Delete(OneMessage { id, office }) => freezer::delete(&office.postoffice, &id),
        },
    }
}

/// Why the program ends without having done what it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Stop {
    /// One line for a person; empty when it was said already.
    pub line: String,
    /// The exit code: 2 when it cannot work like this, 1 when it did not find or do something.
    pub code: u8,
}

impl Stop {
    /// It cannot work like this: an option, a directory or a port is not fit.
    pub(crate) fn unfit(line: impl std::fmt::Display) -> Stop {
        Stop { line: line.to_string(), code: 2 }
    }

    /// It did not find or do what was asked for.
    pub(crate) fn failed(line: impl std::fmt::Display) -> Stop {
        Stop { line: line.to_string(), code: 1 }
    }
}
