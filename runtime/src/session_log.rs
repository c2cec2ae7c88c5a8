//! The session log of option `-l`: what was read and written, a line each, in ZMailer's form
//! `TTTTTTTNNNNd<TAB>text`: a tag of the session, seconds since it began, and `r` for read, `w` for written or `#` for
//! a remark. Never any octet of a message.

use crate::clock::{Clock, SystemClock};
use crate::limits::LOSS_WARNING_WAIT;
use crate::lines::{Lines, Outlet, printable};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::OFlags;
use smtpserver_core::now::Instant;
use smtpserver_core::{Event, Now, SessionId};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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
    /// Keeps a log in this file from now on, by a thread of its own.
    pub fn keep(mut file: LogFile) -> io::Result<SessionLog> {
        let mut alarm =
            Alarm { path: file.path.clone(), clock: Box::new(SystemClock::default()), untold: 0, last: None };
        let outlet = Outlet {
            open: Box::new(move || file.current()),
            lost: Box::new(move |lines, error| alarm.lost(lines, error)),
        };
        Ok(SessionLog { lines: Lines::through(outlet)? })
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
                let remark = format!("{} {event}", event.name());
                // Some events have nothing to add to their name.
                self.write(now, session, '#', remark.trim_end());
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

/// Seven letters: day of the month (the first is A), hour, minute and second at which the session began (UTC), and
/// three of its number.
fn tag(session: SessionId) -> String {
    let began = Timestamp::from_second(session.began).unwrap_or_default().to_zoned(TimeZone::UTC);
    let [day, hour, minute, second] =
        [began.day() - 1, began.hour(), began.minute(), began.second()].map(i64::from);
    let serial = i64::try_from(session.serial & 0x3_ffff).expect("18 bits fit");
    [day, hour, minute, second, serial >> 12, serial >> 6, serial]
        .into_iter()
        .map(|value| char::from(ALPHABET[usize::try_from(value & 63).expect("six bits fit")]))
        .collect()
}

/// Tells on stderr that lines were lost, now and then.
struct Alarm {
    path: PathBuf,
    clock: Box<dyn Clock>,
    untold: u64,
    last: Option<Instant>,
}

impl Alarm {
    fn lost(&mut self, lines: u64, error: &io::Error) {
        let now = self.clock.now().instant;
        self.untold += lines;
        if self.untold > 0 && self.last.is_none_or(|last| now.since(last) >= LOSS_WARNING_WAIT) {
            let path = self.path.display();
            tracing::warn!(
                "the session log {path} has lost lines: {} since the last warning: {error}",
                self.untold
            );
            self.last = Some(now);
            self.untold = 0;
        }
    }
}

/// The file of a session log, and how to find out that it is not the one of that name any more.
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens the file, which is made if it is missing. It is opened anew when it was renamed or removed. Never waits
    /// for the other end of a pipe.
    pub fn open(path: &Path) -> io::Result<LogFile> {
        // A daemon changes its directory.
        let path = std::path::absolute(path)?;
        let file = create(&path)?;
        Ok(LogFile { path, file })
    }

    /// The file to write to. Asked before each write, of which there are at most fifty a second.
    fn current(&mut self) -> io::Result<Box<dyn Write>> {
        let open = self.file.metadata()?;
        let same = std::fs::metadata(&self.path)
            .is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino()));
        if !same {
            match create(&self.path) {
                Ok(file) => self.file = file,
                // Nobody would ever read what goes to a file without a name.
                Err(error) if open.nlink() == 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Box::new(self.file.try_clone()?))
    }
}

fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(i32::try_from(flags.bits()).expect("flags of the system are small"))
        .open(path)
        .map_err(|error| match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::NXIO) => io::Error::other("nobody reads at the other end of it"),
            _ => error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::now::{Instant, Wall};

    #[test]
    fn lines_have_the_old_form_and_the_file_may_be_rotated() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("smtp.log");
        let log = SessionLog::keep(LogFile::open(&path).expect("file")).expect("log");
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
    #[test]
    fn a_tag_begins_with_the_day_of_the_month() {
        // 2026-11-23T05:40:39Z
        let session = SessionId { began: 1_795_412_439, serial: 1 };
        assert_eq!(tag(session), "WFkjAAB");
    }

    #[test]
    fn losses_are_told_once_a_minute() {
        struct Hand(std::sync::Arc<std::sync::atomic::AtomicU64>);
        impl Clock for Hand {
            fn now(&self) -> Now {
                let seconds = self.0.load(std::sync::atomic::Ordering::SeqCst);
                Now { instant: Instant::from_micros(seconds * 1_000_000), wall: Wall::from_seconds(0) }
            }
        }
        let hand = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(7));
        let mut alarm =
            Alarm { path: "log".into(), clock: Box::new(Hand(hand.clone())), untold: 0, last: None };
        let error = io::Error::other("full");
        alarm.lost(3, &error);
        assert_eq!(alarm.untold, 0, "the first is told at once");
        alarm.lost(4, &error);
        alarm.lost(5, &error);
        assert_eq!(alarm.untold, 9);
        hand.store(67, std::sync::atomic::Ordering::SeqCst);
        alarm.lost(1, &error);
        assert_eq!(alarm.untold, 0);
    }

    #[test]
    fn an_event_without_words_leaves_no_blank_behind() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("log");
        let log = SessionLog::keep(LogFile::open(&path).expect("file")).expect("log");
        let record = smtpserver_core::event::TransactionRecord {
            id: smtpserver_core::peer::TransactionId {
                session: SessionId { began: 0, serial: 1 },
                number: 1,
            },
            from: String::new(),
            to: Vec::new(),
            recipients: 0,
            recipients_refused: 0,
            octets: 0,
            normalized: 0,
            envelope: Duration::ZERO,
            data: Duration::ZERO,
            store: Duration::ZERO,
            outcome: smtpserver_core::event::Outcome::Reset,
        };
        log.note(Now::default(), SessionId { began: 0, serial: 1 }, &Event::Transaction(Box::new(record)));
        log.flush(Duration::from_secs(10));
        assert_eq!(std::fs::read_to_string(&path).expect("log"), "AAAAAAB0000#\ttransaction_reset\n");
    }

    #[test]
    fn a_log_that_cannot_be_is_refused_without_a_wait() {
        let directory = tempfile::tempdir().expect("directory");
        assert!(LogFile::open(directory.path()).is_err());
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        assert!(LogFile::open(&pipe).err().expect("no reader").to_string().contains("nobody reads"));
    }
}
