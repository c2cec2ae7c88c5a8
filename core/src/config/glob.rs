//! Shell patterns: `*` any text, `?` any octet, `[a-z]` and `[!a-z]` one of a set, a backslash before an octet that is
//! meant as itself. The whole text must match, without regard to the case of ASCII letters. No recursion; time is at
//! most the length of the pattern times that of the text.

use alloc::vec::Vec;

/// A pattern, ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// This octet, in lower case.
    Octet(u8),
    /// Any one octet.
    One,
    /// Any text.
    Text,
    /// One octet of these ranges, ends included; or none of them.
    Set { others: bool, ranges: Vec<(u8, u8)> },
}

impl Piece {
    fn fits(&self, octet: u8) -> bool {
        match self {
            Piece::Octet(own) => *own == octet,
            Piece::One | Piece::Text => true,
            Piece::Set { others, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&octet)) != *others
            }
        }
    }
}

/// Why there is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobFault {
    /// A `[` has no `]`.
    Unclosed,
    /// A range such as `z-a` holds nothing.
    Backwards,
    /// Nothing follows the last backslash.
    Dangling,
}

impl Glob {
    /// Reads a pattern. A fault comes with the octet, counted from 0, at which it is.
    pub fn read(text: &str) -> Result<Glob, (usize, GlobFault)> {
        let octets = text.as_bytes();
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(octet) = octets.get(at).copied() {
            let begin = at;
            at += 1;
            match octet {
                // Two stars are one: so nothing is tried twice.
                b'*' if pieces.last() == Some(&Piece::Text) => {}
                b'*' => pieces.push(Piece::Text),
                b'?' => pieces.push(Piece::One),
                b'[' => {
                    let (set, end) = set(octets, at).map_err(|fault| (begin, fault))?;
                    pieces.push(set);
                    at = end;
                }
                b'\\' => {
                    let next = octets.get(at).ok_or((begin, GlobFault::Dangling))?;
                    pieces.push(Piece::Octet(next.to_ascii_lowercase()));
                    at += 1;
                }
                _ => pieces.push(Piece::Octet(octet.to_ascii_lowercase())),
            }
        }
        Ok(Glob { pieces })
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let octets = text.as_bytes();
        let (mut piece, mut at) = (0, 0);
        // Behind the last star that was met, and how far its text went: only that one can still take more.
        let mut star: Option<(usize, usize)> = None;
        loop {
            let here = octets.get(at).map(u8::to_ascii_lowercase);
            match (self.pieces.get(piece), here) {
                (Some(Piece::Text), _) => {
                    piece += 1;
                    star = Some((piece, at));
                }
                (Some(own), Some(octet)) if own.fits(octet) => {
                    piece += 1;
                    at += 1;
                }
                (None, None) => return true,
                (_, None) => return false,
                (_, Some(_)) => match star {
                    Some((behind, taken)) => {
                        piece = behind;
                        at = taken + 1;
                        star = Some((behind, at));
                    }
                    None => return false,
                },
            }
        }
    }
}

