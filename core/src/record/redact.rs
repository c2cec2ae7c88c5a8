//! Filler in place of what is nobody's business. It has the length of what it stands for and leads a session the same
//! way: that is the one demand, and [`text`] is why it holds for what comes out, too.
//!
//! `text` works octet by octet and gives the same again when applied twice. Filler for messages keeps more than `text`
//! does, but nothing that `text` would not make of both: so `text` over what is stored of a filled message equals
//! `text` over what was stored of the message itself, in whatever pieces.

use super::field_names::FieldNames;
use crate::auth::{Check, Inquiry};
use crate::reply::catalog;
use crate::wire::report::ReportWish;
use crate::wire::verb::Verb;
use crate::wire::{command, text::COUNTED_FIELD};
use alloc::vec::Vec;
use core::fmt;

/// An octet of a message as filler: CR, LF, dot, NUL and the eighth bit stay.
pub(super) fn text(octet: u8) -> u8 {
    match octet {
        b'\r' | b'\n' | b'.' | 0 => octet,
        0x80.. => 0xf8,
        _ => b'x',
    }
}

/// An octet of a line as filler: blanks, control characters and the eighth bit stay.
fn word(octet: u8) -> u8 {
    match octet {
        0..=b' ' | 0x7f => octet,
        0x80.. => 0xf8,
        _ => b'x',
    }
}

/// Makes filler of a message as it comes, in whatever pieces.
#[derive(Debug, Default)]
pub(super) struct MessageFiller {
    /// So many octets before this one were the beginning of the field's name that is counted.
    matched: usize,
    /// Keeps what is needed to see which fields a header lacks, where they are added.
    names: Option<FieldNames>,
}

impl MessageFiller {
    /// For a session in which fields are added to messages, or not.
    pub(super) fn new(adds_fields: bool) -> MessageFiller {
        MessageFiller { names: adds_fields.then(FieldNames::default), ..MessageFiller::default() }
    }

    /// A command line came. Unless a chunk follows, which may be another of the same message, the next octets are the
    /// first of one.
    pub(super) fn after_line(&mut self, line: &[u8]) {
        if command::verb(line.trim_ascii_end()) != Some(Verb::Bdat)
            && let Some(names) = &mut self.names
        {
            names.begin();
        }
    }

    /// Fills the next piece. Where it has the name of the field that is counted to see mail going in circles, that
    /// stays, wherever it stands.
    pub(super) fn fill(&mut self, piece: &mut [u8]) {
        let mut kept = 0;
        for at in 0..piece.len() {
            let named = self.names.as_mut().and_then(|names| names.next(piece[at]));
            let octet = piece[at].to_ascii_lowercase();
            if octet == COUNTED_FIELD[self.matched] {
                self.matched += 1;
                kept += 1;
                if self.matched == COUNTED_FIELD.len() {
                    self.matched = 0;
                    kept = 0;
                }
                continue;
            }
            // What looked like the name was not: it is filled after all. What went out with an earlier piece stays.
            for earlier in &mut piece[at - kept..at] {
                *earlier = text(*earlier);
            }
            // The first letter of the name stands in it once, so that a new beginning can only be here.
            let begins = octet == COUNTED_FIELD[0];
            self.matched = usize::from(begins);
            kept = self.matched;
            if !begins {
                piece[at] = named.unwrap_or_else(|| text(piece[at]));
            }
        }
    }
}

/// Fills a command line, or the part of it up to its fault, where it may hold a secret: behind AUTH, and where it is no
/// command at all. What such a line is could be a password, or part of a message that was sent too soon.
pub(super) fn fill_line(line: &mut [u8]) {
    let end = line.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n' | 0)).map_or(0, |at| at + 1);
    let from = match command::verb(&line[..end]) {
        Some(Verb::Auth) => Verb::Auth.name().len(),
        Some(Verb::ZReport) => {
            let password = ReportWish::password_in(&line[..end]);
            return fill_rest(&mut line[password]);
        }
        Some(_) => return,
        // These four letters count even where no blank is behind them.
        None if line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"BDAT")) => 4,
        None => 0,
    };
    fill_rest(&mut line[from..]);
}

