//! The patterns of both lists, and what each fits.

use super::{Client, ClientName, SERVICE};
use crate::config::glob::Glob;
use crate::config::networks::Network;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr};

/// What stands left of the first colon: whose rule it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServicePattern {
    /// Ours, whichever of our addresses the client came to.
    Ours,
    /// Ours, at these addresses (`smtp-receiver@192.0.2.1`).
    At(Network),
    /// Another's.
    Others,
}

impl ServicePattern {
    pub(super) fn fits(&self, local: IpAddr) -> bool {
        match self {
            ServicePattern::Ours => true,
            ServicePattern::At(network) => network.contains(local),
            ServicePattern::Others => false,
        }
    }

    pub(super) fn read(word: &str) -> Result<ServicePattern, Misfit> {
        let (service, place) = match word.split_once('@') {
            Some((service, place)) => (service, Some(place)),
            None => (word, None),
        };
        let ours = service.eq_ignore_ascii_case("ALL")
            || if service.contains(['*', '?']) {
                Glob::read(service).is_ok_and(|glob| glob.matches(SERVICE))
            } else {
                service.eq_ignore_ascii_case(SERVICE)
            };
        match place {
            _ if !ours => Ok(ServicePattern::Others),
            None => Ok(ServicePattern::Ours),
            Some(place) => match network(place) {
                Some(Ok(network)) => Ok(ServicePattern::At(network)),
                Some(Err(misfit)) => Err(misfit),
                None => Err(Misfit::OwnName),
            },
        }
    }
}

/// What stands right of the first colon: who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientPattern {
    /// Everybody.
    All,
    /// Whose name has no dot.
    Local,
    /// Whose name is known.
    Known,
    /// Whose name is not.
    Unknown,
    /// Whose name does not lead back.
    Paranoid,
    /// These addresses.
    Network(Network),
    /// The host of this name, in lower case.
    Host(String),
    /// The hosts whose names end like this, in lower case, dot included.
    Domain(String),
    /// The hosts whose address or name this fits.
    Glob(Glob),
}

impl ClientPattern {
    pub(super) fn fits(&self, client: &Client<'_>) -> bool {
        let name = match client.name {
            ClientName::Confirmed(name) => Some(name),
            ClientName::Contradicted | ClientName::Unknown => None,
        };
        match self {
            ClientPattern::All => true,
            ClientPattern::Local => name.is_some_and(|name| !name.contains('.')),
            ClientPattern::Known => name.is_some(),
            ClientPattern::Unknown => name.is_none(),
            ClientPattern::Paranoid => client.name == ClientName::Contradicted,
            ClientPattern::Network(network) => network.contains(client.address),
            ClientPattern::Host(host) => name.is_some_and(|name| name.eq_ignore_ascii_case(host)),
            ClientPattern::Domain(domain) => name.is_some_and(|name| {
                name.len() > domain.len()
                    && name.as_bytes()[name.len() - domain.len()..].eq_ignore_ascii_case(domain.as_bytes())
            }),
            ClientPattern::Glob(glob) => {
                name.is_some_and(|name| glob.matches(name))
                    || glob.matches(&alloc::format!("{}", client.address))
            }
        }
    }

    pub(super) fn is_about_names(&self) -> bool {
        match self {
            ClientPattern::All | ClientPattern::Network(_) => false,
            ClientPattern::Local
            | ClientPattern::Known
            | ClientPattern::Unknown
            | ClientPattern::Paranoid
            | ClientPattern::Host(_)
            | ClientPattern::Domain(_)
            | ClientPattern::Glob(_) => true,
        }
    }

    pub(super) fn read(word: &str) -> Result<ClientPattern, Misfit> {
        match word.rsplit_once('@') {
            None => ClientPattern::read_host(word),
            Some(("", _)) => Err(Misfit::Netgroup),
            Some((user, host)) if user.eq_ignore_ascii_case("ALL") => ClientPattern::read_host(host),
            Some(_) => Err(Misfit::User),
        }
    }

