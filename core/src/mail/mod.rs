//! A message on its way in: the envelope, the transaction that gathers it, and the trace field at its head.

pub mod envelope;
pub mod trace;
pub mod transaction;
