//! The lines between us and a helper, octet for octet. Each ends with LF. A helper that has nothing to do says `#hungry`;
//! it is told one line and answers with any number of them, and `#hungry` again. No client can end a line of ours: one is
//! made of words without control characters, or not at all.

use crate::limits::HELPER_LINE_MAX;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

/// What a helper says when it can be asked.
const HUNGRY: &[u8] = b"#hungry";

/// A line that is said to a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine(Vec<u8>);

impl RequestLine {
    /// The words with a tab between them; `None` when one of them has a control character, or all together are too long.
    pub fn new(words: &[&str]) -> Option<RequestLine> {
        if words.iter().any(|word| word.chars().any(char::is_control)) {
            return None;
        }
        let mut line = words.join("\t");
        line.push('\n');
        (line.len() <= HELPER_LINE_MAX).then(|| RequestLine(line.into_bytes()))
    }

    /// Its octets, LF included.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The line as text, without LF.
    pub fn text(&self) -> String {
        let line = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        String::from_utf8_lossy(line).into_owned()
    }
}

/// What a helper said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It can be asked.
    Hungry,
    /// A line, without LF.
    Line(Vec<u8>),
    /// A line longer than any helper has business to say.
    TooLong,
}

/// Makes lines of octets, wherever these were cut.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    begun: Vec<u8>,
}

impl LineReader {
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
        Some(if line == HUNGRY { Heard::Hungry } else { Heard::Line(line) })
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
        let line = RequestLine::new(&["from", "a b@x.example"]).expect("fit");
        assert_eq!(line.octets(), b"from\ta b@x.example\n");
        assert_eq!(line.text(), "from\ta b@x.example");
        assert_eq!(RequestLine::new(&["from", ""]).expect("fit").octets(), b"from\t\n");
        for evil in ["a\nto\tb", "a\r", "a\tb", "a\0", "a\x7f", "a\u{85}b"] {
            assert_eq!(RequestLine::new(&["from", evil]), None, "{evil:?}");
        }
        let long = "x".repeat(HELPER_LINE_MAX);
        assert_eq!(RequestLine::new(&[&long]), None);
        assert!(RequestLine::new(&[&long[1..]]).is_some());
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
            let (mut reader, mut heard) = (LineReader::default(), Vec::new());
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
        let mut reader = LineReader::default();
        let piece = [b'x'; 1000];
        let heard: Vec<Heard> = (0..9).filter_map(|_| reader.read(&mut &piece[..])).collect();
        assert_eq!(heard, [Heard::TooLong]);
        assert!(reader.begun.capacity() <= HELPER_LINE_MAX);
    }
}