/// Fills octets that no command is made of.
pub(super) fn fill_rest(octets: &mut [u8]) {
    for octet in octets {
        *octet = word(*octet);
    }
}

/// Replies as they may be written down: without the server's own proof, from which a password could be found out.
pub(super) fn said(octets: &[u8]) -> Vec<u8> {
    let mut said = octets.to_vec();
    // It is said alone, or behind other replies.
    let at = memchr::memmem::rfind(octets, catalog::PROOF).filter(|at| *at == 0 || octets[at - 1] == b'\n');
    if let Some(from) = at.map(|at| at + catalog::PROOF.len()) {
        let end = memchr::memchr(b'\r', &said[from..]).map_or(said.len(), |to| from + to);
        said[from..end].fill(b'x');
    }
    said
}

/// A question about a login without the secret in it.
pub(super) struct Harmless<'a>(pub(super) &'a Inquiry);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inquiry::Terms => f.write_str("terms"),
            Inquiry::Certified { source, user } => write!(f, "certificate {source} {user}"),
            Inquiry::Check { source, check } => {
                let kind = match check {
                    Check::Password { .. } => "password",
                    Check::Token { .. } => "token",
                    Check::Salt { .. } => "salt",
                    Check::Proof { .. } => "proof",
                };
                write!(f, "{kind} {source} {}", check.user())
            }
        }
    }
}

/// A line as a transcript tells it, as far as it may be told.
pub(super) fn heard(line: &str) -> &str {
    match command::verb(line.as_bytes()) {
        Some(Verb::Auth | Verb::ZReport) | None => "",
        Some(_) => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(message: &[u8], piece: usize) -> Vec<u8> {
        let mut octets = message.to_vec();
        let mut filler = MessageFiller::default();
        octets.chunks_mut(piece).for_each(|piece| filler.fill(piece));
        octets
    }

    #[test]
    fn messages_keep_their_shape() {
        let message = b"Subject: Gr\xfc\xdfe\r\nRrecEiVed: by x\r\nrecipe.\r\n\r\n.\0\r\n";
        let wanted = b"xxxxxxxxxxx\xf8\xf8x\r\nxrecEiVed:xxxxx\r\nxxxxxx.\r\n\r\n.\0\r\n";
        assert_eq!(filled(message, 1000), wanted);
    }

    #[test]
    fn lines_keep_what_is_a_command() {
        for (line, wanted) in [
            (&b"MAIL FROM:<ann@client.example>\r\n"[..], &b"MAIL FROM:<ann@client.example>\r\n"[..]),
            (b"auth plain AGFubgBzZWNyZXQ=\r\n", b"auth xxxxx xxxxxxxxxxxxxxxx\r\n"),
            (b"AUTH\tLOGIN \r\n", b"AUTH\txxxxx \r\n"),
            (b"AGFubgBzZWNyZXQ=\r\n", b"xxxxxxxxxxxxxxxx\r\n"),
            (b"Subject: hi\xe9\n", b"xxxxxxxx xx\xf8\n"),
            (b"BDATA 12\n", b"BDATx xx\n"),
            (b"QUIT\n", b"QUIT\n"),
            (b"z-report ann pencil IP 192.0.2.7\r\n", b"z-report ann xxxxxx IP 192.0.2.7\r\n"),
            (b"\r\n", b"\r\n"),
        ] {
            let mut octets = line.to_vec();
            fill_line(&mut octets);
            assert_eq!(octets, wanted, "{:?}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn filler_is_the_same_to_whoever_compares(
            message in "([rR]e|ceived:|\r\n|[.a\u{e9}\0]){0,20}",
            piece in 1_usize..9,
        ) {
            let octets = filled(message.as_bytes(), piece);
            let plain: Vec<u8> = message.bytes().map(text).collect();
            let again: Vec<u8> = octets.iter().copied().map(text).collect();
            prop_assert_eq!(&again, &plain);
            let lower = |octets: &[u8]| octets.to_ascii_lowercase();
            let places = |octets: Vec<u8>| -> Vec<usize> {
                octets.windows(9).enumerate().filter(|(_, w)| *w == COUNTED_FIELD).map(|(at, _)| at).collect()
            };
            prop_assert_eq!(places(lower(&octets)), places(lower(message.as_bytes())));
        }
    }
}
