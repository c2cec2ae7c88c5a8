//! The clients of the simulated world, good and bad: machines on the simulated clock, each the same for the same
//! wishes. They know the protocol from their own side, share no code with the server, read no clock, and cope with
//! whatever a server does: late, cut, 4xx, 5xx, 421, closed, reset.
//!
//! A world asks [`Client::wake`] when a client wants to be woken (also before anything has happened), brings what
//! happens at the client's end to [`Client::on`], and carries out the deeds in order. A client has at most one
//! connection at a time.

mod babbler;
mod dice;
mod dribbler;
#[cfg(test)]
mod fake;
mod flooder;
mod greedy;
mod hasty;
mod honest;
mod letter;
mod liar;
mod line;
mod mute;
mod reply;
mod slow_reader;
mod smuggler;
mod storm;
mod talk;
mod vanisher;

pub use babbler::PHRASES;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// A client as a machine on the simulated clock.
pub trait Client: fmt::Debug {
    /// Something happened at this end, `now` after the world began; what the client does now, in order.
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed>;
    /// When it wants [`Happened::Woke`] if nothing else happens before; to be asked anew after every `on`.
    fn wake(&self) -> Option<Duration>;
    /// What it believes: each message that it tried to send, in order, and what it was told about it.
    fn beliefs(&self) -> Vec<Belief>;
    /// Whether it has said [`Deed::Done`]; nothing moves it any more.
    fn is_done(&self) -> bool;
}

/// What happens at the client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened<'a> {
    /// The connection that was asked for is open.
    Connected,
    /// The connection that was asked for cannot be had.
    Refused,
    /// Octets from the server, as many as came together.
    Heard(&'a [u8]),
    /// The server will send nothing more.
    HeardEnd,
    /// The connection broke.
    Reset,
    /// It is the hour that [`Client::wake`] named, or later. Coming early does no harm.
    Woke,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Opens a connection from this address. One that is still half open is closed first.
    Connect {
        /// The client's address.
        source: IpAddr,
    },
    /// Sends these octets as one segment; never none.
    Say(Vec<u8>),
    /// Takes nothing more from the network, so that the server cannot send for long.
    StopReading,
    /// Takes octets from the network again.
    StartReading,
    /// Will send nothing more, and still listens. The connection is closed when the server has ended its side too.
    CloseWrite,
    /// Breaks the connection.
    Reset,
    /// Wants nothing more. A connection that is still open is closed as by a process that ends.
    Done,
}

/// What a client believes about one message that it tried to send: exactly what it said and was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belief {
    /// The reverse-path without brackets; empty for the null one.
    pub envelope_from: String,
    /// The recipients that were named to the server, accepted or not, answered or not.
    pub tried: Vec<String>,
    /// Those of them for which 250 was read.
    pub to: Vec<String>,
    /// The message as sent: with CRLF, before dot stuffing; for BDAT the octets that were announced.
    pub body: Vec<u8>,
    /// `BODY=BINARYMIME` was said, so that the octets must be kept as they are.
    pub binary: bool,
    /// All of it was said, with its end; otherwise nobody may have taken it.
    pub said: bool,
    /// 250 was read for the message: the last word of its text, which is the spool id.
    pub accepted: Option<String>,
    /// A refusal was read after which the message cannot have been taken.
    pub refused: bool,
}

/// What sort of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One command at a time, as RFC 2821 asks for; DATA or BDAT.
    Honest,
    /// As much at once as it can, in groups or rudely.
    Hasty,
    /// Honest, but octet by octet.
    Dribbler,
    /// Falls silent, at once or in the middle, and stays.
    Mute,
    /// Much more than anybody wants, without listening.
    Flooder,
    /// Hides ends of data and commands in messages.
    Smuggler,
    /// Random and nearly valid octets. What it says may become messages of which it knows nothing; their recipients
    /// are all named `babbler.SEED`, in hexadecimal digits.
    Babbler,
    /// Honest, but gone in the middle: broken off, half closed, silent.
    Vanisher,
    /// Hasty, asks for much, and hardly reads.
    SlowReader,
    /// Wrong about SIZE and about the counts of BDAT.
    Liar,
    /// Up to ten thousand recipients for a message.
    Greedy,
    /// Comes again and again, from a few or from many addresses.
    Storm,
}

