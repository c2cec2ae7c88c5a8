//! The arithmetic of SCRAM-SHA-256 (RFC 5802 §3) over keys that are kept as RFC 5803 writes them. Pure: salts are given.
//! Nothing here knows names of files, or who has which keys.

use crate::auth::name::UserName;
use crate::limits::{SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN, SCRAM_SALT_MAX};
use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Begins the text of keys.
const SCHEME: &str = "SCRAM-SHA-256$";

/// What it costs to make keys, and what a client sees of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// How often is hashed.
    pub iterations: u32,
    /// Octets of the salt.
    pub salt_octets: usize,
}

impl Default for Cost {
    /// What new keys get. RFC 7677 §4 asks for at least 4096 iterations; the client pays them at every login, and a
    /// thief of the file for every guess.
    fn default() -> Self {
        Cost { iterations: 16_384, salt_octets: 16 }
    }
}

/// What is kept of a password: enough to check a proof of it, not enough to make one (but by guessing).
#[derive(Clone)]
pub struct ScramKeys {
    salt: Vec<u8>,
    iterations: u32,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl ScramKeys {
    /// The keys of a password, which is prepared already (SASLprep, RFC 4013). This is the slow one.
    pub fn of(password: &[u8], salt: &[u8], iterations: u32) -> ScramKeys {
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, salted.as_mut());
        let client_key = Zeroizing::new(hmac(salted.as_ref(), &[b"Client Key"]));
        ScramKeys {
            salt: salt.to_vec(),
            iterations,
            stored_key: Sha256::digest(client_key.as_ref()).into(),
            server_key: hmac(salted.as_ref(), &[b"Server Key"]),
        }
    }

    /// Keys for a name that has none, always the same for the same name: to a client they look like any other's, and no
    /// proof fits them.
    ///
    /// `secret` must never change and never be told: whoever knows it can tell who has no keys.
    pub fn nobody(secret: &[u8], user: &UserName, cost: Cost) -> ScramKeys {
        let part = |what: &[u8]| hmac(secret, &[what, b"\0", user.as_str().as_bytes()]);
        let mut salt = Vec::new();
        let mut block: u8 = 0;
        while salt.len() < cost.salt_octets.min(SCRAM_SALT_MAX) {
            salt.extend_from_slice(&part(&[b's', block]));
            block += 1;
        }
        salt.truncate(cost.salt_octets);
        ScramKeys {
            salt,
            iterations: cost.iterations,
            stored_key: part(b"stored"),
            server_key: part(b"server"),
        }
    }

    /// Reads the form of RFC 5803: `SCRAM-SHA-256$iterations:salt$stored:server`.
    pub fn parse(text: &str) -> Option<ScramKeys> {
        let (cost, keys) = text.strip_prefix(SCHEME)?.split_once('$')?;
        let (iterations, salt) = cost.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let iterations =
            Some(iterations).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
        let iterations = iterations.parse().ok()?;
        let salt = Base64::decode_vec(salt).ok()?;
        let key = |text| Base64::decode_vec(text).ok().and_then(|octets| octets.try_into().ok());
        let fits = (SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&iterations)
            && (1..=SCRAM_SALT_MAX).contains(&salt.len());
        let keys = ScramKeys { salt, iterations, stored_key: key(stored)?, server_key: key(server)? };
        fits.then_some(keys)
    }

    /// The form of RFC 5803, for a file that only its owner may read.
    pub fn text(&self) -> String {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(Base64::encode_string);
        alloc::format!("{SCHEME}{}:{salt}${stored}:{server}", self.iterations)
    }

    /// What a client is told before it proves anything.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// What it costs.
    pub fn cost(&self) -> Cost {
        Cost { iterations: self.iterations, salt_octets: self.salt.len() }
    }

    /// Whether a client that proves so knows the password; then our own signature for it.
    pub fn prove(&self, transcript: &[u8], proof: &[u8; 32]) -> Option<[u8; 32]> {
        let signature = hmac(&self.stored_key, &[transcript]);
        let mut client_key = Zeroizing::new([0; 32]);
        for (octet, (a, b)) in client_key.iter_mut().zip(proof.iter().zip(signature)) {
            *octet = a ^ b;
        }
        let ours = hmac(&self.server_key, &[transcript]);
        let found: [u8; 32] = Sha256::digest(client_key.as_ref()).into();
        bool::from(found.ct_eq(&self.stored_key)).then_some(ours)
    }

    /// Whether this password, prepared already, makes these keys. As slow as [`ScramKeys::of`].
    pub fn fits(&self, password: &[u8]) -> bool {
        let other = ScramKeys::of(password, &self.salt, self.iterations);
        other.stored_key.ct_eq(&self.stored_key).into()
    }
}

impl Drop for ScramKeys {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({:?})", self.cost())
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
