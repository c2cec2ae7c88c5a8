//! Reads a spool directory in ZMailer's format: envelope lines, then the stored message with LF line ends.
//! Reads on its own terms, not with the server's code: a reader that shares its writer's mistakes sees none.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Message, Trouble};

/// All messages of the post office, the oldest first.
pub(super) fn read(postoffice: &Path) -> Result<Vec<Message>, Trouble> {
    let message = |path: &PathBuf| {
        let raw = fs::read(path).map_err(|error| trouble(path, &error))?;
        Message::parse(&raw).map_err(|fault| Trouble(format!("{}: {}", path.display(), fault.0)))
    };
    files(postoffice)?.iter().map(message).collect()
}

/// Throws all messages away.
pub(super) fn clear(postoffice: &Path) -> Result<(), Trouble> {
    files(postoffice)?
        .iter()
        .try_for_each(|path| fs::remove_file(path).map_err(|error| trouble(path, &error)))
}

fn trouble(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble(format!("{}: {error}", path.display()))
}

/// The files of `router` and of the hash directories below it.
fn files(postoffice: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    let mut folders = vec![postoffice.join("router")];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(trouble(&folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| trouble(&folder, &error))?;
            let facts = entry.metadata().map_err(|error| trouble(&entry.path(), &error))?;
            if facts.is_dir() {
                folders.push(entry.path());
            } else {
                found.push((facts.modified().map_err(|error| trouble(&entry.path(), &error))?, entry.path()));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

impl Message {
    /// A stored file, read as envelope and message. A `Received:` field in front of the message is taken for the
    /// server's own, so a lane that stores as the manual says needs no reader of its own.
    ///
    /// # Errors
    /// [`Trouble`] if the envelope has no end.
    pub fn parse(raw: &[u8]) -> Result<Self, Trouble> {
        let mut message = Self { raw: raw.to_vec(), ..Self::default() };
        let mut binary = false;
        let mut rest = raw;
        loop {
            let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
                return Err(Trouble("a stored file without env-end".to_string()));
            };
            // Nearly always it is text, which is seen faster than it is mended.
            let line = std::str::from_utf8(&rest[..end])
                .map_or_else(|_| String::from_utf8_lossy(&rest[..end]), Cow::Borrowed);
            rest = &rest[end + 1..];
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("env-end", _) => break,
                ("from", path) => message.from = bare(path),
                ("channel", "error") => message.from = String::new(),
                ("to", path) => message.to.push(bare(path)),
                ("bodytype", kind) => binary = kind.eq_ignore_ascii_case("BINARYMIME"),
                _ => {}
            }
        }
        let sent = without_trace(rest);
        message.body = if binary { sent.to_vec() } else { with_crlf(sent) };
        Ok(message)
    }
}

fn bare(path: &str) -> String {
    path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path).to_string()
}

/// What the client sent: all but the first field, if that is the server's own `Received:`.
fn without_trace(stored: &[u8]) -> &[u8] {
    if !stored.get(..9).is_some_and(|name| name.eq_ignore_ascii_case(b"received:")) {
        return stored;
    }
    let mut at = 0;
    while let Some(end) = stored[at..].iter().position(|octet| *octet == b'\n') {
        at += end + 1;
        if !matches!(stored.get(at), Some(b' ' | b'\t')) {
            return &stored[at..];
        }
    }
    &[]
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(raw: &[u8]) -> Message {
        Message::parse(raw).expect("a good file")
    }

    #[test]
    fn envelope_and_body_are_told_apart() {
        let raw = b"identinfo x\nfrom <ann@a.example>\ntodsn NOTIFY=NEVER\nto <bob@b.example>\nto carl@b.example\nenv-end\n\
            Received: from a\n\tby b; today\nSubject: hi\n\nfrom x\n";
        let got = message(raw);
        assert_eq!(got.from, "ann@a.example");
        assert_eq!(got.to, ["bob@b.example", "carl@b.example"]);
        assert_eq!(got.body, b"Subject: hi\r\n\r\nfrom x\r\n");
        assert_eq!(got.raw, raw);
    }

    #[test]
    fn null_sender_binary_and_empty_bodies() {
        let got = message(b"channel error\nto <b@b>\nbodytype BINARYMIME\nenv-end\nReceived: x\na\nb\r\n");
        assert_eq!((got.from.as_str(), got.body.as_slice()), ("", &b"a\nb\r\n"[..]));
        assert_eq!(message(b"env-end\nReceived: x\n").body, b"");
        assert_eq!(message(b"env-end\nno trace").body, b"no trace");
        assert!(Message::parse(b"from <a@b>\nto <c@d>\n").is_err());
    }

    #[test]
    fn files_are_read_in_their_order_and_thrown_away() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("router/A")).expect("a folder");
        for (name, to) in [("router/A/2", "late"), ("router/1", "early")] {
            let age = if to == "early" { 100 } else { 10 };
            let file = folder.path().join(name);
            fs::write(&file, format!("to <{to}>\nenv-end\n")).expect("a file");
            let then = SystemTime::now() - std::time::Duration::from_secs(age);
            fs::File::options()
                .write(true)
                .open(&file)
                .and_then(|file| file.set_modified(then))
                .expect("its time");
        }
        let all = read(folder.path()).expect("messages");
        assert_eq!(all.iter().map(|message| message.to[0].as_str()).collect::<Vec<_>>(), ["early", "late"]);
        clear(folder.path()).expect("cleared");
        assert_eq!(read(folder.path()).expect("messages"), []);
    }
}
