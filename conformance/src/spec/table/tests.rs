//! Tables with one fault each.

use super::*;

const HEAD: &str = "rfc = 9999\ntitle = \"Tea\"\nsections = [\"1\", \"1.2\", \"1.10\", \"A\"]\n";

fn entry(id: &str, more: &str) -> String {
    format!(
        "\n[[row]]\nid = \"{id}\"\nlevel = \"MUST\"\nfingerprint = \"85944171f73967e8\"\nsays = \"warm\"\n{more}"
    )
}

fn complaint(body: &str) -> String {
    let complaints = parse(Path::new("t/rfc9999.toml"), &format!("{HEAD}{body}")).expect_err("a fault");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    complaints[0].to_string()
}

#[test]
fn a_good_table_keeps_its_order() {
    let body =
        [entry("1.2/1", ""), entry("1.2/2", "todo = \"later\"\n"), entry("1.10/1", ""), entry("A/1", "")];
    let table = parse(Path::new("rfc9999.toml"), &format!("{HEAD}{}", body.concat())).expect("a good table");
    let ids: Vec<String> = table.rows.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(ids, ["rfc9999#1.2/1", "rfc9999#1.2/2", "rfc9999#1.10/1", "rfc9999#A/1"]);
    assert_eq!(table.rows[1].fate, Fate::Todo("later".to_owned()));
    assert_eq!(table.rows[1].line, 12);
}

#[test]
fn faults_are_told_with_file_and_line() {
    let order = complaint(&(entry("1.10/1", "") + &entry("1.2/1", "")));
    assert_eq!(order, "t/rfc9999.toml:12: rfc9999#1.2/1 is out of order");
    let twice = complaint(&(entry("1/1", "") + &entry("1/1", "")));
    assert_eq!(twice, "t/rfc9999.toml:12: rfc9999#1/1 stands where number 2 of its section is due");
    let section = complaint(&entry("1.3/1", ""));
    assert_eq!(section, "t/rfc9999.toml:6: rfc9999#1.3/1: the section is missing in `sections`");
    let both = complaint(&entry("1/1", "todo = \"a\"\nexception = \"b\"\n"));
    assert_eq!(both, "t/rfc9999.toml:6: rfc9999#1/1: an exception cannot be a todo as well");
    let reason = complaint(&entry("1/1", "exception = \"\"\n"));
    assert_eq!(reason, "t/rfc9999.toml:6: rfc9999#1/1: the reason is missing");
    let key = complaint(&entry("1/1", "excuse = \"b\"\n"));
    assert!(key.starts_with("t/rfc9999.toml:10: unknown field `excuse`"), "{key}");
    let comment = complaint(&entry("1/1", "# The pot MUST be warm.\n"));
    assert!(comment.starts_with("t/rfc9999.toml:10: a comment between the rows"), "{comment}");
}

#[test]
fn sections_are_in_order() {
    let source = HEAD.replace("\"1.2\", \"1.10\"", "\"1.10\", \"1.2\"");
    let complaints = parse(Path::new("rfc9999.toml"), &source).expect_err("a fault");
    assert_eq!(complaints[0].to_string(), "rfc9999.toml:3: section 1.2 is out of order");
}

#[test]
fn a_skeleton_becomes_a_table_once_it_is_filled_in() {
    let text = crate::spec::text::read(9999, "1. Tea\n\n   A pot MUST be warm.\n");
    let skeleton = skeleton(&text);
    assert!(skeleton.contains("# A pot MUST be warm.\n"));
    let filled = skeleton.replace("says = \"\"", "says = \"warm\"").replace("# A pot MUST be warm.\n", "");
    let table = parse(Path::new("rfc9999.toml"), &filled).expect("a good table");
    assert_eq!(crate::spec::check_against_text(&table, &text), []);
}
