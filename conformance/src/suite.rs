//! Many scripts in many lanes: finds them, runs them, prints a table, counts.
//! Neither reads arguments nor exits: that is for the program that calls it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::lane::Lane;
use crate::parse;
use crate::run::{Judgement, Options, Outcome, judge};
use crate::script::{Complaint, Script};

/// The scripts of a folder tree, in the order of their names.
#[derive(Debug)]
pub struct Suite {
    scripts: Vec<(String, Result<Script, Vec<Complaint>>)>,
}

/// How results are printed while they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line for each script, a column for each lane.
    Table,
    /// A sign for each script and lane: `.` passed, `F` failed, `s` skipped.
    Dots,
}

/// How many results there were, each script counting once in each lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Went as they say.
    pub passed: usize,
    /// Did not, or could not be read.
    pub failed: usize,
    /// Could not be run there.
    pub skipped: usize,
}

impl Tally {
    /// Whether nothing failed and something was there to run: an empty suite proves nothing.
    pub fn succeeded(self) -> bool {
        self.failed == 0 && self.passed + self.skipped > 0
    }
}

impl Suite {
    /// All `.smtp` files at or below `root` whose path contains `filter`.
    ///
    /// # Errors
    /// What reading folders and files can end in. A script that cannot be understood is no error here: it fails.
    pub fn collect(root: &Path, filter: Option<&str>) -> io::Result<Self> {
        let mut found = Vec::new();
        find(root, &mut found)?;
        found.sort();
        let mut scripts = Vec::new();
        for path in found {
            let name = path.display().to_string();
            if filter.is_none_or(|part| name.contains(part)) {
                let text = fs::read(&path)?;
                let script = match String::from_utf8(text) {
                    Ok(text) => parse(&name, &text),
                    Err(error) => Err(vec![not_text(&name, error.utf8_error().valid_up_to())]),
                };
                scripts.push((name, script));
            }
        }
        Ok(Self { scripts })
    }

    /// The scripts that could be read.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.iter().filter_map(|(_, script)| script.as_ref().ok())
    }

    /// What is wrong with those that could not be read, and what might be better in the others.
    pub fn complaints(&self) -> impl Iterator<Item = &Complaint> {
        self.scripts.iter().flat_map(|(_, script)| match script {
            Ok(script) => script.warnings.iter(),
            Err(complaints) => complaints.iter(),
        })
    }

    /// Runs every script in every lane. Failures are told after the table; the last line is
    /// `N passed, N failed, N skipped`.
    ///
    /// # Errors
    /// What writing to `out` can end in.
    pub fn run(
        &self,
        lanes: &mut [Box<dyn Lane>],
        options: &Options,
        style: Style,
        out: &mut dyn Write,
    ) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut reports = Vec::new();
        let width = self.scripts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        if style == Style::Table {
            let names: String = lanes.iter().map(|lane| format!("  {:<4}", lane.name())).collect();
            writeln!(out, "{:<width$}{names}", "")?;
        }
        for (name, script) in &self.scripts {
            if style == Style::Table {
                write!(out, "{name:<width$}")?;
            }
            let mut remarks = Vec::new();
            for lane in &mut *lanes {
                let (word, sign) = match script {
                    Ok(script) => {
                        let judgement = judge(script, &mut **lane, options);
                        count(script, lane.name(), &judgement, &mut tally, &mut remarks, &mut reports)
                    }
                    Err(_) => {
                        tally.failed += 1;
                        ("FAIL", 'F')
                    }
                };
                match style {
                    Style::Table => write!(out, "  {word:<4}")?,
                    Style::Dots => write!(out, "{sign}")?,
                }
                out.flush()?;
            }
            if style == Style::Table {
                writeln!(
                    out,
                    "{}",
                    remarks.iter().map(|remark| format!("  ({remark})")).collect::<String>()
                )?;
            }
            if let Err(complaints) = script {
                reports.extend(complaints.iter().map(|complaint| format!("{complaint}\n")));
            }
        }
        if style == Style::Dots {
            writeln!(out)?;
        }
        reports.iter().try_for_each(|report| writeln!(out, "\n{}", report.trim_end()))?;
        for warning in self.scripts().flat_map(|script| &script.warnings) {
            writeln!(out, "\nwarning: {warning}")?;
        }
        if self.scripts.is_empty() {
            writeln!(out, "no scripts found")?;
        }
        writeln!(out, "{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped)?;
        Ok(tally)
    }
}

