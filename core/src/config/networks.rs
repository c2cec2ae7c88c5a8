//! Networks: sets of addresses that an operator names, such as those of a load balancer.

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of one set.
pub const NETWORKS_MAX: usize = 1_000;

/// A network: an address, of whose bits the first `width` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    width: u8,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32`, an address alone, or either in brackets as the policy source has them:
    /// `[192.0.2.0]/24`, `[IPv6:2001:db8::]/32`.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, width) = match text.rsplit_once('/') {
            Some((address, width)) => (address, Some(width)),
            None => (text, None),
        };
        let bare = match address.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None => address,
        };
        let tagged = bare.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("IPv6:"));
        let address = match if tagged { bare[5..].parse::<Ipv6Addr>().map(IpAddr::V6) } else { bare.parse() }
        {
            // A mapped address with a width would be ambiguous.
            Ok(address) if address.to_canonical() == address => address,
            Ok(_) | Err(_) => return None,
        };
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let width = match width {
            None => widest,
            Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        (width <= widest).then(|| Network { address: masked(address, width), width })
    }

    /// Whether this is its first address: that which has no bits beyond the width.
    pub(super) fn is_exactly(self, first: IpAddr) -> bool {
        self.address == first
    }

    /// Whether an address lies within. An IPv4-mapped one counts as IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.width) == self.address
    }
}

/// The address with all but the first `width` bits cleared.
fn masked(address: IpAddr, width: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(width.into())).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(width.into())).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.width)
    }
}

/// A set of networks; empty it contains nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Adds a network; false when there are too many.
    #[must_use]
    pub fn push(&mut self, network: Network) -> bool {
        let room = self.0.len() < NETWORKS_MAX;
        if room {
            self.0.push(network);
        }
        room
    }

    /// Whether an address lies in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The networks, as they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Network> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn who_is_in() {
        let table = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("[192.0.2.0]/25", "::ffff:192.0.2.1", true),
            ("[IPv6:2001:db8::]/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("::1", "::1", true),
        ];
        for (network, address, wanted) in table {
            let parsed = Network::parse(network).expect(network);
            assert_eq!(parsed.contains(address.parse().expect(address)), wanted, "{network} {address}");
            assert_eq!(Network::parse(&parsed.to_string()), Some(parsed));
        }
        for text in [
            "",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "host",
            "[192.0.2.1",
            "::/129",
            "::ffff:192.0.2.1",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        // What lies beyond the width does not matter.
        assert_eq!(Network::parse("192.0.2.9/24"), Network::parse("192.0.2.0/24"));
    }
}