/// Reads the set whose first octet is at `at`; gives it with the place behind its `]`.
fn set(octets: &[u8], mut at: usize) -> Result<(Piece, usize), GlobFault> {
    let others = matches!(octets.get(at), Some(b'!' | b'^'));
    at += usize::from(others);
    let first = at;
    let mut ranges = Vec::new();
    let one = |at: usize| -> Result<(u8, usize), GlobFault> {
        match octets.get(at) {
            Some(b'\\') => Ok((*octets.get(at + 1).ok_or(GlobFault::Unclosed)?, at + 2)),
            Some(octet) => Ok((*octet, at + 1)),
            None => Err(GlobFault::Unclosed),
        }
    };
    loop {
        // A `]` that comes first is one of the set.
        if octets.get(at) == Some(&b']') && at > first {
            return Ok((Piece::Set { others, ranges }, at + 1));
        }
        let (low, behind) = one(at)?;
        at = behind;
        let mut high = low;
        if octets.get(at) == Some(&b'-') && octets.get(at + 1).is_some_and(|octet| *octet != b']') {
            (high, at) = one(at + 1)?;
        }
        if low > high {
            return Err(GlobFault::Backwards);
        }
        ranges.push((low, high));
        // Texts are compared in lower case.
        let (low, high) = (low.max(b'A'), high.min(b'Z'));
        if low <= high {
            ranges.push((low.to_ascii_lowercase(), high.to_ascii_lowercase()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn matches(glob: &str, text: &str) -> bool {
        Glob::read(glob).expect(glob).matches(text)
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (glob, fit, unfit) in [
            ("*", &["", "a", "mail.example"][..], &[][..]),
            ("", &[""], &["a"]),
            ("localhost", &["localhost", "LocalHost"], &["localhost.", "alocalhost", ""]),
            ("*.example", &["a.example", ".example", "a.b.EXAMPLE"], &["example", "a.example.net"]),
            ("mail?.example", &["mail1.example"], &["mail.example", "mail12.example"]),
            (r"\[*\]", &["[192.0.2.1]", "[]"], &["192.0.2.1", "[192.0.2.1"]),
            ("[a-c]x", &["ax", "Bx", "cx"], &["dx", "x", "aax"]),
            ("[A-C]x", &["ax", "Bx"], &["dx"]),
            ("[!a-c]x", &["dx", "0x"], &["ax", "Bx", "x"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[a-]", &["a", "-"], &["b"]),
            (r"[\]]", &["]"], &["\\"]),
            ("a*b*c", &["abc", "aXbXbc", "abcc"], &["ab", "acb"]),
            ("**a**", &["a", "bab"], &["", "b"]),
            (r"\*", &["*"], &["a"]),
        ] {
            for text in fit {
                assert!(matches(glob, text), "{glob} {text}");
            }
            for text in unfit {
                assert!(!matches(glob, text), "{glob} {text}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_said_with_its_place() {
        for (glob, at, fault) in [
            ("a[b", 1, GlobFault::Unclosed),
            ("[]", 0, GlobFault::Unclosed),
            ("[!", 0, GlobFault::Unclosed),
            (r"[a\", 0, GlobFault::Unclosed),
            ("x[z-a]", 1, GlobFault::Backwards),
            (r"a\", 1, GlobFault::Dangling),
        ] {
            assert_eq!(Glob::read(glob), Err((at, fault)), "{glob}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_a_product() {
        let glob = Glob::read(&"*a".repeat(500)).expect("a pattern");
        assert!(!glob.matches(&"a".repeat(499)));
        assert!(glob.matches("ab".repeat(500).trim_end_matches('b')));
        assert!(!glob.matches(&("a".repeat(4_000) + "b")));
    }

    /// The same question answered by trying everything.
    fn naive(pieces: &[Piece], text: &[u8]) -> bool {
        match (pieces.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((Piece::Text, rest)), _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            (Some((piece, rest)), Some((octet, behind))) => piece.fits(*octet) && naive(rest, behind),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn it_answers_like_trying_everything(glob in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let glob = Glob::read(&glob).expect("no brackets");
            prop_assert_eq!(glob.matches(&text), naive(&glob.pieces, text.as_bytes()));
        }

        #[test]
        fn any_text_is_a_pattern_or_a_fault_within_it(text in r"[\]\[a!^z*?\\é-]{0,12}", name in ".{0,8}") {
            match Glob::read(&text) {
                Ok(glob) => { let _ = glob.matches(&name); }
                Err((at, _)) => prop_assert!(at < text.len()),
            }
        }

        #[test]
        fn a_text_that_is_quoted_matches_itself(text in "[ -~]{0,20}") {
            let quoted: String = text.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&quoted, &text));
        }
    }
}
