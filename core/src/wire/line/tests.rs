//! Lines against a naive twin.

use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

fn line(text: &'static [u8]) -> Found<'static> {
    Found::Line { text, used: text.len() + 2 }
}

fn broken(fault: LineFault, used: usize) -> Found<'static> {
    Found::Broken { fault, used }
}

#[test]
fn only_crlf_ends_a_line() {
    for (input, expected) in [
        (&b""[..], Found::Incomplete),
        (b"NOOP", Found::Incomplete),
        (b"NOOP\r", Found::Incomplete),
        (b"NOOP\r\n", line(b"NOOP")),
        (b"\r\nQUIT\r\n", line(b"")),
        (b"A\r\nB\n", line(b"A")),
        (b"NOOP\n", broken(LineFault::BareLf, 5)),
        (b"\n", broken(LineFault::BareLf, 1)),
        (b"NO\rOP\r\n", broken(LineFault::BareCr, 3)),
        (b"NOOP\r\r\n", broken(LineFault::BareCr, 5)),
        (b"NO\0OP\r\n", broken(LineFault::Nul, 3)),
        (b"NOOP\r\0", broken(LineFault::BareCr, 5)),
    ] {
        assert_eq!(find(input, 512), expected, "{input:?}");
    }
}

#[test]
fn the_limit_counts_the_crlf() {
    for (input, expected) in [
        (&b"123456\r\n"[..], line(b"123456")),
        (b"1234567\r\n", broken(LineFault::TooLong, 7)),
        (b"1234567\rx", broken(LineFault::TooLong, 7)),
        (b"12345678\r\n", broken(LineFault::TooLong, 8)),
        (b"12345678", broken(LineFault::TooLong, 8)),
        (b"1234567", Found::Incomplete),
        (b"12345678\n", broken(LineFault::TooLong, 8)),
        (b"1234567\n", broken(LineFault::BareLf, 8)),
    ] {
        assert_eq!(find(input, 8), expected, "{input:?}");
    }
}

#[test]
fn discarding_stops_behind_the_first_crlf() {
    for (input, expected) in [
        (&b""[..], (0, false)),
        (b"abc", (3, false)),
        (b"abc\r", (3, false)),
        (b"\r", (0, false)),
        (b"\r\nNOOP\r\n", (2, true)),
        (b"a\nb\rc\r\r\nrest", (8, true)),
        (b"\n\n", (2, false)),
    ] {
        assert_eq!(discard(input), expected, "{input:?}");
    }
}

const MAX: usize = 6;

/// What a session makes of a stream: every line or fault, and what is left over.
fn heard(pieces: &[&[u8]]) -> (Vec<Result<Vec<u8>, LineFault>>, Vec<u8>) {
    let (mut kept, mut heard, mut discarding) = (Vec::new(), Vec::new(), false);
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            if discarding {
                let (dropped, ended) = discard(&kept);
                kept.drain(..dropped);
                discarding = !ended;
                if !ended {
                    break;
                }
            }
            let used = match find(&kept, MAX) {
                Found::Incomplete => break,
                Found::Line { text, used } => {
                    heard.push(Ok(text.to_vec()));
                    used
                }
                Found::Broken { fault, used } => {
                    heard.push(Err(fault));
                    discarding = true;
                    used
                }
            };
            kept.drain(..used);
        }
    }
    (heard, kept)
}

/// The same, octet by octet: `text` is the line so far and `None` while it is thrown away.
fn model(input: &[u8]) -> Vec<Result<Vec<u8>, LineFault>> {
    let (mut heard, mut text, mut cr) = (Vec::new(), Some(Vec::new()), false);
    for &octet in input {
        let fault = match (cr, octet) {
            (true, b'\n') => {
                heard.extend(text.take().map(Ok));
                text = Some(Vec::new());
                cr = false;
                continue;
            }
            (true, _) => Some(LineFault::BareCr),
            (false, b'\n') => Some(LineFault::BareLf),
            (false, 0) => Some(LineFault::Nul),
            (false, _) => None,
        };
        cr = octet == b'\r';
        if let Some(line) = &mut text {
            if fault.is_none() && !cr {
                line.push(octet);
            }
            let long = fault.is_none() && line.len() + usize::from(cr) == MAX;
            if let Some(fault) = fault.or(long.then_some(LineFault::TooLong)) {
                heard.push(Err(fault));
                text = None;
            }
        }
    }
    heard
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![3 => Just(b'\r'), 3 => Just(b'\n'), 1 => Just(0), 5 => any::<u8>()];
    let crlf = Just(b"\r\n".to_vec());
    prop::collection::vec(prop_oneof![5 => octet.prop_map(|octet| alloc::vec![octet]), 1 => crlf], 0..40)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn segmentation_changes_nothing(input in stream(), cut in 0..80_usize, width in 1..5_usize) {
        let expected = model(&input);
        let (head, tail) = input.split_at(cut.min(input.len()));
        prop_assert_eq!(&heard(&[&input]).0, &expected);
        prop_assert_eq!(&heard(&[head, tail]).0, &expected);
        let (dribbled, kept) = heard(&input.chunks(width).collect::<Vec<_>>());
        prop_assert_eq!(&dribbled, &expected);
        prop_assert!(kept.len() < MAX);
    }
}
