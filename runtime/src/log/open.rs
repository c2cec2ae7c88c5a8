//! Opens the logs that were wished for: first what can be refused, while somebody still reads the refusal and the rights
//! are there; the threads that write later, in the process that will serve.

use super::file::{Alarm, LogFile};
use super::syslog::Mailslot;
use super::{Entry, Format, Letterhead, Log, LogArgs, Place, Value, severity};
use crate::Stop;
use crate::clock::{Clock, SystemClock};
use crate::limits::LAST_WRITES_MAX;
use crate::lines::{self, Lines, Outlet};
use crate::session_log::SessionLog;
use smtpserver_core::Settings;
use smtpserver_core::config::logs::Logs;
use std::io::{self, Write};
use std::path::Path;
use tracing::Level;

/// Logs whose files are open and whose threads are not started.
pub(crate) struct Opened {
    dialogue: Option<LogFile>,
    events: Events,
    format: Format,
    /// The settings of syslog, and our own name.
    syslog: Option<(Logs, String)>,
    /// Whether dialogues go there, too.
    dialogue_to_syslog: bool,
}

/// Where events go, besides syslog.
enum Events {
    Stderr,
    /// To syslog only, if there.
    Nowhere,
    Stdout,
    File(LogFile),
}

/// Logs at work.
pub(crate) struct Started {
    /// The log of events.
    pub(crate) log: Log,
    /// The session log.
    pub(crate) session_log: Option<SessionLog>,
    /// All that write lines, each under the name of its log.
    pub(crate) writers: Writers,
}

/// The writers of all logs, each with the name of its log: `events`, `session`, `syslog`.
#[derive(Clone, Default)]
pub(crate) struct Writers(Vec<(&'static str, Lines)>);

impl Writers {
    /// Lines that were lost, by log.
    pub(crate) fn lost(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(log, lines)| (*log, lines.lost()))
    }

    /// Looks for the files anew.
    pub(crate) fn reopen(&self) {
        self.0.iter().for_each(|(_, lines)| lines.reopen());
    }

    /// Waits until all is written, at most for some seconds each.
    pub(crate) fn flush(&self) {
        self.0.iter().for_each(|(_, lines)| lines.flush(LAST_WRITES_MAX));
    }
}

/// Opens what the options and the settings ask for.
pub(crate) fn open(args: &LogArgs, settings: &Settings) -> Result<Opened, Stop> {
    let wish = args.wish().map_err(Stop::unfit)?;
    let file = |what: &str, path: &Path| {
        LogFile::open(path).map_err(|error| {
            Stop::unfit(format!("the {what} log {} cannot be written: {error}", path.display()))
        })
    };
    let dialogue = wish.dialogue.map(|path| file("session", path)).transpose()?;
    let events = match &args.log_file {
        None => Events::Stderr,
        Some(path) if path.as_os_str() == "-" => Events::Stdout,
        Some(path) => Events::File(file("event", path)?),
    };
    let logs = &settings.logs;
    let to_syslog = wish.syslog || logs.events_to_syslog;
    if to_syslog && let Err(error) = Mailslot::find(Path::new(&logs.syslog_socket)) {
        // It may be about to start, and mail does not wait for it.
        eprintln!("smtpserver: nobody takes lines for syslog at {} now: {error}", logs.syslog_socket);
    }
    let syslog = to_syslog.then(|| (logs.clone(), settings.host.clone()));
    Ok(Opened { dialogue, events, format: args.log_format, syslog, dialogue_to_syslog: wish.syslog })
}

impl Opened {
    /// Says nothing on standard error, which may be somebody else's.
    pub(crate) fn away_from_stderr(self) -> Opened {
        let events = match self.events {
            Events::Stderr => Events::Nowhere,
            other @ (Events::Nowhere | Events::Stdout | Events::File(_)) => other,
        };
        Opened { events, ..self }
    }

    /// Starts the threads.
    pub(crate) fn start(self, level: Level) -> io::Result<Started> {
        let mut writers = Vec::new();
        let mut places = Vec::new();
        if let Some(events) = self.events.write(self.format)? {
            writers.push(("events", events.clone()));
            places.push(match self.format {
                Format::Text => Place::Text(events),
                Format::Json => Place::Json(events),
            });
        }
        let syslog = match self.syslog {
            None => None,
            Some((logs, host)) => {
                let head = Letterhead::new(logs.syslog_form, logs.syslog_facility, &host);
                let lines = to_syslog(logs.syslog_socket, head.clone())?;
                writers.push(("syslog", lines.clone()));
                places.push(Place::Syslog(lines.clone(), head.clone()));
                Some((lines, head))
            }
        };
        let dialogue = self.dialogue.map(write_dialogue).transpose()?;
        writers.extend(dialogue.iter().map(|lines| ("session", lines.clone())));
        let syslog = syslog.filter(|_| self.dialogue_to_syslog);
        let session_log = (dialogue.is_some() || syslog.is_some()).then(|| SessionLog::new(dialogue, syslog));
        Ok(Started { log: Log::new(level, places), session_log, writers: Writers(writers) })
    }
}

impl Events {
    /// Nobody but the lines themselves is told of events that were lost: there is no other place.
    fn write(self, format: Format) -> io::Result<Option<Lines>> {
        let tell: lines::Tell = match format {
            Format::Text => Box::new(lines::remark),
            Format::Json => Box::new(lost_in_json),
        };
        let open: lines::Open = match self {
            Events::Nowhere => return Ok(None),
            Events::Stderr => Box::new(|| Ok(Box::new(io::stderr()) as Box<dyn Write>)),
            Events::Stdout => Box::new(|| Ok(Box::new(io::stdout()) as Box<dyn Write>)),
            Events::File(mut file) => Box::new(move || file.current()),
        };
        Lines::through(Outlet { open, lost: Box::new(|_, _| {}), tell }).map(Some)
    }
}

fn lost_in_json(lines: u64) -> String {
    let fields = [("lines", Value::Number(lines))];
    let entry = Entry { level: Level::WARN, event: "lines_lost", message: None, fields: &fields };
    entry.json(SystemClock::default().now().wall)
}

fn write_dialogue(mut file: LogFile) -> io::Result<Lines> {
    let mut alarm = Alarm::new(format!("the session log {}", file.name()));
    Lines::through(Outlet {
        open: Box::new(move || file.current()),
        lost: Box::new(move |lines, error| alarm.lost(lines, error)),
        tell: Box::new(lines::remark),
    })
}

fn to_syslog(socket: String, head: Letterhead) -> io::Result<Lines> {
    let mut alarm = Alarm::new(format!("syslog at {socket}"));
    let clock = SystemClock::default();
    Lines::through(Outlet {
        open: Box::new(move || Ok(Box::new(Mailslot::find(Path::new(&socket))?) as Box<dyn Write>)),
        lost: Box::new(move |lines, error| alarm.lost(lines, error)),
        tell: Box::new(move |lines| {
            head.line(
                severity(Level::WARN),
                clock.now().wall,
                "lines_lost",
                &format!("{lines} lines were lost"),
            )
        }),
    })
}
