//! Conversations with milters that leave out, ask for more, lie, and are late; and every packet that a milter may say.

use super::*;
use crate::limits::{MILTER_MESSAGE_MAX, MILTER_STEP_MAX};
use crate::now::{Duration, Instant};
use crate::reply::Words;
use crate::spool::DraftPath;
use crate::subserver::Fault;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const HEAD: &str = "from a@x\ntodsn NOTIFY=a\nto <b@y>\ntodsn NOTIFY=c\nto <d@y>\nenv-end\nReceived: us\n";
const TEXT: &str = "Subject: hi\nTo: b@y,\n\td@y\n\nline\n.dot\n";

fn facts() -> Facts {
    Facts {
        milter: 0,
        draft: DraftPath::new("public/1").expect("short"),
        text_at: u64::try_from(HEAD.len()).expect("short"),
        client: "192.0.2.7:25".parse().expect("an address"),
        hello: "c.example".into(),
        sender: "a@x".into(),
        macros: vec![(b'M', "i", "id".into())],
    }
}

fn packet(what: u8, rest: &[u8]) -> Vec<u8> {
    super::packet::packet(what, rest)
}

fn negotiated(actions: u32, protocol: u32) -> Vec<u8> {
    let numbers: Vec<u8> = [6, actions, protocol].into_iter().flat_map(u32::to_be_bytes).collect();
    packet(b'O', &numbers)
}

/// A conversation, its file and the hour.
struct Bench {
    talk: Talk,
    file: Vec<u8>,
    seconds: u64,
    done: Option<Result<Outcome, Fault>>,
}

impl Bench {
    fn new(text: &str) -> Bench {
        let talk = Talk::new(Instant::from_micros(0), facts(), None);
        Bench { talk, file: format!("{HEAD}{text}").into_bytes(), seconds: 0, done: None }
    }

    fn bring(&mut self, input: Input<'_>) -> Vec<String> {
        let now = Instant::from_micros(self.seconds * 1_000_000);
        self.talk.handle(now, input);
        let mut said = Vec::new();
        while let Some(output) = self.talk.poll() {
            assert!(self.done.is_none(), "more after the end");
            match output {
                Output::Say(octets) => said.extend(shown(&octets)),
                Output::Read(from, most) => {
                    let from = usize::try_from(from).expect("short").min(self.file.len());
                    let piece = self.file[from..].iter().copied().take(most).collect::<Vec<u8>>();
                    self.talk.handle(now, Input::Piece(Some(&piece)));
                }
                Output::Done(outcome) => self.done = Some(outcome),
            }
        }
        said
    }

    /// The conversation as a whole, with a milter that says these to each stage; a `c` where nothing is named.
    fn whole(&mut self, actions: u32, protocol: u32, says: &[(&str, Vec<u8>)]) -> String {
        let mut all = self.bring(Input::Connected);
        let mut next = self.bring(Input::Said(&negotiated(actions, protocol)));
        while self.done.is_none() {
            let stage = next.last().cloned().expect("something is said");
            all.append(&mut next);
            let answer = says.iter().find(|(about, _)| stage.starts_with(about));
            next = self
                .bring(Input::Said(&answer.map_or_else(|| packet(b'c', &[]), |(_, answer)| answer.clone())));
        }
        all.append(&mut next);
        all.join("|")
    }
}

/// Packets, readable.
fn shown(mut octets: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("short");
        all.push(format!("{}{}", char::from(rest[0]), rest[1..length].escape_ascii()));
        octets = &rest[length..];
    }
    all
}

#[test]
fn everything_is_told_in_its_order() {
    let said = Bench::new(TEXT).whole(0x01, 0, &[]);
    let wanted = [
        r"O\x00\x00\x00\x06\x00\x00\x00\xfd\x00\x10\x07\x7f",
        r"C[192.0.2.7]\x004\x00\x19192.0.2.7\x00",
        r"Hc.example\x00",
        r"DMi\x00id\x00",
        r"M<a@x>\x00",
        r"DR{rcpt_addr}\x00b@y\x00",
        r"R<b@y>\x00",
        r"DR{rcpt_addr}\x00d@y\x00",
        r"R<d@y>\x00",
        r"T",
        r"LSubject\x00hi\x00",
        r"LTo\x00b@y,\n\td@y\x00",
        r"N",
        r"Bline\r\n.dot\r\n",
        r"E",
        r"Q",
    ];
    assert_eq!(said, wanted.join("|"));
}

