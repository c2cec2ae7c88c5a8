//! The address of a normative sentence, and how strongly it asks. Only names: no file is read here.

use std::fmt;
use std::str::FromStr;

/// A section number, such as `4.1.1.10` or `F.2`. What stands before the first section is section `0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section(Vec<Step>);

/// One step of a section number. Appendices come after numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Number(u16),
    Letter(char),
}

impl Section {
    /// The part before the first heading.
    pub fn front() -> Self {
        Self(vec![Step::Number(0)])
    }

    /// Whether a heading with this number may come right after a heading with number `last`: its first child, the
    /// next one on its level or on a level above, or the first appendix. A line of prose that merely begins with a
    /// number fails this test almost always.
    pub fn may_follow(&self, last: &Self) -> bool {
        let Some((own, above)) = self.0.split_last() else { return false };
        if above == last.0 {
            return *own == Step::Number(1);
        }
        let next = |step: Step| match step {
            Step::Number(n) => Step::Number(n.saturating_add(1)),
            Step::Letter(c) => char::from_u32(u32::from(c) + 1).map_or(step, Step::Letter),
        };
        let sibling = last.0.get(above.len()).is_some_and(|step| next(*step) == *own);
        (last.0.starts_with(above) && sibling) || (above.is_empty() && self.is_first_appendix(last))
    }

    fn is_first_appendix(&self, last: &Self) -> bool {
        self.0 == [Step::Letter('A')] && matches!(last.0.first(), Some(Step::Number(_)))
    }
}

impl FromStr for Section {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for (at, part) in text.split('.').enumerate() {
            let mut chars = part.chars();
            let step = match (chars.next(), chars.next()) {
                (Some(c @ 'A'..='Z'), None) if at == 0 => Some(Step::Letter(c)),
                _ if part.starts_with('+') => None,
                _ => part.parse().ok().map(Step::Number),
            };
            steps.push(step.ok_or_else(|| format!("`{text}` is not a section number"))?);
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "." })?;
            match step {
                Step::Number(n) => write!(f, "{n}")?,
                Step::Letter(c) => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// The address of a requirement: `rfc2920#3.2/4` is the fourth normative keyword in the own text of section 3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The number of the RFC.
    pub rfc: u16,
    /// The section that holds the sentence itself, not one above it.
    pub section: Section,
    /// Which normative keyword of the section it is, counted from 1.
    pub n: u16,
}

impl Id {
    /// Reads `3.2/4`, the part behind the `#`.
    pub fn within(rfc: u16, local: &str) -> Result<Self, String> {
        let (section, n) =
            local.split_once('/').ok_or_else(|| format!("`{local}` should look like `3.2/4`"))?;
        let n = n.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("`{n}` is not a count from 1"))?;
        Ok(Self { rfc, section: section.parse()?, n })
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.strip_prefix("rfc").and_then(|rest| rest.split_once('#'));
        let (rfc, local) = parts.ok_or_else(|| format!("`{text}` should look like `rfc2920#3.2/4`"))?;
        let rfc = rfc.parse().map_err(|_| format!("`{rfc}` is not the number of an RFC"))?;
        Self::within(rfc, local)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("rfc{}#{}/{}", self.rfc, self.section, self.n))
    }
}

/// How strongly a sentence asks. RFC 2119's further words mean one of these: SHALL and REQUIRED are MUST,
/// RECOMMENDED is SHOULD, OPTIONAL is MAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// An absolute requirement.
    Must,
    /// An absolute prohibition.
    MustNot,
    /// To be done unless there is a good reason.
    Should,
    /// To be left undone unless there is a good reason.
    ShouldNot,
    /// Allowed.
    May,
}

impl Level {
    /// Every level and the word for it in tables and in `coverage.txt`.
    const WORDS: [(Self, &'static str); 5] = [
        (Self::Must, "MUST"),
        (Self::MustNot, "MUST NOT"),
        (Self::Should, "SHOULD"),
        (Self::ShouldNot, "SHOULD NOT"),
        (Self::May, "MAY"),
    ];
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(_, word)| *word == text);
        found.map(|(level, _)| *level).ok_or_else(|| format!("`{text}` is not a level"))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::WORDS.iter().find(|(level, _)| level == self).map_or("", |(_, word)| *word))
    }
}
