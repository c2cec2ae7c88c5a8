//! Domains and address literals, by the letter.
//!
//! No look-up, no opinion: only the grammar.

use alloc::format;
use alloc::string::String;
use core::net::{Ipv4Addr, Ipv6Addr};

/// The greatest length of a domain in octets. Spec: RFC 2821 §4.5.3.1.
pub(crate) const DOMAIN_OCTETS_MAX: usize = 255;
/// The greatest length of a label in octets. Spec: RFC 2821 §4.1.2 leaves it to the DNS.
pub(crate) const LABEL_OCTETS_MAX: usize = 63;

/// Why there is no domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DomainFault {
    Bad,
    TooLong,
    Literal,
}

/// Reads the domain or address literal at the head of `text`: its canonical text and how many octets it took.
/// A fault comes with the number of octets before it.
///
/// A single label is a domain; a domain whose last label is a number is none, for it would be read as an address.
///
/// Spec: RFC 2821 §4.1.2, RFC 2821 §4.1.3.
pub(super) fn read(text: &[u8]) -> Result<(String, usize), (usize, DomainFault)> {
    if text.first() == Some(&b'[') {
        return literal(text).ok_or((0, DomainFault::Literal));
    }
    let used = text.iter().position(|&octet| !is_domain_octet(octet)).unwrap_or(text.len());
    let domain = core::str::from_utf8(&text[..used]).map_err(|_| (0, DomainFault::Bad))?;
    if used > DOMAIN_OCTETS_MAX {
        return Err((0, DomainFault::TooLong));
    }
    let mut at = 0;
    let mut numeric = false;
    for label in domain.split('.') {
        let hyphen_outside = label.starts_with('-') || label.ends_with('-');
        if label.is_empty() || label.len() > LABEL_OCTETS_MAX || hyphen_outside {
            return Err((at, DomainFault::Bad));
        }
        numeric = label.bytes().all(|octet| octet.is_ascii_digit());
        at += label.len() + 1;
    }
    if numeric {
        return Err((0, DomainFault::Bad));
    }
    Ok((String::from(domain), used))
}

fn is_domain_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'.'
}

/// `[1.2.3.4]` or `[IPv6:2001:db8::1]`; no other tag has been standardised.
fn literal(text: &[u8]) -> Option<(String, usize)> {
    let end = text.iter().position(|&octet| octet == b']')?;
    let inside = core::str::from_utf8(&text[1..end]).ok()?;
    let canonical = match inside.split_once(':') {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            format!("[IPv6:{}]", address.parse::<Ipv6Addr>().ok()?)
        }
        Some(_) => return None,
        None => format!("[{}]", ipv4(inside)?),
    };
    Some((canonical, end + 1))
}

/// Four numbers of one to three digits; leading zeros are legal and mean nothing.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut numbers = text.split('.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        let number = numbers.next()?;
        let digits = number.bytes().all(|digit| digit.is_ascii_digit());
        if !digits || number.len() > 3 {
            return None;
        }
        *octet = number.parse().ok()?;
    }
    numbers.next().is_none().then(|| Ipv4Addr::from(octets))
}
