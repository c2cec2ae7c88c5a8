//! A table of four rows, each with another fate.

use super::*;
use crate::spec::table;
use std::path::Path;

const ROWS: [(&str, &str, &str); 5] = [
    ("1/1", "MUST", ""),
    ("1/2", "SHOULD NOT", "exception = \"client side\"\n"),
    ("1.2/1", "MAY", "todo = \"TLS\"\n"),
    ("1.10/1", "MUST", ""),
    ("1.10/2", "MUST", "todo = \"policy\"\n"),
];

fn tea() -> Vec<Table> {
    let mut source = "rfc = 9999\ntitle = \"Tea\"\nsections = [\"1\", \"1.2\", \"1.10\"]\n".to_owned();
    for (id, level, more) in ROWS {
        source +=
            &format!("[[row]]\nid = \"{id}\"\nlevel = \"{level}\"\nfingerprint = \"85944171f73967e8\"\n");
        source += &format!("says = \"pot {id}\"\n{more}");
    }
    vec![table::parse(Path::new("rfc9999.toml"), &source).expect("a good table")]
}

fn cited() -> Citations {
    let mut citations = Citations::default();
    citations.scan_code(Path::new("a.rs"), "//= rfc9999#1/1\n//= rfc9999#1/1 rfc9999#1.10/2\n");
    citations.scan_script(Path::new("a.smtp"), "spec rfc9999#1/1\n");
    citations
}

#[test]
fn the_file_is_a_line_for_each_requirement_under_the_sums() {
    let tables = tea();
    let expected = "\
# 5 requirements: 1 in core and script, 0 in core alone, 0 in script alone, 1 open, 2 todo, 1 exceptions
# RFC 9999 Tea: 5 requirements: 1 in core and script, 0 in core alone, 0 in script alone, 1 open, 2 todo, 1 exceptions

rfc9999#1/1     MUST        pot 1/1     core 2  script 1
rfc9999#1/2     SHOULD NOT  pot 1/2     exception: client side
rfc9999#1.2/1   MAY         pot 1.2/1   todo: TLS
rfc9999#1.10/1  MUST        pot 1.10/1  open
rfc9999#1.10/2  MUST        pot 1.10/2  core 1  script 0  todo: policy
";
    assert_eq!(render(&tables, &count(&tables, &cited())), expected);
}

#[test]
fn only_what_is_ours_and_uncited_is_open() {
    let tables = tea();
    let covered = count(&tables, &cited());
    let open: Vec<String> =
        covered.iter().filter(|one| one.is_open()).map(|one| one.row.id.to_string()).collect();
    assert_eq!(open, ["rfc9999#1.10/1"]);
}
