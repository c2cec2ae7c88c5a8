//! The command line: what may be asked for, and how it is spelt. Option letters are those of the manual page. Nothing is
//! done here, and nothing is looked at but the words.

use crate::Stop;
use crate::listen::Place;
use crate::log::LogArgs;
use crate::recorder::Wish;
use clap::error::ErrorKind;
use clap::{ArgAction, Parser, Subcommand};
use smtpserver_core::config::patterns::Styles;
use smtpserver_core::record::Keep;
use std::net::IpAddr;
use std::path::PathBuf;
use words::{level, literal, load, mebibytes, octets, port, styles};

mod fault;
mod params;
#[cfg(test)]
mod tests;
mod tools;
mod words;

pub(crate) use params::{host_name, set_params, settings};
pub use tools::{ConfigArgs, ExplainArgs, PolicyDiffArgs, PolicyTestArgs, StatsArgs};

/// Receives mail over SMTP and never loses what it said 250 to.
#[derive(Debug, Parser)]
#[command(name = "smtpserver", version, disable_help_flag = true, disable_help_subcommand = true)]
#[command(disable_version_flag = true, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// List all parameters and end
    #[arg(long, exclusive = true)]
    pub list_params: bool,
    /// Print the version and end
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Print this help and end
    // `-h` is another option in the manual, so help has no letter.
    #[arg(long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

/// The commands that only the program itself uses.
const OWN_COMMANDS: [&str; 2] = ["auth-worker", "helper-host"];

/// How the daemon is to serve.
#[derive(Debug, clap::Args)]
pub struct DaemonArgs {
    /// Configuration file [default: $MAILSHARE/smtpserver.conf, if it is there]
    #[arg(short = 'C', value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// ZENV file [default: $ZCONFIG, or /opt/mail/zmailer.conf, if it is there]
    #[arg(short = 'Z', value_name = "FILE")]
    pub zenv: Option<PathBuf>,
    /// Port of BindAddress, of --listen and of a server without binds; 0 for any that is free
    #[arg(short = 'p', value_name = "PORT", value_parser = port, allow_negative_numbers = true)]
    pub port: Option<u16>,
    /// Address to listen on, with or without port, instead of all binds of the file; may be repeated
    ///
    /// Such as 127.0.0.1, [::1]:25, any (all IPv4 addresses) or any6. Without it and without a configuration file:
    /// loopback only.
    #[arg(long = "listen", value_name = "ADDR[:PORT]")]
    pub listen: Vec<Place>,
    /// Listen on IPv4 addresses only
    #[arg(short = '4', conflicts_with = "want_v6")]
    pub only_v4: bool,
    /// Do not start without IPv6 where it is the default
    #[arg(short = '6')]
    pub want_v6: bool,
    /// Spool directory; it must exist [default: POSTOFFICE of the ZENV file, or /var/spool/postoffice]
    #[arg(short = 'P', long, value_name = "DIR")]
    pub postoffice: Option<PathBuf>,
    /// What is logged where.
    #[command(flatten)]
    pub log: LogArgs,
    /// File that holds the server's pid, in the spool directory unless absolute
    #[arg(short = 'I', value_name = "FILE", default_value = ".pid.smtpserver")]
    pub pid_file: PathBuf,
    /// Largest message in octets; 0 for no limit
    #[arg(short = 'M', value_name = "OCTETS", value_parser = octets, allow_negative_numbers = true)]
    pub message_octets_max: Option<u64>,
    /// Load average above which connections are told to come again
    #[arg(short = 'L', value_name = "LOAD", value_parser = load, allow_negative_numbers = true)]
    pub load_max: Option<u32>,
    /// Style for clients whose name no pattern line matches: strict, sloppy, or letters of ftFTvehRSD; may be repeated
    #[arg(short = 's', value_name = "STYLE", value_parser = styles, allow_hyphen_values = true)]
    pub styles: Vec<Styles>,
    /// Ask the client's ident service who connects
    #[arg(short = 'a')]
    pub ident: bool,
    /// Ask whoson who connects
    #[arg(short = 'w')]
    pub whoson: bool,
    /// Believe what clients say of themselves
    #[arg(short = 'g')]
    pub gullible: bool,
    /// Refuse HELO names that are no names
    #[arg(short = 'h')]
    pub check_helo: bool,
    /// With -i: the batch came over a BSMTP channel, and its trace says so
    #[arg(short = 'B')]
    pub bsmtp_channel: bool,
    /// Work off a batch of commands on standard input (BSMTP); -v repeats them; exit code 0 if all was accepted
    #[arg(short = 'i')]
    pub interactive: bool,
    /// Serve the one connection on standard input, as started by inetd
    #[arg(short = 'n', conflicts_with = "interactive")]
    pub inetd: bool,
    /// With -n: the connection begins with TLS
    #[arg(short = 't')]
    pub inetd_tls: bool,
    /// With -i: test the policy as if the client came from this address, such as '[192.0.2.1]'
    #[arg(short = 'T', value_name = "[ADDR]", value_parser = literal)]
    pub test_address: Option<IpAddr>,
    /// Show how rules are judged, more the higher the level is
    #[arg(short = 'd', value_name = "LEVEL", default_value_t = 0, value_parser = level, allow_negative_numbers = true)]
    pub debug: u8,
    /// Program that is the interactive router
    #[arg(short = 'R', value_name = "PROGRAM")]
    pub router: Option<PathBuf>,
    /// Set a parameter, as a line of the configuration does, after all of them; may be repeated
    #[arg(long = "param", value_name = "NAME VALUE")]
    pub params: Vec<String>,
    /// What to record.
    #[command(flatten)]
    pub record: RecordArgs,
    /// Stay in the foreground
    #[arg(long)]
    pub foreground: bool,
    /// Take over from the server that runs with the same pid file, as a server that detaches always does
    #[arg(long)]
    pub replace: bool,
    /// Be the process that stays: the program gives itself this option when it detaches
    #[arg(long, hide = true, conflicts_with = "foreground")]
    pub detached: bool,
    /// Log more on stderr; twice for everything
    #[arg(short = 'v', action = ArgAction::Count)]
    pub verbose: u8,
}

