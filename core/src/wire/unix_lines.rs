//! Lines of a file, made lines of the wire. A batch that was written on this machine ends its lines with LF; one that
//! came from elsewhere with CRLF. Its first line says which it is, and holds for all of it: so a bare LF deep in a
//! message that came from elsewhere never becomes the end of a line.

use alloc::vec::Vec;

/// Makes LF into CRLF.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixLines {
    after_cr: bool,
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

    /// Appends the octets to `out`, with CRLF for each LF.
    pub fn convert(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        out.reserve(octets.len());
        for octet in octets {
            if *octet == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            self.after_cr = *octet == b'\r';
            out.push(*octet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let text = b"a\nb\r\n\n.\n";
        let mut whole = Vec::new();
        UnixLines::default().convert(text, &mut whole);
        assert_eq!(whole, b"a\r\nb\r\n\r\n.\r\n");
        let mut parts = Vec::new();
        let mut lines = UnixLines::default();
        text.iter().for_each(|octet| lines.convert(&[*octet], &mut parts));
        assert_eq!(parts, whole);
    }
}
