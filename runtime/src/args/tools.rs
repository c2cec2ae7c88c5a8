//! The options of the commands that an operator tries policies and looks into a server with.

use super::words::plain_or_literal;
use super::{Args, DaemonArgs};
use crate::log::LogArgs;
use clap::Parser;
use std::net::IpAddr;
use std::path::PathBuf;

/// Who is to be judged, and by which policy.
#[derive(Debug, clap::Args)]
pub struct PolicyTestArgs {
    /// Address of the client, with or without brackets
    #[arg(long, value_name = "ADDR", value_parser = plain_or_literal)]
    pub from_ip: IpAddr,
    /// What the client calls itself
    #[arg(long, value_name = "NAME")]
    pub helo: Option<String>,
    /// Sender; <> or nothing for that of error messages
    #[arg(long, value_name = "ADDRESS")]
    pub mail: Option<String>,
    /// Recipients
    #[arg(long, value_name = "ADDRESS", num_args = 1.., requires = "mail")]
    pub rcpt: Vec<String>,
    /// Judge as the service SUBMIT does
    #[arg(long)]
    pub submit: bool,
    /// Policy to judge by, a source or a compiled one, instead of that of the configuration
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Which policies to compare, and by what.
#[derive(Debug, clap::Args)]
pub struct PolicyDiffArgs {
    /// Policy that holds now, a source or a compiled one
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Policy that is to hold
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Directory of recordings, as --record makes it
    #[arg(long, value_name = "DIR")]
    pub recordings: PathBuf,
    /// One JSON object instead of a list
    #[arg(long)]
    pub json: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Which refusal, and where it was logged.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The token, with or without its brackets
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// Logs of any kind; FILE.1 is looked in as well
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON object instead
    #[arg(long)]
    pub json: bool,
    /// As the server was told to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Of whom to show what is counted.
#[derive(Debug, clap::Args)]
pub struct StatsArgs {
    /// One source only
    #[arg(value_name = "IP", value_parser = plain_or_literal, conflicts_with_all = ["user", "dump"])]
    pub address: Option<IpAddr>,
    /// One user only
    #[arg(long, value_name = "NAME", conflicts_with = "dump")]
    pub user: Option<String>,
    /// All of them, as without IP and NAME
    #[arg(long)]
    pub dump: bool,
    /// A JSON object in a line for each, instead of a table
    #[arg(long)]
    pub json: bool,
    /// Spool directory of the server [default: as for the server]
    #[arg(short = 'P', long, value_name = "DIR")]
    pub postoffice: Option<PathBuf>,
    /// Socket of the server [default: as the configuration has it]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Where the configuration is, for those who only read it.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file [default: as for the server]
    #[arg(short = 'C', value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// ZENV file [default: as for the server]
    #[arg(short = 'Z', value_name = "FILE")]
    pub zenv: Option<PathBuf>,
    /// Set a parameter, as a line of the configuration does, after all of them; may be repeated
    #[arg(long = "param", value_name = "NAME VALUE")]
    pub params: Vec<String>,
}

impl ConfigArgs {
    /// The options of a server that would read the same.
    pub(crate) fn server(&self) -> DaemonArgs {
        let plain = Args::parse_from(["smtpserver"]).daemon;
        let (config, zenv, params) = (self.config.clone(), self.zenv.clone(), self.params.clone());
        DaemonArgs { config, zenv, params, ..plain }
    }
}
