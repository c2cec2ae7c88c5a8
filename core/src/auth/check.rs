//! What an exchange asks of a back end, and what it is told. Neither knows how passwords are kept.

use super::name::UserName;
use super::secret::Secret;
use alloc::vec::Vec;

/// A question to the back end that knows the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Is this the user's password?
    Password {
        /// Who logs in.
        user: UserName,
        /// What was given as the password.
        password: Secret,
    },
    /// Does this bearer token (RFC 6750) speak for the user?
    Token {
        /// Who logs in.
        user: UserName,
        /// The token.
        token: Secret,
    },
    /// With which salt and how many iterations is the user's key made? Asked before anything is proven, so the answer
    /// must not show whether there is such a user.
    Salt {
        /// Who logs in.
        user: UserName,
    },
    /// Does this proof (RFC 5802 §3) show that the client knows the user's key?
    Proof {
        /// Who logs in.
        user: UserName,
        /// All that both have said: the AuthMessage of RFC 5802 §3. Holds no secret.
        transcript: Vec<u8>,
        /// The ClientProof.
        proof: [u8; 32],
    },
}

impl Check {
    /// Who logs in.
    pub fn user(&self) -> &UserName {
        match self {
            Check::Password { user, .. }
            | Check::Token { user, .. }
            | Check::Salt { user }
            | Check::Proof { user, .. } => user,
        }
    }

    /// Whether the answer decides on the login. When too many logins have failed, one that does is asked all the same, so
    /// that it takes its time, and counts as [`Finding::Wrong`] whatever is found.
    pub fn decides(&self) -> bool {
        match self {
            Check::Password { .. } | Check::Token { .. } | Check::Proof { .. } => true,
            Check::Salt { .. } => false,
        }
    }
}

/// What a back end has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The password or the token is right.
    Right,
    /// The proof is right; this is the ServerSignature (RFC 5802 §3) that shows the client who we are.
    Proven([u8; 32]),
    /// The salt and the iterations; made up for a user that there is not.
    Salt {
        /// The salt's octets.
        salt: Vec<u8>,
        /// How often the client is to hash.
        iterations: u32,
    },
    /// It is wrong, or there is no such user.
    Wrong,
    /// It could not be found out, or not in time.
    Trouble,
}
