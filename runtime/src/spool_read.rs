//! Reads the spool back for a person: `spool list` and `spool show`. It changes nothing, and it trusts no file: the
//! router may take any of them away at any moment, and what a message holds is shown, never believed.

use crate::Stop;
use crate::args::Office;
use crate::config_file::layout;
use crate::limits::{ENVELOPE_LINE_MAX, ENVELOPE_OCTETS_MAX};
use crate::lines::printable;
use rustix::fs::OFlags;
use smtpserver_core::Wall;
use smtpserver_core::spool::Stored;
use smtpserver_core::spool::id::SpoolId;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The line that ends the envelope.
const ENVELOPE_END: &[u8] = b"env-end\n";

/// Octets that are made harmless at a time.
const COPY_OCTETS: u64 = 16_384;

/// A stored message, its envelope read.
struct Message {
    path: PathBuf,
    id: SpoolId,
    written: Wall,
    octets: u64,
    /// Keyword and value, in the order of the file.
    envelope: Vec<(String, String)>,
    /// Its envelope has an end; otherwise nobody knows where the message begins.
    whole: bool,
    rest: BufReader<File>,
}

/// Prints a line for each message, the oldest first.
pub(crate) fn list(folders: &[PathBuf], json: bool) -> Result<(), Stop> {
    let mut messages = Vec::new();
    for path in files(folders)? {
        // Whatever cannot be opened any more was taken by the router.
        if let Ok(message) = Message::open(&path) {
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
pub(crate) fn show(folders: &[PathBuf], id: &str) -> Result<(), Stop> {
    let mut message = message(folders, id)?;
    if !message.whole {
        print(|out| out.write_all(explain(&message).as_bytes()))?;
        return Err(Stop::failed(format!("message {} is damaged: its envelope has no end", printable(id))));
    }
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

/// The file of this message.
pub(crate) fn find(folder: PathBuf, id: &str) -> Result<PathBuf, Stop> {
    Ok(message(&[folder], id)?.path)
}

/// Where the messages are that wait for the router, or for whoever sees them before it.
pub(crate) fn queue(office: &Office) -> Result<Vec<PathBuf>, Stop> {
    let all = layout(office)?.folders(&office.postoffice);
    // A sub-directory is made when the server starts with it.
    Ok(all
        .into_iter()
        .enumerate()
        .filter(|(place, path)| *place == 0 || path.is_dir())
        .map(|(_, path)| path)
        .collect())
}

fn message(folders: &[PathBuf], id: &str) -> Result<Message, Stop> {
    let name = SpoolId::file_name(id)
        .ok_or_else(|| Stop::failed(format!("{} is neither a spool id nor a number", printable(id))))?;
    // Behind the number may stand another one, where the plain name was taken, and why it was frozen.
    let is_its = |path: &PathBuf| {
        let rest = path.file_name().and_then(|file| file.to_str()).and_then(|file| file.strip_prefix(name));
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    let message = files(folders)?
        .into_iter()
        .filter(is_its)
        .filter_map(|path| Message::open(&path).ok())
        .find(|message| id == name || message.id.as_str() == id);
    let place = folders.first().map_or(String::new(), |folder| folder.display().to_string());
    message.ok_or_else(|| Stop::failed(format!("no message {} in {place}", printable(id))))
}

impl Message {
    fn open(path: &Path) -> std::io::Result<Message> {
        // Neither a link nor a pipe may lead us elsewhere or hold us up.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).expect("flags of the system are small");
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let stat = file.metadata()?;
        if !stat.is_file() {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        let mtime_nanos = u32::try_from(stat.mtime_nsec()).unwrap_or_default();
        let id = SpoolId::of(Stored { inode: stat.ino(), mtime_seconds: stat.mtime(), mtime_nanos });
        let mut rest = BufReader::new(file);
        let mut envelope = Vec::new();
        let mut envelope_octets = 0;
        let whole = loop {
            let mut line = Vec::new();
            let read = rest.by_ref().take(ENVELOPE_LINE_MAX).read_until(b'\n', &mut line)?;
            envelope_octets += u64::try_from(read).unwrap_or_default();
            if line == ENVELOPE_END {
                break true;
            }
            if read == 0 || envelope_octets > ENVELOPE_OCTETS_MAX {
                break false;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            let (keyword, value) = text.split_once(' ').unwrap_or((text, ""));
            envelope.push((keyword.to_string(), value.to_string()));
        };
        Ok(Message {
            path: path.to_path_buf(),
            id,
            written: Wall::from_micros(stat.mtime() * 1_000_000 + i64::from(mtime_nanos / 1000)),
            octets: stat.size().saturating_sub(envelope_octets),
            envelope,
            whole,
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

/// The files of the messages in these directories: all whose names begin with a digit.
fn files(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).map_err(|error| {
            Stop::unfit(format!("the spool {} cannot be read: {error}", folder.display()))
        })?;
        let begins =
            |name: &std::ffi::OsString| name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
        files.extend(entries.flatten().filter(|entry| begins(&entry.file_name())).map(|entry| entry.path()));
    }
    Ok(files)
}

fn line(message: &Message, json: bool) -> String {
    let date = message.written.rfc2822().to_string();
    if json {
        let to: Vec<_> = message.values("to").map(quoted).collect();
        return format!(
            "{{\"id\":{},\"file\":{},\"date\":{},\"octets\":{},\"from\":{},\"to\":[{}],\"damaged\":{}}}\n",
            quoted(message.id.as_str()),
            quoted(&message.path.to_string_lossy()),
            quoted(&date),
            message.octets,
            quoted(message.from()),
            to.join(","),
            !message.whole,
        );
    }
    let mut to = message.values("to");
    let first = to.next().unwrap_or("-");
    let others = match to.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let mark = if message.whole { "" } else { "DAMAGED " };
    format!(
        "{:<28} {date:<31} {:>10}  {mark}{} / {}{others}\n",
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
        let _ = writeln!(page, "{:<18} {}", printable(meaning), printable(value));
    };
    row("spool id", message.id.as_str());
    row("file", &message.path.to_string_lossy());
    row("written", &message.written.rfc2822().to_string());
    if message.whole {
        row("message octets", &message.octets.to_string());
    } else {
        row("damaged", "the envelope has no end; what there is of it:");
    }
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

/// Copies a message to a terminal, which must not obey what is in it: control characters, those of one octet as well as
/// those of UTF-8, and octets that are no UTF-8, which an old terminal may take for control characters.
fn copy_harmless(from: &mut impl Read, to: &mut dyn Write) -> std::io::Result<()> {
    let mut octets = Vec::new();
    loop {
        let read = from.take(COPY_OCTETS).read_to_end(&mut octets)?;
        let last = read == 0;
        let mut left = Vec::new();
        let mut chunks = octets.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for letter in chunk.valid().chars() {
                let mut buffer = [0; 4];
                let encoded = letter.encode_utf8(&mut buffer);
                if letter.is_control() && !matches!(letter, '\n' | '\t') {
                    escape(encoded.as_bytes(), to)?;
                } else {
                    to.write_all(encoded.as_bytes())?;
                }
            }
            if chunks.peek().is_none() && !last {
                // Perhaps only the beginning of a letter: what follows will show.
                left = chunk.invalid().to_vec();
            } else {
                escape(chunk.invalid(), to)?;
            }
        }
        if last {
            return Ok(());
        }
        octets = left;
    }
}

fn escape(octets: &[u8], to: &mut dyn Write) -> std::io::Result<()> {
    octets.iter().try_for_each(|octet| write!(to, "\\x{octet:02X}"))
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
        // The control characters above 127, bare and as UTF-8; letters that have such octets in them; Latin-1.
        for (octets, shown) in [
            (&b"\x9b2J\x80\x9f"[..], &b"\\x9B2J\\x80\\x9F"[..]),
            (b"\xc2\x9b2J\xc2\x80\xc2\x9f\xc2\xa0", b"\\xC2\\x9B2J\\xC2\\x80\\xC2\\x9F\xc2\xa0"),
            ("\u{c4}\u{65e5}\u{1f600}".as_bytes(), "\u{c4}\u{65e5}\u{1f600}".as_bytes()),
            (b"caf\xe9\n\xc3", b"caf\\xE9\n\\xC3"),
            (b"\x7f\x00", b"\\x7F\\x00"),
        ] {
            let mut out = Vec::new();
            copy_harmless(&mut &octets[..], &mut out).expect("memory");
            assert_eq!(out.escape_ascii().to_string(), shown.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_letter_that_two_reads_share_stays_whole() {
        let most = usize::try_from(COPY_OCTETS).expect("small");
        for before in most - 4..most + 2 {
            let text = format!("{}\u{1f600}\u{9b}x", "a".repeat(before));
            let mut out = Vec::new();
            copy_harmless(&mut text.as_bytes(), &mut out).expect("memory");
            let shown = format!("{}\u{1f600}\\xC2\\x9Bx", "a".repeat(before));
            assert!(out == shown.as_bytes(), "{before}");
        }
    }

    #[test]
    fn only_regular_files_are_opened_and_a_missing_end_is_seen() {
        let directory = tempfile::tempdir().expect("directory");
        let path = |name| directory.path().join(name);
        std::fs::write(path("1"), "from <a@b>\nto <c@d>\nenv-end").expect("written");
        let message = Message::open(&path("1")).expect("readable");
        assert!(!message.whole);
        assert!(line(&message, false).contains("DAMAGED <a@b> / <c@d>"));
        assert!(line(&message, true).ends_with("\"damaged\":true}\n"));
        std::os::unix::fs::symlink(path("1"), path("2")).expect("a link");
        assert!(Message::open(&path("2")).is_err());
        assert!(std::process::Command::new("mkfifo").arg(path("3")).status().expect("mkfifo").success());
        assert!(Message::open(&path("3")).is_err());
    }

    #[test]
    fn unknown_lines_of_an_envelope_are_made_harmless() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("1");
        std::fs::write(&path, "\u{1b}[2J \u{9b}2J\nenv-end\n").expect("written");
        let page = explain(&Message::open(&path).expect("readable"));
        assert!(page.contains("\\x1B[2J") && page.contains("\\xC2\\x9B2J"), "{page}");
        assert!(page.bytes().all(|octet| matches!(octet, b'\n' | b' '..=b'~')));
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
