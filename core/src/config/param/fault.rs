//! What is wrong with a line of parameters, told so that the operator can mend it without the manual.

use super::table;
use crate::limits::ECHO_MAX;
use crate::near;
use crate::server::tarpit::{DecimalFault, TarpitFaultKind};
use alloc::string::String;
use core::fmt;

/// Why a line sets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamFault {
    /// Where the wrong text begins, counted in characters from 1; one beyond the end when text is missing.
    pub column: usize,
    /// What is wrong.
    pub kind: ParamFaultKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamFaultKind {
    /// The line is empty.
    NoName,
    /// No parameter has this name.
    Unknown {
        /// The name, cut and escaped.
        name: String,
        /// A name that looks like it.
        near: Option<&'static str>,
    },
    /// The value does not fit the parameter.
    Unfit {
        /// The parameter's first name.
        name: &'static str,
        /// The value, cut and escaped.
        given: String,
        /// Why it does not fit.
        unfit: Unfit,
        /// What is wanted.
        wanted: String,
    },
}

/// Why a value does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is no value.
    Missing,
    /// There is a value, and the parameter takes none.
    Unwanted,
    /// It is not a whole number.
    NotWhole,
    /// It is below the least or above the greatest.
    OutOfRange,
    /// It is not a decimal number.
    Decimal(DecimalFault),
    /// It is not a tarpit rule.
    Tarpit(TarpitFaultKind),
    /// It is not a place to connect to.
    NotAService,
    /// It is not a domain name.
    NotADomain,
    /// It is no name or number of a user or a group.
    NotAnAccount,
    /// It is none of the words to choose from.
    NotAChoice,
    /// It is no address with a port, and no absolute path behind `unix:`.
    NotAPlace,
    /// It is an address that others than this machine can reach.
    NotLoopback,
    /// It is no absolute path.
    NotAPath,
    /// It holds control characters.
    Control,
    /// It is too long to be said in a reply.
    TooLong,
    /// The parameter has been given too often.
    TooMany,
    /// It is a path that does not begin with a slash.
    NotAbsolute,
    /// It is no address to listen on.
    NotAnAddress,
    /// It is no address of a name server.
    NotAServer,
    /// It is no list of SPF mechanisms.
    NotMechanisms,
    /// A `%` stands there without a letter that means something behind it.
    NotALetter,
    /// A quote is opened and not closed.
    OpenQuote,
    /// It asks for a place or a group, and those stand in the file only.
    OnlyInFile,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::Missing => "is missing",
            Unfit::Unwanted => "is too much",
            Unfit::NotWhole => "is no whole number",
            Unfit::OutOfRange => "is out of range",
            Unfit::Decimal(fault) => return fault.fmt(f),
            Unfit::Tarpit(fault) => return fault.fmt(f),
            Unfit::NotADomain => "is no domain name",
            Unfit::NotAnAccount => "is no user, or no user and group",
            Unfit::NotAChoice => "is none of the words to choose from",
            Unfit::NotAPlace => "is no address with a port and no socket",
            Unfit::NotAService => "is no socket and no port of a host",
            Unfit::NotLoopback => "is no loopback address",
            Unfit::NotAPath => "is no absolute path",
            Unfit::Control => "holds control characters",
            Unfit::TooLong => "is too long",
            Unfit::TooMany => "is one too many",
            Unfit::NotAbsolute => "is no absolute path",
            Unfit::NotAnAddress => "is no address to listen on",
            Unfit::NotAServer => "is no address of a name server",
            Unfit::NotMechanisms => "is no list of SPF mechanisms",
            Unfit::NotALetter => "has a % without one of its letters",
            Unfit::OpenQuote => "has a quote that is not closed",
            Unfit::OnlyInFile => "can be given in the configuration file only",
        })
    }
}

impl fmt::Display for ParamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ParamFaultKind::NoName => f.write_str("the name of a parameter is missing"),
            ParamFaultKind::Unknown { name, near } => {
                write!(f, "there is no parameter \"{name}\"")?;
                near.map_or(Ok(()), |near| write!(f, "; did you mean \"{near}\"?"))
            }
            // What it takes there does not help.
            ParamFaultKind::Unfit { name, unfit: unfit @ Unfit::OnlyInFile, .. } => {
                write!(f, "{name} {unfit}; on the command line, --listen names a place")
            }
            ParamFaultKind::Unfit { name, given, unfit, wanted } if given.is_empty() => {
                write!(f, "{name}: the value {unfit}; it takes {wanted}")
            }
            ParamFaultKind::Unfit { name, given, unfit, wanted } => {
                write!(f, "{name}: \"{given}\" {unfit}; it takes {wanted}")
            }
        }
    }
}

impl core::error::Error for ParamFault {}

/// Something that the operator should know about a line that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamNote {
    /// The parameter's first name.
    pub name: &'static str,
    /// What it is.
    pub kind: NoteKind,
}

/// What the operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// The value was raised to the smallest that is used.
    Raised {
        /// What the line says.
        given: u64,
        /// What holds.
        used: u64,
    },
    /// The line is an old one: what it does now, and what to write today.
    Old(&'static str),
}

impl fmt::Display for ParamNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            NoteKind::Raised { given, used } => {
                write!(f, "{}: {given} is too small, {used} is used", self.name)
            }
            NoteKind::Old(instead) => write!(f, "{}: {instead}", self.name),
        }
    }
}

/// A text of the operator as a complaint repeats it: escaped, and not too long.
pub(in crate::config) fn echo(text: &str) -> String {
    text.escape_debug().take(ECHO_MAX).collect()
}

/// The name in the table that looks most like `name`; of equals the first.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    near::nearest(name, table().iter().flat_map(super::Param::names))
}
