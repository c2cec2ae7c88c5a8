//! The input log of a session: all that happened to it and all that it said, so that a fresh [`crate::Session`] can be
//! made to live through it again. The same log gives the same outputs, octet for octet; if not, one of the two is wrong.
//! Nothing here reads a clock or a file: octets come out of a [`Recorder`], and a [`Log`] is made of octets.
//!
//! A log is a header of text lines (format, session, ends of the connection, clocks, the settings that a session looks
//! at), an empty line, and records: the time and what was brought, or what was said. The last record says how the log
//! ends and holds a fingerprint of all octets before it.
//!
//! Secrets: octets are written down only when the session has used them and so has told what they were. Octets of
//! messages become filler that keeps CR, LF, dot, NUL and the eighth bit (and the word `received:`, which is counted),
//! so that the session goes the same way ([`Keep`] can ask for them). Lines that are no command, which may be anything,
//! always become filler, and so do passwords, tokens and proofs of logins, theirs and ours. Of messages in outputs only a fingerprint is kept, taken over
//! the same filler. Addresses stay, and the names under which clients log in.

mod entry;
mod fault;
mod field_names;
mod header;
mod log;
mod logins;
mod manners;
mod octets;
mod print;
mod recorder;
mod redact;
mod replay;
mod ruling;
mod said;
mod settings;
mod tls;

pub use entry::{Brought, Ending, Entry, Learnt};
pub use fault::{LogFault, LogFaultKind};
pub use header::{Header, Keep};
pub use log::Log;
pub use recorder::Recorder;
pub use replay::{Difference, Replay, Unlike};
pub use ruling::Ruling;
pub use said::{Deed, Said};

#[cfg(test)]
mod tests;
