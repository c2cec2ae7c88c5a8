//! Orders from a session to the spool. A session has at most one draft at a time.

use alloc::vec::Vec;

/// What the spool is to do for a session. Orders are carried out in the order in which they were given.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Open a draft. Nothing of it is visible to the router before `Commit` was carried out.
    Begin,
    /// Add octets to the draft. The spool answers with [`super::Report::Room`] when it has taken them off the
    /// session's account: until then they count against the credit window.
    Append(Vec<u8>),
    /// Make the draft durable, then visible, then report it: [`super::Report::Committed`] or
    /// [`super::Report::Failed`].
    Commit,
    /// Throw the draft away. Nothing is reported. Harmless when there is no draft.
    Abandon,
}
