//! A message's file written anew, with another envelope and another header: what milters want changed. Octets of the old
//! file go in, those of the new one come out; never more than a header is held. The body stays as it is.

use super::control;
use crate::limits::HEADER_OCTETS_MAX;
use crate::wire::header::{Part, part};
use alloc::string::String;
use alloc::vec::Vec;

/// What is to be otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Where the message's text begins in the old file, behind envelope and our own fields.
    pub text_at: u64,
    /// The line of another sender, LF included.
    pub sender: Option<String>,
    /// Recipients that are left out, as they stand in brackets.
    pub dropped: Vec<String>,
    /// The lines of more recipients.
    pub added: String,
    /// What changes in the header, one after the other.
    pub fields: Vec<FieldChange>,
}

impl Revision {
    /// Whether nothing is to be otherwise.
    pub fn is_empty(&self) -> bool {
        self.sender.is_none() && self.dropped.is_empty() && self.added.is_empty() && self.fields.is_empty()
    }
}

/// A change in the header, with the name of a field and what stands behind its colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldChange {
    /// One more at its end.
    Add(String, String),
    /// One more, before the one of this number, counted from 1.
    Insert(u32, String, String),
    /// Another value for the field of this number among those of its name, counted from 1; an empty one removes it.
    Change(u32, String, String),
}

/// Why a file cannot be written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrevisable {
    /// Its header is too long.
    HeaderTooLong,
    /// No recipient is left.
    NoRecipient,
    /// Its envelope has no end.
    NoEnvelope,
}

impl Unrevisable {
    /// What is wrong, in words.
    pub fn text(self) -> &'static str {
        match self {
            Unrevisable::HeaderTooLong => "the header is too long to be changed",
            Unrevisable::NoRecipient => "no recipient is left",
            Unrevisable::NoEnvelope => "the envelope has no end",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Envelope,
    /// Our own fields.
    Head,
    Header,
    Body,
}

/// Writes a file anew.
#[derive(Debug)]
pub struct Editor<'a> {
    revision: &'a Revision,
    place: Place,
    /// Octets of the old file that were taken in and dealt with.
    done: u64,
    held: Vec<u8>,
    /// The wishes of the recipient whose line comes next.
    wishes: Vec<u8>,
    kept: u32,
    sender_written: bool,
}

