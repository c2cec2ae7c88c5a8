//! The twin of all that a policy finds out by the domain name system: a list of records, searched anew for each question,
//! and what becomes of it when some questions have no answer. It asks for everything at once and keeps nothing.

use smtpserver_core::policy::evaluate::{DomainIs, Listing, Sought, Told};
use std::net::IpAddr;

/// A record: its name, its kind, its value.
type Record = (String, String, String);

/// What is there to be found, and what of it could not be found out.
#[derive(Clone, Debug, Default)]
pub struct Names {
    records: Vec<Record>,
}

/// What is found at a name.
enum Found {
    /// These values; none where the name has no record of this kind.
    Values(Vec<String>),
    /// There is no such name.
    Nobody,
    /// It could not be found out.
    Trouble,
}

/// Whether the answer to a question never came, or was none: of a name and a kind of record.
pub type Unknown<'a> = &'a dyn Fn(&str, &str) -> bool;

impl Names {
    /// Reads lines of `NAME KIND VALUE`.
    pub fn read(lines: &[String]) -> Names {
        let record = |line: &String| {
            let (name, rest) = line.split_once(' ')?;
            let (kind, value) = rest.split_once(' ')?;
            Some((name.to_ascii_lowercase(), kind.to_owned(), value.to_ascii_lowercase()))
        };
        Names { records: lines.iter().filter_map(record).collect() }
    }

    fn find(&self, unknown: Unknown<'_>, name: &str, kind: &str) -> Found {
        let name = name.to_ascii_lowercase();
        if unknown(&name, kind) {
            return Found::Trouble;
        }
        let there = || self.records.iter().filter(|record| record.0 == name);
        if there().count() == 0 {
            return Found::Nobody;
        }
        Found::Values(there().filter(|record| record.1 == kind).map(|record| record.2.clone()).collect())
    }

    /// Whether one of these zones lists the address, with any code that begins with 127.0.0.
    pub fn listing(&self, unknown: Unknown<'_>, address: IpAddr, zones: &[String]) -> Told {
        let mut trouble = false;
        for zone in zones {
            match self.find(unknown, &format!("{}.{zone}", backwards(address)), "A") {
                Found::Values(codes) if codes.iter().any(|code| code.starts_with("127.0.0.")) => {
                    return Told::Listing(Some(Listing { zone: zone.clone(), text: None }));
                }
                Found::Values(_) | Found::Nobody => {}
                Found::Trouble => trouble = true,
            }
        }
        if trouble { Told::Trouble } else { Told::Listing(None) }
    }

    /// Who takes mail for a domain, when `own` is our address.
    pub fn domain(&self, unknown: Unknown<'_>, domain: &str, sought: Sought, own: IpAddr) -> Told {
        let hosts = match self.find(unknown, domain, "MX") {
            Found::Nobody => return Told::Domain(DomainIs::Nowhere),
            Found::Trouble => return Told::Trouble,
            Found::Values(values) if values.is_empty() => vec![domain.to_owned()],
            Found::Values(values) => {
                let hosts = values.iter().filter_map(|value| value.split_once(' ')).map(|(_, host)| host);
                hosts.filter(|host| *host != ".").map(str::to_owned).collect()
            }
        };
        let (mut trouble, mut elsewhere) = (false, false);
        for host in hosts {
            for kind in ["A", "AAAA"] {
                let addresses = match self.find(unknown, &host, kind) {
                    Found::Values(values) => values,
                    Found::Nobody => Vec::new(),
                    Found::Trouble => {
                        trouble = true;
                        continue;
                    }
                };
                for address in addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok()) {
                    if sought == Sought::Anybody || address == own {
                        return Told::Domain(DomainIs::Ours);
                    }
                    elsewhere = true;
                }
            }
        }
        match (trouble, elsewhere) {
            (true, _) => Told::Trouble,
            (false, true) => Told::Domain(DomainIs::Elsewhere),
            (false, false) => Told::Domain(DomainIs::Nowhere),
        }
    }

    /// The first name of an address that leads back to it.
    pub fn reverse(&self, unknown: Unknown<'_>, address: IpAddr) -> Option<String> {
        let (zone, kind) = match address {
            IpAddr::V4(_) => ("in-addr.arpa", "A"),
            IpAddr::V6(_) => ("ip6.arpa", "AAAA"),
        };
        let Found::Values(names) = self.find(unknown, &format!("{}.{zone}", backwards(address)), "PTR")
        else {
            return None;
        };
        names.into_iter().find(|name| {
            let found = self.find(unknown, name, kind);
            matches!(found, Found::Values(values) if values.iter().any(|text| text.parse() == Ok(address)))
        })
    }
}

/// The address as the labels under which zones have it.
fn backwards(address: IpAddr) -> String {
    let labels: Vec<String> = match address {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => format!("{:032x}", v6.to_bits()).chars().rev().map(String::from).collect(),
    };
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let lines = [
            "good.example MX 10 mx.good.example",
            "mx.good.example A 192.0.2.9",
            "ours.example MX 5 mx.good.example",
            "ours.example MX 10 we.example",
            "we.example A 192.0.2.1",
            "null.example MX 0 .",
            "7.2.0.192.in-addr.arpa PTR liar.example",
            "7.2.0.192.in-addr.arpa PTR mx7.example",
            "liar.example A 192.0.2.1",
            "mx7.example A 192.0.2.7",
            "7.2.0.192.bl.example A 127.0.0.4",
        ];
        Names::read(&lines.map(String::from))
    }

    #[test]
    fn what_is_there_is_found_and_trouble_is_not_nothing() {
        let (names, own): (Names, IpAddr) = (names(), "192.0.2.1".parse().expect("an address"));
        let nothing = |_: &str, _: &str| false;
        let is = |domain: &str, sought| names.domain(&nothing, domain, sought, own);
        assert_eq!(is("good.example", Sought::Anybody), Told::Domain(DomainIs::Ours));
        assert_eq!(is("good.example", Sought::Us), Told::Domain(DomainIs::Elsewhere));
        assert_eq!(is("Ours.example", Sought::Us), Told::Domain(DomainIs::Ours));
        assert_eq!(is("null.example", Sought::Us), Told::Domain(DomainIs::Nowhere));
        assert_eq!(is("no.example", Sought::Anybody), Told::Domain(DomainIs::Nowhere));
        let no_mx = |_: &str, kind: &str| kind == "MX";
        assert_eq!(names.domain(&no_mx, "good.example", Sought::Anybody, own), Told::Trouble);
        let seven = "192.0.2.7".parse().expect("an address");
        assert_eq!(names.reverse(&nothing, seven).as_deref(), Some("mx7.example"));
        assert_eq!(names.reverse(&nothing, own), None);
        let zones = ["no.example".to_owned(), "bl.example".to_owned()];
        assert!(matches!(names.listing(&nothing, seven, &zones), Told::Listing(Some(_))));
        assert_eq!(names.listing(&nothing, own, &zones), Told::Listing(None));
        assert_eq!(names.listing(&|_, _| true, own, &zones), Told::Trouble);
    }
}
