//! What an exchange is given when it begins: all that it can neither know nor invent.

use super::base64;
use super::name::UserName;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The terms of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What LOGIN asks with.
    pub prompts: Prompts,
    /// What is known of the channel.
    pub channel: Channel,
    /// Our part of SCRAM's nonce.
    pub nonce: Nonce,
}

/// The questions of LOGIN (`smtp-auth-username-prompt`, `smtp-auth-password-prompt`). Most clients show them to nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    /// For the name.
    pub user: String,
    /// For the password.
    pub password: String,
}

impl Default for Prompts {
    fn default() -> Self {
        Prompts { user: String::from("Username:"), password: String::from("Password:") }
    }
}

/// What is known of the channel that the exchange runs over. Nothing for a plain one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// TLS is active (or plain text was allowed as if it were).
    pub is_private: bool,
    /// Whom the client's certificate names, when it was asked for and verified.
    pub certificate: Option<UserName>,
    /// `tls-exporter` (RFC 9266): what both ends derive from the TLS session; 32 octets.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point` (RFC 5929 §4): the hash of our certificate.
    pub end_point: Option<Vec<u8>>,
}

impl Channel {
    /// Whether a login can be bound to the channel.
    pub fn can_bind(&self) -> bool {
        self.exporter.is_some() || self.end_point.is_some()
    }
}

/// What the back end in use can check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// [`super::Check::Password`].
    pub passwords: bool,
    /// [`super::Check::Salt`] and [`super::Check::Proof`].
    pub proofs: bool,
    /// [`super::Check::Token`].
    pub tokens: bool,
}

/// Random octets for one exchange, and for no other. Public once they were said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 18]);

impl Nonce {
    /// The nonce; the octets must come from the system's source of randomness.
    pub fn new(octets: [u8; 18]) -> Nonce {
        Nonce(octets)
    }

    /// Its octets.
    pub fn octets(self) -> [u8; 18] {
        self.0
    }

    /// Twenty-four printable letters without a comma, as RFC 5802 §5.1 wants them.
    pub(super) fn text(self) -> String {
        base64::encode(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}
