//! The judge against a tiny server: what is right passes, and each fault of the server is found where it is.

use std::time::Duration;

use super::*;
use crate::bless;
use crate::fake::{Fake, Fault, listen};
use crate::lane::Peer;
use crate::parse;

fn script(dialogue: &str) -> Script {
    let source = format!("title   a test\nspec    rfc2821#4.1/1\n{dialogue}\n");
    parse("t.smtp", &source).unwrap_or_else(|complaints| panic!("{complaints:#?}"))
}

fn verdict(dialogue: &str, fault: Fault) -> Outcome {
    judge(&script(dialogue), &mut Fake::with(fault), &Options::default()).outcome
}

fn passes(dialogue: &str) {
    if let Outcome::Failed(failure) = verdict(dialogue, Fault::None) {
        panic!("{}", failure.report(&script(dialogue), "fake"));
    }
}

/// The failure: its line counted from the dialogue's first, its variant, its sentence, what came.
fn failure(dialogue: &str, fault: Fault) -> (usize, Variant, String, Vec<String>) {
    let outcome = verdict(dialogue, fault);
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?} though {fault:?}") };
    (failure.line - 2, failure.variant, failure.what, failure.got)
}

const WHOLE: &str = r#"world   plain, tarpit 20
        S: 220 {host} {*}
        C: EHLO client.example
        S~ 250 PIPELINING
        S~ 250 SIZE {n}
        S! 250 STARTTLS
        C+ MAIL FROM:<ann@client.example>
        C+ RCPT TO:<nobody@elsewhere.example>
        C+ RCPT TO:<bob@local.example>
        C: DATA
        S: 250 2.1.0 {*}
quiet   20s
        S+ 550 5.7.1 {*}
        S+ 250 2.1.5 {*}
        S: 354 {*}
        C| "Subject: hi\r\n\r\n..dot\r\n"
        C| "."
pause   1s
        C| "\r"
        C| "\n"
        S: 250 2.6.0 {*}
        C: QUIT
        S: 221 2.0.0 {*}
        S closes
spool   1 message
  from  ann@client.example
  to    bob@local.example
  body  "Subject: hi\r\n\r\n.dot\r\n"
  has   "Received: here\n"
event   tarpit_delayed 20s"#;

#[test]
fn a_whole_session_passes() {
    passes(WHOLE);
}

#[test]
fn a_lost_line_is_told_with_what_came() {
    let dialogue = "S: 220 {*}\nC: NOOP\nS: 250 2.1.0 {*}";
    let (line, variant, what, got) = failure(dialogue, Fault::None);
    assert_eq!((line, variant, what.as_str()), (3, Variant::AsWritten, "another line came"));
    assert_eq!(got, ["S: 250 2.0.0 noop"]);
}

#[test]
fn time_is_exact_in_an_exact_lane() {
    let head = "world plain, tarpit 20\nS: 220 {*}\nC: RCPT TO:<a@b>\n";
    for (wait, line, what) in [
        ("quiet 19s", 5, "nothing came at that moment"),
        ("quiet 21s", 4, "the server was quiet for 20s only"),
        ("within 19s", 5, "nothing came within 19s"),
    ] {
        let (got_line, _, got, _) = failure(&format!("{head}{wait}\nS: 550 {{*}}"), Fault::None);
        assert_eq!((got_line, got.as_str()), (line, what), "{wait}");
    }
    passes(&format!("{head}quiet 20s\nS: 550 {{*}}"));
    passes(&format!("{head}within 20s\nS: 550 {{*}}"));
    let (line, _, what, _) = failure(&format!("{head}S: 550 {{*}}"), Fault::None);
    assert_eq!((line, what.as_str()), (4, "nothing came within 10s"));
}

