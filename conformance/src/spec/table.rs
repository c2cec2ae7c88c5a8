//! The requirement tables, `requirements/rfcNNNN.toml`: a row for each normative keyword of an RFC, in our own words.
//!
//! Reads them, complains with file and line, and prints the skeleton of a new one. It never judges whether a row is
//! obeyed: that is for citations.

use super::text::{Fingerprint, RfcText};
use super::{Complaint, Id, Level, Section};
use serde::Deserialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// One table, checked in itself.
#[derive(Debug)]
pub struct Table {
    /// Where it was read from.
    pub file: PathBuf,
    /// The number of the RFC.
    pub rfc: u16,
    /// Its title.
    pub title: String,
    /// All its sections, in order: what an address in a doc comment may name.
    pub sections: Vec<Section>,
    /// A row for each normative keyword, in order.
    pub rows: Vec<Row>,
}

/// One requirement.
#[derive(Debug)]
pub struct Row {
    /// Its address.
    pub id: Id,
    /// The line of the table where the address stands.
    pub line: usize,
    /// How strongly it asks.
    pub level: Level,
    /// Of the sentence that it stands for.
    pub fingerprint: Fingerprint,
    /// What is asked, in our own words.
    pub says: String,
    /// Whether it is for us to obey.
    pub fate: Fate,
}

/// What becomes of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is ours: code and scripts are to cite it.
    Ours,
    /// It is not ours, for this reason; citing it is an error.
    Exception(String),
    /// It will be ours, for this reason not yet.
    Todo(String),
}

/// Longer than this, `says` is not a short phrase any more.
const SAYS_MAX: usize = 110;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    rfc: u16,
    title: String,
    sections: Vec<Spanned<String>>,
    #[serde(default)]
    row: Vec<RawRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    id: Spanned<String>,
    level: String,
    fingerprint: String,
    says: String,
    exception: Option<String>,
    todo: Option<String>,
}

/// Reads every table of a folder, sorted by the number of the RFC.
pub fn read_all(folder: &Path) -> Result<Vec<Table>, Vec<Complaint>> {
    let unreadable =
        |error: std::io::Error| vec![Complaint::new(folder, 0, format!("cannot be read: {error}"))];
    let mut tables = Vec::new();
    let mut complaints = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        match std::fs::read_to_string(&file) {
            Ok(source) => match parse(&file, &source) {
                Ok(table) => tables.push(table),
                Err(more) => complaints.extend(more),
            },
            Err(error) => complaints.push(Complaint::new(&file, 0, format!("cannot be read: {error}"))),
        }
    }
    tables.sort_by_key(|table| table.rfc);
    if complaints.is_empty() { Ok(tables) } else { Err(complaints) }
}

/// Reads one table. All that is wrong with its rows is told at once.
pub fn parse(file: &Path, source: &str) -> Result<Table, Vec<Complaint>> {
    let raw: RawTable = toml::from_str(source).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(source, span.start));
        vec![Complaint::new(file, line, error.message())]
    })?;
    let mut complaints = Vec::new();
    if file.file_stem().is_none_or(|stem| *stem != *format!("rfc{}", raw.rfc)) {
        let what = format!("a table for RFC {} should be called rfc{}.toml", raw.rfc, raw.rfc);
        complaints.push(Complaint::new(file, 0, what));
    }
    let mut sections: Vec<Section> = Vec::new();
    for raw_section in &raw.sections {
        let placed = raw_section.as_ref().parse::<Section>().and_then(|section| match sections.last() {
            Some(last) if *last >= section => Err(format!("section {section} is out of order")),
            Some(_) | None => Ok(section),
        });
        match placed {
            Ok(section) => sections.push(section),
            Err(what) => {
                complaints.push(Complaint::new(file, line_of(source, raw_section.span().start), what))
            }
        }
    }
    let mut rows = Vec::new();
    let mut last = None;
    for raw_row in raw.row {
        let line = line_of(source, raw_row.id.span().start);
        let placed = Id::within(raw.rfc, raw_row.id.as_ref()).and_then(|id| {
            // A row with a fault keeps its place, or every row behind it would complain as well.
            in_place(&id, last.replace(id.clone()).as_ref(), &sections)?;
            row(id, line, raw_row)
        });
        match placed {
            Ok(row) => rows.push(row),
            Err(what) => complaints.push(Complaint::new(file, line, what)),
        }
    }
    complaints.extend(comments_between_rows(file, source));
    let table = Table { file: file.to_path_buf(), rfc: raw.rfc, title: raw.title, sections, rows };
    if complaints.is_empty() { Ok(table) } else { Err(complaints) }
}

