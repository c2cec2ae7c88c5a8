//! The one library of cryptography that this program is built with, chosen by a feature. Nothing else names it.

#[cfg(feature = "aws-lc")]
use aws_lc_rs as library;
#[cfg(all(feature = "ring", not(feature = "aws-lc")))]
use ring as library;

use library::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use library::{digest, hmac};
use rustls::crypto::CryptoProvider;

#[cfg(not(any(feature = "aws-lc", feature = "ring")))]
compile_error!("one of the features aws-lc and ring is needed");

/// What TLS is made of.
pub(super) fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", not(feature = "aws-lc")))]
    return rustls::crypto::ring::default_provider();
}

/// SHA-256.
pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, octets);
    digest.as_ref().try_into().expect("32 octets")
}

/// HMAC-SHA-256.
pub(super) fn hmac_sha256(key: &[u8], octets: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), octets);
    tag.as_ref().try_into().expect("32 octets")
}

/// Octets of a number that is used once with a key.
pub(super) const ONCE: usize = NONCE_LEN;

/// Encrypts with AES-256-GCM; the tag stands behind.
pub(super) fn seal(key: &[u8; 32], once: [u8; ONCE], bound: &[u8], octets: &mut Vec<u8>) -> Option<()> {
    let nonce = Nonce::assume_unique_for_key(once);
    cipher(key)?.seal_in_place_append_tag(nonce, Aad::from(bound), octets).ok()
}

/// Decrypts what [`seal`] has made, in place; `None` when it has not.
pub(super) fn open<'a>(
    key: &[u8; 32],
    once: [u8; ONCE],
    bound: &[u8],
    octets: &'a mut [u8],
) -> Option<&'a [u8]> {
    let nonce = Nonce::assume_unique_for_key(once);
    cipher(key)?.open_in_place(nonce, Aad::from(bound), octets).ok().map(|plain| &*plain)
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}
