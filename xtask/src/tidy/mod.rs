//! `cargo xtask tidy`: the laws of the house that neither rustc nor clippy knows.
//!
//! Every finding says where, what, and what to do instead. It only reads; it never mends.

mod arrows;
mod code;
mod rules;

use crate::{cargo, states};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// One broken law.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// From the root, with `/`.
    path: String,
    /// From 1; 0 means the whole file.
    line: usize,
    /// What is wrong.
    what: String,
    /// What to do instead.
    instead: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.instead)
    }
}

/// What was found: errors, and notes that nobody must act on.
#[derive(Default)]
struct Findings {
    errors: Vec<Finding>,
    notes: Vec<String>,
}

/// The verb.
pub(crate) fn run() -> ExitCode {
    if check() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what there is to say; true if no law is broken.
pub(crate) fn check() -> bool {
    let findings = match look(&cargo::root()) {
        Ok(findings) => findings,
        Err(why) => {
            println!("tidy: {why}");
            return false;
        }
    };
    for note in &findings.notes {
        println!("note: {note}");
    }
    for error in &findings.errors {
        println!("{error}");
    }
    println!("tidy: {} findings, {} notes", findings.errors.len(), findings.notes.len());
    findings.errors.is_empty()
}

fn look(root: &Path) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    for file in &files {
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let bytes = std::fs::read(file).map_err(|err| format!("{path}: {err}"))?;
        rules::file(&path, &bytes, &mut findings);
        if path.ends_with("Cargo.toml") && path.contains('/') {
            arrows::manifest(&path, &String::from_utf8_lossy(&bytes), &mut findings);
        }
    }
    arrows::core_tree(&mut findings)?;
    if let Err(what) = states::check(root) {
        let path = "core/src/session/state.dot".to_owned();
        findings.errors.push(Finding { path, line: 0, what, instead: "run `cargo xtask states`" });
    }
    Ok(findings)
}

/// All files but git's, built ones, and what editors leave.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|err| format!("{}: {err}", folder.display()))?;
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !matches!(&*name, ".git" | "target" | "postoffice" | ".idea" | ".vscode") {
                walk(&path, files)?;
            }
        } else if path.is_file() && !name.ends_with('~') && !name.ends_with(".swp") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        assert!(super::check(), "run `cargo xtask tidy`");
    }
}
