//! Lines for syslog: how they begin (RFC 3164 as the local socket takes it, RFC 5424), and how each becomes one datagram.
//! There is no connection to lose: the socket is looked for anew before each batch of lines.

use super::entry::timestamp;
use crate::limits::SYSLOG_OCTETS_MAX;
use crate::lines::printable;
use smtpserver_core::config::logs::{Facility, SyslogForm};
use smtpserver_core::now::Wall;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use tracing::Level;

/// The name under which we speak.
const NAME: &str = "smtpserver";

/// The severity of a debug message (RFC 5424 §6.2.1): that of dialogues.
pub(crate) const DEBUG: u8 = 7;

/// The severity that a level has in syslog (RFC 5424 §6.2.1).
pub(crate) fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => DEBUG,
    }
}

/// What all lines for syslog begin with.
#[derive(Clone)]
pub struct Letterhead {
    form: SyslogForm,
    facility: Facility,
    host: String,
    pid: u32,
}

impl Letterhead {
    /// The head of lines of this process on this host.
    pub(crate) fn new(form: SyslogForm, facility: Facility, host: &str) -> Letterhead {
        // A HOSTNAME has neither blanks nor more than 255 octets; - stands for none (RFC 5424 §6.2.4).
        let mut host: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
        if host.is_empty() {
            host.push('-');
        }
        Letterhead { form, facility, host, pid: std::process::id() }
    }

    /// A whole line. `severity` is from 0 to 7; `event` is one word of ours of at most 32 letters. The text is made
    /// printable once more: a line is one line, whoever wrote the text.
    pub(crate) fn line(&self, severity: u8, wall: Wall, event: &str, text: &str) -> String {
        let priority = self.facility.code() * 8 + severity;
        let (when, text) = (timestamp(wall), printable(text));
        match self.form {
            SyslogForm::Rfc3164 => {
                format!("<{priority}>{} {NAME}[{}]: {text}\n", when.strftime("%b %e %H:%M:%S"), self.pid)
            }
            SyslogForm::Rfc5424 => {
                format!("<{priority}>1 {when:.6} {} {NAME} {} {event} - {text}\n", self.host, self.pid)
            }
        }
    }
}

/// The socket of syslog, to which each line that is written goes as a datagram of its own, without its line end.
pub(crate) struct Mailslot(UnixDatagram);

impl Mailslot {
    /// Finds the socket. Never waits.
    pub(crate) fn find(path: &Path) -> io::Result<Mailslot> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        Ok(Mailslot(socket))
    }
}

impl Write for Mailslot {
    /// Sends the first line. It is taken whole, or not at all.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let end = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
        let line = &octets[..end.min(SYSLOG_OCTETS_MAX)];
        let sent = self.0.send(line).map_err(|error| {
            // The queue of a reader that is behind is full: a stream would say that it would block.
            let full = error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error());
            if full { ErrorKind::WouldBlock.into() } else { error }
        })?;
        debug_assert_eq!(sent, line.len(), "a datagram goes whole");
        Ok(octets.len().min(end + 1))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(form: SyslogForm) -> Letterhead {
        let facility = Facility::named("mail").expect("known");
        Letterhead { pid: 4711, ..Letterhead::new(form, facility, "mx.example") }
    }

    #[test]
    fn the_two_forms() {
        let wall = Wall::from_micros(1_795_412_439_000_120);
        assert_eq!(
            head(SyslogForm::Rfc3164).line(6, wall, "message_stored", "a\nb"),
            "<22>Nov 23 05:40:39 smtpserver[4711]: a\\x0Ab\n"
        );
        assert_eq!(
            head(SyslogForm::Rfc5424).line(DEBUG, wall, "dialogue", "x"),
            "<23>1 2026-11-23T05:40:39.000120Z mx.example smtpserver 4711 dialogue - x\n"
        );
        // A day of one digit is padded with a blank (RFC 3164 section 4.1.2).
        let early = Wall::from_seconds(3_600);
        assert!(head(SyslogForm::Rfc3164).line(0, early, "x", "x").starts_with("<16>Jan  1 01:00:00 "));
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_line_or_forges_a_head(text in any::<String>(), host in any::<String>()) {
            for form in [SyslogForm::Rfc3164, SyslogForm::Rfc5424] {
                let facility = Facility::named("mail").expect("known");
                let line = Letterhead::new(form, facility, &host).line(6, Wall::from_seconds(0), "x", &text);
                let inside = line.strip_suffix('\n').expect("a whole line");
                prop_assert!(inside.bytes().all(|octet| matches!(octet, b' '..=b'~')), "{}", line);
                prop_assert!(inside.ends_with(&*printable(&text)), "{}", line);
            }
            let line = head(SyslogForm::Rfc5424).line(6, Wall::from_seconds(0), "x", &text);
            let words: Vec<_> = line.splitn(8, ' ').collect();
            prop_assert_eq!(&words[2..7], &["mx.example", NAME, "4711", "x", "-"]);
        }
    }

    #[test]
    fn each_line_is_a_datagram() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("log");
        assert!(Mailslot::find(&path).is_err());
        let syslog = UnixDatagram::bind(&path).expect("a socket");
        let mut slot = Mailslot::find(&path).expect("there");
        let long = [vec![b'x'; SYSLOG_OCTETS_MAX + 5], b"\n".to_vec()].concat();
        assert_eq!(slot.write(b"one\ntwo\n").expect("sent"), 4);
        assert_eq!(slot.write(b"two\n").expect("sent"), 4);
        assert_eq!(slot.write(&long).expect("sent"), long.len());
        let mut buffer = vec![0; 2 * SYSLOG_OCTETS_MAX];
        for wanted in [&b"one"[..], b"two", &long[..SYSLOG_OCTETS_MAX]] {
            let octets = syslog.recv(&mut buffer).expect("a datagram");
            assert_eq!(&buffer[..octets], wanted);
        }
        // Nobody reads: never a wait.
        let refused = (0..100_000).find_map(|_| slot.write(b"more\n").err()).expect("full");
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    }
}
