//! Networks as keys, and which of them is the narrowest around an address. All are held as IPv6: an IPv4 network is the
//! one it is mapped to, so that a mapped key and a mapped client meet their IPv4 twins.

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where the IPv4 addresses are mapped to: `::ffff:0:0/96`.
const MAPPED: Network = Network { base: 0xffff_0000_0000, width: 96 };

/// An address with the number of its bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    base: u128,
    width: u8,
}

impl Network {
    /// The network around an address; `width` is at most 32 or 128. What is beyond the width does not count.
    pub fn new(address: IpAddr, width: u8) -> Option<Network> {
        let (most, more) = match address {
            IpAddr::V4(_) => (32, MAPPED.width),
            IpAddr::V6(_) => (128, 0),
        };
        if width > most {
            return None;
        }
        Some(Network::masked(bits(address), width + more))
    }

    /// The network that is only this address.
    pub fn host(address: IpAddr) -> Network {
        Network { base: bits(address), width: 128 }
    }

    pub(super) fn masked(base: u128, width: u8) -> Network {
        Network { base: base & !host_bits(width), width }
    }

    pub(super) fn parts(self) -> (u128, u8) {
        (self.base, self.width)
    }

    fn last(self) -> u128 {
        self.base | host_bits(self.width)
    }

    fn is_ipv4(self) -> bool {
        self.width >= MAPPED.width && self.base & !host_bits(MAPPED.width) == MAPPED.base
    }
}

/// As it stands in a policy: `[192.0.2.0]/24`, `[IPv6:2001:db8::]/32`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ipv4() {
            let low = u32::try_from(self.base & host_bits(MAPPED.width)).expect("32 bits are left");
            write!(f, "[{}]/{}", Ipv4Addr::from_bits(low), self.width - MAPPED.width)
        } else {
            write!(f, "[IPv6:{}]/{}", Ipv6Addr::from_bits(self.base), self.width)
        }
    }
}

