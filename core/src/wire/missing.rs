//! Fields that a submitted message should have and may lack: they are put at the end of its header, and no other octet is
//! changed. The header is looked at as it comes, and of a line no more is held back than may be the name of a field.
//!
//! Spec: RFC 6409 §8.2, RFC 6409 §8.3.

use crate::limits::FIELD_NAME_MAX;
use alloc::string::String;
use alloc::vec::Vec;

/// The names of the fields, in lower case and in the order in which they are added.
pub(crate) const NAMES: [&[u8]; 2] = [b"date", b"message-id"];

/// What is to be added to a message, and what of its header was seen.
#[derive(Clone, Debug)]
pub struct MissingFields {
    /// The fields in stored form; none where the message has one of its own.
    fields: [Option<String>; 2],
    line: Line,
    /// The beginning of the line, as long as it may be the name of a field.
    held: Vec<u8>,
    /// No line has ended yet.
    first: bool,
}

/// How the line that is being read began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// With what may be a name; perhaps with nothing yet.
    Name,
    /// With what may be a name and blanks (RFC 5322 §4.5 knows such fields).
    Blank,
    /// As a field, or it goes on with one.
    Known,
}

impl MissingFields {
    /// Will add these fields, whole and in stored form, if they are not there.
    pub fn new(date: String, message_id: String) -> MissingFields {
        MissingFields {
            fields: [Some(date), Some(message_id)],
            line: Line::Name,
            held: Vec::new(),
            first: true,
        }
    }

    /// A piece of a line, without its end. Says whether the header goes on.
    pub(super) fn text(&mut self, piece: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = piece;
        while self.line != Line::Known
            && let Some((&octet, behind)) = rest.split_first()
        {
            let has_room = self.held.len() < FIELD_NAME_MAX;
            match (self.line, octet) {
                (_, b' ' | b'\t') if self.held.is_empty() && !self.first => self.known(out),
                (_, b':') if !self.held.is_empty() => self.known(out),
                (_, b' ' | b'\t') if !self.held.is_empty() && has_room => self.line = Line::Blank,
                (Line::Name, b'!'..=b'9' | b';'..=b'~') if has_room => {}
                _ => {
                    self.end(out);
                    out.extend_from_slice(rest);
                    return false;
                }
            }
            if self.line != Line::Known {
                self.held.push(octet);
                rest = behind;
            }
        }
        out.extend_from_slice(rest);
        true
    }

    /// A line end. Says whether the header goes on.
    pub(super) fn line_end(&mut self, out: &mut Vec<u8>) -> bool {
        let goes_on = self.line == Line::Known;
        if goes_on {
            self.line = Line::Name;
            self.first = false;
        } else {
            // The line is empty, or is none of a header: the header ended before it.
            self.end(out);
        }
        out.push(b'\n');
        goes_on
    }

