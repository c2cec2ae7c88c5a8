//! The options that say what is logged where.

use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What is logged where.
#[derive(Debug, Default, Args)]
pub struct LogArgs {
    /// Write each session's dialogue to this file, or to syslog when it is SYSLOG; may be given once for each
    #[arg(short = 'l', value_name = "FILE|SYSLOG")]
    pub session_logs: Vec<PathBuf>,
    /// Write events to this file and not to standard error; - is standard output
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Form in which events are written: text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
}

/// The form in which events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for people.
    #[default]
    Text,
    /// A line that is a JSON object.
    Json,
}

/// What is logged where, with the words of the command line understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish<'a> {
    /// The file of the session log.
    pub(super) dialogue: Option<&'a PathBuf>,
    /// Whether syslog is spoken to.
    pub(super) syslog: bool,
}

impl LogArgs {
    /// Whether there is a session log, for which sessions must tell what they hear and say.
    pub fn keeps_dialogues(&self) -> bool {
        !self.session_logs.is_empty()
    }

    /// Whether anything is logged where standard error goes nowhere.
    pub(crate) fn reaches_somebody(&self) -> bool {
        self.keeps_dialogues() || self.log_file.as_ref().is_some_and(|path| path.as_os_str() != "-")
    }

    /// Whether a log is kept that whoever reads standard error does not see. `syslog` gets events whatever is said here.
    pub(crate) fn is_kept_elsewhere(&self, syslog: bool) -> bool {
        syslog || self.log_file.is_some() || self.session_logs.iter().any(|path| path.as_os_str() == "SYSLOG")
    }

    /// The files that are written.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let dialogues = self.session_logs.iter().filter(|path| path.as_os_str() != "SYSLOG");
        dialogues.chain(self.log_file.iter().filter(|path| path.as_os_str() != "-")).map(PathBuf::as_path)
    }

    /// Understands the options, or says in words why they do not fit together.
    pub(super) fn wish(&self) -> Result<Wish<'_>, String> {
        let (syslogs, files): (Vec<_>, Vec<_>) =
            self.session_logs.iter().partition(|path| path.as_os_str() == "SYSLOG");
        if syslogs.len() > 1 || files.len() > 1 {
            return Err("-l may name one file, and SYSLOG once".into());
        }
        let dialogue = files.first().copied();
        // Each has its own writer, and lines of one would tear those of the other.
        if dialogue.is_some() && dialogue == self.log_file.as_ref() {
            return Err("-l and --log-file name the same file".into());
        }
        Ok(Wish { dialogue, syslog: !syslogs.is_empty() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(session_logs: &[&str], log_file: Option<&str>) -> LogArgs {
        let session_logs = session_logs.iter().map(PathBuf::from).collect();
        LogArgs { session_logs, log_file: log_file.map(PathBuf::from), ..LogArgs::default() }
    }

    #[test]
    fn a_file_and_syslog_go_together_in_either_order() {
        for words in [&["log", "SYSLOG"], &["SYSLOG", "log"]] {
            let args = args(words, None);
            assert_eq!(args.wish(), Ok(Wish { dialogue: Some(&"log".into()), syslog: true }));
        }
        assert_eq!(args(&["./SYSLOG"], None).wish().map(|wish| wish.syslog), Ok(false));
        for (logs, file) in [(&["a", "b"][..], None), (&["SYSLOG", "SYSLOG"], None), (&["a"], Some("a"))] {
            assert!(args(logs, file).wish().is_err(), "{logs:?} {file:?}");
        }
    }

    #[test]
    fn whether_anybody_reads_it() {
        for (logs, file, wanted) in [
            (&[][..], None, false),
            (&[], Some("-"), false),
            (&[], Some("events"), true),
            (&["SYSLOG"], None, true),
        ] {
            assert_eq!(args(logs, file).reaches_somebody(), wanted, "{logs:?} {file:?}");
        }
        for (logs, file, wanted) in
            [(&["file"][..], None, false), (&[], Some("events"), true), (&["SYSLOG"], None, true)]
        {
            assert_eq!(args(logs, file).is_kept_elsewhere(false), wanted, "{logs:?} {file:?}");
        }
        assert!(args(&[], None).is_kept_elsewhere(true));
    }
}
