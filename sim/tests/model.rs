//! Law 10 (exact), and the rest by the way: the real session says and keeps what the simple model says it must, on
//! streams near and far from valid, with and without trouble in the world; so do tarpit, rate window and admission.

mod streams;

use proptest::collection::vec;
use proptest::prelude::*;
use smtpserver_conformance::Lane;
use smtpserver_conformance::lane::{End, Taken};
use smtpserver_conformance::script::World;
use smtpserver_core::config::param;
use smtpserver_core::server::Solo;
use smtpserver_core::server::admission::{Admission, Decision};
use smtpserver_core::server::rate_window::{Key, RateLimit, RateVerdict, RateWindows};
use smtpserver_core::server::tarpit::{Tarpit, TarpitRule};
use smtpserver_core::spool::{Order, Report, SpoolFault, Stored};
use smtpserver_core::{Input, Instant, Now, Output, Peer, Session, SessionId, Settings, Source, Wall};
use smtpserver_sim::CoreLane;
use smtpserver_sim::model::{self, Connections, Counted, Course, Door, Kept, Rates, Room, Wait};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use streams::streams;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// Settings that change what is said.
const LINES: [&[&str]; 8] = [
    &[],
    &["maxsize 30", "max-error-recipients 1"],
    &["maxsize 5000", "max-unknown-commands 3"],
    &["bare-newline normalize", "max-unknown-commands 1000"],
    &["NoCHUNKING"],
    &["NoDSN", "NoDELIVERBY"],
    &["deliverby 200", "maxsize 90"],
    &["localnames client.example", "max-unknown-commands 1000"],
];

fn settings(lines: &[&str]) -> Settings {
    let mut settings = Settings::new("mx.local.example");
    for line in ["localnames local.example"].iter().chain(lines) {
        param::apply(&mut settings, line).expect("a good line");
    }
    settings
}

/// The code of each reply.
fn codes(said: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(said);
    let last_lines = text.split_terminator("\r\n").filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    last_lines.map(|line| line[..3].parse().expect("a code")).collect()
}

fn expected_codes(course: &Course) -> Vec<u16> {
    course.replies.iter().map(|said| said.code).collect()
}

/// Reverse-path, recipients and body of a stored file.
fn read(raw: &[u8]) -> (String, Vec<String>, Vec<u8>) {
    let after = |mark: &[u8], from: usize| {
        let at = raw[from..].windows(mark.len()).position(|window| window == mark).expect("a mark");
        from + at + mark.len()
    };
    let head_end = after(b"env-end\n", 0);
    let head = String::from_utf8_lossy(&raw[..head_end]).into_owned();
    let field = |name: &str| -> Vec<String> {
        let values = head.lines().filter_map(|line| line.strip_prefix(name));
        values.map(|path| path.trim_matches(['<', '>']).to_owned()).collect()
    };
    let from = field("from ").first().cloned().unwrap_or_default();
    (from, field("to "), raw[after(b" (UTC)\n", head_end)..].to_vec())
}

fn as_kept(kept: &Kept) -> (String, Vec<String>, Vec<u8>) {
    (kept.from.clone(), kept.to.clone(), kept.body.clone())
}

/// Runs a stream through the kindest of worlds and compares.
fn compare(lines: &[&str], stream: &[u8]) -> Result<(), TestCaseError> {
    let world = World {
        base: "plain".into(),
        settings: lines.iter().map(|&line| line.into()).collect(),
        ..World::default()
    };
    let mut lane = CoreLane;
    let mut stage = lane.open(&world).expect("a plain world");
    let connection = stage.connect().expect("welcome");
    stage.send(connection, stream).expect("sent");
    stage.end(connection, End::Half).expect("ended");
    let mut said = Vec::new();
    while let Taken::Wrote(octets) = stage.take(connection, Duration::from_secs(86_400)).expect("heard") {
        said.extend(octets);
    }
    let course = model::predict(&settings(lines), CLIENT, stream);
    prop_assert_eq!(codes(&said), expected_codes(&course), "{:?}: {}", lines, stream.escape_ascii());
    let stored: Vec<_> =
        stage.spool().expect("seen").expect("visible").iter().map(|message| read(&message.raw)).collect();
    let kept: Vec<_> = course.kept.iter().map(as_kept).collect();
    prop_assert_eq!(stored, kept, "{:?}: {}", lines, stream.escape_ascii());
    Ok(())
}

