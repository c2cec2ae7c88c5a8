//! The session log of option `-l`: what was read and written, a line each, in ZMailer's form
//! `TTTTTTTNNNNd<TAB>text`: a tag of the session, seconds since it began, and `r` for read, `w` for written or `#` for
//! a remark. Never any octet of a message.

use crate::lines::{Lines, printable};
use smtpserver_core::{Event, Now, SessionId};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The alphabet of tags, value 0 first; the same as that of spool ids.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123abcdefghijklmnopqrstuvwxyz4567890-";

/// A session log.
pub struct SessionLog {
    lines: Lines,
}

impl SessionLog {
    /// Opens the log, which is made if it is missing. It is re-opened when it was renamed or removed.
    pub fn open(path: &Path) -> std::io::Result<SessionLog> {
        let mut file = LogFile::open(path)?;
        Ok(SessionLog { lines: Lines::to(move || file.current())? })
    }

    /// Finds out whether [`SessionLog::open`] would succeed.
    pub fn try_open(path: &Path) -> std::io::Result<()> {
        LogFile::open(path).map(drop)
    }

    /// Writes a remark.
    pub fn remark(&self, now: Now, session: SessionId, text: &str) {
        self.write(now, session, '#', text);
    }

    /// Writes an event down, if it belongs here.
    pub fn note(&self, now: Now, session: SessionId, event: &Event) {
        match event {
            Event::Heard(line) => self.write(now, session, 'r', line),
            Event::Said(line) => self.write(now, session, 'w', line),
            // A refusal is there already, as what was said.
            Event::Refused { .. } => {}
            Event::TarpitDelayed(_) | Event::Transaction(_) | Event::Closed(_) => {
                self.write(now, session, '#', &format!("{} {event}", event.name()));
            }
        }
    }

    /// Waits until all is written, at most `wait`.
    pub fn flush(&self, wait: Duration) {
        self.lines.flush(wait);
    }

    fn write(&self, now: Now, session: SessionId, direction: char, text: &str) {
        let seconds = now.wall.seconds().saturating_sub(session.began).max(0);
        let line = format!("{}{seconds:04}{direction}\t{}\n", tag(session), printable(text));
        self.lines.add(line.as_bytes());
    }

    /// The same log, for whoever must flush it at the end.
    pub fn lines(&self) -> Lines {
        self.lines.clone()
    }
}

/// Seven letters: day, hour, minute and second at which the session began (UTC), and three of its number.
fn tag(session: SessionId) -> String {
    let second = session.began.rem_euclid(60);
    let minute = session.began.div_euclid(60).rem_euclid(60);
    let hour = session.began.div_euclid(3600).rem_euclid(24);
    // The day of the month needs a calendar; counting days in a circle of 31 tells them apart as well.
    let day = session.began.div_euclid(86_400).rem_euclid(31);
    let serial = i64::try_from(session.serial & 0x3_ffff).expect("18 bits fit");
    [day, hour, minute, second, serial >> 12, serial >> 6, serial]
        .into_iter()
        .map(|value| char::from(ALPHABET[usize::try_from(value & 63).expect("six bits fit")]))
        .collect()
}

/// The file, and how to find out that it is not the one of that name any more.
struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    fn open(path: &Path) -> std::io::Result<LogFile> {
        // A daemon changes its directory.
        let path = std::path::absolute(path)?;
        let file = create(&path)?;
        Ok(LogFile { path, file })
    }

    /// The file to write to. Asked before each write, of which there are at most fifty a second.
    fn current(&mut self) -> Option<Box<dyn Write>> {
        let same = match (std::fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(open)) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
            _ => false,
        };
        if !same && let Ok(file) = create(&self.path) {
            self.file = file;
        }
        self.file.try_clone().ok().map(|file| Box::new(file) as Box<dyn Write>)
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::now::{Instant, Wall};

    #[test]
    fn lines_have_the_old_form_and_the_file_may_be_rotated() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("smtp.log");
        let log = SessionLog::open(&path).expect("log");
        let session = SessionId { began: 3_600 * 24 + 3_661, serial: 65 };
        let now = Now { instant: Instant::ZERO, wall: Wall::from_seconds(session.began + 12) };
        log.note(now, session, &Event::Heard("EHLO \u{1b}[2J".into()));
        log.flush(Duration::from_secs(10));
        std::fs::rename(&path, directory.path().join("old")).expect("renamed");
        log.remark(now, session, "later");
        log.flush(Duration::from_secs(10));
        let old = std::fs::read_to_string(directory.path().join("old")).expect("old log");
        assert_eq!(old, "BBBBABB0012r\tEHLO \\x1B[2J\n");
        assert_eq!(std::fs::read_to_string(&path).expect("new log"), "BBBBABB0012#\tlater\n");
    }
}
