//! Lines that are nearly right, held against another reader of the same grammar.

use proptest::prelude::*;
use smtpserver_fuzz::oracle;

/// A piece of a line: mostly one that belongs there.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "<",
        ">",
        "@",
        ":",
        ",",
        ".",
        "\"",
        "\\",
        " ",
        "  ",
        "\t",
        "=",
        "+",
        "-",
        ";",
        "[",
        "]",
        "<>",
        "a",
        "ann",
        "postmaster",
        "a.example",
        "@b.example",
        "<ann@a.example>",
        "<@b.example,@c.example:ann@a.example>",
        "<\"an n\"@a.example>",
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "<postmaster>",
        " SIZE=",
        "12",
        "99999999999999999999",
        " BODY=",
        "7BIT",
        "8bitmime",
        "BINARYMIME",
        " RET=",
        "FULL",
        "hdrs",
        " ENVID=",
        "QQ314159",
        "+2B",
        "+0A",
        "+2b",
        " BY=",
        "120;R",
        "-5;N",
        "+5;nt",
        "0;R",
        " AUTH=",
        "ann@a.example",
        " NOTIFY=",
        "NEVER",
        "SUCCESS",
        ",FAILURE",
        ",DELAY",
        " ORCPT=",
        "rfc822;",
        "x400;",
        " SMTPUTF8",
        " X=1",
        "0.1",
    ]);
    prop_oneof![
        12 => known.prop_map(str::to_owned),
        1 => "[ -~]{1,3}",
        1 => "[a-z]{60,70}",
        1 => "([a-z]{1,9}\\.){25,40}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec![
        "MAIL FROM:",
        "mail from:",
        "RCPT TO:",
        "rcpt to: ",
        "MAIL FROM:<ann@a.example>",
        "RCPT TO:<bob@b.example>",
        "MAIL FROM:<> ",
        "RCPT TO:<",
        "MAIL FROM:<",
        "MAIL ",
        "RCPT ",
    ]);
    (start, prop::collection::vec(piece(), 0..9))
        .prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_difference_has_its_reason(line in line()) {
        oracle(line.as_bytes());
    }
}
