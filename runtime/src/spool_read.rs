//! Reads the spool back for a person: `spool list` and `spool show`. It changes nothing, and it trusts no file: the
//! router may take any of them away at any moment, and what a message holds is shown, never believed.

use crate::Stop;
use crate::lines::printable;
use crate::spool_fs::ROUTER;
use smtpserver_core::Wall;
use smtpserver_core::spool::Stored;
use smtpserver_core::spool::id::SpoolId;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The line that ends the envelope.
const ENVELOPE_END: &str = "env-end";
/// Longest envelope line that is read.
const LINE_OCTETS_MAX: u64 = 65_536;

/// A stored message, its envelope read.
struct Message {
    path: PathBuf,
    id: SpoolId,
    written: Wall,
    octets: u64,
    /// Keyword and value, in the order of the file.
    envelope: Vec<(String, String)>,
    rest: BufReader<File>,
}

/// Prints a line for each message, the oldest first.
pub(crate) fn list(postoffice: &Path, json: bool) -> Result<(), Stop> {
    let router = postoffice.join(ROUTER);
    let mut messages = Vec::new();
    for file in files(&router)? {
        // Whatever cannot be opened any more was taken by the router.
        if let Ok(message) = Message::open(&router.join(file)) {
            messages.push((message.written, line(&message, json)));
        }
    }
    messages.sort();
    let mut page = String::new();
    if !json {
        let _ = writeln!(page, "{:<28} {:<31} {:>10}  FROM / TO", "ID", "DATE", "OCTETS");
    }
    for (_, line) in messages {
        page += &line;
    }
    print(|out| out.write_all(page.as_bytes()))
}

/// Prints one message: its envelope explained, an empty line, the message.
pub(crate) fn show(postoffice: &Path, id: &str) -> Result<(), Stop> {
    let router = postoffice.join(ROUTER);
    let name = SpoolId::file_name(id)
        .ok_or_else(|| Stop::failed(format!("{} is neither a spool id nor a number", printable(id))))?;
    // A file whose plain name was taken has a number behind it.
    let suffixed = format!("{name}-");
    let files = files(&router)?.into_iter().filter(|file| file == name || file.starts_with(&suffixed));
    let message = files
        .filter_map(|file| Message::open(&router.join(file)).ok())
        .find(|message| id == name || message.id.as_str() == id);
    let Some(mut message) = message else {
        return Err(Stop::failed(format!("no message {} in {}", printable(id), router.display())));
    };
    print(|out| {
        out.write_all(explain(&message).as_bytes())?;
        out.write_all(b"\n")?;
        if std::io::stdout().is_terminal() {
            copy_harmless(&mut message.rest, out)
        } else {
            std::io::copy(&mut message.rest, out).map(drop)
        }
    })
}

impl Message {
    fn open(path: &Path) -> std::io::Result<Message> {
        let file = File::open(path)?;
        let stat = file.metadata()?;
        if !stat.is_file() {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        let mtime_nanos = u32::try_from(stat.mtime_nsec()).unwrap_or_default();
        let id = SpoolId::of(Stored { inode: stat.ino(), mtime_seconds: stat.mtime(), mtime_nanos });
        let mut rest = BufReader::new(file);
        let mut envelope = Vec::new();
        let mut envelope_octets = 0;
        loop {
            let mut line = Vec::new();
            let read = rest.by_ref().take(LINE_OCTETS_MAX).read_until(b'\n', &mut line)?;
            envelope_octets += u64::try_from(read).unwrap_or_default();
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            if read == 0 || text == ENVELOPE_END {
                break;
            }
            let (keyword, value) = text.split_once(' ').unwrap_or((text, ""));
            envelope.push((keyword.to_string(), value.to_string()));
        }
        Ok(Message {
            path: path.to_path_buf(),
            id,
            written: Wall::from_micros(stat.mtime() * 1_000_000 + i64::from(mtime_nanos / 1000)),
            octets: stat.size().saturating_sub(envelope_octets),
            envelope,
            rest,
        })
    }

    fn values<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a str> {
        self.envelope.iter().filter(move |(own, _)| own == keyword).map(|(_, value)| value.as_str())
    }

    /// The reverse-path with its brackets.
    fn from(&self) -> &str {
        self.values("from").next().unwrap_or("<>")
    }
}

/// The names of the messages in a directory: all that begin with a digit.
fn files(router: &Path) -> Result<Vec<String>, Stop> {
    let entries = std::fs::read_dir(router)
        .map_err(|error| Stop::unfit(format!("the spool {} cannot be read: {error}", router.display())))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).collect())
}

