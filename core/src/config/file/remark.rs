//! What is told to the operator about a file: where, what, and what to write instead. Text only; nothing is decided
//! here.

use alloc::string::{String, ToString};
use core::fmt;
use core::ops::Range;

/// Columns of a line that are shown before the wrong text at most.
const BEFORE_MAX: usize = 70;
/// Columns of a line that are shown in all.
const SHOWN_MAX: usize = 110;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// The file cannot be used.
    Error,
    /// The file can be used; the operator should know this.
    Warning,
}

/// A text that an operator wrote: where it stands, and what it looks like there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file's name, or the option that says it.
    pub file: String,
    /// The line, counted from 1; 0 when it is the whole file, or an option.
    pub line: usize,
    /// Where the text begins that is meant, counted in characters from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The line up to the end of that text; shortened before it where it is long. What follows is not shown. Empty where
    /// there is nothing to show.
    pub excerpt: String,
    /// The column of the excerpt at which the text begins, counted from 0.
    pub marked: usize,
}

impl Spot {
    /// A file as a whole, or an option.
    pub fn whole(file: impl Into<String>) -> Spot {
        Spot { file: file.into(), line: 0, column: 1, width: 1, excerpt: String::new(), marked: 0 }
    }

    /// These octets of a line; line 0 is the value of an option.
    pub fn new(file: &str, line: usize, text: &str, at: Range<usize>) -> Spot {
        let before = text.char_indices().take_while(|(index, _)| *index < at.start).count();
        let meant = text.char_indices().filter(|(index, _)| at.contains(index)).count();
        let skipped = if before > BEFORE_MAX { before - BEFORE_MAX / 2 } else { 0 };
        let shown = |c: char| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '?'
            } else {
                c
            }
        };
        let mut excerpt = String::new();
        if skipped > 0 {
            excerpt += "...";
        }
        let marked = before - skipped + excerpt.len();
        excerpt.extend(text.chars().take(before + meant).skip(skipped).take(SHOWN_MAX).map(shown));
        Spot { file: file.to_string(), line, column: before + 1, width: meant.max(1), excerpt, marked }
    }

    /// What is wrong with this text.
    pub fn error(self, what: impl Into<String>, hint: impl Into<String>) -> Remark {
        Remark { gravity: Gravity::Error, spot: self, what: what.into(), hint: hint.into() }
    }

    /// What the operator should know of this text.
    pub fn warning(self, what: impl Into<String>, hint: impl Into<String>) -> Remark {
        Remark { gravity: Gravity::Warning, spot: self, what: what.into(), hint: hint.into() }
    }
}

/// File and line, such as `smtpserver.conf:12`.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// One remark about what an operator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How bad it is.
    pub gravity: Gravity,
    /// What is meant.
    pub spot: Spot,
    /// What is to be said, one line.
    pub what: String,
    /// What to do instead, one line; may be empty.
    pub hint: String,
}

impl Remark {
    /// In one line: place and fault, without the excerpt.
    pub fn short(&self) -> String {
        let mut text = self.place();
        text += &self.what;
        if !self.hint.is_empty() {
            text += "; ";
            text += &self.hint;
        }
        text
    }

    fn place(&self) -> String {
        let kind = match self.gravity {
            Gravity::Error => "",
            Gravity::Warning => "warning: ",
        };
        match self.spot.line {
            0 => alloc::format!("{}: {kind}", self.spot),
            _ => alloc::format!("{}:{}: {kind}", self.spot, self.spot.column),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spot { width, excerpt, marked, .. } = &self.spot;
        write!(f, "{}{}", self.place(), self.what)?;
        if self.spot.line > 0 || !excerpt.is_empty() {
            let marks = "^".repeat((*width).min(SHOWN_MAX));
            write!(f, "\n    {excerpt}\n    {:blank$}{marks}", "", blank = *marked)?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n    {}", self.hint)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_that_is_meant_is_marked() {
        let spot = |line, text: &str, at| Spot::new("smtpserver.conf", line, text, at);
        let remark = spot(3, "PARAM\tmaxsiz 5", 6..12).error("no such thing", "write maxsize");
        assert_eq!(
            remark.to_string(),
            "smtpserver.conf:3:7: no such thing\n    PARAM maxsiz\n          ^^^^^^\n    write maxsize"
        );
        assert_eq!(remark.short(), "smtpserver.conf:3:7: no such thing; write maxsize");
        let at_end = spot(3, "PARAM x", 7..7).warning("too short", "");
        assert_eq!(at_end.to_string(), "smtpserver.conf:3:8: warning: too short\n    PARAM x\n           ^");
        let whole = Spot::whole("smtpserver.conf").error("empty", "");
        assert_eq!(whole.to_string(), "smtpserver.conf: empty");
        let long = alloc::format!("{}é!", "ä".repeat(200));
        let remark = spot(1, &long, 400..402).error("odd", "");
        assert_eq!((remark.spot.column, remark.spot.width), (201, 1));
        assert_eq!(remark.spot.excerpt.chars().nth(remark.spot.marked), Some('é'));
    }
}
