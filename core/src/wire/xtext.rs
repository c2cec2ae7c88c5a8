//! xtext: octets written so that they fit into the value of an ESMTP parameter.
//!
//! This file never says which octets a parameter may carry; `params.rs` does.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Text in xtext form, kept as the client typed it; valid by construction.
///
/// Spec: RFC 3461 §4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xtext(String);

impl Xtext {
    /// The xtext `text`, or nothing when it is not well-formed. Hex digits must be upper case. Empty text is valid.
    pub fn parse(text: &str) -> Option<Xtext> {
        let mut octets = text.bytes();
        while let Some(octet) = octets.next() {
            if octet == b'+' {
                hex_value(octets.next()?)?;
                hex_value(octets.next()?)?;
            } else if !stands_for_itself(octet) {
                return None;
            }
        }
        Some(Xtext(String::from(text)))
    }

    /// Any octets in their shortest xtext form.
    pub fn encode(octets: &[u8]) -> Xtext {
        let mut text = String::with_capacity(octets.len());
        Xtext::encode_to(octets, &mut text);
        Xtext(text)
    }

    /// Appends the shortest xtext form of octets.
    pub fn encode_to(octets: &[u8], out: &mut String) {
        for &octet in octets {
            if stands_for_itself(octet) {
                out.push(char::from(octet));
            } else {
                out.push('+');
                out.push(hex_digit(octet >> 4));
                out.push(hex_digit(octet & 0x0f));
            }
        }
    }

    /// The octets that the text stands for.
    pub fn decoded(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.0.len());
        let mut typed = self.0.bytes();
        while let Some(octet) = typed.next() {
            if octet == b'+' {
                let mut digit =
                    || typed.next().and_then(hex_value).expect("an Xtext holds whole hexchars only");
                let high = digit();
                octets.push(high << 4 | digit());
            } else {
                octets.push(octet);
            }
        }
        octets
    }

    /// The encoded form, as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Xtext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the octet may be written without encoding.
fn stands_for_itself(octet: u8) -> bool {
    octet.is_ascii_graphic() && octet != b'+' && octet != b'='
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The digit for a value below sixteen.
fn hex_digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'A' + value - 10 })
}

#[cfg(test)]
mod tests;
