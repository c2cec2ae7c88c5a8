//! Macros: whether a text with macros is well-formed, and what it expands to. All text here is ASCII; what is expanded
//! into it comes from the client and may be anything.
//!
//! Spec: RFC 7208 §7.

use crate::dns::Name;
use crate::limits::SPF_EXPLANATION_MAX;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

/// Octets of a domain name that are asked for: more is cut from the left, label by label. Spec: RFC 7208 §7.3.
const NAME_OCTETS_MAX: usize = 253;
/// Octets of an expansion that are kept on the way, from the right: everything to the left of them would be cut anyhow.
const TAIL_OCTETS: usize = 2 * NAME_OCTETS_MAX + 2;

/// A run of ordinary characters, or one macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    /// `%%`, `%_`, `%-`: what they stand for.
    Fixed(&'static str),
    Macro(Macro<'a>),
}

/// `%{` letter transformers delimiters `}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Macro<'a> {
    /// In lower case.
    letter: u8,
    /// It was written in upper case.
    escape: bool,
    /// How many parts are kept, from the right; 0 for all.
    parts: usize,
    reverse: bool,
    delimiters: &'a str,
}

/// Takes the first piece of a text that is not empty.
fn piece(text: &str) -> Option<(Piece<'_>, &str)> {
    let Some(rest) = text.strip_prefix('%') else {
        let end = text.find('%').unwrap_or(text.len());
        return (end > 0).then(|| (Piece::Literal(&text[..end]), &text[end..]));
    };
    for (sign, meaning) in [('%', "%"), ('_', " "), ('-', "%20")] {
        if let Some(rest) = rest.strip_prefix(sign) {
            return Some((Piece::Fixed(meaning), rest));
        }
    }
    let (inside, rest) = rest.strip_prefix('{')?.split_once('}')?;
    let letter = *inside.as_bytes().first()?;
    if !b"slodiphcrtv".contains(&letter.to_ascii_lowercase()) {
        return None;
    }
    let transformers = inside.get(1..)?;
    let digits = transformers.bytes().take_while(u8::is_ascii_digit).count();
    let (number, transformers) = transformers.split_at(digits);
    // No name has more than 127 labels, so a number that does not fit means all of them.
    let parts = if number.is_empty() { 0 } else { number.parse().unwrap_or(usize::MAX) };
    if parts == 0 && !number.is_empty() {
        return None;
    }
    let delimiters = transformers.strip_prefix(['r', 'R']).unwrap_or(transformers);
    let reverse = delimiters.len() < transformers.len();
    if !delimiters.bytes().all(|octet| b".-+,/_=".contains(&octet)) {
        return None;
    }
    let escape = letter.is_ascii_uppercase();
    let letter = letter.to_ascii_lowercase();
    Some((Piece::Macro(Macro { letter, escape, parts, reverse, delimiters }), rest))
}

/// Goes through all pieces; false when one is none, or when `good` says so.
fn all_pieces<'a>(mut text: &'a str, mut good: impl FnMut(Piece<'a>) -> bool) -> bool {
    while !text.is_empty() {
        match piece(text) {
            Some((found, rest)) if good(found) => text = rest,
            _ => return false,
        }
    }
    true
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Whether it is the value of a modifier that nobody knows.
pub(super) fn is_macro_string(text: &str) -> bool {
    all_pieces(text, |piece| match piece {
        Piece::Literal(literal) => is_visible(literal),
        Piece::Fixed(_) | Piece::Macro(_) => true,
    })
}

/// Whether it specifies a name: it ends with a top-level label or a macro, and the letters that are only for
/// explanations do not occur.
pub(super) fn is_domain_spec(text: &str) -> bool {
    let mut ends_with_macro = false;
    let good = all_pieces(text, |piece| {
        ends_with_macro = !matches!(piece, Piece::Literal(_));
        match piece {
            Piece::Literal(literal) => is_visible(literal),
            Piece::Fixed(_) => true,
            Piece::Macro(found) => !b"crt".contains(&found.letter),
        }
    });
    good && (ends_with_macro || ends_with_top_label(text))
}

/// Whether it can be expanded for a person to read.
pub(super) fn is_explanation(text: &str) -> bool {
    all_pieces(text, |piece| match piece {
        Piece::Literal(literal) => literal.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()),
        Piece::Fixed(_) | Piece::Macro(_) => true,
    })
}

fn ends_with_top_label(text: &str) -> bool {
    let Some((_, label)) = text.strip_suffix('.').unwrap_or(text).rsplit_once('.') else { return false };
    let word = label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let outside = label.starts_with('-') || label.ends_with('-');
    let number = label.bytes().all(|octet| octet.is_ascii_digit());
    word && !outside && !number
}

