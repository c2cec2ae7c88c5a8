//! A line of a source cut into words. What the words mean is not known here.

use super::fault::FaultKind;

/// A word and where it begins: octets before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// It stood in quotes.
    pub(super) quoted: bool,
}

/// The words of a line, by and by.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Words<'a> {
        Words { line, at: 0 }
    }

    /// The next word, a fault with its place, or the end.
    pub(super) fn next(&mut self) -> Result<Option<Word<'a>>, (usize, FaultKind)> {
        let rest = &self.line[self.at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        self.at += blank;
        let rest = &rest[blank..];
        if rest.is_empty() {
            return Ok(None);
        }
        let at = self.at;
        if let Some(inside) = rest.strip_prefix('"') {
            let end = inside.find('"').ok_or((at, FaultKind::Unclosed))?;
            self.at += end + 2;
            return Ok(Some(Word { text: &inside[..end], at, quoted: true }));
        }
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        self.at += end;
        Ok(Some(Word { text: &rest[..end], at, quoted: false }))
    }
}

/// `line` up to the first `#` that stands in no quotes.
pub(super) fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let end = line.find(|letter| {
        quoted ^= letter == '"';
        letter == '#' && !quoted
    });
    end.map_or(line, |end| &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn words_are_cut_at_blanks_and_quotes() {
        let mut words = Words::new("a.example \t message  \"Go # away\" rejectnet +");
        let mut found = Vec::new();
        while let Some(word) = words.next().expect("closed") {
            found.push((word.text, word.at, word.quoted));
        }
        assert_eq!(
            found,
            [
                ("a.example", 0, false),
                ("message", 12, false),
                ("Go # away", 21, true),
                ("rejectnet", 33, false),
                ("+", 43, false)
            ]
        );
        let mut open = Words::new("x \"y");
        assert!(open.next().is_ok());
        assert_eq!(open.next(), Err((2, FaultKind::Unclosed)));
        assert_eq!(without_comment("a \"b # c\" d # e"), "a \"b # c\" d ");
    }
}
