//! Manners: how sessions speak, and what they expect of those they speak with. Values only.

use super::networks::Networks;
use super::patterns::{Patterns, Styles};
use crate::now::Duration;
use alloc::string::String;
use alloc::vec::Vec;

/// A stream of commands that was written before anybody could answer it (`-i`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The messages came over a BSMTP channel, and their trace says so (`-B`).
    pub marked: bool,
    /// Commands are repeated in front of their replies (`-v`).
    pub echo: bool,
    /// Its lines ended with LF and were made to end with CRLF: sizes that were counted before do not hold any more.
    pub unix_lines: bool,
    /// The user who runs it, a number of the system.
    pub user: u32,
}

impl Batch {
    /// Where its messages come from, as their trace says it.
    pub fn origin(self) -> String {
        alloc::format!("uid#{}@localhost", self.user)
    }
}

/// How sessions speak, and what they expect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// How a client is taken that no pattern speaks of (`-s`).
    pub styles: Styles,
    /// What becomes of clients by the name that they give.
    pub patterns: Patterns,
    /// A name in HELO or EHLO must be a domain or an address literal (`-h`).
    pub hello_syntax: bool,
    /// Load average of the machine above which connections are told to come again (`-L`).
    pub load_max: Option<u32>,
    /// LHLO in place of HELO and EHLO, and a reply for each recipient after the data (RFC 2033).
    pub lmtp: bool,
    /// Lines of the greeting, with their `%` letters; empty for the built-in one.
    pub greeting: Vec<String>,
    /// The last line of replies that refuse for reasons of policy.
    pub contact: Option<String>,
    /// Replies have one line, but for the one to EHLO.
    pub one_line: bool,
    /// Nobody is told about the fate of a message, whatever the client wished.
    pub notify_never: bool,
    /// Source routes stay in addresses.
    pub source_route_kept: bool,
    /// DEBUG and Z-DEBUG answer.
    pub debug_verb: bool,
    /// EXPN may ask the router.
    pub expn_verb: bool,
    /// VRFY may ask the router.
    pub vrfy_verb: bool,
    /// How long the greeting waits, to see who does not.
    pub greet_pause: Duration,
    /// Commands that are sent ahead where RFC 2920 forbids it end the session.
    pub pipelining_checked: bool,
    /// Whose connections begin with a PROXY header.
    pub proxy_from: Networks,
    /// Who may say XCLIENT.
    pub xclient_from: Networks,
    /// Commands come from a stream and not from a client.
    pub batch: Option<Batch>,
}
