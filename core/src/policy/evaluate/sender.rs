//! MAIL: what is concluded about a sender, for one transaction.

use super::chain::{Chain, Link, Phase};
use super::client::{Client, Senders, Trust, early_lists};
use super::wish::{Answers, DomainIs, Sought, Step, Stop, Told, Wish};
use super::{No, Place, Ruling, Why, route};
use crate::policy::rules::{Attribute, Entry, Taken, Value};
use crate::server::rate_window::{RateLimit, RateVerdict};
use crate::wire::path::{Address, ReversePath};
use core::net::IpAddr;

/// A sender of whom messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Where its message goes, as far as it is up to the client and the sender.
    pub place: Place,
    pub(super) recipients: Recipients,
}

/// How recipients of a sender are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipients {
    AsRuled,
    /// `sendernorelay +`: where nothing else admits them, we must be an exchanger of theirs.
    AsExchanger,
}

/// A judgement in the making.
pub(super) struct Judge<'a, 'b> {
    pub(super) client: &'a Client,
    pub(super) phase: Phase,
    pub(super) answers: Answers<'b>,
    pub(super) chain: Chain,
}

impl Client {
    /// Judges a sender. `told` holds the answers to the wishes of this judgement so far.
    pub fn sender(&self, path: &ReversePath, told: &[Told]) -> Step<Ruling<Sender>> {
        let mut judge =
            Judge { client: self, phase: Phase::Sender, answers: Answers::new(told), chain: Chain::new() };
        match judge.sender(path) {
            Ok(sender) => Step::Done(Ruling { verdict: Ok(sender), chain: judge.chain }),
            Err(Stop::Wish(wish)) => Step::Wish(wish),
            Err(Stop::No(no)) => Step::Done(Ruling { verdict: Err(no), chain: judge.chain }),
        }
    }
}

