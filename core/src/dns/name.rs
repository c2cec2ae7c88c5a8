//! A name in the domain name system: bounded, without case, safe to write into one line. No look-up, and no opinion
//! on whether it could be the name of a host, except when asked.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

/// The greatest length of a name in octets, written with dots and without the last one. Spec: RFC 1035 §2.3.4.
pub(super) const NAME_OCTETS_MAX: usize = 253;
/// The greatest length of a label in octets. Spec: RFC 1035 §2.3.4.
pub(super) const LABEL_OCTETS_MAX: usize = 63;

/// A fully qualified name other than the root, in lower case, its labels joined by dots and no dot at the end.
///
/// Labels hold printable ASCII and spaces, because sender policies may build such names; a label with a dot inside or
/// with any other octet has no `Name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Reads labels joined by dots; one dot at the end may stand.
    pub fn parse(text: &str) -> Option<Name> {
        let text = text.strip_suffix('.').unwrap_or(text);
        Name::from_labels(text.split('.').map(str::as_bytes))
    }

    /// Joins labels as they stand in a record, the empty one of the root left out.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Name> {
        let mut name = String::new();
        for label in labels {
            if label.is_empty() || label.len() > LABEL_OCTETS_MAX || !label.iter().all(is_label_octet) {
                return None;
            }
            if !name.is_empty() {
                name.push('.');
            }
            name.extend(label.iter().map(|octet| char::from(octet.to_ascii_lowercase())));
            if name.len() > NAME_OCTETS_MAX {
                return None;
            }
        }
        (!name.is_empty()).then_some(Name(name))
    }

    /// The name under which the names of an address are found: `7.2.0.192.in-addr.arpa`, or 32 nibbles under
    /// `ip6.arpa`. Spec: RFC 1035 §3.5, RFC 3596 §2.5.
    pub fn reverse(address: IpAddr) -> Name {
        let zone = match address.to_canonical() {
            IpAddr::V4(_) => "in-addr.arpa",
            IpAddr::V6(_) => "ip6.arpa",
        };
        Name(alloc::format!("{}.{zone}", reversed(address)))
    }

    /// The name under which a list of addresses in this zone tells of an address; nothing when the zone's name is too
    /// long for it. Spec: RFC 5782 §2.1, RFC 5782 §2.4.
    pub fn listed(address: IpAddr, zone: &Name) -> Option<Name> {
        let name = alloc::format!("{}.{zone}", reversed(address));
        (name.len() <= NAME_OCTETS_MAX).then_some(Name(name))
    }

    /// The name, without a dot at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its labels, the most special one first.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether it is `other` or lies below it.
    pub fn is_within(&self, other: &Name) -> bool {
        let above = self.0.strip_suffix(other.as_str());
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }

    /// Whether it can be the name of a host: letters, digits, hyphens inside, and underscores, which people use.
    pub fn is_host(&self) -> bool {
        self.labels().all(|label| {
            let word = label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet));
            word && !label.starts_with('-') && !label.ends_with('-')
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label_octet(octet: &u8) -> bool {
    (b' '..=b'~').contains(octet) && *octet != b'.'
}

/// The octets of an IPv4 address or the nibbles of an IPv6 one, the last one first, joined by dots.
fn reversed(address: IpAddr) -> String {
    let mut parts = String::new();
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for octet in v4.octets().into_iter().rev() {
                parts.push_str(&alloc::format!("{octet}."));
            }
        }
        IpAddr::V6(v6) => {
            for octet in v6.octets().into_iter().rev() {
                parts.push_str(&alloc::format!("{:x}.{:x}.", octet & 15, octet >> 4));
            }
        }
    }
    parts.pop();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    #[test]
    fn names_are_bounded_and_have_no_case() {
        assert_eq!(name("Mail.Example.COM."), name("mail.example.com"));
        assert_eq!(name("a b.%20x").as_str(), "a b.%20x");
        for bad in ["", ".", "a..b", ".a", "a..", "caf\u{e9}.example", "a\tb", "a\0b"] {
            assert_eq!(Name::parse(bad), None, "{bad:?}");
        }
        let label = "a".repeat(63);
        assert!(Name::parse(&label).is_some());
        assert!(Name::parse(&alloc::format!("{label}a")).is_none());
        let longest = alloc::format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(name(&longest).as_str().len(), NAME_OCTETS_MAX);
        assert!(Name::parse(&alloc::format!("{longest}b")).is_none());
        assert!(Name::from_labels([b"a.b".as_slice()]).is_none());
    }

    proptest! {
        #[test]
        fn any_name_is_bounded_and_reads_as_itself(text in "\\PC{0,20}(\\.[a-zA-Z0-9 _%-]{0,70}){0,6}\\.?") {
            if let Some(name) = Name::parse(&text) {
                prop_assert!(name.as_str().len() <= NAME_OCTETS_MAX);
                prop_assert!(name.labels().all(|label| (1..=LABEL_OCTETS_MAX).contains(&label.len())));
                prop_assert_eq!(Name::parse(name.as_str()), Some(name.clone()));
                prop_assert_eq!(Name::parse(&text.to_ascii_uppercase()), Some(name.clone()));
                prop_assert!(name.is_within(&name));
            }
        }

        #[test]
        fn reverse_names_are_names(address in any::<u128>(), v4 in any::<u32>()) {
            for address in [IpAddr::V6(address.into()), IpAddr::V4(v4.into())] {
                let name = Name::reverse(address);
                prop_assert_eq!(Name::parse(name.as_str()), Some(name));
            }
        }
    }

    #[test]
    fn a_name_lies_within_itself_and_its_parents() {
        assert!(name("mail.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("EXAMPLE.com")));
        assert!(!name("mail.bad-example.com").is_within(&name("example.com")));
        assert!(!name("com").is_within(&name("example.com")));
    }

    #[test]
    fn hosts_are_words() {
        assert!(name("mx-1.example.com").is_host());
        assert!(name("_spf.example.com").is_host());
        for bad in ["-a.example", "a-.example", "a(b).example", "a b.example", "a;b"] {
            assert!(!name(bad).is_host(), "{bad}");
        }
    }

    #[test]
    fn addresses_have_reverse_names() {
        let address = |text: &str| text.parse::<IpAddr>().expect(text);
        let reverse = |text: &str| Name::reverse(address(text)).to_string();
        assert_eq!(reverse("192.0.2.7"), "7.2.0.192.in-addr.arpa");
        assert_eq!(reverse("::ffff:192.0.2.7"), "7.2.0.192.in-addr.arpa");
        assert_eq!(
            reverse("2001:db8::cb01"),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
        let listed =
            |text: &str| Name::listed(address(text), &name("bl.example")).map(|name| name.to_string());
        assert_eq!(listed("127.0.0.2").as_deref(), Some("2.0.0.127.bl.example"));
        assert_eq!(
            listed("::FFFF").as_deref(),
            Some("f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example")
        );
        let long = name(&alloc::format!("{0}.{0}.{0}", "z".repeat(63)));
        assert_eq!(Name::listed(address("::1"), &long), None);
    }
}
