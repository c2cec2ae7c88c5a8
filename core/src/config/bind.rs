//! Where a group listens: the forms of the Bind lines. Which addresses an interface has is for the hands to find out.

use super::file::remark::Spot;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is spoken on a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// SMTP, port 25.
    #[default]
    Smtp,
    /// SMTP within TLS from the first octet, port 465.
    SmtpS,
    /// Message submission, port 587 (RFC 6409).
    Submit,
}

impl Service {
    /// The port when none is written.
    pub fn port(self) -> u16 {
        match self {
            Service::Smtp => 25,
            Service::SmtpS => 465,
            Service::Submit => 587,
        }
    }

    /// The parameter that asks for it.
    pub fn param(self) -> &'static str {
        match self {
            Service::Smtp => "BindSmtp",
            Service::SmtpS => "BindSmtpS",
            Service::Submit => "BindSubmit",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Service::Smtp => "SMTP",
            Service::SmtpS => "SMTPS",
            Service::Submit => "SUBMIT",
        })
    }
}

/// An address to listen on, as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BindAddress {
    /// An address, or every address of a family.
    Ip(IpAddr),
    /// Every address of this machine, IPv6 where there is any.
    Everywhere,
    /// The first address of each family that an interface has, or of one family.
    Interface {
        /// Its name, such as `eth0` or `eth0:1`.
        name: String,
        /// IPv4 addresses count.
        v4: bool,
        /// IPv6 addresses count.
        v6: bool,
    },
}

impl BindAddress {
    /// What is wanted, in words.
    pub const WANTED: &'static str =
        "any, any6, an address such as [192.0.2.1] or [IPv6.2001:db8::1], or iface:NAME";

    /// Reads an address: `any`, `any6`, `[192.0.2.1]`, `[IPv6.2001:db8::1]` (or with a colon or a blank behind IPv6),
    /// `iface:NAME`, `iface:v4:NAME`, `iface:v6:NAME`; also an address without brackets.
    pub fn read(text: &str) -> Option<BindAddress> {
        let word = text.to_ascii_lowercase();
        match word.as_str() {
            "any" => return Some(BindAddress::Ip(Ipv4Addr::UNSPECIFIED.into())),
            "any6" => return Some(BindAddress::Ip(Ipv6Addr::UNSPECIFIED.into())),
            _ => {}
        }
        if word.starts_with("iface:") {
            let rest = &text["iface:".len()..];
            let (name, v4, v6) = match rest.get(..3).map(str::to_ascii_lowercase).as_deref() {
                Some("v4:") => (&rest[3..], true, false),
                Some("v6:") => (&rest[3..], false, true),
                Some(_) | None => (rest, true, true),
            };
            let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '[' | ']' | '"' | '\'');
            let named = !name.is_empty() && name.len() <= 15 + 16 && name.chars().all(fits);
            return named.then(|| BindAddress::Interface { name: name.into(), v4, v6 });
        }
        let inside = match word.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None => &word,
        };
        let v6 = ["ipv6:", "ipv6.", "ipv6 "].iter().find_map(|head| inside.strip_prefix(head));
        let ip = match v6 {
            Some(v6) => IpAddr::V6(v6.parse().ok()?),
            None => inside.parse().ok()?,
        };
        Some(BindAddress::Ip(ip))
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = match self {
            BindAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => "any".into(),
            BindAddress::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => "any6".into(),
            BindAddress::Ip(ip) => crate::peer::literal(*ip),
            BindAddress::Everywhere => "any and any6".into(),
            BindAddress::Interface { name, v4: true, v6: true } => format!("iface:{name}"),
            BindAddress::Interface { name, v4: true, v6: false } => format!("iface:v4:{name}"),
            BindAddress::Interface { name, v4: false, .. } => format!("iface:v6:{name}"),
        };
        f.pad(&text)
    }
}

/// One place to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// What is spoken there.
    pub service: Service,
    /// Where.
    pub address: BindAddress,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// What asks for it; the whole file when no line does.
    pub spot: Spot,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_manual_is_read() {
        for (text, wanted) in [
            ("any", "any"),
            ("ANY", "any"),
            ("any6", "any6"),
            ("[0.0.0.0]", "any"),
            ("[IPv6.0::0]", "any6"),
            ("[192.0.2.1]", "[192.0.2.1]"),
            ("192.0.2.1", "[192.0.2.1]"),
            ("::1", "[IPv6:::1]"),
            ("[ipv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
            ("[IPv6 ::1]", "[IPv6:::1]"),
            ("[::1]", "[IPv6:::1]"),
            ("iface:eth0", "iface:eth0"),
            ("iface:eth0:1", "iface:eth0:1"),
            ("IFACE:V4:Eth0", "iface:v4:Eth0"),
            ("iface:v6:eth0:2", "iface:v6:eth0:2"),
        ] {
            let read = BindAddress::read(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.to_string(), wanted, "{text}");
            assert_eq!(BindAddress::read(wanted), Some(read), "{wanted}");
        }
        for text in [
            "",
            "any4",
            "[any]",
            "eth0",
            "iface:",
            "iface:v4:",
            "[1.2.3]",
            "[::1",
            "::1]",
            "[IPv6.1.2.3.4]",
            "mail.example",
            "iface:a/b",
            "iface:é",
        ] {
            assert_eq!(BindAddress::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_read_as_it_is_shown(v4 in any::<u32>(), v6 in any::<u128>(), text in ".{0,20}") {
            for ip in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into())] {
                prop_assert_eq!(BindAddress::read(&BindAddress::Ip(ip).to_string()), Some(BindAddress::Ip(ip)));
            }
            let _ = BindAddress::read(&text);
        }
    }
}
