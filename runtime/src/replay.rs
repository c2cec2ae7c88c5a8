//! `smtpserver replay`: recorded sessions through a fresh core. Says for each file whether it came out the same, or
//! where it first did not, with the dialogue around that. It changes nothing and listens to nobody.

use crate::Stop;
use crate::limits::RECORDING_OCTETS_MAX;
use crate::lines::printable;
use smtpserver_core::Now;
use smtpserver_core::record::{
    Brought, Difference, Ending, Entry, Header, Learnt, Log, LogFaultKind, Replay, Said, Unlike,
};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Records shown before a difference, and behind it.
const BEFORE: usize = 24;
const BEHIND: usize = 12;
/// Letters of a line that are shown.
const LETTERS_MAX: usize = 160;
/// Lines of one record that are shown.
const LINES_MAX: usize = 6;

/// What became of a file.
enum Verdict {
    Equal(String),
    Different(String),
}

/// Replays each file. The exit code is 1 when one came out otherwise, 2 when one is no recording.
pub(crate) fn run(files: &[PathBuf]) -> Result<(), Stop> {
    let (mut different, mut unfit) = (0, 0);
    for file in files {
        match one(file) {
            Ok(Verdict::Equal(text)) => println!("{}: equal: {text}", file.display()),
            Ok(Verdict::Different(text)) => {
                different += 1;
                println!("{}: NOT equal: {text}", file.display());
            }
            Err(why) => {
                unfit += 1;
                println!("{}: {why}", file.display());
            }
        }
    }
    let line = format!("of {} recordings {different} not equal, {unfit} not readable", files.len());
    match (different, unfit) {
        (0, 0) => Ok(()),
        (_, 0) => Err(Stop::failed(line)),
        _ => Err(Stop::unfit(line)),
    }
}

/// Reads a recording whole.
pub(crate) fn slurp(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(file)?.take(RECORDING_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|octets| octets > RECORDING_OCTETS_MAX) {
        return Err(std::io::Error::other(format!("it has more than {RECORDING_OCTETS_MAX} octets")));
    }
    Ok(octets)
}

fn one(file: &Path) -> Result<Verdict, String> {
    let octets = slurp(file).map_err(|error| format!("cannot be read: {error}"))?;
    let mut remarks = String::new();
    let log = match Log::decode(&octets) {
        Err(fault) if fault.kind == LogFaultKind::Truncated => {
            let _ = write!(remarks, " ({fault}; as far as it goes)");
            Log::decode_what_is_there(&octets)
        }
        read => read,
    };
    let log = log.map_err(|fault| fault.to_string())?;
    if !log.header.settings_are_whole() {
        let _ = write!(
            remarks,
            " (recorded by version {} with settings that this program does not know)",
            printable(&log.header.program)
        );
    }
    Ok(match replayed(&log) {
        Ok(()) => Verdict::Equal(summary(&log) + &remarks),
        Err(page) => Verdict::Different(page.replacen('\n', &format!("{remarks}\n"), 1)),
    })
}

/// Lives through the log; otherwise a page about the first difference, its first line a summary.
fn replayed(log: &Log<'_>) -> Result<(), String> {
    let mut replay = Replay::new(log);
    let mut lived = 0;
    loop {
        match catch_unwind(AssertUnwindSafe(|| replay.step())) {
            Ok(None) if log.ending == Some(Ending::Panicked) => {
                let first = "the recorded session broke an assertion here, and now none breaks";
                return Err(page(log, lived, first, &[]));
            }
            Ok(None) => return Ok(()),
            Ok(Some(Ok(_))) => lived += 1,
            Ok(Some(Err(difference))) => return Err(different(log, &difference)),
            // As it was when it was recorded: that is what a recording is for.
            Err(_) if log.ending == Some(Ending::Panicked) && lived + 1 == log.entries.len() => return Ok(()),
            Err(_) => return Err(page(log, lived, "an assertion of ours breaks", &[])),
        }
    }
}

fn summary(log: &Log<'_>) -> String {
    let brought = log.entries.iter().filter(|entry| matches!(entry, Entry::Brought(..))).count();
    let end = match log.ending {
        Some(Ending::Closed) => "",
        Some(Ending::Dropped) => ", then cut off by the end of the server",
        Some(Ending::Panicked) => ", then the same assertion of ours broke",
        Some(Ending::Full) => ", then there was no room for more",
        None => "",
    };
    let outputs = log.entries.len() - brought;
    format!("{brought} inputs, {outputs} outputs in {} s{end}", seconds(&log.header, last(log)))
}

/// The time of the last thing that was brought.
fn last(log: &Log<'_>) -> Now {
    time(log, log.entries.len())
}

