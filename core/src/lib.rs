//! All rules of the mail receiving server, as values: no clock, no IO, no randomness, no global.
//!
//! A tour. Octets become words in [`wire`]; words move a [`Session`] from state to state; what a session wants to
//! know it asks as a [`policy::Question`], what it wants kept it orders from the [`spool`]. What many sessions
//! share lives in [`server::Server`]. Both wear the same face: `handle(now, input)`, then `poll()` until it is
//! drained, then `deadline()` says when to come back. What is said to the client is written in [`reply`] only.
//!
//! Nothing flows back up: bytes become commands, commands questions, answers verdicts, verdicts an envelope, the
//! envelope an order to the spool, the report a proof, the proof a reply.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod arrival;
pub mod auth;
pub mod config;
pub mod dns;
pub mod event;
mod input;
pub mod limits;
pub mod mail;
mod near;
pub mod now;
mod output;
pub mod peer;
pub mod policy;
pub mod record;
pub mod refusal;
pub mod reply;
pub mod server;
mod session;
pub mod spf;
pub mod spool;
pub mod subserver;
pub mod tls;
pub mod wire;

pub use arrival::{Arrival, Arrived};
pub use config::Settings;
pub use event::Event;
pub use input::Input;
pub use now::{Duration, Instant, Now, Wall};
pub use output::{Output, Reason};
pub use peer::{Peer, SessionId, Source, TransactionId};
pub use server::Server;
pub use session::Session;
