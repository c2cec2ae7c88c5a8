//! What a server line must look like: literal text with captures.
//! Knows nothing of replies and codes beyond finding the three digits in front.

use std::collections::BTreeMap;

use crate::text::Fault;

/// The words captured so far in one run of a script.
pub(crate) type Bound = BTreeMap<String, Vec<u8>>;

/// One line's pattern, as written and as understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    /// `{*}`: any octets, none included.
    Rest,
    /// `{n}`: one or more digits.
    Number,
    /// `{name}`: octets other than blanks; the same wherever the name comes again.
    Word(String),
}

impl Pattern {
    /// Reads the text of `line` from byte offset `from` on. `{{` is a literal `{`.
    pub(crate) fn parse(line: &str, from: usize, iteration: Option<u32>) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut at = from;
        while at < line.len() {
            if let Some(after) = line[at..].strip_prefix("{{") {
                literal.push(b'{');
                at = line.len() - after.len();
            } else if line[at..].starts_with('{') {
                let length = line[at..].find('}').ok_or_else(|| {
                    Fault::new(at, "this capture has no end", "close it with `}`, or write `{{` for a brace")
                })?;
                match Part::named(&line[at + 1..at + length], iteration) {
                    Some(Part::Literal(text)) => literal.extend(text),
                    Some(part) => {
                        if !literal.is_empty() {
                            parts.push(Part::Literal(std::mem::take(&mut literal)));
                        }
                        parts.push(part);
                    }
                    None => {
                        return Err(Fault::new(
                            at,
                            "unknown capture",
                            "known: {*} {n} {name} with a name of small letters, and {i} within a loop",
                        ));
                    }
                }
                at += length + 1;
            } else {
                literal.push(line.as_bytes()[at]);
                at += 1;
                // The octets of one character stay together, so that slicing stays on its border.
                while !line.is_char_boundary(at) {
                    literal.push(line.as_bytes()[at]);
                    at += 1;
                }
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { source: line[from..].to_string(), parts })
    }

    /// The pattern as the script spells it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The three digits in front, if they are spelled out.
    pub(crate) fn code(&self) -> Option<&str> {
        self.source.get(..3).filter(|code| code.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// The word behind the code, if it is an EHLO keyword rather than an enhanced code or a capture.
    pub(crate) fn keyword(&self) -> Option<&str> {
        let word = self.source.get(4..)?.split(' ').next()?;
        word.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(word)
    }

    /// Writes the code with a blank behind it whatever the script says: scripts spell continuation by the mark.
    pub(crate) fn with_blank_after_code(mut self) -> Self {
        if let Some(Part::Literal(text)) = self.parts.first_mut()
            && let Some(separator) = text.get_mut(3)
            && *separator == b'-'
        {
            *separator = b' ';
        }
        self
    }

    /// Whether `line` fits, given the words bound before; the words it binds are then remembered.
    pub(crate) fn fits(&self, line: &[u8], bound: &mut Bound) -> bool {
        let mut fresh = Bound::new();
        if fit(&self.parts, line, bound, &mut fresh) {
            bound.append(&mut fresh);
            return true;
        }
        false
    }
}

impl Part {
    fn named(name: &str, iteration: Option<u32>) -> Option<Self> {
        match (name, iteration) {
            ("*", _) => Some(Self::Rest),
            ("n", _) => Some(Self::Number),
            ("i", Some(number)) => Some(Self::Literal(number.to_string().into_bytes())),
            ("i" | "", _) => None,
            (word, _) => word
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_')
                .then(|| Self::Word(word.to_string())),
        }
    }
}

/// Fits by trying the longest capture first, then shorter ones; patterns have few captures, lines few octets.
fn fit(parts: &[Part], line: &[u8], bound: &Bound, fresh: &mut Bound) -> bool {
    let Some((part, rest)) = parts.split_first() else { return line.is_empty() };
    match part {
        Part::Literal(text) => {
            line.strip_prefix(&text[..]).is_some_and(|after| fit(rest, after, bound, fresh))
        }
        Part::Rest => (0..=line.len()).rev().any(|length| fit(rest, &line[length..], bound, fresh)),
        Part::Number => {
            let most = line.iter().take_while(|octet| octet.is_ascii_digit()).count();
            (1..=most).rev().any(|length| fit(rest, &line[length..], bound, fresh))
        }
        Part::Word(name) => {
            if let Some(word) = bound.get(name).or_else(|| fresh.get(name)).cloned() {
                return line.strip_prefix(&word[..]).is_some_and(|after| fit(rest, after, bound, fresh));
            }
            let most = line.iter().take_while(|octet| !matches!(octet, b' ' | b'\t')).count();
            (1..=most).rev().any(|length| {
                fresh.insert(name.clone(), line[..length].to_vec());
                let fits = fit(rest, &line[length..], bound, fresh);
                if !fits {
                    fresh.remove(name);
                }
                fits
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::parse(source, 0, None).expect(source)
    }

    #[test]
    fn captures_fit_what_they_say() {
        let table = [
            ("250 ok", "250 ok", true),
            ("250 ok", "250 ok ", false),
            ("250 {*}", "250 ", true),
            ("250 {*}", "250 anything at all", true),
            ("250 {*}", "250", false),
            ("250 SIZE {n}", "250 SIZE 1000", true),
            ("250 SIZE {n}", "250 SIZE ", false),
            ("250 SIZE {n}", "250 SIZE 10x", false),
            ("220 {host} {*}", "220 mx.example hello there", true),
            ("250 <{id}> stored", "250 <abc> stored", true),
            ("250 {word} {word}", "250 a a", true),
            ("250 {word} {word}", "250 a b", false),
            ("250 {{x}", "250 {x}", true),
            ("250 {*} as {id}", "250 stored as 17", true),
        ];
        for (source, line, expected) in table {
            assert_eq!(
                pattern(source).fits(line.as_bytes(), &mut Bound::new()),
                expected,
                "{source} / {line}"
            );
        }
    }

    #[test]
    fn a_word_once_bound_stays() {
        let mut bound = Bound::new();
        assert!(pattern("220 {host} {*}").fits(b"220 mx.example hi", &mut bound));
        assert_eq!(bound.get("host").map(Vec::as_slice), Some(&b"mx.example"[..]));
        assert!(pattern("221 {host}").fits(b"221 mx.example", &mut bound));
        assert!(!pattern("221 {host}").fits(b"221 other.example", &mut bound));
    }

    #[test]
    fn only_known_captures_are_read() {
        for source in ["250 {", "250 {}", "250 {Host}", "250 {a b}", "250 {i}"] {
            assert_eq!(Pattern::parse(source, 0, None).map_err(|fault| fault.at), Err(4), "{source}");
        }
        let counted = Pattern::parse("250 {i}", 0, Some(12)).expect("in a loop");
        assert!(counted.fits(b"250 12", &mut Bound::new()));
    }
}
