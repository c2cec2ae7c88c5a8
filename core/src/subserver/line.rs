//! The lines between us and a helper, octet for octet. Each ends with LF. A helper that has nothing to do says `#hungry`;
//! it is told one line and answers with any number of them, and `#hungry` again. One that speaks in paragraphs is told
//! lines and an empty one, and answers the same way. No client can end a line of ours: one is made of words without
//! control characters, or not at all.

use crate::limits::{HELPER_LINE_MAX, HELPER_PARAGRAPH_MAX};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

/// What a helper says when it can be asked.
pub(super) const HUNGRY: &[u8] = b"#hungry";
/// What ends a paragraph.
pub(super) const EMPTY: &[u8] = b"";

/// What is said to a helper for one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request(Vec<u8>);

impl Request {
    /// A line: the words with a tab between them; `None` when one of them has a control character, or all together are too
    /// long.
    pub fn line(words: &[&str]) -> Option<Request> {
        if words.iter().any(|word| word.chars().any(char::is_control)) {
            return None;
        }
        let mut line = words.join("\t");
        line.push('\n');
        (line.len() <= HELPER_LINE_MAX).then(|| Request(line.into_bytes()))
    }

    /// A paragraph: a line `name=value` for each, and an empty one; `None` when a value has a control character, or all
    /// together are too long.
    pub fn paragraph<'a>(attributes: impl Iterator<Item = (&'static str, Cow<'a, str>)>) -> Option<Request> {
        let mut lines = String::new();
        for (name, value) in attributes {
            if value.chars().any(char::is_control) {
                return None;
            }
            lines.extend([name, "=", &value, "\n"]);
        }
        lines.push('\n');
        (lines.len() <= HELPER_PARAGRAPH_MAX).then(|| Request(lines.into_bytes()))
    }

    /// Its octets, all LF included.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The same as text, without the last LF.
    pub fn text(&self) -> String {
        let line = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        String::from_utf8_lossy(line).into_owned()
    }
}

/// What a helper said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The line with which it ends what it has to say: it can be asked.
    Hungry,
    /// A line, without LF.
    Line(Vec<u8>),
    /// A line longer than any helper has business to say.
    TooLong,
}

/// Makes lines of octets, wherever these were cut.
#[derive(Debug)]
pub(super) struct LineReader {
    /// The line that ends an answer.
    end: &'static [u8],
    begun: Vec<u8>,
}

impl LineReader {
    /// Of answers that this line ends.
    pub(super) fn until(end: &'static [u8]) -> LineReader {
        LineReader { end, begun: Vec::new() }
    }

    /// The next line; octets behind it stay in `rest`.
    pub(super) fn read(&mut self, rest: &mut &[u8]) -> Option<Heard> {
        let (line, behind, whole) = match memchr::memchr(b'\n', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..], true),
            None => (*rest, &rest[rest.len()..], false),
        };
        *rest = behind;
        if self.begun.len() + line.len() >= HELPER_LINE_MAX {
            self.begun = Vec::new();
            return Some(Heard::TooLong);
        }
        self.begun.extend_from_slice(line);
        if !whole {
            return None;
        }
        let line = mem::take(&mut self.begun);
        Some(if line == self.end { Heard::Hungry } else { Heard::Line(line) })
    }

    /// Whether a line was begun and not ended.
    pub(super) fn is_within_a_line(&self) -> bool {
        !self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_breaks_out_of_its_line() {
        let line = Request::line(&["from", "a b@x.example"]).expect("fit");
        assert_eq!(line.octets(), b"from\ta b@x.example\n");
        assert_eq!(line.text(), "from\ta b@x.example");
        assert_eq!(Request::line(&["from", ""]).expect("fit").octets(), b"from\t\n");
        for evil in ["a\nto\tb", "a\r", "a\tb", "a\0", "a\x7f", "a\u{85}b"] {
            assert_eq!(Request::line(&["from", evil]), None, "{evil:?}");
        }
        let long = "x".repeat(HELPER_LINE_MAX);
        assert_eq!(Request::line(&[&long]), None);
        assert!(Request::line(&[&long[1..]]).is_some());
    }

    #[test]
    fn no_value_breaks_out_of_its_paragraph() {
        let paragraph =
            |value: &str| Request::paragraph([("a", value.into()), ("b", "1".into())].into_iter());
        assert_eq!(paragraph("x=y z").expect("fit").octets(), b"a=x=y z\nb=1\n\n");
        assert_eq!(paragraph("").expect("fit").text(), "a=\nb=1\n");
        for evil in ["x\nb=2", "\n", "x\r", "x\0", "x\u{85}"] {
            assert_eq!(paragraph(evil), None, "{evil:?}");
        }
        assert_eq!(paragraph(&"x".repeat(HELPER_PARAGRAPH_MAX)), None);
        let mut reader = LineReader::until(EMPTY);
        let mut said = &b"action=dunno\n\n"[..];
        assert_eq!(reader.read(&mut said), Some(Heard::Line(b"action=dunno".to_vec())));
        assert_eq!(reader.read(&mut said), Some(Heard::Hungry));
    }

    #[test]
    fn lines_are_the_same_wherever_they_are_cut() {
        let octets = b"#hungry\n0 250 ok\rmore\n\n #hungry\n#hungry\nrest";
        let wanted = [
            Heard::Hungry,
            Heard::Line(b"0 250 ok\rmore".to_vec()),
            Heard::Line(Vec::new()),
            Heard::Line(b" #hungry".to_vec()),
            Heard::Hungry,
        ];
        for size in 1..=octets.len() {
            let (mut reader, mut heard) = (LineReader::until(HUNGRY), Vec::new());
            for mut piece in octets.chunks(size) {
                while !piece.is_empty() {
                    heard.extend(reader.read(&mut piece));
                }
            }
            assert_eq!(heard, wanted, "in pieces of {size}");
            assert!(reader.is_within_a_line());
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut reader = LineReader::until(HUNGRY);
        let piece = [b'x'; 1000];
        let heard: Vec<Heard> = (0..9).filter_map(|_| reader.read(&mut &piece[..])).collect();
        assert_eq!(heard, [Heard::TooLong]);
        assert!(reader.begun.capacity() <= HELPER_LINE_MAX);
    }
}