/// Whether and how sessions are recorded.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Record each session in a file of this directory, for `smtpserver replay`; made if missing
    ///
    /// Octets of messages become filler of the same shape; passwords are never written.
    #[arg(long = "record", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Mebibytes that the recordings may take together; the oldest go first
    #[arg(long = "record-max", value_name = "MIB", default_value_t = 64, requires = "folder",
        value_parser = mebibytes, allow_negative_numbers = true)]
    pub mebibytes_max: u64,
    /// Keep the octets of messages in recordings
    #[arg(long = "record-bodies", requires = "folder")]
    pub bodies: bool,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive mail for anybody on this machine, show what comes, deliver nothing
    Demo(DemoArgs),
    /// Print the help of the program and end
    #[command(hide = true)]
    Help,
    /// Set a password in a password file; it is asked for, or read from standard input
    Passwd(crate::passwd::PasswdArgs),
    /// Check passwords for the server, which starts this itself
    #[command(hide = true)]
    AuthWorker(crate::auth::worker::WorkerArgs),
    /// Start helpers for the server, which starts this itself
    #[command(hide = true)]
    HelperHost(crate::subserver::host::HostArgs),
    /// Look at stored messages
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Look at frozen messages, let them go, or delete them
    #[command(subcommand)]
    Freezer(FreezerCommand),
    /// Say what is wrong with the configuration, or what would run; takes the server's options
    CheckConfig(DaemonArgs),
    /// Make the running server read its configuration again; takes the server's options
    Reload(DaemonArgs),
    /// Make a policy, or try one
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Say what led to a refusal, by the token in its reply; see the parameter explain-token
    ///
    /// It is looked for in the logs that are named, and else in those of syslog and in the journal of the system.
    Explain(ExplainArgs),
    /// Show what the running server counts of sources and users, or of one of them
    Stats(StatsArgs),
    /// Run recorded sessions again and say whether they come out the same
    Replay {
        /// Recordings
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// How the demonstration is to run.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Loopback address to listen on
    #[arg(long, value_name = "ADDR[:PORT]", default_value = "127.0.0.1:2525")]
    pub listen: Place,
    /// Spool directory; made if missing
    #[arg(short = 'P', long, value_name = "DIR", default_value = "./postoffice")]
    pub postoffice: PathBuf,
    /// Set a parameter, as a line of the configuration does; may be repeated
    #[arg(long = "param", value_name = "NAME VALUE")]
    pub params: Vec<String>,
    /// What to record.
    #[command(flatten)]
    pub record: RecordArgs,
}

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Compile NAME.src, localnames, NAME.relay, NAME.mx, NAME.spam and their .manual files into one file
    Build {
        /// Directory of the sources
        #[arg(short = 'd', value_name = "DIR", default_value = ".")]
        folder: PathBuf,
        /// Base name of the sources
        #[arg(short = 'f', value_name = "NAME", default_value = "smtp-policy")]
        base: String,
        /// The compiled file [default: NAME.compiled beside the sources]
        #[arg(short = 'o', value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say what the policy would answer to a client, and why; nothing is sent or stored
    ///
    /// Names are looked up as the server would. Exit code 0: everything would be accepted; 1: something would not.
    Test(PolicyTestArgs),
    /// Put the questions of recorded sessions to two policies, and list the verdicts that change
    ///
    /// What hangs on names, which no recording holds, is listed as unknown. Exit code 0: nothing changes, as far as it
    /// is known; 1: something does.
    Diff(PolicyDiffArgs),
}

