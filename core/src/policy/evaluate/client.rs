//! What is concluded about a client before it names a sender: by its address, its confirmed reverse name, its HELO, its
//! login. A client that is refused at once never comes to be.

use super::chain::{Chain, Link, Phase};
use super::wish::{Answers, Listing, Step, Stop, Told, Wish};
use super::{No, Place, Ruling, Why};
use crate::policy::rules::{Attribute, Entry, Rules, Said, Taken, Value};
use crate::server::rate_window::RateLimit;
use crate::wire::text::BareNewline;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What policy knows of a client. It keeps the rules that it began with.
#[derive(Clone, Debug)]
pub struct Client {
    rules: Arc<Rules>,
    /// Our own addresses.
    own: Arc<BTreeSet<IpAddr>>,
    standing: Standing,
    trust: Trust,
    terms: Terms,
    /// What recipients that want to know are told: the client is on a list, and why.
    listed: Option<String>,
    /// What the operator says to too much mail.
    rates_text: Option<String>,
    senders: Senders,
    chain: Chain,
}

/// Whether anything will be taken from the client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Welcome(Place),
    /// The refusal is said to MAIL, so that clients understand whom it is about.
    Refused(Phase, No),
}

/// How far the operator trusts a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Not at all: the rules for senders and recipients hold.
    Nobody,
    /// It may send to every domain that exists (`relaycustnet +`).
    Relay,
    /// It may send to whom it likes, its senders are judged (`trustrecipients +`).
    Recipients,
    /// It may do what it likes (`fulltrustnet +`).
    Full,
    /// It logged in as this user, and may do what it likes.
    User(String),
}

/// Whether SPF judges the client's senders (`spf +`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Senders {
    AsTheyAre,
    BySpf,
}

/// What the rules say about a client beyond yes and no; what is `None` is as configured otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The largest message in octets (`maxinsize`).
    pub message_octets_max: Option<u64>,
    /// Connections from one source (`maxsameipsource`).
    pub same_source_max: Option<u32>,
    /// Messages and recipients in an hour (`ratelimitmsgs`).
    pub rates: Option<RateLimit>,
    /// Whether the content filter sees what the client sends (`filtering`).
    pub filtering: Option<bool>,
    /// What becomes of bare newlines (`bare-newline`).
    pub bare_newline: Option<BareNewline>,
}

/// Judges a client by its address. A client that is welcome keeps what led to it ([`Client::chain`]). `own` are our own addresses: they are on no list, and mail to them is for us.
pub fn connect(
    rules: &Arc<Rules>,
    own: &Arc<BTreeSet<IpAddr>>,
    address: IpAddr,
    told: &[Told],
) -> Step<Ruling<Client>> {
    let mut client = Client {
        rules: Arc::clone(rules),
        own: Arc::clone(own),
        standing: Standing::Welcome(Place::Router),
        trust: Trust::Nobody,
        terms: Terms::default(),
        listed: None,
        rates_text: None,
        senders: Senders::AsTheyAre,
        chain: Chain::new(),
    };
    match client.judge_address(address.to_canonical(), &mut Answers::new(told)) {
        Ok(()) => {
            // It is kept for as long as the client is there.
            client.chain.shrink_to_fit();
            Step::Done(Ruling { verdict: Ok(client), chain: Chain::new() })
        }
        Err(Stop::Wish(wish)) => Step::Wish(wish),
        Err(Stop::No(no)) => Step::Done(Ruling { verdict: Err(no), chain: client.chain }),
    }
}

/// How many connections the rules allow to the source that an address belongs to, if they say so and take any.
pub fn same_source_max(rules: &Rules, address: IpAddr) -> Option<u32> {
    let entry = rules.find_address(address.to_canonical())?;
    let most = rules.take(entry, Attribute::MaxSameIpSource)?.value.number()?;
    // Whoever may have none is told so in a session.
    (most > 0).then(|| u32::try_from(most).unwrap_or(u32::MAX))
}

impl Client {
    /// The rules that it began with.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How far it is trusted.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What else the rules say about it.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// What led to all that is known of it.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the content filter is to see what it sends. What is frozen is looked at by a person.
    pub fn is_filtered(&self) -> bool {
        !self.is_frozen() && self.terms.filtering.unwrap_or(self.trust != Trust::Relay)
    }

