//! Where somebody listens whom the operator wants asked: a socket of this machine, or a port of a host. Nothing is looked
//! up here.

use alloc::string::{String, ToString};
use core::fmt;
use core::net::Ipv6Addr;

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// A socket of this name, an absolute path.
    Unix(String),
    /// A port of a host, which is a name or an address.
    Inet(String, u16),
}

impl Address {
    /// How one is written, for an operator.
    pub const WANTED: &'static str = "unix:/PATH or inet:HOST:PORT";

    /// Reads `unix:/PATH` or `inet:HOST:PORT`; an IPv6 address stands in brackets. `None` for anything else.
    pub fn read(word: &str) -> Option<Address> {
        if word.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return None;
        }
        if let Some(path) = word.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Address::Unix(path.into()));
        }
        let (host, port) = word.strip_prefix("inet:")?.rsplit_once(':')?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) => inside.parse::<Ipv6Addr>().ok()?.to_string(),
            None if is_name(host) => host.into(),
            None => return None,
        };
        let digits = port.bytes().all(|octet| octet.is_ascii_digit());
        port.parse().ok().filter(|port| digits && *port != 0).map(|port| Address::Inet(host, port))
    }
}

/// Whether it may be the name of a host, or an IPv4 address.
fn is_name(host: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    (1..=255).contains(&host.len()) && host.bytes().all(fits)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{path}"),
            Address::Inet(host, port) if host.contains(':') => write!(f, "inet:[{host}]:{port}"),
            Address::Inet(host, port) => write!(f, "inet:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for (word, shown) in [
            ("unix:/run/postgrey.sock", "unix:/run/postgrey.sock"),
            ("inet:127.0.0.1:10023", "inet:127.0.0.1:10023"),
            ("inet:localhost:1", "inet:localhost:1"),
            ("inet:[::1]:65535", "inet:[::1]:65535"),
            ("inet:[0:0::1]:7", "inet:[::1]:7"),
        ] {
            assert_eq!(Address::read(word).map(|address| address.to_string()), Some(shown.into()), "{word}");
        }
        for word in [
            "",
            "unix:",
            "unix:run/x",
            "/run/x",
            "inet:",
            "inet:10023",
            "inet:localhost",
            "inet::1",
            "inet:h:0",
            "inet:h:65536",
            "inet:h:+1",
            "inet:::1:7",
            "inet:[::1]",
            "inet:[x]:7",
            "inet:a b:7",
            "unix:/a b",
            "inet:h:7x",
        ] {
            assert_eq!(Address::read(word), None, "{word}");
        }
    }
}
