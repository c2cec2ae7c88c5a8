//! `cargo xtask states`: the states of a session as a table of moves and as a picture, both beside `state.rs`.
//!
//! A test of the core walks through all that can happen to a session and holds the table, `state.moves`, against it.
//! This verb lets it do so, writes the table anew where it is not what sessions do, draws `state.dot` from it, and shows
//! what has changed. Whether the change is meant is for its reader to say.

use crate::cargo;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const TABLE: &str = "core/src/session/state.moves";
const PICTURE: &str = "core/src/session/state.dot";

/// What stands above the moves.
const HEAD: &str = "\
# All moves of a session from state to state: from where, by what, to where. Held against the machine by the test
# session::tests::moves; written anew, with the picture beside it, by `cargo xtask states`.

";

/// The verb.
pub(crate) fn run() -> ExitCode {
    match redraw(&cargo::root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("states: {why}");
            ExitCode::FAILURE
        }
    }
}

fn redraw(root: &Path) -> Result<(), String> {
    if let Some(moves) = walked()? {
        write(root, TABLE, &format!("{HEAD}{moves}\n"))?;
    }
    let table = read(root, TABLE)?;
    write(root, PICTURE, &picture(&table)?)?;
    let edges = table.lines().filter_map(edge).count();
    println!("states: {edges} moves; `dot -Tsvg {PICTURE}` makes a picture of them");
    Ok(())
}

/// What sessions do, when it is not what the table says.
fn walked() -> Result<Option<String>, String> {
    let test = "session::tests::moves::sessions_make_every_move_of_the_table_and_no_other";
    let mut command =
        cargo::command(&["test", "--quiet", "--package", "smtpserver-core", "--lib", "--", "--exact", test]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let moves = said.split_once("BEGIN MOVES\n").and_then(|(_, rest)| rest.split_once("\nEND MOVES"));
    moves.map(|(moves, _)| Some(moves.to_owned())).ok_or_else(|| format!("the walk failed:\n{said}"))
}

/// Whether the picture is that of the table; otherwise why not.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    if read(root, PICTURE)? == picture(&read(root, TABLE)?)? {
        return Ok(());
    }
    Err(format!("{PICTURE} is not the picture of {TABLE}"))
}

/// The moves of a table, drawn: one arrow for all moves between the same two states.
fn picture(table: &str) -> Result<String, String> {
    let mut arrows: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (from, by, to) = edge(line).ok_or_else(|| format!("{TABLE}: not a move: {line}"))?;
        arrows.entry((from, to)).or_default().push(by);
    }
    let mut dot = String::from("// Drawn from state.moves by `cargo xtask states`.\ndigraph session {\n");
    dot.push_str("    rankdir=LR;\n    node [shape=box];\n");
    for ((from, to), by) in arrows {
        dot.push_str(&format!("    \"{from}\" -> \"{to}\" [label=\"{}\"];\n", by.join("\\n")));
    }
    dot.push_str("}\n");
    Ok(dot)
}

/// A line of the table: three columns, at least two blanks between them.
fn edge(line: &str) -> Option<(&str, &str, &str)> {
    if line.starts_with('#') {
        return None;
    }
    let (from, rest) = line.split_once("  ")?;
    let (by, to) = rest.trim_start().split_once("  ")?;
    let (by, to) = (by.trim(), to.trim());
    (!from.is_empty() && !by.is_empty() && !to.is_empty()).then_some((from, by, to))
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))
}

/// Writes a file that has changed, and shows how.
fn write(root: &Path, path: &str, new: &str) -> Result<(), String> {
    if std::fs::read_to_string(root.join(path)).is_ok_and(|old| old == new) {
        return Ok(());
    }
    std::fs::write(root.join(path), new).map_err(|error| format!("{path}: {error}"))?;
    println!("states: {path} has changed");
    // Without git, or before the first commit of it, there is nothing to compare it with.
    let _ = Command::new("git")
        .current_dir(root)
        .args(["--no-pager", "diff", "--unified=0", "--", path])
        .status();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_between_the_same_states_share_an_arrow() {
        let dot =
            picture("# moves\n\nready           BDAT LAST  paused\nready           other      paused\n")
                .expect("drawn");
        assert!(dot.contains("    \"ready\" -> \"paused\" [label=\"BDAT LAST\\nother\"];\n"), "{dot}");
        assert!(picture("ready paused\n").is_err());
    }
}
