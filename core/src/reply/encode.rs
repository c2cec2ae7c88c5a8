//! A reply and its octets: one line or many (RFC 2821 §4.2.1). Texts are cut and made printable here, so that no
//! text whatever can break a line or the group.

use super::code::{C334_CHALLENGE, Code, Enhanced};
use crate::limits::{REPLY_LINES_MAX, REPLY_TEXT_MAX};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Something the server says. Made only by the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: Code,
    enhanced: Option<Enhanced>,
    lines: Vec<Cow<'static, str>>,
    /// Each line says something of its own, so that none may be left out.
    is_list: bool,
    /// How often it is said.
    times: u32,
}

impl Reply {
    pub(super) fn new(code: Code, enhanced: Enhanced, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply::many(code, enhanced, alloc::vec![text.into()])
    }

    /// A reply of several lines, each with the enhanced code (RFC 2034 §4).
    pub(super) fn many(code: Code, enhanced: Enhanced, lines: Vec<Cow<'static, str>>) -> Reply {
        Reply { enhanced: Some(enhanced), ..Reply::plain(code, lines) }
    }

    /// A reply that never carries an enhanced code: greeting, HELO, EHLO, 354 (RFC 2034 §4).
    pub(super) fn plain(code: Code, lines: Vec<Cow<'static, str>>) -> Reply {
        assert!(!lines.is_empty(), "a reply has a line");
        assert!(lines.len() <= REPLY_LINES_MAX, "a reply has too many lines");
        Reply { code, enhanced: None, lines, is_list: false, times: 1 }
    }

    /// A reply of which every line counts: the one to EHLO.
    pub(super) fn list(code: Code, lines: Vec<Cow<'static, str>>) -> Reply {
        Reply { is_list: true, ..Reply::plain(code, lines) }
    }

    /// The same with one more line.
    pub(super) fn and_line(mut self, line: Cow<'static, str>) -> Reply {
        if self.lines.len() < REPLY_LINES_MAX {
            self.lines.push(line);
        }
        self
    }

    /// The same with another code.
    pub(super) fn with_code(self, code: Code) -> Reply {
        Reply { code, ..self }
    }

    /// The same with this at the end of its first line, which is cut where there is no room for both.
    pub(super) fn and_text(mut self, text: &str) -> Reply {
        if let Some(first) = self.lines.first_mut() {
            let room = REPLY_TEXT_MAX.saturating_sub(text.len());
            let end = first.floor_char_boundary(room);
            *first = Cow::Owned([&first[..end], text].concat());
        }
        self
    }

    /// Whether it asks the client to come again.
    pub(super) fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code.0)
    }

    /// The same, said so many times: once for each recipient (RFC 2033 §4.2). Never is possible, too.
    pub fn repeated(self, times: u32) -> Reply {
        Reply { times, ..self }
    }

    /// Whether it is a challenge of a login.
    pub fn is_challenge(&self) -> bool {
        self.code == C334_CHALLENGE
    }

    /// Its code, with something else behind it: for logs.
    pub fn code_and(&self, text: &str) -> String {
        alloc::format!("{} {text}", self.code.0)
    }

    /// The same in one line, for clients that know no others; the reply to EHLO stays as it is.
    pub fn in_one_line(&self) -> Reply {
        let lines = if self.is_list { self.lines.len() } else { 1 };
        Reply { lines: self.lines[..lines].to_vec(), ..self.clone() }
    }

    /// The same with other codes.
    pub(super) fn with_codes(self, code: Code, enhanced: Enhanced) -> Reply {
        Reply { code, enhanced: Some(enhanced), ..self }
    }

    /// The reply code.
    pub(super) fn own_code(&self) -> Code {
        self.code
    }

    /// The enhanced code, if there is one.
    pub(super) fn own_enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The three digits, as a number.
    pub fn code(&self) -> u16 {
        self.code.0
    }

    /// The octets of the reply. `enhanced` says whether enhanced codes are offered.
    pub fn encode(&self, enhanced: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.encode_to(enhanced, &mut out);
        out
    }

    /// Appends the octets of the reply to `out`.
    pub fn encode_to(&self, enhanced: bool, out: &mut Vec<u8>) {
        for _ in 0..self.times {
            self.encode_once(enhanced, out);
        }
    }

    fn encode_once(&self, enhanced: bool, out: &mut Vec<u8>) {
        let last = self.lines.len() - 1;
        for (index, line) in self.lines.iter().enumerate() {
            decimal(self.code.0, out);
            out.push(if index == last { b' ' } else { b'-' });
            if let Some(Enhanced(class, subject, detail)) = self.enhanced.filter(|_| enhanced) {
                for (number, mark) in [(class, b'.'), (subject, b'.'), (detail, b' ')] {
                    decimal(number.into(), out);
                    out.push(mark);
                }
            }
            out.extend(line.bytes().take(REPLY_TEXT_MAX).map(printable));
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends a number, which is below a thousand.
fn decimal(number: u16, out: &mut Vec<u8>) {
    let digit = |number: u16| b'0' + u8::try_from(number % 10).expect("a digit");
    if number >= 100 {
        out.push(digit(number / 100));
    }
    if number >= 10 {
        out.push(digit(number / 10));
    }
    out.push(digit(number));
}

fn printable(octet: u8) -> u8 {
    if octet == b' ' || octet.is_ascii_graphic() { octet } else { b'?' }
}

#[cfg(test)]
mod tests {
    use super::super::code::*;
    use super::*;

    #[test]
    fn one_line_and_many() {
        let one = Reply::new(C250_OK, E2_0_0_OK, "ok");
        assert_eq!(one.encode(true), b"250 2.0.0 ok\r\n");
        assert_eq!(one.encode(false), b"250 ok\r\n");
        let many = Reply::plain(C250_OK, alloc::vec!["a".into(), "b".into()]);
        assert_eq!(many.encode(true), b"250-a\r\n250 b\r\n");
        assert_eq!(many.in_one_line().encode(true), b"250 a\r\n");
        assert_eq!(many.clone().and_line("c".into()).encode(true), b"250-a\r\n250-b\r\n250 c\r\n");
        let list = Reply::list(C250_OK, alloc::vec!["a".into(), "b".into()]);
        assert_eq!(list.in_one_line(), list);
        assert_eq!(one.clone().repeated(2).encode(true), b"250 2.0.0 ok\r\n250 2.0.0 ok\r\n");
        assert!(one.repeated(0).encode(true).is_empty());
    }

    #[test]
    fn no_text_breaks_a_line() {
        let evil = Reply::new(C550_REFUSED, E5_7_1_REFUSED, "x\r\n250 2.0.0 y\u{e9}");
        assert_eq!(evil.encode(true), b"550 5.7.1 x??250 2.0.0 y??\r\n");
        let long = Reply::new(C250_OK, E2_0_0_OK, "a".repeat(5000));
        assert!(long.encode(true).len() <= 512);
    }
}
