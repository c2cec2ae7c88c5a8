//! A second evaluator, written apart from the first: it reads no text, keeps no index, walks through all keys for each
//! question and asks the world by calling it. Slow, and simple enough to be believed.

use super::{DomainIs, Sought, Told, Wish, World};
use crate::server::rate_window::RateVerdict;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

/// A line: its key, and what it says: attribute (or `=`, or `message`) and value.
pub(super) type Line = (String, Vec<(&'static str, String)>);

/// What the evaluator remembers, as plain variables.
pub(super) struct Naive<'a> {
    pub(super) lines: &'a [Line],
    pub(super) world: World<'a>,
    pub(super) own: IpAddr,
    pub(super) peer: IpAddr,
    pub(super) reject: bool,
    pub(super) freeze: bool,
    pub(super) relay: bool,
    pub(super) recipients: bool,
    pub(super) full: bool,
    pub(super) user: bool,
    pub(super) spf: bool,
    pub(super) listed: bool,
    pub(super) size: Option<String>,
    rates: Option<(i64, i64)>,
    norelay: bool,
}

/// `Ok(true)` is the freezer; the error is the name of the reason.
pub(super) type Outcome = Result<bool, &'static str>;

impl<'a> Naive<'a> {
    pub(super) fn new(lines: &'a [Line], world: World<'a>, own: IpAddr, peer: IpAddr) -> Naive<'a> {
        Naive {
            lines,
            world,
            own,
            peer,
            reject: false,
            freeze: false,
            relay: false,
            recipients: false,
            full: false,
            user: false,
            spf: false,
            listed: false,
            size: None,
            rates: None,
            norelay: false,
        }
    }

    fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|(other, said)| other == key && !said.is_empty())
    }

    /// Depth first, the first that is found.
    fn get(&self, key: &str, wanted: &str) -> Option<String> {
        self.below(key, wanted, 0)
    }

    fn below(&self, key: &str, wanted: &str, depth: usize) -> Option<String> {
        for (other, said) in self.lines {
            if other != key {
                continue;
            }
            for (attribute, value) in said {
                if *attribute == wanted {
                    return Some(value.clone());
                }
                if *attribute == "="
                    && depth < 5
                    && let Some(found) = self.below(value, wanted, depth + 1)
                {
                    return Some(found);
                }
            }
        }
        None
    }

    fn is(&self, key: &Option<String>, wanted: &str, value: &str) -> bool {
        key.as_ref().and_then(|key| self.get(key, wanted)).is_some_and(|found| found == value)
    }

    /// The default key says nothing of this kind.
    fn local(&self, key: &Option<String>) -> bool {
        key.as_deref() != Some(".") && self.is(key, "localdomain", "+")
    }

    fn there(&self, key: &Option<String>, wanted: &str) -> bool {
        key.as_ref().and_then(|key| self.get(key, wanted)).is_some()
    }

    /// Every width from the narrowest on.
    fn network(&self, address: IpAddr) -> Option<String> {
        match address {
            IpAddr::V4(v4) => (0..=32).rev().find_map(|width: u32| {
                let mask = u32::MAX.checked_shl(32 - width).unwrap_or(0);
                let key = alloc::format!("[{}]/{width}", core::net::Ipv4Addr::from(u32::from(v4) & mask));
                self.has(&key).then_some(key)
            }),
            IpAddr::V6(v6) => (0..=128)
                .rev()
                .find_map(|width: u32| {
                    let mask = u128::MAX.checked_shl(128 - width).unwrap_or(0);
                    let base = core::net::Ipv6Addr::from(u128::from(v6) & mask);
                    let key = alloc::format!("[IPv6:{base}]/{width}");
                    self.has(&key).then_some(key)
                })
                .or_else(|| self.has("[0.0.0.0]/0").then(|| "[0.0.0.0]/0".into())),
        }
    }

    fn domain(&self, name: &str) -> Option<String> {
        let mut keys = Vec::new();
        if !name.is_empty() {
            keys.push(String::from(name));
            let labels: Vec<&str> = name.split('.').collect();
            for from in 0..labels.len() {
                keys.push(alloc::format!(".{}", labels[from..].join(".")));
            }
        }
        keys.push(".".into());
        keys.into_iter().find(|key| self.has(key))
    }

    fn mailbox(&self, local: &str, domain: &str) -> Option<String> {
        let keys = [alloc::format!("{local}@{domain}"), alloc::format!("{local}@")];
        keys.into_iter().find(|key| self.has(key))
    }

    fn lists(&self, address: IpAddr, zones: &str) -> bool {
        let zones = zones.split(':').map(String::from).collect();
        matches!((self.world)(&Wish::Listing { address, zones }), Told::Listing(Some(_)))
    }

    pub(super) fn connect(&mut self) -> Outcome {
        let key = self.network(self.peer);
        let get = |name| key.as_ref().and_then(|key| self.get(key, name));
        let rates = get("ratelimitmsgs");
        let size = get("maxinsize");
        self.rates = rates.map(|text| match text.split_once(',') {
            Some((n, m)) => (n.parse().expect("number"), m.parse().expect("number")),
            None => (text.parse().expect("number"), 0),
        });
        self.size = size;
        if self.is(&key, "rejectnet", "+") {
            return Err("Client");
        }
        if self.is(&key, "maxsameipsource", "0") {
            return Err("NoConnections");
        }
        self.freeze = self.is(&key, "freezenet", "+");
        self.full = self.is(&key, "fulltrustnet", "+");
        self.recipients = !self.full && self.is(&key, "trustrecipients", "+");
        self.relay = !self.full && !self.recipients && self.is(&key, "relaycustnet", "+");
        if self.full || self.recipients || self.relay || self.freeze || self.peer == self.own {
            return Ok(self.freeze);
        }
        self.spf = self.is(&key, "spf", "+");
        if let Some(zones) = key.as_ref().and_then(|key| self.get(key, "test-dns-rbl"))
            && zones != "-"
            && self.lists(self.peer, &zones)
        {
            return Err("Listed");
        }
        if let Some(zones) = key.as_ref().and_then(|key| self.get(key, "rcpt-dns-rbl")) {
            self.listed = match zones.strip_prefix('_') {
                Some(text) => !text.starts_with('+'),
                None => zones != "-" && self.lists(self.peer, &zones),
            };
        }
        Ok(false)
    }

    pub(super) fn reverse(&mut self, name: &str) {
        if self.full || self.user || self.reject || self.freeze {
            return;
        }
        let key = self.domain(name);
        if self.is(&key, "rejectnet", "+") {
            self.reject = true;
        } else if self.is(&key, "freezenet", "+") {
            self.freeze = true;
        }
        if let Some(size) = key.as_ref().and_then(|key| self.get(key, "maxinsize")) {
            self.size = Some(size);
        }
        if !self.relay && !self.recipients && !self.listed {
            let text = key.as_ref().and_then(|key| self.get(key, "rcpt-dns-rbl"));
            self.listed = text.is_some_and(|text| text.starts_with('_') && !text.starts_with("_+"));
        }
    }

    pub(super) fn hello(&mut self, name: &str) {
        if self.full || self.user || self.relay || self.reject || self.freeze || name.starts_with('[') {
            return;
        }
        let key = self.domain(name);
        if self.is(&key, "rejectnet", "+") {
            self.reject = true;
        } else if self.is(&key, "freezenet", "+") {
            self.freeze = true;
        }
    }

    fn rate(&self, recipient: bool) -> Result<(), &'static str> {
        let Some((n, m)) = self.rates else { return Ok(()) };
        if self.full || (if recipient { m } else { n }) == 0 {
            return Ok(());
        }
        let limit = crate::server::rate_window::RateLimit { messages: n, recipients: m };
        let wish = if recipient { Wish::Recipient(limit) } else { Wish::Message(limit) };
        if (self.world)(&wish) == Told::Rate(RateVerdict::Within) {
            return Ok(());
        }
        Err(if recipient { "Recipients" } else { "Messages" })
    }

    fn dns(&self, domain: &str, sought: Sought) -> Result<DomainIs, &'static str> {
        let Told::Domain(found) = (self.world)(&Wish::Domain(domain.into(), sought)) else {
            return Err("Trouble");
        };
        Ok(found)
    }

    /// `None` is the null sender.
    pub(super) fn mail(&mut self, from: Option<(&str, &str)>) -> Outcome {
        self.norelay = false;
        if self.reject {
            return Err("Client");
        }
        if self.full || self.user || self.freeze {
            self.rate(false)?;
            return Ok(self.freeze);
        }
        let (mut freeze_done, mut reject_done) = (false, false);
        let mut literal = None;
        let key = match from {
            None => self.has(".").then(|| ".".into()),
            Some((local, domain)) => {
                let mailbox = self.mailbox(local, domain);
                if self.is(&mailbox, "freezesource", "+") {
                    self.rate(false)?;
                    return Ok(true);
                }
                if self.is(&mailbox, "rejectsource", "+") {
                    return Err("Sender");
                }
                freeze_done = self.there(&mailbox, "freezesource");
                reject_done = self.there(&mailbox, "rejectsource");
                literal = address(domain);
                match literal {
                    Some(address) => self.network(address),
                    None => self.domain(domain),
                }
            }
        };
        if let (Some(address), Some(zones)) =
            (literal, key.as_ref().and_then(|k| self.get(k, "test-dns-rbl")))
            && address != self.own
            && zones != "-"
            && self.lists(address, &zones)
        {
            return Err("Listed");
        }
        if !reject_done && self.is(&key, "rejectsource", "+") {
            return Err("Sender");
        }
        if !freeze_done && self.is(&key, "freezesource", "+") {
            self.rate(false)?;
            return Ok(true);
        }
        let named = from.filter(|_| literal.is_none());
        let norelay = named.is_some() && self.is(&key, "sendernorelay", "+");
        self.rate(false)?;
        if let Some((_, domain)) = named
            && self.there(&key, "senderokwithdns")
            && self.dns(domain, Sought::Anybody)? == DomainIs::Nowhere
        {
            return Err("SenderDomain");
        }
        if self.spf && matches!((self.world)(&Wish::Spf), Told::Spf(Err(_))) {
            return Err("Spf");
        }
        self.norelay = norelay;
        Ok(false)
    }

    pub(super) fn rcpt(&self, local: &str, domain: &str) -> Outcome {
        let postmaster = local == "postmaster"
            && (self.is(&self.mailbox(local, domain), "relaytarget", "+")
                || (address(domain).is_none() && self.local(&self.domain(domain))));
        match self.judged(local, domain) {
            Err("Trouble") => Err("Trouble"),
            Err(_) if postmaster => Ok(false),
            Err(why) => Err(why),
            Ok(place) => {
                if !postmaster {
                    self.rate(true)?;
                }
                Ok(place)
            }
        }
    }

    fn judged(&self, local: &str, domain: &str) -> Outcome {
        if self.full || self.user || self.recipients {
            return Ok(false);
        }
        let mailbox = self.mailbox(local, domain);
        if self.is(&mailbox, "relaytarget", "+") {
            return Ok(false);
        }
        if self.is(&mailbox, "relaytarget", "-") {
            return Err("Recipient");
        }
        if self.is(&mailbox, "freeze", "+") {
            return Ok(true);
        }
        if self.listed && self.is(&mailbox, "test-rcpt-dns-rbl", "+") {
            return Err("Listed");
        }
        let (mut local, mut domain) = (String::from(local), String::from(domain));
        loop {
            let literal = address(&domain);
            let own = literal == Some(self.own);
            let key = match literal {
                Some(address) => self.network(address),
                None => self.domain(&domain),
            };
            let ours = (own && key.is_some())
                || (literal.is_none() && self.local(&key))
                || self.is(&key, "relaytarget", "+");
            if ours && leads_on(&local) {
                (local, domain) = onward(&local).ok_or("Route")?;
                continue;
            }
            if let (Some(address), Some(zones)) =
                (literal, key.as_ref().and_then(|key| self.get(key, "test-dns-rbl")))
                && !own
                && zones != "-"
                && self.lists(address, &zones)
            {
                return Err("Listed");
            }
            if own && key.is_some() {
                return Ok(false);
            }
            if self.is(&key, "relaytarget", "-") {
                return Err("Recipient");
            }
            if self.is(&key, "freeze", "+") {
                return Ok(true);
            }
            if self.listed && self.is(&key, "test-rcpt-dns-rbl", "+") {
                return Err("Listed");
            }
            if self.is(&key, "relaytarget", "+") {
                return Ok(false);
            }
            if self.relay {
                let nowhere = literal.is_none() && self.dns(&domain, Sought::Anybody)? == DomainIs::Nowhere;
                return if nowhere { Err("RecipientDomain") } else { Ok(false) };
            }
            if self.there(&key, "acceptifmx") || self.norelay {
                if literal.is_some() {
                    return Err("NotExchanger");
                }
                match self.dns(&domain, Sought::Us)? {
                    DomainIs::Elsewhere => return Err("NotExchanger"),
                    DomainIs::Nowhere => return Err("RecipientDomain"),
                    DomainIs::Ours if leads_on(&local) => {
                        (local, domain) = onward(&local).ok_or("Route")?;
                        continue;
                    }
                    DomainIs::Ours => return Ok(false),
                }
            }
            if self.there(&key, "acceptifdns") {
                let nowhere = literal.is_none() && self.dns(&domain, Sought::Anybody)? == DomainIs::Nowhere;
                return if nowhere { Err("RecipientDomain") } else { Ok(false) };
            }
            return Err("NotAdmitted");
        }
    }
}

fn address(domain: &str) -> Option<IpAddr> {
    domain.strip_prefix('[')?.strip_suffix(']')?.replace("IPv6:", "").parse().ok()
}

fn leads_on(local: &str) -> bool {
    local.contains(['@', '!', '%'])
}

/// The next local part and the next domain.
fn onward(local: &str) -> Option<(String, String)> {
    let local = local.trim_matches('"');
    let (domain, rest) = if local.starts_with('@') {
        let end = local.find([',', ':'])?;
        (&local[1..end], &local[end + 1..])
    } else if let Some(at) = local.rfind('@') {
        (&local[at + 1..], &local[..at])
    } else if let Some(bang) = local.find('!') {
        (&local[..bang], &local[bang + 1..])
    } else {
        let percent = local.rfind('%')?;
        (&local[percent + 1..], &local[..percent])
    };
    let fits = domain.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.');
    let whole = domain.split('.').all(|label| !label.is_empty());
    (fits && whole && !rest.is_empty()).then(|| (rest.into(), domain.into()))
}
