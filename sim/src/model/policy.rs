//! The policy's twin, written apart from the core's evaluator: it keeps no index, walks through all keys for each
//! question and asks the world by calling it. Slow, and simple enough to be believed. Only what a judgement wishes to know,
//! and what it is told, has the core's types.

use smtpserver_core::policy::evaluate::{DomainIs, Sought, Told, Wish};
use smtpserver_core::server::rate_window::{RateLimit, RateVerdict};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A line of a policy: its key, and what it says: attribute (or `=`) and value.
pub type Line = (String, Vec<(String, String)>);

/// What the world answers to a wish.
pub type World<'a> = &'a dyn Fn(&Wish) -> Told;

/// Reads a policy of plain lines: no comments, no quotes, networks with their width.
pub fn read(lines: &[String]) -> Vec<Line> {
    let pairs = |words: &[&str]| {
        words
            .chunks(2)
            .filter(|pair| pair.len() == 2)
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect()
    };
    let words = lines.iter().map(|line| line.split_whitespace().collect::<Vec<&str>>());
    words
        .filter_map(|words| words.split_first().map(|(key, said)| ((*key).to_owned(), pairs(said))))
        .collect()
}

/// What is known of one client, as plain variables.
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    lines: &'a [Line],
    own: IpAddr,
    peer: IpAddr,
    reject: bool,
    freeze: bool,
    relay: bool,
    recipients: bool,
    full: bool,
    user: bool,
    spf: bool,
    listed: bool,
    size: Option<String>,
    newlines: Option<String>,
    rates: Option<(i64, i64)>,
    norelay: bool,
}

/// `Ok(true)` is the freezer; the error is the name of the reason.
pub type Outcome = Result<bool, &'static str>;

impl<'a> Policy<'a> {
    /// A client at `peer` of a server whose address is `own`.
    pub fn new(lines: &'a [Line], own: IpAddr, peer: IpAddr) -> Policy<'a> {
        Policy {
            lines,
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
            newlines: None,
            rates: None,
            norelay: false,
        }
    }

    /// Somebody has logged in.
    pub fn login(&mut self) {
        self.user = true;
        self.full = false;
    }

    /// The largest message that the rules allow, in octets; 0 for any.
    pub fn octets_max(&self) -> Option<u64> {
        self.size.as_ref().and_then(|size| size.parse().ok())
    }

    /// Whether bare newlines become line ends.
    pub fn normalizes(&self) -> Option<bool> {
        self.newlines.as_ref().map(|newlines| newlines == "normalize")
    }

    /// Connections from one source, where the rules allow any.
    pub fn same_source_max(&self) -> Option<u32> {
        let key = self.network(self.peer);
        self.said(&key, "maxsameipsource").and_then(|most| most.parse().ok()).filter(|most| *most > 0)
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

    /// Our address, or one on this machine.
    fn ours(&self, address: IpAddr) -> bool {
        address == self.own || address.is_loopback()
    }

    fn said(&self, key: &Option<String>, wanted: &str) -> Option<String> {
        key.as_ref().and_then(|key| self.get(key, wanted))
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
                let key = format!("[{}]/{width}", Ipv4Addr::from(u32::from(v4) & mask));
                self.has(&key).then_some(key)
            }),
            IpAddr::V6(v6) => (0..=128)
                .rev()
                .find_map(|width: u32| {
                    let mask = u128::MAX.checked_shl(128 - width).unwrap_or(0);
                    let base = Ipv6Addr::from(u128::from(v6) & mask);
                    let key = format!("[IPv6:{base}]/{width}");
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
                keys.push(format!(".{}", labels[from..].join(".")));
            }
        }
        keys.push(".".into());
        keys.into_iter().find(|key| self.has(key))
    }

    fn mailbox(&self, local: &str, domain: &str) -> Option<String> {
        let keys = [format!("{local}@{domain}"), format!("{local}@")];
        keys.into_iter().find(|key| self.has(key))
    }

    fn lists(&self, world: World<'_>, address: IpAddr, zones: &str) -> bool {
        let zones = zones.split(':').map(String::from).collect();
        matches!(world(&Wish::Listing { address, zones }), Told::Listing(Some(_)))
    }

    /// It connects.
    ///
    /// # Errors
    /// Why nothing is taken from it.
    pub fn connect(&mut self, world: World<'_>) -> Outcome {
        let key = self.network(self.peer);
        let get = |name| key.as_ref().and_then(|key| self.get(key, name));
        let rates = get("ratelimitmsgs");
        let size = get("maxinsize");
        self.rates = rates.map(|text| match text.split_once(',') {
            Some((n, m)) => (n.parse().expect("number"), m.parse().expect("number")),
            None => (text.parse().expect("number"), 0),
        });
        self.size = size;
        self.newlines = self.said(&key, "bare-newline");
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
        if self.full || self.recipients || self.relay || self.freeze || self.ours(self.peer) {
            return Ok(self.freeze);
        }
        self.spf = self.is(&key, "spf", "+");
        if let Some(zones) = key.as_ref().and_then(|key| self.get(key, "test-dns-rbl"))
            && zones != "-"
            && self.lists(world, self.peer, &zones)
        {
            return Err("Listed");
        }
        if let Some(zones) = key.as_ref().and_then(|key| self.get(key, "rcpt-dns-rbl")) {
            self.listed = match zones.strip_prefix('_') {
                Some(text) => !text.starts_with('+'),
                None => zones != "-" && self.lists(world, self.peer, &zones),
            };
        }
        Ok(false)
    }

