//! What happened in a world, in order: the only thing that laws look at. Entries are data, cheap to keep (octets are
//! shared with the wire, not copied); their fingerprint tells in one number whether two runs were the same.

use bytes::Bytes;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// A connection's number, counted over the whole world.
pub type ConnectionId = u32;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// When, in microseconds since the world began.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A client asks for a connection.
    Connects {
        /// Which client of the plan.
        client: u32,
        /// The number of the connection.
        connection: ConnectionId,
        /// The client's address.
        source: IpAddr,
    },
    /// The connection became a session.
    Welcomed {
        /// Which.
        connection: ConnectionId,
        /// The session's number within the server's present life.
        serial: u64,
    },
    /// There was no room for the connection, and it is told so.
    TurnedAway(ConnectionId),
    /// There was no room, not even to be told so.
    Dropped(ConnectionId),
    /// Nobody listened.
    Unheard(ConnectionId),
    /// The client said these octets.
    Said(ConnectionId, Bytes),
    /// The client heard these octets.
    Heard(ConnectionId, Bytes),
    /// The session took these octets.
    Took(ConnectionId, Bytes),
    /// Something else was brought to the session.
    Told(ConnectionId, News),
    /// The session, or whoever turned the connection away, wrote these octets.
    Wrote(ConnectionId, Bytes),
    /// The session asked.
    Asked(ConnectionId, u64),
    /// What it asked was about policy. This and the next four are noted where a policy was drawn.
    Posed(ConnectionId, u64, Posed),
    /// The server was asked it.
    Put(ConnectionId, u64),
    /// For that the server looks something up: the number, the name and the kind of record.
    Sought(ConnectionId, u64, String),
    /// What was said to that, as far as it can be told apart from the truth.
    Looked(ConnectionId, u64, Looked),
    /// The server ruled.
    Ruled(ConnectionId, u64, Ruling),
    /// The counts of all sources were written down; a server that begins has them again.
    Saved,
    /// The server's settings are those of the plan's fault of this number.
    Reconfigured(usize),
    /// The session ordered something from the spool.
    Ordered(ConnectionId, Ordered),
    /// The session noted something.
    Noted(ConnectionId, Noted),
    /// The session ended.
    Closed(ConnectionId, &'static str),
    /// The server was told that the connection is over.
    Released(ConnectionId),
    /// A session has no deadline, or broke an assertion, or holds more than it may.
    Broken(ConnectionId, String),
    /// A farm of the server, when nothing more happens.
    Farm {
        /// What its helpers are for.
        trade: &'static str,
        /// Helpers that can be asked.
        hungry: usize,
        /// Helpers, whatever they do.
        helpers: usize,
        /// Jobs that wait.
        waiting: usize,
    },
    /// An operation of the disk is done.
    Disk {
        /// Which operation, counted from 1.
        number: u64,
        /// What.
        operation: Operation,
        /// Whether it went well.
        failed: Option<Errno>,
    },
    /// A fault of the plan sets in, or ends.
    Fault(String),
    /// The server's process ended.
    Down,
    /// The disk lost its power: what was not durable is gone, in part.
    PowerCut,
    /// What a router would see now.
    Scanned(Vec<Found>),
    /// A server began to listen.
    Up,
    /// All faults are over.
    Healed,
    /// The world came to rest.
    Ended(Rest),
}

/// What is brought to a session besides octets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum News {
    /// The connection is open.
    Opened,
    /// Its deadline is here.
    Tick,
    /// The client has taken all that was said, and the session waited for that.
    Sent,
    /// An answer, to the question of this ticket.
    Answered(u64),
    /// Octets are off its account.
    Room(usize),
    /// Its message is safe, says the spool.
    Committed {
        /// The file's inode, which is its name.
        inode: u64,
        /// Octets of the draft.
        length: u64,
        /// Fingerprint of the draft.
        digest: u64,
    },
    /// Helpers can read its message.
    Shown,
    /// Its message could not be kept.
    Failed,
    /// The handshake is done.
    Secured,
    /// It failed.
    Unsecured,
    /// The client is gone.
    PeerClosed,
    /// The server is about to stop.
    ShuttingDown,
}

/// A question about policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Posed {
    /// May the client speak at all?
    Connect,
    /// It gives itself this name.
    Hello(String),
    /// It names a sender, without brackets; none is the null one.
    Sender(Option<String>),
    /// It names a recipient, without brackets.
    Recipient(String),
}

