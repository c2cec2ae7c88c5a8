//! The text behind DATA: its end, its faults and what is stored must not depend on how it came, and a second, plain
//! reading of the same rules must agree.

use crate::{choice, pieces};
use smtpserver_core::wire::dotted::DottedReader;
use smtpserver_core::wire::text::{BareNewline, TextFault};

/// What became of the text.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    stored: Vec<u8>,
    fault: Option<TextFault>,
    /// The octets up to and with the end, if it came.
    ended: Option<usize>,
    octets: u64,
    received: u32,
}

/// The first octet chooses the size of the pieces and, by its highest bit, what becomes of bare newlines; the rest is
/// what the client sent.
pub fn dotted(data: &[u8]) {
    let (piece, input) = choice(data);
    let bare = if piece & 0x80 == 0 { BareNewline::Reject } else { BareNewline::Normalize };
    let whole = read(bare, [input].into_iter());
    assert_eq!(whole, read(bare, pieces(input, piece & 0x7f)), "segmentation changed the text");
    assert_eq!(whole.ended, end(input), "the end is not where it is");
    if whole.fault.is_none() && whole.ended.is_some() {
        assert!(!whole.stored.contains(&b'\r') && !whole.stored.contains(&0));
    }
}

fn read<'a>(bare: BareNewline, sent: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut reader = DottedReader::new(bare);
    let (mut stored, mut used, mut ended) = (Vec::new(), 0, None);
    for octets in sent {
        let progress = reader.read(octets, &mut stored);
        used += progress.used;
        if progress.ended {
            ended = Some(used);
            break;
        }
        assert_eq!(progress.used, octets.len(), "before the end all is taken");
    }
    Seen { stored, fault: reader.fault(), ended, octets: reader.octets(), received: reader.received_fields() }
}

/// Where the text ends: behind the first CRLF.CRLF, if a CRLF stood before the text.
fn end(input: &[u8]) -> Option<usize> {
    let with = [b"\r\n", input].concat();
    with.windows(5).position(|octets| octets == b"\r\n.\r\n").map(|at| at + 3)
}
