//! The argument of XCLIENT (the Postfix project publishes it): what a proxy that speaks SMTP itself knows of its client.
//! Whether it may be believed is not known here.

use super::client_name::ClientName;
use super::command::SyntaxFault;
use super::params::ParamName;
use super::xtext::Xtext;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr};

/// The attributes, as the reply to EHLO names them.
pub const ATTRIBUTES: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
/// Octets of a value, decoded.
const VALUE_OCTETS_MAX: usize = 255;

/// What XCLIENT says. A part that is missing, or said to be unknown, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xclient {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client's port.
    pub port: Option<u16>,
    /// The address that the client connected to.
    pub local_address: Option<IpAddr>,
    /// The port that the client connected to.
    pub local_port: Option<u16>,
    /// What the client called itself.
    pub hello: Option<ClientName>,
    /// It did so with EHLO.
    pub extended: bool,
}

impl Xclient {
    /// Reads the attributes behind the verb; each at most once is not asked for, the last one counts.
    pub(super) fn parse(argument: &[u8]) -> Result<Xclient, SyntaxFault> {
        let mut told = Xclient::default();
        for word in argument.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty()) {
            let equals = word.iter().position(|octet| *octet == b'=').unwrap_or(word.len());
            let name = ParamName::new(&word[..equals]);
            let value = word.get(equals + 1..).and_then(decoded);
            let known = value.and_then(|value| told.set(&word[..equals], &value));
            known.ok_or(SyntaxFault::ParamBad(name))?;
        }
        Ok(told)
    }

    /// Sets an attribute; nothing when it is unknown or its value is unfit.
    fn set(&mut self, name: &[u8], value: &str) -> Option<()> {
        let name = core::str::from_utf8(name).ok()?.to_ascii_uppercase();
        let value = if matches!(value, "[UNAVAILABLE]" | "[TEMPUNAVAIL]") { None } else { Some(value) };
        match name.as_str() {
            // Whose address nobody knows is nobody: whatever a proxy or a neighbour may do, that client may not.
            "ADDR" => self.address = checked(value, address)?.or(Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
            "PORT" => self.port = checked(value, port)?,
            "DESTADDR" => self.local_address = checked(value, address)?,
            "DESTPORT" => self.local_port = checked(value, port)?,
            "HELO" => self.hello = checked(value, |value| ClientName::parse(value.as_bytes()))?,
            "PROTO" => {
                self.extended = match value.map(str::to_ascii_uppercase).as_deref() {
                    None | Some("SMTP") => false,
                    Some("ESMTP") => true,
                    Some(_) => return None,
                }
            }
            // Names that were looked up and users that logged in elsewhere prove nothing here.
            "NAME" | "LOGIN" => {}
            _ => return None,
        }
        Some(())
    }
}

/// `Some(None)` for a value that is not known, `None` for one that is unfit.
fn checked<T>(value: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => text[5..].parse().ok().map(IpAddr::V6),
        Some(_) | None => text.parse().ok(),
    }
}

fn port(text: &str) -> Option<u16> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A value out of xtext: printable ASCII.
fn decoded(value: &[u8]) -> Option<String> {
    // The hex digits of some clients are in lower case.
    let mut text = String::from(core::str::from_utf8(value).ok()?);
    if let Some(plus) = text.find('+') {
        text[plus..].make_ascii_uppercase();
    }
    let octets = Xtext::parse(&text)?.decoded();
    let printable =
        octets.len() <= VALUE_OCTETS_MAX && octets.iter().all(|octet| (b' '..=b'~').contains(octet));
    if printable { String::from_utf8(octets).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says() {
        let told =
            Xclient::parse(b"ADDR=192.0.2.7 PORT=4711  NAME=mx+2Eexample PROTO=ESMTP HELO=client.example")
                .expect("fit");
        assert_eq!(told.address, Some("192.0.2.7".parse().expect("address")));
        assert_eq!((told.port, told.extended), (Some(4711), true));
        assert_eq!(told.hello.as_ref().map(ClientName::as_str), Some("client.example"));
        let told =
            Xclient::parse(b"addr=IPv6:2001:db8::7 destaddr=2001:db8::1 destport=25 login=[UNAVAILABLE]")
                .expect("fit");
        assert_eq!(told.address, Some("2001:db8::7".parse().expect("address")));
        assert_eq!((told.local_address.is_some(), told.local_port), (true, Some(25)));
        assert_eq!(
            Xclient::parse(b"ADDR=[UNAVAILABLE] PORT=[TEMPUNAVAIL]"),
            Ok(Xclient { address: Some(Ipv4Addr::UNSPECIFIED.into()), ..Xclient::default() })
        );
    }

    #[test]
    fn what_is_unfit() {
        for text in [
            "ADDR",
            "ADDR=",
            "ADDR=host",
            "ADDR=IPv6:192.0.2.7",
            "PORT=-1",
            "PORT=65536",
            "PROTO=LMTP",
            "HELO=a+20b",
            "HELO=x(",
            "X=y",
            "ADDR=192.0.2.7 =",
            "NAME=+0A",
            "NAME=+4",
        ] {
            assert!(matches!(Xclient::parse(text.as_bytes()), Err(SyntaxFault::ParamBad(_))), "{text}");
        }
    }
}
