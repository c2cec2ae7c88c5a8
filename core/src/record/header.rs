//! The head of a log: what a fresh session needs to be made like the one that was recorded. Lines of text, so that
//! `head` shows them to a person; the settings are lines of parameters.

use super::fault::{LogFault, LogFaultKind};
use super::settings;
use crate::config::{Settings, param};
use crate::limits::RECORDED_HEADER_MAX;
use crate::now::{Instant, Now, Wall};
use crate::peer::{Peer, SessionId};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

/// The first line but for the number of the format.
const MAGIC: &str = "smtpserver recording ";
/// The format that is written, and the only one that is read.
pub(super) const FORMAT: &str = "2";

/// What a recording keeps of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Filler of the same shape.
    #[default]
    Shape,
    /// Their octets.
    Messages,
}

/// The head of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the program that wrote it.
    pub program: String,
    /// Which session.
    pub id: SessionId,
    /// The ends of its connection.
    pub peer: Peer,
    /// Both clocks when the recording began.
    pub began: Now,
    /// What is kept of messages.
    pub keep: Keep,
    /// The settings, as far as a session looks at them.
    pub settings: Settings,
    /// The fingerprint of the settings that held. When it is not that of `settings`, the recorded session had settings
    /// that this program does not know or takes otherwise.
    pub print: u64,
}

impl Header {
    /// The head of a recording that begins now.
    pub(super) fn new(id: SessionId, peer: Peer, began: Now, keep: Keep, settings: Settings) -> Header {
        let print = settings::print(&settings);
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Header { program, id, peer, began, keep, settings, print }
    }

    /// Whether `settings` are all that held when it was recorded.
    pub fn settings_are_whole(&self) -> bool {
        settings::print(&self.settings) == self.print
    }

    pub(super) fn encode(&self) -> String {
        let mut out = format!("{MAGIC}{FORMAT}\n");
        let mut line = |name: &str, value: &dyn core::fmt::Display| {
            let value = format!("{value}").replace(|c: char| c.is_control() && c != '\t', "?");
            writeln!(out, "{name} {value}").expect("writing to memory");
        };
        line("program", &self.program);
        line("session", &format_args!("{} {}", self.id.began, self.id.serial));
        line("client", &self.peer.client);
        line("local", &self.peer.local);
        line("clocks", &format_args!("{} {}", self.began.instant.micros(), self.began.wall.micros()));
        let messages = match self.keep {
            Keep::Shape => "filled",
            Keep::Messages => "kept",
        };
        line("messages", &messages);
        line("host", &self.settings.host);
        line("transcript", if self.settings.transcript { &"yes" } else { &"no" });
        if self.settings.tls.first {
            line("tls", &"first");
        }
        for param in settings::lines(&self.settings) {
            line("PARAM", &param);
        }
        line("settings", &format_args!("{:016x}", self.print));
        out.push('\n');
        out
    }

    /// Reads the head of a log; also where the records begin.
    pub(super) fn decode(octets: &[u8]) -> Result<(Header, usize), LogFault> {
        let fault = |at, kind| LogFault { at, kind };
        let window = &octets[..octets.len().min(RECORDED_HEADER_MAX)];
        let known = MAGIC.len().min(window.len());
        if window[..known] != MAGIC.as_bytes()[..known] || window.is_empty() {
            return Err(fault(0, LogFaultKind::Foreign));
        }
        let missing =
            if window.len() < octets.len() { LogFaultKind::TooLong } else { LogFaultKind::Truncated };
        let mut lines = Lines { octets: window, at: 0, missing };
        let format = lines.next("smtpserver recording")?;
        if format != FORMAT {
            let short: String = format.chars().filter(|c| c.is_ascii_graphic()).take(16).collect();
            return Err(fault(MAGIC.len(), LogFaultKind::OtherVersion(short)));
        }
        let program = lines.next("program")?.to_owned();
        let (began, serial) = lines.two("session")?;
        let id = SessionId { began, serial };
        let client = lines.value("client")?;
        let local = lines.value("local")?;
        let (instant, wall) = lines.two("clocks")?;
        let began = Now { instant: Instant::from_micros(instant), wall: Wall::from_micros(wall) };
        let keep = lines.one_of("messages", [("filled", Keep::Shape), ("kept", Keep::Messages)])?;
        let mut settings = Settings::new(lines.next("host")?);
        settings.transcript = lines.one_of("transcript", [("yes", true), ("no", false)])?;
        if let Some(first) = lines.next_if("tls")? {
            settings.tls.first = first == "first";
        }
        while let Some(line) = lines.next_if("PARAM")? {
            param::apply(&mut settings, line)
                .map_err(|_| lines.fault("a parameter that this program takes"))?;
        }
        let print = u64::from_str_radix(lines.next("settings")?, 16)
            .map_err(|_| lines.fault("the fingerprint of the settings"))?;
        let header = Header { program, id, peer: Peer::new(client, local), began, keep, settings, print };
        match lines.rest().first() {
            Some(b'\n') => Ok((header, lines.at + 1)),
            Some(_) => Err(lines.fault("an empty line")),
            None => Err(fault(lines.at, lines.missing)),
        }
    }
}

/// The lines of a header, in their order.
struct Lines<'a> {
    octets: &'a [u8],
    at: usize,
    /// What it means when a line has no end.
    missing: LogFaultKind,
}

impl<'a> Lines<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    fn fault(&self, wanted: &'static str) -> LogFault {
        LogFault { at: self.at, kind: LogFaultKind::Header(wanted) }
    }

    /// The value of the next line if it has this name.
    fn next_if(&mut self, name: &str) -> Result<Option<&'a str>, LogFault> {
        let rest = self.rest();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return Err(LogFault { at: self.octets.len(), kind: self.missing.clone() });
        };
        let line = core::str::from_utf8(&rest[..end]).map_err(|_| self.fault("text"))?;
        let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
        if value.is_some() {
            self.at += end + 1;
        }
        Ok(value)
    }

    fn next(&mut self, name: &'static str) -> Result<&'a str, LogFault> {
        self.next_if(name)?.ok_or_else(|| self.fault(name))
    }

    fn value<T: core::str::FromStr>(&mut self, name: &'static str) -> Result<T, LogFault> {
        self.next(name)?.parse().map_err(|_| self.fault(name))
    }

    fn two<A: core::str::FromStr, B: core::str::FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<(A, B), LogFault> {
        let pair = self.next(name)?.split_once(' ');
        let parsed = pair.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        parsed.ok_or_else(|| self.fault(name))
    }

    fn one_of<T>(&mut self, name: &'static str, words: [(&str, T); 2]) -> Result<T, LogFault> {
        let given = self.next(name)?;
        let found = words.into_iter().find(|(word, _)| *word == given);
        found.map(|(_, value)| value).ok_or_else(|| self.fault(name))
    }
}
