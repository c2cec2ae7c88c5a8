//! What must stay of a header where fields are added that it may lack: where names end, and the names of those fields. With
//! that, a session that is lived through again adds what was added.

use crate::wire::missing::NAMES;

/// Sees the header of a message as it comes, in whatever pieces.
#[derive(Debug, Default)]
pub(super) struct FieldNames {
    place: Place,
}

/// Where in a message the next octet stands.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// At the beginning of a line of the header.
    #[default]
    LineStart,
    /// Within what may be a name: so many octets of it came, and it may still be this of [`NAMES`].
    Name(usize, [bool; NAMES.len()]),
    /// Behind what may be a name, and a blank.
    Blank,
    /// Where no name is.
    Known,
    /// There, and behind a CR.
    Cr,
    /// Behind the header.
    Body,
}

impl FieldNames {
    /// Another message may begin.
    pub(super) fn begin(&mut self) {
        self.place = Place::LineStart;
    }

    /// How the next octet must be written; `None`: like any other of a message.
    pub(super) fn next(&mut self, octet: u8) -> Option<u8> {
        if let (Place::Cr, true) = (self.place, octet != b'\n') {
            // A bare CR may be taken for a line end.
            self.place = Place::LineStart;
        }
        let (place, written) = match (self.place, octet) {
            (Place::Body, _) => (Place::Body, None),
            (Place::Cr, _) | (Place::Known, b'\n') => (Place::LineStart, None),
            (Place::Known, b'\r') => (Place::Cr, None),
            (Place::LineStart | Place::Name(..) | Place::Blank, b'\r' | b'\n') => (Place::Body, None),
            // In the form that DATA sends, it may be one that is removed.
            (Place::LineStart, b'.') => (Place::LineStart, None),
            (Place::Name(..) | Place::Blank, b' ' | b'\t') => (Place::Blank, Some(octet)),
            (Place::LineStart, b' ' | b'\t') | (Place::LineStart | Place::Name(..) | Place::Blank, b':') => {
                (Place::Known, Some(octet))
            }
            (Place::LineStart, b'!'..=b'~') => name(0, [true; NAMES.len()], octet),
            (Place::Name(at, like), b'!'..=b'~') => name(at, like, octet),
            // No octet of a name: one that is filled would be.
            (Place::LineStart | Place::Name(..), 0..=b' ' | 0x7f) => (Place::Known, Some(octet)),
            (Place::LineStart | Place::Name(..) | Place::Blank | Place::Known, _) => (Place::Known, None),
        };
        self.place = place;
        written
    }
}

/// An octet of a name, behind `at` others that were like these names.
fn name(at: usize, mut like: [bool; NAMES.len()], octet: u8) -> (Place, Option<u8>) {
    for (like, name) in like.iter_mut().zip(NAMES) {
        *like = *like && name.get(at) == Some(&octet.to_ascii_lowercase());
    }
    (Place::Name(at + 1, like), like.contains(&true).then_some(octet))
}
