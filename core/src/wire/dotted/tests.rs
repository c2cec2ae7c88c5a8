//! The reader of DATA against a naive twin, under any segmentation; the smuggler's sequences.

extern crate std;

use super::*;
use alloc::format;
use proptest::prelude::*;

/// Everything a reader can tell.
#[derive(Debug, PartialEq)]
struct Seen {
    out: Vec<u8>,
    used: usize,
    ended: bool,
    fault: Option<TextFault>,
    octets: u64,
    received: u32,
}

fn seen<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let (mut reader, mut out, mut used, mut ended) =
        (DottedReader::new(BareNewline::Reject), Vec::new(), 0, false);
    for piece in pieces {
        let progress = reader.read(piece, &mut out);
        assert!(progress.used == piece.len() || progress.ended);
        (used, ended) = (used + progress.used, progress.ended);
    }
    Seen {
        out,
        used,
        ended,
        fault: reader.fault(),
        octets: reader.octets(),
        received: reader.received_fields(),
    }
}

/// The same by looking at one octet at a time, with the whole past at hand.
fn model(input: &[u8]) -> Seen {
    let mut used = input.len();
    let mut ended = false;
    // The end is a line of one dot, and a line starts only behind a CRLF or at the very start.
    for at in 0..input.len() {
        let line_start = at == 0 || input[..at].ends_with(b"\r\n");
        if line_start && input[at..].starts_with(b".\r\n") {
            (used, ended) = (at + 3, true);
            break;
        }
    }
    let message = &input[..if ended { used - 3 } else { used }];
    let (mut out, mut fault, mut octets) = (Vec::new(), None, 0);
    for at in 0..message.len() {
        let (past, octet, next) = (&message[..at], message[at], message.get(at + 1));
        let line_start = at == 0 || past.ends_with(b"\r\n");
        let undecided = next.is_none() && !ended;
        match octet {
            b'.' if line_start => continue,
            b'\r' if undecided => continue,
            b'\r' if next == Some(&b'\n') => {}
            b'\r' => fault = fault.or(Some(TextFault::BareCr)),
            b'\n' if past.ends_with(b"\r") => {
                if fault.is_none() {
                    out.push(b'\n');
                }
            }
            b'\n' => fault = fault.or(Some(TextFault::BareLf)),
            0 => fault = fault.or(Some(TextFault::Nul)),
            _ => {
                if fault.is_none() {
                    out.push(octet);
                }
            }
        }
        octets += 1;
    }
    Seen { out, used, ended, fault, octets, received: received_in(message) }
}

/// Counts in whole lines: cut at CRLF, one leading dot removed.
fn received_in(message: &[u8]) -> u32 {
    let text: alloc::string::String = message.iter().map(|&octet| char::from(octet)).collect();
    text.split("\r\n")
        .map(|line| line.strip_prefix('.').unwrap_or(line))
        .take_while(|line| !line.is_empty())
        .filter(|line| line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case("received:")))
        .count()
        .try_into()
        .expect("few lines")
}

#[test]
fn stored_form() {
    for (input, out, octets) in [
        (&b".\r\n"[..], &b""[..], 0),
        (b"a\r\n.\r\n", b"a\n", 3),
        (b"a\r\nb\r\n.\r\n", b"a\nb\n", 6),
        (b"..\r\n.\r\n", b".\n", 3),
        (b"...\r\n.\r\n", b"..\n", 4),
        (b".a\r\n.\r\n", b"a\n", 3),
        (b"a.\r\n.\r\n", b"a.\n", 4),
        (b"\r\n\r\n.\r\n", b"\n\n", 4),
        (b"\xff\x80\t\x7f\r\n.\r\n", b"\xff\x80\t\x7f\n", 6),
    ] {
        let expected =
            Seen { out: out.to_vec(), used: input.len(), ended: true, fault: None, octets, received: 0 };
        assert_eq!(seen([input]), expected, "{input:?}");
        let followed = [input, b"QUIT\r\n"].concat();
        assert_eq!(seen([&followed[..]]), expected, "what follows the end is not touched: {input:?}");
    }
}

#[test]
fn only_one_end_is_an_end() {
    use TextFault::*;
    for (input, out, fault) in [
        (&b"a\n.\n"[..], &b"a"[..], BareLf),
        (b"a\n.\r\n", b"a", BareLf),
        (b"a\r.\r\n", b"a", BareCr),
        (b"a\r.\r", b"a", BareCr),
        (b"a\r\n.\n", b"a\n", BareLf),
        (b"a\r\n.\r.\r\n", b"a\n", BareCr),
        (b"a\r\n.\r\r\n", b"a\n", BareCr),
        (b"a\r\r\n", b"a", BareCr),
        (b"a\r\n\n.\r\n", b"a\n", BareLf),
        (b"a\r\n\0.\r\n", b"a\n", Nul),
        (b"a\r\n.\0\r\n", b"a\n", Nul),
        (b"a\0\r\n", b"a", Nul),
        (b"\n.\r\n", b"", BareLf),
        (b"a\r\n.\n.\r\n", b"a\n", BareLf),
    ] {
        let without_end = seen([input]);
        assert_eq!((&without_end.out[..], without_end.fault), (out, Some(fault)), "{input:?}");
        assert!(!without_end.ended, "{input:?}");
        let whole = [input, b"\r\n.\r\nQUIT\r\n"].concat();
        let with_end = seen([&whole[..]]);
        assert_eq!(
            (&with_end.out[..], with_end.fault, with_end.ended),
            (out, Some(fault), true),
            "{input:?}"
        );
        assert_eq!(with_end.used, whole.len() - 6, "{input:?}");
    }
}

