//! What a session put out, as a log keeps it: replies as they are, all else as a kind and a fingerprint. Two outputs
//! that are kept as equals were equal, but for message octets that became the same filler.

use super::header::Keep;
use super::print::Print;
use super::redact;
use crate::event::Event;
use crate::output::Output;
use crate::spool::{Destination, Order, control};
use crate::tls::Opening;
use alloc::vec::Vec;
use core::fmt;

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Octets for the client.
    Wrote(Vec<u8>),
    /// Anything else.
    Did {
        /// What it was.
        deed: Deed,
        /// Octets of an [`Deed::Append`]; otherwise 0.
        octets: u64,
        /// The fingerprint of everything about it.
        print: u64,
    },
}

/// What an output was, when it was not for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A question.
    Ask,
    /// A draft was begun.
    Begin,
    /// Octets for the draft.
    Append,
    /// The draft's file is to be shown to helpers.
    Show,
    /// The draft is to be written anew.
    Revise,
    /// The draft is to be made durable.
    Commit,
    /// The draft is not wanted.
    Abandon,
    /// The draft is to stay, and not as a message.
    Leave,
    /// A TLS handshake is to be done.
    Secure,
    /// Something for logs.
    Event,
    /// The end.
    Close,
    /// A question about a login.
    Inquire,
    /// What became of a login.
    Attempt,
}

impl Deed {
    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Deed::Ask => "question",
            Deed::Begin => "begin a draft",
            Deed::Append => "append to the draft",
            Deed::Show => "show the draft",
            Deed::Revise => "revise the draft",
            Deed::Commit => "commit the draft",
            Deed::Abandon => "abandon the draft",
            Deed::Leave => "leave the draft",
            Deed::Secure => "begin TLS",
            Deed::Event => "event",
            Deed::Close => "close",
            Deed::Inquire => "question about a login",
            Deed::Attempt => "login",
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Wrote(octets) => write!(f, "\"{}\"", octets.escape_ascii()),
            Said::Did { deed: Deed::Append, octets, print } => {
                write!(f, "{}: {octets} octets {print:016x}", Deed::Append.name())
            }
            Said::Did { deed, octets: _, print } => write!(f, "{} {print:016x}", deed.name()),
        }
    }
}

/// Turns outputs, in their order, into what is kept of them.
#[derive(Debug)]
pub(super) struct Sayer {
    keep: Keep,
    /// The draft's envelope is complete: what is appended now is message.
    in_message: bool,
}

impl Sayer {
    pub(super) fn new(keep: Keep) -> Sayer {
        Sayer { keep, in_message: false }
    }

    pub(super) fn said(&mut self, output: &Output) -> Said {
        let did = |deed, print| Said::Did { deed, octets: 0, print };
        match output {
            Output::Write(octets) => Said::Wrote(redact::said(octets)),
            Output::Ask(ticket, question) => {
                did(Deed::Ask, Print::of(format_args!("{ticket:?} {question:?}")))
            }
            Output::Inquire(ticket, inquiry) => {
                did(Deed::Inquire, Print::of(format_args!("{ticket:?} {}", redact::Harmless(inquiry))))
            }
            Output::Attempt(attempt) => did(Deed::Attempt, Print::of(format_args!("{attempt:?}"))),
            Output::Order(order) => self.ordered(order),
            Output::Secure(Opening::Asked) => did(Deed::Secure, 0),
            // The octets are those of the log.
            Output::Secure(Opening::First(octets)) => {
                did(Deed::Secure, Print::of(format_args!("{}", octets.len())))
            }
            Output::Event(Event::Heard(line)) => {
                did(Deed::Event, Print::of(format_args!("heard {}", redact::heard(line))))
            }
            Output::Event(event) => did(Deed::Event, Print::of(format_args!("{event:?}"))),
            Output::Close(reason) => did(Deed::Close, Print::of(format_args!("{reason:?}"))),
        }
    }

    fn ordered(&mut self, order: &Order) -> Said {
        let mut print = Print::default();
        let (deed, octets) = match order {
            Order::Append(octets) => {
                if self.in_message && self.keep == Keep::Shape {
                    print.add(octets.iter().copied().map(redact::text));
                } else {
                    print.add(octets.iter().copied());
                }
                // The end of the envelope begins an append of its own, with our trace field behind it.
                self.in_message |= octets.starts_with(control::END.as_bytes());
                (Deed::Append, octets.len())
            }
            Order::Begin => (Deed::Begin, 0),
            Order::Show => (Deed::Show, 0),
            Order::Revise(revision) => {
                print.add(alloc::format!("{revision:?}").into_bytes());
                (Deed::Revise, 0)
            }
            Order::Commit(Destination::Router) => (Deed::Commit, 0),
            Order::Commit(Destination::Freezer(code)) => {
                print.add(code.to_be_bytes());
                (Deed::Commit, 0)
            }
            Order::Abandon => (Deed::Abandon, 0),
            Order::Leave(leftover) => {
                print.add(leftover.suffix().bytes());
                (Deed::Leave, 0)
            }
        };
        self.in_message &= matches!(deed, Deed::Append | Deed::Show | Deed::Revise);
        let octets = u64::try_from(octets).expect("a length in memory fits 64 bits");
        Said::Did { deed, octets, print: print.value() }
    }
}
