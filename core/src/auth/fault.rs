//! Why an exchange ended without a login. What each sounds like is the catalogue's affair.

/// A login that was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFault {
    /// The client took it back with `*` (RFC 4954 §4: 501).
    Cancelled,
    /// A response was not base64 (RFC 4954 §4: 501, 5.5.2).
    NotBase64,
    /// A response was base64, and not what the mechanism wants (501, 5.5.2).
    Malformed,
    /// A line was longer than any response may be (RFC 4954 §4: 500, 5.5.6).
    TooLong,
    /// The mechanism is not known, or not offered here and now (RFC 4954 §4: 504, 5.5.4).
    NoSuchMechanism,
    /// Name and secret do not fit; or the name is unknown; or more has failed than may. Nobody is told which
    /// (RFC 4954 §6: 535, 5.7.8).
    Wrong,
    /// The back end could not say (RFC 4954 §6: 454, 4.7.0).
    Trouble,
}

impl LoginFault {
    /// Whether it counts as a failed login: somebody may have guessed.
    pub fn is_guess(self) -> bool {
        match self {
            LoginFault::Wrong | LoginFault::NoSuchMechanism => true,
            LoginFault::Cancelled
            | LoginFault::NotBase64
            | LoginFault::Malformed
            | LoginFault::TooLong
            | LoginFault::Trouble => false,
        }
    }

    /// One word for logs and counters.
    pub fn name(self) -> &'static str {
        match self {
            LoginFault::Cancelled => "login-cancelled",
            LoginFault::NotBase64 => "login-not-base64",
            LoginFault::Malformed => "login-malformed",
            LoginFault::TooLong => "login-too-long",
            LoginFault::NoSuchMechanism => "login-no-such-mechanism",
            LoginFault::Wrong => "login-wrong",
            LoginFault::Trouble => "login-trouble",
        }
    }
}