    fn read_host(word: &str) -> Result<ClientPattern, Misfit> {
        let keywords = [
            ("ALL", ClientPattern::All),
            ("LOCAL", ClientPattern::Local),
            ("KNOWN", ClientPattern::Known),
            ("UNKNOWN", ClientPattern::Unknown),
            ("PARANOID", ClientPattern::Paranoid),
        ];
        if let Some((_, pattern)) = keywords.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) {
            return Ok(pattern);
        }
        if word.starts_with('/') {
            return Err(Misfit::File);
        }
        if let Some(network) = network(word) {
            return network.map(ClientPattern::Network);
        }
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let stars = word.contains(['*', '?']);
        if word.is_empty() || !word.bytes().all(|octet| is_name(octet) || matches!(octet, b'*' | b'?')) {
            return Err(Misfit::Strange);
        }
        if stars {
            return Glob::read(word).map(ClientPattern::Glob).map_err(|_| Misfit::Strange);
        }
        if word.ends_with('.') || word.contains("..") {
            return Err(Misfit::Strange);
        }
        let name = word.to_ascii_lowercase();
        Ok(if name.starts_with('.') { ClientPattern::Domain(name) } else { ClientPattern::Host(name) })
    }
}

/// Why a word is no pattern here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Neither keyword, address, network nor name.
    Strange,
    /// A name of our own host: addresses only.
    OwnName,
    /// A user of the client: nobody is asked for it.
    User,
    /// A netgroup.
    Netgroup,
    /// Patterns in another file.
    File,
    /// A mask with holes, or bits of the address behind it.
    Mask,
}

impl Misfit {
    /// What is wrong, and what to write.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Misfit::Strange => (
                "no pattern for clients",
                "write ALL, an address, a network such as 192.0.2.0/24 or [2001:db8::]/32, a host or .domain",
            ),
            Misfit::OwnName => (
                "our own host is named by its address here",
                "write smtp-receiver@192.0.2.1, or smtp-receiver",
            ),
            Misfit::User => {
                ("users of clients are not asked for, so this cannot be supported", "write the host alone")
            }
            Misfit::Netgroup => ("netgroups cannot be supported", "name the hosts or networks"),
            Misfit::File => {
                ("patterns in other files cannot be supported", "name the hosts or networks here")
            }
            Misfit::Mask => (
                "the address has bits behind its mask, or the mask has holes: nobody would fit",
                "write a network such as 192.0.2.0/24",
            ),
        }
    }
}

/// An address, a prefix of one (`192.0.2.`), or a network with a width or a mask. `None` when it is none of these.
fn network(word: &str) -> Option<Result<Network, Misfit>> {
    if let Some(head) = word.strip_suffix('.')
        && !head.is_empty()
        && head.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.')
    {
        let parts: Option<alloc::vec::Vec<u8>> = head.split('.').map(|part| part.parse().ok()).collect();
        let Some(parts) = parts.filter(|parts| parts.len() < 4) else { return Some(Err(Misfit::Strange)) };
        let mut octets = [0; 4];
        octets[..parts.len()].copy_from_slice(&parts);
        let width = parts.len() * 8;
        return Some(written(&alloc::format!("{}/{width}", Ipv4Addr::from(octets))));
    }
    let Some((address, mask)) = word.split_once('/') else {
        return Network::parse(word).map(Ok);
    };
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = bare.parse().ok()?;
    let width = match (mask.parse::<Ipv4Addr>(), address) {
        (Ok(mask), IpAddr::V4(_)) => {
            let width = mask.to_bits().leading_ones();
            if mask.to_bits().count_ones() != width {
                return Some(Err(Misfit::Mask));
            }
            width
        }
        (Ok(_), IpAddr::V6(_)) => return Some(Err(Misfit::Mask)),
        (Err(_), _) => match mask.parse() {
            Ok(width) => width,
            Err(_) => return Some(Err(Misfit::Strange)),
        },
    };
    Some(written(&alloc::format!("{address}/{width}")).and_then(|network| {
        // Elsewhere such an address means its network; here it has always meant nobody.
        if network.is_exactly(address) { Ok(network) } else { Err(Misfit::Mask) }
    }))
}

fn written(text: &str) -> Result<Network, Misfit> {
    Network::parse(text).ok_or(Misfit::Strange)
}
