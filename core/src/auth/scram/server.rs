//! What client and server say to each other in SCRAM (RFC 5802 §5): the client's two messages read and held against each
//! other, the server's first one written. No key is known here.

use super::gs2::{Flag, Header, sasl_name};
use crate::auth::base64;
use crate::auth::fault::LoginFault;
use crate::auth::name::UserName;
use crate::auth::secret::Secret;
use crate::auth::terms::{Channel, Terms};
use crate::limits::SCRAM_NONCE_MAX;
use alloc::string::String;
use alloc::vec::Vec;

/// The client's first message, read.
pub(crate) struct First {
    user: UserName,
    nonce: String,
    /// The message without its GS2 header.
    bare: String,
    /// What the client must repeat in its last message: the header, then the octets of the channel.
    binding: Vec<u8>,
    /// How much of that is the header.
    header_octets: usize,
}

/// The challenge is said; the client's last message is awaited.
pub(crate) struct Challenged {
    first: First,
    /// Both nonces, one behind the other.
    nonce: String,
    challenge: String,
}

impl First {
    /// Reads the client's first message. `bound`: the mechanism is the one with channel binding.
    pub(crate) fn read(message: &[u8], bound: bool, channel: &Channel) -> Result<First, LoginFault> {
        let text = core::str::from_utf8(message).map_err(|_| LoginFault::Malformed)?;
        let (header, bare) = Header::read(text)?;
        let octets: &[u8] = match (&header.flag, bound) {
            (Flag::Cannot, false) => &[],
            // Somebody has cut the better mechanism out of what we offered (RFC 5802 §6).
            (Flag::ThinksWeCannot, false) if channel.can_bind() => return Err(LoginFault::Wrong),
            (Flag::ThinksWeCannot, false) => &[],
            (Flag::Bound(name), true) => {
                let octets = match name.as_str() {
                    "tls-exporter" => channel.exporter.as_deref(),
                    "tls-server-end-point" => channel.end_point.as_deref(),
                    _ => None,
                };
                octets.ok_or(LoginFault::Wrong)?
            }
            (Flag::Bound(_), false) | (Flag::Cannot | Flag::ThinksWeCannot, true) => {
                return Err(LoginFault::Malformed);
            }
        };
        let header_octets = text.len() - bare.len();
        let mut binding = text.as_bytes()[..header_octets].to_vec();
        binding.extend_from_slice(octets);

        // A message that begins with `m=` wants what no version of SCRAM has yet, and fails here too.
        let mut parts = bare.split(',');
        let user = parts.next().and_then(|part| part.strip_prefix("n=")).and_then(sasl_name);
        let user = user.ok_or(LoginFault::Malformed)?;
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        let nonce = nonce.filter(|nonce| is_nonce(nonce)).ok_or(LoginFault::Malformed)?;
        if !parts.all(is_attribute) {
            return Err(LoginFault::Malformed);
        }
        if header.acts_for.is_some_and(|name| name != user) {
            return Err(LoginFault::Wrong);
        }
        Ok(First { user, nonce: String::from(nonce), bare: String::from(bare), binding, header_octets })
    }

    /// Who logs in.
    pub(crate) fn user(&self) -> &UserName {
        &self.user
    }

    /// The server's first message.
    pub(crate) fn challenge(self, terms: &Terms, salt: &[u8], iterations: u32) -> (String, Challenged) {
        let nonce = self.nonce.clone() + &terms.nonce.text();
        let challenge = alloc::format!("r={nonce},s={},i={iterations}", base64::encode(salt));
        (challenge.clone(), Challenged { first: self, nonce, challenge })
    }
}

impl Challenged {
    /// The client's last message with the octets of the channel as a recording has them: none but zeros.
    pub(crate) fn without_channel(&self, message: &[u8]) -> Vec<u8> {
        let bound = self.first.binding.as_slice();
        let mut blank = bound.to_vec();
        blank[self.first.header_octets..].fill(0);
        let words = |binding: &[u8]| alloc::format!("c={},", base64::encode(binding)).into_bytes();
        let (ours, theirs) = (words(&blank), words(bound));
        match message.strip_prefix(theirs.as_slice()) {
            Some(rest) => [&ours, rest].concat(),
            None => message.to_vec(),
        }
    }

    /// Reads the client's last message: who, all that was said, and the proof.
    pub(crate) fn last(self, message: &[u8]) -> Result<(UserName, Vec<u8>, [u8; 32]), LoginFault> {
        let text = core::str::from_utf8(message).map_err(|_| LoginFault::Malformed)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(LoginFault::Malformed)?;
        let proof = base64::decode(proof.as_bytes()).ok_or(LoginFault::Malformed)?;
        let proof = proof.reveal().try_into().map_err(|_| LoginFault::Malformed)?;
        let mut parts = without_proof.split(',');
        let binding = parts.next().and_then(|part| part.strip_prefix("c="));
        let binding =
            binding.and_then(|text| base64::decode(text.as_bytes())).ok_or(LoginFault::Malformed)?;
        let nonce = parts.next().and_then(|part| part.strip_prefix("r=")).ok_or(LoginFault::Malformed)?;
        if !parts.all(is_attribute) {
            return Err(LoginFault::Malformed);
        }
        if nonce != self.nonce || binding != Secret::new(self.first.binding) {
            return Err(LoginFault::Wrong);
        }
        let transcript = alloc::format!("{},{},{without_proof}", self.first.bare, self.challenge);
        Ok((self.first.user, transcript.into_bytes(), proof))
    }
}

/// A letter, an equals sign and a value: what may stand there for a later version, and is passed over.
fn is_attribute(part: &str) -> bool {
    matches!(part.as_bytes(), [letter, b'=', _, ..] if letter.is_ascii_alphabetic())
}

/// Printable, and of some length; a comma has ended it.
fn is_nonce(nonce: &str) -> bool {
    (1..=SCRAM_NONCE_MAX).contains(&nonce.len()) && nonce.bytes().all(|octet| octet.is_ascii_graphic())
}