impl<'b> Judge<'_, 'b> {
    fn sender(&mut self, path: &ReversePath) -> Result<Sender, Stop> {
        let place = self.client.place(&mut self.chain)?;
        let trusted = match self.client.trust() {
            Trust::Full | Trust::User(_) => true,
            Trust::Nobody | Trust::Relay | Trust::Recipients => false,
        };
        if trusted || place == Place::Freezer {
            self.chain.push(Link::Earlier(if trusted { self.trusted_by() } else { Phase::Connect }));
            self.rates(Wish::Message, |limit| limit.messages, Why::Messages)?;
            return Ok(Sender { place, recipients: Recipients::AsRuled });
        }
        match path {
            ReversePath::Null => {
                let entry = self.found(self.client.rules().find_default());
                self.sender_domain(entry, None, Masked::default())
            }
            ReversePath::Address(address) => self.sender_address(address),
        }
    }

    fn sender_address(&mut self, address: &Address) -> Result<Sender, Stop> {
        let mut masked = Masked::default();
        if let Some(entry) = self.client.rules().find_mailbox(address.local(), address.domain()) {
            self.found(Some(entry));
            if self.yes(entry, Attribute::FreezeSource).is_some() {
                return self.frozen_sender();
            }
            if let Some(taken) = self.yes(entry, Attribute::RejectSource) {
                return Err(self.no(Why::Sender, &taken));
            }
            // What the mailbox says, even if it says no, its domain cannot say again.
            masked.freeze = self.take(entry, Attribute::FreezeSource);
            masked.reject = self.take(entry, Attribute::RejectSource);
        }
        let rules = self.client.rules();
        if let Some(literal) = route::literal(address.domain()) {
            let entry = self.found(rules.find_address(literal));
            if let Some(entry) = entry.filter(|_| !self.client.is_own(literal)) {
                self.literal_lists(entry, literal)?;
            }
            return self.sender_domain(entry, None, masked);
        }
        let entry = self.found(rules.find_domain(address.domain()));
        self.sender_domain(entry, Some(address), masked)
    }

    /// What the key of the sender's domain says. `address` is there when its domain can be asked for in the DNS.
    fn sender_domain(
        &mut self,
        entry: Option<Entry>,
        address: Option<&Address>,
        masked: Masked,
    ) -> Result<Sender, Stop> {
        let mut recipients = Recipients::AsRuled;
        if let Some(entry) = entry {
            if masked.reject.is_none()
                && let Some(taken) = self.yes(entry, Attribute::RejectSource)
            {
                return Err(self.no(Why::Sender, &taken));
            }
            if masked.freeze.is_none() && self.yes(entry, Attribute::FreezeSource).is_some() {
                return self.frozen_sender();
            }
            if address.is_some() && self.yes(entry, Attribute::SenderNoRelay).is_some() {
                recipients = Recipients::AsExchanger;
            }
        }
        self.rates(Wish::Message, |limit| limit.messages, Why::Messages)?;
        if let (Some(entry), Some(address)) = (entry, address)
            && let Some(taken) = self.take(entry, Attribute::SenderOkWithDns)
        {
            self.chain.push(Link::Attribute(taken));
            if self.domain(address.domain(), Sought::Anybody)? == DomainIs::Nowhere {
                return Err(self.no(Why::SenderDomain, &taken));
            }
        }
        self.spf()?;
        Ok(Sender { place: Place::Router, recipients })
    }

    fn frozen_sender(&mut self) -> Result<Sender, Stop> {
        self.rates(Wish::Message, |limit| limit.messages, Why::Messages)?;
        Ok(Sender { place: Place::Freezer, recipients: Recipients::AsRuled })
    }

    fn spf(&mut self) -> Result<(), Stop> {
        if self.client.senders() == Senders::AsTheyAre {
            return Ok(());
        }
        let told = self.answers.to(|| Wish::Spf)?;
        self.chain.push(Link::Asked("SPF", told.clone()));
        match told {
            Told::Spf(Err(text)) => Err(Stop::No(No { why: Why::Spf, text: Some(text.clone()) })),
            Told::Spf(Ok(())) | Told::Listing(_) | Told::Domain(_) | Told::Rate(_) | Told::Trouble => Ok(()),
        }
    }

    /// Whether one more fits into the hour. Whom the operator trusts fully is not counted.
    pub(super) fn rates(
        &mut self,
        wish: fn(RateLimit) -> Wish,
        part: fn(&RateLimit) -> i64,
        why: fn(RateVerdict) -> Why,
    ) -> Result<(), Stop> {
        let limit = self.client.terms().rates.filter(|limit| part(limit) != 0);
        let Some(limit) = limit.filter(|_| *self.client.trust() != Trust::Full) else { return Ok(()) };
        let told = self.answers.to(|| wish(limit))?;
        self.chain.push(Link::Asked("within the hour", told.clone()));
        match told {
            Told::Rate(RateVerdict::Within) => Ok(()),
            Told::Rate(verdict) => {
                let text = self.client.rates_text().map(Into::into);
                Err(Stop::No(No { why: why(*verdict), text }))
            }
            Told::Listing(_) | Told::Domain(_) | Told::Spf(_) | Told::Trouble => Err(trouble()),
        }
    }

    /// What becomes of mail for a domain.
    pub(super) fn domain(&mut self, domain: &str, sought: Sought) -> Result<DomainIs, Stop> {
        let told = self.answers.to(|| Wish::Domain(domain.to_ascii_lowercase(), sought))?;
        self.chain.push(Link::Asked("the domain", told.clone()));
        match told {
            Told::Domain(domain) => Ok(*domain),
            Told::Listing(_) | Told::Spf(_) | Told::Rate(_) | Told::Trouble => Err(trouble()),
        }
    }

    /// `test-dns-rbl` for an address literal.
    pub(super) fn literal_lists(&mut self, entry: Entry, address: IpAddr) -> Result<(), Stop> {
        match self.take(entry, Attribute::TestDnsRbl) {
            Some(taken) => {
                early_lists(self.client.rules(), &mut self.chain, &taken, address, &mut self.answers)
            }
            None => Ok(()),
        }
    }

    pub(super) fn trusted_by(&self) -> Phase {
        match self.client.trust() {
            Trust::User(_) => Phase::Login,
            Trust::Nobody | Trust::Relay | Trust::Recipients | Trust::Full => Phase::Connect,
        }
    }

    pub(super) fn found(&mut self, entry: Option<Entry>) -> Option<Entry> {
        let phase = self.phase;
        self.chain.push(entry.map_or(Link::NoKey(phase), |entry| Link::Key(phase, entry)));
        entry
    }

    pub(super) fn take(&self, entry: Entry, attribute: Attribute) -> Option<Taken> {
        self.client.rules().take(entry, attribute)
    }

    /// The attribute, when the key says `value`; then it counts.
    pub(super) fn says(&mut self, entry: Entry, attribute: Attribute, value: Value) -> Option<Taken> {
        let taken = self.take(entry, attribute).filter(|taken| taken.value == value)?;
        self.chain.push(Link::Attribute(taken));
        Some(taken)
    }

    pub(super) fn yes(&mut self, entry: Entry, attribute: Attribute) -> Option<Taken> {
        self.says(entry, attribute, Value::Yes)
    }

    pub(super) fn no(&self, why: Why, taken: &Taken) -> Stop {
        Stop::No(No { why, text: self.client.message(taken) })
    }
}

/// What the sender's mailbox has said already.
#[derive(Clone, Copy, Debug, Default)]
struct Masked {
    freeze: Option<Taken>,
    reject: Option<Taken>,
}

fn trouble() -> Stop {
    Stop::No(No { why: Why::Trouble, text: None })
}
