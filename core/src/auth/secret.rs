//! Octets that nobody may see: passwords, tokens, keys. They are wiped when they are dropped, and neither printed nor
//! compared in a time that depends on them.

use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A password, a token or a client's response. Its length is no secret, its octets are.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the octets; no copy stays behind.
    pub fn new(octets: Vec<u8>) -> Secret {
        Secret(octets)
    }

    /// The octets, for whoever must hash or send them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Cuts the rest off, from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Secret {
        let rest = Secret(self.0.get(at..).unwrap_or_default().to_vec());
        self.0.get_mut(at..).unwrap_or_default().zeroize();
        self.0.truncate(at);
        rest
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Secret {
        Secret(octets.to_vec())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed_and_is_compared_whole() {
        let secret = Secret::from(&b"pencil"[..]);
        assert_eq!(alloc::format!("{secret:?}"), "Secret");
        assert_eq!(secret, Secret::new(b"pencil".to_vec()));
        assert_ne!(secret, Secret::default());
        let mut head = secret.clone();
        assert_eq!(head.split_off(3), Secret::from(&b"cil"[..]));
        assert_eq!(head.reveal(), b"pen");
        assert_eq!(head.split_off(9).reveal(), b"");
    }
}