#[test]
fn what_a_milter_does_not_want_is_left_out() {
    let said = Bench::new(TEXT).whole(0x01, 0x27f, &[]);
    assert_eq!(said.split('|').skip(1).collect::<Vec<_>>(), ["E", "Q"]);
    let said = Bench::new(TEXT).whole(0x01, 0x0010_0057, &[]);
    assert!(said.ends_with(r"|R<d@y>\x00|T|LSubject\x00 hi\x00|LTo\x00 b@y,\n\td@y\x00|E|Q"), "{said}");
    let long = format!("A: b\n\n{}", "x".repeat(100_000));
    let skip = [("B", packet(b's', &[]))];
    let said = Bench::new(&long).whole(0x01, 0x400, &skip);
    assert_eq!(said.matches("|Bx").count(), 1, "no more of the body is wanted");
    let said = Bench::new(&long).whole(0x01, 0, &[]);
    let body: String = said.split('|').filter_map(|said| said.strip_prefix('B')).collect();
    assert_eq!(body, "x".repeat(100_000));
    for text in ["", "\nbody\n", "body\n", "no end"] {
        let mut bench = Bench::new(text);
        let said = bench.whole(0x01, 0, &[]);
        assert!(said.contains("|T|N|") && !said.contains("|L"), "{said}");
        assert_eq!(bench.done, Some(Ok(Outcome::Taken(vec![]))));
    }
}

#[test]
fn what_is_decided_is_done() {
    let outcome = |stage: &str, answer: Vec<u8>| {
        let mut bench = Bench::new(TEXT);
        bench.whole(0xff & !0x02, 0x400, &[(stage, answer)]);
        bench.done.expect("it ended")
    };
    let words = |text| Ok(Outcome::Refused(Words::read(text)));
    for stage in ["C", "H", "M", "R", "T", "L", "N", "B", "E"] {
        assert_eq!(outcome(stage, packet(b'a', &[])), Ok(Outcome::Taken(vec![])), "{stage}");
        assert_eq!(outcome(stage, packet(b'd', &[])), Ok(Outcome::Discarded), "{stage}");
        assert_eq!(outcome(stage, packet(b'r', &[])), Ok(Outcome::Refused(Words::refusing_for_good(""))));
        assert_eq!(outcome(stage, packet(b't', &[])), Ok(Outcome::Refused(Words::refusing_for_now(""))));
        assert_eq!(outcome(stage, packet(b'y', b"550 5.7.1 spam\0")), words("550 5.7.1 spam"), "{stage}");
        assert_eq!(outcome(stage, packet(b'f', &[])), Err(Fault::Died), "{stage}");
        assert_eq!(outcome(stage, packet(b'z', &[])), Err(Fault::Unfit), "{stage}");
        assert_eq!(outcome(stage, packet(b'y', b"250 fine\0")), Err(Fault::Unfit), "{stage}");
    }
    let add = Change::AddField("X".into(), "y".into());
    assert_eq!(outcome("L", encode_change(&add)), Err(Fault::Unasked), "changes belong to the end");
    assert_eq!(outcome("C", packet(b's', &[])), Err(Fault::Unfit), "no body to skip");
    assert_eq!(outcome("C", negotiated(0, 0)), Err(Fault::Unfit));
    let changes = [
        add,
        Change::InsertField(1, "DKIM-Signature".into(), "v=1;\n\tb=x".into()),
        Change::ChangeField(2, "To".into(), String::new()),
        Change::AddRecipient("e@y".into()),
        Change::DropRecipient("b@y".into()),
        Change::Sender(String::new()),
        Change::Quarantine,
    ];
    let all: Vec<u8> = changes.iter().flat_map(encode_change).chain(packet(b'c', &[])).collect();
    let mut bench = Bench::new(TEXT);
    bench.whole(0xff & !0x02, 0x0010_0000, &[("E", all)]);
    assert_eq!(bench.done, Some(Ok(Outcome::Taken(changes.into()))));
    let endless = encode_change(&Change::AddField("X".into(), "y".repeat(1_000))).repeat(300);
    assert_eq!(outcome("E", endless), Err(Fault::Babble));
}

