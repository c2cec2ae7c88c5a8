//! RCPT: whether mail is taken for a recipient. What no rule admits is refused; nothing that is frozen opens a door.

use super::chain::{Chain, Link, Phase};
use super::client::{Client, Trust};
use super::sender::{Judge, Recipients, Sender};
use super::wish::{Answers, DomainIs, Sought, Step, Stop, Told, Wish};
use super::{No, Place, Ruling, Why, route};
use crate::limits::POLICY_ROUTE_ROUNDS_MAX;
use crate::policy::rules::{Attribute, Entry, Value};
use crate::policy::verdict::Admitted;
use crate::wire::path::{Address, ForwardPath};
use alloc::string::String;
use core::net::IpAddr;

/// A recipient that is admitted.
#[derive(Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The proof.
    pub admitted: Admitted,
    /// Where the message goes, as far as it is up to this recipient.
    pub place: Place,
}

impl Client {
    /// Judges a recipient of a sender that was admitted. `told` holds the answers to the wishes of this judgement so
    /// far.
    pub fn recipient(&self, sender: &Sender, path: &ForwardPath, told: &[Told]) -> Step<Ruling<Welcome>> {
        let mut judge = Judge {
            client: self,
            phase: Phase::Recipient,
            answers: Answers::new(told),
            chain: Chain::with_capacity(8),
        };
        match judge.recipient(sender, path) {
            Ok(place) => {
                let verdict = Ok(Welcome { admitted: Admitted(()), place });
                Step::Done(Ruling { verdict, chain: judge.chain })
            }
            Err(Stop::Wish(wish)) => Step::Wish(wish),
            Err(Stop::No(no)) => Step::Done(Ruling { verdict: Err(no), chain: judge.chain }),
        }
    }
}

impl Judge<'_, '_> {
    fn recipient(&mut self, sender: &Sender, path: &ForwardPath) -> Result<Place, Stop> {
        self.client.place(&mut self.chain)?;
        let address = match path {
            //= rfc2821#4.5.1/3
            ForwardPath::Postmaster => {
                self.chain.push(Link::Own("postmaster is always reached"));
                return Ok(Place::Router);
            }
            ForwardPath::Address(address) => address,
        };
        let postmaster = self.is_postmaster(address);
        match self.ruled(sender, address) {
            Err(Stop::No(no)) if postmaster && !no.why.is_temporary() => {
                self.chain.push(Link::Own("postmaster is always reached"));
                Ok(Place::Router)
            }
            Ok(place) if postmaster => Ok(place),
            Ok(place) => {
                self.rates(Wish::Recipient, |limit| limit.recipients, Why::Recipients)?;
                Ok(place)
            }
            Err(stop) => Err(stop),
        }
    }

    fn ruled(&mut self, sender: &Sender, address: &Address) -> Result<Place, Stop> {
        match self.client.trust() {
            Trust::Full | Trust::User(_) | Trust::Recipients => {
                let phase = self.trusted_by();
                self.chain.push(Link::Earlier(phase));
                return Ok(Place::Router);
            }
            Trust::Nobody | Trust::Relay => {}
        }
        if let Some(entry) = self.client.rules().find_mailbox(address.local(), address.domain()) {
            self.found(Some(entry));
            if self.yes(entry, Attribute::RelayTarget).is_some() {
                return Ok(Place::Router);
            }
            if let Some(place) = self.refused_or_frozen(entry)? {
                return Ok(place);
            }
        }
        let mut local = address.local();
        let mut target = Target::new(self.client, address.domain());
        for _ in 0..=POLICY_ROUTE_ROUNDS_MAX {
            target = self.followed(target, &mut local)?;
            match self.domain_ruled(sender, &target)? {
                Ruled::Place(place) => return Ok(place),
                // Mail for it ends or passes here, so whoever reads on understands `%` and `!`.
                Ruled::Exchanger => match self.onward(&mut local)? {
                    Some(next) => target = next,
                    None => return Ok(Place::Router),
                },
            }
        }
        Err(no(Why::Route, None))
    }

    /// Follows `%` and `!` as long as they stand before a domain that is ours, or that we take mail for.
    fn followed<'t>(&mut self, mut target: Target<'t>, local: &mut &'t str) -> Result<Target<'t>, Stop> {
        for _ in 0..=POLICY_ROUTE_ROUNDS_MAX {
            self.found(target.entry);
            let ours = match (target.whose, target.entry) {
                (_, None) => false,
                (Whose::Own, Some(_)) => true,
                (Whose::Domain(_), Some(entry)) => self.is_target(entry) || self.is_local(entry),
                (Whose::Literal(_), Some(entry)) => self.is_target(entry),
            };
            if !ours {
                return Ok(target);
            }
            match self.onward(local)? {
                Some(next) => target = next,
                None => return Ok(target),
            }
        }
        Err(no(Why::Route, None))
    }

