//! TLS: certificates and settings become the terms on which handshakes are done, and a stream becomes one within TLS. It
//! knows no SMTP, and no key or secret gets from here into a log.

mod backend;
mod chooser;
mod client;
mod der;
mod files;
pub(crate) mod own;
pub(crate) mod shop;
mod tap;
mod terms;
mod tickets;
mod wire;

pub use terms::{Side, Terms};
pub(crate) use wire::Wire;
