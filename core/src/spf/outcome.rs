//! What a check comes to: the result, and what led to it.

use crate::dns::{Name, Question, Trouble};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The seven results. Spec: RFC 7208 §2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpfResult {
    /// The domain publishes nothing, or there is no domain to ask.
    None,
    /// The domain says that it says nothing about this client.
    Neutral,
    /// The client may send in the domain's name.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// Not known now: the domain name system did not answer.
    TempError,
    /// Not to be known: what the domain publishes cannot be understood.
    PermError,
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SpfResult::None => "none",
            SpfResult::Neutral => "neutral",
            SpfResult::Pass => "pass",
            SpfResult::Fail => "fail",
            SpfResult::SoftFail => "softfail",
            SpfResult::TempError => "temperror",
            SpfResult::PermError => "permerror",
        })
    }
}

/// The least result that is accepted (`spf-threshold`). Ordered as the manual orders them: fail, softfail, none,
/// neutral, pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threshold {
    /// Everything is accepted.
    Fail,
    /// All but fail.
    SoftFail,
    /// All but fail and softfail.
    None,
    /// Domains must publish something.
    Neutral,
    /// Only pass, and what is not known.
    Pass,
}

impl Threshold {
    /// The keyword of the configuration, in any case.
    pub fn parse(word: &str) -> Option<Threshold> {
        let all = [
            ("fail", Threshold::Fail),
            ("softfail", Threshold::SoftFail),
            ("none", Threshold::None),
            ("neutral", Threshold::Neutral),
            ("pass", Threshold::Pass),
        ];
        all.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, threshold)| threshold)
    }

    /// Whether a message with this result is accepted. Errors are, at every threshold: they are no statement of the
    /// domain about the client. (Whether to wait for a better answer after `temperror` is asked elsewhere.)
    pub fn accepts(self, result: SpfResult) -> bool {
        let level = match result {
            SpfResult::Fail => Threshold::Fail,
            SpfResult::SoftFail => Threshold::SoftFail,
            SpfResult::None => Threshold::None,
            SpfResult::Neutral => Threshold::Neutral,
            SpfResult::Pass | SpfResult::TempError | SpfResult::PermError => Threshold::Pass,
        };
        level >= self
    }
}

/// In whose name the client was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The domain of the reverse-path.
    MailFrom,
    /// The name given in HELO or EHLO, because the reverse-path is null (RFC 7208 §2.4).
    Helo,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Identity::MailFrom => "mailfrom",
            Identity::Helo => "helo",
        })
    }
}

/// One step on the way to a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Whose record.
    pub domain: Name,
    /// The term of it, cut when it is long; `default` when none matched.
    pub term: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.domain, self.term)
    }
}

/// Why there is an error instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// More than one record (RFC 7208 §4.5).
    SeveralRecords,
    /// A record holds octets that are not ASCII.
    NotAscii,
    /// A record is longer than we read.
    TooLong,
    /// A term that is none; cut when it is long, in printable ASCII.
    BadTerm(String),
    /// `redirect` or `exp` twice.
    Twice(&'static str),
    /// A record that an include or a redirect names is not there.
    NoRecord,
    /// A name that an include or a redirect builds cannot exist.
    BadName,
    /// More terms than allowed ask the domain name system (RFC 7208 §4.6.4).
    TooManyLookups,
    /// More of them than allowed find nothing there (RFC 7208 §4.6.4).
    TooManyVoids,
    /// A domain names more mail exchanges than may be looked up (RFC 7208 §4.6.4).
    TooManyExchanges(Name),
    /// This question was not answered.
    Dns(Question, Trouble),
    /// The whole check took too long.
    TookTooLong,
}

impl Problem {
    /// The result that it means.
    pub fn result(&self) -> SpfResult {
        match self {
            Problem::Dns(..) | Problem::TookTooLong => SpfResult::TempError,
            Problem::SeveralRecords
            | Problem::NotAscii
            | Problem::TooLong
            | Problem::BadTerm(_)
            | Problem::Twice(_)
            | Problem::NoRecord
            | Problem::BadName
            | Problem::TooManyLookups
            | Problem::TooManyVoids
            | Problem::TooManyExchanges(_) => SpfResult::PermError,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::SeveralRecords => f.write_str("more than one record"),
            Problem::NotAscii => f.write_str("record is not ASCII"),
            Problem::TooLong => f.write_str("record too long"),
            Problem::BadTerm(term) => write!(f, "cannot understand '{term}'"),
            Problem::Twice(name) => write!(f, "{name} stands twice"),
            Problem::NoRecord => f.write_str("no record where one is named"),
            Problem::BadName => f.write_str("impossible name"),
            Problem::TooManyLookups => f.write_str("too many look-ups"),
            Problem::TooManyVoids => f.write_str("too many look-ups that find nothing"),
            Problem::TooManyExchanges(domain) => write!(f, "too many mail exchanges for {domain}"),
            Problem::Dns(question, trouble) => write!(f, "{question}: {trouble}"),
            Problem::TookTooLong => f.write_str("took too long"),
        }
    }
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub result: SpfResult,
    /// In whose name.
    pub identity: Identity,
    /// The domain that was checked, as the client wrote it: not safe to repeat as it is.
    pub domain: String,
    /// The term that decided, in the record of the domain itself, or `default` when none did. Nothing when no record
    /// was found, or with an error.
    pub mechanism: Option<String>,
    /// The way to it: one entry for each record on the way, the last one decided.
    pub trail: Vec<Cause>,
    /// Why there is an error.
    pub problem: Option<Problem>,
    /// What the domain says to the client, with `fail` only: printable ASCII, bounded. A stranger's words: say whose
    /// they are when they are repeated (RFC 7208 §6.2).
    pub explanation: Option<String>,
}
