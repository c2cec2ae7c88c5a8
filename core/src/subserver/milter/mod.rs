//! Milters: filters that speak sendmail's mail filter protocol (version 6). A conversation tells one of them everything
//! about a message that is complete, stage by stage, out of the message's file, and hears what it wants changed. Octets
//! come in and go out here; who carries them, and what becomes of the changes, is decided elsewhere.

mod packet;
mod talk;

pub use packet::{Change, Reply, encode_change, reply};
pub use talk::{Facts, Input, Outcome, Output, Talk};

#[cfg(test)]
mod tests;
