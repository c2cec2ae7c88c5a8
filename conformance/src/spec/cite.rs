//! Finds citations: requirement ids in code and in scripts, and addresses (`Spec: RFC 2821 §4.1.4`) in doc comments.
//!
//! Reads sources line by line, as text. Whether the cited thing exists is not judged here.

use super::{Complaint, Id, Section};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a citation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// At the branch that obeys: `//= rfc2920#3.2/4`.
    Code,
    /// In a script that exercises it: `spec rfc2920#3.2/4`.
    Script,
}

/// A requirement, cited.
#[derive(Debug)]
pub struct CitedId {
    /// Which requirement.
    pub id: Id,
    /// From code or from a script.
    pub origin: Origin,
    /// The file that cites it.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// A section, named in a doc comment, or cited where it asks without any keyword in capitals.
#[derive(Debug)]
pub struct CitedAddress {
    /// The number of the RFC.
    pub rfc: u16,
    /// Its section.
    pub section: Section,
    /// It stands where an id would (`rfc1870#6.1`), so the section must have no ids to choose from.
    pub for_want_of_id: bool,
    /// The file that names it.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Citations {
    /// Requirement ids of RFCs.
    pub ids: Vec<CitedId>,
    /// Addresses in doc comments.
    pub addresses: Vec<CitedAddress>,
    /// How many ids of our own manual and decisions were cited; nothing is known of them here.
    pub own: usize,
    /// Lines that look like a citation and are none.
    pub complaints: Vec<Complaint>,
}

impl Citations {
    /// Reads all code and all scripts below `root`, the top folder of the workspace.
    pub fn collect(root: &Path) -> Self {
        let mut found = Self::default();
        for folder in ["core/src", "runtime/src"] {
            found.each_file(&root.join(folder), "rs", &mut Self::scan_code);
        }
        found.each_file(&root.join("conformance/rfc-scripts"), "smtp", &mut Self::scan_script);
        found
    }

    /// A folder that does not exist holds no citations; one that cannot be read is a complaint.
    fn each_file(&mut self, folder: &Path, extension: &str, scan: &mut dyn FnMut(&mut Self, &Path, &str)) {
        if !folder.exists() {
            return;
        }
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<PathBuf> = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(error) => return self.unreadable(folder, &error),
        };
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.each_file(&path, extension, scan);
            } else if path.extension().is_some_and(|own| own == extension) {
                match std::fs::read_to_string(&path) {
                    Ok(source) => scan(self, &path, &source),
                    Err(error) => self.unreadable(&path, &error),
                }
            }
        }
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        self.complaints.push(Complaint::new(path, 0, format!("cannot be read: {error}")));
    }

    /// Finds the citations of a Rust source.
    pub fn scan_code(&mut self, file: &Path, source: &str) {
        let mut spec: Option<SpecParagraph> = None;
        for (at, line) in source.lines().enumerate() {
            let line = line.trim();
            if let Some(ids) = line.strip_prefix("//=") {
                self.add_ids(Origin::Code, file, at + 1, ids);
            }
            // What follows `Spec:` may go on to the end of the paragraph.
            let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim);
            match comment {
                Some(text) if !text.is_empty() => {
                    let addresses = match text.split_once("Spec:") {
                        Some((_, addresses)) => {
                            spec = Some(SpecParagraph::default());
                            addresses
                        }
                        None => text,
                    };
                    if let Some(paragraph) = &mut spec {
                        self.add_addresses(paragraph, file, at + 1, addresses);
                    }
                }
                Some(_) | None => spec = None,
            }
        }
    }

    /// Finds the citations of a script.
    pub fn scan_script(&mut self, file: &Path, source: &str) {
        for (at, line) in source.lines().enumerate() {
            if let Some(ids) = line.strip_prefix("spec").filter(|rest| rest.starts_with([' ', '\t'])) {
                self.add_ids(Origin::Script, file, at + 1, ids);
            }
        }
    }

    fn add_ids(&mut self, origin: Origin, file: &Path, line: usize, ids: &str) {
        let mut words = ids.split_whitespace().peekable();
        if words.peek().is_none() {
            self.complaints.push(Complaint::new(file, line, "a citation without an id"));
        }
        for word in words {
            if word.starts_with("manual#") || word.starts_with("decision#") {
                self.own += 1;
                continue;
            }
            let file_name = file.to_path_buf();
            match word.parse::<Cited>() {
                Ok(Cited::Id(id)) => self.ids.push(CitedId { id, origin, file: file_name, line }),
                Ok(Cited::Section(rfc, section)) => self.addresses.push(CitedAddress {
                    rfc,
                    section,
                    for_want_of_id: true,
                    file: file_name,
                    line,
                }),
                Err(what) => self.complaints.push(Complaint::new(file, line, what)),
            }
        }
    }

    fn add_addresses(&mut self, paragraph: &mut SpecParagraph, file: &Path, line: usize, text: &str) {
        for word in text.split_whitespace() {
            match paragraph.take(word) {
                Ok(None) => {}
                Ok(Some((rfc, section))) => {
                    let file = file.to_path_buf();
                    self.addresses.push(CitedAddress { rfc, section, for_want_of_id: false, file, line });
                }
                Err(what) => self.complaints.push(Complaint::new(file, line, what)),
            }
        }
    }
}

/// One word of a citation. Older RFCs ask in small letters: their sections have no ids, and are cited as a whole.
enum Cited {
    Id(Id),
    Section(u16, Section),
}

impl FromStr for Cited {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let section = |rest: &str| {
            let (rfc, section) = rest.split_once('#')?;
            Some(Self::Section(rfc.parse().ok()?, section.parse().ok()?))
        };
        match word.strip_prefix("rfc").and_then(section) {
            Some(found) => Ok(found),
            None => word.parse().map(Self::Id),
        }
    }
}

/// Reads `Spec: RFC 2821 §4.1.4, §4.3 and RFC 3463 §3.6.` word by word, from one line to the next.
#[derive(Default)]
struct SpecParagraph {
    rfc: Option<u16>,
    /// The word before was `RFC`.
    number_due: bool,
    /// The word before was the number of the RFC.
    section_due: bool,
}

impl SpecParagraph {
    fn take(&mut self, word: &str) -> Result<Option<(u16, Section)>, String> {
        let word = word.trim_matches(['(', ')', ',', ';', ':', '.', '`', '[', ']']);
        let after_rfc = std::mem::take(&mut self.number_due);
        let after_number = std::mem::take(&mut self.section_due);
        if word == "RFC" {
            self.number_due = true;
        } else if after_rfc {
            self.rfc = Some(word.parse().map_err(|_| format!("`RFC {word}` is not an RFC"))?);
            self.section_due = true;
        } else if let Some(section) = word.strip_prefix('§') {
            let rfc = self.rfc.ok_or_else(|| format!("`§{section}` stands behind no RFC"))?;
            return Ok(Some((rfc, section.parse()?)));
        } else if word
            .strip_prefix("RFC")
            .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        {
            return Err(format!("`{word}` wants a space behind RFC"));
        } else if after_number && word.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("a section is written with its sign: `§{word}`"));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
