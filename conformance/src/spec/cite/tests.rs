//! Citations in small sources.

use super::*;

fn code(source: &str) -> Citations {
    let mut found = Citations::default();
    found.scan_code(Path::new("a.rs"), source);
    found
}

fn ids(found: &Citations) -> Vec<(String, usize)> {
    found.ids.iter().map(|cited| (cited.id.to_string(), cited.line)).collect()
}

fn addresses(found: &Citations) -> Vec<(u16, String, usize)> {
    found.addresses.iter().map(|a| (a.rfc, a.section.to_string(), a.line)).collect()
}

#[test]
fn code_cites_one_or_several_ids_on_a_line() {
    let found =
        code("fn a() {\n    //= rfc2920#3.2/4\n    //= rfc2821#F.2/1 rfc2821#4.1.1.10/2 decision#9\n}\n");
    let expected = [("rfc2920#3.2/4", 2), ("rfc2821#F.2/1", 3), ("rfc2821#4.1.1.10/2", 3)];
    assert_eq!(ids(&found), expected.map(|(id, line)| (id.to_owned(), line)));
    assert_eq!(found.own, 1);
    assert!(found.ids.iter().all(|cited| cited.origin == Origin::Code));
    assert_eq!(found.complaints, []);
}

#[test]
fn a_citation_that_cannot_be_read_is_told_with_its_line() {
    let found = code("//=\n//= rfc2920\n//= rfc2920#3.2/0\n//= rfc2920#3..2/1\n");
    let lines: Vec<usize> = found.complaints.iter().map(|complaint| complaint.line).collect();
    assert_eq!(lines, [1, 2, 3, 4]);
    assert_eq!(found.complaints[1].what, "`rfc2920` should look like `rfc2920#3.2/4`");
}

#[test]
fn doc_comments_name_sections() {
    let source = "/// Says no; RFC 1 4 is prose. Spec: RFC 2821 §4.1.4, §F.2 and\n/// RFC 3463 §3.6.\n///\n/// See §9 of it.\n";
    let expected = [(2821, "4.1.4", 1), (2821, "F.2", 1), (3463, "3.6", 2)];
    assert_eq!(addresses(&code(source)), expected.map(|(rfc, s, line)| (rfc, s.to_owned(), line)));
}

#[test]
fn a_spec_line_needs_the_sign_and_an_rfc() {
    let found = code(
        "/// Spec: RFC 2821 4.1.4.\n\n/// Spec: §4.1.4.\n\n/// Spec: RFC 2821.\n\n/// Spec: RFC2821 §5.\n// Spec: §5 in prose\n",
    );
    let what: Vec<String> = found.complaints.iter().map(Complaint::to_string).collect();
    let expected = [
        "a.rs:1: a section is written with its sign: `§4.1.4`",
        "a.rs:3: `§4.1.4` stands behind no RFC",
        "a.rs:7: `RFC2821` wants a space behind RFC",
        "a.rs:7: `§5` stands behind no RFC",
    ];
    assert_eq!(what, expected);
    assert_eq!(addresses(&found), []);
}

#[test]
fn scripts_cite_in_their_spec_lines_only() {
    let mut found = Citations::default();
    let script =
        "title   Of rfc2920#3.2/1\nspec    rfc2920#3.2/4 manual#tarpit\n\n        C: spec rfc2920#3.2/5\n";
    found.scan_script(Path::new("a.smtp"), script);
    assert_eq!(ids(&found), [("rfc2920#3.2/4".to_owned(), 2)]);
    assert_eq!(found.ids[0].origin, Origin::Script);
    assert_eq!(found.own, 1);
}

#[test]
fn a_section_can_stand_for_an_id() {
    let mut found = code("//= rfc1870#6.1 rfc2821#4.1.1.10/2\n");
    found.scan_script(Path::new("a.smtp"), "spec rfc2034#4\n");
    assert_eq!(ids(&found), [("rfc2821#4.1.1.10/2".to_owned(), 1)]);
    assert_eq!(addresses(&found), [(1870, "6.1".to_owned(), 1), (2034, "4".to_owned(), 1)]);
    assert!(found.addresses.iter().all(|address| address.for_want_of_id));
}
