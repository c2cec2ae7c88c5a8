//! The configuration as the daemon needs it: the ZENV file, the configuration file and the command line together. Files
//! are read here and understood in the core; nothing is opened for writing, and nothing is listened on.

mod logins;
mod named;

use crate::Stop;
use crate::args::{self, DaemonArgs, Office};
use crate::clock::{Clock, SystemClock};
use crate::limits::CONFIG_OCTETS_MAX;
use crate::listen::Wanted;
use crate::places::{self, Passed};
use crate::spool_fs::Layout;
use crate::tls::shop::Shop;
use named::Named;
use nix::fcntl::OFlag;
use smtpserver_core::Settings;
use smtpserver_core::config::file::remark::{Remark, Spot};
use smtpserver_core::config::file::{self, Configuration, Examined, Group};
use smtpserver_core::config::zenv::Zenv;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The ZENV file when nobody names one.
const ZENV_FILE: &str = "/opt/mail/zmailer.conf";
/// The environment variable that names the ZENV file.
const ZENV_VARIABLE: &str = "ZCONFIG";
/// The name of the configuration file in MAILSHARE.
const CONFIG_NAME: &str = "smtpserver.conf";

/// A configuration that is fit, with what it means on this machine.
pub(crate) struct Loaded {
    /// All groups, with the command line's word in each.
    pub(crate) configuration: Configuration,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The ZENV file, if there is one.
    pub(crate) zenv: Option<PathBuf>,
    /// Where to listen.
    pub(crate) wanted: Vec<Wanted>,
    /// On which terms handshakes are done.
    pub(crate) tls: Shop,
    /// The spool.
    pub(crate) postoffice: PathBuf,
    /// What else the operator should know.
    pub(crate) notes: Vec<String>,
    /// The files that were read, or looked for.
    pub(crate) files: Vec<PathBuf>,
}

/// Where the configuration of a daemon comes from, now and at each reload.
pub(crate) struct Source {
    /// The command line, with files named from the root.
    pub(crate) args: DaemonArgs,
    /// The sockets that were opened for us.
    pub(crate) passed: Vec<Passed>,
}

impl Source {
    /// Reads it.
    pub(crate) fn load(&self) -> Result<Loaded, LoadFault> {
        load(&self.args, &self.passed)
    }
}

impl Loaded {
    /// Prints what the operator should know on stderr.
    pub(crate) fn tell(&self) {
        for warning in &self.configuration.warnings {
            eprintln!("{warning}");
        }
        for note in &self.notes {
            eprintln!("smtpserver: {note}");
        }
    }