#[test]
fn writes_are_cut_as_the_marks_say() {
    let group = "S: 220 {*}\nC: EHLO a\nS~ 250 PIPELINING\nC+ RSET\nC: RSET\n";
    passes(&format!("{group}S+ 250 {{*}}\nS: 250 {{*}}"));
    let (line, variant, what, _) = failure(&format!("{group}S+ 250 {{*}}\nS: 250 {{*}}"), Fault::NeverGroups);
    assert_eq!((line, variant), (6, Variant::AsWritten));
    assert!(what.contains("the server ended it here"), "{what}");
    let (line, _, what, _) = failure(&format!("{group}S: 250 {{*}}\nS: 250 {{*}}"), Fault::None);
    assert_eq!(line, 6);
    assert!(what.contains("the server put more into it"), "{what}");
    let (line, _, what, _) = failure(&format!("{group}S+ 250 {{*}}\nS: 250 {{*}}"), Fault::TearsLines);
    assert_eq!((line, what.as_str()), (6, "this line came in more than one write"));
    passes("S| \"220 mx.example hello\\r\\n\"\nC: NOOP\nS: 250 {*}");
    let (line, ..) = failure("S| \"220 mx\"\nS| \".example hello\\r\\n\"", Fault::None);
    assert_eq!(line, 1);
}

#[test]
fn each_variant_finds_its_fault() {
    let session = "S: 220 {*}\nC: EHLO a\nS~ 250 PIPELINING\nC: MAIL FROM:<a@b>\nS: 250 2.1.0 {*}\n\
        C: RCPT TO:<b@local.example>\nS: {code} 2.1.5 {*}\nC: DATA\nS: 354 {*}\nC: .\nS: 250 {*}\nspool 1 message";
    passes(session);
    let (line, variant, ..) = failure(session, Fault::HatesDribble);
    assert_eq!((line, variant), (3, Variant::Dribble));
    let (line, variant, ..) = failure(session, Fault::DropsPipelined);
    assert_eq!((line, variant), (7, Variant::Glued));
    let (line, variant, what, _) = failure(session, Fault::Moody);
    assert_eq!((line, variant), (7, Variant::Glued));
    assert_eq!(what, "answered `251 2.1.5` here, but `250 2.1.5` as written");
    let once = Options { variants: false, ..Options::default() };
    let judgement = judge(&script(session), &mut Fake::with(Fault::DropsPipelined), &once);
    assert!(matches!(judgement.outcome, Outcome::Passed));
}

#[test]
fn nothing_may_be_left_unheard() {
    let (line, _, what, got) =
        failure("S: 220 {*}\nC: NOOP\nS+ 250 {*}\nS: 250 {*}\nC: NOOP", Fault::Chatters);
    assert_eq!((line, what.as_str()), (5, "the server said more than the script has"));
    assert_eq!(got, ["S+ 250 2.0.0 noop", "S: 250 2.0.0 and more"]);
    let (line, _, what, _) = failure("S: 220 {*}\nC: NOOP\nC: NOOP\nS: 250 {*}\nS: 250 {*}", Fault::None);
    assert_eq!((line, what.as_str()), (3, "the server spoke before this was said"));
    let (line, _, what, _) = failure("S: 220 {*}\nC: QUIT\nS> 221 {*}\nS closes", Fault::HasLastWord);
    assert_eq!((line, what.as_str()), (4, "the server said more instead of closing"));
}

#[test]
fn closing_is_awaited_and_noticed() {
    passes("S: 220 {*}\nC: QUIT\nS: 221 {*}\nS closes");
    let (line, _, what, _) = failure("S: 220 {*}\nC: NOOP\nS: 250 {*}\nS closes", Fault::None);
    assert_eq!((line, what.as_str()), (4, "the server did not close within 10s"));
    let (line, _, what, _) = failure("S: 220 {*}\nC: QUIT\nS: 221 {*}\nS: 221 {*}", Fault::None);
    assert_eq!((line, what.as_str()), (4, "the server closed the connection"));
    passes("S: 220 {*}\nC closes\nS closes");
}

