//! Requirements: what the RFCs ask, who answers for it in code and scripts, and what is refused with a reason.
//!
//! Four rooms: [`text`] reads an RFC and finds its normative sentences; [`table`] reads our tables, one row for
//! each of them; [`cite`] finds the citations in code and scripts; [`coverage`] writes who covers what. This file
//! holds the address that all four share and the checks between them. It never contains a sentence of an RFC, and
//! it knows nothing of our server: it reads the sources as text.

pub mod cite;
pub mod coverage;
mod id;
pub mod table;
pub mod text;

pub use id::{Id, Level, Section};

use cite::{Citations, Origin};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use table::{Fate, Table};
use text::RfcText;

/// Something that does not hold, and the place where a person can mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The file, as it was opened.
    pub file: PathBuf,
    /// Its line, counted from 1; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong, in one sentence.
    pub what: String,
}

impl Complaint {
    /// A complaint about one line (or, with line 0, about the whole file).
    pub fn new(file: &Path, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_path_buf(), line, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.what),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.what),
        }
    }
}

/// What an address may point to.
pub struct Addresses<'a> {
    sections: BTreeMap<u16, BTreeSet<&'a Section>>,
    with_ids: BTreeSet<(u16, &'a Section)>,
}

impl<'a> Addresses<'a> {
    /// All sections of the tables and, for RFCs without a table, of the texts at hand.
    pub fn new(tables: &'a [Table], texts: &'a [RfcText]) -> Self {
        let of_texts = texts.iter().map(|text| (text.rfc, text.sections.iter().collect()));
        let of_tables = tables.iter().map(|table| (table.rfc, table.sections.iter().collect()));
        let rows = tables.iter().flat_map(|table| &table.rows);
        Self {
            sections: of_texts.chain(of_tables).collect(),
            with_ids: rows.map(|row| (row.id.rfc, &row.id.section)).collect(),
        }
    }

    /// Whether the section exists; `None` when nothing is known of that RFC.
    pub fn knows(&self, rfc: u16, section: &Section) -> Option<bool> {
        Some(self.sections.get(&rfc)?.contains(section))
    }
}

/// Holds every citation against the tables: a cited requirement exists and is not one that we refuse.
pub fn check_ids(tables: &[Table], citations: &Citations) -> Vec<Complaint> {
    let rows: BTreeMap<&Id, &Fate> = tables.iter().flat_map(|t| &t.rows).map(|r| (&r.id, &r.fate)).collect();
    let mut complaints = Vec::new();
    for cited in &citations.ids {
        let what = match rows.get(&cited.id) {
            None if tables.iter().any(|table| table.rfc == cited.id.rfc) => {
                format!("{} is cited, but there is no such requirement", cited.id)
            }
            None => format!("{} is cited, but RFC {} has no table", cited.id, cited.id.rfc),
            Some(Fate::Exception(reason)) => {
                format!("{} is cited, but its row is an exception ({reason})", cited.id)
            }
            Some(Fate::Ours | Fate::Todo(_)) => continue,
        };
        complaints.push(Complaint::new(&cited.file, cited.line, what));
    }
    complaints.extend(cited_twice(citations));
    complaints
}

/// A script that names a requirement twice would be counted twice.
fn cited_twice(citations: &Citations) -> Vec<Complaint> {
    let mut seen = BTreeSet::new();
    let scripts = citations.ids.iter().filter(|cited| cited.origin == Origin::Script);
    scripts
        .filter(|cited| !seen.insert((&cited.file, &cited.id)))
        .map(|cited| Complaint::new(&cited.file, cited.line, format!("{} is cited twice", cited.id)))
        .collect()
}

/// Holds every address against the known sections. Returns the complaints, and how many addresses could not be judged
/// because their RFC has neither a table nor a text at hand.
pub fn check_addresses(known: &Addresses<'_>, citations: &Citations) -> (Vec<Complaint>, usize) {
    let mut complaints = Vec::new();
    let mut unjudged = 0;
    for address in &citations.addresses {
        let (rfc, section) = (address.rfc, &address.section);
        let what = match known.knows(rfc, section) {
            None => {
                unjudged += 1;
                continue;
            }
            Some(false) => format!("RFC {rfc} has no section {section}"),
            Some(true) if address.for_want_of_id && known.with_ids.contains(&(rfc, section)) => {
                format!("rfc{rfc}#{section} has requirements with ids: cite one of them")
            }
            Some(true) => continue,
        };
        complaints.push(Complaint::new(&address.file, address.line, what));
    }
    (complaints, unjudged)
}

/// Proves that every normative sentence of the text has its row and every row its sentence.
pub fn check_against_text(table: &Table, text: &RfcText) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if table.sections != text.sections {
        let what = "`sections` is not the list of the text's sections: take it from --skeleton";
        complaints.push(Complaint::new(&table.file, 0, what));
    }
    let mut rows: BTreeMap<&Id, &table::Row> = table.rows.iter().map(|row| (&row.id, row)).collect();
    for found in &text.requirements {
        let Some(row) = rows.remove(&found.id) else {
            complaints.push(Complaint::new(&table.file, 0, format!("{} has no row", found.id)));
            continue;
        };
        if row.level != found.level {
            let what = format!("{} is a {} in the text, not a {}", found.id, found.level, row.level);
            complaints.push(Complaint::new(&table.file, row.line, what));
        }
        if row.fingerprint != found.fingerprint() {
            let what = format!("{}: the sentence has another fingerprint, {}", found.id, found.fingerprint());
            complaints.push(Complaint::new(&table.file, row.line, what));
        }
    }
    for (id, row) in rows {
        complaints.push(Complaint::new(&table.file, row.line, format!("{id} is not in the text")));
    }
    complaints
}

#[cfg(test)]
mod tests;