    fn is_frozen(&self) -> bool {
        self.standing == Standing::Welcome(Place::Freezer)
    }

    /// Nothing is decided for the whole session yet.
    fn is_open(&self) -> bool {
        self.standing == Standing::Welcome(Place::Router)
    }

    /// Why MAIL will be refused, when that is known already.
    pub fn refusal(&self) -> Option<&No> {
        match &self.standing {
            Standing::Refused(_, no) => Some(no),
            Standing::Welcome(_) => None,
        }
    }

    /// Whether the name of its address could still change anything.
    pub fn wants_name(&self) -> bool {
        self.is_open() && !matches!(self.trust, Trust::Full | Trust::User(_))
    }

    /// Judges it by the name of its address, which was confirmed: the name's addresses hold the client's. A name can
    /// take away, but never gives a right: whoever owns an address chooses its name.
    pub fn reverse_name(mut self, name: &str) -> Client {
        if !self.wants_name() {
            return self;
        }
        let Some(entry) = self.found(Phase::ReverseName, self.rules.find_domain(name)) else { return self };
        let said = self.rules.said(entry);
        self.judge_name(Phase::ReverseName, &said);
        if let Some(taken) = said.take(Attribute::MaxInSize) {
            self.terms.message_octets_max = taken.value.number();
        }
        if self.trust == Trust::Nobody && self.listed.is_none() {
            self.remember_text(&said);
        }
        self
    }

    /// Judges it by the name that it gives itself. An address literal says nothing new.
    pub fn hello(mut self, name: &str) -> Client {
        let judged = match self.trust {
            Trust::Nobody | Trust::Recipients => !name.starts_with('['),
            Trust::Relay | Trust::Full | Trust::User(_) => false,
        };
        if judged
            && self.is_open()
            && let Some(entry) = self.found(Phase::Hello, self.rules.find_domain(name))
        {
            let said = self.rules.said(entry);
            self.judge_name(Phase::Hello, &said);
        }
        self
    }

    /// Somebody has logged in. A client that is not wanted stays unwanted.
    pub fn login(mut self, user: &str) -> Client {
        self.trust = Trust::User(user.into());
        self.chain.push(Link::Own("a user has logged in"));
        self
    }

    fn judge_address(&mut self, address: IpAddr, answers: &mut Answers<'_>) -> Result<(), Stop> {
        let Some(entry) = self.found(Phase::Connect, self.rules.find_address(address)) else { return Ok(()) };
        let said = self.rules.said(entry);
        self.terms = terms(&said);
        let rates = said.take(Attribute::RateLimitMsgs);
        self.rates_text = rates.and_then(|taken| self.message(&taken));
        if let Some(taken) = self.yes(&said, Attribute::RejectNet) {
            return Err(self.no(Why::Client, &taken));
        }
        if self.terms.same_source_max == Some(0)
            && let Some(taken) = said.take(Attribute::MaxSameIpSource)
        {
            self.chain.push(Link::Attribute(taken));
            return Err(self.no(Why::NoConnections, &taken));
        }
        if self.yes(&said, Attribute::FreezeNet).is_some() {
            self.standing = Standing::Welcome(Place::Freezer);
        }
        if self.yes(&said, Attribute::FullTrustNet).is_some() {
            self.trust = Trust::Full;
        } else if self.yes(&said, Attribute::TrustRecipients).is_some() {
            self.trust = Trust::Recipients;
        } else if self.yes(&said, Attribute::RelayCustNet).is_some() {
            self.trust = Trust::Relay;
        }
        // Whom the operator trusts is looked up nowhere, and neither are we, nor is a client whose mail nobody gets.
        if self.trust != Trust::Nobody || self.is_frozen() || self.is_own(address) {
            return Ok(());
        }
        if self.yes(&said, Attribute::Spf).is_some() {
            self.senders = Senders::BySpf;
        }
        if let Some(taken) = said.take(Attribute::TestDnsRbl) {
            early_lists(&self.rules, &mut self.chain, &taken, address, answers)?;
        }
        self.remember_text(&said);
        if let Some(taken) = said.take(Attribute::RcptDnsRbl)
            && let Some(listing) = ask_lists(&self.rules, &mut self.chain, &taken, address, answers)?
        {
            let text = listing.text.or_else(|| self.message(&taken));
            self.listed = Some(text.unwrap_or_default());
        }
        Ok(())
    }

