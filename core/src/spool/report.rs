//! Reports from the spool, and `Durable`: the proof that a message may be accepted. Nothing else makes one.

use super::id::SpoolId;
use core::fmt;

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

/// Where the file of a draft lies, from the spool's own directory: what a helper is told. It is one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DraftPath {
    octets: [u8; DraftPath::OCTETS_MAX],
    length: u8,
}

impl DraftPath {
    /// Octets of the longest path.
    pub const OCTETS_MAX: usize = 79;

    /// A path; `None` when it is no word of printable ASCII, or too long.
    pub fn new(path: &str) -> Option<DraftPath> {
        if path.is_empty() || !path.bytes().all(|octet| octet.is_ascii_graphic()) {
            return None;
        }
        let mut octets = [0; DraftPath::OCTETS_MAX];
        octets.get_mut(..path.len())?.copy_from_slice(path.as_bytes());
        Some(DraftPath { octets, length: u8::try_from(path.len()).ok()? })
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.octets[..usize::from(self.length)]).expect("it is ASCII")
    }
}

impl fmt::Debug for DraftPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
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
    /// All octets of the draft are in this file. It is not durable, and not the router's.
    Shown(DraftPath),
    /// The draft's octets and its name are on stable storage: file synced, directory entry synced.
    Committed(Stored),
    /// The draft is gone, and nothing of it is visible. (Only when a sync failed after the name was given may the
    /// router have taken the message a moment before that was removed again: then it is kept, and comes twice.)
    Failed(SpoolFault),
}

/// Proof that a message is on stable storage under a name that the router sees, or a person in the freezer.
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
            Report::Room(_) | Report::Shown(_) => None,
            Report::Committed(stored) => Some(Ok(Durable { id: SpoolId::of(stored) })),
            Report::Failed(fault) => Some(Err(fault)),
        }
    }

    /// The name by which the message is known in replies and logs.
    pub fn id(&self) -> &SpoolId {
        &self.id
    }
}