/// Which messages to list, and how.
#[derive(Debug, clap::Args)]
pub struct Listed {
    #[command(flatten)]
    pub(crate) office: Office,
    /// One JSON object for each message instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// A message.
#[derive(Debug, clap::Args)]
pub struct OneMessage {
    /// A spool id such as S1234567AfrKWFoj, or a file's number
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) office: Office,
}

/// Where messages are.
#[derive(Debug, clap::Args)]
pub struct Office {
    /// Spool directory
    #[arg(short = 'P', long, value_name = "DIR", default_value = "/var/spool/postoffice")]
    pub(crate) postoffice: PathBuf,
    /// The ZENV file, which may name other directories of messages
    #[arg(short = 'Z', long, value_name = "FILE")]
    pub(crate) zenv: Option<PathBuf>,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// One line for each message
    List(Listed),
    /// One message: its envelope explained, then the message itself
    Show(OneMessage),
}

/// What to do with frozen messages.
#[derive(Debug, Subcommand)]
pub enum FreezerCommand {
    /// One line for each message
    List(Listed),
    /// One message: its envelope explained, then the message itself
    Show(OneMessage),
    /// Give a message to the router
    Release(OneMessage),
    /// Delete a message
    Delete(OneMessage),
}

/// What the command line turned out to be.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Args(Box<Args>),
    /// Something to print: help, version, the list of parameters.
    Text(String),
}

impl Args {
    /// Reads the command line of this process.
    pub fn read() -> Result<Parsed, Stop> {
        Args::read_from(std::env::args_os())
    }

    fn read_from(
        words: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
    ) -> Result<Parsed, Stop> {
        let args = match Args::try_parse_from(words) {
            Ok(args) => args,
            Err(page) if matches!(page.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                return Ok(Parsed::Text(page.to_string()));
            }
            Err(page) => return Err(Stop::unfit(fault::line(&page))),
        };
        if matches!(args.command, Some(Command::Help)) {
            return Args::read_from(["smtpserver", "--help"]);
        }
        if args.list_params {
            return Ok(Parsed::Text(params::list_params()));
        }
        Ok(Parsed::Args(Box::new(args)))
    }
}

impl DemoArgs {
    /// The address to listen on. The demonstration admits every recipient, so only this machine may speak to it.
    pub(crate) fn place(&self) -> Result<Place, Stop> {
        if self.listen.ip.is_loopback() {
            Ok(self.listen)
        } else {
            Err(Stop::unfit(format!(
                "demo takes mail for anybody and therefore listens on loopback addresses only, not on {}",
                self.listen.ip
            )))
        }
    }

    /// The port when the address was given without.
    pub(crate) const PORT: u16 = 2525;
    /// The port for SMTPS beside it.
    pub(crate) const SMTPS_PORT: u16 = 2465;
    /// The port for SUBMIT.
    pub(crate) const SUBMIT_PORT: u16 = 2587;
}

impl RecordArgs {
    /// What is to be recorded, in a folder that was tried.
    pub(crate) fn wish(&self) -> Result<Option<Wish>, Stop> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let keep = if self.bodies { Keep::Messages } else { Keep::Shape };
        let wish = Wish { folder: folder.clone(), octets_max: self.mebibytes_max << 20, keep };
        let fault =
            |error| Stop::unfit(format!("recordings cannot be written to {}: {error}", folder.display()));
        wish.prepare().map(Some).map_err(fault)
    }
}

impl DaemonArgs {
    /// Options on which this version does not act yet, and which do no harm.
    pub(crate) fn without_effect(&self) -> Vec<&'static str> {
        [(self.ident, "-a"), (self.gullible, "-g"), (self.whoson, "-w")]
            .into_iter()
            .filter_map(|(asked, option)| asked.then_some(option))
            .collect()
    }

    /// What is wrong with options that mean something only beside another one.
    pub(crate) fn lonely(&self) -> Option<&'static str> {
        if self.inetd_tls && !self.inetd {
            Some("-t is for -n: the connection on standard input begins with TLS")
        } else if self.bsmtp_channel && !self.interactive {
            Some("-B is for -i: the trace of a batch says that it came over a BSMTP channel")
        } else {
            None
        }
    }

    /// The style of all options `-s` together.
    pub(crate) fn style(&self) -> Styles {
        self.styles.iter().copied().reduce(Styles::and).unwrap_or_default()
    }

    /// With files named from the root, so that another working directory changes nothing.
    pub(crate) fn anchored(mut self) -> std::io::Result<DaemonArgs> {
        for file in [&mut self.config, &mut self.zenv].into_iter().flatten() {
            *file = std::path::absolute(&file)?;
        }
        Ok(self)
    }
}

/// The daemon's options, for tests of those who act on them.
#[cfg(test)]
pub(crate) fn daemon_args(words: &[&str]) -> DaemonArgs {
    let words = std::iter::once(&"smtpserver").chain(words);
    match Args::read_from(words).expect("fit") {
        Parsed::Args(args) => args.daemon,
        Parsed::Text(text) => panic!("{text}"),
    }
}
