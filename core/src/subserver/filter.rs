//! The content filter's lines: it is told where a message lies and answers `RESULT [NNN [x.y.z]] text`. Below zero the
//! message is destroyed, at zero it is kept, above zero it goes to the freezer; the words are what the client is told
//! (manual, CONTENTFILTER INTERFACE). Whether a line counts and what it orders is decided here and nowhere else.

use super::line::Request;
use crate::reply::Words;
use alloc::string::String;
use alloc::vec::Vec;

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is destroyed.
    Destroyed,
    /// It is kept for the router.
    Kept,
    /// It is kept in the freezer, under this code, which is at least 1.
    Frozen(u32),
}

/// What the filter decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// What is done with the message.
    pub fate: Fate,
    /// What the client is told; nothing given where the line ends with its result.
    pub words: Words,
}

/// The line that asks about the message in this file.
pub fn request(path: &str) -> Option<Request> {
    Request::line(&[path])
}

/// Whether this is a line of an answer: it begins with a signed integer.
pub fn fits(line: &[u8]) -> bool {
    result(line).is_some()
}

/// The sentence of an answer: its last line counts. `None` when there is none, or when it contradicts itself.
///
/// To keep a message for the router and to refuse it is such a contradiction: the client would send it again, or tell its
/// sender that nobody has it. To freeze one and refuse it for good is what the manual's table has; to freeze it and have it
/// come again would fill the freezer with it, so that it is only frozen.
pub fn sentence(lines: &[Vec<u8>]) -> Option<Sentence> {
    let (fate, rest) = lines.iter().rev().find_map(|line| result(line))?;
    let words = Words::read(&String::from_utf8_lossy(rest));
    match fate {
        Fate::Kept if !words.may_accept() => None,
        // What it has to say of a message that it freezes is for the operator: the client sees nothing of it.
        Fate::Frozen(_) if !words.refuses_for_good() => Some(Sentence { fate, words: Words::default() }),
        Fate::Destroyed | Fate::Kept | Fate::Frozen(_) => Some(Sentence { fate, words }),
    }
}

/// The result at the beginning of a line, and what is behind it.
fn result(line: &[u8]) -> Option<(Fate, &[u8])> {
    let (negative, unsigned) = match line.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, line),
    };
    let end = unsigned.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(unsigned.len());
    let (digits, rest) = unsigned.split_at(end);
    let ends = rest.first().is_none_or(|octet| matches!(octet, b' ' | b'\t' | b'\r'));
    if digits.is_empty() || !ends {
        return None;
    }
    let number = digits
        .iter()
        .fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    let fate = match number {
        0 => Fate::Kept,
        _ if negative => Fate::Destroyed,
        code => Fate::Frozen(code),
    };
    Some((fate, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[&str]) -> Option<(Fate, Words)> {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        sentence(&lines).map(|sentence| (sentence.fate, sentence.words))
    }

    #[test]
    fn the_manuals_lines() {
        for (line, fate) in [
            ("-1 550 5.7.1 negatives are condemned into rejection", Fate::Destroyed),
            ("0 250 2.6.0 zero is ok! gladly accepted", Fate::Kept),
            ("1 550 5.7.1 positives are sent into the freezer", Fate::Frozen(1)),
            ("-1", Fate::Destroyed),
            ("0", Fate::Kept),
            ("1", Fate::Frozen(1)),
            ("-0", Fate::Kept),
            ("+3 x", Fate::Frozen(3)),
            ("99999999999999999999", Fate::Frozen(u32::MAX)),
            ("-99999999999999999999", Fate::Destroyed),
            ("1\tx", Fate::Frozen(1)),
            ("0\r", Fate::Kept),
        ] {
            assert!(fits(line.as_bytes()), "{line}");
            let words = Words::read(line.split_once([' ', '\t']).map_or("", |(_, rest)| rest));
            let told = if line.starts_with("+3") || line == "1\tx" { Words::default() } else { words };
            assert_eq!(judged(&[line]), Some((fate, told)), "{line}");
        }
    }

    #[test]
    fn what_is_no_signed_integer_is_no_line() {
        for line in ["", "-", "+", "ok", " 0", "0x", "--1", "1.5", "550ok", "\u{661}"] {
            assert!(!fits(line.as_bytes()), "{line:?}");
            assert_eq!(judged(&[line]), None, "{line:?}");
        }
        assert_eq!(judged(&[]), None);
    }

    #[test]
    fn what_is_done_and_what_is_said_do_not_contradict_each_other() {
        for line in ["0 550 5.7.1 spam", "0 550", "0 451 4.7.1 later"] {
            assert!(fits(line.as_bytes()), "{line}");
            assert_eq!(judged(&[line]), None, "{line}");
        }
        for line in ["1 spam", "1 250 2.7.1 frozen", "1 451 4.7.1 later", "7 450"] {
            assert_eq!(judged(&[line]).map(|(_, words)| words), Some(Words::default()), "{line}");
        }
        let discarded = (Fate::Destroyed, Words::read("250 2.7.1 thanks"));
        assert_eq!(judged(&["-1 250 2.7.1 thanks"]), Some(discarded));
    }

    #[test]
    fn the_last_line_counts() {
        assert_eq!(judged(&["0 fine", "-1 not so"]), Some((Fate::Destroyed, Words::read("not so"))));
    }
}
