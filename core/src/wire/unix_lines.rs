//! Lines of a file, made lines of the wire. A batch that was written on this machine ends its lines with LF; one that
//! came from elsewhere with CRLF. Its first line says which it is, and holds for all of it: so a bare LF deep in a
//! message that came from elsewhere never becomes the end of a line. Nor does a line of a dot and a CR end a message that
//! was written here: there only a dot and LF does.

use alloc::vec::Vec;

/// How far a line has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum So {
    /// Nothing of it is there.
    #[default]
    Far,
    /// A dot.
    Dot,
    /// A dot and a CR, of which the CR is held back.
    DotCr,
    /// Anything else that ends with CR.
    Cr,
    /// Anything else.
    Text,
}

/// Makes LF into CRLF.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixLines {
    line: So,
}

impl UnixLines {
    /// Whether the first line of a text ends with LF alone. Without an end it is no line of either kind.
    pub fn begin(text: &[u8]) -> bool {
        match memchr::memchr(b'\n', text) {
            Some(0) => true,
            Some(at) => text[at - 1] != b'\r',
            None => false,
        }
    }

    /// Appends the octets to `out`, with CRLF for each LF. A CR before it is part of that; a lone dot before such a CR is
    /// text, and doubled as dots in texts are.
    pub fn convert(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        out.reserve(octets.len());
        for octet in octets.iter().copied() {
            self.line = match (self.line, octet) {
                (So::Dot, b'\r') => So::DotCr,
                (So::DotCr, b'\n') => {
                    out.extend_from_slice(b".\r\n");
                    So::Far
                }
                (before, _) => {
                    if before == So::DotCr || (octet == b'\n' && before != So::Cr) {
                        out.push(b'\r');
                    }
                    out.push(octet);
                    match octet {
                        b'\n' => So::Far,
                        b'\r' => So::Cr,
                        b'.' if before == So::Far => So::Dot,
                        _ => So::Text,
                    }
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn the_first_line_decides() {
        for (text, wanted) in
            [("HELO x\n", true), ("HELO x\r\nMAIL\n", false), ("\n", true), ("HELO", false), ("", false)]
        {
            assert_eq!(UnixLines::begin(text.as_bytes()), wanted, "{text:?}");
        }
    }

    #[test]
    fn every_lf_becomes_crlf_however_it_comes() {
        for (text, wanted) in [
            ("a\nb\r\n\n.\n", "a\r\nb\r\n\r\n.\r\n"),
            (".\r\n..\r\n.\n", "..\r\n..\r\n.\r\n"),
            (".\rx\n.\r\r\n\r\r\n", ".\rx\r\n.\r\r\n\r\r\n"),
            ("a.\r\n.a\r\n", "a.\r\n.a\r\n"),
        ] {
            let mut whole = Vec::new();
            UnixLines::default().convert(text.as_bytes(), &mut whole);
            assert_eq!(String::from_utf8_lossy(&whole), wanted, "{text:?}");
            let mut parts = Vec::new();
            let mut lines = UnixLines::default();
            text.bytes().for_each(|octet| lines.convert(&[octet], &mut parts));
            assert_eq!(parts, whole, "{text:?}");
        }
    }
}
