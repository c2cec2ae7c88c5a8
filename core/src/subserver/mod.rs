//! Helpers: programs of the operator that are asked about addresses and messages. This room holds who of them is at work,
//! what waits for them and what becomes of it when they are late, silent, dying or lying; and the lines that both sides say.
//! It starts nothing and reads from no pipe: the hands do, and say what happened.

mod farm;
pub mod filter;
mod line;
pub mod router;
mod worker;

pub use farm::{Errand, Farm, Fault, HelperId, Input, JobId, Note, Output, Terms};
pub use line::RequestLine;

/// What helpers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trade {
    /// The interactive router: judges addresses.
    Router,
    /// The content filter: judges messages.
    Filter,
}

impl Trade {
    /// One word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Trade::Router => "router",
            Trade::Filter => "contentfilter",
        }
    }
}

#[cfg(test)]
mod tests;
