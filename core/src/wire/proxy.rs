//! The PROXY header, versions 1 and 2 (the HAProxy project publishes them): who is at the far end of a connection that
//! a load balancer passes on. Only octets are judged here, not whether the one who sent them may be believed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// The longest line of version 1, its CRLF counted.
const LINE_MAX: usize = 107;
/// The first octets of version 2; no line of any protocol of mail begins so.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Octets of version 2 before those that the length counts.
const FIXED: usize = 16;
/// The longest header that is taken: addresses, and room for what balancers add behind them.
pub const HEADER_OCTETS_MAX: usize = 4096;

/// The ends of the connection that the balancer accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// They are these.
    Told {
        /// The client.
        client: SocketAddr,
        /// The address that the client connected to.
        local: SocketAddr,
    },
    /// The balancer speaks for itself (a check of health), or of something without addresses.
    Own,
}

/// What [`find`] sees at the head of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Not whole, and nothing wrong so far.
    Incomplete,
    /// A header.
    Header {
        /// What it says.
        ends: Ends,
        /// How many octets it took.
        used: usize,
    },
    /// No header, and it cannot become one.
    Broken(ProxyFault),
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// It does not begin like one.
    Foreign,
    /// It is longer than is taken.
    TooLong,
    /// A protocol, command or family that has no meaning here.
    Unsupported,
    /// Its parts do not fit together.
    Malformed,
}

impl ProxyFault {
    /// A few words for logs.
    pub fn name(self) -> &'static str {
        match self {
            ProxyFault::Foreign => "no PROXY header",
            ProxyFault::TooLong => "a PROXY header that is too long",
            ProxyFault::Unsupported => "a PROXY header of a kind that has no meaning here",
            ProxyFault::Malformed => "a malformed PROXY header",
        }
    }
}

/// The header at the head of `input`. The answer depends on its octets alone: once it is not [`Found::Incomplete`],
/// more input does not change it.
pub fn find(input: &[u8]) -> Found {
    let begins = |with: &[u8]| {
        let known = input.len().min(with.len());
        input[..known] == with[..known]
    };
    if begins(b"PROXY ") {
        line(input)
    } else if begins(&SIGNATURE) {
        binary(input)
    } else {
        Found::Broken(ProxyFault::Foreign)
    }
}

fn line(input: &[u8]) -> Found {
    let window = &input[..input.len().min(LINE_MAX)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        let full = window.len() == LINE_MAX;
        return if full { Found::Broken(ProxyFault::TooLong) } else { Found::Incomplete };
    };
    let text = window[..end].strip_suffix(b"\r").and_then(|text| core::str::from_utf8(text).ok());
    match text.ok_or(ProxyFault::Malformed).and_then(ends_of_line) {
        Ok(ends) => Found::Header { ends, used: end + 1 },
        Err(fault) => Found::Broken(fault),
    }
}

fn ends_of_line(text: &str) -> Result<Ends, ProxyFault> {
    let mut words = text.split(' ').skip(1);
    let mut word = || words.next().ok_or(ProxyFault::Malformed);
    let family = word()?;
    let read: fn(&str) -> Option<IpAddr> = match family {
        // Whatever stands behind it means nothing.
        "UNKNOWN" => return Ok(Ends::Own),
        "TCP4" => |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return Err(ProxyFault::Unsupported),
    };
    let [client, local] = [word()?, word()?].map(read);
    let [client_port, local_port] = [word()?, word()?].map(port);
    match (client, local, client_port, local_port, words.next()) {
        (Some(client), Some(local), Some(client_port), Some(local_port), None) => Ok(Ends::Told {
            client: SocketAddr::new(client, client_port),
            local: SocketAddr::new(local, local_port),
        }),
        _ => Err(ProxyFault::Malformed),
    }
}

/// Decimal digits and nothing else; `u16::from_str` alone would take a sign.
fn port(word: &str) -> Option<u16> {
    word.bytes().all(|octet| octet.is_ascii_digit()).then(|| u16::from_str(word).ok()).flatten()
}

fn binary(input: &[u8]) -> Found {
    let Some((fixed, rest)) = input.split_at_checked(FIXED) else { return Found::Incomplete };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if FIXED + length > HEADER_OCTETS_MAX {
        return Found::Broken(ProxyFault::TooLong);
    }
    let told = match fixed[12] {
        0x20 => false,
        0x21 => true,
        _ => return Found::Broken(ProxyFault::Unsupported),
    };
    let Some(body) = rest.get(..length) else { return Found::Incomplete };
    // Addresses of sockets of the file system have 216 octets and say nothing about a client.
    let addresses = match (fixed[13], told) {
        (0x11, _) => 12,
        (0x21, _) => 36,
        (0x31, _) => 216,
        (0x00, _) | (_, false) => 0,
        _ => return Found::Broken(ProxyFault::Unsupported),
    };
    let used = FIXED + length;
    if !told || fixed[13] == 0x00 {
        return Found::Header { ends: Ends::Own, used };
    }
    let Some((addresses, extras)) = body.split_at_checked(addresses) else {
        return Found::Broken(ProxyFault::Malformed);
    };
    if !are_extras(extras) {
        return Found::Broken(ProxyFault::Malformed);
    }
    let ends = match *addresses {
        [a, b, c, d, e, f, g, h, p, q, r, s] => Ends::Told {
            client: SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([p, q])),
            local: SocketAddr::new(Ipv4Addr::new(e, f, g, h).into(), u16::from_be_bytes([r, s])),
        },
        _ if addresses.len() == 36 => Ends::Told {
            client: SocketAddr::new(
                six(&addresses[..16]),
                u16::from_be_bytes([addresses[32], addresses[33]]),
            ),
            local: SocketAddr::new(
                six(&addresses[16..32]),
                u16::from_be_bytes([addresses[34], addresses[35]]),
            ),
        },
        _ => Ends::Own,
    };
    Found::Header { ends, used }
}

fn six(octets: &[u8]) -> IpAddr {
    let octets: [u8; 16] = octets.try_into().expect("sixteen octets were cut out");
    Ipv6Addr::from(octets).into()
}

/// Whether octets are a row of type, length and value, to the last octet. What they say is not wanted.
fn are_extras(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let [_, high, low, behind @ ..] = rest {
        match behind.get(usize::from(u16::from_be_bytes([*high, *low]))..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;
