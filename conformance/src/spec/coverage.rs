//! Who covers which requirement: `coverage.txt`, a file that is checked in so that its difference can be reviewed.

use super::cite::{Citations, Origin};
use super::table::{Fate, Row, Table};
use super::{Id, Level};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// A requirement and how often it is cited.
pub struct Covered<'a> {
    /// The requirement.
    pub row: &'a Row,
    /// Places in the code that cite it.
    pub code: usize,
    /// Scripts that cite it.
    pub scripts: usize,
}

impl Covered<'_> {
    /// Ours, due now, and nobody cites it.
    pub fn is_open(&self) -> bool {
        self.row.fate == Fate::Ours && !self.is_cited()
    }

    fn is_cited(&self) -> bool {
        self.code + self.scripts > 0
    }
}

/// The last column of `coverage.txt`.
impl fmt::Display for Covered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if self.is_cited() {
            write!(f, "core {}  script {}", self.code, self.scripts)?;
            gap = "  ";
        }
        match &self.row.fate {
            Fate::Exception(reason) => write!(f, "{gap}exception: {reason}"),
            Fate::Todo(reason) => write!(f, "{gap}todo: {reason}"),
            Fate::Ours if self.is_cited() => Ok(()),
            Fate::Ours => f.write_str("open"),
        }
    }
}

/// Every row of every table, in the order of the tables, with its citations counted.
pub fn count<'a>(tables: &'a [Table], citations: &Citations) -> Vec<Covered<'a>> {
    let mut counts: BTreeMap<&Id, (usize, usize)> = BTreeMap::new();
    for cited in &citations.ids {
        let (code, scripts) = counts.entry(&cited.id).or_default();
        match cited.origin {
            Origin::Code => *code += 1,
            Origin::Script => *scripts += 1,
        }
    }
    let rows = tables.iter().flat_map(|table| &table.rows);
    rows.map(|row| {
        let (code, scripts) = counts.get(&row.id).copied().unwrap_or_default();
        Covered { row, code, scripts }
    })
    .collect()
}

/// How many requirements met which fate.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    both: usize,
    only_code: usize,
    only_scripts: usize,
    open: usize,
    todo: usize,
    exceptions: usize,
}

impl Sums {
    /// Of these rows. A row that is still to be done counts as such, even when somebody cites it already.
    pub fn of<'a>(covered: impl IntoIterator<Item = &'a Covered<'a>>) -> Self {
        let mut sums = Self::default();
        for one in covered {
            let place = match (&one.row.fate, one.code > 0, one.scripts > 0) {
                (Fate::Exception(_), _, _) => &mut sums.exceptions,
                (Fate::Todo(_), _, _) => &mut sums.todo,
                (Fate::Ours, true, true) => &mut sums.both,
                (Fate::Ours, true, false) => &mut sums.only_code,
                (Fate::Ours, false, true) => &mut sums.only_scripts,
                (Fate::Ours, false, false) => &mut sums.open,
            };
            *place += 1;
        }
        sums
    }

    fn total(&self) -> usize {
        self.both + self.only_code + self.only_scripts + self.open + self.todo + self.exceptions
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { both, only_code, only_scripts, open, todo, exceptions } = self;
        write!(
            f,
            "{} requirements: {both} in core and script, {only_code} in core alone, {only_scripts} in script \
             alone, {open} open, {todo} todo, {exceptions} exceptions",
            self.total()
        )
    }
}

/// The whole of `coverage.txt`.
pub fn render(tables: &[Table], covered: &[Covered<'_>]) -> String {
    let mut out = String::new();
    writeln!(out, "# {}", Sums::of(covered)).expect("a String takes everything");
    for table in tables {
        let own = covered.iter().filter(|one| one.row.id.rfc == table.rfc);
        writeln!(out, "# RFC {} {}: {}", table.rfc, table.title, Sums::of(own))
            .expect("a String takes everything");
    }
    let widths = Widths::of(covered);
    let mut rfc = None;
    for one in covered {
        if rfc.replace(one.row.id.rfc) != Some(one.row.id.rfc) {
            out.push('\n');
        }
        out.push_str(&line(one, &widths));
        out.push('\n');
    }
    out
}

/// How wide the columns have to be.
pub struct Widths {
    id: usize,
    says: usize,
}

impl Widths {
    /// For these rows.
    pub fn of(covered: &[Covered<'_>]) -> Self {
        let id = covered.iter().map(|one| one.row.id.to_string().chars().count()).max();
        let says = covered.iter().map(|one| one.row.says.chars().count()).max();
        Self { id: id.unwrap_or(0), says: says.unwrap_or(0) }
    }
}

/// One line: id, level, what is asked, who covers it.
pub fn line(one: &Covered<'_>, widths: &Widths) -> String {
    let Row { id, level, says, .. } = one.row;
    let level_width = Level::MustNot.to_string().len().max(Level::ShouldNot.to_string().len());
    let (id_width, says_width) = (widths.id, widths.says);
    format!("{id:<id_width$}  {level:<level_width$}  {says:<says_width$}  {one}")
}

#[cfg(test)]
mod tests;
