//! The password file: a line for each user, read whole. Who is unknown costs the same work as who is known and wrong; no
//! answer says which it was. This file opens nothing: `disk` does.
//!
//! ```text
//! # remark
//! %secret OCTETS-IN-BASE64
//! ann:$argon2id$v=19$m=19456,t=2,p=1$...
//! bob@example.org:SCRAM-SHA-256$16384:...
//! eve:!$6$...
//! ```

mod disk;
mod kept;
#[cfg(test)]
mod tests;

use super::fresh_octets;
use base64ct::{Base64, Encoding};
use kept::Kept;
use smtpserver_core::auth::scram::{Cost, ScramKeys};
use smtpserver_core::auth::{Check, Finding, Means, UserName};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use zeroize::Zeroizing;

pub(crate) use disk::PasswordFile;
pub use kept::Scheme;

/// What stands before the file's secret.
pub(crate) const SECRET_WORD: &str = "%secret ";
/// Octets of the file's secret.
pub(crate) const SECRET_OCTETS: usize = 32;

/// All users of a file.
pub struct Passwords {
    users: BTreeMap<UserName, Kept>,
    /// One of each price that hashes in the file have: whom nobody knows is checked against one of these.
    models: BTreeMap<String, Kept>,
    /// The prices of the SCRAM keys in the file.
    costs: Vec<Cost>,
    secret: Zeroizing<[u8; SECRET_OCTETS]>,
    /// The file had no secret.
    made_up: bool,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({} users)", self.users.len())
    }
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// Counts from 1.
    pub line: usize,
    /// What is wrong with it; no part of the line.
    pub what: &'static str,
}

/// Which hashes were computed for an answer, by price: the measure of "the same time".
pub(crate) type Effort = Vec<String>;

impl Passwords {
    /// Reads a whole file; all lines that cannot be used are named at once.
    pub fn parse(text: &str) -> Result<Passwords, Vec<LineFault>> {
        let mut users = BTreeMap::new();
        let mut secret = None;
        let mut faults = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let mut fault = |what| faults.push(LineFault { line: index + 1, what });
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(word) = line.strip_prefix(SECRET_WORD) {
                match Base64::decode_vec(word.trim()).ok().and_then(|octets| octets.try_into().ok()) {
                    Some(octets) => secret = Some(Zeroizing::new(octets)),
                    None => fault("the secret is not 32 octets in base64"),
                }
                continue;
            }
            let Some((name, kept)) = line.split_once(':') else {
                fault("no colon between name and hash");
                continue;
            };
            let Some(name) = UserName::new(name) else {
                fault("the name is empty, too long or has control characters");
                continue;
            };
            match Kept::parse(kept) {
                Ok(kept) => {
                    if users.insert(name, kept).is_some() {
                        fault("the name was there already");
                    }
                }
                Err(what) => fault(what),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let made_up = secret.is_none();
        let secret = match secret {
            Some(secret) => secret,
            None => Zeroizing::new(fresh_octets().map_err(|_| {
                vec![LineFault {
                    line: 0,
                    what: "the system gives no randomness for the secret that is missing",
                }]
            })?),
        };
        let mut models = BTreeMap::new();
        let mut costs = Vec::new();
        for kept in users.values() {
            if let Some(keys) = kept.keys() {
                costs.push(keys.cost());
            }
            if let Some(price) = kept.price() {
                models.entry(price).or_insert_with(|| kept.clone());
            }
        }
        costs.sort_unstable();
        costs.dedup();
        Ok(Passwords { users, models, costs, secret, made_up })
    }

    /// What can be checked: proofs only when everybody has keys, as a client that can prove does nothing else.
    pub fn means(&self) -> Means {
        let mut open = self.users.values().filter(|kept| kept.price().is_some()).peekable();
        let proofs = open.peek().is_some() && open.all(|kept| kept.keys().is_some());
        Means { passwords: true, proofs, tokens: false }
    }

    /// Whether the file misses what makes unknown users look the same from one start to the next.
    pub(crate) fn lacks_secret(&self) -> bool {
        self.made_up && !self.costs.is_empty()
    }

    /// The answer, by as much work for who is unknown as for who is known. Slow by intention: not for a thread that
    /// others wait for.
    pub fn check(&self, check: &Check) -> Finding {
        self.check_and_count(check, &mut Effort::new())
    }

    pub(crate) fn check_and_count(&self, check: &Check, effort: &mut Effort) -> Finding {
        let user = check.user();
        let known = self.users.get(user).filter(|kept| kept.price().is_some());
        let model = self.model(user);
        let nobody = ScramKeys::nobody(self.secret.as_ref(), user, self.cost(user));
        let keys = known.and_then(Kept::keys).unwrap_or(&nobody);
        match check {
            Check::Password { password, .. } => {
                let fits = known.or(model).is_some_and(|kept| kept.fits(password, effort));
                if fits && known.is_some() { Finding::Right } else { Finding::Wrong }
            }
            Check::Salt { .. } => {
                Finding::Salt { salt: keys.salt().to_vec(), iterations: keys.cost().iterations }
            }
            Check::Proof { transcript, proof, .. } => {
                keys.prove(transcript, proof).map_or(Finding::Wrong, Finding::Proven)
            }
            Check::Token { .. } => Finding::Trouble,
        }
    }

    /// Whom somebody unknown is checked against: always the same for a name, as long as such hashes are in the file.
    fn model(&self, user: &UserName) -> Option<&Kept> {
        self.models.iter().max_by_key(|(price, _)| self.draw(user, price)).map(|(_, kept)| kept)
    }

    fn cost(&self, user: &UserName) -> Cost {
        let cost = |cost: &Cost| self.draw(user, &format!("{cost:?}"));
        self.costs.iter().copied().max_by_key(cost).unwrap_or_default()
    }

    /// A number that nobody outside can know, for a name and a choice.
    fn draw(&self, user: &UserName, choice: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.secret.hash(&mut hasher);
        (user.as_str(), choice).hash(&mut hasher);
        hasher.finish()
    }
}