#[test]
fn a_milter_that_wants_more_than_there_is_or_speaks_unasked_is_none() {
    for bad in [
        negotiated(0x02, 0),
        negotiated(0, 0x80),
        packet(b'O', &[0, 0, 0, 6]),
        packet(b'c', &[]),
        vec![0; 4],
        vec![255; 4],
    ] {
        let mut bench = Bench::new(TEXT);
        bench.bring(Input::Connected);
        bench.bring(Input::Said(&bad));
        assert!(matches!(bench.done, Some(Err(Fault::Unfit | Fault::Babble))), "{bad:?}");
    }
    let mut bench = Bench::new(TEXT);
    bench.bring(Input::Said(&packet(b'c', &[])));
    assert_eq!(bench.done, Some(Err(Fault::Unasked)));
    let mut bench = Bench::new(TEXT);
    bench.bring(Input::Ended);
    assert_eq!(bench.done, Some(Err(Fault::Died)));
}

#[test]
fn a_milter_has_its_time_and_no_more() {
    let mut bench = Bench::new(TEXT);
    bench.bring(Input::Connected);
    bench.bring(Input::Said(&negotiated(0, 0)));
    bench.seconds = MILTER_STEP_MAX.as_secs() - 1;
    bench.bring(Input::Said(&packet(b'p', &[])));
    bench.seconds += MILTER_STEP_MAX.as_secs() - 1;
    bench.bring(Input::Tick);
    assert_eq!(bench.done, None, "it is at work");
    bench.seconds += 1;
    bench.bring(Input::Tick);
    assert_eq!(bench.done, Some(Err(Fault::Late)));
    let mut bench = Bench::new(TEXT);
    bench.bring(Input::Connected);
    while bench.done.is_none() {
        bench.seconds += 10;
        bench.bring(Input::Said(&packet(b'p', &[])));
    }
    assert!(Duration::from_secs(bench.seconds) <= MILTER_MESSAGE_MAX + Duration::from_secs(10));
}

#[test]
fn nothing_that_a_milter_says_breaks_out() {
    for (what, rest) in [
        (b'h', &b"X\0y\nEvil: z\0"[..]),
        (b'h', b"X\0y\n\n\tz\0"),
        (b'h', b"X Y\0z\0"),
        (b'h', b"X\0y\rz\0"),
        (b'h', b"X\0y"),
        (b'h', b"X\0\0"),
        (b'i', b"\0\0\0\x01X\0y\n.\0"),
        (b'm', b"\0\0\0"),
        (b'+', b"<a@y>\nto <e@y>\0"),
        (b'-', b""),
        (b'y', b"550 a\rb\0"),
        (b'y', b"55\0"),
        (b'y', b"\0"),
        (b'y', b"550x\0"),
        (b'q', b"reason"),
        (b'b', b"body"),
        (b'c', b"x"),
    ] {
        assert_eq!(reply(what, rest), None, "{what} {rest:?}");
    }
    let two = reply(b'y', b"550-5.7.1 one\r\n550 5.7.1 two\0");
    assert!(matches!(two, Some(Reply::Refuse(words)) if words.refuses_for_good()));
    assert_eq!(
        reply(b'h', b"X\0y\r\n z\r\n\0"),
        Some(Reply::Change(Change::AddField("X".into(), "y\n z".into())))
    );
    let with = reply(b'2', b"<e@y>\0NOTIFY=NEVER\0");
    assert_eq!(with, Some(Reply::Change(Change::AddRecipient("e@y".into()))));
}

proptest! {
    #[test]
    fn any_packets_in_any_pieces_come_to_an_end(
        octets in proptest::collection::vec(any::<u8>(), 0..200),
        size in 1_usize..50,
        good in 0_usize..12,
    ) {
        let said: Vec<u8> = negotiated(0, 0).into_iter().chain(packet(b'c', &[]).repeat(good)).chain(octets).collect();
        let mut bench = Bench::new(TEXT);
        bench.bring(Input::Connected);
        for piece in said.chunks(size) {
            bench.bring(Input::Said(piece));
        }
        bench.seconds += 100_000;
        bench.bring(Input::Tick);
        prop_assert!(bench.done.is_some());
    }
}
