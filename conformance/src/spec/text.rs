//! Reads the text of an RFC: sections, sentences, normative keywords. The texts are no part of the repository; this
//! room is only entered when somebody has them at hand. It keeps no sentence anywhere: a table gets a fingerprint.

use super::{Id, Level, Section};
use std::fmt;

/// An RFC, reduced to what the tables speak of.
#[derive(Debug)]
pub struct RfcText {
    /// Its number.
    pub rfc: u16,
    /// All its numbered sections and lettered appendices, in order.
    pub sections: Vec<Section>,
    /// Every normative keyword, in order.
    pub requirements: Vec<Requirement>,
}

/// One normative keyword and the sentence around it.
#[derive(Debug)]
pub struct Requirement {
    /// Its address.
    pub id: Id,
    /// What the keyword says.
    pub level: Level,
    /// The whole sentence, white space folded. Two keywords in one sentence share it.
    pub sentence: String,
}

impl Requirement {
    /// The fingerprint of the sentence.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.sentence)
    }
}

/// A hash of a sentence, to notice that a row speaks of another sentence than it should. 64-bit FNV-1a.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of a sentence whose white space is folded.
    pub fn of(sentence: &str) -> Self {
        let step = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(sentence.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }

    /// Reads sixteen hex digits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
        value.map(Self).ok_or_else(|| format!("`{text}` is not a fingerprint of sixteen hex digits"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Reads the text of an RFC as its editor publishes it.
pub fn read(rfc: u16, text: &str) -> RfcText {
    let mut sections = Vec::new();
    let mut requirements = Vec::new();
    for part in split_sections(&without_pages(text)) {
        let mut n = 0;
        for sentence in part.paragraphs.iter().flat_map(|paragraph| sentences(paragraph)) {
            for level in keywords(sentence) {
                n += 1;
                let id = Id { rfc, section: part.section.clone(), n };
                requirements.push(Requirement { id, level, sentence: sentence.to_owned() });
            }
        }
        // What stands before the first heading is only worth an address when it asks something.
        if part.section != Section::front() || n > 0 {
            sections.push(part.section);
        }
    }
    RfcText { rfc, sections, requirements }
}

/// The lines without page footers, form feeds and page headers. A paragraph that runs over the end of a page is
/// whole again; one that ended there stays apart from the next.
fn without_pages(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    let mut between_pages = false;
    for line in text.lines() {
        let line = line.trim_start_matches('\u{c}').trim_end();
        if is_footer(line) {
            while lines.last().is_some_and(|last| last.is_empty()) {
                lines.pop();
            }
            between_pages = true;
        } else if between_pages {
            if line.is_empty() || is_header(line) {
                continue;
            }
            between_pages = false;
            if !lines.last().is_some_and(|last| runs_on(last, line)) {
                lines.push("");
            }
            lines.push(line);
        } else {
            lines.push(line);
        }
    }
    lines
}

/// `Author    Standards Track    [Page 7]`.
fn is_footer(line: &str) -> bool {
    let number = line.strip_suffix(']').and_then(|rest| rest.rsplit_once("[Page ")).map(|(_, number)| number);
    number.is_some_and(|number| number.trim().parse::<u16>().is_ok())
}

/// `RFC 2920     Short title     September 2000`.
fn is_header(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let numbered = words.next() == Some("RFC") && words.next().is_some_and(|n| n.parse::<u16>().is_ok());
    let dated = words.next_back().is_some_and(|year| year.len() == 4 && year.parse::<u16>().is_ok());
    numbered && dated
}

/// Whether the first line of a page goes on with the last paragraph of the page before.
fn runs_on(last: &str, first: &str) -> bool {
    let ended = last.ends_with(['.', ':', ';', '?', '!', '|']) || last.is_empty();
    let marker = first.split_whitespace().next().unwrap_or_default();
    let is_item = matches!(marker, "-" | "o" | "*") || is_number_mark(marker);
    !ended && !is_item && first.starts_with(' ')
}

/// `3.` or `(3)` or `3)`: the number of a list item.
fn is_number_mark(word: &str) -> bool {
    let inner = word.trim_start_matches('(').trim_end_matches(['.', ')']);
    inner.len() < word.len() && inner.parse::<u16>().is_ok()
}

/// A section's own text, without that of its subsections.
struct Part {
    section: Section,
    /// Each on one line, white space folded.
    paragraphs: Vec<String>,
}

fn split_sections(lines: &[&str]) -> Vec<Part> {
    let mut parts = vec![Part { section: Section::front(), paragraphs: Vec::new() }];
    let mut fresh = true;
    for line in lines {
        let last = parts.last_mut().expect("there is always the part before the first heading");
        if let Some(section) = heading(line, fresh).filter(|section| section.may_follow(&last.section)) {
            parts.push(Part { section, paragraphs: Vec::new() });
            fresh = true;
        } else if line.is_empty() {
            fresh = true;
        } else {
            if fresh {
                last.paragraphs.push(String::new());
                fresh = false;
            }
            let paragraph = last.paragraphs.last_mut().expect("one was pushed when the paragraph began");
            for word in line.split_whitespace() {
                if !paragraph.is_empty() {
                    paragraph.push(' ');
                }
                paragraph.push_str(word);
            }
        }
    }
    parts
}

/// The number of a heading: `4.1.1 Title`, `4.1.1.  Title`, `F.2 Title`, `Appendix A - Title`, at the left margin. Old
/// RFCs indent those of subsections; `alone` says that the line may begin a paragraph, as they do.
fn heading(line: &str, alone: bool) -> Option<Section> {
    let text = line.trim_start();
    let text = text.strip_prefix("Appendix ").unwrap_or(text);
    let (number, title) = text.split_once(' ')?;
    let number = number.trim_end_matches(['.', ':']);
    let placed = !line.starts_with(' ') || (alone && number.contains('.') && starts_title(title));
    if title.trim().is_empty() || !placed {
        return None;
    }
    number.parse().ok()
}

fn starts_title(text: &str) -> bool {
    text.trim_start().starts_with(|c: char| c.is_uppercase())
}

/// The sentences of a paragraph.
fn sentences(paragraph: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut words = paragraph.split(' ').peekable();
    let mut at = 0;
    while let Some(word) = words.next() {
        at += word.len();
        let first = start == at - word.len();
        if words.peek().is_none_or(|next| ends_sentence(word, next) && !(first && is_number_mark(word))) {
            found.push(&paragraph[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    found
}

/// Words whose full stop belongs to themselves.
const ABBREVIATIONS: [&str; 9] = ["e.g.", "i.e.", "cf.", "vs.", "etc.", "al.", "Sec.", "sec.", "No."];

fn ends_sentence(word: &str, next: &str) -> bool {
    let bare = word.trim_end_matches([')', '"', '\'', ']']);
    let stopped = bare.ends_with(['.', '?', '!']) && bare.len() > 1;
    let abbreviated = ABBREVIATIONS.contains(&bare.trim_start_matches(['(', '"']));
    stopped && !abbreviated && next.starts_with(|c: char| !c.is_lowercase())
}

/// The normative keywords of a sentence, each once. A sentence that quotes one of them speaks about the keyword
/// (the boilerplate does) and has none.
fn keywords(sentence: &str) -> Vec<Level> {
    let mut found = Vec::new();
    let mut words = sentence.split(' ').peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let negated = match bare {
            "MUST" | "SHALL" | "SHOULD" => {
                words.next_if(|next| word.ends_with(bare) && is_not(next)).is_some()
            }
            _ => false,
        };
        let level = match (bare, negated) {
            ("MUST" | "SHALL", true) => Level::MustNot,
            ("MUST" | "SHALL" | "REQUIRED", _) => Level::Must,
            ("SHOULD", true) => Level::ShouldNot,
            ("SHOULD" | "RECOMMENDED", _) => Level::Should,
            ("MAY" | "OPTIONAL", _) => Level::May,
            ("NOT", _) if words.next_if(|next| next.starts_with("RECOMMENDED")).is_some() => Level::ShouldNot,
            _ => continue,
        };
        if word.starts_with('"') {
            return Vec::new();
        }
        found.push(level);
    }
    found
}

/// Some authors wrote the second word of MUST NOT small; they meant the same.
fn is_not(word: &str) -> bool {
    word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).eq_ignore_ascii_case("not")
}

#[cfg(test)]
mod tests;
