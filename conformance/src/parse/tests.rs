//! What scripts mean, and where complaints point.

use std::time::Duration;

use super::*;
use crate::script::{Helper, Place};

fn good(source: &str) -> Script {
    parse("t.smtp", source).unwrap_or_else(|complaints| panic!("{complaints:#?}"))
}

/// Each complaint as `line:column what`.
fn bad(source: &str) -> Vec<String> {
    let complaints = parse("t.smtp", source).map(|script| script.steps).expect_err(source);
    complaints.iter().map(|one| format!("{}:{} {}", one.line, one.column, one.what)).collect()
}

const HEAD: &str = "title t\nspec rfc2821#4.1/1 manual#tarpit decision#9\n";

#[test]
fn every_mark_is_read() {
    let source = format!(
        "{HEAD}world plain, tarpit 20 0.1 300, maxsize 1000\nS: 220 {{*}}\nS+ 250 a\nS- 250 a\nS~ 250 a\nS! 250 a\nS> 250 a\n\
         S| \"x\"\nC: NOOP\nC: \"a\"*3\nC:\nC+ a\nC| \"b\"\nquiet 20s\npause 500ms\nwithin 5m\nclient 2\nC closes\nC resets\n\
         S closes\nC starts tls\nF> {{file}}\nF< 0 250 ok\nR dies\nD silent\nevent x 1"
    );
    let script = good(&source);
    assert_eq!(script.title, "t");
    assert_eq!(script.spec, ["rfc2821#4.1/1", "manual#tarpit", "decision#9"]);
    assert_eq!(script.world.base, "plain");
    assert_eq!(script.world.settings, ["tarpit 20 0.1 300", "maxsize 1000"]);
    let send = |octets: &[u8], more| Act::Send { octets: octets.to_vec(), more };
    let acts: Vec<&Act> = script.steps.iter().map(|step| &step.act).collect();
    assert_eq!(acts.len(), 23);
    assert!(matches!(acts[0], Act::Line { place: Place::Ends, .. }));
    assert!(matches!(acts[1], Act::Line { place: Place::Shares, .. }));
    assert!(matches!(acts[2], Act::Line { place: Place::Continues, .. }));
    assert!(matches!(acts[3], Act::Among { wanted: true, .. }));
    assert!(matches!(acts[4], Act::Among { wanted: false, .. }));
    assert!(matches!(acts[5], Act::Last(_)));
    assert_eq!(*acts[6], Act::Exactly(b"x".to_vec()));
    assert_eq!(*acts[7], send(b"NOOP\r\n", false));
    assert_eq!(*acts[8], send(b"aaa\r\n", false));
    assert_eq!(*acts[9], send(b"\r\n", false));
    assert_eq!(*acts[10], send(b"a\r\n", true));
    assert_eq!(*acts[11], send(b"b", false));
    assert_eq!(*acts[12], Act::Quiet(Duration::from_secs(20)));
    assert_eq!(*acts[14], Act::Within(Duration::from_secs(300)));
    assert_eq!(script.steps[15].client, 2);
    assert_eq!(acts[15..19], [&Act::ClientCloses, &Act::ClientResets, &Act::ServerCloses, &Act::StartTls]);
    assert_eq!(*acts[20], Act::Answers(Helper::Filter, "0 250 ok".to_string()));
    assert_eq!(acts[21..], [&Act::Dies(Helper::Router), &Act::Silent(Helper::Resolver)]);
    assert_eq!(script.waiting(Duration::from_secs(10)), Duration::from_millis(320_500));
}

#[test]
fn loops_are_unrolled() {
    let script = good(&format!("{HEAD}loop 3\nC: a{{i}}\n# remark\nS: 250 {{i}}\nend\nC: {{i}}"));
    let said: Vec<&[u8]> = script
        .steps
        .iter()
        .filter_map(|step| if let Act::Send { octets, .. } = &step.act { Some(&octets[..]) } else { None })
        .collect();
    assert_eq!(said.concat(), b"a1\r\na2\r\na3\r\n{i}\r\n");
    assert!(script.steps[..6].iter().all(|step| [4, 6].contains(&step.line)));
}

