//! Where the hands send what they log and show what they count. Only said here, never done: this room opens nothing.

use super::param::{Checked, Unfit};
use alloc::string::String;
use core::net::SocketAddr;

/// What an operator chose for logs and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Form of the lines for syslog (`syslog-format`).
    pub syslog_form: SyslogForm,
    /// Facility of the lines for syslog (`syslog-facility`).
    pub syslog_facility: Facility,
    /// Socket at which syslog takes datagrams, an absolute path (`syslog-socket`).
    pub syslog_socket: String,
    /// Events go to syslog although no option asks for syslog (`SYSLOGFLG` of ZENV with the letter s).
    pub events_to_syslog: bool,
    /// Where counters are shown; `None`: nowhere (`metrics`).
    pub metrics: Option<MetricsPlace>,
}

impl Default for Logs {
    fn default() -> Self {
        Logs {
            syslog_form: SyslogForm::Rfc3164,
            syslog_facility: Facility { code: 2 },
            syslog_socket: String::from("/dev/log"),
            events_to_syslog: false,
            metrics: None,
        }
    }
}

/// How a line for syslog is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogForm {
    /// The old form, as the C library sends it to the local socket (RFC 3164 §4.1).
    Rfc3164,
    /// The new form (RFC 5424 §6).
    Rfc5424,
}

/// Which part of the system speaks (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility {
    /// Its number, from 0 to 23.
    code: u8,
}

impl Facility {
    /// Its number, from 0 to 23.
    pub fn code(self) -> u8 {
        self.code
    }

    /// The facility of this name, without regard to case.
    pub fn named(name: &str) -> Option<Facility> {
        const NAMES: [(&str, u8); 13] = [
            ("user", 1),
            ("mail", 2),
            ("daemon", 3),
            ("auth", 4),
            ("authpriv", 10),
            ("local0", 16),
            ("local1", 17),
            ("local2", 18),
            ("local3", 19),
            ("local4", 20),
            ("local5", 21),
            ("local6", 22),
            ("local7", 23),
        ];
        let found = NAMES.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, code)| Facility { code: *code })
    }
}

/// Where counters are shown, to this machine only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsPlace {
    /// A loopback address and a port; 0 for any that is free.
    Tcp(SocketAddr),
    /// A socket of this absolute path.
    Unix(String),
}

/// Sets the form of lines for syslog.
pub(super) fn set_form(logs: &mut Logs, value: &str) -> Checked {
    logs.syslog_form = match value {
        word if word.eq_ignore_ascii_case("rfc3164") => SyslogForm::Rfc3164,
        word if word.eq_ignore_ascii_case("rfc5424") => SyslogForm::Rfc5424,
        "" => return Err((0, Unfit::Missing)),
        _ => return Err((0, Unfit::NotAChoice)),
    };
    Ok(())
}

/// Sets the facility of lines for syslog.
pub(super) fn set_facility(logs: &mut Logs, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    logs.syslog_facility = Facility::named(value).ok_or((0, Unfit::NotAChoice))?;
    Ok(())
}

/// Sets the socket of syslog.
pub(super) fn set_socket(logs: &mut Logs, value: &str) -> Checked {
    logs.syslog_socket = path(value, 0)?;
    Ok(())
}

/// Sets where counters are shown.
pub(super) fn set_metrics(logs: &mut Logs, value: &str) -> Checked {
    const UNIX: &str = "unix:";
    logs.metrics = if value.is_empty() {
        return Err((0, Unfit::Missing));
    } else if value.eq_ignore_ascii_case("off") {
        None
    } else if let Some(socket) = value.strip_prefix(UNIX) {
        Some(MetricsPlace::Unix(path(socket, UNIX.len())?))
    } else {
        let place: SocketAddr = value.parse().map_err(|_| (0, Unfit::NotAPlace))?;
        // Counters tell who is busy and what is refused: nobody else's affair.
        if !place.ip().to_canonical().is_loopback() {
            return Err((0, Unfit::NotLoopback));
        }
        Some(MetricsPlace::Tcp(place))
    };
    Ok(())
}

/// An absolute path, which begins at octet `at` of the value.
fn path(word: &str, at: usize) -> Result<String, (usize, Unfit)> {
    if word.is_empty() {
        return Err((at, Unfit::Missing));
    }
    if let Some(control) = word.find(char::is_control) {
        return Err((at + control, Unfit::Control));
    }
    if !word.starts_with('/') {
        return Err((at, Unfit::NotAPath));
    }
    Ok(word.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, param};
    use alloc::string::ToString;

    fn set(line: &str) -> Result<Logs, String> {
        let mut settings = Settings::new("mx.example");
        let done = param::apply(&mut settings, line).map_err(|fault| fault.to_string());
        done.map(|_| settings.logs)
    }

    #[test]
    fn counters_are_shown_to_this_machine_only() {
        for (value, wanted) in [
            ("127.0.0.1:9125", Some(MetricsPlace::Tcp(SocketAddr::from(([127, 0, 0, 1], 9125))))),
            ("127.255.0.9:0", Some(MetricsPlace::Tcp(SocketAddr::from(([127, 255, 0, 9], 0))))),
            ("[::1]:9125", Some(MetricsPlace::Tcp("[::1]:9125".parse().expect("an address")))),
            ("unix:/run/mail metrics", Some(MetricsPlace::Unix("/run/mail metrics".into()))),
            ("off", None),
        ] {
            assert_eq!(set(&alloc::format!("metrics {value}")).expect(value).metrics, wanted, "{value}");
        }
        for (value, wanted) in [
            ("", "missing"),
            ("0.0.0.0:9125", "no loopback address"),
            ("192.0.2.1:9125", "no loopback address"),
            ("[::]:9125", "no loopback address"),
            ("[::ffff:192.0.2.1]:9125", "no loopback address"),
            ("127.0.0.1", "no address with a port"),
            ("localhost:9125", "no address with a port"),
            ("/run/metrics", "no address with a port"),
            ("unix:", "missing"),
            ("unix:run", "no absolute path"),
            ("unix:/run/\u{7f}", "control"),
        ] {
            let fault = set(&alloc::format!("metrics {value}")).expect_err(value);
            assert!(fault.contains(wanted), "{value}: {fault}");
        }
    }

    #[test]
    fn syslog_is_told_how_and_where() {
        let logs = set("syslog-format RFC5424").expect("fit");
        assert_eq!(logs.syslog_form, SyslogForm::Rfc5424);
        assert_eq!(set("syslog-facility local7").expect("fit").syslog_facility.code(), 23);
        assert_eq!(set("syslog-socket /run/log").expect("fit").syslog_socket, "/run/log");
        for line in ["syslog-format", "syslog-format 5424", "syslog-facility kern", "syslog-socket dev/log"] {
            assert!(set(line).is_err(), "{line}");
        }
        assert_eq!(Facility::named("mail"), Some(Logs::default().syslog_facility));
    }
}
