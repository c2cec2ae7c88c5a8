//! The octets behind BDAT: neither their pieces nor, in binary, their values change what is stored.

use crate::{choice, pieces};
use smtpserver_core::wire::chunk::ChunkReader;
use smtpserver_core::wire::command::Chunk;
use smtpserver_core::wire::text::{BareNewline, TextFault};

/// What became of the message.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    stored: Vec<u8>,
    fault: Option<TextFault>,
    octets: u64,
    received: u32,
}

/// The first octet chooses binary or text and what becomes of bare newlines, the second the size of the chunks, the third that of the pieces; the rest
/// is the message.
pub fn chunk(data: &[u8]) {
    let (bits, data) = choice(data);
    let (chunk, data) = choice(data);
    let (piece, message) = choice(data);
    let binary = bits & 1 != 0;
    let bare = if bits & 2 == 0 { BareNewline::Reject } else { BareNewline::Normalize };
    let read = |chunks: &mut dyn Iterator<Item = &[u8]>, piece| read(binary, bare, chunks, piece);
    let whole = read(&mut [message].into_iter(), u8::MAX);
    assert_eq!(whole, read(&mut pieces(message, chunk), piece), "chunks or pieces changed the message");
    assert_eq!(u64::try_from(message.len()), Ok(whole.octets));
    if binary {
        assert_eq!((whole.stored.as_slice(), whole.fault), (message, None));
    } else if whole.fault.is_none() {
        assert!(!whole.stored.contains(&b'\r') && !whole.stored.contains(&0));
    }
}

fn read(binary: bool, bare: BareNewline, chunks: &mut dyn Iterator<Item = &[u8]>, piece: u8) -> Seen {
    let mut reader = ChunkReader::new(binary, bare);
    let mut stored = Vec::new();
    for chunk in chunks {
        let octets = u64::try_from(chunk.len()).expect("a corpus file is small");
        reader.begin(Chunk { octets, last: false });
        let mut taken = 0;
        for octets in pieces(chunk, piece) {
            let progress = reader.read(octets, &mut stored);
            taken += progress.used;
            assert_eq!(progress.ended, taken == chunk.len());
        }
        assert_eq!(taken, chunk.len(), "a chunk is taken whole");
    }
    reader.begin(Chunk { octets: 0, last: true });
    // What follows the last chunk is the next command, and none of our business.
    assert_eq!(reader.read(b"QUIT\r\n", &mut stored).used, 0);
    reader.finish(&mut stored);
    Seen { stored, fault: reader.fault(), octets: reader.octets(), received: reader.received_fields() }
}
