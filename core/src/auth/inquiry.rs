//! What a session wants of those who see to logins, and what it is told. The session keeps the exchange itself; who users
//! are, how often logins have failed and where random octets come from is known elsewhere.

use super::check::{Check, Finding};
use super::exchange::LoggedIn;
use super::name::UserName;
use super::terms::{Means, Nonce};
use crate::peer::Source;

/// A question about logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// What can the back end check now, and which octets are nobody else's? Asked whenever mechanisms are offered, and
    /// at each AUTH.
    Terms,
    /// Is this true?
    Check {
        /// Where the client is.
        source: Source,
        /// What it claims.
        check: Check,
    },
    /// May this user, whom the client's certificate names, log in, or have too many logins failed? No back end is asked:
    /// TLS has verified the certificate.
    Certified {
        /// Where the client is.
        source: Source,
        /// Whom the certificate names.
        user: UserName,
    },
}

/// The answer to an [`Inquiry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// To [`Inquiry::Terms`].
    Terms(Means, Nonce),
    /// To [`Inquiry::Check`] and [`Inquiry::Certified`].
    Found(Finding),
}

/// What became of an attempt to log in, as far as all sessions must know of it. Nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Somebody there tried where AUTH is not offered, or what no back end was asked about.
    Untried(Source),
    /// The client of this session has logged in.
    Passed(LoggedIn),
}
