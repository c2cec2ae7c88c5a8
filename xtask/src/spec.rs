//! `cargo xtask spec`: requirement tables, code and scripts held against each other; `coverage.txt` kept true.
//!
//! Only reads and prints; the one file it may write, and only with `--write`, is `conformance/coverage.txt`. What a
//! citation or a table is, `smtpserver_conformance::spec` knows.

use clap::Parser;
use smtpserver_conformance::spec::cite::Citations;
use smtpserver_conformance::spec::coverage::{self, Covered, Sums, Widths};
use smtpserver_conformance::spec::table::{self, Fate, Table};
use smtpserver_conformance::spec::text::{self, RfcText};
use smtpserver_conformance::spec::{Addresses, Complaint, check_addresses, check_against_text, check_ids};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Requirements, code and scripts held against each other.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask spec", bin_name = "cargo xtask spec", max_term_width = 110)]
struct Options {
    /// Folder with the texts (rfcNNNN.txt): also proves that every normative sentence has its row
    #[arg(long, value_name = "DIR")]
    texts: Option<PathBuf>,
    /// Write conformance/coverage.txt instead of comparing it
    #[arg(long)]
    write: bool,
    /// List the requirements that nobody cites yet
    #[arg(long)]
    open: bool,
    /// List what a later part will do, with the reason
    #[arg(long)]
    todo: bool,
    /// Print a table to fill in for one RFC (needs --texts); its comments must not be committed
    #[arg(long, value_name = "RFC", requires = "texts")]
    skeleton: Option<String>,
}

/// Takes what stands behind `cargo xtask spec`. Exit code 1: something does not hold; 2: the command line is wrong.
pub(crate) fn run(args: &[String]) -> ExitCode {
    let words = std::iter::once("spec").chain(args.iter().map(String::as_str));
    let options = match Options::try_parse_from(words) {
        Ok(options) => options,
        Err(error) => {
            // Asked for help, clap calls it an error as well; it knows which stream and code are right.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    match &options.skeleton {
        Some(rfc) => skeleton(rfc, options.texts.as_deref().unwrap_or(root)),
        None => check(root, &options),
    }
}

fn skeleton(rfc: &str, texts: &Path) -> ExitCode {
    let number = rfc.trim_start_matches("rfc").parse();
    match number
        .map_err(|_| format!("`{rfc}` should look like rfc2821"))
        .and_then(|rfc| read_text(texts, rfc))
    {
        Ok(text) => {
            print!("{}", table::skeleton(&text));
            ExitCode::SUCCESS
        }
        Err(what) => {
            eprintln!("spec: {what}");
            ExitCode::from(2)
        }
    }
}

fn check(root: &Path, options: &Options) -> ExitCode {
    let tables = match table::read_all(&root.join("conformance/requirements")) {
        Ok(tables) => tables,
        Err(complaints) => return failed(root, complaints),
    };
    let texts = match options.texts.as_deref().map(read_texts).transpose() {
        Ok(texts) => texts,
        Err(what) => {
            eprintln!("spec: {what}");
            return ExitCode::from(2);
        }
    };
    let citations = Citations::collect(root);
    let covered = coverage::count(&tables, &citations);
    list(&covered, options);

    let mut complaints = citations.complaints.clone();
    complaints.extend(check_ids(&tables, &citations));
    let known = Addresses::new(&tables, texts.as_deref().unwrap_or_default());
    let (wrong, unjudged) = check_addresses(&known, &citations);
    complaints.extend(wrong);
    match &texts {
        Some(texts) => complaints.extend(against_texts(&tables, texts)),
        None => println!("spec: not checked against the RFC texts (--texts DIR)"),
    }
    complaints.extend(keep_coverage(root, &coverage::render(&tables, &covered), options.write));
    if unjudged > 0 {
        println!("spec: not checked: {unjudged} addresses in RFCs without a table or a text at hand");
    }
    println!("spec: {}", Sums::of(&covered));
    println!(
        "spec: {} ids and {} addresses cited, and {} ids of the manual and the decisions",
        citations.ids.len(),
        citations.addresses.len(),
        citations.own
    );
    if complaints.is_empty() { ExitCode::SUCCESS } else { failed(root, complaints) }
}

/// The two listings a person asks for.
fn list(covered: &[Covered<'_>], options: &Options) {
    let widths = Widths::of(covered);
    let open = covered.iter().filter(|one| options.open && one.is_open());
    let todo = covered.iter().filter(|one| options.todo && matches!(one.row.fate, Fate::Todo(_)));
    for one in open.chain(todo) {
        println!("{}", coverage::line(one, &widths));
    }
}

fn against_texts(tables: &[Table], texts: &[RfcText]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for table in tables {
        match texts.iter().find(|text| text.rfc == table.rfc) {
            Some(text) => complaints.extend(check_against_text(table, text)),
            None => {
                complaints.push(Complaint::new(&table.file, 0, "its text is not in the folder of --texts"))
            }
        }
    }
    complaints
}

/// Every text of the folder: small enough to read them all, and addresses may name any of them.
fn read_texts(folder: &Path) -> Result<Vec<RfcText>, String> {
    let unreadable = |error: std::io::Error| format!("the folder of --texts, {}: {error}", folder.display());
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("rfc")?.strip_suffix(".txt"));
        if let Some(rfc) = number.and_then(|number| number.parse().ok()) {
            texts.push(read_text(folder, rfc)?);
        }
    }
    if texts.is_empty() {
        return Err(format!("no rfcNNNN.txt in {}", folder.display()));
    }
    Ok(texts)
}

fn read_text(folder: &Path, rfc: u16) -> Result<RfcText, String> {
    let file = folder.join(format!("rfc{rfc}.txt"));
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    // A few texts hold a stray octet of an older character set, never within a requirement.
    Ok(text::read(rfc, &String::from_utf8_lossy(&bytes)))
}

/// Writes `coverage.txt`, or complains about the first line in which the one that is checked in differs.
fn keep_coverage(root: &Path, fresh: &str, write: bool) -> Option<Complaint> {
    let file = root.join("conformance/coverage.txt");
    if write {
        let error = std::fs::write(&file, fresh).err()?;
        return Some(Complaint::new(&file, 0, format!("cannot be written: {error}")));
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    if kept == fresh {
        return None;
    }
    let same = kept.lines().zip(fresh.lines()).take_while(|(kept, fresh)| kept == fresh).count();
    let due = fresh.lines().nth(same).unwrap_or("the end of the file");
    let what = format!("differs; run `cargo xtask spec --write` and review it. Due here: {due}");
    Some(Complaint::new(&file, same + 1, what))
}

fn failed(root: &Path, mut complaints: Vec<Complaint>) -> ExitCode {
    complaints.sort();
    for complaint in &mut complaints {
        if let Ok(short) = complaint.file.strip_prefix(root) {
            complaint.file = short.to_path_buf();
        }
        eprintln!("{complaint}");
    }
    eprintln!("spec: {} complaints", complaints.len());
    ExitCode::FAILURE
}
