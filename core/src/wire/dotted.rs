//! The text that follows DATA: dot removal, and the one true end CRLF.CRLF.
//!
//! A CR or an LF alone neither ends a line nor starts one, so no mixture of them makes an end of data. This file
//! never judges a message: it remembers the first fault, and finds the end all the same.

use super::missing::MissingFields;
use super::text::{BareNewline, Progress, StoredForm, TextFault};
use alloc::vec::Vec;
use memchr::memchr3;

/// Turns what a client sends after DATA into stored form.
///
/// Spec: RFC 2821 §4.1.1.4, RFC 2821 §4.5.2.
#[derive(Clone, Debug)]
pub struct DottedReader {
    place: Place,
    stored: StoredForm,
    octets: u64,
}

/// Where in the text the next octet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the very start, or behind a CRLF.
    LineStart,
    /// Behind a dot that began a line.
    Dot,
    /// Behind such a dot and a CR.
    DotCr,
    /// Within a line.
    InLine,
    /// Behind a CR within a line.
    Cr,
    /// Behind the end.
    Ended,
}

impl DottedReader {
    /// A reader for one message.
    pub fn new(bare_newline: BareNewline) -> Self {
        DottedReader { place: Place::LineStart, stored: StoredForm::new(bare_newline), octets: 0 }
    }

    /// The same, adding these fields where the header lacks them.
    pub fn adding(mut self, missing: MissingFields) -> Self {
        self.stored.adding(missing);
        self
    }

    /// Takes octets from `input` and appends their stored form to `out`; stops behind the end of the data.
    ///
    /// After the first fault nothing more is appended, but the search for the end goes on with the same rules.
    pub fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> Progress {
        let mut rest = input;
        while self.place != Place::Ended {
            let Some((&octet, behind)) = rest.split_first() else { break };
            match (self.place, octet) {
                (Place::LineStart, b'.') => {
                    self.place = Place::Dot;
                    rest = behind;
                }
                (Place::Dot, b'\r') => {
                    self.place = Place::DotCr;
                    rest = behind;
                }
                (Place::DotCr, b'\n') => {
                    self.stored.finish(out);
                    self.place = Place::Ended;
                    rest = behind;
                }
                (Place::Cr, b'\n') => {
                    self.octets += 2;
                    self.stored.line_end(out);
                    self.place = Place::LineStart;
                    rest = behind;
                }
                // The octet stays: within a line it may be another CR.
                (Place::DotCr | Place::Cr, _) => self.broken(TextFault::BareCr, out),
                (Place::LineStart | Place::Dot, _) => self.place = Place::InLine,
                (Place::InLine, _) => rest = self.read_in_line(rest, out),
                (Place::Ended, _) => break,
            }
        }
        Progress { used: input.len() - rest.len(), ended: self.place == Place::Ended }
    }

    /// The first thing that is not text, if there was one.
    pub fn fault(&self) -> Option<TextFault> {
        self.stored.fault()
    }

    /// The octets of the message so far: with CRLF, without removed dots, without the end.
    ///
    /// They are counted after a fault and while discarding, too. A CR counts when the octet behind it is known.
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

    /// Text up to the first octet that may matter, and that octet; the rest of the input is given back.
    fn read_in_line<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let at = memchr3(b'\r', b'\n', 0, input).unwrap_or(input.len());
        let (piece, rest) = input.split_at(at);
        self.octets += u64::try_from(at).expect("a length in memory fits 64 bits");
        self.stored.text(piece, out);
        let Some((&octet, behind)) = rest.split_first() else { return rest };
        match octet {
            b'\r' => self.place = Place::Cr,
            b'\n' => self.broken(TextFault::BareLf, out),
            _ => self.broken(TextFault::Nul, out),
        }
        behind
    }

    /// One octet that is not text; it is part of a line, whatever it is.
    fn broken(&mut self, fault: TextFault, out: &mut Vec<u8>) {
        self.octets += 1;
        self.stored.broken(fault, out);
        self.place = Place::InLine;
    }
}

#[cfg(test)]
mod tests;