fn line(message: &Message, json: bool) -> String {
    let date = message.written.rfc2822().to_string();
    if json {
        let to: Vec<_> = message.values("to").map(quoted).collect();
        return format!(
            "{{\"id\":{},\"file\":{},\"date\":{},\"octets\":{},\"from\":{},\"to\":[{}]}}\n",
            quoted(message.id.as_str()),
            quoted(&message.path.to_string_lossy()),
            quoted(&date),
            message.octets,
            quoted(message.from()),
            to.join(","),
        );
    }
    let mut to = message.values("to");
    let first = to.next().unwrap_or("-");
    let others = match to.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(
        "{:<28} {date:<31} {:>10}  {} / {}{others}\n",
        message.id.as_str(),
        message.octets,
        printable(message.from()),
        printable(first),
    )
}

/// The envelope for a person: what each line means, then what it says.
fn explain(message: &Message) -> String {
    let mut page = String::new();
    let mut row = |meaning: &str, value: &str| {
        let _ = writeln!(page, "{meaning:<18} {}", printable(value));
    };
    row("spool id", message.id.as_str());
    row("file", &message.path.to_string_lossy());
    row("written", &message.written.rfc2822().to_string());
    row("message octets", &message.octets.to_string());
    for (keyword, value) in &message.envelope {
        match keyword.as_str() {
            "external" => row("origin", "came from outside"),
            "rcvdfrom" => row("client", value),
            "with" => row("protocol", value),
            "bodytype" => row("body type", value),
            "from" => row("sender", value),
            "channel" if value == "error" => row("sender", "<> (a report, never to be answered by another)"),
            "envid" => row("sender's id for it", value),
            "notaryret" => row("reports return", if value == "HDRS" { "headers only" } else { "all of it" }),
            "todsn" => row("wishes of the next", value),
            "to" => row("recipient", value),
            "comment" => row("remark", value),
            other => row(other, value),
        }
    }
    page
}

/// Copies a message to a terminal, which must not obey what is in it.
fn copy_harmless(from: &mut impl BufRead, to: &mut dyn Write) -> std::io::Result<()> {
    loop {
        let octets = from.fill_buf()?;
        if octets.is_empty() {
            return Ok(());
        }
        for octet in octets {
            match octet {
                b'\n' | b'\t' | b' '..=b'~' | 0x80.. => to.write_all(&[*octet])?,
                control => write!(to, "\\x{control:02X}")?,
            }
        }
        let used = octets.len();
        from.consume(used);
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Prints to stdout. A reader who has seen enough is no failure.
fn print(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Stop> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Stop::failed(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_survive_anything() {
        assert_eq!(quoted("a\"b\\c\nd\u{e9}"), "\"a\\\"b\\\\c\\u000ad\u{e9}\"");
    }

    #[test]
    fn a_terminal_never_sees_an_escape_sequence() {
        let mut out = Vec::new();
        copy_harmless(&mut &b"Subject: \x1b[2J\n\n\xc3\xa9\r\n"[..], &mut out).expect("memory");
        assert_eq!(out, b"Subject: \\x1B[2J\n\n\xc3\xa9\\x0D\n");
    }

    #[test]
    fn the_envelope_ends_where_it_says() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("17");
        std::fs::write(
            &path,
            "external\nchannel error\nto <a@b>\nto <c@d>\nenv-end\nSubject: x\n\nenv-end\n",
        )
        .expect("written");
        let mut message = Message::open(&path).expect("readable");
        assert_eq!(message.from(), "<>");
        assert_eq!(message.values("to").count(), 2);
        assert_eq!(message.octets, 20);
        let mut text = String::new();
        message.rest.read_to_string(&mut text).expect("text");
        assert_eq!(text, "Subject: x\n\nenv-end\n");
    }
}
