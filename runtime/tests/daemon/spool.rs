//! Reads a spool as the router would.

use std::path::{Path, PathBuf};

/// The directories of a postoffice.
pub(crate) struct Spool {
    pub(crate) public: PathBuf,
    pub(crate) router: PathBuf,
}

/// A stored message.
pub(crate) struct Stored {
    /// The lines of the envelope.
    pub(crate) envelope: Vec<String>,
    /// What the server put at the head, as stored: its trace field, and above it what others wanted there.
    pub(crate) received: Vec<u8>,
    /// The message behind it, as stored.
    pub(crate) message: Vec<u8>,
}

impl Spool {
    pub(crate) fn at(postoffice: &Path) -> Spool {
        Spool { public: postoffice.join("public"), router: postoffice.join("router") }
    }

    /// The message of this spool id.
    pub(crate) fn stored(&self, id: &str) -> Stored {
        let digits: String = id[1..].chars().take_while(char::is_ascii_digit).collect();
        Stored::read(&self.router.join(digits))
    }

    /// All messages.
    pub(crate) fn all(&self) -> Vec<Stored> {
        files(&self.router).iter().map(|path| Stored::read(path)).collect()
    }

    /// Neither a message nor a part of one is there.
    pub(crate) fn is_empty(&self) -> bool {
        files(&self.public).is_empty() && files(&self.router).is_empty()
    }
}

impl Stored {
    fn read(path: &Path) -> Stored {
        let octets = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let end = find(&octets, b"env-end\n").expect("an envelope with an end");
        let envelope =
            String::from_utf8(octets[..end].to_vec()).expect("text").lines().map(Into::into).collect();
        let rest = &octets[end + b"env-end\n".len()..];
        let field = if rest.starts_with(b"Received: ") { Some(0) } else { find(rest, b"\nReceived: ") };
        let field = field.unwrap_or_else(|| panic!("no trace field at the head of {}", path.display()));
        // It ends with the line that has the zone: what follows is not ours, even where it looks like a continuation.
        let zone = field + find(&rest[field..], b" +0000").expect("a date");
        let end = zone + find(&rest[zone..], b"\n").expect("a whole field") + 1;
        Stored { envelope, received: rest[..end].to_vec(), message: rest[end..].to_vec() }
    }

    /// The message as it was sent: the spool keeps LF where the wire had CRLF.
    pub(crate) fn as_sent(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.message.len() + self.message.len() / 32);
        for octet in &self.message {
            if *octet == b'\n' {
                out.push(b'\r');
            }
            out.push(*octet);
        }
        out
    }
}

/// The files of a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn find(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what)
}
