//! The name that a client gives in HELO, EHLO and LHLO. Whether it is true is not known here.

use super::domain;
use alloc::string::String;
use core::fmt;

/// The greatest length of the name in HELO, EHLO and LHLO in octets.
pub(crate) const CLIENT_NAME_OCTETS_MAX: usize = 255;

/// What the client calls itself in HELO, EHLO or LHLO. Printable ASCII that is safe inside a trace field.
///
/// Many clients do not know their own name, so almost any single word is taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientName {
    text: String,
    well_formed: bool,
}

impl ClientName {
    /// The name `text`; nothing when it is empty, longer than 255 octets, or holds octets that could break out of
    /// a trace field.
    pub fn parse(text: &[u8]) -> Option<ClientName> {
        let safe = |octet: &u8| octet.is_ascii_graphic() && !b"()<>\"\\;,".contains(octet);
        if text.is_empty() || text.len() > CLIENT_NAME_OCTETS_MAX || !text.iter().all(safe) {
            return None;
        }
        let well_formed = domain::read(text).is_ok_and(|(_, used)| used == text.len());
        Some(ClientName { text: String::from_utf8(text.to_vec()).ok()?, well_formed })
    }

    /// The name as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a domain or an address literal by the letter of the standard. An underscore makes it false.
    ///
    /// Spec: RFC 2821 §4.1.1.1, RFC 2821 §4.1.2.
    pub fn is_well_formed(&self) -> bool {
        self.well_formed
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
