//! Lists of addresses in the domain name system (RFC 5782): which zones an operator asks, which of their return codes
//! count, and what they say.
//!
//! `zone` alone counts 127.0.0.0/24, as these lists have always been used; `zone=127.0.0.2,4..11` only what is named.
//! 127.255.255.0/24 never counts: lists answer from there when they refuse to serve, and would else list everybody.

use super::{Answer, Finding, Kind, Name, Question, Step, Trouble};
use crate::limits::{BLOCKLIST_TEXT_MAX, BLOCKLIST_ZONES_MAX};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

/// One zone, and which of its return codes count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Where it is asked.
    pub name: Name,
    codes: Vec<Code>,
}

/// A return code, or a block of them: for each octet the least and the greatest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Code([(u8, u8); 4]);

impl Zone {
    /// Reads `zone` or `zone=CODE,CODE..`. A code is an IPv4 address in 127.0.0.0/8, each octet a number, or a range as
    /// `2..11`; behind a first code, a last octet alone stands for one that begins like the code before it. The error
    /// is a sentence for the operator.
    pub fn parse(text: &str) -> Result<Zone, String> {
        let (name, codes) = text.split_once('=').map_or((text, None), |(name, codes)| (name, Some(codes)));
        let name = Name::parse(name)
            .filter(Name::is_host)
            .ok_or_else(|| format!("'{name}' is not a zone; write its name, as bl.example.net"))?;
        let mut zone = Zone { name, codes: Vec::new() };
        let Some(codes) = codes else {
            zone.codes.push(Code([(127, 127), (0, 0), (0, 0), (0, 255)]));
            return Ok(zone);
        };
        for code in codes.split(',') {
            let read = Code::parse(code, zone.codes.last()).ok_or_else(|| {
                format!("'{code}' is not a return code; write 127.0.0.2, or 127.0.0.2..11, or a further last octet")
            })?;
            zone.codes.push(read);
        }
        Ok(zone)
    }

    /// Zones joined by colons, asked from left to right.
    pub fn parse_list(text: &str) -> Result<Vec<Zone>, String> {
        let zones: Vec<Zone> = text.split(':').map(Zone::parse).collect::<Result<_, _>>()?;
        if zones.len() > BLOCKLIST_ZONES_MAX {
            return Err(format!("{} zones; at most {BLOCKLIST_ZONES_MAX} are asked", zones.len()));
        }
        Ok(zones)
    }

    /// Whether this return code counts here.
    pub fn counts(&self, code: Ipv4Addr) -> bool {
        let [first, second, third, _] = code.octets();
        (first, second, third) != (127, 255, 255) && self.codes.iter().any(|block| block.holds(code))
    }
}

impl Code {
    fn parse(text: &str, before: Option<&Code>) -> Option<Code> {
        // Two dots are a range, one parts octets: hide the ranges first.
        let hidden = text.replace("..", "-");
        let octets: Vec<(u8, u8)> = hidden.split('.').map(range).collect::<Option<_>>()?;
        let code = match (octets.as_slice(), before) {
            ([last], Some(Code([first, second, third, _]))) => Code([*first, *second, *third, *last]),
            ([first, second, third, last], _) => Code([*first, *second, *third, *last]),
            _ => return None,
        };
        (code.0[0] == (127, 127)).then_some(code)
    }

    fn holds(&self, code: Ipv4Addr) -> bool {
        self.0
            .iter()
            .zip(code.octets())
            .all(|((least, greatest), octet)| (*least..=*greatest).contains(&octet))
    }
}

/// A number, or two joined by a hyphen.
fn range(text: &str) -> Option<(u8, u8)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| text.parse::<u8>().ok()).flatten()
    };
    let (least, greatest) = match text.split_once('-') {
        Some((least, greatest)) => (number(least)?, number(greatest)?),
        None => (number(text)?, number(text)?),
    };
    (least <= greatest).then_some((least, greatest))
}

/// What the zones say of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// One lists it.
    Listed {
        /// Which.
        zone: Name,
        /// With which return code, the first one that counts.
        code: Ipv4Addr,
        /// What it says of it: printable ASCII, cut; nothing when it says nothing.
        text: Option<String>,
    },
    /// None does, and all have answered.
    NotListed,
    /// None does, but this one did not answer.
    Unknown(Name, Trouble),
}

/// The machine: A in each zone, and TXT where it is listed.
#[derive(Clone, Debug)]
pub struct Check {
    address: IpAddr,
    zones: Arc<[Zone]>,
    at: usize,
    /// The return code, once it is listed.
    code: Option<Ipv4Addr>,
    trouble: Option<(Name, Trouble)>,
    done: Option<Listing>,
}

impl Check {
    /// Asks these zones about an address, from left to right, until one lists it.
    pub fn new(address: IpAddr, zones: Arc<[Zone]>) -> Check {
        let mut check = Check { address, zones, at: 0, code: None, trouble: None, done: None };
        check.settle();
        check
    }

    /// What is wanted next.
    pub fn poll(&self) -> Step<Listing> {
        match (&self.done, self.name()) {
            (None, Some(name)) => {
                Step::Ask(Question::new(name, if self.code.is_some() { Kind::Txt } else { Kind::A }))
            }
            (Some(listing), _) => Step::Done(listing.clone()),
            (None, None) => Step::Done(Listing::NotListed),
        }
    }

    /// The answer to the question of the last `poll`.
    pub fn answer(&mut self, answer: Answer) {
        let Some(zone) = self.zones.get(self.at).filter(|_| self.done.is_none()) else { return };
        if let Some(code) = self.code {
            let text = match answer.texts() {
                Finding::Some(texts) => texts.first().map(|text| plain(text)),
                Finding::Void | Finding::Trouble(_) => None,
            };
            self.done = Some(Listing::Listed { zone: zone.name.clone(), code, text });
            return;
        }
        match answer.addresses() {
            Finding::Some(all) => {
                self.code = all.into_iter().find_map(|address| match address {
                    IpAddr::V4(code) if zone.counts(code) => Some(code),
                    IpAddr::V4(_) | IpAddr::V6(_) => None,
                });
            }
            Finding::Void => {}
            Finding::Trouble(trouble) => {
                self.trouble.get_or_insert((zone.name.clone(), trouble));
            }
        }
        if self.code.is_none() {
            self.at += 1;
            self.settle();
        }
    }

    /// Passes over zones whose names leave no room for the address, and notices the end.
    fn settle(&mut self) {
        while self.at < self.zones.len() && self.name().is_none() {
            self.at += 1;
        }
        if self.at == self.zones.len() {
            let unknown = |(zone, trouble): &(Name, Trouble)| Listing::Unknown(zone.clone(), *trouble);
            self.done = Some(self.trouble.as_ref().map_or(Listing::NotListed, unknown));
        }
    }

    fn name(&self) -> Option<Name> {
        self.zones.get(self.at).and_then(|zone| Name::listed(self.address, &zone.name))
    }
}

/// A stranger's text, safe to repeat: printable ASCII, one space for anything else, and not too much of it.
fn plain(text: &[u8]) -> String {
    let printable = |octet: &u8| if octet.is_ascii_graphic() { char::from(*octet) } else { ' ' };
    let all: String = text.iter().take(BLOCKLIST_TEXT_MAX).map(printable).collect();
    all.trim().to_string()
}

#[cfg(test)]
mod tests;
