//! Manners that depend on when octets come, on a load, or on nobody being there: the bare session.

use super::*;
use crate::config::manners::Batch;
use crate::config::param;
use crate::limits::RECORDED_SAID_MAX;
use crate::spool::Leftover;

fn set(settings: &mut Settings, line: &str) {
    param::apply(settings, line).expect("a parameter");
}

fn bench(line: &'static str) -> Bench {
    Bench::new(|settings| set(settings, line))
}

#[test]
fn what_is_sent_ahead_where_it_must_not_be_ends_the_session() {
    let group = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\n";
    let table = [
        // A reply to wait for, and octets behind it.
        ("", "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n"),
        ("", "HELO c.example\r\nMAIL FROM:<a@c.example>\r\n"),
        ("EHLO c.example\r\n", "NOOP\r\nN"),
        (
            "EHLO c.example\r\n",
            "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nDATA\r\nSubject: x\r\n",
        ),
        ("EHLO c.example\r\n", "QUIT\r\nNOOP\r\n"),
        // A client that cannot know that groups are understood.
        ("HELO c.example\r\n", group),
        ("", "RSET\r\nRSET\r\n"),
    ];
    for (before, ahead) in table {
        let mut bench = bench("check-pipelining");
        bench.say(before);
        bench.heard();
        bench.say(ahead);
        let heard = bench.heard();
        assert!(
            heard.ends_with(
                "554 5.5.1 you sent ahead where a client waits for the reply, closing connection\r\n"
            ),
            "{ahead}: {heard}"
        );
        assert_eq!(bench.closed, Some(Reason::Misbehaved), "{ahead}");
        assert!(!bench.orders.iter().any(|order| matches!(order, Order::Commit(_))));
    }
}

#[test]
fn what_may_be_sent_ahead_is_taken() {
    let mut bench = bench("check-pipelining");
    bench.say("EHLO c.example\r\n");
    bench.say("MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nBDAT 3\r\nx\r\nBDAT 3 LAST\r\ny\r\n");
    assert!(bench.closed.is_none());
    let mut plain = Bench::new(|settings| {
        set(settings, "check-pipelining");
        set(settings, "NoPIPELINING");
    });
    plain.say("EHLO c.example\r\n");
    plain.say("RSET\r\nRSET\r\n");
    assert_eq!(plain.closed, Some(Reason::Misbehaved), "it was not offered");
}

#[test]
fn a_busy_machine_sends_clients_away() {
    let mut settings = Settings::new("mx.example");
    set(&mut settings, "max-loadaverage 20");
    for (load, welcome) in [(None, true), (Some(2_000), true), (Some(2_001), false)] {
        let mut bench = Bench::new(|own| *own = settings.clone());
        assert!(bench.heard().starts_with("220"), "nobody knows the load");
        bench.load = load;
        // The same session again, from its beginning.
        bench.session =
            Session::new(Arc::new(settings.clone()), bench.session.id(), Arc::clone(bench.session.peer()));
        bench.handle(Input::Opened);
        let heard = bench.heard();
        assert_eq!(heard.starts_with("220"), welcome, "{heard}");
        assert_eq!(heard.starts_with("421 4.3.2"), !welcome, "{heard}");
        assert_eq!(bench.closed, (!welcome).then_some(Reason::Trouble));
    }
}

#[test]
fn a_pattern_has_a_load_of_its_own() {
    let mut bench = Bench::new(|settings| {
        set(settings, "helo-pattern *.busy.example 4 ve");
        set(settings, "helo-pattern * * ve");
    });
    bench.load = Some(500);
    bench.say("EHLO c.example\r\n");
    assert!(bench.heard().ends_with("250 HELP\r\n"));
    bench.say("EHLO a.busy.example\r\n");
    assert!(bench.heard().starts_with("421 4.3.2"));
    assert_eq!(bench.closed, Some(Reason::Trouble));
}

#[test]
fn whoever_leaves_in_the_pause_is_gone_and_whoever_stops_says_so() {
    let mut gone = bench("greet-pause 5");
    gone.handle(Input::PeerClosed);
    assert_eq!((gone.heard().as_str(), gone.closed), ("", Some(Reason::PeerClosed)));
    let mut stopping = bench("greet-pause 5");
    stopping.handle(Input::ShuttingDown);
    assert!(stopping.heard().starts_with("421"));
    let mut waiting = bench("greet-pause 5");
    waiting.handle(Input::Tick);
    assert_eq!(waiting.heard(), "", "an early tick is no greeting");
    waiting.pass(5);
    waiting.handle(Input::Tick);
    assert!(waiting.heard().starts_with("220 "));
}

fn batch(echo: bool, unix_lines: bool) -> Bench {
    Bench::new(|settings| {
        settings.manners.batch = Some(Batch { marked: false, echo, unix_lines, user: 7 });
        set(settings, "greet-pause 5");
        set(settings, "max-loadaverage 1");
    })
}

#[test]
fn the_text_of_a_refused_message_is_never_commands() {
    let mut bench = batch(false, false);
    assert!(bench.heard().starts_with("220"), "nobody pauses for a batch");
    for refused in
        ["MAIL FROM:<a@c.example>\r\nRCPT TO:<e@elsewhere.example>\r\nDATA\r\n", "DATA now\r\n", "DATA\r\n"]
    {
        bench.say(refused);
        bench.say("RSET\r\nQUIT\r\n..\r\n.\r\n");
        let heard = bench.heard();
        assert!(!heard.contains("221") && !heard.contains("nothing is kept"), "{heard}");
    }
    bench.say("NOOP\r\n");
    assert_eq!(bench.heard(), "250 2.0.0 NOOP ok\r\n");
}

