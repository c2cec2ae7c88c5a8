//! A value cut into words: blanks stand between them, quotes of either kind keep blanks together.

use alloc::vec::Vec;

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// Without its quotes.
    pub(crate) text: &'a str,
    /// The octet, counted from 0, at which it begins, quotes included.
    pub(crate) at: usize,
    /// Behind its last octet, quotes included.
    pub(crate) end: usize,
}

/// Cuts. A fault is the octet at which the quote stands that is not closed.
pub(crate) fn split(value: &str) -> Result<Vec<Word<'_>>, usize> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = value[at..].trim_start_matches([' ', '\t']);
        at = value.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok(words) };
        if matches!(first, '"' | '\'') {
            let inside = &rest[1..];
            let length = inside.find(first).ok_or(at)?;
            let end = at + length + 2;
            words.push(Word { text: &inside[..length], at, end });
            at = end;
        } else {
            let length = rest.find([' ', '\t']).unwrap_or(rest.len());
            words.push(Word { text: &rest[..length], at, end: at + length });
            at += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_blanks_together() {
        let texts = |value| {
            split(value)
                .map(|words| words.iter().map(|word| (word.text, word.at, word.end)).collect::<Vec<_>>())
        };
        assert_eq!(texts(""), Ok(Vec::new()));
        assert_eq!(texts(" a\tb "), Ok([("a", 1, 2), ("b", 3, 4)].to_vec()));
        assert_eq!(texts("\"a b\" 'c\"d'"), Ok([("a b", 0, 5), ("c\"d", 6, 11)].to_vec()));
        assert_eq!(texts("\"\" x\"y"), Ok([("", 0, 2), ("x\"y", 3, 6)].to_vec()));
        assert_eq!(texts("a 'b"), Err(2));
    }
}