/// The time at a record.
fn time(log: &Log<'_>, at: usize) -> Now {
    let before = log.entries[..log.entries.len().min(at + 1)].iter().rev();
    let mut times = before.filter_map(|entry| match entry {
        Entry::Brought(now, _) => Some(*now),
        Entry::Said(_) => None,
    });
    times.next().unwrap_or(log.header.began)
}

fn seconds(header: &Header, now: Now) -> String {
    let micros = now.instant.since(header.began.instant).as_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn different(log: &Log<'_>, difference: &Difference) -> String {
    let (first, lines) = match &difference.unlike {
        Unlike::Said { recorded, replayed } => {
            let tell = |said: &Option<Said>| {
                said.as_ref().map_or("nothing".to_string(), |said| cut(&said.to_string()))
            };
            let lines =
                vec![format!("recorded  {}", tell(recorded)), format!("replayed  {}", tell(replayed))];
            ("the session does something else", lines)
        }
        Unlike::Unwanted { recorded, wanted } => {
            let line = format!("recorded  {recorded} octets come; the session would read {wanted}");
            ("the session would not read these octets", vec![line])
        }
    };
    page(log, difference.entry, first, &lines)
}

/// The dialogue around a record, and what is to be said of it.
fn page(log: &Log<'_>, at: usize, first: &str, lines: &[String]) -> String {
    let now = time(log, at);
    let began = log.header.began.wall;
    let mut page = format!(
        "{first}, {} s after {}, record {at} of {}\n",
        seconds(&log.header, now),
        began.rfc2822(),
        log.entries.len()
    );
    for entry in &log.entries[at.saturating_sub(BEFORE).min(log.entries.len())..at.min(log.entries.len())] {
        page += &shown(log, entry);
    }
    for line in lines {
        let _ = writeln!(page, "  >>> {line}");
    }
    let behind = &log.entries[at.saturating_add(1).min(log.entries.len())..];
    if !behind.is_empty() {
        page += "  the recording goes on:\n";
    }
    for entry in behind.iter().take(BEHIND) {
        page += &shown(log, entry);
    }
    page.truncate(page.trim_end().len());
    page
}

/// A record for a person.
fn shown(log: &Log<'_>, entry: &Entry<'_>) -> String {
    match entry {
        Entry::Brought(now, brought) => {
            let at = seconds(&log.header, *now);
            let rows = match brought {
                Brought::Bytes(octets) => return dialogue(&at, "C", octets),
                Brought::Opened => "the connection is open".to_string(),
                Brought::Tick => "the deadline is here".to_string(),
                Brought::Answered(ticket, ruling) => {
                    format!("question {} answered: {ruling:?}", ticket.number())
                }
                Brought::Terms(ticket, means, _) => {
                    format!("question {} answered: {means:?}", ticket.number())
                }
                Brought::Found(ticket, learnt) => {
                    let found = match learnt {
                        Learnt::Salt(..) => "a salt".to_string(),
                        word @ (Learnt::Right | Learnt::Proven | Learnt::Wrong | Learnt::Trouble) => {
                            format!("{word:?}")
                        }
                    };
                    format!("question {} answered: {found}", ticket.number())
                }
                Brought::Reported(report) => format!("the spool reports {report:?}"),
                Brought::Secured(facts) => format!("TLS is on: {facts}"),
                Brought::Unsecured(fault) => format!("the handshake failed: {}", fault.name()),
                Brought::Sent => "the client has taken all replies".to_string(),
                Brought::PeerClosed => "the client closes".to_string(),
                Brought::ShuttingDown => "the server is to stop".to_string(),
            };
            format!("  {at:>14}  -- {rows}\n")
        }
        Entry::Said(Said::Wrote(octets)) => dialogue("", "S", octets),
        Entry::Said(said @ Said::Did { .. }) => format!("  {:>14}     {said}\n", ""),
    }
}

/// Lines of the dialogue, each with its mark.
fn dialogue(at: &str, mark: &str, octets: &[u8]) -> String {
    let mut text = String::new();
    let mut at = at;
    let lines: Vec<&[u8]> = octets.split_inclusive(|octet| *octet == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        if index == LINES_MAX {
            let _ = writeln!(text, "  {at:>14}  {mark}: ... and {} more lines", lines.len() - index);
            break;
        }
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let _ = writeln!(text, "  {at:>14}  {mark}: {}", cut(&line.escape_ascii().to_string()));
        at = "";
    }
    text
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(LETTERS_MAX).collect();
    if short.len() < text.len() {
        let _ = write!(short, "... ({} letters)", text.len());
    }
    short
}