#[test]
fn replies_of_many_lines_are_matched_as_one() {
    let head = "S: 220 {*}\nC: EHLO a\n";
    passes(&format!("{head}S- 250 {{host}}\nS- 250-PIPELINING\nS: 250 SIZE {{n}}"));
    passes(&format!("{head}S> 250 SIZE {{n}}\nC: NOOP\nS: 250 {{*}}"));
    assert_eq!(failure(&format!("{head}S~ 250 SIZE 1000\nS~ 250 DSN"), Fault::None).0, 4);
    assert_eq!(failure(&format!("{head}S~ 250 SIZE 1000\nS! 250 PIPELINING"), Fault::None).0, 4);
    assert_eq!(failure(&format!("{head}S: 250 mx.example"), Fault::None).0, 3);
    assert_eq!(failure(&format!("{head}S> 250 mx.example"), Fault::None).0, 3);
}

#[test]
fn loops_and_several_clients() {
    passes(
        "S: 220 {host} {*}\nC: MAIL FROM:<a@b>\nS: 250 2.1.0 {*}\nclient 2\nS: 220 {host} {*}\nC: NOOP\n\
         S: 250 2.0.0 {*}\nclient 1\nloop 3\nC: RCPT TO:<u{i}@local.example>\nS: 250 2.1.5 {*}\nend\nC: DATA\n\
         S: 354 {*}\nC+\nC: .\nS: 250 {*}\nspool 1 message\nfrom a@b\nto u1@local.example\nto u2@local.example\n\
         to u3@local.example\nbody \"\\r\\n\"",
    );
}

#[test]
fn the_aftermath_is_judged() {
    let differs = |from: &str, to: &str| {
        let (line, variant, ..) = failure(&WHOLE.replace(from, to), Fault::None);
        assert_eq!(variant, Variant::AsWritten);
        line
    };
    assert_eq!(differs("1 message", "2 messages"), 25);
    assert_eq!(differs("from  ann", "from  eve"), 26);
    assert_eq!(differs("to    bob", "to    eve"), 27);
    assert_eq!(differs("hi\\r\\n\\r\\n.dot", "hi\\r\\n\\r\\ndot"), 28);
    assert_eq!(differs("here\\n", "there\\n"), 29);
    assert_eq!(differs("tarpit_delayed 20s", "tarpit_delayed 2s"), 30);
}

#[test]
fn what_a_lane_cannot_do_is_skipped() {
    let reason = |dialogue: &str, clock| {
        let judgement =
            judge(&script(dialogue), &mut Fake { fault: Fault::None, clock }, &Options::default());
        let Outcome::Skipped(reason) = judgement.outcome else { panic!("{:?}", judgement.outcome) };
        reason
    };
    let exact = Clock::Exact;
    assert_eq!(reason("C starts tls", exact), "not supported here, line 3: `C starts tls`");
    assert_eq!(reason("F silent", exact), "not supported here, line 3: a filter played by the script");
    assert_eq!(reason("world plain, x y\nS: 220 {*}", exact), "no setting `x y`");
    assert_eq!(reason("quiet 4s", Clock::Real), "waits 4s in real time, more than 3s");
    assert_eq!(reason("within 5m\nS closes", Clock::Real), "waits 300s in real time, more than 3s");
}

#[test]
fn a_failure_reads_as_a_difference() {
    let script = script("        S: 220 {*}\n        C: NOOP\n        S: 251 {*}");
    let outcome = judge(&script, &mut Fake::with(Fault::None), &Options::default()).outcome;
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    let expected = "t.smtp:5: another line came (lane fake, as written)\n  claim: a test\n     1  title   a test\n     \
        2  spec    rfc2821#4.1/1\n     3          S: 220 {*}\n     4          C: NOOP\n-    5          S: 251 {*}\n\
        +       S: 250 2.0.0 noop\n  what was really said:\n  |         S: 220 mx.example hello\n  |         C: NOOP\n  \
        |         S: 250 2.0.0 noop\n";
    assert_eq!(failure.report(&script, "fake").to_string(), expected);
}

