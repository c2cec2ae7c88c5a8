//! The octets that follow BDAT: counted, never searched for an end.
//!
//! A chunk may end anywhere, within a line or between CR and LF; the reader lives across the chunks of a message.

use super::command::Chunk;
use super::missing::MissingFields;
use super::text::{BareNewline, Progress, StoredForm, TextFault};
use alloc::vec::Vec;
use memchr::memchr3;

/// Turns the chunks of one transaction into stored form.
///
/// Spec: RFC 3030 §2, RFC 3030 §3.
#[derive(Clone, Debug)]
pub struct ChunkReader {
    /// BINARYMIME: the octets are stored untouched.
    binary: bool,
    /// What the chunk that is being read still lacks.
    left: u64,
    /// The last octet was a CR whose LF may still come.
    cr: bool,
    stored: StoredForm,
    octets: u64,
}

impl ChunkReader {
    /// A reader for one message; `binary` when the client said `BODY=BINARYMIME`.
    pub fn new(binary: bool, bare_newline: BareNewline) -> Self {
        ChunkReader { binary, left: 0, cr: false, stored: StoredForm::new(bare_newline), octets: 0 }
    }

    /// The same, adding these fields where the header lacks them. BINARYMIME stays as it is.
    pub fn adding(mut self, missing: MissingFields) -> Self {
        if !self.binary {
            self.stored.adding(missing);
        }
        self
    }

    /// Another chunk follows.
    ///
    /// # Panics
    /// When the chunk before it is not complete: the octets between would be taken for commands.
    pub fn begin(&mut self, chunk: Chunk) {
        assert!(self.left == 0, "a chunk begins inside another");
        self.left = chunk.octets;
    }

    /// Takes octets of the chunk from `input` and appends their stored form to `out`; `ended` says that the chunk
    /// is complete. An empty chunk has ended before any input.
    pub fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> Progress {
        let used = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        let count = u64::try_from(used).expect("a length in memory fits 64 bits");
        self.left -= count;
        self.octets = self.octets.saturating_add(count);
        let piece = &input[..used];
        if self.binary {
            self.count_hops(piece);
            self.stored.append(piece, out);
        } else {
            self.read_text(piece, out);
        }
        Progress { used, ended: self.left == 0 }
    }

    /// The last chunk is complete. A CR at the very end has no LF to wait for any more: in text it is a fault.
    ///
    /// A last line without CRLF is legal and stays as it is.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.cr && !self.binary {
            self.cr = false;
            self.stored.broken(TextFault::BareCr, out);
        }
        self.stored.finish(out);
    }

    /// The first thing that is not text, if there was one; never in binary mode.
    pub fn fault(&self) -> Option<TextFault> {
        self.stored.fault()
    }

    /// The octets of the message so far, as they came.
    ///
    /// Spec: RFC 1870 §5.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The number of `Received:` fields so far.
    ///
    /// Spec: RFC 2821 §6.2.
    pub fn received_fields(&self) -> u32 {
        self.stored.hops.received()
    }

    /// How many bare newlines became line ends.
    pub fn normalized(&self) -> u32 {
        self.stored.normalized()
    }

    /// Goes on to the end and appends nothing more.
    pub fn discard_from_now(&mut self) {
        self.stored.discard_from_now();
    }

    fn read_text(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while let Some((&first, behind)) = rest.split_first() {
            if core::mem::take(&mut self.cr) {
                if first == b'\n' {
                    self.stored.line_end(out);
                    rest = behind;
                } else {
                    self.stored.broken(TextFault::BareCr, out);
                }
                continue;
            }
            let at = memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
            let (piece, from_mark) = rest.split_at(at);
            self.stored.text(piece, out);
            let Some((&mark, behind)) = from_mark.split_first() else { return };
            match mark {
                b'\r' => self.cr = true,
                b'\n' => self.stored.broken(TextFault::BareLf, out),
                _ => self.stored.broken(TextFault::Nul, out),
            }
            rest = behind;
        }
    }

    /// Octet by octet, but only as long as the header lasts.
    fn count_hops(&mut self, input: &[u8]) {
        for &octet in input {
            if self.stored.hops.header_ended() {
                return;
            }
            match (self.cr, octet) {
                (true, b'\n') => self.stored.hops.line_end(),
                (true, _) => self.stored.hops.other_octet(),
                (false, b'\r') => {}
                (false, _) => self.stored.hops.text(&[octet]),
            }
            self.cr = octet == b'\r';
        }
    }
}

#[cfg(test)]
mod tests;
