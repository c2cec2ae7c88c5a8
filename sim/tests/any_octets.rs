//! Whatever a client sends, a session answers, stays within its bounds, and says the same however the octets were
//! cut. Laws 2 (answered), 4 (seamless) and 6 (bounded) of the house, on streams near and far from valid.

mod streams;

use proptest::collection::vec;
use proptest::prelude::*;
use smtpserver_conformance::Lane;
use smtpserver_conformance::lane::{End, Message, Stage, Taken};
use smtpserver_conformance::script::World;
use smtpserver_sim::CoreLane;
use std::time::Duration;
use streams::streams;

/// What the server said, and what it kept, when the stream came in these segments.
fn run(world: &World, stream: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<Message>) {
    let mut lane = CoreLane;
    let mut stage = lane.open(world).expect("a plain world");
    let connection = stage.connect().expect("welcome");
    let mut rest = stream;
    for cut in cuts {
        let (segment, behind) = rest.split_at((*cut).min(rest.len()));
        stage.send(connection, segment).expect("sent");
        rest = behind;
    }
    stage.send(connection, rest).expect("sent");
    stage.end(connection, End::Half).expect("ended");
    let said = hear(&mut *stage, connection);
    (said, stage.spool().expect("seen").expect("visible"))
}

/// Everything up to the end of the session, which must come: the client has left.
fn hear(stage: &mut dyn Stage, connection: usize) -> Vec<u8> {
    let mut said = Vec::new();
    loop {
        match stage.take(connection, Duration::from_secs(86_400)).expect("heard") {
            Taken::Wrote(octets) => said.extend(octets),
            Taken::Closed => return said,
            Taken::Nothing => panic!("the session does not end"),
        }
    }
}

/// Every reply is a line of printable ASCII that begins with a code, ends with CRLF and is not too long.
fn check_replies(said: &[u8]) {
    for line in said.split_inclusive(|octet| *octet == b'\n') {
        assert!(line.len() <= 512, "a reply line of {} octets", line.len());
        let text = line.strip_suffix(b"\r\n").expect("a whole line");
        assert!(text.iter().all(|octet| (b' '..=b'~').contains(octet)), "{}", text.escape_ascii());
        assert!(text.len() > 3 && text[..3].iter().all(u8::is_ascii_digit), "{}", text.escape_ascii());
        assert!(matches!(text[3], b' ' | b'-'));
    }
}

fn world(settings: &[&str]) -> World {
    World {
        base: "plain".into(),
        settings: settings.iter().map(|&line| line.into()).collect(),
        ..World::default()
    }
}

/// The two runs said and kept the same; otherwise both are shown as text.
fn same(
    stream: &[u8],
    cut: &(Vec<u8>, Vec<Message>),
    whole: &(Vec<u8>, Vec<Message>),
) -> Result<(), TestCaseError> {
    prop_assert!(
        cut == whole,
        "client: {}\ncut:    {}\nwhole:  {}\nkept {} and {}",
        stream.escape_ascii(),
        cut.0.escape_ascii(),
        whole.0.escape_ascii(),
        cut.1.len(),
        whole.1.len()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replies_do_not_depend_on_segments(stream in streams(), cuts in vec(0_usize..200, 0..30)) {
        let world = world(&["maxsize 5000", "max-unknown-commands 1000"]);
        let whole = run(&world, &stream, &[]);
        check_replies(&whole.0);
        same(&stream, &run(&world, &stream, &cuts), &whole)?;
        let octets = vec![1; stream.len()];
        same(&stream, &run(&world, &stream, &octets), &whole)?;
    }

    #[test]
    fn the_tarpit_delays_and_changes_nothing(stream in streams()) {
        let quick = run(&world(&["max-unknown-commands 1000"]), &stream, &[]);
        let slow = run(&world(&["max-unknown-commands 1000", "tarpit 2 0.5 9", "timeout-session 86400"]), &stream, &[]);
        // A client that left is not owed what waits in the tarpit, so the slow dialogue is the head of the quick one.
        prop_assert!(quick.0.starts_with(&slow.0), "{} against {}", slow.0.escape_ascii(), quick.0.escape_ascii());
    }
}