    /// Tells on stderr which files cannot be read by whom we have become: a reload will need them.
    pub(crate) fn tell_what_is_out_of_reach(&self) {
        for path in &self.files {
            match File::open(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    let path = path.display();
                    eprintln!(
                        "smtpserver: {path} cannot be read by the running server ({error}): no reload will do"
                    );
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// What is wrong with what a parameter of the whole process names, with the place where it was set.
    pub(crate) fn blame(&self, param: &str, what: impl Into<String>) -> Stop {
        let what = what.into();
        Stop::unfit(match self.configuration.set_by(0, param) {
            Some(spot) => spot.clone().error(what, "").to_string(),
            None => what,
        })
    }

    /// In one line: this parameter asks for what a running server does not have.
    pub(crate) fn blame_short(&self, param: &str) -> String {
        let spot = self.configuration.set_by(0, param).cloned().unwrap_or_else(|| Spot::whole(param));
        spot.error(
            format!("{param}: helpers are those of the start, and there was none of this kind"),
            "start the server anew",
        )
        .short()
    }

    /// What the operator should know, in single lines.
    pub(crate) fn short_notes(&self) -> Vec<String> {
        let warnings = self.configuration.warnings.iter().map(Remark::short);
        warnings.chain(self.notes.iter().cloned()).collect()
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum LoadFault {
    /// A file cannot be read: in a sentence.
    Unread(String),
    /// What is wrong with the file and the options.
    Unfit(Vec<Remark>),
}

impl LoadFault {
    /// Prints all but the last word on stderr, and gives that.
    pub(crate) fn tell(self) -> Stop {
        match self {
            LoadFault::Unread(sentence) => Stop::unfit(sentence),
            LoadFault::Unfit(remarks) => {
                for remark in &remarks {
                    eprintln!("{remark}");
                }
                let errors =
                    if remarks.len() == 1 { "1 error".into() } else { format!("{} errors", remarks.len()) };
                match remarks.first().map(|first| &first.spot.file) {
                    Some(file) if remarks.iter().all(|remark| remark.spot.file == *file) => {
                        Stop::unfit(format!("{errors} in {file}"))
                    }
                    Some(_) | None => Stop::unfit(errors),
                }
            }
        }
    }

    /// In single lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            LoadFault::Unread(sentence) => vec![sentence.clone()],
            LoadFault::Unfit(remarks) => remarks.iter().map(Remark::short).collect(),
        }
    }
}

/// Reads everything that makes the configuration. All that is wrong is found, not only the first of it.
pub(crate) fn load(args: &DaemonArgs, passed: &[Passed]) -> Result<Loaded, LoadFault> {
    let (zenv_path, zenv_octets) =
        zenv_file(args.zenv.as_deref(), std::env::var_os(ZENV_VARIABLE).map(PathBuf::from))?;
    let (zenv, remarks) = match &zenv_path {
        Some(path) => Zenv::read(&path.to_string_lossy(), &zenv_octets),
        None => (Zenv::default(), Vec::new()),
    };
    let mut notes: Vec<String> = remarks.iter().map(Remark::short).collect();
    let share = Path::new(zenv.get("MAILSHARE").unwrap_or_default());
    let (config_path, file) = match &args.config {
        Some(path) => {
            let octets = slurp(path).map_err(|error| cannot_read(path, &error))?;
            (path.clone(), Some((path.clone(), octets)))
        }
        None => {
            let path = share.join(CONFIG_NAME);
            let file = optional(&path)?;
            (path, file)
        }
    };
    let mut files = vec![zenv_path.clone().unwrap_or_else(|| ZENV_FILE.into()), config_path];
    let postoffice =
        args.postoffice.clone().unwrap_or_else(|| PathBuf::from(zenv.get("POSTOFFICE").unwrap_or_default()));

    let mut plain = Settings::new(args::host_name());
    plain.style = args.style();
    let Examined { mut configuration, mut errors } = match &file {
        Some((path, octets)) => file::examine(&path.to_string_lossy(), octets, zenv, &plain, args.port),
        None => {
            let groups = vec![Group { settings: plain, binds: Vec::new(), set: Vec::new() }];
            let configuration = Configuration { groups, zenv, warnings: Vec::new() };
            Examined { configuration, errors: Vec::new() }
        }
    };
    errors.extend(heed(args, &mut configuration));
    let mut named = Named::default();
    let own = Arc::new(places::own_addresses(&configuration.zenv));
    for group in &mut configuration.groups {
        group.settings.own_addresses = own.clone();
        errors.extend(named.read(group));
    }
    configuration.warnings.extend(file::idle(&configuration));
    files.append(&mut named.files);
    notes.append(&mut named.notes);
    if !args.listen.is_empty() && configuration.groups.len() > 1 {
        notes.push(format!(
            "--listen counts instead of all binds of the file: only its default group is served, {} others are not",
            configuration.groups.len() - 1
        ));
    }
    if args.router.is_some() && !configuration.groups.iter().any(|group| group.settings.helpers.router) {
        notes.push("-R changes nothing without PARAM enable-router".into());
    }
    let without_effect = args.without_effect();
    if !without_effect.is_empty() {
        notes.push(format!("understood, and not acted on by this version: {}", without_effect.join(" ")));
    }
    let file = file.map(|(path, _)| path);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let (tls, faults) = Shop::open(&configuration, &clock);
    errors.extend(faults);
    files.extend(tls.files.iter().cloned());
    notes.extend(tls.notes.iter().cloned());
    let (wanted, faults) = places::wanted(&configuration, file.is_some(), args, passed, &tls);
    errors.extend(faults);
    errors.extend(lmtp_at_the_port_of_smtp(&wanted, &configuration));
    errors.extend(logins::that_nobody_knows(&wanted));
    errors.extend(logins::that_no_program_checks(&configuration));
    configuration.warnings.extend(logins::that_nobody_reaches(&wanted));
    if !errors.is_empty() {
        return Err(LoadFault::Unfit(in_order(errors)));
    }
    Ok(Loaded { configuration, file, zenv: zenv_path, wanted, tls, postoffice, notes, files })
}

/// Lets the command line and the environment have their say in every group: the command line wins. Gives what is wrong
/// with it.
fn heed(args: &DaemonArgs, configuration: &mut Configuration) -> Vec<Remark> {
    let flags = configuration.zenv.get("SYSLOGFLG").unwrap_or_default();
    let events_to_syslog = flags.contains(['s', 'S']);
    let mut errors = Vec::new();
    for (index, group) in configuration.groups.iter_mut().enumerate() {
        group.settings.logs.events_to_syslog = events_to_syslog;
        let said = args::set_params(&mut group.settings, &args.params);
        group.set.extend(said.set);
        if index == 0 {
            configuration.warnings.extend(said.warnings);
            errors = said.errors;
        }
        if let Some(octets) = args.message_octets_max {
            group.settings.limits.message_octets_max = octets;
        }
        if !args.styles.is_empty() {
            group.settings.style = args.style();
        }
        group.settings.manners.load_max = args.load_max.or(group.settings.manners.load_max);
        group.settings.manners.hello_syntax |= args.check_helo;
        group.settings.reasons = args.debug > 0;
        group.settings.transcript = args.log.keeps_dialogues() || args.verbose > 1;
    }
    errors
}

//= rfc2033#5/1 rfc2033#1/1
// LMTP where SMTP is expected would be taken for a broken server.
fn lmtp_at_the_port_of_smtp(wanted: &[Wanted], configuration: &Configuration) -> Vec<Remark> {
    let wrong = wanted.iter().filter(|place| place.settings.lmtp && place.address.port() == 25);
    wrong
        .map(|Wanted { asked_by, .. }| {
            // Where no line asks for the place, one asks for the mode.
            let mode = configuration.set_by(0, "lmtp-mode").filter(|_| asked_by.line == 0);
            mode.unwrap_or(asked_by).clone().error(
                "lmtp-mode is not for port 25, where everybody expects SMTP",
                "give it another port, such as PARAM BindSmtp any 2525",
            )
        })
        .collect()
}

/// Each file's errors by their lines, the options' behind them. Of one text only what was seen first is said: the rest
/// mostly follows from it.
fn in_order(errors: Vec<Remark>) -> Vec<Remark> {
    let mut kept: Vec<Remark> = Vec::new();
    for error in errors {
        // What has no line may have been said of the line that other groups inherit.
        let again = |other: &Remark| match error.spot.line {
            0 => other.what == error.what,
            _ => other.spot == error.spot,
        };
        if !kept.iter().any(again) {
            kept.push(error);
        }
    }
    let place = |spot: &Spot| {
        if spot.line > 0 {
            (false, spot.file.clone(), spot.line, spot.column)
        } else {
            (true, String::new(), 0, 0)
        }
    };
    kept.sort_by_cached_key(|one| place(&one.spot));
    kept
}

/// Where whole messages of a spool go, by the ZENV file.
pub(crate) fn layout(office: &Office) -> Result<Layout, Stop> {
    let variable = std::env::var_os(ZENV_VARIABLE).map(PathBuf::from);
    let (_, octets) = zenv_file(office.zenv.as_deref(), variable).map_err(LoadFault::tell)?;
    // What else is wrong in it, the server says.
    Ok(Layout::read(&Zenv::read("", &octets).0, &office.postoffice))
}

/// The ZENV file: the option's, the environment's, or the usual one if it is there.
fn zenv_file(
    option: Option<&Path>,
    environment: Option<PathBuf>,
) -> Result<(Option<PathBuf>, Vec<u8>), LoadFault> {
    if let Some(path) =
        option.map(Path::to_path_buf).or(environment.filter(|path| !path.as_os_str().is_empty()))
    {
        let octets = slurp(&path).map_err(|error| cannot_read(&path, &error))?;
        return Ok((Some(path), octets));
    }
    Ok(match optional(Path::new(ZENV_FILE))? {
        Some((path, octets)) => (Some(path), octets),
        None => (None, Vec::new()),
    })
}

/// A file that may be missing.
fn optional(path: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, LoadFault> {
    match slurp(path) {
        Ok(octets) => Ok(Some((path.to_path_buf(), octets))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(cannot_read(path, &error)),
    }
}

fn slurp(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe in its place must not hold up a server that reads it again.
    let flags = OFlag::O_NONBLOCK.bits();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut octets = Vec::new();
    file.take(CONFIG_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|octets| octets > CONFIG_OCTETS_MAX) {
        return Err(io::Error::other(format!("it has more than {CONFIG_OCTETS_MAX} octets")));
    }
    Ok(octets)
}

fn cannot_read(path: &Path, error: &io::Error) -> LoadFault {
    LoadFault::Unread(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
