//! What led to a verdict: keys that were found, attributes that counted, answers of the world. Small as long as nobody
//! reads it; the rules turn it into lines for a person.

use super::wish::Told;
use super::{Client, DomainIs};
use crate::policy::rules::{Entry, Rules, Taken};
use crate::server::rate_window::RateVerdict;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// When something was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The client's address.
    Connect,
    /// The confirmed name of the client's address.
    ReverseName,
    /// HELO, EHLO or LHLO.
    Hello,
    /// A successful AUTH.
    Login,
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
}

/// One step on the way to a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// This key was found, and therefore no wider one.
    Key(Phase, Entry),
    /// No key was found.
    NoKey(Phase),
    /// This attribute counted.
    Attribute(Taken),
    /// The world was asked about something, and this is what it said.
    Asked(&'static str, Told),
    /// It followed from an earlier phase; its chain says how.
    Earlier(Phase),
    /// A `%` or `!` in the local part led to this domain.
    Route(String),
    /// A rule of the server's own.
    Own(&'static str),
}

/// The way to a verdict.
pub type Chain = Vec<Link>;

impl Client {
    /// A chain of this client's as lines for a person.
    pub fn explain(&self, chain: &Chain) -> Vec<String> {
        chain.iter().map(|link| line(self.rules(), link)).collect()
    }
}

/// A chain as lines for a person, for where no client came to be.
pub fn explain(rules: &Rules, chain: &Chain) -> Vec<String> {
    chain.iter().map(|link| line(rules, link)).collect()
}

fn line(rules: &Rules, link: &Link) -> String {
    match link {
        Link::Key(phase, entry) => {
            let (file, number) = rules.place(*entry);
            format!("{}: the key is {} ({file}:{number})", subject(*phase), rules.key(*entry))
        }
        Link::NoKey(phase) => format!("{}: no key", subject(*phase)),
        Link::Attribute(taken) => rules.describe(taken),
        Link::Asked(what, told) => format!("{what}: {}", said(told)),
        Link::Earlier(phase) => format!("as was found out by the {}", subject(*phase)),
        Link::Route(domain) => format!("the local part leads on to {}", domain.escape_debug()),
        Link::Own(rule) => (*rule).into(),
    }
}

fn subject(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "address",
        Phase::ReverseName => "reverse name",
        Phase::Hello => "HELO name",
        Phase::Login => "login",
        Phase::Sender => "sender",
        Phase::Recipient => "recipient",
    }
}

fn said(told: &Told) -> String {
    let fixed = match told {
        Told::Listing(Some(listing)) => return format!("yes, {}", listing.zone),
        Told::Listing(None) => "no",
        Told::Domain(DomainIs::Ours) => "we are an exchanger of it",
        Told::Domain(DomainIs::Elsewhere) => "others are its exchangers",
        Told::Domain(DomainIs::Nowhere) => "there is none, or it takes no mail",
        Told::Spf(Ok(())) => "nothing against it",
        Told::Spf(Err(_)) => "no",
        Told::Rate(RateVerdict::Within) => "one more fits",
        Told::Rate(RateVerdict::Excess { .. }) => "not now",
        Told::Rate(RateVerdict::Forbidden) => "no",
        Told::Trouble => "could not be found out",
    };
    fixed.into()
}