#[test]
fn blessing_rewrites_server_lines_only() {
    let before = "        S: 220 {host} {*}\n        C: EHLO a\n        S~ 250 PIPELINING\n        S~ 250 DSN\n\
        \x20       C: RCPT TO:<a@b>\nquiet   20s\n        S: 250 2.1.5 {*}\n        # kept\n        C+ NOOP\n        \
        C: NOOP\n        S: 250 {*}\n        C: QUIT\n        S: 221 2.0.0 {*}\n        S: 500 no\n        S closes";
    let after = "        S: 220 {host} {*}\n        C: EHLO a\n        S~ 250 PIPELINING\n        C: RCPT TO:<a@b>\n\
        quiet   20s\n        S: 550 5.7.1 not here\n        # kept\n        C+ NOOP\n        C: NOOP\n        \
        S+ 250 {*}\n        S: 250 2.0.0 noop\n        C: QUIT\n        S: 221 2.0.0 {*}\n        S closes";
    let script = |text: &str| script(&format!("world plain, tarpit 20\n{text}"));
    let mut lane = Fake::with(Fault::None);
    let blessed = bless(&script(before), &mut lane, &Options::default()).expect("a lane that can");
    assert_eq!(blessed, Some(script(after).source));
    let again = bless(&script(after), &mut lane, &Options::default()).expect("a lane that can");
    assert_eq!(again, None);
}

#[test]
fn a_peer_is_judged_by_codes_alone() {
    let good = "S: 220 other text\nC: EHLO client.example\nS~ 250 PIPELINING\nS~ 250 SIZE 99\nS! 250 DSN\n\
        C: MAIL FROM:<a@b>\nS: 250 9.9.9 other\nC: RCPT TO:<b@local.example>\nS: 250 {*}\nC: DATA\nS: 354 {*}\nC: .\n\
        S: 250 {*}\nquiet 2s\nC: QUIT\nS: 221 {*}\nS closes\nspool 1 message";
    let (address, server) = listen(4);
    let mut lane = Peer::new(&address.to_string()).expect("an address");
    let judgement = judge(&script(good), &mut lane, &Options::default());
    assert!(matches!(judgement.outcome, Outcome::Passed), "{:?}", judgement.outcome);
    assert_eq!(judgement.notes, ["the spool was not checked"]);
    let judgement = judge(&script("S: 220 {*}\nC: NOOP\nS: 251 {*}"), &mut lane, &Options::default());
    let Outcome::Failed(failure) = judgement.outcome else { panic!("{:?}", judgement.outcome) };
    assert_eq!((failure.line, failure.got), (5, vec!["S: 250 2.0.0 noop".to_string()]));
    let other = judge(&script("world plain, x 1\nS: 220 {*}"), &mut lane, &Options::default());
    assert!(matches!(other.outcome, Outcome::Skipped(_)));
    server.join().expect("an honest server");
}

#[test]
fn time_passes_only_where_it_is_judged() {
    // A whole hour of silence, and no test waits for it.
    passes("S: 220 {*}\nquiet 1h\nC: NOOP\nS: 250 {*}\npause 1h\nC: NOOP\nS: 250 {*}");
    let strict = Options { within: Duration::ZERO, ..Options::default() };
    let slow = script("world plain, tarpit 1\nS: 220 {*}\nC: RCPT TO:<a@b>\nS: 550 {*}");
    assert!(matches!(judge(&slow, &mut Fake::with(Fault::None), &strict).outcome, Outcome::Failed(_)));
    assert!(matches!(
        judge(&slow, &mut Fake::with(Fault::None), &Options::default()).outcome,
        Outcome::Passed
    ));
}