    /// `rcpt-dns-rbl _text`: as if a list named the client, with this text.
    fn remember_text(&mut self, said: &Said) {
        if let Some(taken) = said.take(Attribute::RcptDnsRbl)
            && let Value::Text(text) = taken.value
        {
            self.listed = Some(self.rules.text(text).into());
            self.chain.push(Link::Attribute(taken));
        }
    }

    /// `rejectnet` and `freezenet` of a name.
    fn judge_name(&mut self, phase: Phase, said: &Said) {
        if let Some(taken) = self.yes(said, Attribute::RejectNet) {
            let text = self.message(&taken);
            self.standing = Standing::Refused(phase, No { why: Why::Client, text });
        } else if self.yes(said, Attribute::FreezeNet).is_some() {
            self.standing = Standing::Welcome(Place::Freezer);
        }
    }

    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.own.contains(&address)
    }

    pub(super) fn senders(&self) -> Senders {
        self.senders
    }

    pub(super) fn rates_text(&self) -> Option<&str> {
        self.rates_text.as_deref()
    }

    pub(super) fn listed(&self) -> Option<&str> {
        self.listed.as_deref()
    }

    /// Where mail of the client goes, or why nothing is taken.
    pub(super) fn place(&self, chain: &mut Chain) -> Result<Place, Stop> {
        match &self.standing {
            Standing::Welcome(place) => Ok(*place),
            Standing::Refused(phase, no) => {
                chain.push(Link::Earlier(*phase));
                Err(Stop::No(no.clone()))
            }
        }
    }

    /// The text that goes with an attribute.
    pub(super) fn message(&self, taken: &Taken) -> Option<String> {
        taken.message.map(|id| self.rules.text(id).into())
    }

    fn no(&self, why: Why, taken: &Taken) -> Stop {
        Stop::No(No { why, text: self.message(taken) })
    }

    fn found(&mut self, phase: Phase, entry: Option<Entry>) -> Option<Entry> {
        self.chain.push(entry.map_or(Link::NoKey(phase), |entry| Link::Key(phase, entry)));
        entry
    }

    /// The attribute, when the key says `+`; then it counts.
    fn yes(&mut self, said: &Said, attribute: Attribute) -> Option<Taken> {
        let taken = said.take(attribute).filter(|taken| taken.value == Value::Yes)?;
        self.chain.push(Link::Attribute(taken));
        Some(taken)
    }
}

fn terms(said: &Said) -> Terms {
    let value = |attribute| said.take(attribute).map(|taken| taken.value);
    let number = |attribute| value(attribute).and_then(Value::number);
    Terms {
        message_octets_max: number(Attribute::MaxInSize),
        same_source_max: number(Attribute::MaxSameIpSource)
            .map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        rates: value(Attribute::RateLimitMsgs).and_then(Value::rates),
        filtering: value(Attribute::Filtering).map(|value| value == Value::Yes),
        bare_newline: value(Attribute::BareNewline).and_then(Value::newlines),
    }
}

/// `test-dns-rbl`: an address on one of these lists is refused at once.
pub(super) fn early_lists(
    rules: &Rules,
    chain: &mut Chain,
    taken: &Taken,
    address: IpAddr,
    answers: &mut Answers<'_>,
) -> Result<(), Stop> {
    match ask_lists(rules, chain, taken, address, answers)? {
        Some(listing) => {
            let own = || taken.message.map(|id| rules.text(id).into());
            Err(Stop::No(No { why: Why::Listed, text: listing.text.or_else(own) }))
        }
        None => Ok(()),
    }
}

/// Asks the lists that an attribute names, if it names any.
fn ask_lists(
    rules: &Rules,
    chain: &mut Chain,
    taken: &Taken,
    address: IpAddr,
    answers: &mut Answers<'_>,
) -> Result<Option<Listing>, Stop> {
    let Value::Zones(zones) = taken.value else { return Ok(None) };
    let zones = || rules.text(zones).split(':').map(String::from).collect::<Vec<_>>();
    let told = answers.to(|| Wish::Listing { address, zones: zones() })?;
    chain.push(Link::Attribute(*taken));
    chain.push(Link::Asked("on a list", told.clone()));
    Ok(match told {
        Told::Listing(listing) => listing.clone(),
        Told::Domain(_) | Told::Spf(_) | Told::Rate(_) | Told::Trouble => None,
    })
}
