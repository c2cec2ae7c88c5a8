//! xtext there and back.

use super::*;
use proptest::prelude::*;

#[test]
fn the_grammar() {
    for (text, decoded) in [
        ("", &b""[..]),
        ("abc", b"abc"),
        ("a+20b", b"a b"),
        ("+2B+3D", b"+="),
        ("+00+FF", b"\0\xff"),
        ("!~<>", b"!~<>"),
        ("QQ+41", b"QQA"),
    ] {
        let xtext = Xtext::parse(text).expect(text);
        assert_eq!(xtext.decoded(), decoded, "{text}");
        assert_eq!(xtext.as_str(), text);
    }
    for bad in ["+", "+2", "+2b", "+g0", "+ 2", "a=b", "a b", "a\tb", "é", "\u{7f}", "++20"] {
        assert_eq!(Xtext::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_shortest_form() {
    assert_eq!(Xtext::encode(b"joe+x=y z\n").as_str(), "joe+2Bx+3Dy+20z+0A");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_encoded_comes_back(octets: Vec<u8>) {
        let xtext = Xtext::encode(&octets);
        prop_assert_eq!(xtext.decoded(), octets);
        let again = Xtext::parse(xtext.as_str());
        prop_assert_eq!(again.as_ref(), Some(&xtext));
    }

    #[test]
    fn whatever_parses_decodes(text in "[+=A-Fa-z0-9 !]{0,12}") {
        if let Some(xtext) = Xtext::parse(&text) {
            let decoded = xtext.decoded();
            prop_assert_eq!(Xtext::encode(&decoded).decoded(), decoded);
        }
    }
}
