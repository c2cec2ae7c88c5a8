//! Where a script meets a server. The judge is one engine; a lane only opens worlds, carries octets and tells the time.
//! Lanes that need nothing but sockets are here ([`Peer`], [`Tcp`]); those over a simulated server live with the simulator.

mod names;
mod peer;
mod sockets;
mod spool;
mod tcp;
mod trusting;

use std::time::Duration;

pub use self::peer::Peer;
pub use self::tcp::Tcp;
pub use self::trusting::Trusting;
use crate::script::{Helper, World};

/// A kind of server to run scripts against.
pub trait Lane {
    /// One word, for tables: `core`, `tcp`.
    fn name(&self) -> &str;

    /// What can be seen and done here.
    fn abilities(&self) -> Abilities;

    /// A fresh server (or at least a fresh look at one) in the world that a script wants.
    ///
    /// # Errors
    /// [`Refused::NotHere`] makes the script skipped, [`Refused::Trouble`] makes it fail.
    fn open(&mut self, world: &World) -> Result<Box<dyn Stage + '_>, Refused>;
}

/// What a lane can see and do. What it cannot do makes a script skipped; what it cannot see, a check not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// How time is judged.
    pub clock: Clock,
    /// Whether each item taken is one write of the server, no more and no less.
    pub writes: bool,
    /// Whether texts are compared; otherwise only codes, and the keywords of EHLO lines.
    pub texts: bool,
    /// Whether [`Stage::spool`] tells.
    pub spool: bool,
    /// Whether [`Stage::events`] tells.
    pub events: bool,
    /// Whether `C starts tls` works.
    pub tls: bool,
    /// The helpers that a script can play.
    pub helpers: Vec<Helper>,
}

/// How a lane's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Virtual and exact: `quiet 20s` means the next octet at +20 s, to the tick. Waiting costs nothing.
    Exact,
    /// The wall's: judged with tolerance, and long waits are skipped unless asked for.
    Real,
    /// Somebody else's: not judged.
    Unjudged,
}

/// Why a lane did not open a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The lane cannot be such a world.
    NotHere(String),
    /// It should be able to, and is not.
    Trouble(Trouble),
}

/// The lane itself failed: no server, a dead simulator. One sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(pub String);

/// An opened world: a server, and any number of client connections to it, numbered from 0 in order of opening.
pub trait Stage {
    /// Opens one more connection and returns its number.
    ///
    /// # Errors
    /// [`Trouble`] if there is no server to speak to.
    fn connect(&mut self) -> Result<usize, Trouble>;

    /// The client says this, as one segment. On a connection that the server has ended, nothing happens.
    ///
    /// # Errors
    /// [`Trouble`] if the lane failed; a closed connection is not one.
    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble>;

    /// The next thing the server does on this connection, waiting `at_most` this long, the end included:
    /// what happens exactly then is still returned. Zero asks what is there already.
    /// After [`Taken::Nothing`] that much time has passed.
    ///
    /// # Errors
    /// [`Trouble`] if the lane failed.
    fn take(&mut self, connection: usize, at_most: Duration) -> Result<Taken, Trouble>;

    /// Time since the world was opened.
    fn now(&self) -> Duration;

    /// Lets time pass; what the server says meanwhile is kept for [`take`](Self::take).
    ///
    /// # Errors
    /// [`Trouble`] if the lane failed.
    fn rest(&mut self, time: Duration) -> Result<(), Trouble>;

    /// The client ends the connection.
    ///
    /// # Errors
    /// [`Trouble`] if the lane failed; an ended connection is not one.
    fn end(&mut self, connection: usize, how: End) -> Result<(), Trouble>;

    /// All messages accepted since the world was opened, in order; `None` if this lane cannot see them.
    ///
    /// # Errors
    /// [`Trouble`] if the spool cannot be read.
    fn spool(&mut self) -> Result<Option<Vec<Message>>, Trouble> {
        Ok(None)
    }

    /// All events since the world was opened, as `name arguments`; `None` if this lane cannot see them.
    ///
    /// # Errors
    /// [`Trouble`] if they cannot be told.
    fn events(&mut self) -> Result<Option<Vec<String>>, Trouble> {
        Ok(None)
    }

    /// The client begins the TLS handshake. Only called where [`Abilities::tls`] says so.
    ///
    /// # Errors
    /// [`Trouble`] if the handshake fails.
    fn start_tls(&mut self, connection: usize) -> Result<(), Trouble> {
        Err(Trouble(format!("connection {connection}: TLS is not supported here")))
    }

    /// The next line that a helper is asked. Only called where [`Abilities::helpers`] has it.
    ///
    /// # Errors
    /// [`Trouble`] if nobody asked it within `at_most`.
    fn asked(&mut self, helper: Helper, at_most: Duration) -> Result<Vec<u8>, Trouble> {
        Err(Trouble(format!("no {helper} here was asked within {at_most:?}")))
    }

    /// What a helper does when asked: `Some` line, or `None` if it dies.
    ///
    /// # Errors
    /// [`Trouble`] if there is no such helper.
    fn answer(&mut self, helper: Helper, line: Option<&str>) -> Result<(), Trouble> {
        Err(Trouble(format!("no {helper} here to say {line:?}")))
    }
}

/// What a server did on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It wrote this: one write where the lane sees writes, else any piece.
    Wrote(Vec<u8>),
    /// It ended the connection; nothing follows.
    Closed,
    /// Nothing, for as long as was waited.
    Nothing,
}

/// How a client ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No more octets from the client; it still reads.
    Half,
    /// Both ways.
    Full,
    /// Torn, so that the server sees an error.
    Reset,
}

/// One accepted message, as the spool holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Reverse-path without brackets; empty for the null one.
    pub from: String,
    /// Recipients in order.
    pub to: Vec<String>,
    /// What the client sent, with CRLF line ends, without what the server put in front.
    pub body: Vec<u8>,
    /// The stored file, octet for octet.
    pub raw: Vec<u8>,
}
