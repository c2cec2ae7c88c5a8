//! Randomness for logins, from the system and from nowhere else. The core has none of its own.

use smtpserver_core::auth::Nonce;

/// Our part of the nonce of one exchange.
pub fn nonce() -> std::io::Result<Nonce> {
    octets().map(Nonce::new)
}

/// Random octets: salts and secrets.
pub(crate) fn octets<const COUNT: usize>() -> std::io::Result<[u8; COUNT]> {
    let mut octets = [0; COUNT];
    getrandom::fill(&mut octets).map_err(std::io::Error::from)?;
    Ok(octets)
}
