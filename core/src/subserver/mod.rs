//! Helpers: programs of the operator that are asked about addresses and messages. This room holds who of them is at work,
//! what waits for them and what becomes of it when they are late, silent, dying or lying; and the lines that both sides say.
//! It starts nothing and reads from no pipe: the hands do, and say what happened.

mod address;
mod farm;
pub mod filter;
mod line;
pub mod milter;
pub mod policy_service;
pub mod router;
mod worker;

pub use address::Address;
pub use farm::{Errand, Farm, Fault, HelperId, Input, JobId, Note, Output, Talk, Terms};
pub use line::Request;

/// What helpers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trade {
    /// The interactive router: judges addresses.
    Router,
    /// The content filter: judges messages.
    Filter,
    /// A policy service: judges recipients together with all that is known of their message.
    Policy(ServiceId),
    /// Milters: judge messages, and change them.
    Milter,
}

/// A policy service, by a number; none is used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId(pub u32);

impl Trade {
    /// One word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Trade::Router => "router",
            Trade::Filter => "contentfilter",
            Trade::Policy(_) => "policy-service",
            Trade::Milter => "milter",
        }
    }
}

#[cfg(test)]
mod tests;