fn host_bits(width: u8) -> u128 {
    u128::MAX.checked_shr(width.into()).unwrap_or(0)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Which network is the narrowest: the addresses cut where the answer changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Atlas {
    /// The first address of each piece, in order; the first piece begins at 0.
    starts: Vec<u128>,
    /// The network of each piece, by its place in the sorted keys.
    owners: Vec<u32>,
    /// The key `[0.0.0.0]/0`, which IPv6 clients without a key of theirs fall back to.
    last_resort: Option<u32>,
}

const NOBODY: u32 = u32::MAX;

impl Atlas {
    /// The atlas of networks in ascending order; of equal ones the first counts.
    pub(super) fn new(networks: &[Network]) -> Atlas {
        let mut atlas = Atlas::default();
        atlas.cut(0, NOBODY);
        // The networks around the current address, the widest first.
        let mut around: Vec<(u128, u32)> = Vec::new();
        let mut before = None;
        for (place, network) in networks.iter().enumerate() {
            if before.replace(*network) == Some(*network) {
                continue;
            }
            let place = u32::try_from(place).expect("fewer networks than the limit of entries");
            atlas.leave(&mut around, Some(network.base));
            atlas.cut(network.base, place);
            around.push((network.last(), place));
            if *network == MAPPED {
                atlas.last_resort = Some(place);
            }
        }
        atlas.leave(&mut around, None);
        atlas.starts.shrink_to_fit();
        atlas.owners.shrink_to_fit();
        atlas
    }

    /// Ends the networks that end before `next`.
    fn leave(&mut self, around: &mut Vec<(u128, u32)>, next: Option<u128>) {
        while let Some((last, _)) = around.last().copied() {
            if next.is_some_and(|next| last >= next) {
                return;
            }
            around.pop();
            let owner = around.last().map_or(NOBODY, |(_, owner)| *owner);
            if let Some(start) = last.checked_add(1) {
                self.cut(start, owner);
            }
        }
    }

    fn cut(&mut self, start: u128, owner: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.owners.pop();
        }
        if self.owners.last() != Some(&owner) {
            self.starts.push(start);
            self.owners.push(owner);
        }
    }

    /// The place of the narrowest network around an address. An IPv4 address is in IPv4 networks only.
    pub(super) fn find(&self, address: IpAddr, networks: &[Network]) -> Option<usize> {
        let address = address.to_canonical();
        let bits = bits(address);
        let piece = self.starts.partition_point(|start| *start <= bits).checked_sub(1)?;
        let place = usize::try_from(*self.owners.get(piece)?).expect("32 bits fit");
        let found = networks.get(place).map(|network| (place, network.is_ipv4()));
        match (address, found) {
            (IpAddr::V4(_), Some((place, true))) | (IpAddr::V6(_), Some((place, _))) => Some(place),
            (IpAddr::V4(_), Some((_, false)) | None) => None,
            (IpAddr::V6(_), None) => {
                self.last_resort.map(|place| usize::try_from(place).expect("32 bits fit"))
            }
        }
    }

    /// Octets of memory.
    pub(super) fn octets(&self) -> usize {
        self.starts.capacity() * size_of::<u128>() + self.owners.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        let (address, width) = text.split_once('/').expect("a width");
        Network::new(address.parse().expect("an address"), width.parse().expect("a number")).expect("fits")
    }

    fn sorted(texts: &[&str]) -> Vec<Network> {
        let mut networks: Vec<Network> = texts.iter().map(|text| network(text)).collect();
        networks.sort_unstable();
        networks
    }

    #[test]
    fn the_narrowest_network_is_found() {
        let networks = sorted(&[
            "192.0.2.0/24",
            "192.0.2.66/32",
            "192.0.2.64/26",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "2001:db8:1::/48",
            "::ffff:198.51.100.0/120",
            "255.255.255.255/32",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
        ]);
        let atlas = Atlas::new(&networks);
        for (address, wanted) in [
            ("192.0.2.66", "[192.0.2.66]/32"),
            ("192.0.2.67", "[192.0.2.64]/26"),
            ("192.0.2.127", "[192.0.2.64]/26"),
            ("192.0.2.128", "[192.0.2.0]/24"),
            ("192.0.3.0", "[0.0.0.0]/0"),
            ("255.255.255.255", "[255.255.255.255]/32"),
            ("255.255.255.254", "[0.0.0.0]/0"),
            ("198.51.100.9", "[198.51.100.0]/24"),
            ("::ffff:192.0.2.66", "[192.0.2.66]/32"),
            ("2001:db8:1::5", "[IPv6:2001:db8:1::]/48"),
            ("2001:db8:2::5", "[IPv6:2001:db8::]/32"),
            ("2002::", "[IPv6:::]/0"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]/128"),
        ] {
            let place = atlas.find(address.parse().expect("an address"), &networks).expect("found");
            assert_eq!(alloc::string::ToString::to_string(&networks[place]), wanted, "{address}");
        }
    }

    #[test]
    fn ipv4_clients_are_in_no_ipv6_network_and_ipv6_clients_fall_back_to_the_ipv4_default() {
        let wide = sorted(&["::/0"]);
        assert_eq!(Atlas::new(&wide).find("192.0.2.1".parse().expect("address"), &wide), None);
        let resort = sorted(&["0.0.0.0/0", "10.0.0.0/8"]);
        let atlas = Atlas::new(&resort);
        let place = atlas.find("2001:db8::1".parse().expect("address"), &resort);
        assert_eq!(place.map(|place| resort[place]), Some(network("0.0.0.0/0")));
        assert_eq!(Network::new("1.2.3.4".parse().expect("address"), 33), None);
    }

    proptest! {
        #[test]
        fn the_atlas_finds_what_a_search_through_all_finds(
            keys in proptest::collection::vec((any::<u8>(), any::<u8>(), 0_u8..=32), 0..40),
            probes in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..20),
        ) {
            let address = |a: u8, d: u8| IpAddr::V4(Ipv4Addr::new(a & 3, 0, 0, d));
            let mut networks: Vec<Network> =
                keys.iter().map(|(a, d, width)| Network::new(address(*a, *d), *width).expect("fits")).collect();
            networks.sort_unstable();
            let atlas = Atlas::new(&networks);
            for (a, d) in probes {
                let probe = bits(address(a, d));
                let around = networks.iter().filter(|network| network.base <= probe && probe <= network.last());
                let narrowest = around.max_by_key(|network| network.width);
                let found = atlas.find(address(a, d), &networks).map(|place| &networks[place]);
                prop_assert_eq!(found, narrowest);
            }
        }
    }
}
