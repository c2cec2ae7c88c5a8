//! Logins: one machine for each exchange of challenges and responses (RFC 4954, RFC 4422), and the rules of the
//! mechanisms. This room knows no session, no reply codes, no file of passwords and no randomness: what it must not
//! know it asks as a [`Check`], what it cannot invent it is given in [`Terms`].
//!
//! [`begin`] and the two states [`Awaiting`] (the client's turn) and [`Asking`] (the back end's turn) return a [`Step`]
//! each; a state is consumed by its step, so no exchange goes on after its end. At the end stands [`LoggedIn`], a proof
//! that is made here only, or a [`LoginFault`].

mod base64;
mod bearer;
mod check;
mod exchange;
mod fault;
mod filler;
mod inquiry;
mod mechanism;
mod name;
mod plain;
pub mod scram;
mod secret;
mod terms;
#[cfg(test)]
mod tests;

pub use check::{Check, Finding};
pub use exchange::{Asking, Awaiting, LoggedIn, Request, Step, begin};
pub use fault::LoginFault;
pub use inquiry::{Advice, Attempt, Inquiry};
pub use mechanism::{Mechanism, Mechanisms, MechanismsFault};
pub use name::UserName;
pub use secret::Secret;
pub use terms::{Channel, Means, Nonce, Prompts, Terms};
