//! What follows from the rules: one judgement for each phase of a session, as a pure function of the rules, what the
//! phases before concluded, what the client says, and what was told about the world.
//!
//! Where the world must be asked (a name server, a rate window), a judgement ends with a [`Wish`]. Whoever called asks,
//! adds the answer to the list of what was told, and calls again with the same words and the longer list: then the
//! judgement goes on from there. It always comes out the same, so nothing is kept in between.
//!
//! [`connect`] makes a [`Client`]; [`Client::reverse_name`], [`Client::hello`] and [`Client::login`] take it on;
//! [`Client::sender`] makes a [`Sender`] and [`Client::recipient`] a [`Welcome`], or each a [`No`].
//! The client never sees that something is frozen: it only sees what it would see otherwise.

mod chain;
mod client;
mod recipient;
mod route;
mod sender;
mod wish;

pub use chain::{Chain, Link, Phase, explain};
pub use client::{Client, Terms, Trust, connect, same_source_max};
pub use recipient::Welcome;
pub use sender::Sender;
pub use wish::{DomainIs, Listing, Sought, Step, Told, Wish};

use crate::server::rate_window::RateVerdict;
use alloc::string::String;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::SAMPLE;

/// Where a message goes in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// To the router.
    #[default]
    Router,
    /// To the freezer. One cause is enough for the whole message.
    Freezer,
    /// Nowhere: it is thrown away, and the client told that it was taken. So is this.
    Nowhere,
}

/// What was concluded, and what led to it in this phase.
#[derive(Debug, PartialEq, Eq)]
pub struct Ruling<T> {
    /// What follows.
    pub verdict: Result<T, No>,
    /// The keys, attributes and answers that led to it.
    pub chain: Chain,
}

/// A refusal by policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct No {
    /// Why.
    pub why: Why,
    /// What the operator, or a list, has to say about it, for the reply.
    pub text: Option<String>,
}

/// Why policy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The client is not wanted (`rejectnet +`).
    Client,
    /// A list names the client, or the address literal of a sender or recipient.
    Listed,
    /// No connection may come from this network (`maxsameipsource 0`).
    NoConnections,
    /// The sender is not wanted (`rejectsource +`).
    Sender,
    /// The sender's domain does not exist, or takes no mail.
    SenderDomain,
    /// SPF says that the client may not send in this name.
    Spf,
    /// Too many messages within the hour; never [`RateVerdict::Within`].
    Messages(RateVerdict),
    /// Too many recipients within the hour; never [`RateVerdict::Within`].
    Recipients(RateVerdict),
    /// The recipient is not wanted (`relaytarget -`).
    Recipient,
    /// Nothing says that mail is taken for this recipient.
    NotAdmitted,
    /// We are no exchanger of the recipient's domain.
    NotExchanger,
    /// The recipient's domain does not exist, or takes no mail.
    RecipientDomain,
    /// `%` and `!` in the local part lead nowhere, or too far.
    Route,
    /// The world could not be asked.
    Trouble,
}

impl Why {
    /// Whether it may be otherwise later: then the refusal is temporary.
    pub fn is_temporary(self) -> bool {
        match self.rate() {
            Some(RateVerdict::Within | RateVerdict::Excess { .. }) => true,
            Some(RateVerdict::Forbidden) => false,
            None => self == Why::Trouble,
        }
    }

    /// What the rate window says, where that is the reason.
    pub fn rate(self) -> Option<RateVerdict> {
        match self {
            Why::Messages(verdict) | Why::Recipients(verdict) => Some(verdict),
            Why::Client
            | Why::Listed
            | Why::NoConnections
            | Why::Sender
            | Why::SenderDomain
            | Why::Spf
            | Why::Recipient
            | Why::NotAdmitted
            | Why::NotExchanger
            | Why::RecipientDomain
            | Why::Route
            | Why::Trouble => None,
        }
    }
}
