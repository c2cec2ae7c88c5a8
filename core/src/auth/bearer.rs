//! The words of OAUTHBEARER (RFC 7628): a header of GS2, then keys with values. What a token says is its checker's affair.

use super::fault::LoginFault;
use super::name::UserName;
use super::scram::gs2::{self, Flag};
use super::secret::Secret;

/// What the client is told about a token that is not good (RFC 7628 §3.2.2), before it may say one more word.
pub(super) const BAD_NEWS: &[u8] = b"{\"status\":\"invalid_token\"}";

/// Ends each key and value.
const END: u8 = 0x01;

/// Reads the client's message: for whom, and the token. The name is wanted, as a back end checks a token for somebody.
pub(super) fn message(message: &Secret) -> Result<(UserName, Secret), LoginFault> {
    let octets = message.reveal();
    let at = octets.iter().position(|octet| *octet == END).ok_or(LoginFault::Malformed)?;
    let (header, rest) = octets.split_at(at);
    let header = core::str::from_utf8(header).map_err(|_| LoginFault::Malformed)?;
    let (header, behind) = gs2::Header::read(header)?;
    if !behind.is_empty() || matches!(header.flag, Flag::Bound(_)) {
        return Err(LoginFault::Malformed);
    }
    let user = header.acts_for.ok_or(LoginFault::Malformed)?;
    // `rest` is: END, then key=value END for each pair, then one more END.
    let pairs = rest.strip_prefix(&[END]).and_then(|rest| rest.strip_suffix(&[END, END]));
    let mut token = None;
    for pair in pairs.ok_or(LoginFault::Malformed)?.split(|octet| *octet == END) {
        let Some(value) = pair.strip_prefix(b"auth=") else { continue };
        let (scheme, value) = value.split_at_checked(b"Bearer ".len()).ok_or(LoginFault::Malformed)?;
        if token.is_some() || !scheme.eq_ignore_ascii_case(b"Bearer ") || !is_token(value) {
            return Err(LoginFault::Malformed);
        }
        token = Some(Secret::from(value));
    }
    Ok((user, token.ok_or(LoginFault::Malformed)?))
}

/// RFC 6750 §2.1: letters, digits and a few marks; equals signs at the end.
fn is_token(octets: &[u8]) -> bool {
    let body = octets.trim_ascii_end();
    let end = body.iter().rposition(|octet| *octet != b'=').map_or(0, |at| at + 1);
    body.len() == octets.len()
        && end > 0
        && octets[..end].iter().all(|octet| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet))
}
