//! Small texts, made by hand in the layout of an RFC.

use super::*;

fn ids(text: &RfcText) -> Vec<String> {
    text.requirements.iter().map(|found| found.id.to_string()).collect()
}

const TWO_PAGES: &str = "\
Abstract

   Nothing is asked here.

Table of Contents

   1. Tea ........................................ 1
   1.1 Water ..................................... 1

1. Tea

   A pot MUST be warm. It
   SHOULD NOT leak, and it MUST be washed by the person who drinks from



Author                      Standards Track                     [Page 1]
\u{c}
RFC 9999                    Tea for Two                       April 2001


   it last.  Sugar MAY be offered (e.g. Demerara), milk MUST
   NOT be boiled.

1.1 Water

   2 cups of water are OPTIONAL.

10. This line of prose begins at the margin but SHALL stay prose.

Appendix A - Cups

   Cups are RECOMMENDED.
";

#[test]
fn sections_are_cut_at_plausible_headings_only() {
    let text = read(9999, TWO_PAGES);
    let sections: Vec<String> = text.sections.iter().map(Section::to_string).collect();
    assert_eq!(sections, ["1", "1.1", "A"]);
}

#[test]
fn keywords_are_counted_within_their_own_section() {
    let text = read(9999, TWO_PAGES);
    let found: Vec<(String, Level)> = text.requirements.iter().map(|r| (r.id.to_string(), r.level)).collect();
    let expected = [
        ("rfc9999#1/1", Level::Must),
        ("rfc9999#1/2", Level::ShouldNot),
        ("rfc9999#1/3", Level::Must),
        ("rfc9999#1/4", Level::May),
        ("rfc9999#1/5", Level::MustNot),
        ("rfc9999#1.1/1", Level::May),
        ("rfc9999#1.1/2", Level::Must),
        ("rfc9999#A/1", Level::Should),
    ];
    assert_eq!(found, expected.map(|(id, level)| (id.to_owned(), level)));
}

#[test]
fn a_sentence_runs_over_lines_and_pages_and_keeps_its_abbreviations() {
    let text = read(9999, TWO_PAGES);
    let second = "It SHOULD NOT leak, and it MUST be washed by the person who drinks from it last.";
    assert_eq!(text.requirements[1].sentence, second);
    assert_eq!(text.requirements[2].sentence, second);
    assert_eq!(text.requirements[1].fingerprint(), text.requirements[2].fingerprint());
    let third = "Sugar MAY be offered (e.g. Demerara), milk MUST NOT be boiled.";
    assert_eq!(text.requirements[3].sentence, third);
}

#[test]
fn a_paragraph_that_ended_with_its_page_stays_apart() {
    let text = "1. Tea\n\n   - hot, and\n\nA   Track   [Page 1]\n\u{c}\nRFC 9999   Tea   April 2001\n\n   - it MUST steam\n";
    assert_eq!(read(9999, text).requirements[0].sentence, "- it MUST steam");
}

#[test]
fn boilerplate_about_the_keywords_asks_nothing() {
    let text = "1. Words\n\n   The words \"MUST\", \"MUST NOT\" and \"MAY\" are used as elsewhere. A cup\n   MUST exist.\n";
    let text = read(9999, text);
    assert_eq!(ids(&text), ["rfc9999#1/1"]);
    assert_eq!(text.requirements[0].sentence, "A cup MUST exist.");
}

#[test]
fn the_number_of_a_list_item_is_no_sentence() {
    let text =
        "1. List\n\n   1. The pot MUST stand.\n\n   (2) The cup SHALL NOT. A spoon MUST (not a fork) lie.\n";
    let text = read(9999, text);
    let sentences: Vec<&str> = text.requirements.iter().map(|r| r.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        ["1. The pot MUST stand.", "(2) The cup SHALL NOT.", "A spoon MUST (not a fork) lie."]
    );
    let levels: Vec<Level> = text.requirements.iter().map(|r| r.level).collect();
    assert_eq!(levels, [Level::Must, Level::MustNot, Level::Must]);
}

#[test]
fn each_word_of_rfc_2119_has_its_level() {
    let all =
        "MUST MUST NOT SHALL SHALL NOT REQUIRED SHOULD SHOULD NOT RECOMMENDED NOT RECOMMENDED MAY OPTIONAL";
    use Level::{May, Must, MustNot, Should, ShouldNot};
    let expected = [Must, MustNot, Must, MustNot, Must, Should, ShouldNot, Should, ShouldNot, May, May];
    assert_eq!(keywords(all), expected);
    assert_eq!(keywords("It MUST not, it must not, MUSTER and MAYBE."), [MustNot]);
}

#[test]
fn the_fingerprint_is_fnv_1a() {
    // Values from the reference page of the hash.
    assert_eq!(Fingerprint::of("").to_string(), "cbf29ce484222325");
    assert_eq!(Fingerprint::of("foobar").to_string(), "85944171f73967e8");
    let kept = Fingerprint::parse("85944171f73967e8");
    assert_eq!(kept, Ok(Fingerprint::of("foobar")));
    assert!(Fingerprint::parse("85944171f73967e").is_err());
}

#[test]
fn old_rfcs_indent_the_headings_of_subsections() {
    let text = "1. Tea\n\n   1.1  WATER\n\n      It MUST boil,\n      1.2 Litres of it.\n\n   1.2 litres are prose.\n\n      1.1.1 Wells\n";
    let sections: Vec<String> = read(9999, text).sections.iter().map(Section::to_string).collect();
    assert_eq!(sections, ["1", "1.1", "1.1.1"]);
}