/// Pieces of which command lines are made, good and bad.
const PIECES: [&str; 64] = [
    "MAIL FROM:",
    "MAIL From: ",
    "RCPT TO:",
    "rcpt to:",
    "SOML FROM:",
    "MAIL FROM",
    "HELO ",
    "EHLO ",
    "BDAT ",
    "<",
    ">",
    "<>",
    "@",
    ".",
    "\"",
    "\\",
    "\"a b\"",
    "\"a\\\"b\"",
    "\"ab\"",
    "bob",
    "postmaster",
    "<postmaster>",
    "<PostMaster@mx.local.example>",
    "<bob@local.example>",
    "<bob@LOCAL.example>",
    "@a.example,@b.example:",
    "@a:",
    "[192.0.2.1]",
    "[192.0.2.001]",
    "[IPv6:::1]",
    "[ipv6:2001:DB8::1]",
    "[x:1]",
    "local.example",
    "-a.example",
    "a_b",
    "1.2",
    " ",
    "  ",
    "\t",
    " SIZE=10",
    " SIZE=",
    " size=99999999999999999999",
    " BODY=8BITMIME",
    " BODY=BINARYMIME",
    " BODY=9BIT",
    " RET=FULL",
    " RET=x",
    " ENVID=a+2Bb",
    " ENVID=a+2b",
    " ENVID=+0A",
    " BY=120;R",
    " BY=-5;N",
    " BY=0;RT",
    " BY=+199;rt",
    " NOTIFY=NEVER",
    " NOTIFY=SUCCESS,delay",
    " NOTIFY=NEVER,DELAY",
    " ORCPT=rfc822;x+40y",
    " ORCPT=rfc822",
    " FOO",
    " FOO=1",
    " -A=1",
    " SIZE=1 SIZE=2",
    " 10 LAST",
];

/// A dialogue of command lines made of pieces, in a session that has begun.
fn spelled() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => vec(prop::sample::select(&PIECES[..]), 1..7).prop_map(|pieces| pieces.concat()),
        2 => (prop::sample::select(&PIECES[..6]), vec(prop::sample::select(&PIECES[9..36]), 0..4), vec(prop::sample::select(&PIECES[41..63]), 0..3))
            .prop_map(|(verb, middle, end)| format!("{verb}<{}>{}", middle.concat(), end.concat())),
        2 => (0_usize..2, vec(prop::sample::select(&PIECES[41..63]), 0..4)).prop_map(|(which, end)| {
            format!("{}{}", ["MAIL FROM:<ann@client.example>", "RCPT TO:<bob@local.example>"][which], end.concat())
        }),
        // Lengths at their bounds: of a local part, a domain, a path, ENVID, ORCPT, a name.
        2 => (0_usize..8, 0_usize..4).prop_map(|(which, more)| long(which, more)),
        1 => Just("MAIL FROM:<>".to_owned()),
        1 => Just("RSET".to_owned()),
    ];
    vec(line, 1..12)
        .prop_map(|lines| format!("EHLO client.example\r\n{}\r\n", lines.join("\r\n")).into_bytes())
}

/// A line with something in it that is `more` octets longer than one that may just be too short or just right.
fn long(which: usize, more: usize) -> String {
    let x = |length: usize| "x".repeat(length + more);
    match which {
        0 => format!("MAIL FROM:<{}@client.example>", x(62)),
        1 => format!("MAIL FROM:<\"{} \"@client.example>", x(59)),
        2 => format!("MAIL FROM:<ann@{}.example>", x(61)),
        3 => format!("MAIL FROM:<ann@{}{}>", "a.".repeat(119), x(11)),
        4 => format!("MAIL FROM:<{}@{}b>", x(1), "a.".repeat(125)),
        5 => format!("MAIL FROM:<ann@client.example> ENVID={}", x(98)),
        6 => format!("RCPT TO:<bob@local.example> ORCPT=rfc822;{}", x(491)),
        _ => format!("EHLO {}", x(253)),
    }
}

fn now(instant: Instant) -> Now {
    Now { instant, wall: Wall::default() }
}

