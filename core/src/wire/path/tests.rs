//! Addresses, good and bad, as tables; what parses is canonical.

use super::super::client_name::ClientName;
use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

#[test]
fn good_addresses_and_their_canonical_text() {
    for (typed, canonical) in [
        ("<joe@example.org>", "joe@example.org"),
        ("<Joe.Q.Public@Example.ORG>", "Joe.Q.Public@Example.ORG"),
        ("<joe@localhost>", "joe@localhost"),
        ("<joe@3com.example>", "joe@3com.example"),
        ("<joe@a-b.c--d.example>", "joe@a-b.c--d.example"),
        ("<!#$%&'*+-/=?^_`{|}~@x.example>", "!#$%&'*+-/=?^_`{|}~@x.example"),
        (r#"<"joe"@x.example>"#, "joe@x.example"),
        (r#"<"j\o\e.x"@x.example>"#, "joe.x@x.example"),
        (r#"<"a b"@x.example>"#, r#""a b"@x.example"#),
        (r#"<"a\ b"@x.example>"#, r#""a b"@x.example"#),
        (r#"<"a\"\\b"@x.example>"#, r#""a\"\\b"@x.example"#),
        (r#"<".a"@x.example>"#, r#"".a"@x.example"#),
        (r#"<"a..b"@x.example>"#, r#""a..b"@x.example"#),
        (r#"<"a@b>c"@x.example>"#, r#""a@b>c"@x.example"#),
        (r#"<""@x.example>"#, r#"""@x.example"#),
        ("<joe@[192.0.2.1]>", "joe@[192.0.2.1]"),
        ("<joe@[192.000.002.010]>", "joe@[192.0.2.10]"),
        ("<joe@[ipv6:2001:DB8:0:0::1]>", "joe@[IPv6:2001:db8::1]"),
        ("<joe@[IPv6:::ffff:192.0.2.1]>", "joe@[IPv6:::ffff:192.0.2.1]"),
        ("<@a.example:joe@x.example>", "joe@x.example"),
        ("<@a.example,@[192.0.2.1],@b:joe@x.example>", "joe@x.example"),
    ] {
        let (path, used) = reverse_path(typed.as_bytes()).expect(typed);
        assert_eq!((path.to_string(), used), (format!("<{canonical}>"), typed.len()), "{typed}");
        let (path, used) = forward_path(format!("{typed} SIZE=1").as_bytes()).expect(typed);
        assert_eq!((path.to_string(), used), (format!("<{canonical}>"), typed.len()), "{typed}");
    }
}

#[test]
fn bad_paths_and_where() {
    use PathFault::*;
    for (typed, column, fault) in [
        ("", 0, BracketMissing),
        ("joe@x.example", 0, BracketMissing),
        ("<", 1, LocalPartBad),
        ("<joe", 4, BracketMissing),
        ("<joe@x.example", 14, BracketMissing),
        ("<joe>", 4, DomainMissing),
        ("<joe@>", 5, DomainMissing),
        ("<joe@", 5, DomainMissing),
        ("<j oe@x>", 2, LocalPartBad),
        ("< joe@x>", 1, LocalPartBad),
        ("<.joe@x>", 1, LocalPartBad),
        ("<joe.@x>", 4, LocalPartBad),
        ("<j..oe@x>", 3, LocalPartBad),
        ("<j\\oe@x>", 2, LocalPartBad),
        ("<j\u{e9}@x>", 2, LocalPartBad),
        ("<\"joe@x>", 8, LocalPartBad),
        ("<\"j\toe\"@x>", 3, LocalPartBad),
        ("<\"joe\\", 6, LocalPartBad),
        ("<\"j\"oe@x>", 4, LocalPartBad),
        ("<joe@x_y.example>", 6, DomainBad),
        ("<joe@_x>", 5, DomainBad),
        ("<joe@x.example.>", 15, DomainBad),
        ("<joe@.example>", 5, DomainBad),
        ("<joe@x..example>", 7, DomainBad),
        ("<joe@-x.example>", 5, DomainBad),
        ("<joe@y.x->", 7, DomainBad),
        ("<joe@1.2.3.4>", 5, DomainBad),
        ("<joe@x.example >", 14, DomainBad),
        ("<joe@x@y>", 6, DomainBad),
        ("<joe@[1.2.3]>", 5, LiteralBad),
        ("<joe@[1.2.3.4.5]>", 5, LiteralBad),
        ("<joe@[1.2.3.256]>", 5, LiteralBad),
        ("<joe@[1.2.3.+4]>", 5, LiteralBad),
        ("<joe@[1.2.3.0004]>", 5, LiteralBad),
        ("<joe@[1.2.3.4>", 5, LiteralBad),
        ("<joe@[]>", 5, LiteralBad),
        ("<joe@[IPv6:1.2.3.4]>", 5, LiteralBad),
        ("<joe@[IPv6:fe80::1%eth0]>", 5, LiteralBad),
        ("<joe@[2001:db8::1]>", 5, LiteralBad),
        ("<joe@[x400:abc]>", 5, LiteralBad),
        ("<joe@[1.2.3.4]x>", 14, DomainBad),
        ("<@a>", 3, RouteBad),
        ("<@a,b:joe@x>", 4, RouteBad),
        ("<@a,@:joe@x>", 5, RouteBad),
        ("<@a.:joe@x>", 4, RouteBad),
        ("<@a:>", 4, LocalPartBad),
        ("<@a:joe>", 7, DomainMissing),
        ("<joe@x>SIZE=1", 7, Junk),
        ("<joe@x>>", 7, Junk),
        ("<joe@x>\tSIZE=1", 7, Junk),
    ] {
        assert_eq!(reverse_path(typed.as_bytes()), Err((column, fault)), "{typed}");
        assert_eq!(forward_path(typed.as_bytes()), Err((column, fault)), "{typed}");
    }
}

#[test]
fn nobody_and_the_postmaster() {
    assert_eq!(reverse_path(b"<>"), Ok((ReversePath::Null, 2)));
    assert_eq!(reverse_path(b"<> SIZE=1"), Ok((ReversePath::Null, 2)));
    assert_eq!(reverse_path(b"<>x"), Err((2, PathFault::Junk)));
    assert_eq!(forward_path(b"<>"), Err((1, PathFault::Empty)));
    for postmaster in [&b"<postmaster>"[..], b"<PostMaster>", b"<\"POSTMASTER\">"] {
        assert_eq!(forward_path(postmaster), Ok((ForwardPath::Postmaster, postmaster.len())));
    }
    assert_eq!(reverse_path(b"<postmaster>"), Err((11, PathFault::DomainMissing)));
    assert_eq!(forward_path(b"<@a:postmaster>"), Err((14, PathFault::DomainMissing)));
}

#[test]
fn limits() {
    use PathFault::*;
    let long = |count| "x".repeat(count);
    let labels = |count: usize| format!("{}e", "abcdefg.".repeat(count));
    let fault = |text: String| reverse_path(text.as_bytes()).err();
    assert_eq!(fault(format!("<{}@x>", long(64))), None);
    assert_eq!(fault(format!("<{}@x>", long(65))), Some((1, LocalPartTooLong)));
    assert_eq!(fault(format!("<\"{}\"@x>", long(63))), Some((1, LocalPartTooLong)));
    assert_eq!(fault(format!("<joe@{}.x>", long(63))), None);
    assert_eq!(fault(format!("<joe@{}.x>", long(64))), Some((5, DomainBad)));
    assert_eq!(fault(format!("<joe@{}{}>", labels(31), long(1))), None);
    assert_eq!(fault(format!("<joe@{}{}>", labels(31), long(2))), Some((0, PathTooLong)));
    assert_eq!(fault(format!("<joe@{}>", labels(32))), Some((5, DomainTooLong)));
    // 256 with the brackets, the source route counted.
    assert_eq!(fault(format!("<@{}:{}@yy>", labels(23), long(64))), None);
    assert_eq!(fault(format!("<@{}:{}@yyy>", labels(23), long(64))), Some((0, PathTooLong)));
}

#[test]
fn a_source_route_is_kept_only_on_purpose() {
    let typed = b"<@A.example,@b:\"joe\"@x>";
    let (path, _) = reverse_path_routed(typed, SourceRoute::Kept).expect("well-formed");
    assert_eq!(path.to_string(), "<@A.example,@b:joe@x>");
    let (path, _) = reverse_path(typed).expect("well-formed");
    assert_eq!(path.to_string(), "<joe@x>");
}

#[test]
fn what_is_said_later_fits_as_well() {
    let route = format!("{}e", "abcdefg.".repeat(23));
    let typed = format!("<@{route}:{}@[IPv6:::ffff:ffff:ffff]>", "x".repeat(43));
    assert_eq!(typed.len(), PATH_OCTETS_MAX);
    assert!(reverse_path(typed.as_bytes()).is_ok());
    let kept = reverse_path_routed(typed.as_bytes(), SourceRoute::Kept);
    assert_eq!(kept, Err((0, PathFault::PathTooLong)));
}

#[test]
fn an_address_alone() {
    let address = Address::parse("\"a b\"@X.Example").expect("well-formed");
    assert_eq!((address.local(), address.domain()), ("\"a b\"", "X.Example"));
    assert_eq!(address.domain_lowercase(), "x.example");
    for (text, fault) in [
        ("", PathFault::LocalPartBad),
        ("joe", PathFault::DomainMissing),
        ("joe@", PathFault::DomainMissing),
        ("joe@x>", PathFault::DomainBad),
        ("<joe@x>", PathFault::LocalPartBad),
        ("@a:joe@x", PathFault::LocalPartBad),
    ] {
        assert_eq!(Address::parse(text).map_err(|(_, fault)| fault), Err(fault), "{text}");
    }
}

#[test]
fn client_names() {
    for (name, well_formed) in [
        ("mail.example.org", true),
        ("localhost", true),
        ("[192.0.2.1]", true),
        ("[IPv6:2001:db8::1]", true),
        ("my_pc", false),
        ("192.0.2.1", false),
        ("x.example.", false),
        ("[192.0.2.1", false),
        ("[192.0.2.1]x", false),
        ("joe@x", false),
        ("-", false),
    ] {
        let name = ClientName::parse(name.as_bytes()).expect(name);
        assert_eq!(name.is_well_formed(), well_formed, "{name}");
    }
    for bad in
        ["", "a b", "a\tb", "a(b", "a)b", "a<b", "a>b", "a\"b", "a\\b", "a;b", "a,b", "é", "a\u{7f}", "a\0"]
    {
        assert_eq!(ClientName::parse(bad.as_bytes()), None, "{bad}");
    }
    assert!(ClientName::parse("x".repeat(255).as_bytes()).is_some());
    assert_eq!(ClientName::parse("x".repeat(256).as_bytes()), None);
}

/// Text that comes near to a path often enough.
fn near_path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(alloc::vec![
        "a",
        "B",
        "7",
        ".",
        "-",
        "_",
        "\"",
        "\\",
        " ",
        "@",
        ",",
        ":",
        "[",
        "]",
        ">",
        "<",
        "joe",
        "x.example",
        "@a:",
        "@a,@b:",
        "\"a b\"",
        "[192.0.2.1]",
        "[IPv6:::1]",
        "[IPv6:::ffff:0102:0304]",
        "postmaster",
        "@x>",
    ]);
    prop::collection::vec(part, 0..9).prop_map(|parts| format!("<{}>", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_address_displayed_and_read_again_is_the_same(text in near_path()) {
        for route in [SourceRoute::Dropped, SourceRoute::Kept] {
            match reverse_path_routed(text.as_bytes(), route) {
                Ok((path, used)) => {
                    prop_assert!(used <= text.len());
                    let said = path.to_string();
                    prop_assert_eq!(reverse_path_routed(said.as_bytes(), route), Ok((path, said.len())));
                }
                Err((column, _)) => prop_assert!(column <= text.len()),
            }
        }
        if let Ok((ReversePath::Address(address), _)) = reverse_path(text.as_bytes()) {
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
    }

    #[test]
    fn any_plain_address_is_the_same(local in "[a-z0-9!#+=_]{1,9}", quoted in "[ -~]{0,20}", domain in "[a-z]{1,9}(\\.[a-z]{2,9}){0,3}") {
        let plain = format!("<{local}@{domain}>");
        let (path, _) = reverse_path(plain.as_bytes()).expect("well-formed");
        prop_assert_eq!(path.to_string(), plain);
        let escaped: String = quoted.chars().flat_map(|letter| ['\\', letter]).collect();
        let (path, _) = reverse_path(format!("<\"{escaped}\"@{domain}>").as_bytes()).expect("well-formed");
        prop_assert_eq!(reverse_path(path.to_string().as_bytes()).expect("well-formed").0, path);
    }

    #[test]
    fn no_octets_make_it_panic(octets: Vec<u8>, text in near_path()) {
        let _ = (reverse_path(&octets), forward_path(&octets), ClientName::parse(&octets));
        let mixed = [text.as_bytes(), &octets].concat();
        let _ = (reverse_path(&mixed), forward_path(&mixed), ClientName::parse(&mixed));
        let _ = Address::parse(&String::from_utf8_lossy(&mixed));
    }
}
