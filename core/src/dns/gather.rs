//! Makes an answer of what a resolver found, record by record, within bounds. The one place where octets that a
//! stranger's server chose become names and records.

use super::answer::{Answer, Mx, Records, Trouble};
use super::name::Name;
use super::question::Kind;
use crate::limits::{DNS_ADDRESSES_MAX, DNS_NAMES_MAX, DNS_TEXTS_MAX};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

/// The records of an answer, as far as they have come. Records of another kind than the one asked for (the aliases on
/// the way, for one) are passed over, and so is what is beyond the bounds.
#[derive(Debug)]
pub struct Gathering {
    records: Records,
    /// A record of the right kind was there, but cannot be used.
    unusable: bool,
}

impl Gathering {
    /// Nothing yet, for a question of this kind.
    pub fn new(kind: Kind) -> Gathering {
        let records = match kind {
            Kind::A => Records::A(Vec::new()),
            Kind::Aaaa => Records::Aaaa(Vec::new()),
            Kind::Mx => Records::Mx(Vec::new()),
            Kind::Txt => Records::Txt(Vec::new()),
            Kind::Ptr => Records::Ptr(Vec::new()),
        };
        Gathering { records, unusable: false }
    }

    /// An IPv4 address.
    pub fn a(&mut self, address: Ipv4Addr) {
        if let Records::A(all) = &mut self.records {
            push(all, address, DNS_ADDRESSES_MAX);
        }
    }

    /// An IPv6 address.
    pub fn aaaa(&mut self, address: Ipv6Addr) {
        if let Records::Aaaa(all) = &mut self.records {
            push(all, address, DNS_ADDRESSES_MAX);
        }
    }

    /// A mail exchange, its host as labels; no labels for the root.
    pub fn mx<'a>(&mut self, preference: u16, labels: impl IntoIterator<Item = &'a [u8]>) {
        let Records::Mx(all) = &mut self.records else { return };
        let mut labels = labels.into_iter().peekable();
        if labels.peek().is_none() {
            return push(all, Mx { preference, host: None }, DNS_NAMES_MAX);
        }
        match Name::from_labels(labels) {
            Some(host) => push(all, Mx { preference, host: Some(host) }, DNS_NAMES_MAX),
            None => self.unusable = true,
        }
    }

    /// A text, as its strings.
    pub fn txt<'a>(&mut self, strings: impl IntoIterator<Item = &'a [u8]>) {
        if let Records::Txt(all) = &mut self.records {
            let mut text = Vec::new();
            strings.into_iter().for_each(|string| text.extend_from_slice(string));
            push(all, text, DNS_TEXTS_MAX);
        }
    }

    /// A name of an address, as labels.
    pub fn ptr<'a>(&mut self, labels: impl IntoIterator<Item = &'a [u8]>) {
        let Records::Ptr(all) = &mut self.records else { return };
        match Name::from_labels(labels) {
            Some(name) => push(all, name, DNS_NAMES_MAX),
            None => self.unusable = true,
        }
    }

    /// The answer. Records that were all unusable are trouble and not "none": a domain with a mail exchange that we
    /// cannot name is not one without.
    pub fn finish(mut self) -> Answer {
        if let Records::Mx(all) = &mut self.records {
            all.sort();
        }
        let empty = match &self.records {
            Records::A(all) => all.is_empty(),
            Records::Aaaa(all) => all.is_empty(),
            Records::Mx(all) => all.is_empty(),
            Records::Txt(all) => all.is_empty(),
            Records::Ptr(all) => all.is_empty(),
        };
        match (empty, self.unusable) {
            (false, _) => Answer::Found(self.records),
            (true, true) => Answer::Trouble(Trouble::Malformed),
            (true, false) => Answer::NoData,
        }
    }
}

fn push<T>(all: &mut Vec<T>, record: T, most: usize) {
    if all.len() < most {
        all.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    fn labels(name: &str) -> impl Iterator<Item = &[u8]> {
        name.split('.').map(str::as_bytes)
    }

    #[test]
    fn exchanges_are_sorted_and_the_root_is_nobody() {
        let mut gathering = Gathering::new(Kind::Mx);
        gathering.mx(20, labels("b.example"));
        gathering.mx(10, labels("C.example"));
        gathering.a(Ipv4Addr::LOCALHOST);
        let hosts = |answer: Answer| -> Vec<Option<String>> {
            let Answer::Found(Records::Mx(all)) = answer else { panic!("{answer:?}") };
            all.into_iter().map(|mx| mx.host.map(|host| host.to_string())).collect()
        };
        assert_eq!(hosts(gathering.finish()), [Some("c.example".into()), Some("b.example".into())]);
        let mut null = Gathering::new(Kind::Mx);
        null.mx(0, []);
        assert_eq!(hosts(null.finish()), [None]);
    }

    #[test]
    fn nothing_is_no_data_and_only_rubbish_is_trouble() {
        assert_eq!(Gathering::new(Kind::A).finish(), Answer::NoData);
        let mut gathering = Gathering::new(Kind::Ptr);
        gathering.ptr([b"evil\r\n".as_slice(), b"example"]);
        assert_eq!(gathering.finish(), Answer::Trouble(Trouble::Malformed));
    }

    #[test]
    fn strings_are_joined_and_bounds_hold() {
        let mut gathering = Gathering::new(Kind::Txt);
        gathering.txt([b"v=spf1 ".as_slice(), b"-all"]);
        assert_eq!(gathering.finish(), Answer::Found(Records::Txt(alloc::vec![b"v=spf1 -all".to_vec()])));
        let mut gathering = Gathering::new(Kind::Ptr);
        (0..1000).for_each(|_| gathering.ptr(labels("a.example")));
        assert!(matches!(gathering.finish(), Answer::Found(Records::Ptr(all)) if all.len() == DNS_NAMES_MAX));
    }
}
