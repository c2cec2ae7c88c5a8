//! The command line: what may be asked for, and how it is spelt. Option letters are those of the manual page. Nothing is
//! done here, and nothing is looked at but the words.

use crate::Stop;
use crate::listen::Place;
use crate::recorder::Wish;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Parser, Subcommand};
use smtpserver_core::Settings;
use smtpserver_core::config::param;
use smtpserver_core::record::Keep;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

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
}

/// How the daemon is to serve.
#[derive(Debug, clap::Args)]
pub struct DaemonArgs {
    /// Port to listen on; 0 for any that is free
    #[arg(short = 'p', value_name = "PORT", default_value_t = 2525, value_parser = port, allow_negative_numbers = true)]
    pub port: u16,
    /// Address to listen on, with or without port; may be repeated [default: loopback only]
    ///
    /// Such as 127.0.0.1, [::1]:25, any (all IPv4 addresses) or any6.
    #[arg(long = "listen", value_name = "ADDR[:PORT]")]
    pub listen: Vec<Place>,
    /// Spool directory; it must exist
    #[arg(short = 'P', long, value_name = "DIR", default_value = "/var/spool/postoffice")]
    pub postoffice: PathBuf,
    /// Write each session's dialogue to this file
    #[arg(short = 'l', value_name = "FILE")]
    pub session_log: Option<PathBuf>,
    /// File that holds the server's pid, in the spool directory unless absolute
    #[arg(short = 'I', value_name = "FILE", default_value = ".pid.smtpserver")]
    pub pid_file: PathBuf,
    /// Largest message in octets; 0 for no limit
    #[arg(short = 'M', value_name = "OCTETS", value_parser = octets, allow_negative_numbers = true)]
    pub message_octets_max: Option<u64>,
    /// Set a parameter, as a line of the configuration does; may be repeated
    #[arg(long = "param", value_name = "NAME VALUE")]
    pub params: Vec<String>,
    /// List all parameters and end
    #[arg(long, exclusive = true)]
    pub list_params: bool,
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
    /// Print the version and end
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Print this help and end
    // `-h` is another option in the manual, so help has no letter.
    #[arg(long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
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
        value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
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
    /// Look at stored messages
    #[command(subcommand)]
    Spool(SpoolCommand),
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

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// One line for each message
    List {
        /// Spool directory
        #[arg(short = 'P', long, value_name = "DIR", default_value = "/var/spool/postoffice")]
        postoffice: PathBuf,
        /// One JSON object for each message instead
        #[arg(long)]
        json: bool,
    },
    /// One message: its envelope explained, then the message itself
    Show {
        /// A spool id such as S1234567AfrKWFoj, or a file's number
        id: String,
        /// Spool directory
        #[arg(short = 'P', long, value_name = "DIR", default_value = "/var/spool/postoffice")]
        postoffice: PathBuf,
    },
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
            Err(page) if page.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                return Err(Stop::unfit("a subcommand is missing (see smtpserver --help)"));
            }
            Err(page) => {
                return Err(Stop::unfit(unknown(&page).unwrap_or_else(|| one_line(&page.to_string()))));
            }
        };
        if args.daemon.list_params {
            return Ok(Parsed::Text(list_params()));
        }
        if args.daemon.session_log.as_ref().is_some_and(|log| log.as_os_str() == "SYSLOG") {
            return Err(Stop::unfit(
                "-l SYSLOG is not supported, only files are; ./SYSLOG names a file of that name",
            ));
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

/// The settings that `params` make of the defaults. Remarks are printed on stderr.
pub(crate) fn settings(params: &[String]) -> Result<Settings, Stop> {
    let mut settings = Settings::new(host_name());
    for line in params {
        match param::apply(&mut settings, line) {
            Ok(None) => {}
            Ok(Some(note)) => eprintln!("smtpserver: --param {line:?}: {note}"),
            Err(fault) => return Err(Stop::unfit(format!("--param {line:?}: {fault}"))),
        }
    }
    Ok(settings)
}

/// What this machine calls itself, or an address literal when that is no name.
fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    if name.is_empty() || !name.bytes().all(fits) {
        return smtpserver_core::peer::literal(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    name
}

fn list_params() -> String {
    let mut out = String::new();
    for param in param::table() {
        let names: Vec<_> = param.names().collect();
        let default = if param.default.is_empty() { String::new() } else { format!(" [{}]", param.default) };
        out += &format!("{} {}{default}\n    {}\n", names.join(", "), param.argument.form(), param.doc);
    }
    out
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a port is a number from 0 to 65535; 0 is any that is free".into())
}

fn octets(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "the largest message is a number of octets such as 10000000; 0 is no limit".into())
}

/// A sentence about an option that does not exist, when that is the error.
fn unknown(page: &clap::Error) -> Option<String> {
    let word = |kind| match page.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    if page.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let option = word(ContextKind::InvalidArg).filter(|word| word.starts_with('-'))?;
    Some(match word(ContextKind::SuggestedArg) {
        Some(other) => format!("there is no option {option}: did you mean {other}?"),
        None => format!("there is no option {option} (see smtpserver --help)"),
    })
}

/// The first sentence of an error that fills a page, with a pointer to the rest.
fn one_line(page: &str) -> String {
    let lines: Vec<&str> = page
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|l| !l.is_empty())
        .collect();
    let line = lines.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let line = line.split(" For more information").next().unwrap_or(line);
    format!("{line} (see smtpserver --help)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> Stop {
        Args::read_from(std::iter::once(&"smtpserver").chain(words)).expect_err("not fit")
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_not_fit_is_said_in_one_line() {
        for words in [
            &["--no-such-option"][..],
            &["-p", "70000"],
            &["-p"],
            &["--listen", "nowhere"],
            &["-h"],
            &["-l", "SYSLOG"],
            &["surplus"],
            &["spool"],
            &["spool", "show"],
        ] {
            let stop = refused(words);
            assert_eq!(stop.code, 2);
            assert_eq!(stop.line.lines().count(), 1, "{}", stop.line);
        }
        assert!(refused(&["-p", "70000"]).line.contains("70000"));
    }

    #[test]
    fn a_slip_is_answered_with_what_is_wanted() {
        let table = [
            (&["--foregruond"][..], "there is no option --foregruond: did you mean --foreground?"),
            (&["--nonsense"], "there is no option --nonsense (see smtpserver --help)"),
            (&["-M", "nonsense"], "number of octets"),
            (&["-M", "-5"], "number of octets"),
            (&["-p", "-5"], "from 0 to 65535"),
            (&["-p", "smtp"], "from 0 to 65535"),
        ];
        for (words, wanted) in table {
            let line = refused(words).line;
            assert!(line.contains(wanted), "{words:?}: {line}");
        }
    }

    #[test]
    fn a_bad_parameter_is_explained() {
        let stop = settings(&["maxsize lots".into()]).expect_err("not a number");
        assert!(stop.line.contains("maxsize") && stop.line.contains("lots"), "{}", stop.line);
        assert_eq!(settings(&["maxsize 1000".into()]).expect("fit").limits.message_octets_max, 1000);
    }

    #[test]
    fn the_manual_page_names_every_option_and_parameter() {
        use clap::CommandFactory;
        let page = include_str!("../../man/smtpserver.8").replace("\\-", "-");
        for param in smtpserver_core::config::param::table() {
            for name in param.names() {
                assert!(page.contains(name), "man/smtpserver.8 does not speak of the parameter {name}");
            }
            assert!(page.contains(param.doc), "man/smtpserver.8 says something else of {}", param.name);
        }
        for option in Args::command().get_arguments() {
            let name = match (option.get_long(), option.get_short()) {
                (Some(long), _) => format!("--{long}"),
                (None, Some(short)) => format!("-{short}"),
                (None, None) => continue,
            };
            assert!(page.contains(&name), "man/smtpserver.8 does not speak of the option {name}");
        }
    }

    #[test]
    fn help_and_version_are_texts() {
        for word in ["--help", "-V", "--list-params"] {
            let parsed = Args::read_from(["smtpserver", word]).expect("fit");
            assert!(matches!(parsed, Parsed::Text(text) if !text.is_empty()), "{word}");
        }
    }
}
