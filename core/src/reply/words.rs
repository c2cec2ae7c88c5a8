//! What a helper wants said to a client: perhaps a code, perhaps an enhanced code, perhaps a text of several lines. It
//! becomes a reply only together with the one that we would say ourselves, so that nothing is missing and nothing is said
//! that would bring the dialogue out of step.

use super::code::{Code, Enhanced};
use super::encode::Reply;
use crate::limits::WORDS_LINES_MAX;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

/// A helper's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    code: Option<Code>,
    enhanced: Option<Enhanced>,
    lines: Vec<String>,
}

/// For a person: `550 5.7.1 spam|more`; a dash for what was not given.
impl Display for Words {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}", code.0)?,
            None => f.write_str("-")?,
        }
        match self.enhanced {
            Some(Enhanced(class, subject, detail)) => write!(f, " {class}.{subject}.{detail}")?,
            None => f.write_str(" -")?,
        }
        write!(f, " {}", if self.lines.is_empty() { "-".into() } else { self.lines.join("|") })
    }
}

impl Words {
    /// Reads `[NNN] [x.y.z] text`, in which CR begins another line. A code that no reply to a command or message may have is
    /// left out.
    pub fn read(text: &str) -> Words {
        let (code, rest) = first_number(text);
        let (enhanced, _) = first_enhanced(rest);
        Words { code: code.filter(|code| is_sayable(code.0)), enhanced, ..Words::only_text(rest) }
    }

    /// Words that refuse for now, with the usual code; `[x.y.z] text`.
    pub fn refusing_for_now(text: &str) -> Words {
        let (enhanced, _) = first_enhanced(text);
        let enhanced = enhanced.or(Some(super::code::E4_7_1_NOT_NOW));
        Words { code: Some(super::code::C450_BUSY), enhanced, ..Words::only_text(text) }
    }

    /// Words that refuse for good, with the usual code; `[x.y.z] text`.
    pub fn refusing_for_good(text: &str) -> Words {
        let (enhanced, _) = first_enhanced(text);
        Words { code: Some(super::code::C554_FAILED), enhanced, ..Words::only_text(text) }
    }

    /// The lines of `[x.y.z] text` alone.
    fn only_text(text: &str) -> Words {
        let (_, rest) = first_enhanced(text);
        let lines = rest.split('\r').map(str::trim).filter(|line| !line.is_empty());
        Words { code: None, enhanced: None, lines: lines.take(WORDS_LINES_MAX).map(String::from).collect() }
    }

    /// Reads a reply in SMTP's own form, `NNN-[x.y.z] text` and `NNN [x.y.z] text`. A line without a number is a text of
    /// `250`; the last line's codes hold. `None` when there is no line.
    pub fn read_reply<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Words> {
        let mut all: Option<Words> = None;
        for line in lines {
            let own = match line.split_at_checked(3) {
                Some((digits, rest)) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
                    let rest = rest.strip_prefix(['-', ' ']).unwrap_or(rest);
                    let (enhanced, text) = first_enhanced(rest);
                    let code = digits.parse().ok().filter(|code| is_sayable(*code)).map(Code);
                    // A number that is none of ours says nothing good.
                    let code = code.unwrap_or(super::code::C451_LOCAL_ERROR);
                    Words { code: Some(code), enhanced, lines: alloc::vec![text.trim().into()] }
                }
                Some(_) | None => {
                    let code = Some(super::code::C250_OK);
                    Words { code, enhanced: None, lines: alloc::vec![line.trim().into()] }
                }
            };
            all = Some(match all {
                None => own,
                Some(mut before) => {
                    if before.lines.len() < WORDS_LINES_MAX {
                        before.lines.extend(own.lines);
                    }
                    Words { lines: before.lines, ..own }
                }
            });
        }
        let mut words = all?;
        if words.lines.iter().all(String::is_empty) {
            words.lines.clear();
        }
        Some(words)
    }

    /// The code, the enhanced code (0 where none is given) and the lines, for a recording.
    pub(crate) fn parts(&self) -> (u16, [u8; 3], &[String]) {
        let enhanced =
            self.enhanced.map_or([0; 3], |Enhanced(class, subject, detail)| [class, subject, detail]);
        (self.code.map_or(0, |code| code.0), enhanced, &self.lines)
    }

    /// What [`Words::parts`] gave; `None` for what no words have.
    pub(crate) fn from_parts(code: u16, enhanced: [u8; 3], lines: Vec<String>) -> Option<Words> {
        let fits = (code == 0 || is_sayable(code)) && lines.len() <= WORDS_LINES_MAX;
        let [class, subject, detail] = enhanced;
        fits.then(|| Words {
            code: (code != 0).then_some(Code(code)),
            enhanced: (class != 0).then_some(Enhanced(class, subject, detail)),
            lines,
        })
    }

    /// Whether a code is given that accepts.
    pub fn accepts(&self) -> bool {
        self.code.is_some_and(|code| code.0 / 100 == 2)
    }

    /// Whether a code is given that refuses.
    pub fn refuses(&self) -> bool {
        self.code.is_some_and(|code| code.0 / 100 != 2)
    }

    /// Whether no code is given that refuses.
    pub fn may_accept(&self) -> bool {
        self.code.is_none_or(|code| code.0 / 100 == 2)
    }

    /// Whether a code is given that refuses for good.
    pub fn refuses_for_good(&self) -> bool {
        self.code.is_some_and(|code| code.0 / 100 == 5)
    }

    /// The same with a name for the client's log behind words that accept.
    pub(super) fn and_note(&self, note: &dyn Display) -> Words {
        let mut words = self.clone();
        if let Some(line) = words.lines.last_mut()
            && self.code.is_none_or(|code| code.0 / 100 == 2)
        {
            line.push_str(&alloc::format!(" ({note})"));
        }
        words
    }

    /// The reply: what is not given is as in `ours`.
    pub(super) fn or(&self, ours: Reply) -> Reply {
        let code = self.code.unwrap_or(ours.own_code());
        let class = u8::try_from(code.0 / 100).unwrap_or_default();
        let fits = |enhanced: &Enhanced| enhanced.0 == class;
        let enhanced =
            self.enhanced.filter(fits).or(ours.own_enhanced().filter(fits)).unwrap_or(Enhanced(class, 0, 0));
        if self.lines.is_empty() {
            ours.with_codes(code, enhanced)
        } else {
            Reply::many(code, enhanced, self.lines.iter().cloned().map(Into::into).collect())
        }
    }
}

