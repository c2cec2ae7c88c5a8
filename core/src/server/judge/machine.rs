//! What a judgement wishes to know of the world, as machines that ask the domain name system. What they find goes back
//! as the answer to the wish; which wish it was, only the judgement knows.

use crate::config::Settings;
use crate::config::choices::SpfLevel;
use crate::config::host_access::ClientName;
use crate::dns::{self, Answer, Name, Question, Trouble, blocklist, exchange, reverse};
use crate::policy::evaluate::{DomainIs, Listing, Sought, Told};
use crate::spf;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::net::IpAddr;

/// A machine at work.
#[derive(Debug)]
pub(super) enum Machine {
    /// The confirmed name of an address.
    Name(Box<reverse::Reverse>),
    /// Whether lists name an address.
    Listing(Box<blocklist::Check>),
    /// Who takes mail for a domain.
    Domain(Box<exchange::Check>),
    /// Whether the client may send in the sender's name.
    Spf(Box<spf::Check>),
}

/// What a machine does next.
#[derive(Debug)]
pub(super) enum Step {
    /// It needs the answer to this.
    Ask(Question),
    /// It is done.
    Found(Found),
}

/// What a machine found.
#[derive(Debug)]
pub(super) enum Found {
    /// The answer to a wish.
    Told(Told),
    /// What is known of the name of the client's address.
    Name(Reversed),
    /// The answer to the wish for SPF, and the trace field if there is to be one.
    Spf(Told, Option<String>),
}

/// What is known of the name of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reversed {
    /// This one leads back to it.
    Confirmed(Name),
    /// It has one that does not.
    Contradicted,
    /// It has none, or that could not be found out.
    Unknown,
}

impl Reversed {
    fn of(names: reverse::Names) -> Reversed {
        let is_contradicted = !names.claimed.is_empty() && names.trouble.is_none();
        match names.confirmed.into_iter().next() {
            Some(name) => Reversed::Confirmed(name),
            None if is_contradicted => Reversed::Contradicted,
            None => Reversed::Unknown,
        }
    }

    /// The name, if it counts.
    pub(super) fn confirmed(&self) -> Option<&str> {
        match self {
            Reversed::Confirmed(name) => Some(name.as_str()),
            Reversed::Contradicted | Reversed::Unknown => None,
        }
    }

    /// The same as hosts.allow and hosts.deny want to know it.
    pub(super) fn for_access(&self) -> ClientName<'_> {
        match self {
            Reversed::Confirmed(name) => ClientName::Confirmed(name.as_str()),
            Reversed::Contradicted => ClientName::Contradicted,
            Reversed::Unknown => ClientName::Unknown,
        }
    }
}

impl Machine {
    /// Looks for the name of an address.
    pub(super) fn name(address: IpAddr) -> Machine {
        Machine::Name(Box::new(reverse::Reverse::first(address)))
    }

    /// Asks these zones about an address. What is no zone names nobody: sources with such are not compiled.
    pub(super) fn listing(address: IpAddr, zones: &[String]) -> Machine {
        let zones: Arc<[_]> = zones.iter().filter_map(|zone| blocklist::Zone::parse(zone).ok()).collect();
        Machine::Listing(Box::new(blocklist::Check::new(address, zones)))
    }

    /// Asks who takes mail for a domain; none for what can be no domain.
    pub(super) fn domain(domain: &str, sought: Sought, own: &Arc<BTreeSet<IpAddr>>) -> Option<Machine> {
        let wanted = match sought {
            Sought::Anybody => exchange::Wanted::Exists,
            Sought::Us => exchange::Wanted::Ours(own.clone()),
        };
        let domain = Name::parse(domain)?;
        Some(Machine::Domain(Box::new(exchange::Check::new(domain, wanted))))
    }

    /// Checks a sender.
    pub(super) fn spf(facts: spf::Facts, settings: &Settings) -> Machine {
        let own = settings.spf.local_policy.as_deref().unwrap_or_default();
        let whitelist = settings.spf.default_whitelist;
        // What cannot be read was refused when it was configured; without either there is none.
        let local = spf::LocalPolicy::parse(own, whitelist).ok().map(Arc::new);
        Machine::Spf(Box::new(spf::Check::new(facts, local)))
    }

