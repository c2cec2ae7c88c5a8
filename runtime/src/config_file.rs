//! The configuration as the daemon needs it: the ZENV file, the configuration file and the command line together. Files
//! are read here and understood in the core; nothing is opened for writing, and nothing is listened on.

use crate::Stop;
use crate::args::{self, DaemonArgs};
use crate::limits::CONFIG_OCTETS_MAX;
use crate::listen::{self, Wanted};
use crate::places::{self, Passed};
use crate::policy_db::Shelf;
use nix::fcntl::OFlag;
use smtpserver_core::Settings;
use smtpserver_core::config::file::remark::Remark;
use smtpserver_core::config::file::{self, Configuration, Group};
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
    /// The spool.
    pub(crate) postoffice: PathBuf,
    /// Remarks about options.
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
        let loaded = load(&self.args)?;
        let wanted = places::with_passed(loaded.wanted, &loaded.configuration, &self.args, &self.passed);
        Ok(Loaded { wanted: wanted.map_err(LoadFault::Other)?, ..loaded })
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

    /// What the operator should know, in single lines.
    pub(crate) fn short_notes(&self) -> Vec<String> {
        let warnings = self.configuration.warnings.iter().map(Remark::short);
        warnings.chain(self.notes.iter().cloned()).collect()
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum LoadFault {
    /// What is wrong with the file.
    Unfit(PathBuf, Vec<Remark>),
    /// What is wrong otherwise: a sentence each.
    Other(Vec<String>),
}

impl LoadFault {
    fn one(sentence: impl Into<String>) -> LoadFault {
        LoadFault::Other(vec![sentence.into()])
    }

    /// Prints all but the last word on stderr, and gives that.
    pub(crate) fn tell(self) -> Stop {
        match self {
            LoadFault::Unfit(path, remarks) => {
                for remark in &remarks {
                    eprintln!("{remark}");
                }
                let errors =
                    if remarks.len() == 1 { "1 error".into() } else { format!("{} errors", remarks.len()) };
                Stop::unfit(format!("{errors} in {}", path.display()))
            }
            LoadFault::Other(mut sentences) => {
                let last = sentences.pop().unwrap_or_default();
                for sentence in sentences {
                    eprintln!("smtpserver: {sentence}");
                }
                Stop::unfit(last)
            }
        }
    }

    /// In single lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            LoadFault::Unfit(_, remarks) => remarks.iter().map(Remark::short).collect(),
            LoadFault::Other(sentences) => sentences.clone(),
        }
    }
}

/// Reads everything that makes the configuration.
pub(crate) fn load(args: &DaemonArgs) -> Result<Loaded, LoadFault> {
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
    let mut configuration = match &file {
        Some((path, octets)) => file::read(&path.to_string_lossy(), octets, zenv, &plain, args.port)
            .map_err(|remarks| LoadFault::Unfit(path.clone(), remarks))?,
        None => Configuration {
            groups: vec![Group { settings: plain, binds: Vec::new(), line: 0 }],
            zenv,
            warnings: Vec::new(),
        },
    };
    let (own, mut policies) = (Arc::new(places::own_addresses(&configuration.zenv)), Shelf::default());
    let flags = configuration.zenv.get("SYSLOGFLG").unwrap_or_default();
    let events_to_syslog = flags.contains(['s', 'S']);
    for (index, group) in configuration.groups.iter_mut().enumerate() {
        group.settings.logs.events_to_syslog = events_to_syslog;
        // The command line wins, in every group.
        let said = args::set_params(&mut group.settings, &args.params).map_err(LoadFault::one)?;
        if index == 0 {
            notes.extend(said);
        }
        if let Some(octets) = args.message_octets_max {
            group.settings.limits.message_octets_max = octets;
        }
        if !args.styles.is_empty() {
            group.settings.style = args.style();
        }
        group.settings.manners.load_max = args.load_max.or(group.settings.manners.load_max);
        group.settings.manners.hello_syntax |= args.check_helo;
        group.settings.transcript = args.log.keeps_dialogues() || args.verbose > 1;
        group.settings.own_addresses = own.clone();
        let read = policies.provide(&mut group.settings);
        read.map_err(|faults| LoadFault::Other(faults.lines().map(Into::into).collect()))?;
        if index == 0 && group.settings.rules.is_some() && !group.settings.policy.local_domains.is_empty() {
            notes.push(
                "localnames counts only where there is no policydb: name our domains in the policy".into(),
            );
        }
    }
    files.extend(policies.files().map(Path::to_path_buf));
    if !args.listen.is_empty() && configuration.groups.len() > 1 {
        notes.push(format!(
            "--listen counts instead of all binds of the file: only its default group is served, {} others are not",
            configuration.groups.len() - 1
        ));
    }
    let without_effect = args.without_effect();
    if !without_effect.is_empty() {
        notes.push(format!("understood, and not acted on by this version: {}", without_effect.join(" ")));
    }
    let file = file.map(|(path, _)| path);
    let name = file.as_ref().map(|path| path.to_string_lossy().into_owned());
    let wanted = places::wanted(&configuration, name.as_deref(), args).map_err(LoadFault::Other)?;
    listen::possible(&wanted).map_err(|fault| LoadFault::one(fault.to_string()))?;
    //= rfc2033#5/1 rfc2033#1/1
    // LMTP where SMTP is expected would be taken for a broken server.
    if let Some(place) = wanted.iter().find(|place| place.settings.lmtp && place.address.port() == 25) {
        return Err(LoadFault::one(format!(
            "{}: lmtp-mode is not for port 25, where everybody expects SMTP: choose another",
            place.asked_by
        )));
    }
    Ok(Loaded { configuration, file, zenv: zenv_path, wanted, postoffice, notes, files })
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
    LoadFault::one(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