    /// Its address has this name, which leads back to it.
    pub fn reverse(&mut self, name: &str) {
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

    /// It calls itself so.
    pub fn hello(&mut self, name: &str) {
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

    fn rate(&self, world: World<'_>, recipient: bool) -> Result<(), &'static str> {
        let Some((n, m)) = self.rates else { return Ok(()) };
        if self.full || (if recipient { m } else { n }) == 0 {
            return Ok(());
        }
        let limit = RateLimit { messages: n, recipients: m };
        let wish = if recipient { Wish::Recipient(limit) } else { Wish::Message(limit) };
        if world(&wish) == Told::Rate(RateVerdict::Within) {
            return Ok(());
        }
        Err(if recipient { "Recipients" } else { "Messages" })
    }

    fn dns(&self, world: World<'_>, domain: &str, sought: Sought) -> Result<DomainIs, &'static str> {
        let Told::Domain(found) = world(&Wish::Domain(domain.into(), sought)) else {
            return Err("Trouble");
        };
        Ok(found)
    }

    /// It names a sender; `None` is the null sender.
    ///
    /// # Errors
    /// Why that is not taken.
    pub fn mail(&mut self, world: World<'_>, from: Option<(&str, &str)>) -> Outcome {
        self.norelay = false;
        if self.reject {
            return Err("Client");
        }
        if self.full || self.user || self.freeze {
            self.rate(world, false)?;
            return Ok(self.freeze);
        }
        let (mut freeze_done, mut reject_done) = (false, false);
        let mut literal = None;
        let key = match from {
            None => self.has(".").then(|| ".".into()),
            Some((local, domain)) => {
                let mailbox = self.mailbox(local, domain);
                if self.is(&mailbox, "freezesource", "+") {
                    self.rate(world, false)?;
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
            && !self.ours(address)
            && zones != "-"
            && self.lists(world, address, &zones)
        {
            return Err("Listed");
        }
        if !reject_done && self.is(&key, "rejectsource", "+") {
            return Err("Sender");
        }
        if !freeze_done && self.is(&key, "freezesource", "+") {
            self.rate(world, false)?;
            return Ok(true);
        }
        let named = from.filter(|_| literal.is_none());
        let norelay = named.is_some() && self.is(&key, "sendernorelay", "+");
        self.rate(world, false)?;
        if let Some((_, domain)) = named
            && self.there(&key, "senderokwithdns")
            && self.dns(world, domain, Sought::Anybody)? == DomainIs::Nowhere
        {
            return Err("SenderDomain");
        }
        if self.spf && matches!(world(&Wish::Spf), Told::Spf(Err(_))) {
            return Err("Spf");
        }
        self.norelay = norelay;
        Ok(false)
    }

    /// It names a recipient.
    ///
    /// # Errors
    /// Why that is not taken.
    pub fn rcpt(&self, world: World<'_>, local: &str, domain: &str) -> Outcome {
        let postmaster = local == "postmaster"
            && (self.is(&self.mailbox(local, domain), "relaytarget", "+")
                || (address(domain).is_none() && self.local(&self.domain(domain))));
        match self.judged(world, local, domain) {
            Err("Trouble") => Err("Trouble"),
            Err(_) if postmaster => Ok(false),
            Err(why) => Err(why),
            Ok(place) => {
                if !postmaster {
                    self.rate(world, true)?;
                }
                Ok(place)
            }
        }
    }

    fn judged(&self, world: World<'_>, local: &str, domain: &str) -> Outcome {
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
            let own = literal.is_some_and(|address| self.ours(address));
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
                && self.lists(world, address, &zones)
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
                let nowhere =
                    literal.is_none() && self.dns(world, &domain, Sought::Anybody)? == DomainIs::Nowhere;
                return if nowhere { Err("RecipientDomain") } else { Ok(false) };
            }
            if self.there(&key, "acceptifmx") || self.norelay {
                if literal.is_some() {
                    return Err("NotExchanger");
                }
                match self.dns(world, &domain, Sought::Us)? {
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
                let nowhere =
                    literal.is_none() && self.dns(world, &domain, Sought::Anybody)? == DomainIs::Nowhere;
                return if nowhere { Err("RecipientDomain") } else { Ok(false) };
            }
            return Err("NotAdmitted");
        }
    }
}

fn address(domain: &str) -> Option<IpAddr> {
    domain.strip_prefix('[')?.strip_suffix(']')?.to_ascii_lowercase().replace("ipv6:", "").parse().ok()
}

/// Whether a local part leads to another domain.
fn leads_on(local: &str) -> bool {
    local.contains(['@', '!', '%'])
}

/// The next local part and the next domain.
fn onward(local: &str) -> Option<(String, String)> {
    let local = local.strip_prefix('"').map_or(local, |rest| rest.strip_suffix('"').unwrap_or(rest));
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
    let fits = domain.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let whole = domain.split('.').all(|label| !label.is_empty());
    ((address(domain).is_some() || (fits && whole)) && !rest.is_empty()).then(|| (rest.into(), domain.into()))
}
