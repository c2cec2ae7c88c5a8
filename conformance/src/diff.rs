//! A failure for a reader: the script around the first difference, what came instead, and the dialogue as it was.

use std::fmt;

use crate::run::Failure;
use crate::script::Script;

/// Lines of the script shown before the difference.
const BEFORE: usize = 6;
/// Lines of the real dialogue shown, from its end.
const SAID: usize = 40;

pub(crate) struct Report<'a> {
    pub(crate) failure: &'a Failure,
    pub(crate) script: &'a Script,
    pub(crate) lane: &'a str,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { variant, line, what, got, transcript } = self.failure;
        writeln!(out, "{}:{line}: {what} (lane {}, {variant})", self.script.file, self.lane)?;
        writeln!(out, "  claim: {}", self.script.title)?;
        for number in line.saturating_sub(BEFORE).max(1)..*line {
            writeln!(out, "  {number:>4}  {}", self.script.line(number))?;
        }
        writeln!(out, "- {line:>4}  {}", self.script.line(*line))?;
        if got.is_empty() {
            writeln!(out, "+       (nothing)")?;
        }
        for came in got {
            writeln!(out, "+       {came}")?;
        }
        let said = transcript.to_string();
        let lines: Vec<&str> = said.lines().collect();
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(out, "  what was really said:")?;
        if lines.len() > SAID {
            writeln!(out, "  | ... {} lines before", lines.len() - SAID)?;
        }
        lines.iter().skip(lines.len().saturating_sub(SAID)).try_for_each(|line| writeln!(out, "  | {line}"))
    }
}