/// How a look-up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Looked {
    /// With the truth.
    True,
    /// With nothing that can be believed.
    Trouble,
}

/// What the server concluded from its policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ruling {
    /// Yes.
    Yes,
    /// Yes, and the message goes to the freezer.
    Freezer,
    /// Policy would say yes, but the disk is full.
    NoSpace,
    /// No, for this reason.
    No {
        /// Its name.
        why: String,
        /// When it may be otherwise, in microseconds.
        retry: Option<u64>,
    },
}

/// What a session orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ordered {
    /// Open a draft.
    Begin,
    /// Add this many octets.
    Append(usize),
    /// Let helpers read it.
    Show,
    /// Write it anew.
    Revise,
    /// Make it durable.
    Commit,
    /// Make it durable in the freezer.
    Freeze,
    /// Throw it away.
    Abandon,
}

/// What a session notes, as far as laws look at it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Noted {
    /// A refusal waits in the tarpit, for so many microseconds.
    Delayed(u64),
    /// Anything else: its name and its words.
    Other(&'static str, String),
}

/// An operation of the disk. Inodes are their files' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Make an empty file in `public`.
    Create(u64),
    /// Write so many octets at its end.
    Write(u64, u64),
    /// Hand its octets to the device and wait until it has them; they are not durable yet.
    Push(u64),
    /// Make its octets durable.
    Sync(u64),
    /// Move it into `router`.
    Rename(u64),
    /// Make the names in `router` durable.
    SyncRouter,
    /// Remove it from `public`.
    Remove(u64),
    /// Remove it from `router`.
    Withdraw(u64),
    /// Measure free space.
    Measure,
}

/// What went wrong on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// No space.
    Full,
    /// An input/output error.
    Broken,
    /// Read-only.
    ReadOnly,
    /// No such file.
    Missing,
}

/// A file in `router`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// Its inode, which is its name.
    pub inode: u64,
    /// Octets in it.
    pub length: u64,
    /// Their fingerprint.
    pub digest: u64,
}

/// What is left when the world has come to rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rest {
    /// Sessions that the server still counts.
    pub sessions: u32,
    /// Connections that are not over at the server's end.
    pub connections: u32,
    /// Drafts that nobody took care of.
    pub drafts: u32,
    /// Files in `public`.
    pub unfinished: u32,
    /// Jobs for the disk.
    pub jobs: u32,
    /// The world had to be stopped: it never came to rest by itself.
    pub endless: bool,
}

/// All that happened.
#[derive(Debug, Default)]
pub struct Trace {
    entries: Vec<Entry>,
}

impl Trace {
    /// Notes what happened.
    pub fn note(&mut self, at: u64, what: What) {
        self.entries.push(Entry { at, what });
    }

    /// All entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One number for all of them.
    pub fn fingerprint(&self) -> u64 {
        let mut fingerprint = Fingerprint::default();
        self.entries.iter().for_each(|entry| entry.hash(&mut fingerprint));
        fingerprint.finish()
    }
}

/// The fingerprint of octets, however they are cut. The same on every machine and in every process.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    state: u64,
    carry: u64,
    held: u32,
    length: u64,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Fingerprint { state: 0x9e37_79b9_7f4a_7c15, carry: 0, held: 0, length: 0 }
    }
}

impl Fingerprint {
    /// The fingerprint of these octets.
    pub fn of(octets: &[u8]) -> u64 {
        let mut fingerprint = Fingerprint::default();
        fingerprint.write(octets);
        fingerprint.finish()
    }

    /// How many octets it has seen.
    pub fn length(&self) -> u64 {
        self.length
    }

    fn mix(state: u64, word: u64) -> u64 {
        let product = u128::from(state ^ word) * 0xa076_1d64_78bd_642f_u128;
        let low = u64::try_from(product & u128::from(u64::MAX)).expect("masked");
        let high = u64::try_from(product >> 64).expect("shifted");
        (low ^ high).rotate_left(23)
    }

    /// Takes so many octets, at most eight, the first of them lowest; the others are 0.
    fn part(&mut self, octets: u64, count: u32) {
        self.length += u64::from(count);
        self.carry |= octets << (8 * self.held);
        let held = self.held + count;
        if held < 8 {
            self.held = held;
            return;
        }
        self.state = Fingerprint::mix(self.state, self.carry);
        // What did not fit; of a whole word behind nothing held, that is nothing.
        self.carry = octets.checked_shr(8 * (8 - self.held)).unwrap_or(0);
        self.held = held - 8;
    }
}