#[test]
fn who_wants_no_trace_field_gets_none() {
    for (line, wanted) in [("no-received-header", false), ("NoDSN", true)] {
        let mut bench = bench(line);
        bench.say("HELO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nDATA\r\n");
        bench.say("Subject: x\r\n\r\n.\r\n");
        let mut stored = Vec::new();
        for order in &bench.orders {
            if let Order::Append(octets) = order {
                stored.extend_from_slice(octets);
            }
        }
        let stored = String::from_utf8(stored).expect("text");
        let (_, message) = stored.split_once("env-end\n").expect("an envelope");
        assert_eq!(message.starts_with("Received: from c.example"), wanted, "{stored}");
        assert!(message.ends_with("Subject: x\n\n"), "{stored}");
    }
}

#[test]
fn what_was_refused_of_one_message_is_no_part_of_another() {
    let mut bench = batch(false, false);
    bench.say("MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nDATA bad\r\ntext\r\n.\r\n");
    bench.say("MAIL FROM:<x@c.example>\r\nRCPT TO:<y@local.example>\r\n");
    bench.say("MAIL FROM:<z@c.example>\r\nRCPT TO:<w@local.example>\r\nDATA\r\ntext\r\n.\r\n");
    let heard = bench.heard();
    assert!(heard.ends_with("503 5.5.1 send MAIL first\r\n503 5.5.1 send MAIL first\r\n"), "{heard}");
    assert!(!bench.orders.iter().any(|order| matches!(order, Order::Commit(_))));
}

#[test]
fn a_batch_repeats_its_commands_and_marks_its_messages() {
    let mut bench = batch(true, false);
    bench.heard();
    bench.say("TICK 17\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\n");
    let heard = bench.heard();
    assert!(heard.starts_with("TICK 17\r\n250 2.0.0 TICK 17\r\nMAIL FROM:<a@c.example>\r\n250 "), "{heard}");
    let head = bench.orders.iter().find_map(|order| match order {
        Order::Append(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
        Order::Begin
        | Order::Show
        | Order::Revise(_)
        | Order::Commit(_)
        | Order::Abandon
        | Order::Leave(_) => None,
    });
    let head = head.expect("the head of the envelope");
    assert!(head.contains("with BSMTP\nidentinfo uid#7@localhost\n"), "{head}");
    assert!(!head.contains("external") && !head.contains("rcvdfrom"), "{head}");
}

#[test]
fn sizes_that_are_not_true_any_more_are_not_believed() {
    let mut bench = batch(false, true);
    bench.say("MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nBDAT 3 LAST\r\nx\r\n");
    assert_eq!(bench.closed, Some(Reason::Misbehaved));
    assert!(bench.heard().contains("501 5.5.4 BDAT"));
}

#[test]
fn ten_thousand_replies_are_many_writes_of_whole_lines() {
    let mut bench = bench("lmtp-mode");
    bench.say("LHLO c.example\r\n");
    bench.handle(Input::Sent);
    bench.say("MAIL FROM:<a@c.example>\r\n");
    for _ in 0..3_000 {
        bench.say("RCPT TO:<b@local.example>\r\n");
        bench.handle(Input::Sent);
        bench.handle(Input::Reported(Report::Room(1_000)));
    }
    bench.say("DATA\r\n");
    bench.heard();
    bench.say("bare\nnewline\r\n.\r\n");
    assert_eq!(bench.heard().matches("550 5.5.2 ").count(), 3_000);
    assert!(bench.writes_max <= RECORDED_SAID_MAX, "{} octets", bench.writes_max);
}

#[test]
fn nobody_waits_for_ever_for_the_room_of_a_client_behind_a_proxy() {
    let mut bench = bench("xclient-from 127.0.0.0/8");
    bench.say("EHLO proxy.example\r\n");
    bench.heard();
    bench.answering = false;
    bench.say("XCLIENT ADDR=203.0.113.9\r\n");
    bench.pass(61);
    bench.handle(Input::Tick);
    assert!(bench.heard().starts_with("421"));
    assert_eq!(bench.closed, Some(Reason::Trouble));
}

#[test]
fn the_beginning_of_a_message_is_left_where_that_is_wished() {
    let data = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nDATA\r\nbegin";
    let chunk = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nBDAT 10\r\nbegin";
    let between = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nBDAT 5\r\nbegin";
    let envelope = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\n";
    let table = [
        ("style veD", data, false, Some(Leftover::DataEnded)),
        ("style veD", chunk, false, Some(Leftover::ChunksEnded)),
        ("style veD", between, false, Some(Leftover::ChunksEnded)),
        ("style veD", data, true, Some(Leftover::TimedOut)),
        ("style veD", envelope, false, None),
        ("style ve", data, false, None),
        ("helo-pattern c.example veD", data, false, Some(Leftover::DataEnded)),
        ("helo-pattern other.example veD", data, false, None),
    ];
    for (line, text, slow, wanted) in table {
        let mut bench = bench(line);
        bench.say("EHLO c.example\r\n");
        bench.say(text);
        if slow {
            bench.pass(1_000);
            bench.handle(Input::Tick);
        } else {
            bench.handle(Input::PeerClosed);
        }
        assert!(bench.closed.is_some());
        let last = wanted.map_or(Order::Abandon, Order::Leave);
        assert_eq!(bench.orders.last(), Some(&last), "{line}: {text}");
    }
}
