//! Who is at the other end of a connection, as the hands know it when they accept one.

use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The two ends of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address and port. An IPv4-mapped IPv6 address counts as IPv4.
    pub client: SocketAddr,
    /// Our own address and port.
    pub local: SocketAddr,
}

impl Peer {
    /// A peer; IPv4-mapped addresses are unmapped.
    pub fn new(client: SocketAddr, local: SocketAddr) -> Peer {
        let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        Peer { client: plain(client), local: plain(local) }
    }

    /// The client's address as SMTP writes it: `[192.0.2.7]`, `[IPv6:2001:db8::1]` (RFC 2821 §4.1.3).
    pub fn literal(&self) -> String {
        literal(self.client.ip())
    }

    /// The key under which limits and windows count this client.
    pub fn source(&self) -> Source {
        Source::of(self.client.ip())
    }
}

/// An address as an SMTP address literal, brackets included.
pub fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => alloc::format!("[{v4}]"),
        IpAddr::V6(v6) => alloc::format!("[IPv6:{v6}]"),
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to.
    pub fn of(address: IpAddr) -> Source {
        Source(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }

    /// Whether it is an IPv6 /64.
    pub fn is_ipv6(self) -> bool {
        self.0.is_ipv6()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// A session's number within a process and the second it began: together its id in every log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId {
    /// Wall-clock second at which the session began.
    pub began: i64,
    /// Counts sessions of this process from 1.
    pub serial: u64,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.began, self.serial)
    }
}

/// One transaction of a session; it stands in `Received:` and in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionId {
    /// The session.
    pub session: SessionId,
    /// Counts its transactions from 1.
    pub number: u32,
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.session, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn mapped_addresses_are_ipv4_and_ipv6_counts_by_64() {
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().expect("address");
        assert_eq!(Source::of(mapped).to_string(), "192.0.2.7");
        let six: IpAddr = "2001:db8:1:2:3:4:5:6".parse().expect("address");
        assert_eq!(Source::of(six).to_string(), "2001:db8:1:2::/64");
        assert_eq!(literal(six), "[IPv6:2001:db8:1:2:3:4:5:6]");
    }
}
