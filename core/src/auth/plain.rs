//! The words of PLAIN (RFC 4616) and of LOGIN's password.

use super::fault::LoginFault;
use super::name::UserName;
use super::secret::Secret;
use crate::limits::PASSWORD_OCTETS_MAX;

/// Reads PLAIN's message: whom to act for (empty, or the same name), the name, the password, with a NUL between them.
/// Nobody acts for somebody else here.
pub(super) fn message(mut message: Secret) -> Result<(UserName, Secret), LoginFault> {
    if core::str::from_utf8(message.reveal()).is_err() {
        return Err(LoginFault::Malformed);
    }
    let nul = |secret: &Secret| secret.reveal().iter().position(|octet| *octet == 0);
    let at = nul(&message).ok_or(LoginFault::Malformed)?;
    let mut rest = message.split_off(at + 1);
    let at_name = nul(&rest).ok_or(LoginFault::Malformed)?;
    let secret = password(rest.split_off(at_name + 1))?;
    let user = UserName::from_octets(&rest.reveal()[..at_name]).ok_or(LoginFault::Malformed)?;
    let acts_for = &message.reveal()[..at];
    if acts_for.is_empty() || acts_for == user.as_str().as_bytes() {
        Ok((user, secret))
    } else {
        Err(LoginFault::Wrong)
    }
}

/// A password that a back end can be asked about: not empty, of some length, without control characters, which no
/// back end that reads lines could tell from its own.
pub(super) fn password(response: Secret) -> Result<Secret, LoginFault> {
    let octets = response.reveal();
    let fits = (1..=PASSWORD_OCTETS_MAX).contains(&octets.len()) && !octets.iter().any(u8::is_ascii_control);
    if fits { Ok(response) } else { Err(LoginFault::Malformed) }
}
