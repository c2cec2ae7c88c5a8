//! What a file keeps of one password: the known kinds of hashes, their price, how they are checked and made. Hashes
//! that are no longer safe are refused by name.

use super::Effort;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use smtpserver_core::auth::Secret;
use smtpserver_core::auth::scram::{Cost, ScramKeys};
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

use crate::limits::{ARGON2_KIB_MAX, ARGON2_LANES_MAX, ARGON2_PASSES_MAX, BCRYPT_COST_MAX, SHA_ROUNDS_MAX};

/// Rounds of new `$6$` hashes: about as slow as the other kinds.
const SHA_ROUNDS: u32 = 100_000;

/// What a file keeps of one password.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// A hash as crypt(3) and its successors write it.
    Hash(Hash),
    /// Keys for SCRAM.
    Keys(ScramKeys),
    /// Nobody logs in with this name.
    Locked,
}

/// A hash, its kind known and its price affordable.
#[derive(Clone)]
pub(crate) struct Hash {
    kind: Kind,
    /// Kind and parameters: the text up to the salt.
    price: String,
    text: Zeroizing<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Argon2,
    Sha,
    Yescrypt,
    Bcrypt,
}

impl Kept {
    /// Reads what stands behind the name, or says what is wrong with it. Further fields of a passwd(5) line may follow a
    /// hash; they are not looked at.
    pub(crate) fn parse(text: &str) -> Result<Kept, &'static str> {
        if text.starts_with(['!', '*']) {
            return Ok(Kept::Locked);
        }
        if text.starts_with("SCRAM-SHA-256$") {
            return ScramKeys::parse(text)
                .map(Kept::Keys)
                .ok_or("the SCRAM keys are damaged or cost too much or too little");
        }
        Hash::parse(text.split(':').next().unwrap_or_default()).map(Kept::Hash)
    }

    /// What a check costs; nothing for a locked one.
    pub(crate) fn price(&self) -> Option<String> {
        match self {
            Kept::Hash(hash) => Some(hash.price.clone()),
            Kept::Keys(keys) => Some(format!("{:?}", keys.cost())),
            Kept::Locked => None,
        }
    }

    /// The SCRAM keys, when it is keys.
    pub(crate) fn keys(&self) -> Option<&ScramKeys> {
        match self {
            Kept::Keys(keys) => Some(keys),
            Kept::Hash(_) | Kept::Locked => None,
        }
    }

    /// Whether the password is the one that was kept.
    pub(crate) fn fits(&self, password: &Secret, effort: &mut Effort) -> bool {
        effort.extend(self.price());
        match self {
            Kept::Hash(hash) => hash.fits(password.reveal()),
            Kept::Keys(keys) => {
                let prepared = prepared(password.reveal());
                keys.fits(prepared.as_deref().map_or(password.reveal(), |text| text.as_bytes()))
                    && prepared.is_some()
            }
            Kept::Locked => false,
        }
    }
}

/// The password as SCRAM wants it (SASLprep, RFC 4013); nothing when there is no such form.
fn prepared(octets: &[u8]) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(octets).ok()?;
    stringprep::saslprep(text).ok().map(Cow::into_owned).map(Zeroizing::new)
}