#[test]
fn messages_of_the_aftermath() {
    let script = good(&format!(
        "{HEAD}S: 220 a\nspool 3 messages\n from <>\n to <a@b>\n to c@d\n from x@y\n body \"z\"\n message\n has \"q\"\n"
    ));
    let spool = script.aftermath.spool.expect("a claim");
    assert_eq!((spool.messages, spool.blocks.len()), (3, 3));
    assert_eq!(spool.blocks[0].from, Some((5, String::new())));
    assert_eq!(spool.blocks[0].to, [(6, "a@b".to_string()), (7, "c@d".to_string())]);
    assert_eq!(spool.blocks[1].body, Some((9, b"z".to_vec())));
    assert_eq!(spool.blocks[2].has, [(11, b"q".to_vec())]);
    let twice = good(&format!("{HEAD}S: 220 a\nspool 1 message\n to a@b\nspool 1 message\n to c@d"));
    let spool = twice.aftermath.spool.expect("a claim");
    assert_eq!((spool.messages, spool.blocks[1].to.len()), (2, 1));
}

#[test]
fn complaints_point_at_the_place() {
    let table = [
        ("X: foo", "3:1 unknown mark `X:`"),
        ("  C:NOOP", "3:3 unknown mark `C:NOOP`"),
        ("  C| \"a\\q\"", "3:8 unknown escape"),
        ("C: NOOP ", "3:8 blanks at the end of the line"),
        ("S: 25 x", "3:4 a reply line begins with three digits"),
        ("S: 250-x", "3:7 a hyphen behind the code"),
        ("S: 250x", "3:7 a blank is wanted behind the code"),
        ("S: 250 {Host}", "3:8 unknown capture"),
        ("S: 250 é{i}", "3:9 unknown capture"),
        ("S:", "3:3 nothing behind this mark"),
        ("C| \"\"", "3:3 no octets at all"),
        ("quiet soon", "3:7 a duration is wanted"),
        ("C explodes", "3:1 unknown happening `C explodes`"),
        ("C+ RSET", "3:1 `C+` has nothing to share its segment with"),
        ("S+ 250 a\nC: x", "3:1 this mark shares its write with nothing"),
        ("loop 2\nC: x", "3:1 this loop has no end"),
        ("loop x\nC: x\nend", "3:5 a loop wants a count"),
        ("loop 2\nC: \"\nend", "4:4 this string has no end"),
        ("end", "3:1 `end` without `loop`"),
        ("S: 220 a\nspool many", "4:6 how many messages?"),
        ("S: 220 a\nfrom a@b", "4:1 `from` speaks of no message"),
        ("S: 220 a\nspool 1 message\nfrom a@b\nfrom c@d", "6:1 more messages described than the 1 announced"),
        ("S: 220 a\nspool 0 messages\nC: x", "5:1 dialogue after the aftermath"),
        ("S: 220 a\nworld plain", "4:1 `world` after the dialogue began"),
        ("world plain simple", "3:6 this world is not well formed"),
        ("client 0\nS: 220 a", "3:8 a client's number is wanted"),
    ];
    for (dialogue, complaint) in table {
        assert_eq!(bad(&format!("{HEAD}{dialogue}")), [complaint], "{dialogue}");
    }
}

#[test]
fn heads_are_complete() {
    assert_eq!(bad("S: 220 a"), ["1:1 no spec", "1:1 no title"]);
    assert_eq!(bad("title t\nS: 220 a"), ["1:1 no spec"]);
    assert_eq!(bad(HEAD), ["1:1 no dialogue"]);
    for id in [
        "rfc2821",
        "rfc2821#4.1",
        "rfc#4/1",
        "rfc2821#/1",
        "rfc2821#4..1/1",
        "decision#x",
        "manual#",
        "other#1",
    ] {
        let complaint = format!("2:6 `{id}` is no requirement id");
        assert_eq!(bad(&format!("title t\nspec {id}\nS: 220 a")), [complaint]);
    }
}

#[test]
fn all_complaints_come_at_once_and_read_well() {
    let source = format!("{HEAD}X\nS: 220 a\n  Y\n");
    let complaints = parse("t.smtp", &source).map(|script| script.steps).expect_err("two faults");
    assert_eq!(complaints.len(), 2);
    let shown = complaints[1].to_string();
    assert!(
        shown.starts_with("t.smtp:5:3: unknown mark `Y`\n      Y\n      ^\n    hint: known marks: C:"),
        "{shown}"
    );
}

#[test]
fn a_long_script_is_warned_about() {
    let source = format!("{HEAD}S: 220 a\n{}", "# remark\n".repeat(58));
    let script = good(&source);
    assert_eq!(script.warnings.len(), 1);
    assert_eq!(script.warnings[0].line, 61);
    assert!(good(&source[..source.len() - 9]).warnings.is_empty());
}
