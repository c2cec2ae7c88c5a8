//! The session log of option `-l`: what was read and written, a line each, in ZMailer's form
//! `TTTTTTTNNNNd<TAB>text`: a tag of the session, seconds since it began, and `r` for read, `w` for written or `#` for
//! a remark. It goes to a file, to syslog (there with blanks around the letter), or to both. Never any octet of a
//! message.

use crate::lines::{Lines, printable};
use crate::log::Letterhead;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use smtpserver_core::{Event, Now, SessionId};
use tracing::Level;

/// The alphabet of tags, value 0 first; the same as that of spool ids.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123abcdefghijklmnopqrstuvwxyz4567890-";

/// A session log.
pub struct SessionLog {
    file: Option<Lines>,
    syslog: Option<(Lines, Letterhead)>,
}

impl SessionLog {
    /// A log that goes to these places, with what lines for syslog begin with.
    pub fn new(file: Option<Lines>, syslog: Option<(Lines, Letterhead)>) -> SessionLog {
        SessionLog { file, syslog }
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
            // They are there already, as what was heard and said.
            Event::Refused { .. } | Event::Command(_) | Event::Reply(_) => {}
            Event::Explained { .. }
            | Event::Filter(_)
            | Event::LoggedIn(_)
            | Event::TarpitDelayed(_)
            | Event::Secured(_)
            | Event::Unsecured(_)
            | Event::Transaction(_)
            | Event::Closed(_) => {
                let remark = format!("{} {event}", event.name());
                // Some events have nothing to add to their name.
                self.write(now, session, '#', remark.trim_end());
            }
        }
    }

    fn write(&self, now: Now, session: SessionId, direction: char, text: &str) {
        let seconds = now.wall.seconds().saturating_sub(session.began).max(0);
        let (tag, text) = (tag(session), printable(text));
        if let Some(lines) = &self.file {
            lines.add(format!("{tag}{seconds:04}{direction}\t{text}\n").as_bytes());
        }
        if let Some((lines, head)) = &self.syslog {
            let text = format!("{tag}{seconds:04} {direction} {text}");
            let line = head.line(crate::log::severity(Level::DEBUG), now.wall, "dialogue", &text);
            lines.add(line.as_bytes());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::file::LogFile;
    use smtpserver_core::Duration;
    use smtpserver_core::now::{Instant, Wall};
    use std::path::Path;

    const WAIT: Duration = Duration::from_secs(10);

    fn keep(path: &Path) -> (SessionLog, Lines) {
        let mut file = LogFile::open(path).expect("file");
        let lines = Lines::to(move || file.current()).expect("thread");
        (SessionLog::new(Some(lines.clone()), None), lines)
    }

    #[test]
    fn lines_have_the_old_form_and_the_file_may_be_rotated() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("smtp.log");
        let (log, lines) = keep(&path);
        let session = SessionId { began: 3_600 * 24 + 3_661, serial: 65 };
        let now = Now { instant: Instant::ZERO, wall: Wall::from_seconds(session.began + 12) };
        log.note(now, session, &Event::Heard("EHLO \u{1b}[2J".into()));
        lines.flush(WAIT);
        std::fs::rename(&path, directory.path().join("old")).expect("renamed");
        lines.reopen();
        lines.flush(WAIT);
        assert_eq!(std::fs::read_to_string(&path).expect("a new log before there is a line"), "");
        log.remark(now, session, "later");
        lines.flush(WAIT);
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
    fn an_event_without_words_leaves_no_blank_behind() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("log");
        let (log, lines) = keep(&path);
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
            verdicts: Vec::new(),
            place: smtpserver_core::policy::evaluate::Place::Router,
            outcome: smtpserver_core::event::Outcome::Reset,
        };
        log.note(Now::default(), SessionId { began: 0, serial: 1 }, &Event::Transaction(Box::new(record)));
        lines.flush(WAIT);
        assert_eq!(std::fs::read_to_string(&path).expect("log"), "AAAAAAB0000#\ttransaction_reset\n");
    }
}
