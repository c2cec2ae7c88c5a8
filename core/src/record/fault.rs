//! What is wrong with octets that should be a log, told so that a person sees whether the file is of another kind, of
//! another version, cut off or damaged.

use super::header::FORMAT;
use alloc::string::String;
use core::fmt;

/// Why octets are not a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFault {
    /// The octet, counted from 0, at which that was seen.
    pub at: usize,
    /// What is wrong.
    pub kind: LogFaultKind,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFaultKind {
    /// It does not begin as a recording does.
    Foreign,
    /// It is a recording in a format that this program does not know; its number.
    OtherVersion(String),
    /// A line of the header is not what belongs there; what was wanted.
    Header(&'static str),
    /// It ends in the middle, or without its last record.
    Truncated,
    /// No record begins with this octet.
    UnknownRecord(u8),
    /// An octet string is longer than any that is written.
    TooLong,
    /// A value that nobody writes.
    Unfit(&'static str),
    /// The fingerprint of the octets is not the one that was written.
    Damaged,
    /// Octets stand behind the last record.
    Surplus,
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            LogFaultKind::Foreign => return f.write_str("not a recording of smtpserver"),
            LogFaultKind::OtherVersion(version) => {
                return write!(f, "a recording of format {version}; this program knows format {FORMAT}");
            }
            LogFaultKind::Header(wanted) => write!(f, "damaged header: {wanted} is wanted")?,
            LogFaultKind::Truncated => f.write_str("cut off: the end is missing")?,
            LogFaultKind::UnknownRecord(tag) => write!(f, "damaged: no record begins with octet {tag}")?,
            LogFaultKind::TooLong => f.write_str("damaged: a length above its bound")?,
            LogFaultKind::Unfit(what) => write!(f, "damaged: {what}")?,
            LogFaultKind::Damaged => {
                f.write_str("damaged: the fingerprint of the octets does not fit them")?
            }
            LogFaultKind::Surplus => f.write_str("damaged: octets stand behind the end")?,
        }
        write!(f, " (octet {})", self.at)
    }
}
