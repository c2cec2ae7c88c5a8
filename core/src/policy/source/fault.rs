//! What is wrong with a source, each with its place and with what to write instead. Whoever prints it adds the line
//! itself: here nothing is kept of the sources.

use crate::policy::rules::Misfit;
use alloc::string::String;
use core::fmt;

/// A fault of a source, or a remark on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the file; empty when it is about all of them together.
    pub file: String,
    /// The line, from 1; 0 when it is about no line.
    pub line: u32,
    /// The octet of the line, from 1; 0 when it is about no octet.
    pub column: u32,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What may be wrong with a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The line is not UTF-8.
    NotText,
    /// A control character, or a character beyond ASCII.
    Letter(char),
    /// A quote without its twin.
    Unclosed,
    /// A word is too long; how many octets it may have.
    TooLong(usize),
    /// The key is no address.
    Address(String),
    /// The width of a network is no number, or too large.
    Width(String),
    /// The key is no domain; why, and what to write.
    Domain(&'static str),
    /// The key is no mailbox.
    Mailbox,
    /// There is no such attribute; one that looks like it.
    Unknown {
        /// What stands there.
        name: String,
        /// What may be meant.
        near: Option<&'static str>,
    },
    /// An attribute without a value.
    NoValue(String),
    /// A `#` where no comment may begin.
    Comment,
    /// The value is not of the kind that the attribute takes.
    Value {
        /// The attribute.
        attribute: &'static str,
        /// What it takes.
        wanted: &'static str,
    },
    /// The name of a label does not begin with `_`.
    Label,
    /// The zone `+`, which once stood for a list that is no more.
    DeadZone,
    /// What is between two colons is no zone.
    Zone(String),
    /// The line says more than a line may.
    TooManyPairs,
    /// There are more faults than are told.
    More,
    /// The sources together make no rules.
    Whole(Misfit),
    /// Remark: a line that begins with white space is not read.
    Indented,
    /// Remark: no line has this label as its key.
    NoSuchLabel(String),
    /// Remark: the attribute is known and does nothing.
    NoEffect(&'static str),
    /// Remark: nothing stands behind a message.
    IdleMessage,
}

impl FaultKind {
    /// Whether the rules can be used all the same.
    pub fn is_remark(&self) -> bool {
        match self {
            FaultKind::Indented
            | FaultKind::NoSuchLabel(_)
            | FaultKind::NoEffect(_)
            | FaultKind::IdleMessage => true,
            FaultKind::NotText
            | FaultKind::Letter(_)
            | FaultKind::Unclosed
            | FaultKind::TooLong(_)
            | FaultKind::Address(_)
            | FaultKind::Width(_)
            | FaultKind::Domain(_)
            | FaultKind::Mailbox
            | FaultKind::Unknown { .. }
            | FaultKind::NoValue(_)
            | FaultKind::Comment
            | FaultKind::Value { .. }
            | FaultKind::Label
            | FaultKind::DeadZone
            | FaultKind::Zone(_)
            | FaultKind::TooManyPairs
            | FaultKind::More
            | FaultKind::Whole(_) => false,
        }
    }

    /// What to write instead, where there is a short answer.
    fn hint(&self) -> Option<&'static str> {
        match self {
            FaultKind::Letter(_) => Some("keys, zones and messages are plain ASCII"),
            FaultKind::Unclosed => Some("put a \" at the end of the text"),
            FaultKind::Address(_) => Some("write [192.0.2.0]/24 or [IPv6:2001:db8::]/32"),
            FaultKind::Width(_) => Some("0 to 32 behind an IPv4 address, 0 to 128 behind an IPv6 address"),
            FaultKind::Mailbox => Some("write user@domain, or user@ for that user in every domain"),
            FaultKind::Comment => Some("a comment begins in column 1 or right behind the key"),
            FaultKind::Label => Some("write = _label"),
            FaultKind::DeadZone => Some("name the zone"),
            FaultKind::Zone(_) => Some("write zone:zone, or zone=127.0.0.2 for one return code"),
            FaultKind::Whole(Misfit::NoDefault) => {
                Some("begin with a line such as: . relaytarget - senderokwithdns +")
            }
            FaultKind::Indented => Some("begin in column 1; lines are not continued"),
            FaultKind::NoSuchLabel(_) => Some("what refers to it says nothing"),
            FaultKind::IdleMessage => Some("a message stands before the attribute that it explains"),
            FaultKind::NotText
            | FaultKind::TooLong(_)
            | FaultKind::Domain(_)
            | FaultKind::Unknown { .. }
            | FaultKind::NoValue(_)
            | FaultKind::Value { .. }
            | FaultKind::TooManyPairs
            | FaultKind::More
            | FaultKind::Whole(_)
            | FaultKind::NoEffect(_) => None,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::NotText => f.write_str("not UTF-8"),
            FaultKind::Letter(letter) => write!(f, "{letter:?} may not stand here"),
            FaultKind::Unclosed => f.write_str("a quote that is not closed"),
            FaultKind::TooLong(most) => write!(f, "longer than {most} octets"),
            FaultKind::Address(text) => write!(f, "{text:?} is no address"),
            FaultKind::Width(text) => write!(f, "{text:?} is no width of a network"),
            FaultKind::Domain(why) => write!(f, "no domain: {why}"),
            FaultKind::Mailbox => f.write_str("no mailbox"),
            FaultKind::Unknown { name, near } => {
                write!(f, "there is no attribute {name:?}")?;
                near.map_or(Ok(()), |near| write!(f, "; did you mean {near:?}?"))
            }
            FaultKind::NoValue(name) => write!(f, "{name:?} needs a value"),
            FaultKind::Comment => f.write_str("a comment may not begin here"),
            FaultKind::Value { attribute, wanted } => write!(f, "{attribute} takes {wanted}"),
            FaultKind::Label => f.write_str("= takes a label"),
            FaultKind::DeadZone => f.write_str("the zone \"+\" stood for a list that is no more"),
            FaultKind::Zone(text) => write!(f, "{text:?} is no zone"),
            FaultKind::TooManyPairs => f.write_str("more attributes than one line may have"),
            FaultKind::More => f.write_str("there are more faults; these come first"),
            FaultKind::Whole(misfit) => misfit.fmt(f),
            FaultKind::Indented => f.write_str("not read, because it begins with white space"),
            FaultKind::NoSuchLabel(label) => write!(f, "no line has the key {label}"),
            FaultKind::NoEffect(attribute) => write!(f, "{attribute} has no effect"),
            FaultKind::IdleMessage => f.write_str("a message that explains nothing"),
        }?;
        self.hint().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// `file:line:column: what is wrong (what to write)`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
        }
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        let remark = if self.kind.is_remark() { "remark: " } else { "" };
        let space = if self.file.is_empty() { "" } else { " " };
        write!(f, "{space}{remark}{}", self.kind)
    }
}

impl core::error::Error for Fault {}