impl Hash {
    fn parse(text: &str) -> Result<Hash, &'static str> {
        let fields: Vec<&str> = text.split('$').collect();
        let &["", name, ref rest @ ..] = fields.as_slice() else {
            return Err(if text.is_empty() {
                "there is no hash"
            } else {
                "no hash of a known kind; DES and plain text are not taken"
            });
        };
        let kind = match name {
            "argon2id" | "argon2i" | "argon2d" => Kind::Argon2,
            "5" | "6" => Kind::Sha,
            "y" => Kind::Yescrypt,
            "2a" | "2b" | "2y" => Kind::Bcrypt,
            "1" | "apr1" => return Err("MD5 is not taken any more: let the user set a new password"),
            _ => return Err("no hash of a known kind ($argon2id$ $y$ $6$ $5$ $2b$, or SCRAM-SHA-256$)"),
        };
        // Parameters are those that say what they are, and the first field of the kinds that do not.
        let bare = usize::from(matches!(kind, Kind::Yescrypt | Kind::Bcrypt));
        let params = bare.max(rest.iter().take_while(|field| field.contains('=')).count());
        let (params, behind) = rest.split_at_checked(params).ok_or("the hash is cut off")?;
        // A salt and the hash; bcrypt writes them without anything between.
        let pieces = if kind == Kind::Bcrypt { 1 } else { 2 };
        if behind.len() != pieces || behind.iter().any(|piece| piece.is_empty()) {
            return Err("the hash is cut off, or there is more behind it");
        }
        kind.affordable(params)?;
        if kind == Kind::Bcrypt && text.parse::<bcrypt::HashParts>().is_err() {
            return Err("the hash is damaged");
        }
        let price = format!("${name}${}", params.join("$"));
        Ok(Hash { kind, price, text: Zeroizing::new(text.to_owned()) })
    }

    fn fits(&self, password: &[u8]) -> bool {
        let text = self.text.as_str();
        match self.kind {
            Kind::Argon2 => argon2::Argon2::default().verify_password(password, text).is_ok(),
            Kind::Sha => sha_crypt::ShaCrypt::default().verify_password(password, text).is_ok(),
            Kind::Yescrypt => yescrypt::Yescrypt::default().verify_password(password, text).is_ok(),
            Kind::Bcrypt => bcrypt::verify(password, text).unwrap_or(false),
        }
    }
}

impl Kind {
    /// A slip in a number must not cost minutes or all memory at every login.
    fn affordable(self, params: &[&str]) -> Result<(), &'static str> {
        let numbers =
            || params.iter().flat_map(|field| field.split(',')).filter_map(|part| part.split_once('='));
        let within = |name: &str, most: u32| {
            numbers()
                .filter(|(key, _)| *key == name)
                .all(|(_, value)| value.parse::<u32>().is_ok_and(|value| value <= most))
        };
        let fits = match self {
            Kind::Argon2 => {
                within("m", ARGON2_KIB_MAX) && within("t", ARGON2_PASSES_MAX) && within("p", ARGON2_LANES_MAX)
            }
            Kind::Sha => within("rounds", SHA_ROUNDS_MAX),
            Kind::Bcrypt => {
                params.iter().all(|cost| cost.parse::<u32>().is_ok_and(|cost| cost <= BCRYPT_COST_MAX))
            }
            Kind::Yescrypt => params.iter().all(|params| params.parse::<yescrypt::Params>().is_ok()),
        };
        if fits { Ok(()) } else { Err("the hash costs more than a login may") }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.price)
    }
}

/// The kinds that are made for new passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// The slowest to guess; PLAIN and LOGIN only
    Argon2id,
    /// Keys for SCRAM-SHA-256; PLAIN and LOGIN work, too
    Scram,
    /// As crypt(3) makes it, for a file that other programs read
    Sha512,
}

impl Scheme {
    /// What is kept of a password, to be written behind the user's name.
    pub(crate) fn keep(self, password: &Secret, salt: [u8; 16]) -> Result<Zeroizing<String>, String> {
        let fault = |error: &dyn fmt::Display| format!("the password cannot be hashed: {error}");
        let octets = password.reveal();
        let text = match self {
            Scheme::Argon2id => argon2::Argon2::default()
                .hash_password_with_salt(octets, &salt)
                .map_err(|error| fault(&error))?
                .to_string(),
            Scheme::Sha512 => {
                let params = sha_crypt::Params::new(SHA_ROUNDS).map_err(|error| fault(&error))?;
                sha_crypt::ShaCrypt::new(sha_crypt::Algorithm::Sha512Crypt, params)
                    .hash_password_with_salt(octets, &salt[..12])
                    .map_err(|error| fault(&error))?
                    .to_string()
            }
            Scheme::Scram => {
                let prepared = prepared(octets)
                    .filter(|text| !text.is_empty())
                    .ok_or_else(|| fault(&"it has characters that SASLprep (RFC 4013) does not allow"))?;
                ScramKeys::of(prepared.as_bytes(), &salt, Cost::default().iterations).text()
            }
        };
        Ok(Zeroizing::new(text))
    }
}
