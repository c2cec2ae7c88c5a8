//! Citations, tables and texts held against each other.

use super::*;

fn tea() -> Table {
    let row = |id: &str, level: &str, more: &str| {
        let print = text::Fingerprint::of("A pot MUST be warm, and MUST NOT leak.");
        format!(
            "[[row]]\nid = \"{id}\"\nlevel = \"{level}\"\nfingerprint = \"{print}\"\nsays = \"pot\"\n{more}"
        )
    };
    let rows = row("1/1", "MUST", "") + &row("1/2", "MUST NOT", "exception = \"client side\"\n");
    let source = format!("rfc = 9999\ntitle = \"Tea\"\nsections = [\"1\"]\n{rows}");
    table::parse(Path::new("rfc9999.toml"), &source).expect("a good table")
}

fn told(complaints: &[Complaint]) -> Vec<String> {
    complaints.iter().map(Complaint::to_string).collect()
}

#[test]
fn a_cited_id_exists_and_is_no_exception() {
    let mut citations = Citations::default();
    citations
        .scan_code(Path::new("a.rs"), "//= rfc9999#1/1\n//= rfc9999#1/2\n//= rfc9999#1/3\n//= rfc1#1/1\n");
    citations.scan_script(Path::new("a.smtp"), "spec rfc9999#1/1 rfc9999#1/1\n");
    let expected = [
        "a.rs:2: rfc9999#1/2 is cited, but its row is an exception (client side)",
        "a.rs:3: rfc9999#1/3 is cited, but there is no such requirement",
        "a.rs:4: rfc1#1/1 is cited, but RFC 1 has no table",
        "a.smtp:1: rfc9999#1/1 is cited twice",
    ];
    assert_eq!(told(&check_ids(&[tea()], &citations)), expected);
}

#[test]
fn an_address_is_judged_where_its_rfc_is_known() {
    let mut citations = Citations::default();
    citations.scan_code(Path::new("a.rs"), "/// Spec: RFC 9999 §1, §2, RFC 8888 §1, §3, RFC 7777 §1.\n");
    let tables = [tea()];
    let texts = [text::read(8888, "1. Coffee\n\n   Is hot.\n")];
    let (wrong, unjudged) = check_addresses(&Addresses::new(&tables, &texts), &citations);
    assert_eq!(told(&wrong), ["a.rs:1: RFC 9999 has no section 2", "a.rs:1: RFC 8888 has no section 3"]);
    assert_eq!(unjudged, 1);
}

#[test]
fn a_section_is_cited_only_where_it_has_no_ids() {
    let mut citations = Citations::default();
    citations.scan_script(Path::new("a.smtp"), "spec rfc9999#1 rfc8888#1\n");
    let tables = [tea()];
    let texts = [text::read(8888, "1. Coffee\n\n   Is hot.\n")];
    let (wrong, _) = check_addresses(&Addresses::new(&tables, &texts), &citations);
    assert_eq!(told(&wrong), ["a.smtp:1: rfc9999#1 has requirements with ids: cite one of them"]);
}

#[test]
fn the_tables_of_the_repository_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements");
    let tables = table::read_all(&folder).map_err(|complaints| told(&complaints)).expect("good tables");
    let of_2920 = tables.iter().find(|table| table.rfc == 2920).expect("a table for RFC 2920");
    assert_eq!(of_2920.rows.len(), 16);
}

#[test]
fn a_table_is_proved_against_its_text() {
    let table = tea();
    let same = text::read(9999, "1. Tea\n\n   A pot MUST be warm, and\n   MUST NOT leak.\n");
    assert_eq!(check_against_text(&table, &same), []);

    let fewer = text::read(9999, "1. Tea\n\n   A pot SHOULD be warm.\n\n2. Cups\n\n   They MAY match.\n");
    let expected = [
        "rfc9999.toml: `sections` is not the list of the text's sections: take it from --skeleton".to_owned(),
        "rfc9999.toml:5: rfc9999#1/1 is a SHOULD in the text, not a MUST".to_owned(),
        format!(
            "rfc9999.toml:5: rfc9999#1/1: the sentence has another fingerprint, {}",
            text::Fingerprint::of("A pot SHOULD be warm.")
        ),
        "rfc9999.toml: rfc9999#2/1 has no row".to_owned(),
        "rfc9999.toml:10: rfc9999#1/2 is not in the text".to_owned(),
    ];
    assert_eq!(told(&check_against_text(&table, &fewer)), expected);
}

#[test]
fn headings_follow_one_another() {
    let section = |text: &str| text.parse::<Section>().expect("a section number");
    for (last, next) in
        [("0", "1"), ("1", "1.1"), ("1.1", "1.2"), ("1.2.9", "1.2.10"), ("1.2.3", "2"), ("9.1", "A")]
    {
        assert!(section(next).may_follow(&section(last)), "{next} after {last}");
    }
    for (last, next) in
        [("1", "3"), ("1.1", "1.1"), ("2", "1.1"), ("1", "1.2"), ("A", "1"), ("A", "C"), ("2", "2.1.1")]
    {
        assert!(!section(next).may_follow(&section(last)), "{next} after {last}");
    }
    assert!(
        "4.".parse::<Section>().is_err()
            && "".parse::<Section>().is_err()
            && "1.A".parse::<Section>().is_err()
    );
}