#[test]
fn hops_are_counted_in_the_header_alone() {
    for (input, received) in [
        (&b"Received: a\r\nRECEIVED:b\r\nreceived: c\r\n\r\nReceived: d\r\n.\r\n"[..], 3),
        (b"X-Received: a\r\nReceived-SPF: b\r\nReceived\r\n Received: c\r\n.\r\n", 0),
        (b"\r\nReceived: a\r\n.\r\n", 0),
        (b".Received: a\r\n.\r\n", 1),
        (b"Received: a", 1),
        (b"Received: a Received: b\r\nReceived:\r\n.\r\n", 2),
    ] {
        assert_eq!(seen([input]).received, received, "{input:?}");
        assert_eq!(seen(input.chunks(1)).received, received, "{input:?}");
    }
}

#[test]
fn discarding_appends_nothing_and_finds_the_end() {
    let (mut reader, mut out) = (DottedReader::new(BareNewline::Reject), Vec::new());
    reader.read(b"a\r\nb", &mut out);
    reader.discard_from_now();
    let progress = reader.read(b"c\r\n.\r\nQUIT", &mut out);
    assert_eq!((progress, &out[..]), (Progress { used: 6, ended: true }, &b"a\nb"[..]));
    assert_eq!((reader.octets(), reader.fault()), (7, None));
    assert_eq!(reader.read(b"more", &mut out), Progress { used: 0, ended: true });
}

/// Octets that matter, in every order.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(alloc::vec![
        &b"\r\n"[..],
        b"\r\n",
        b"\r\n.",
        b"\r\n.\r",
        b"\r\n.\r\n",
        b".",
        b"..",
        b"\r",
        b"\n",
        b"\0",
        b"a",
        b"\xe9",
        b"received:",
        b"Recei",
        b"ved: b",
        b"\r\n\r\n",
    ]);
    // Faults are rare in one half of the streams, so that whole messages are tried as well.
    let any = prop::collection::vec(piece.clone(), 0..16);
    let calm = prop::collection::vec(piece, 0..24).prop_map(|mut pieces| {
        pieces.retain(|piece| ![&b"\r"[..], b"\n", b"\0", b"\r\n.\r"].contains(piece));
        pieces
    });
    prop_oneof![any, calm].prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn segmentation_changes_nothing(input in stream(), cut in 0..60_usize, width in 1..5_usize) {
        let expected = model(&input);
        prop_assert_eq!(&seen([&input[..]]), &expected);
        let (head, tail) = input.split_at(cut.min(input.len()));
        prop_assert_eq!(&seen([head, tail]), &expected);
        prop_assert_eq!(&seen(input.chunks(width)), &expected);
    }

    #[test]
    fn no_octets_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6)) {
        prop_assert_eq!(seen(pieces.iter().map(Vec::as_slice)), model(&pieces.concat()));
    }

    #[test]
    fn a_stuffed_message_comes_back(lines in prop::collection::vec("[.a-c]{0,4}", 0..6)) {
        let stuffed: Vec<_> = lines.iter().map(|line| {
            if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") }
        }).collect();
        let sent = format!("{}.\r\n", stuffed.concat());
        let stored: Vec<_> = lines.iter().map(|line| format!("{line}\n")).collect();
        let seen = seen([sent.as_bytes()]);
        prop_assert_eq!((seen.out, seen.ended, seen.fault), (stored.concat().into_bytes(), true, None));
    }
}

/// `cargo test --release -p smtpserver-core -- --ignored --nocapture speed`
#[test]
#[ignore = "a measurement, not a judgement"]
fn speed_of_lines_of_seventy_octets() {
    let mut message = Vec::new();
    while message.len() < 64 << 10 {
        message.extend_from_slice(&[b'x'; 68]);
        message.extend_from_slice(b"\r\n");
    }
    let rounds = 16 << 10;
    let (mut reader, mut out) = (DottedReader::new(BareNewline::Reject), Vec::with_capacity(message.len()));
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        out.clear();
        reader.read(core::hint::black_box(&message), &mut out);
    }
    let seconds = start.elapsed().as_secs_f64();
    std::eprintln!("{:.2} octets per nanosecond", f64::from(rounds) * message.len() as f64 / seconds / 1e9);
}

#[test]
fn normalizing_makes_line_ends_and_never_an_end_of_data() {
    for smuggled in [
        &b"a\n.\nMAIL\r\n.\r\n"[..],
        b"a\n.\r\nMAIL\r\n.\r\n",
        b"a\r.\r\nMAIL\r\n.\r\n",
        b"a\r\n.\nMAIL\r\n.\r\n",
    ] {
        let (mut reader, mut out) = (DottedReader::new(BareNewline::Normalize), Vec::new());
        let progress = reader.read(smuggled, &mut out);
        assert_eq!(progress, Progress { used: smuggled.len(), ended: true }, "{smuggled:?}");
        assert_eq!(reader.fault(), None);
        assert!(out.ends_with(b"MAIL\n"), "{out:?}");
        assert!(!out.contains(&b'\r'));
        assert!(reader.normalized() > 0);
    }
    let (mut reader, mut out) = (DottedReader::new(BareNewline::Normalize), Vec::new());
    reader.read(b"a\0b\r\n.\r\n", &mut out);
    assert_eq!(reader.fault(), Some(TextFault::Nul));
}
