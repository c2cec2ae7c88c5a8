//! Base64 as RFC 4954 §4 wants it: nothing outside the alphabet, padding at the end only and always. It takes the same time
//! for all octets, as they may be a password.

use super::secret::Secret;
use alloc::string::String;
use base64ct::{Base64, Encoding};

/// The octets of a line, or nothing when it is no base64.
pub(super) fn decode(line: &[u8]) -> Option<Secret> {
    let text = core::str::from_utf8(line).ok()?;
    Base64::decode_vec(text).ok().map(Secret::new)
}

/// Octets as base64.
pub(super) fn encode(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_is_taken() {
        for (line, octets) in
            [(&b""[..], &b""[..]), (b"AQ==", b"\x01"), (b"dXNlcg==", b"user"), (b"AGEAYg==", b"\0a\0b")]
        {
            assert_eq!(decode(line).as_ref().map(Secret::reveal), Some(octets));
            assert_eq!(encode(octets).as_bytes(), line);
        }
        for line in [
            &b"=AAA"[..],
            b"AAA=BBB",
            b"AQ",
            b"AQ=",
            b"AR==",
            b"dXNl cg==",
            b"dXNlcg==\n",
            b"*",
            b"=",
            b"\xff\xff\xff\xff",
            b"AQ-_",
        ] {
            assert_eq!(decode(line), None, "{}", line.escape_ascii());
        }
    }
}
