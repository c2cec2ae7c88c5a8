//! The policy language: text in, rules or all faults at once out. Reads no file, and decides nothing that a rule says.

mod compile;
mod fault;
mod key;
mod line;
mod words;

pub use compile::{Compiled, Role, SourceFile, compile};
pub use fault::{Fault, FaultKind};
pub(super) use key::is_key;