fn row(id: Id, line: usize, raw: RawRow) -> Result<Row, String> {
    let told = |what: String| format!("{id}: {what}");
    let level = raw.level.parse().map_err(told)?;
    let fingerprint = Fingerprint::parse(&raw.fingerprint).map_err(told)?;
    if raw.says.trim().is_empty() || raw.says.contains('\n') || raw.says.chars().count() > SAYS_MAX {
        return Err(format!("{id}: `says` should be a phrase of 1 to {SAYS_MAX} characters on one line"));
    }
    let fate = match (raw.exception, raw.todo) {
        (None, None) => Fate::Ours,
        (Some(reason), None) => Fate::Exception(reason),
        (None, Some(reason)) => Fate::Todo(reason),
        (Some(_), Some(_)) => return Err(format!("{id}: an exception cannot be a todo as well")),
    };
    if let Fate::Exception(reason) | Fate::Todo(reason) = &fate
        && reason.trim().is_empty()
    {
        return Err(format!("{id}: the reason is missing"));
    }
    Ok(Row { id, line, level, fingerprint, says: raw.says, fate })
}

/// Rows go in the order of the text, without gaps within a section, and only in sections that exist.
fn in_place(id: &Id, last: Option<&Id>, sections: &[Section]) -> Result<(), String> {
    let expected = match last {
        Some(last) if last.section == id.section => last.n.saturating_add(1),
        Some(_) | None => 1,
    };
    if last.is_some_and(|last| last.section > id.section) {
        Err(format!("{id} is out of order"))
    } else if id.n != expected {
        Err(format!("{id} stands where number {expected} of its section is due"))
    } else if !sections.contains(&id.section) {
        Err(format!("{id}: the section is missing in `sections`"))
    } else {
        Ok(())
    }
}

/// A skeleton shows each sentence in a comment. None of them may reach the repository.
fn comments_between_rows(file: &Path, source: &str) -> Vec<Complaint> {
    let lines = source.lines().enumerate().skip_while(|(_, line)| !line.starts_with("[["));
    let comments = lines.filter(|(_, line)| line.trim_start().starts_with('#'));
    let what = "a comment between the rows: a sentence of the RFC does not belong here";
    comments.map(|(at, _)| Complaint::new(file, at + 1, what)).collect()
}

fn line_of(source: &str, offset: usize) -> usize {
    source.bytes().take(offset).filter(|octet| *octet == b'\n').count() + 1
}

/// A table to fill in: each row under its sentence, which is to be deleted once `says` is written.
pub fn skeleton(text: &RfcText) -> String {
    let mut out = format!("rfc = {}\ntitle = \"\"\nsections = [\n", text.rfc);
    for chunk in text.sections.chunks(12) {
        let names: Vec<String> = chunk.iter().map(|section| format!("\"{section}\"")).collect();
        writeln!(out, "  {},", names.join(", ")).expect("a String takes everything");
    }
    out.push_str("]\n");
    for found in &text.requirements {
        let (id, level) = (&found.id, found.level);
        write!(
            out,
            "\n[[row]]\n# {}\nid = \"{}/{}\"\nlevel = \"{level}\"\nfingerprint = \"{}\"\nsays = \"\"\n",
            found.sentence,
            id.section,
            id.n,
            found.fingerprint()
        )
        .expect("a String takes everything");
    }
    out
}

#[cfg(test)]
mod tests;
