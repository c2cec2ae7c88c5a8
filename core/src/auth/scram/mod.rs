//! SCRAM-SHA-256 (RFC 5802, RFC 7677), our side of it. The words are read in `server` and `gs2`; the arithmetic in
//! `keys` is for whoever holds the keys, which is never the process that talks to clients.

pub(super) mod gs2;
mod keys;
pub(super) mod server;
#[cfg(test)]
mod tests;

pub use keys::{Cost, ScramKeys};