    /// Where the local part leads.
    fn onward<'t>(&mut self, local: &mut &'t str) -> Result<Option<Target<'t>>, Stop> {
        let Some((domain, rest)) = route::onward(local) else { return Ok(None) };
        if rest.is_empty() || !route::is_domain(domain) {
            return Err(no(Why::Route, None));
        }
        *local = rest;
        self.chain.push(Link::Route(domain.into()));
        Ok(Some(Target::new(self.client, domain)))
    }

    /// What the key of a domain says, once nothing leads on from it.
    fn domain_ruled(&mut self, sender: &Sender, target: &Target<'_>) -> Result<Ruled, Stop> {
        let entry = target.entry;
        if let Some(entry) = entry {
            match target.whose {
                Whose::Domain(_) => {}
                Whose::Own => {
                    self.chain.push(Link::Own("the address is ours"));
                    return Ok(Ruled::Place(Place::Router));
                }
                Whose::Literal(address) => {
                    self.literal_lists(entry, address)?;
                }
            }
            if let Some(place) = self.refused_or_frozen(entry)? {
                return Ok(Ruled::Place(place));
            }
            if self.yes(entry, Attribute::RelayTarget).is_some() {
                return Ok(Ruled::Place(Place::Router));
            }
        }
        let take = |attribute| entry.and_then(|entry| self.take(entry, attribute));
        let (mx, dns) = (take(Attribute::AcceptIfMx), take(Attribute::AcceptIfDns));
        let text = |taken: Option<_>| taken.and_then(|taken| self.client.message(&taken));
        let (mx_text, dns_text) = (text(mx), text(dns));
        if *self.client.trust() == Trust::Relay {
            self.chain.push(Link::Earlier(Phase::Connect));
            return self.exists(target, dns_text);
        }
        if mx.is_some() || sender.recipients == Recipients::AsExchanger {
            self.chain.push(mx.map_or(Link::Earlier(Phase::Sender), Link::Attribute));
            let Whose::Domain(name) = target.whose else { return Err(no(Why::NotExchanger, mx_text)) };
            return match self.domain(name, Sought::Us)? {
                DomainIs::Ours => Ok(Ruled::Exchanger),
                DomainIs::Elsewhere => Err(no(Why::NotExchanger, mx_text)),
                DomainIs::Nowhere => Err(no(Why::RecipientDomain, mx_text)),
            };
        }
        if let Some(taken) = dns {
            self.chain.push(Link::Attribute(taken));
            return self.exists(target, dns_text);
        }
        self.chain.push(Link::Own("no rule admits it"));
        Err(no(Why::NotAdmitted, None))
    }

    /// Admits a domain that exists. A literal is not asked for.
    fn exists(&mut self, target: &Target<'_>, text: Option<String>) -> Result<Ruled, Stop> {
        if let Whose::Domain(name) = target.whose
            && self.domain(name, Sought::Anybody)? == DomainIs::Nowhere
        {
            return Err(no(Why::RecipientDomain, text));
        }
        Ok(Ruled::Place(Place::Router))
    }

    /// `relaytarget -`, `freeze +`, and what is on a list.
    fn refused_or_frozen(&mut self, entry: Entry) -> Result<Option<Place>, Stop> {
        if let Some(taken) = self.says(entry, Attribute::RelayTarget, Value::No) {
            return Err(self.no(Why::Recipient, &taken));
        }
        if self.yes(entry, Attribute::Freeze).is_some() {
            return Ok(Some(Place::Freezer));
        }
        if let Some(listed) = self.client.listed()
            && self.yes(entry, Attribute::TestRcptDnsRbl).is_some()
        {
            self.chain.push(Link::Earlier(Phase::Connect));
            let text = (!listed.is_empty()).then(|| listed.into());
            return Err(no(Why::Listed, text));
        }
        Ok(None)
    }

    /// Whether this is the postmaster of a domain that is ours, or one that the operator wants reached.
    fn is_postmaster(&self, address: &Address) -> bool {
        if !address.local().eq_ignore_ascii_case("postmaster") {
            return false;
        }
        let rules = self.client.rules();
        let mailbox = rules.find_mailbox(address.local(), address.domain());
        let domain = || match route::literal(address.domain()) {
            Some(_) => None,
            None => rules.find_domain(address.domain()),
        };
        mailbox.is_some_and(|entry| self.is_target(entry))
            || domain().is_some_and(|entry| self.is_local(entry))
    }

    /// Whether a key calls a domain ours. What is said of all the world does not count: nobody is all the world.
    fn is_local(&self, entry: Entry) -> bool {
        let taken = self.take(entry, Attribute::LocalDomain);
        taken.is_some_and(|taken| taken.value == Value::Yes)
            && Some(entry) != self.client.rules().find_default()
    }

    fn is_target(&self, entry: Entry) -> bool {
        self.take(entry, Attribute::RelayTarget).is_some_and(|taken| taken.value == Value::Yes)
    }
}

/// What stands behind the at, and its key.
struct Target<'t> {
    whose: Whose<'t>,
    entry: Option<Entry>,
}

#[derive(Clone, Copy)]
enum Whose<'t> {
    Domain(&'t str),
    /// An address of ours.
    Own,
    /// Somebody else's address.
    Literal(IpAddr),
}

impl<'t> Target<'t> {
    fn new(client: &Client, domain: &'t str) -> Target<'t> {
        let rules = client.rules();
        match route::literal(domain) {
            Some(address) if client.is_own(address) => {
                Target { whose: Whose::Own, entry: rules.find_address(address) }
            }
            Some(address) => Target { whose: Whose::Literal(address), entry: rules.find_address(address) },
            None => Target { whose: Whose::Domain(domain), entry: rules.find_domain(domain) },
        }
    }
}

/// What a domain's key came to.
enum Ruled {
    Place(Place),
    /// We are an exchanger of it.
    Exchanger,
}

fn no(why: Why, text: Option<String>) -> Stop {
    Stop::No(No { why, text })
}