fn count(
    script: &Script,
    lane: &str,
    judgement: &Judgement,
    tally: &mut Tally,
    remarks: &mut Vec<String>,
    reports: &mut Vec<String>,
) -> (&'static str, char) {
    remarks.extend(judgement.notes.iter().map(|note| format!("{lane}: {note}")));
    match &judgement.outcome {
        Outcome::Passed => {
            tally.passed += 1;
            ("pass", '.')
        }
        Outcome::Failed(failure) => {
            tally.failed += 1;
            reports.push(failure.report(script, lane).to_string());
            ("FAIL", 'F')
        }
        Outcome::Skipped(reason) => {
            tally.skipped += 1;
            remarks.push(format!("{lane}: {reason}"));
            ("skip", 's')
        }
    }
}

fn find(path: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        found.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|end| end == "smtp") {
            find(&path, found)?;
        }
    }
    Ok(())
}

fn not_text(file: &str, octet: usize) -> Complaint {
    Complaint {
        file: file.to_string(),
        line: 1,
        column: 1,
        text: String::new(),
        what: format!("octet {octet} of the file is no UTF-8"),
        hint: r"write octets as \xNN".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Fault};
    use crate::lane::Clock;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    fn run(folder: &Path, filter: Option<&str>, style: Style) -> (Tally, String) {
        let suite = Suite::collect(folder, filter).expect("readable files");
        let mut out = Vec::new();
        let real = Fake { fault: Fault::None, clock: Clock::Real };
        let mut lanes: Vec<Box<dyn Lane>> = vec![Box::new(Fake::with(Fault::None)), Box::new(real)];
        let tally = suite.run(&mut lanes, &Options::default(), style, &mut out).expect("written");
        (tally, String::from_utf8(out).expect("text").replace(&format!("{}/", folder.display()), ""))
    }

    const HEAD: &str = "title t\nspec rfc2821#4.1/1\n";

    #[test]
    fn a_tree_of_scripts_is_a_table() {
        let good = format!("{HEAD}S: 220 {{*}}\nC: QUIT\nS: 221 {{*}}\nS closes");
        let slow = format!("{HEAD}S: 220 {{*}}\nquiet 9s\nC: QUIT\nS: 221 {{*}}");
        let wrong = format!("{HEAD}S: 554 {{*}}");
        let folder = folder(&[
            ("b/good.smtp", good.as_bytes()),
            ("a/slow.smtp", slow.as_bytes()),
            ("b/wrong.smtp", wrong.as_bytes()),
            ("c/unreadable.smtp", b"title t\nX"),
            ("c/octets.smtp", b"title \xff"),
            ("c/notes.txt", b"not a script"),
        ]);
        let (tally, out) = run(folder.path(), None, Style::Table);
        assert_eq!(tally, Tally { passed: 3, failed: 6, skipped: 1 });
        assert!(!tally.succeeded());
        let rows: Vec<String> =
            out.lines().take(6).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "fake fake",
            "a/slow.smtp pass skip (fake: waits 9s in real time, more than 3s)",
            "b/good.smtp pass pass",
            "b/wrong.smtp FAIL FAIL",
            "c/octets.smtp FAIL FAIL",
            "c/unreadable.smtp FAIL FAIL",
        ];
        assert_eq!(rows, expected);
        assert!(out.contains("b/wrong.smtp:3: another line came (lane fake, as written)"), "{out}");
        assert!(out.contains("c/unreadable.smtp:2:1: unknown mark `X`"), "{out}");
        assert!(out.ends_with("\n3 passed, 6 failed, 1 skipped\n"), "{out}");

        let (tally, out) = run(folder.path(), Some("b/good"), Style::Dots);
        assert!(tally.succeeded());
        assert_eq!(out, "..\n2 passed, 0 failed, 0 skipped\n");
    }

    #[test]
    fn an_empty_suite_is_no_success() {
        let folder = folder(&[]);
        let (tally, out) = run(folder.path(), None, Style::Dots);
        assert!(!tally.succeeded());
        assert!(out.contains("no scripts found"), "{out}");
    }
}
