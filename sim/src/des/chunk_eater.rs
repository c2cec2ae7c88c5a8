//! The planted defect that needs the wire: a session that forgets to read the octets of a chunk which it refuses.

use bytes::Bytes;

/// Between the wire and a session, as if the session forgot to read the octets of a chunk that it refuses: a BDAT
/// outside of a transaction is made to announce none.
#[derive(Debug, Default)]
pub(super) struct ChunkEater {
    recipients: bool,
}

impl ChunkEater {
    pub(super) fn said(&mut self, octets: &[u8]) {
        let has = |words: &[u8]| octets.windows(words.len()).any(|window| window == words);
        if has(b"message accepted") || has(b"RSET") || has(b" sender ") {
            self.recipients = false;
        }
        if has(b" recipient ") && has(b" ok\r\n") {
            self.recipients = true;
        }
    }

    /// How many of these octets come before a BDAT command: it is looked at when all before it is answered.
    pub(super) fn before_chunk(octets: &[u8]) -> usize {
        let mark = b"\nBDAT ";
        octets.windows(mark.len()).position(|window| window == mark).map_or(octets.len(), |at| at + 1)
    }

    pub(super) fn spoil(&mut self, octets: &Bytes) -> Bytes {
        if self.recipients {
            return octets.clone();
        }
        let mut out = Vec::with_capacity(octets.len());
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_prefix(b"BDAT ") {
                Some(rest) => {
                    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
                    out.extend_from_slice(b"BDAT 0");
                    out.extend_from_slice(&rest[digits..]);
                }
                None => out.extend_from_slice(line),
            }
        }
        Bytes::from(out)
    }
}
