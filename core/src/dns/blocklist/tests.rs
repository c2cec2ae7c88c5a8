//! What counts as listed, and what the texts of strangers become.

use super::*;
use crate::dns::fake::World;

#[test]
fn return_codes_are_read_as_peers_write_them() {
    let counts = |zone: &str, code: &str| Zone::parse(zone).expect(zone).counts(code.parse().expect(code));
    for (zone, code, listed) in [
        ("bl.example", "127.0.0.2", true),
        ("bl.example", "127.0.0.255", true),
        ("bl.example", "127.0.1.2", false),
        ("bl.example", "192.0.2.1", false),
        ("bl.example=127.0.0.2", "127.0.0.3", false),
        ("bl.example=127.0.0.2,4", "127.0.0.4", true),
        ("bl.example=127.0.0.2,4", "127.0.0.3", false),
        ("bl.example=127.0.0.2..11", "127.0.0.11", true),
        ("bl.example=127.0.0.2..11", "127.0.0.12", false),
        ("bl.example=127.0.0.2-3,127.0.1.4..5,7", "127.0.1.7", true),
        ("bl.example=127.0.0.2-3,127.0.1.4..5,7", "127.0.0.7", false),
        ("bl.example=127.0..255.0..255.2", "127.9.9.2", true),
        // Refusals to serve, even where the operator's ranges would hold them.
        ("bl.example=127.0..255.0..255.0..255", "127.255.255.254", false),
    ] {
        assert_eq!(counts(zone, code), listed, "{zone} {code}");
    }
}

#[test]
fn a_bad_zone_is_explained() {
    for (bad, said) in [
        ("", "is not a zone"),
        ("+", "is not a zone"),
        ("bl .example", "is not a zone"),
        ("bl.example=", "'' is not a return code"),
        ("bl.example=4", "'4' is not"),
        ("bl.example=127.0.0.256", "is not"),
        ("bl.example=127.0.0.3..2", "is not"),
        ("bl.example=10.0.0.1", "is not"),
        ("bl.example=127.0.0.2,", "'' is not"),
        ("bl.example=127.0.0.+2", "is not"),
    ] {
        let error = Zone::parse(bad).expect_err(bad);
        assert!(error.contains(said), "{bad}: {error}");
    }
    assert_eq!(Zone::parse_list("a.example:b.example=127.0.0.2").expect("two").len(), 2);
    let many = ["z.example"; 17].join(":");
    assert!(Zone::parse_list(&many).expect_err("too many").contains("17 zones"));
}

fn check(address: &str, zones: &str, zone: &str) -> (Listing, Vec<String>) {
    let zones: Arc<[Zone]> = Zone::parse_list(zones).expect(zones).into();
    let mut world = World::parse(zone);
    let mut machine = Check::new(address.parse().expect(address), zones);
    loop {
        match machine.poll() {
            Step::Ask(question) => machine.answer(world.answer(&question)),
            Step::Done(listing) => return (listing, world.asked),
        }
    }
}

#[test]
fn the_first_zone_that_lists_it_speaks() {
    let world = "5.5.18.198.b.example A 127.0.0.4
        5.5.18.198.b.example TXT spam\u{1}\u{e9} 550 evil
        5.5.18.198.c.example A 127.0.0.2";
    let (listing, asked) = check("198.18.5.5", "a.example:b.example:c.example", world);
    assert_eq!(
        listing,
        Listing::Listed {
            zone: Name::parse("b.example").expect("name"),
            code: Ipv4Addr::new(127, 0, 0, 4),
            text: Some("spam    550 evil".to_string()),
        }
    );
    assert_eq!(asked, ["5.5.18.198.a.example A", "5.5.18.198.b.example A", "5.5.18.198.b.example TXT"]);
}

#[test]
fn any_of_several_codes_is_enough_and_no_text_is_no_harm() {
    let world = "5.5.18.198.a.example A 127.0.0.99\n5.5.18.198.a.example A 127.0.0.4";
    let (listing, _) = check("198.18.5.5", "a.example=127.0.0.4", world);
    assert!(matches!(listing, Listing::Listed { text: None, code, .. } if code.octets()[3] == 4));
}

#[test]
fn what_is_not_known_is_not_taken_for_no() {
    let world = "5.5.18.198.a.example SERVFAIL";
    let (listing, asked) = check("198.18.5.5", "a.example:b.example", world);
    assert_eq!(listing, Listing::Unknown(Name::parse("a.example").expect("name"), Trouble::ServerFailure));
    assert_eq!(asked.len(), 2);
    assert_eq!(check("198.18.5.5", "b.example", "").0, Listing::NotListed);
}

#[test]
fn zones_without_room_for_an_address_are_passed_over() {
    let long = ["z".repeat(63), "z".repeat(63), "z".repeat(63)].join(".");
    assert_eq!(check("2001:db8::1", &long, "").0, Listing::NotListed);
}