/// Codes that end a command: none that asks for more, greets, or says that the connection closes.
fn is_sayable(code: u16) -> bool {
    let (class, second, last) = (code / 100, code / 10 % 10, code % 100);
    matches!(class, 2 | 4 | 5) && second <= 5 && last != 21 && last != 20
}

/// A number of three digits and what is behind it; all of the text when it does not begin with one.
fn first_number(text: &str) -> (Option<Code>, &str) {
    let (word, rest) = first_word(text);
    let number = Some(word).filter(|word| word.len() == 3 && word.bytes().all(|o| o.is_ascii_digit()));
    match number.and_then(|digits| digits.parse().ok()) {
        Some(number) => (Some(Code(number)), rest),
        None => (None, text),
    }
}

/// An enhanced code and what is behind it; all of the text when it does not begin with one.
fn first_enhanced(text: &str) -> (Option<Enhanced>, &str) {
    let (word, rest) = first_word(text);
    let mut numbers = word.split('.').map(|number| {
        let digits = (1..=3).contains(&number.len()) && number.bytes().all(|octet| octet.is_ascii_digit());
        number.parse::<u8>().ok().filter(|_| digits)
    });
    match [numbers.next(), numbers.next(), numbers.next(), numbers.next()] {
        [Some(Some(class @ (2 | 4 | 5))), Some(Some(subject)), Some(Some(detail)), None] => {
            (Some(Enhanced(class, subject, detail)), rest)
        }
        _ => (None, text),
    }
}

/// The first word, and what stands behind the blanks behind it. CR ends a word and is kept.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t', '\r']).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::super::code::*;
    use super::*;
    use alloc::string::ToString;

    fn said(words: &Words) -> String {
        let ours = Reply::new(C550_REFUSED, E5_7_1_REFUSED, "ours");
        String::from_utf8(words.or(ours).encode(true)).expect("ascii").replace("\r\n", "|")
    }

    #[test]
    fn what_is_not_given_is_ours() {
        for (text, wanted) in [
            ("", "550 5.7.1 ours|"),
            ("spam!", "550 5.7.1 spam!|"),
            ("554 spam!", "554 5.7.1 spam!|"),
            ("554 5.6.0 spam!", "554 5.6.0 spam!|"),
            ("250 2.7.1 Glad to see it", "250 2.7.1 Glad to see it|"),
            ("250 Glad", "250 2.0.0 Glad|"),
            ("450 5.7.1 class and code differ", "450 4.0.0 class and code differ|"),
            ("5.6.0 only enhanced", "550 5.6.0 only enhanced|"),
            ("354 go on", "550 5.7.1 go on|"),
            ("221 bye", "550 5.7.1 bye|"),
            ("421 4.3.2 bye", "550 5.7.1 bye|"),
            ("199 x", "550 5.7.1 x|"),
            ("600 x", "550 5.7.1 x|"),
            ("5500 x", "550 5.7.1 5500 x|"),
            ("550\rone\r two\r\r", "550-5.7.1 one|550 5.7.1 two|"),
            ("550", "550 5.7.1 ours|"),
            ("1.2.3 text", "550 5.7.1 1.2.3 text|"),
            ("5.1.1000 text", "550 5.7.1 5.1.1000 text|"),
            ("5.999.1 text", "550 5.7.1 5.999.1 text|"),
        ] {
            assert_eq!(said(&Words::read(text)), wanted, "{text:?}");
        }
        let many = "x\r".repeat(1000);
        assert_eq!(Words::read(&many).lines.len(), WORDS_LINES_MAX);
    }

    #[test]
    fn a_reply_has_the_codes_of_its_last_line() {
        for (lines, wanted) in [
            (&["250 2.1.0 fine"][..], Some("250 2.1.0 fine|")),
            (&["250-one", "550 5.1.1 two"], Some("550-5.1.1 one|550 5.1.1 two|")),
            (&["no number"], Some("250 2.0.0 no number|")),
            (&["250"], Some("250 2.0.0 ours|")),
            (&["354 go on"], Some("451 4.0.0 go on|")),
            (&["400 killed"], Some("400 4.0.0 killed|")),
            (&[][..], None),
        ] {
            let words = Words::read_reply(lines.iter().copied());
            assert_eq!(words.map(|words| said(&words)), wanted.map(ToString::to_string), "{lines:?}");
        }
    }
}