// A number counts as its octets. Traces are full of numbers, so they do not take the way over a slice.
impl Hasher for Fingerprint {
    fn write(&mut self, octets: &[u8]) {
        let words = octets.chunks_exact(8);
        let rest = words.remainder();
        for word in words {
            self.part(u64::from_le_bytes(word.try_into().expect("eight octets")), 8);
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.part(u64::from_le_bytes(last), u32::try_from(rest.len()).expect("below eight"));
    }

    fn write_u8(&mut self, number: u8) {
        self.part(u64::from(number), 1);
    }

    fn write_u16(&mut self, number: u16) {
        self.part(u64::from(number), 2);
    }

    fn write_u32(&mut self, number: u32) {
        self.part(u64::from(number), 4);
    }

    fn write_u64(&mut self, number: u64) {
        self.part(number, 8);
    }

    fn write_usize(&mut self, number: usize) {
        self.part(u64::try_from(number).expect("64 bits at most"), 8);
    }

    fn write_isize(&mut self, number: isize) {
        self.part(u64::from_ne_bytes(i64::try_from(number).expect("64 bits at most").to_ne_bytes()), 8);
    }

    fn finish(&self) -> u64 {
        Fingerprint::mix(Fingerprint::mix(self.state, self.carry), self.length)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14}.{:06}  ", self.at / 1_000_000, self.at % 1_000_000)?;
        match &self.what {
            What::Said(id, octets) => write!(f, "#{id} client says  {}", brief(octets)),
            What::Heard(id, octets) => write!(f, "#{id} client hears {}", brief(octets)),
            What::Took(id, octets) => write!(f, "#{id} takes  {}", brief(octets)),
            What::Wrote(id, octets) => write!(f, "#{id} writes {}", brief(octets)),
            What::Told(id, news) => write!(f, "#{id} is told {news:?}"),
            What::Ordered(id, order) => write!(f, "#{id} orders {order:?}"),
            What::Noted(id, noted) => write!(f, "#{id} notes {noted:?}"),
            What::Scanned(files) => write!(f, "router holds {} files", files.len()),
            other @ (What::Connects { .. }
            | What::Welcomed { .. }
            | What::TurnedAway(_)
            | What::Dropped(_)
            | What::Unheard(_)
            | What::Asked(..)
            | What::Posed(..)
            | What::Put(..)
            | What::Sought(..)
            | What::Looked(..)
            | What::Ruled(..)
            | What::Saved
            | What::Reconfigured(_)
            | What::Closed(..)
            | What::Released(_)
            | What::Broken(..)
            | What::Farm { .. }
            | What::Disk { .. }
            | What::Fault(_)
            | What::Down
            | What::PowerCut
            | What::Up
            | What::Healed
            | What::Ended(_)) => write!(f, "{other:?}"),
        }
    }
}

fn brief(octets: &[u8]) -> String {
    let shown = &octets[..octets.len().min(100)];
    let more =
        if shown.len() < octets.len() { format!(".. ({} octets)", octets.len()) } else { String::new() };
    format!("\"{}\"{more}", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_does_not_see_the_cuts() {
        let octets: Vec<u8> = (0..=255).collect();
        let whole = Fingerprint::of(&octets);
        for cut in [1, 3, 7, 8, 9, 100] {
            let mut pieces = Fingerprint::default();
            octets.chunks(cut).for_each(|piece| pieces.write(piece));
            assert_eq!(pieces.finish(), whole, "cut every {cut}");
        }
        let (mut numbers, mut spelled) = (Fingerprint::default(), Fingerprint::default());
        numbers.write_u8(1);
        numbers.write_u64(0x0203_0405_0607_0809);
        numbers.write_u32(7);
        spelled.write(&[1, 9, 8, 7, 6, 5, 4, 3, 2, 7, 0, 0, 0]);
        assert_eq!((numbers.finish(), numbers.length()), (spelled.finish(), spelled.length()));
        assert_ne!(Fingerprint::of(b"a\0"), Fingerprint::of(b"a"));
        assert_ne!(Fingerprint::of(b"abcdefgh1"), Fingerprint::of(b"abcdefgh2"));
    }
}