impl Kind {
    /// Whether such a client says what it has to say without waiting for replies: text behind a refused DATA is then
    /// commands to the server, and may become a message of which the client knows nothing.
    pub fn is_rude(self) -> bool {
        match self {
            Kind::Honest | Kind::Dribbler | Kind::Mute | Kind::Vanisher | Kind::Storm => false,
            Kind::Hasty
            | Kind::Flooder
            | Kind::Smuggler
            | Kind::Babbler
            | Kind::SlowReader
            | Kind::Liar
            | Kind::Greedy => true,
        }
    }

    /// Every kind, in the order above.
    pub const ALL: [Kind; 12] = [
        Kind::Honest,
        Kind::Hasty,
        Kind::Dribbler,
        Kind::Mute,
        Kind::Flooder,
        Kind::Smuggler,
        Kind::Babbler,
        Kind::Vanisher,
        Kind::SlowReader,
        Kind::Liar,
        Kind::Greedy,
        Kind::Storm,
    ];

    /// Whether all that may be in the spool because of such a client is among its beliefs.
    pub fn knows_its_messages(self) -> bool {
        self != Kind::Babbler
    }
}

/// All that makes a client: the same wishes make the same client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// What sort.
    pub kind: Kind,
    /// How many messages it wants to send; adversaries measure their zeal by it.
    pub messages: u32,
    /// The longest message, in octets before dot stuffing; a few more when it is too small for a header.
    pub body_octets_max: u32,
    /// The longest pause of its own choice, between replies and commands.
    pub pause_max: Duration,
    /// The address that it comes from.
    pub source: IpAddr,
    /// Where all its choices come from.
    pub seed: u64,
}

/// Makes a client.
pub fn make(wishes: &Wishes) -> Box<dyn Client> {
    match wishes.kind {
        Kind::Honest => Box::new(honest::Honest::new(wishes, line::PATIENCE)),
        Kind::Hasty => Box::new(hasty::Hasty::new(wishes, line::PATIENCE, 0)),
        Kind::Dribbler => Box::new(dribbler::Dribbler::new(wishes)),
        Kind::Mute => Box::new(mute::Mute::new(wishes)),
        Kind::Flooder => Box::new(flooder::Flooder::new(wishes)),
        Kind::Smuggler => Box::new(smuggler::make(wishes)),
        Kind::Babbler => Box::new(babbler::Babbler::new(wishes)),
        Kind::Vanisher => Box::new(vanisher::Vanisher::new(wishes)),
        Kind::SlowReader => Box::new(slow_reader::SlowReader::new(wishes)),
        Kind::Liar => Box::new(liar::Liar::new(wishes)),
        Kind::Greedy => Box::new(greedy::Greedy::new(wishes)),
        Kind::Storm => Box::new(storm::Storm::new(wishes)),
    }
}

#[cfg(test)]
mod tests {
    use super::fake::{self, Fake};
    use super::*;

    #[test]
    fn every_client_copes_with_a_wild_server_and_believes_what_is_true() {
        for kind in Kind::ALL {
            for seed in 0..80 {
                let (client, server) = fake::meet(kind, seed, Fake::wild(seed));
                fake::true_beliefs(&*client, &server);
            }
        }
    }

    #[test]
    fn the_same_wishes_make_the_same_client() {
        for kind in Kind::ALL {
            let once = fake::meet(kind, 7, Fake::wild(7));
            let again = fake::meet(kind, 7, Fake::wild(7));
            assert_eq!(format!("{once:?}"), format!("{again:?}"), "{kind:?}");
        }
    }
}
