//! `cargo xtask script` and `cargo xtask new`: one dialogue script, run or begun.
//!
//! The language itself is not known here; the judge reads it.

use crate::cargo;
use crate::conformance::{self, Where};
use smtpserver_conformance::spec::table;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which script, and how.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A script, or a folder of them
    path: PathBuf,
    /// Where it runs
    #[arg(long, value_enum, default_value_t = Where::Core)]
    lane: Where,
    /// Show all that was said (core lane)
    #[arg(long)]
    trace: bool,
    /// Rewrite the server's lines to what was said (core lane)
    #[arg(long)]
    bless: bool,
}

/// `script PATH`.
pub(crate) fn run(options: &Options) -> ExitCode {
    if !options.path.exists() {
        eprintln!("script: there is no {}", options.path.display());
        return ExitCode::from(2);
    }
    conformance::lanes(
        options.lane,
        None,
        std::slice::from_ref(&options.path),
        &[("--trace", options.trace), ("--bless", options.bless)],
    )
}

/// `new ID`.
pub(crate) fn new(id: &str) -> ExitCode {
    match create(&cargo::root(), id) {
        Ok(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("new: {why}");
            ExitCode::from(2)
        }
    }
}

/// A requirement of an RFC must stand in a table; ids of the manual and the decisions have none.
fn exists(root: &Path, id: &str) -> Result<(), String> {
    if !id.starts_with("rfc") {
        return Ok(());
    }
    let tables = table::read_all(&root.join("conformance/requirements"))
        .map_err(|complaints| complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let known = tables.iter().flat_map(|table| &table.rows).any(|row| row.id.to_string() == id);
    if known { Ok(()) } else { Err(format!("{id}: no table of conformance/requirements has it")) }
}

fn create(root: &Path, id: &str) -> Result<PathBuf, String> {
    let path = root.join(place(id)?);
    exists(root, id)?;
    if path.exists() {
        return Err(format!("{} is there already", path.display()));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|err| format!("{}: {err}", folder.display()))?;
    }
    let text = format!(
        "title   What {id} asks, in one sentence\n\
         spec    {id}\n\
         \n\
         \x20       S: 220 {{host}} {{*}}\n\
         \x20       C: EHLO client.example\n\
         \x20       S~ 250 {{*}}\n\
         \x20       C: NOOP {{the dialogue that shows it}}\n\
         \x20       S: 250 {{what is demanded; until this line is written the script fails}}\n\
         \x20       C: QUIT\n\
         \x20       S: 221 {{*}}\n\
         \x20       S closes\n"
    );
    std::fs::write(&path, text).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok(path)
}

/// `rfc2920#3.2/4` becomes `conformance/rfc-scripts/rfc2920/3.2-4.smtp`: the place says what it is about, the author
/// renames the rest.
fn place(id: &str) -> Result<PathBuf, String> {
    let wrong = || format!("{id}: a requirement looks like rfc2920#3.2/4");
    let (document, rest) = id.split_once('#').ok_or_else(wrong)?;
    let plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    let (section, number) = rest.split_once('/').unwrap_or((rest, ""));
    if !plain(document) || !plain(section) || !(number.is_empty() || plain(number)) || document.contains("..")
    {
        return Err(wrong());
    }
    let name = if number.is_empty() { section.to_owned() } else { format!("{section}-{number}") };
    Ok(Path::new("conformance/rfc-scripts").join(document).join(format!("{name}.smtp")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Scratch;

    #[test]
    fn the_place_follows_the_requirement() {
        assert_eq!(place("rfc2920#3.2/4"), Ok(PathBuf::from("conformance/rfc-scripts/rfc2920/3.2-4.smtp")));
        assert_eq!(
            place("manual#ratelimit"),
            Ok(PathBuf::from("conformance/rfc-scripts/manual/ratelimit.smtp"))
        );
        for wrong in ["rfc2920", "#3.2/4", "../x#1/1", "rfc1#a b/2", "rfc1#/2"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_script_is_never_overwritten() {
        let scratch = Scratch::new("new", None).unwrap();
        let path = create(scratch.path(), "manual#tarpit").unwrap();
        assert!(std::fs::read_to_string(path).unwrap().contains("spec    manual#tarpit\n"));
        assert!(create(scratch.path(), "manual#tarpit").unwrap_err().contains("there already"));
    }

    #[test]
    fn a_requirement_that_is_in_no_table_gets_no_script() {
        let root = crate::cargo::root();
        assert!(exists(&root, "rfc2920#3.2/4").is_ok());
        assert!(exists(&root, "rfc9999#1/1").unwrap_err().contains("no table"));
    }
}
