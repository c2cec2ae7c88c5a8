//! Manners: how sessions speak, and what they expect of those they speak with. Values only.

use super::networks::Networks;
use crate::now::Duration;
use alloc::string::String;

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

/// What sessions expect of those they speak with, beyond what the old manual knew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// A name in HELO or EHLO must be a domain or an address literal (`-h`).
    pub hello_syntax: bool,
    /// Load average of the machine above which connections are told to come again (`-L`).
    pub load_max: Option<u32>,
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
