//! Reports from the spool, and `Durable`: the proof that a message may be accepted. Nothing else makes one.

use super::id::SpoolId;

/// Where a committed message lies: what identifies its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The inode number, which is also the file's name in the router directory.
    pub inode: u64,
    /// Seconds of the file's modification time.
    pub mtime_seconds: i64,
    /// Nanoseconds of the file's modification time, below 1,000,000,000.
    pub mtime_nanos: u32,
}

/// Why the spool could not keep a draft. Always the world's fault, never the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolFault {
    /// No space, no inodes, or over quota (ENOSPC, EDQUOT).
    Full,
    /// The directory is missing, read-only or forbidden (ENOENT, EROFS, EACCES, EPERM).
    Unusable,
    /// Everything else, an input/output error first of all (EIO).
    Broken,
}

/// What the spool says to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// This many octets of earlier `Append`s are off the session's account.
    Room(usize),
    /// The draft's octets and its name are on stable storage: file synced, directory entry synced.
    Committed(Stored),
    /// The draft is gone, and nothing of it is visible. (Only when a sync failed after the name was given may the
    /// router have taken the message a moment before that was removed again: then it is kept, and comes twice.)
    Failed(SpoolFault),
}

/// Proof that a message is on stable storage under a name that the router sees.
///
/// The reply that accepts a message takes it by value, and only [`Durable::from_report`] makes one: RFC 2821
/// §6.1 as a type. That the hands do not lie when they say `Committed` is the first law of the simulator.
#[derive(Debug, PartialEq, Eq)]
pub struct Durable {
    id: SpoolId,
}

impl Durable {
    /// The proof, when the report is one; otherwise what went wrong; `None` for a report that speaks of neither.
    pub fn from_report(report: Report) -> Option<Result<Durable, SpoolFault>> {
        match report {
            Report::Room(_) => None,
            Report::Committed(stored) => Some(Ok(Durable { id: SpoolId::of(stored) })),
            Report::Failed(fault) => Some(Err(fault)),
        }
    }

    /// The name by which the message is known in replies and logs.
    pub fn id(&self) -> &SpoolId {
        &self.id
    }
}
