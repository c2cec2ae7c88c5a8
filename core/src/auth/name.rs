//! The name of somebody who logs in. Kept exactly as it was said: two names that look alike are two names.

use crate::limits::USER_NAME_MAX;
use alloc::string::String;
use core::fmt;

/// A user's name: 1 to 255 octets of UTF-8 without control characters, so that it can stand in a log, on a command line
/// and in a line of a file. It is not normalised (RFC 4954 §4 wishes for SASLprep): a back end finds the name that was
/// typed or none, and no two names fall into one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// The name, or nothing when it cannot be one.
    pub fn new(name: &str) -> Option<UserName> {
        let fits = !name.is_empty() && name.len() <= USER_NAME_MAX && !name.chars().any(char::is_control);
        fits.then(|| UserName(String::from(name)))
    }

    /// The name in these octets.
    pub fn from_octets(octets: &[u8]) -> Option<UserName> {
        core::str::from_utf8(octets).ok().and_then(UserName::new)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_of_some_length() {
        for name in ["ann", "ann@example.org", "a b", "-x", "m\u{fc}ller", &"x".repeat(255)] {
            assert_eq!(UserName::new(name).as_ref().map(UserName::as_str), Some(name));
        }
        for name in ["", "a\0", "a\nb", "a\rb", "\t", "\u{7f}", "\u{85}", &"x".repeat(256)] {
            assert_eq!(UserName::new(name), None, "{name:?}");
        }
        assert_eq!(UserName::from_octets(b"m\xfcller"), None);
    }
}
