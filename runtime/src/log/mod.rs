//! The log of events: what happened, a line each, to standard error, a file or syslog, as text or as JSON. Nothing here
//! waits for a disk or a reader, and nothing a client says gets into a line unescaped.

mod args;
mod entry;
pub(crate) mod file;
pub(crate) mod open;
mod syslog;
mod trace;

pub use args::{Format, LogArgs};
pub use entry::{Entry, Value};
pub(crate) use syslog::{Letterhead, severity};

use crate::lines::Lines;
use smtpserver_core::now::Wall;
use tracing::Level;

/// The log of events. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    level: Level,
    places: Vec<Place>,
}

/// A place to which the log goes.
#[derive(Clone)]
pub enum Place {
    /// Lines for people: time, level, event, and `key=value`.
    Text(Lines),
    /// Lines that are JSON objects.
    Json(Lines),
    /// Lines for syslog.
    Syslog(Lines, Letterhead),
}

impl Log {
    /// A log of everything of `level` and above.
    pub fn new(level: Level, places: Vec<Place>) -> Log {
        Log { level, places }
    }

    /// Whether anything of this level is written down at all.
    pub fn wants(&self, level: Level) -> bool {
        level <= self.level && !self.places.is_empty()
    }

    /// Writes an entry down, if its level is wanted.
    pub fn say(&self, wall: Wall, entry: &Entry<'_>) {
        if !self.wants(entry.level) {
            return;
        }
        for place in &self.places {
            match place {
                Place::Text(lines) => lines.add(entry.text(wall).as_bytes()),
                Place::Json(lines) => lines.add(entry.json(wall).as_bytes()),
                Place::Syslog(lines, head) => {
                    let line = head.line(severity(entry.level), wall, entry.event, &entry.words());
                    lines.add(line.as_bytes());
                }
            }
        }
    }

    /// Sends everything that is traced in this process from now on to this log as well.
    pub fn trace(&self) {
        // Others in this process (tests) may have been faster; then theirs stays.
        let _ = tracing::subscriber::set_global_default(trace::ToLog::new(self.clone()));
    }
}

/// What option `-v`, given this many times, lets through: at first what an operator wants to know, then also each
/// refusal, then everything.
pub fn level(verbosity: u8) -> Level {
    match verbosity {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    }
}