impl<'a> Editor<'a> {
    /// At the beginning of the old file.
    pub fn new(revision: &'a Revision) -> Editor<'a> {
        Editor {
            revision,
            place: Place::Envelope,
            done: 0,
            held: Vec::new(),
            wishes: Vec::new(),
            kept: 0,
            sender_written: false,
        }
    }

    /// Takes the next octets of the old file and gives those of the new one.
    pub fn read(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Unrevisable> {
        self.held.extend_from_slice(octets);
        self.work(false, out)
    }

    /// The old file ends here.
    pub fn end(mut self, out: &mut Vec<u8>) -> Result<(), Unrevisable> {
        self.work(true, out)?;
        if self.place == Place::Envelope { Err(Unrevisable::NoEnvelope) } else { Ok(()) }
    }

    fn work(&mut self, whole: bool, out: &mut Vec<u8>) -> Result<(), Unrevisable> {
        while self.place == Place::Envelope
            && let Some(end) = memchr::memchr(b'\n', &self.held)
        {
            let line: Vec<u8> = self.held.drain(..=end).collect();
            self.done += length(&line);
            self.envelope(line, out)?;
        }
        if self.place == Place::Head {
            let left = usize::try_from(self.revision.text_at.saturating_sub(self.done)).unwrap_or(usize::MAX);
            let taken = left.min(self.held.len());
            out.extend(self.held.drain(..taken));
            self.done += u64::try_from(taken).expect("a length in memory fits 64 bits");
            if taken == left {
                self.place = Place::Header;
            }
        }
        if self.place == Place::Header {
            self.header(whole, out)?;
        }
        if self.place == Place::Body {
            out.append(&mut self.held);
        }
        Ok(())
    }

    fn envelope(&mut self, line: Vec<u8>, out: &mut Vec<u8>) -> Result<(), Unrevisable> {
        let revision = self.revision;
        if line.starts_with(b"todsn ") {
            self.wishes = line;
        } else if let Some(path) = line.strip_prefix(b"to ") {
            let path = path.trim_ascii_end();
            let bare = path.strip_prefix(b"<").and_then(|path| path.strip_suffix(b">")).unwrap_or(path);
            let wishes = core::mem::take(&mut self.wishes);
            if !revision.dropped.iter().any(|dropped| dropped.as_bytes() == bare) {
                self.kept += 1;
                out.extend(wishes);
                out.extend(line);
            }
        } else if line == control::END.as_bytes() {
            if self.kept == 0 && revision.added.is_empty() {
                return Err(Unrevisable::NoRecipient);
            }
            out.extend_from_slice(revision.added.as_bytes());
            out.extend(line);
            self.place = Place::Head;
        } else if let Some(sender) = &revision.sender
            && !self.sender_written
            && (line.starts_with(b"from ") || line == b"channel error\n")
        {
            self.sender_written = true;
            out.extend_from_slice(sender.as_bytes());
        } else {
            out.extend(line);
        }
        Ok(())
    }

    /// Changes the header once all of it is there.
    fn header(&mut self, whole: bool, out: &mut Vec<u8>) -> Result<(), Unrevisable> {
        let mut fields: Vec<&[u8]> = Vec::new();
        let mut at = 0;
        let end = loop {
            match part(&self.held[at..], whole) {
                Part::More if self.held.len() > HEADER_OCTETS_MAX => return Err(Unrevisable::HeaderTooLong),
                Part::More => return Ok(()),
                Part::Field { octets, .. } => {
                    fields.push(&self.held[at..at + octets]);
                    at += octets;
                }
                end @ (Part::Blank | Part::Body) => break end,
            }
        };
        if at > HEADER_OCTETS_MAX {
            return Err(Unrevisable::HeaderTooLong);
        }
        let fields = self.revision.fields.iter().fold(
            fields.into_iter().map(Vec::from).collect::<Vec<Vec<u8>>>(),
            |mut fields, change| {
                change.apply(&mut fields);
                fields
            },
        );
        for field in &fields {
            out.extend_from_slice(field);
            if !field.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        // What begins without a header shall not be taken for a part of one.
        if end == Part::Body && !fields.is_empty() && at < self.held.len() && at == 0 {
            out.push(b'\n');
        }
        self.held.drain(..at);
        self.place = Place::Body;
        Ok(())
    }
}

impl FieldChange {
    fn apply(&self, fields: &mut Vec<Vec<u8>>) {
        let field = |name: &str, value: &str| alloc::format!("{name}:{value}\n").into_bytes();
        match self {
            FieldChange::Add(name, value) => fields.push(field(name, value)),
            FieldChange::Insert(number, name, value) => {
                let at = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
                fields.insert(at.min(fields.len()), field(name, value));
            }
            FieldChange::Change(number, name, value) => {
                let number = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
                let of_that_name = fields.iter().enumerate().filter(|(_, field)| is_called(field, name));
                let found = of_that_name.map(|(at, _)| at).nth(number);
                match found {
                    Some(at) if value.is_empty() => drop(fields.remove(at)),
                    Some(at) => fields[at] = field(name, value),
                    None if value.is_empty() => {}
                    None => fields.push(field(name, value)),
                }
            }
        }
    }
}

fn is_called(field: &[u8], name: &str) -> bool {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    field[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).expect("a length in memory fits 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const HEAD: &str =
        "from a@x\ntodsn NOTIFY=a\nto <b@y>\ntodsn NOTIFY=c\nto <d@y>\nenv-end\nReceived: us\n\tus\n";

    fn revised(revision: Revision, text: &str) -> Result<String, Unrevisable> {
        let file = alloc::format!("{HEAD}{text}");
        let revision = Revision { text_at: length(HEAD.as_bytes()), ..revision };
        let write = |size: usize| {
            let (mut editor, mut out) = (Editor::new(&revision), Vec::new());
            for piece in file.as_bytes().chunks(size) {
                editor.read(piece, &mut out)?;
            }
            editor.end(&mut out).map(|()| String::from_utf8(out).expect("text"))
        };
        let once = write(usize::MAX);
        assert_eq!(write(1), once, "where it is cut makes no difference");
        once
    }

    fn header(fields: Vec<FieldChange>, text: &str) -> String {
        let new = revised(Revision { fields, ..Revision::default() }, text).expect("fit");
        new.strip_prefix(HEAD).expect("the same head").into()
    }

    fn of<T>(make: fn(String, String) -> T, name: &str, value: &str) -> T {
        make(name.into(), value.into())
    }

    #[test]
    fn nothing_changes_when_nothing_is_wanted() {
        for text in
            ["A: b\n\nbody\n", "\nbody\n", "body\n", "", "A: b", "A: b\n c\n", "A: b\nno field\n\nbody"]
        {
            let kept = header(Vec::new(), text);
            assert_eq!(kept.trim_end_matches('\n'), text.trim_end_matches('\n'), "{text:?}");
        }
    }

    #[test]
    fn fields_come_and_go() {
        let text = "A: 1\nB: 2\n 2\na: 3\n\nbody\nA: 4\n";
        let insert = |number| FieldChange::Insert(number, "X".into(), " y\n\tz".into());
        let change = |number, value: &str| FieldChange::Change(number, "A".into(), value.into());
        for (fields, wanted) in [
            (vec![of(FieldChange::Add, "X", " y")], "A: 1\nB: 2\n 2\na: 3\nX: y\n\nbody\nA: 4\n"),
            (vec![insert(0)], "X: y\n\tz\nA: 1\nB: 2\n 2\na: 3\n\nbody\nA: 4\n"),
            (vec![insert(1)], "X: y\n\tz\nA: 1\nB: 2\n 2\na: 3\n\nbody\nA: 4\n"),
            (vec![insert(3)], "A: 1\nB: 2\n 2\nX: y\n\tz\na: 3\n\nbody\nA: 4\n"),
            (vec![insert(99)], "A: 1\nB: 2\n 2\na: 3\nX: y\n\tz\n\nbody\nA: 4\n"),
            (vec![change(1, " 5")], "A: 5\nB: 2\n 2\na: 3\n\nbody\nA: 4\n"),
            (vec![change(2, "")], "A: 1\nB: 2\n 2\n\nbody\nA: 4\n"),
            (vec![change(1, ""), change(1, "")], "B: 2\n 2\n\nbody\nA: 4\n"),
            (vec![change(3, "")], text),
            (vec![change(3, " 5")], "A: 1\nB: 2\n 2\na: 3\nA: 5\n\nbody\nA: 4\n"),
        ] {
            assert_eq!(header(fields.clone(), text), wanted, "{fields:?}");
        }
        let add = || vec![of(FieldChange::Add, "X", " y")];
        assert_eq!(header(add(), "body\n"), "X: y\n\nbody\n");
        assert_eq!(header(add(), "\nbody\n"), "X: y\n\nbody\n");
        assert_eq!(header(add(), ""), "X: y\n");
        assert_eq!(header(add(), "A: b"), "A: b\nX: y\n");
    }

    #[test]
    fn recipients_and_the_sender_change() {
        let drop = |names: &[&str]| names.iter().map(|name| String::from(*name)).collect::<Vec<_>>();
        let revision = Revision {
            sender: Some("from e@z\n".into()),
            dropped: drop(&["b@y", "nobody@y"]),
            added: "todsn NOTIFY=f\nto <g@y>\n".into(),
            ..Revision::default()
        };
        assert_eq!(
            revised(revision, "A: b\n\nbody\n").expect("fit"),
            "from e@z\ntodsn NOTIFY=c\nto <d@y>\ntodsn NOTIFY=f\nto <g@y>\nenv-end\nReceived: us\n\tus\nA: b\n\nbody\n"
        );
        let all = Revision { dropped: drop(&["b@y", "d@y"]), ..Revision::default() };
        assert_eq!(revised(all, "\n"), Err(Unrevisable::NoRecipient));
        let long = "A: b\n".repeat(HEADER_OCTETS_MAX / 5 + 1);
        let revision = Revision { text_at: length(HEAD.as_bytes()), ..Revision::default() };
        let (mut editor, mut out) = (Editor::new(&revision), Vec::new());
        assert_eq!(
            editor.read(&[HEAD, &long].concat().into_bytes(), &mut out),
            Err(Unrevisable::HeaderTooLong)
        );
        assert_eq!(Editor::new(&revision).end(&mut Vec::new()), Err(Unrevisable::NoEnvelope));
    }
}
