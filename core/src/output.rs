//! All that a session can ask of the world.

use crate::auth::{Attempt, Inquiry};
use crate::event::Event;
use crate::policy::{Question, Ticket};
use crate::spool::Order;
use crate::tls::Opening;
use alloc::vec::Vec;

/// One thing to do, in the order in which [`crate::Session::poll`] gives them.
#[derive(Debug)]
pub enum Output {
    /// Send these octets to the client. One `Write` is one send.
    Write(Vec<u8>),
    /// Find out, and bring [`crate::Input::Answered`] with the same ticket.
    Ask(Ticket, Question),
    /// Find out about a login, and bring [`crate::Input::Advised`] with the same ticket.
    Inquire(Ticket, Inquiry),
    /// What became of a login; nobody waits for an answer.
    Attempt(Attempt),
    /// Something for the spool.
    Order(Order),
    /// Send what was written, then do a TLS handshake, and bring [`crate::Input::Secured`] or
    /// [`crate::Input::Unsecured`]. No octet is read as clear text any more.
    Secure(Opening),
    /// Something worth logging or counting.
    Event(Event),
    /// Send what was written, then close the connection. Comes last, and once.
    Close(Reason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client said QUIT.
    Quit,
    /// The client closed or broke the connection.
    PeerClosed,
    /// A wait was over: command, data, answer or session.
    TimedOut,
    /// The server stops.
    ShuttingDown,
    /// There was no TLS in the end.
    Unsecured,
    /// The client broke a rule after which its octets cannot be understood any more, or too many rules.
    Misbehaved,
    /// The server could not go on with this session.
    Trouble,
}

impl Reason {
    /// One word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Quit => "quit",
            Reason::PeerClosed => "peer-closed",
            Reason::TimedOut => "timed-out",
            Reason::ShuttingDown => "shutting-down",
            Reason::Unsecured => "unsecured",
            Reason::Misbehaved => "misbehaved",
            Reason::Trouble => "trouble",
        }
    }
}
