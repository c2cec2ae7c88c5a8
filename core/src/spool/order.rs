//! Orders from a session to the spool. A session has at most one draft at a time.

use super::Revision;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Where a whole message is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// Where the router takes it.
    #[default]
    Router,
    /// In the freezer, where only a person takes it, under this code.
    Freezer(u32),
}

impl Destination {
    /// The name of a message's file, which has this inode number. When a name is taken, the next attempt, counted from 0,
    /// tries another one.
    pub fn file_name(self, inode: u64, attempt: u32) -> String {
        let number = match attempt {
            0 => alloc::format!("{inode}"),
            n => alloc::format!("{inode}-{n}"),
        };
        match self {
            // The router takes every file whose name begins with a digit.
            Destination::Router => number,
            Destination::Freezer(code) => alloc::format!("{number}policy-{code}"),
        }
    }
}

/// What the spool is to do for a session. Orders are carried out in the order in which they were given.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Open a draft. Nothing of it is visible to the router before `Commit` was carried out.
    Begin,
    /// Add octets to the draft. The spool answers with [`super::Report::Room`] when it has taken them off the
    /// session's account: until then they count against the credit window.
    Append(Vec<u8>),
    /// Bring all octets of the draft into its file, for helpers to read; then report it: [`super::Report::Shown`] or
    /// [`super::Report::Failed`]. Nothing is promised by it.
    Show,
    /// Write the draft, which was shown, anew; what is ordered next is about that. A draft that cannot be revised is
    /// lost, and that is reported when it is shown or committed.
    Revise(Box<Revision>),
    /// Make the draft durable, then visible at its destination, then report it: [`super::Report::Committed`] or
    /// [`super::Report::Failed`].
    Commit(Destination),
    /// Throw the draft away. Nothing is reported. Harmless when there is no draft.
    Abandon,
    /// Keep the draft, which is the beginning of a message, where no router takes it, for a person to look at (style `D`).
    /// Nothing is reported, and nothing is promised: a spool that cannot, throws it away.
    Leave(Leftover),
}

/// Why only the beginning of a message is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// The client left within DATA.
    DataEnded,
    /// The client left within a chunk, or between two.
    ChunksEnded,
    /// The client was too slow.
    TimedOut,
}

impl Leftover {
    /// What the name of its file ends with, as the manual has it.
    pub fn suffix(self) -> &'static str {
        match self {
            Leftover::DataEnded => "DATA-EOF",
            Leftover::ChunksEnded => "BDAT-EOF",
            Leftover::TimedOut => "SMTP-TIMEOUT",
        }
    }
}
