//! The text of a message in flight: what DATA and BDAT have in common.
//!
//! CRLF becomes LF and nothing else is ever changed. Where a message ends is not known here.

use super::missing::MissingFields;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What one call of a reader did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Octets of input that were consumed.
    pub used: usize,
    /// Whether the end was among them: the end of the message for DATA, the end of the chunk for BDAT.
    pub ended: bool,
}

/// The first thing in a message that is not text.
///
/// Spec: RFC 2821 §2.3.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextFault {
    /// A CR that no LF follows.
    BareCr,
    /// An LF that no CR precedes.
    BareLf,
    /// An octet of value zero.
    Nul,
}

/// What becomes of a bare CR or a bare LF. A NUL is a fault either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewline {
    /// It is a fault: the message is refused at its end.
    #[default]
    Reject,
    /// It becomes a line end, for old senders. It still neither starts a line in the sense of the protocol nor
    /// ends one, so it never makes an end of data.
    Normalize,
}

/// The stored form being written: ordinary octets as they are, line ends as LF, nothing after the first fault.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredForm {
    fault: Option<TextFault>,
    bare_newline: BareNewline,
    normalized: u32,
    discarding: bool,
    pub(super) hops: HopCounter,
    /// What may have to be added; none where nothing is, and behind the header.
    missing: Option<Box<MissingFields>>,
}

impl StoredForm {
    /// A piece of a line, without CR, LF and NUL.
    pub(super) fn text(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.hops.text(piece);
        if !self.add(out, |missing, out| missing.text(piece, out)) {
            self.append(piece, out);
        }
    }

    /// A CRLF.
    pub(super) fn line_end(&mut self, out: &mut Vec<u8>) {
        self.hops.line_end();
        if !self.add(out, MissingFields::line_end) {
            self.append(b"\n", out);
        }
    }

    /// The message has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.add(out, |missing, out| {
            missing.finish(out);
            false
        });
    }

    /// Lets a step be taken by whoever looks for missing fields, if somebody still does: that one appends all that there
    /// is, and says whether the header goes on.
    fn add(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut MissingFields, &mut Vec<u8>) -> bool,
    ) -> bool {
        if self.fault.is_some() || self.discarding {
            self.missing = None;
        }
        let Some(missing) = &mut self.missing else { return false };
        if !step(missing, out) {
            self.missing = None;
        }
        true
    }

    /// Adds these fields where the header lacks them.
    pub(super) fn adding(&mut self, missing: MissingFields) {
        self.missing = Some(Box::new(missing));
    }

    /// Stored form with this rule for bare newlines.
    pub(super) fn new(bare_newline: BareNewline) -> StoredForm {
        StoredForm { bare_newline, ..StoredForm::default() }
    }

    /// One octet that no text may hold.
    pub(super) fn broken(&mut self, fault: TextFault, out: &mut Vec<u8>) {
        if self.bare_newline == BareNewline::Normalize && fault != TextFault::Nul {
            self.normalized = self.normalized.saturating_add(1);
            return self.line_end(out);
        }
        self.hops.other_octet();
        self.fault.get_or_insert(fault);
    }

    /// Octets as they are, unless nothing is wanted any more.
    pub(super) fn append(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.fault.is_none() && !self.discarding {
            out.extend_from_slice(octets);
        }
    }

    pub(super) fn fault(&self) -> Option<TextFault> {
        self.fault
    }

    /// How many bare newlines were made line ends.
    pub(super) fn normalized(&self) -> u32 {
        self.normalized
    }

    pub(super) fn discard_from_now(&mut self) {
        self.discarding = true;
    }
}

/// The start of a line that makes it a trace field, in lower case.
pub(crate) const COUNTED_FIELD: &[u8] = b"received:";

/// Counts the header fields named `Received:`, to see a message that runs in a circle.
///
/// Spec: RFC 2821 §6.2.
#[derive(Clone, Debug, Default)]
pub(super) struct HopCounter {
    /// The first empty line was seen.
    header_ended: bool,
    /// What is known of the line that is being read.
    line: LineStart,
    received: u32,
}

/// How the line that is being read began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineStart {
    /// So far it is this many octets of `COUNTED_FIELD`, in any mixture of cases.
    Like(usize),
    /// Something else, or counted already.
    Known,
}

impl Default for LineStart {
    fn default() -> Self {
        LineStart::Like(0)
    }
}

impl HopCounter {
    /// A piece of a line.
    pub(super) fn text(&mut self, piece: &[u8]) {
        let LineStart::Like(matched) = self.line else { return };
        if self.header_ended {
            return;
        }
        let wanted = &COUNTED_FIELD[matched..];
        let common = piece.len().min(wanted.len());
        self.line = if !piece[..common].eq_ignore_ascii_case(&wanted[..common]) {
            LineStart::Known
        } else if common == wanted.len() {
            self.received = self.received.saturating_add(1);
            LineStart::Known
        } else {
            LineStart::Like(matched + common)
        };
    }

    /// An octet that belongs to the line, but to no name of a field.
    pub(super) fn other_octet(&mut self) {
        self.line = LineStart::Known;
    }

    /// The CRLF that ends the line.
    pub(super) fn line_end(&mut self) {
        if self.line == LineStart::Like(0) {
            self.header_ended = true;
        }
        self.line = LineStart::Like(0);
    }

    pub(super) fn header_ended(&self) -> bool {
        self.header_ended
    }

    pub(super) fn received(&self) -> u32 {
        self.received
    }
}
