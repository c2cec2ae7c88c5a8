//! What can be asked of the domain name system: a name and a kind of record.

use super::name::Name;
use core::fmt;

/// The records that are asked for. Everything else in an answer is not for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// IPv4 addresses. Spec: RFC 1035 §3.4.1.
    A,
    /// IPv6 addresses. Spec: RFC 3596 §2.1.
    Aaaa,
    /// Who receives mail. Spec: RFC 1035 §3.3.9.
    Mx,
    /// Texts. Spec: RFC 1035 §3.3.14.
    Txt,
    /// The name of an address. Spec: RFC 1035 §3.3.12.
    Ptr,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
            Kind::Mx => "MX",
            Kind::Txt => "TXT",
            Kind::Ptr => "PTR",
        })
    }
}

/// One question. Names are fully qualified: no search list is ever applied, and aliases are followed by whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Of what.
    pub name: Name,
    /// Which records.
    pub kind: Kind,
}

impl Question {
    /// A question for the records of this kind at this name.
    pub fn new(name: Name, kind: Kind) -> Question {
        Question { name, kind }
    }
}

/// `example.com MX`, for logs.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)
    }
}
