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

/// One remark about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How bad it is.
    pub gravity: Gravity,
    /// The file's name.
    pub file: String,
    /// The line, counted from 1; 0 when it is about the whole file.
    pub line: usize,
    /// Where the text begins that is meant, counted in characters from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The line up to the end of that text; shortened before it where it is long. What follows is not shown.
    pub excerpt: String,
    /// The column of the excerpt at which the text begins, counted from 0.
    pub marked: usize,
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
        match self.line {
            0 => alloc::format!("{}: {kind}", self.file),
            line => alloc::format!("{}:{line}:{}: {kind}", self.file, self.column),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place(), self.what)?;
        if self.line > 0 {
            let marks = "^".repeat(self.width.min(SHOWN_MAX));
            write!(f, "\n    {}\n    {:blank$}{marks}", self.excerpt, "", blank = self.marked)?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n    {}", self.hint)?;
        }
        Ok(())
    }
}

/// A file about which remarks are made.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Page<'a> {
    pub(in crate::config) file: &'a str,
}

impl Page<'_> {
    /// An error at these octets of a line.
    pub(in crate::config) fn error(
        self,
        line: usize,
        text: &str,
        at: Range<usize>,
        what: String,
        hint: String,
    ) -> Remark {
        self.remark(Gravity::Error, line, text, at, what, hint)
    }

    /// A warning at these octets of a line.
    pub(in crate::config) fn warning(
        self,
        line: usize,
        text: &str,
        at: Range<usize>,
        what: String,
        hint: String,
    ) -> Remark {
        self.remark(Gravity::Warning, line, text, at, what, hint)
    }

    fn remark(
        self,
        gravity: Gravity,
        line: usize,
        text: &str,
        at: Range<usize>,
        what: String,
        hint: String,
    ) -> Remark {
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
        let (column, width) = (before + 1, meant.max(1));
        Remark { gravity, file: self.file.to_string(), line, column, width, excerpt, marked, what, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_that_is_meant_is_marked() {
        let page = Page { file: "smtpserver.conf" };
        let remark = page.error(3, "PARAM\tmaxsiz 5", 6..12, "no such thing".into(), "write maxsize".into());
        assert_eq!(
            remark.to_string(),
            "smtpserver.conf:3:7: no such thing\n    PARAM maxsiz\n          ^^^^^^\n    write maxsize"
        );
        assert_eq!(remark.short(), "smtpserver.conf:3:7: no such thing; write maxsize");
        let at_end = page.warning(3, "PARAM x", 7..7, "too short".into(), String::new());
        assert_eq!(at_end.to_string(), "smtpserver.conf:3:8: warning: too short\n    PARAM x\n           ^");
        let whole = page.error(0, "", 0..0, "empty".into(), String::new());
        assert_eq!(whole.to_string(), "smtpserver.conf: empty");
        let long = alloc::format!("{}é!", "ä".repeat(200));
        let remark = page.error(1, &long, 400..402, "odd".into(), String::new());
        assert_eq!((remark.column, remark.width), (201, 1));
        assert_eq!(remark.excerpt.chars().nth(remark.marked), Some('é'));
    }
}
