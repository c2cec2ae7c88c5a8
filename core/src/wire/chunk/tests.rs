//! The chunk reader against a naive twin, under any segmentation.

use super::*;
use proptest::prelude::*;

/// Everything a reader can tell.
#[derive(Debug, PartialEq)]
struct Seen {
    out: Vec<u8>,
    fault: Option<TextFault>,
    octets: u64,
    received: u32,
}

fn chunk(octets: usize) -> Chunk {
    Chunk { octets: octets.try_into().expect("small"), last: false }
}

/// One message in chunks, each of which comes in segments of `width` octets.
fn seen(binary: bool, chunks: &[&[u8]], width: usize) -> Seen {
    let (mut reader, mut out) = (ChunkReader::new(binary, BareNewline::Reject), Vec::new());
    for octets in chunks {
        reader.begin(chunk(octets.len()));
        let mut rest = *octets;
        loop {
            // What follows the chunk must not be touched.
            let segment = [&rest[..width.min(rest.len())], b"RSET\r\n"].concat();
            let offered = if width < rest.len() { &segment[..width] } else { &segment };
            let progress = reader.read(offered, &mut out);
            rest = &rest[progress.used..];
            if progress.ended {
                break;
            }
        }
        assert!(rest.is_empty());
    }
    reader.finish(&mut out);
    Seen { out, fault: reader.fault(), octets: reader.octets(), received: reader.received_fields() }
}

/// The same octet by octet, with the whole message at hand.
fn model(binary: bool, message: &[u8]) -> Seen {
    let (mut out, mut fault) = (Vec::new(), None);
    for at in 0..message.len() {
        let after_cr = at > 0 && message[at - 1] == b'\r';
        let wrong = match message[at] {
            b'\r' if message.get(at + 1) != Some(&b'\n') => Some(TextFault::BareCr),
            b'\n' if !after_cr => Some(TextFault::BareLf),
            0 => Some(TextFault::Nul),
            _ => None,
        };
        if !binary {
            fault = fault.or(wrong);
        }
        if fault.is_none() && (binary || message[at] != b'\r') {
            out.push(message[at]);
        }
    }
    let text: alloc::string::String = message.iter().map(|&octet| char::from(octet)).collect();
    let header = text.split("\r\n").take_while(|line| !line.is_empty());
    let named = |line: &&str| line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case("received:"));
    let received = header.filter(named).count();
    Seen {
        out,
        fault,
        octets: message.len().try_into().expect("small"),
        received: received.try_into().expect("small"),
    }
}

#[test]
fn text_in_chunks() {
    use TextFault::*;
    for (chunks, out, fault) in [
        (&[&b""[..]][..], &b""[..], None),
        (&[b"a\r\n"], b"a\n", None),
        (&[b"a\r", b"\nb"], b"a\nb", None),
        (&[b"a\r", b"", b"\nb\r\n"], b"a\nb\n", None),
        (&[b"a\r", b"b"], b"a", Some(BareCr)),
        (&[b"a\r\n", b"\n"], b"a\n", Some(BareLf)),
        (&[b"a\r"], b"a", Some(BareCr)),
        (&[b"a\0b"], b"a", Some(Nul)),
        (&[b"a\r\n.\r\n", b"..b"], b"a\n.\n..b", None),
    ] {
        let seen = seen(false, chunks, 100);
        assert_eq!((&seen.out[..], seen.fault), (out, fault), "{chunks:?}");
    }
}

#[test]
fn binary_is_untouched() {
    let seen = seen(true, &[b"Received: a\r", b"\n\r", b"\n\0\n\r.\r\nReceived: b\r"], 3);
    assert_eq!((&seen.out[..], seen.fault), (&b"Received: a\r\n\r\n\0\n\r.\r\nReceived: b\r"[..], None));
    assert_eq!((seen.octets, seen.received), (33, 1));
}

#[test]
fn discarding_counts_on() {
    let (mut reader, mut out) = (ChunkReader::new(true, BareNewline::Reject), Vec::new());
    reader.begin(chunk(4));
    reader.read(b"ab", &mut out);
    reader.discard_from_now();
    assert_eq!(reader.read(b"cdef", &mut out), Progress { used: 2, ended: true });
    assert_eq!((&out[..], reader.octets()), (&b"ab"[..], 4));
}

#[test]
fn a_greatest_chunk_does_not_overflow() {
    let (mut reader, mut out) = (ChunkReader::new(false, BareNewline::Reject), Vec::new());
    reader.begin(Chunk { octets: u64::MAX, last: true });
    assert_eq!(reader.read(b"abc", &mut out), Progress { used: 3, ended: false });
}

#[test]
#[should_panic(expected = "a chunk begins inside another")]
fn a_chunk_inside_another_is_our_fault() {
    let mut reader = ChunkReader::new(false, BareNewline::Reject);
    reader.begin(chunk(1));
    reader.begin(chunk(1));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(alloc::vec![
        &b"\r\n"[..],
        b"\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b".",
        b"a",
        b"\xe9",
        b"received:",
        b"Rec",
        b"eived: b",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_and_segments_change_nothing(
        input in stream(), binary: bool, cut in 0..30_usize, size in 1..9_usize, width in 1..9_usize,
    ) {
        let expected = model(binary, &input);
        let (head, tail) = input.split_at(cut.min(input.len()));
        prop_assert_eq!(&seen(binary, &[&input], 100), &expected);
        prop_assert_eq!(&seen(binary, &[head, tail], width), &expected);
        prop_assert_eq!(&seen(binary, &input.chunks(size).collect::<Vec<_>>(), width), &expected);
    }

    #[test]
    fn no_octets_make_it_panic(input: Vec<u8>, binary: bool, width in 1..9_usize) {
        prop_assert_eq!(seen(binary, &[&input], width), model(binary, &input));
    }
}
