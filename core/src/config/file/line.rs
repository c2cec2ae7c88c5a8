//! One line of the file: what kind it is, and its value with ZENV variables put in. Whatever is wrong is told with the
//! octets of the line as it was written, not as it became.

use crate::config::zenv::Zenv;
use crate::limits::CONFIG_LINE_MAX;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: empty, or a comment.
    Nothing,
    /// `PARAM NAME ...`: where the name is; the value follows it.
    Param(Range<usize>),
    /// A pattern line.
    Pattern,
}

/// Looks at a line.
pub(super) fn kind(line: &str) -> Kind {
    if line.is_empty() || line.starts_with(['#', ' ', '\t']) {
        return Kind::Nothing;
    }
    let Some(rest) =
        line.strip_prefix("PARAM").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    else {
        return Kind::Pattern;
    };
    let name = rest.trim_start_matches([' ', '\t']);
    let at = line.len() - name.len();
    Kind::Param(at..at + name.find([' ', '\t']).unwrap_or(name.len()))
}

/// What is wrong with a line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct LineFault {
    pub(in crate::config) at: Range<usize>,
    pub(super) what: String,
    pub(super) hint: String,
}

/// A text with the place in its line of each of its octets.
#[derive(Clone, Debug, Default)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// For each octet of the text the octet of the line that it comes from; then where the text ends there.
    origins: Vec<usize>,
}

impl Expanded {
    fn push(&mut self, text: &str, origin: usize) {
        self.text += text;
        self.origins.resize(self.text.len(), origin);
    }

    /// The octets of the line that became these octets of the text.
    pub(super) fn origin(&self, at: Range<usize>) -> Range<usize> {
        let of = |index: usize| self.origins.get(index).or(self.origins.last()).copied().unwrap_or(0);
        of(at.start)..of(at.end).max(of(at.start))
    }
}

/// Puts variables into the text that begins at `from`. A comment ends it unless it is `raw`.
pub(super) fn expand(line: &str, from: usize, raw: bool, zenv: &Zenv) -> Result<Expanded, LineFault> {
    let mut out = Expanded::default();
    let mut at = from;
    let mut quote: Option<char> = None;
    let mut word_begins = true;
    while let Some(c) = line[at..].chars().next() {
        if c == '#' && word_begins && quote.is_none() && !raw {
            break;
        }
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') && word_begins => quote = Some(c),
            Some(_) | None => {}
        }
        word_begins = matches!(c, ' ' | '\t') && quote.is_none();
        if c == '$' {
            at = variable(line, at, zenv, &mut out)?;
        } else {
            let mut octets = [0; 4];
            // Octet by octet, so that each knows its own place.
            let text = c.encode_utf8(&mut octets);
            out.push(text, at);
            at += c.len_utf8();
        }
        if out.text.len() > CONFIG_LINE_MAX {
            let what = format!("the line is longer than {CONFIG_LINE_MAX} octets with its variables");
            return Err(LineFault { at: from..line.len(), what, hint: String::new() });
        }
    }
    out.origins.push(at);
    Ok(out)
}

/// Reads what stands at a dollar sign; gives the place behind it.
fn variable(line: &str, at: usize, zenv: &Zenv, out: &mut Expanded) -> Result<usize, LineFault> {
    let rest = &line[at + 1..];
    if rest.starts_with('$') {
        out.push("$", at);
        return Ok(at + 2);
    }
    let closer = match rest.chars().next() {
        Some('{') => Some('}'),
        Some('(') => Some(')'),
        Some(_) | None => None,
    };
    let (name, end) = match closer {
        Some(closer) => match rest.find(closer) {
            Some(length) => (&rest[1..length], at + 1 + length + 1),
            None => {
                let what = format!("\"{}\" has no \"{closer}\"", &rest[..1]);
                return Err(LineFault {
                    at: at..line.len(),
                    what,
                    hint: "write $$ for a dollar sign".into(),
                });
            }
        },
        None => {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
            (&rest[..length], at + 1 + length)
        }
    };
    if let Some(value) = zenv.get(name) {
        out.push(value, at);
    } else if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let what = format!("there is no ZENV variable \"{}\"", name.escape_debug());
        let hint = match zenv.nearest(name) {
            Some(near) => format!("did you mean \"{near}\"? Write $$ for a dollar sign"),
            None => "it must stand in the ZENV file; write $$ for a dollar sign".to_string(),
        };
        return Err(LineFault { at: at..end, what, hint });
    } else {
        out.push(&line[at..end], at);
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zenv() -> Zenv {
        Zenv::read("z", b"MAILVAR=/var/mail\nTWO=a b\nQ='\"x y\"'").0
    }

    fn expanded(line: &str, raw: bool) -> String {
        expand(line, 0, raw, &zenv()).unwrap_or_else(|fault| panic!("{line}: {fault:?}")).text
    }

    #[test]
    fn lines_are_told_apart() {
        for (line, wanted) in [
            ("", Kind::Nothing),
            ("# PARAM x", Kind::Nothing),
            (" PARAM x", Kind::Nothing),
            ("\t", Kind::Nothing),
            ("PARAM", Kind::Param(5..5)),
            ("PARAM  x y", Kind::Param(7..8)),
            ("PARAM\tx", Kind::Param(6..7)),
            ("PARAMS x", Kind::Pattern),
            ("param x", Kind::Pattern),
            ("* ve", Kind::Pattern),
        ] {
            assert_eq!(kind(line), wanted, "{line:?}");
        }
    }

    #[test]
    fn variables_are_put_in() {
        for (line, raw, wanted) in [
            ("$MAILVAR/db", false, "/var/mail/db"),
            ("${MAILVAR}db $(MAILVAR)", false, "/var/maildb /var/mail"),
            ("$$MAILVAR $$", false, "$MAILVAR $"),
            ("$5 $ $- ${}", false, "$5 $ $- ${}"),
            ("a # b", false, "a "),
            ("a#b # c", false, "a#b "),
            ("\"a # b\" #c", false, "\"a # b\" "),
            ("# all", false, ""),
            ("a # b", true, "a # b"),
            ("$TWO", false, "a b"),
            ("é$TWO", true, "éa b"),
        ] {
            assert_eq!(expanded(line, raw), wanted, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_where_it_was_written() {
        let fault = |line| expand(line, 0, false, &zenv()).expect_err(line);
        assert_eq!(fault("x $MAILVRA/db").at, 2..10);
        assert_eq!(fault("x $MAILVRA/db").hint, "did you mean \"MAILVAR\"? Write $$ for a dollar sign");
        assert_eq!(fault("${MAILVAR").at, 0..9);
        assert!(fault(&"$MAILVAR ".repeat(CONFIG_LINE_MAX / 9)).what.contains("longer"));
        let text = expand("x $TWO y", 0, false, &zenv()).expect("fit");
        assert_eq!(text.text, "x a b y");
        assert_eq!(text.origin(2..5), 2..6);
        assert_eq!(text.origin(6..7), 7..8);
        assert_eq!(text.origin(7..7), 8..8);
    }
}