    /// What it does next.
    pub(super) fn poll(&self, settings: &Settings) -> Step {
        let found = match self {
            Machine::Name(reverse) => match reverse.poll() {
                dns::Step::Ask(question) => return Step::Ask(question),
                dns::Step::Done(names) => Found::Name(Reversed::of(names)),
            },
            Machine::Listing(check) => match check.poll() {
                dns::Step::Ask(question) => return Step::Ask(question),
                dns::Step::Done(listing) => Found::Told(listing_told(listing)),
            },
            Machine::Domain(check) => match check.poll() {
                dns::Step::Ask(question) => return Step::Ask(question),
                dns::Step::Done(exchange) => Found::Told(domain_told(exchange)),
            },
            Machine::Spf(check) => match check.poll() {
                dns::Step::Ask(question) => return Step::Ask(question),
                dns::Step::Done(outcome) => {
                    let field = settings.spf.received.then(|| spf::received_spf(check.facts(), &outcome));
                    Found::Spf(spf_told(&outcome, settings.spf.threshold, check.facts()), field)
                }
            },
        };
        Step::Found(found)
    }

    /// The answer to its last question.
    pub(super) fn answer(&mut self, answer: Answer) {
        match self {
            Machine::Name(reverse) => reverse.answer(answer),
            Machine::Listing(check) => check.answer(answer),
            Machine::Domain(check) => check.answer(answer),
            Machine::Spf(check) => check.answer(answer),
        }
    }

    /// The time for it is over: what it does not know by now stays unknown. Each machine asks a bounded number of
    /// questions, so this ends.
    pub(super) fn give_up(&mut self) {
        let late = || Answer::Trouble(Trouble::Timeout);
        match self {
            Machine::Spf(check) => check.give_up(),
            Machine::Name(reverse) => {
                while let dns::Step::Ask(_) = reverse.poll() {
                    reverse.answer(late());
                }
            }
            Machine::Listing(check) => {
                while let dns::Step::Ask(_) = check.poll() {
                    check.answer(late());
                }
            }
            Machine::Domain(check) => {
                while let dns::Step::Ask(_) = check.poll() {
                    check.answer(late());
                }
            }
        }
    }
}

fn listing_told(listing: blocklist::Listing) -> Told {
    match listing {
        blocklist::Listing::Listed { zone, text, .. } => {
            Told::Listing(Some(Listing { zone: zone.to_string(), text }))
        }
        blocklist::Listing::NotListed => Told::Listing(None),
        blocklist::Listing::Unknown(..) => Told::Trouble,
    }
}

fn domain_told(exchange: exchange::Exchange) -> Told {
    match exchange {
        // Who only asks whether there is anybody is content with this as well.
        exchange::Exchange::Yes => Told::Domain(DomainIs::Ours),
        exchange::Exchange::NotOurs => Told::Domain(DomainIs::Elsewhere),
        exchange::Exchange::NoName | exchange::Exchange::NoHost | exchange::Exchange::NullMx => {
            Told::Domain(DomainIs::Nowhere)
        }
        exchange::Exchange::Trouble(_) => Told::Trouble,
    }
}

/// What SPF means here: the least result that is accepted is the operator's choice; without one all are.
fn spf_told(outcome: &spf::Outcome, threshold: Option<SpfLevel>, facts: &spf::Facts) -> Told {
    let least = match threshold {
        None | Some(SpfLevel::Fail) => spf::Threshold::Fail,
        Some(SpfLevel::SoftFail) => spf::Threshold::SoftFail,
        Some(SpfLevel::None) => spf::Threshold::None,
        Some(SpfLevel::Neutral) => spf::Threshold::Neutral,
        Some(SpfLevel::Pass) => spf::Threshold::Pass,
    };
    if least.accepts(outcome.result) {
        return Told::Spf(Ok(()));
    }
    let domain: String = outcome.domain.chars().take(DOMAIN_SHOWN_MAX).collect();
    Told::Spf(Err(match &outcome.explanation {
        // A stranger's words: said whose they are (RFC 7208 §6.2).
        Some(words) => alloc::format!("SPF {}, {domain} explains: {words}", outcome.result),
        None => {
            alloc::format!("SPF {}, {domain} does not let {} send in its name", outcome.result, facts.client)
        }
    }))
}

/// Letters of a domain that are repeated to a client.
const DOMAIN_SHOWN_MAX: usize = crate::limits::ECHO_MAX;
