//! The users that every simulated server knows, and the back end that knows them. It is quick, honest and without a secret:
//! what goes wrong with back ends is the plan's to say.

use smtpserver::auth::{BackEnd, Pending};
use smtpserver_core::auth::scram::ScramKeys;
use smtpserver_core::auth::{Advice, Check, Finding, Inquiry, Means, Nonce};

/// Who there is, with the password.
pub const USERS: [(&str, &str); 2] = [("ann", "pencil"), ("bob", "crayon")];

/// What the back end can check.
pub const MEANS: Means = Means { passwords: true, proofs: true, tokens: false };

/// What is true of a claim.
pub fn find(check: &Check) -> Finding {
    let known = USERS.iter().find(|(user, _)| *user == check.user().as_str()).map(|(_, password)| *password);
    let keys = |password: &str| ScramKeys::of(password.as_bytes(), b"salt of everyone", 4_096);
    match check {
        Check::Password { password, .. } => {
            if known.is_some_and(|known| known.as_bytes() == password.reveal()) {
                Finding::Right
            } else {
                Finding::Wrong
            }
        }
        Check::Salt { .. } => Finding::Salt { salt: b"salt of everyone".to_vec(), iterations: 4_096 },
        Check::Proof { transcript, proof, .. } => {
            let proven = known.and_then(|password| keys(password).prove(transcript, proof));
            proven.map_or(Finding::Wrong, Finding::Proven)
        }
        Check::Token { .. } => Finding::Wrong,
    }
}

/// The answer to a question about logins, where no server counts them. The nonce is always the same.
pub fn advice(inquiry: &Inquiry) -> Advice {
    match inquiry {
        Inquiry::Terms => Advice::Terms(MEANS, Nonce::new([0; 18])),
        Inquiry::Check { check, .. } => Advice::Found(find(check)),
        Inquiry::Certified { .. } => Advice::Found(Finding::Right),
    }
}

/// The same, for the production hands.
#[derive(Debug)]
pub struct KnowsAll;

impl BackEnd for KnowsAll {
    fn means(&self) -> Means {
        MEANS
    }

    fn check(&self, check: Check) -> Pending<'_> {
        Box::pin(async move { find(&check) })
    }
}
