//! What comes back for a question: records, none, no such name, or trouble. Never wire format.

use super::name::Name;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records of the kind that was asked for; at least one.
    Found(Records),
    /// The name exists, but has no such record.
    NoData,
    /// There is no such name (RCODE 3).
    NoName,
    /// It is not known: ask again another day.
    Trouble(Trouble),
}

/// Records of one kind, in the order in which they came, at most as many as `limits` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// IPv4 addresses.
    A(Vec<Ipv4Addr>),
    /// IPv6 addresses.
    Aaaa(Vec<Ipv6Addr>),
    /// Who receives mail, sorted by preference and name, so that the result of a check does not depend on the order
    /// in which a server happened to send them.
    Mx(Vec<Mx>),
    /// Texts, the strings of each record joined. Any octets.
    Txt(Vec<Vec<u8>>),
    /// Names of an address.
    Ptr(Vec<Name>),
}

/// One host that receives mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    /// Lower is asked first.
    pub preference: u16,
    /// The host; nothing for the root, which says that the domain takes no mail at all (RFC 7505 §3).
    pub host: Option<Name>,
}

/// Why it is not known. All of these are the world's fault, not the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// No answer in time.
    Timeout,
    /// The server could not find out (RCODE 2).
    ServerFailure,
    /// The server did not want to answer, or did not understand (any other RCODE).
    Refused,
    /// The answer was none to this question, or held nothing that can be used.
    Malformed,
    /// No server could be reached.
    Unreachable,
    /// We ask too many questions at once already.
    Busy,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Timeout => "timeout",
            Trouble::ServerFailure => "server failure",
            Trouble::Refused => "refused",
            Trouble::Malformed => "malformed answer",
            Trouble::Unreachable => "no server reachable",
            Trouble::Busy => "too many questions at once",
        })
    }
}

/// What a machine makes of an answer: no record and no name are mostly the same to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// At least one.
    Some(Vec<T>),
    /// None at all.
    Void,
    /// Not known.
    Trouble(Trouble),
}

impl Answer {
    /// The addresses of a host, whichever family was asked for.
    pub fn addresses(self) -> Finding<IpAddr> {
        self.pick(|records| match records {
            Records::A(all) => Some(all.into_iter().map(IpAddr::V4).collect()),
            Records::Aaaa(all) => Some(all.into_iter().map(IpAddr::V6).collect()),
            Records::Mx(_) | Records::Txt(_) | Records::Ptr(_) => None,
        })
    }

    /// The hosts that receive mail.
    pub fn exchanges(self) -> Finding<Mx> {
        self.pick(|records| match records {
            Records::Mx(all) => Some(all),
            Records::A(_) | Records::Aaaa(_) | Records::Txt(_) | Records::Ptr(_) => None,
        })
    }

    /// The texts.
    pub fn texts(self) -> Finding<Vec<u8>> {
        self.pick(|records| match records {
            Records::Txt(all) => Some(all),
            Records::A(_) | Records::Aaaa(_) | Records::Mx(_) | Records::Ptr(_) => None,
        })
    }

    /// The names of an address.
    pub fn names(self) -> Finding<Name> {
        self.pick(|records| match records {
            Records::Ptr(all) => Some(all),
            Records::A(_) | Records::Aaaa(_) | Records::Mx(_) | Records::Txt(_) => None,
        })
    }

    fn pick<T>(self, of_kind: impl FnOnce(Records) -> Option<Vec<T>>) -> Finding<T> {
        match self {
            Answer::Found(records) => match of_kind(records) {
                Some(all) if all.is_empty() => Finding::Void,
                Some(all) => Finding::Some(all),
                None => Finding::Trouble(Trouble::Malformed),
            },
            Answer::NoData | Answer::NoName => Finding::Void,
            Answer::Trouble(trouble) => Finding::Trouble(trouble),
        }
    }
}