/// A session in a world with trouble, and what it said and kept. Each trouble is used up by one question or commit.
fn troubled(settings: &Arc<Settings>, stream: &[u8], mut troubles: VecDeque<u8>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let peer = Arc::new(Peer::new(SocketAddr::new(CLIENT, 4000), SocketAddr::new(CLIENT, 25)));
    let mut instant = Instant::from_micros(1_000_000);
    let mut server = Solo::new(now(instant), Arc::clone(settings), Arc::clone(&peer));
    let mut session = Session::new(Arc::clone(settings), server.session(), peer);
    let (mut said, mut stored, mut draft) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = stream;
    session.handle(now(instant), Input::Opened);
    loop {
        match session.poll() {
            Some(Output::Write(octets)) => said.extend(octets),
            Some(Output::Ask(ticket, question)) => {
                let free_kib = match troubles.pop_front() {
                    Some(0) => Some(0),
                    Some(1) => {
                        // No answer comes. Whoever asked about the connection is not tried so hard.
                        instant = session.deadline().expect("it waits");
                        if !said.is_empty() {
                            session.handle(now(instant), Input::Tick);
                            continue;
                        }
                        None
                    }
                    _ => None,
                };
                server.measured(now(instant), free_kib);
                let answer = server.answer(now(instant), ticket, question);
                session.handle(now(instant), Input::Answered(ticket, answer));
            }
            Some(Output::Inquire(ticket, inquiry)) => {
                session.handle(now(instant), Input::Advised(ticket, smtpserver_sim::users::advice(&inquiry)));
            }
            Some(Output::Attempt(_)) => {}
            Some(Output::Order(
                Order::Begin | Order::Show | Order::Revise(_) | Order::Abandon | Order::Leave(_),
            )) => draft.clear(),
            Some(Output::Order(Order::Append(octets))) => {
                draft.extend_from_slice(&octets);
                session.handle(now(instant), Input::Reported(Report::Room(octets.len())));
            }
            Some(Output::Order(Order::Commit(_))) => {
                let report = match troubles.pop_front() {
                    Some(0) => Report::Failed(SpoolFault::Full),
                    Some(1) => Report::Failed(SpoolFault::Broken),
                    _ => {
                        stored.push(draft.clone());
                        Report::Committed(Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 0 })
                    }
                };
                session.handle(now(instant), Input::Reported(report));
            }
            Some(Output::Secure(_) | Output::Event(_)) => {}
            Some(Output::Close(_)) => return (said, stored),
            // The client takes every reply at once.
            None if session.awaits_sent() => session.handle(now(instant), Input::Sent),
            None if rest.is_empty() => session.handle(now(instant), Input::PeerClosed),
            None => {
                let (octets, behind) = rest.split_at(session.wants_bytes().min(rest.len()));
                rest = behind;
                session.handle(now(instant), Input::Bytes(octets));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_says_and_keeps_what_the_model_says(stream in streams(), which in 0..LINES.len()) {
        compare(LINES[which], &stream)?;
    }

    #[test]
    fn every_command_line_is_judged_alike(stream in spelled(), which in 0..LINES.len()) {
        let lines = [LINES[which], &["max-unknown-commands 1000"]].concat();
        compare(&lines, &stream)?;
    }

    #[test]
    fn the_course_after_trouble_is_the_same(stream in streams(), troubles in vec(0_u8..8, 0..30), which in 0..LINES.len()) {
        let settings = Arc::new(settings(LINES[which]));
        let (said, stored) = troubled(&settings, &stream, troubles.into());
        let heard = codes(&said);
        let course = model::follow(&settings, CLIENT, &stream, &heard, None);
        prop_assert_eq!(&heard, &expected_codes(&course), "{}", stream.escape_ascii());
        let stored: Vec<_> = stored.iter().map(|raw| read(raw)).collect();
        prop_assert_eq!(stored, course.kept.iter().map(as_kept).collect::<Vec<_>>());
    }

    /// A client that stays hears every reply exactly when the tarpits before it are over, and 421 at the end.
    #[test]
    fn replies_come_at_their_hour(stream in streams(), initial in 0_u32..9, growth in 0_u32..30) {
        let lines = [format!("tarpit {initial} 0.{growth} 12"), "max-unknown-commands 1000".to_owned()];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let world = World { base: "plain".into(), settings: lines.iter().map(|&line| line.into()).collect(), ..World::default() };
        let mut lane = CoreLane;
        let mut stage = lane.open(&world).expect("a plain world");
        let connection = stage.connect().expect("welcome");
        let began = stage.now();
        stage.send(connection, &stream).expect("sent");
        let mut heard = Vec::new();
        while let Taken::Wrote(octets) = stage.take(connection, Duration::from_secs(86_400)).expect("heard") {
            heard.extend(codes(&octets).into_iter().map(|code| (code, stage.now() - began)));
        }
        let settings = settings(&lines);
        let course = model::predict(&settings, CLIENT, &stream);
        let (mut at, mut delays) = (Duration::ZERO, 0);
        let mut expected = Vec::new();
        for reply in &course.replies {
            if reply.wait == Wait::Yes {
                at += model::delay(settings.tarpit, delays);
                delays += 1;
            }
            expected.push((reply.code, at));
        }
        if !course.closed {
            prop_assert_eq!(heard.pop().map(|(code, _)| code), Some(421));
        }
        prop_assert_eq!(heard, expected, "{}", stream.escape_ascii());
    }

    #[test]
    fn the_tarpit_equals_its_twin(initial in 0_u64..400_000_000, growth in 0_u64..3_000_000, top in 0_u64..400_000_000) {
        let rule = TarpitRule { initial_micros: initial, exponent_millionths: growth, top_micros: top };
        let mut tarpit = Tarpit::new(rule);
        for nth in 0..40 {
            prop_assert_eq!(tarpit.delay().unwrap_or_default(), model::delay(rule, nth));
        }
    }

    #[test]
    fn rate_windows_equal_their_twin(
        steps in vec((0_u64..3_000, 0_u8..6, 0_u16..4, 1_u32..6, -1_i64..12), 1..150),
    ) {
        let mut windows = RateWindows::new(1_000);
        let mut rates = Rates::default();
        let mut now = Duration::ZERO;
        for (later, what, who, number, limit) in steps {
            now += Duration::from_millis(later * later / 10);
            let client = client(who);
            let key = Key::Source(Source::of(client));
            let instant = Instant::ZERO + now;
            match what {
                0 => { windows.count_connect(key, instant); rates.count(client, now, Counted::Connect); }
                1 => { windows.count_mail(key, instant); rates.count(client, now, Counted::Mail); }
                2 => { windows.count_message(key, instant); rates.count(client, now, Counted::Message); }
                3 => { windows.count_recipients(key, instant, number); rates.count(client, now, Counted::Recipients(number)); }
                _ => {}
            }
            let limits = RateLimit { messages: limit, recipients: limit };
            let room = |verdict| match verdict {
                RateVerdict::Within => Room::Yes,
                RateVerdict::Excess { retry_after } => Room::In(retry_after),
                RateVerdict::Forbidden => Room::Never,
            };
            prop_assert_eq!(room(windows.judge_message(key, instant, limits)), rates.room_for_message(client, now, limit));
            prop_assert_eq!(room(windows.judge_recipient(key, instant, limits)), rates.room_for_recipient(client, now, limit));
            let report = windows.report(key, instant);
            let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
            prop_assert_eq!(sum(&report.messages), rates.messages_now(client, now));
            prop_assert_eq!(sum(&report.recipients), rates.recipients_now(client, now));
            let known = (u64::from(report.mails), u64::from(report.connects));
            prop_assert_eq!(known, rates.mails_and_connects(client, now));
        }
    }

    #[test]
    fn admission_equals_its_twin(
        same in 1_u64..4, total in 1_u64..8, steps in vec((0_u16..5, any::<bool>(), any::<prop::sample::Index>()), 1..250),
    ) {
        let limits = settings(&[&format!("MaxSameIpSource {same}"), &format!("MaxParallelConnections {total}")]).limits;
        let mut admission = Admission::default();
        let mut connections = Connections::default();
        let mut there = Vec::new();
        for (serial, (who, comes, which)) in (1..).zip(steps) {
            if !comes {
                if !there.is_empty() {
                    let gone: SessionId = there.swap_remove(which.index(there.len()));
                    admission.leave(gone);
                    connections.leave(gone.serial);
                }
                continue;
            }
            let (client, id) = (client(who), SessionId { began: 0, serial });
            let source = Source::of(client);
            let door = match admission.judge(&limits, Some(source), limits.same_source_max) {
                Decision::Welcome => { admission.enter(id, Some(source)); Door::Welcome }
                Decision::TurnAway(_) => { admission.turn_away(id, Some(source)); Door::TurnAway }
                Decision::Drop(_) => Door::Drop,
            };
            prop_assert_eq!(connections.come(&limits, serial, client), door);
            if door != Door::Drop {
                there.push(id);
            }
            prop_assert_eq!(connections.sessions(), usize::try_from(admission.total()).expect("a count"));
        }
    }
}

/// Five addresses of three sources: an IPv4 address in two forms, two hosts of one /64, and one of another.
fn client(which: u16) -> IpAddr {
    match which {
        0 => CLIENT,
        1 => IpAddr::V6(Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped()),
        2 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1)),
        3 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, 9)),
        _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1)),
    }
}