    /// The message ends within its header.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.line == Line::Known && self.fields.iter().any(Option::is_some) {
            // Its last line is open.
            out.push(b'\n');
        }
        self.end(out);
    }

    /// The line is one of the header.
    fn known(&mut self, out: &mut Vec<u8>) {
        for (name, field) in NAMES.iter().zip(&mut self.fields) {
            if self.held.trim_ascii_end().eq_ignore_ascii_case(name) {
                *field = None;
            }
        }
        out.append(&mut self.held);
        self.line = Line::Known;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        for field in self.fields.iter_mut().filter_map(Option::take) {
            out.extend_from_slice(field.as_bytes());
        }
        out.append(&mut self.held);
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::chunk::ChunkReader;
    use crate::wire::command::Chunk;
    use crate::wire::dotted::DottedReader;
    use crate::wire::text::BareNewline;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const DATE: &str = "Date: D\n";
    const ID: &str = "Message-ID: I\n";

    fn missing() -> super::MissingFields {
        super::MissingFields::new(DATE.into(), ID.into())
    }

    /// What is stored of a message with CRLF line ends that comes by DATA in pieces of this size.
    fn by_data(message: &str, piece: usize, adding: bool) -> String {
        let dotted = message.split("\r\n").map(|line| match line.strip_prefix('.') {
            Some(rest) => format!("..{rest}"),
            None => line.to_string(),
        });
        let text = format!("{}.\r\n", dotted.collect::<Vec<_>>().join("\r\n"));
        let (mut reader, mut out) = (DottedReader::new(BareNewline::Reject), Vec::new());
        if adding {
            reader = reader.adding(missing());
        }
        for octets in text.as_bytes().chunks(piece) {
            reader.read(octets, &mut out);
        }
        String::from_utf8(out).expect("ASCII")
    }

    /// The same by BDAT, each piece a chunk.
    fn by_bdat(message: &str, piece: usize, adding: bool) -> String {
        let (mut reader, mut out) = (ChunkReader::new(false, BareNewline::Reject), Vec::new());
        if adding {
            reader = reader.adding(missing());
        }
        for octets in message.as_bytes().chunks(piece) {
            reader.begin(Chunk { octets: octets.len().try_into().expect("small"), last: false });
            reader.read(octets, &mut out);
        }
        reader.finish(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn what_is_missing_stands_at_the_end_of_the_header() {
        for (message, wanted) in [
            ("Subject: s\r\n\r\nb\r\n", "Subject: s\nDate: D\nMessage-ID: I\n\nb\n"),
            (
                "DATE: x\r\nSubject: s\r\n\r\nMessage-ID: b\r\n",
                "DATE: x\nSubject: s\nMessage-ID: I\n\nMessage-ID: b\n",
            ),
            ("Message-Id : x\r\nDate\t: x\r\n\r\n", "Message-Id : x\nDate\t: x\n\n"),
            ("Subject: s\r\n Date: folded\r\n\r\n", "Subject: s\n Date: folded\nDate: D\nMessage-ID: I\n\n"),
            ("Resent-Date: x\r\nDated: x\r\n\r\n", "Resent-Date: x\nDated: x\nDate: D\nMessage-ID: I\n\n"),
            ("", "Date: D\nMessage-ID: I\n"),
            ("\r\nb\r\n", "Date: D\nMessage-ID: I\n\nb\n"),
            ("Subject: s\r\n", "Subject: s\nDate: D\nMessage-ID: I\n"),
            ("no field\r\nDate: x\r\n", "Date: D\nMessage-ID: I\nno field\nDate: x\n"),
            (" Date: x\r\n", "Date: D\nMessage-ID: I\n Date: x\n"),
            (": x\r\nDate: x\r\n", "Date: D\nMessage-ID: I\n: x\nDate: x\n"),
            ("Date: x\r\nhello\r\n", "Date: x\nMessage-ID: I\nhello\n"),
            (".Date: x\r\n.\r\n", ".Date: x\nDate: D\nMessage-ID: I\n.\n"),
        ] {
            for piece in [1, 2, 3, 1000] {
                assert_eq!(by_data(message, piece, true), wanted, "{message:?}");
                assert_eq!(by_bdat(message, piece, true), wanted, "{message:?}");
            }
        }
        let long = "x".repeat(crate::limits::FIELD_NAME_MAX + 1);
        assert_eq!(
            by_data(&format!("{long}: x\r\n\r\n"), 7, true),
            format!("{DATE}{ID}{long}: x\n\n"),
            "no name is as long as that"
        );
    }

    #[test]
    fn a_last_line_that_is_open_is_closed_first() {
        for (message, wanted) in [
            ("Subject: s", "Subject: s\nDate: D\nMessage-ID: I\n"),
            ("Date: x\r\nMessage-ID: y", "Date: x\nMessage-ID: y"),
            ("Subject", "Date: D\nMessage-ID: I\nSubject"),
        ] {
            assert_eq!(by_bdat(message, 3, true), wanted);
        }
    }

    #[test]
    fn binary_messages_stay_as_they_are() {
        let (mut reader, mut out) =
            (ChunkReader::new(true, BareNewline::Reject).adding(missing()), Vec::new());
        reader.begin(Chunk { octets: 5, last: true });
        reader.read(b"\r\n\0\r\n", &mut out);
        reader.finish(&mut out);
        assert_eq!(out, b"\r\n\0\r\n");
    }

    /// What must be added, by somebody who has the whole message.
    fn model(stored: &str) -> String {
        let (mut date, mut id) = (DATE, ID);
        let mut header = String::new();
        let mut rest = stored;
        while let Some((line, behind)) = rest.split_once('\n') {
            let name = line.split_once(':').map(|(name, _)| name.trim_end_matches([' ', '\t']));
            let is_field = name
                .is_some_and(|name| !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic()));
            let goes_on = line.starts_with([' ', '\t']) && !header.is_empty();
            if !is_field && !goes_on {
                break;
            }
            match name.filter(|_| !goes_on).map(str::to_ascii_lowercase).as_deref() {
                Some("date") => date = "",
                Some("message-id") => id = "",
                _ => {}
            }
            header += line;
            header.push('\n');
            rest = behind;
        }
        format!("{header}{date}{id}{rest}")
    }

    proptest! {
        #[test]
        fn nothing_else_is_changed_however_it_comes(
            lines in prop::collection::vec("(Date|date|Message-ID|MESSAGE-id|Subject|To|Da te|\\.)?[ \t]?[:;]?( [a-zA-Z.: ]{0,9})?", 0..7),
            piece in 1_usize..30,
        ) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let plain = by_data(&message, piece, false);
            let wanted = model(&plain);
            prop_assert_eq!(by_data(&message, piece, true), wanted.clone());
            prop_assert_eq!(by_bdat(&message, piece, true), wanted);
        }
    }
}