/// Whether it needs the names of the client's address.
pub(super) fn needs_names(text: &str) -> bool {
    let mut needed = false;
    all_pieces(text, |piece| {
        needed |= matches!(piece, Piece::Macro(Macro { letter: b'p', .. }));
        true
    });
    needed
}

/// What macros stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) local_part: &'a str,
    pub(super) sender_domain: &'a str,
    /// The domain whose record is being read.
    pub(super) domain: &'a Name,
    pub(super) client: IpAddr,
    pub(super) helo: &'a str,
    /// The confirmed names of the client, when they are known.
    pub(super) names: &'a [Name],
    pub(super) receiver: &'a str,
    /// Seconds since 1970.
    pub(super) seconds: i64,
}

/// The name that a specification stands for, if that can be the name of anything.
pub(super) fn expand_name(text: &str, values: &Values<'_>) -> Option<Name> {
    let mut name = String::new();
    all_pieces(text, |piece| {
        name.push_str(&values.expand(piece));
        if name.len() > 2 * TAIL_OCTETS {
            let cut = name.len() - TAIL_OCTETS;
            let cut = (cut..name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(name.len());
            name.drain(..cut);
        }
        true
    });
    let mut rest = name.strip_suffix('.').unwrap_or(&name);
    while rest.len() > NAME_OCTETS_MAX {
        rest = rest.split_once('.')?.1;
    }
    Name::parse(rest)
}

/// The text that an explanation stands for: printable ASCII, cut at its bound. The text is well-formed already.
pub(super) fn expand_explanation(text: &str, values: &Values<'_>) -> String {
    let mut out = String::new();
    all_pieces(text, |piece| {
        let safe = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        out.extend(values.expand(piece).chars().map(safe));
        out.len() < SPF_EXPLANATION_MAX
    });
    out.truncate(SPF_EXPLANATION_MAX);
    out
}

impl<'a> Values<'a> {
    fn expand(&self, piece: Piece<'a>) -> Cow<'a, str> {
        match piece {
            Piece::Literal(text) | Piece::Fixed(text) => Cow::Borrowed(text),
            Piece::Macro(found) => Cow::Owned(found.apply(&self.value(found.letter))),
        }
    }

    fn value(&self, letter: u8) -> Cow<'a, str> {
        match letter {
            b's' => Cow::Owned(format!("{}@{}", self.local_part, self.sender_domain)),
            b'l' => Cow::Borrowed(self.local_part),
            b'o' => Cow::Borrowed(self.sender_domain),
            b'd' => Cow::Borrowed(self.domain.as_str()),
            b'i' => Cow::Owned(dotted(self.client)),
            b'p' => Cow::Borrowed(self.best_name()),
            b'v' => Cow::Borrowed(if self.client.is_ipv4() { "in-addr" } else { "ip6" }),
            b'h' => Cow::Borrowed(self.helo),
            b'c' => Cow::Owned(self.client.to_string()),
            b'r' => Cow::Borrowed(if self.receiver.is_empty() { "unknown" } else { self.receiver }),
            // Only `t` is left: the grammar lets no other letter pass.
            _ => Cow::Owned(self.seconds.to_string()),
        }
    }

    /// The domain itself, else a name below it, else any.
    fn best_name(&self) -> &'a str {
        let same = self.names.iter().find(|name| *name == self.domain);
        let below = || self.names.iter().find(|name| name.is_within(self.domain));
        same.or_else(below).or(self.names.first()).map_or("unknown", Name::as_str)
    }
}

impl Macro<'_> {
    /// Splits, reverses, keeps parts from the right, joins with dots, escapes.
    fn apply(&self, value: &str) -> String {
        let delimiters = if self.delimiters.is_empty() { "." } else { self.delimiters };
        let mut parts: Vec<&str> = value.split(|c: char| delimiters.contains(c)).collect();
        if self.reverse {
            parts.reverse();
        }
        if self.parts > 0 {
            let skipped = parts.len().saturating_sub(self.parts);
            parts.drain(..skipped);
        }
        let joined = parts.join(".");
        if self.escape { escaped(&joined) } else { joined }
    }
}

/// An IPv4 address as it is, an IPv6 address as 32 nibbles, the first one first. In upper case, as others write them.
fn dotted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let nibbles: Vec<String> =
                v6.octets().iter().map(|octet| format!("{:X}.{:X}", octet >> 4, octet & 15)).collect();
            nibbles.join(".")
        }
    }
}

/// As URLs want it: all but unreserved characters escaped. Spec: RFC 3986 §2.3.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
