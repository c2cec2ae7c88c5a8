//! The file of those who may use Z-REPORT, in the form of the scheduler's `scheduler.auth`: lines of
//! `USER:PASSWORD:TOKENS:NETWORKS`. Text comes in; whether somebody may ask comes out. Nothing is read or asked here.
//!
//! The file is shared with the scheduler. Its tokens are passed over, and so are lines that have none of ours.

use super::file::remark::{Remark, Spot};
use super::networks::Network;
use super::param::echo;
use crate::auth::Secret;
use crate::limits::{CONFIG_LINE_MAX, CONFIG_REMARKS_MAX};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

/// The tokens that give the right to all reports.
const TOKENS: [&str; 2] = ["SMTPIP", "SMTPALL"];

/// Who may use Z-REPORT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportAuth {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    user: String,
    password: Secret,
    /// The first network that holds the client decides; a line without any is for everybody.
    networks: Vec<(Access, Network)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Granted,
    Denied,
}

impl Line {
    fn admits(&self, client: IpAddr) -> bool {
        match self.networks.iter().find(|(_, network)| network.contains(client)) {
            Some((access, _)) => *access == Access::Granted,
            None => self.networks.is_empty(),
        }
    }
}

impl ReportAuth {
    /// Reads the file. The errors are all there are; none of them tells a password.
    pub fn read(name: &str, octets: &[u8]) -> Result<ReportAuth, Vec<Remark>> {
        let mut lines = Vec::new();
        let mut errors = Vec::new();
        for (index, octets) in octets.split(|octet| *octet == b'\n').enumerate() {
            let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
            if octets.is_empty() || matches!(octets[0], b'#' | b'*') {
                continue;
            }
            match line(octets) {
                Ok(read) => lines.extend(read),
                Err((column, what, hint)) => {
                    // The line itself is not shown, as a password is in it.
                    let blank = " ".repeat(column);
                    let at = blank.len()..blank.len();
                    errors.push(Spot::new(name, index + 1, &blank, at).error(what, hint));
                }
            }
            if errors.len() >= CONFIG_REMARKS_MAX {
                break;
            }
        }
        if errors.is_empty() { Ok(ReportAuth { lines }) } else { Err(errors) }
    }

    /// Whether this user, with this password, may have reports at this address. Takes the same time whichever password
    /// is tried, and however much of it is right.
    pub fn admits(&self, user: &str, password: &Secret, client: IpAddr) -> bool {
        self.lines.iter().fold(false, |admitted, line| {
            let known = line.password == *password;
            let fits = known & (line.user == user) & line.admits(client);
            admitted | fits
        })
    }
}

/// A column counted in characters from 0, what is wrong there, and what to write.
type Fault = (usize, String, &'static str);

/// What a line says; nothing when it is not about us.
fn line(octets: &[u8]) -> Result<Option<Line>, Fault> {
    let fault = |at, what: &str, hint| (at, what.to_string(), hint);
    let Ok(text) = core::str::from_utf8(octets) else { return Err(fault(0, "this is no UTF-8 text", "")) };
    if text.len() > CONFIG_LINE_MAX {
        return Err(fault(0, "the line is too long", ""));
    }
    let form = "write USER:PASSWORD:TOKENS:NETWORKS; the last may be empty";
    let mut parts = text.splitn(4, ':');
    let (Some(user), Some(password), Some(tokens), Some(networks)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(fault(0, "there are fewer than three colons", form));
    };
    if !tokens.split_ascii_whitespace().any(|token| TOKENS.contains(&token)) {
        return Ok(None);
    }
    if user.is_empty() || user.contains(char::is_whitespace) {
        return Err(fault(0, "a user is missing, or there are blanks in it", form));
    }
    let password_at = user.chars().count() + 1;
    if password.is_empty() || password.contains(char::is_whitespace) {
        return Err(fault(password_at, "a password is missing, or there are blanks in it", form));
    }
    let begin = password_at + password.chars().count() + 1 + tokens.chars().count() + 1;
    let password = Secret::from(password.as_bytes());
    Ok(Some(Line { user: user.into(), password, networks: list(networks, begin)? }))
}

/// The networks of a line, of which the first begins at the column `begin`.
fn list(text: &str, begin: usize) -> Result<Vec<(Access, Network)>, Fault> {
    let mut networks = Vec::new();
    let mut at = begin;
    // A mark is for the network behind it, with or without a blank between.
    let mut access = Access::Granted;
    let gap = |letter: char| letter == ',' || letter.is_ascii_whitespace();
    for word in text.split_inclusive(gap) {
        let mut rest = word.trim_end_matches(gap);
        if let Some(behind) = rest.strip_prefix('!') {
            access = Access::Denied;
            rest = behind;
        }
        if !rest.is_empty() {
            let read = rest.starts_with('[').then(|| network(rest)).flatten();
            let network = read.ok_or_else(|| {
                let what = format!("{} is no network", echo(rest));
                (at, what, "write [192.0.2.0]/24 or [IPv6:2001:db8::]/32, with ! before it to refuse")
            })?;
            networks.push((access, network));
            access = Access::Granted;
        }
        at += word.chars().count();
    }
    if access == Access::Denied {
        return Err((at, "a network is missing behind !".to_string(), ""));
    }
    Ok(networks)
}

/// Reads `[192.0.2.0]/24`, `[IPv6:2001:db8::]/32`, or the same with a dot behind `IPv6`.
fn network(text: &str) -> Option<Network> {
    let dotted = text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("[IPv6."));
    if dotted { Network::parse(&format!("[IPv6:{}", &text[6..])) } else { Network::parse(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "\
# user:password:tokens:networks\n\
*old:x:SMTPIP:\n\
\n\
ann:pencil:SMTPIP:\n\
bob:secret:QQ ETRN:[0.0.0.0]/0\n\
bob:rubber:ETRN SMTPALL:[192.0.2.9] ![192.0.2.0]/24, [IPv6.2001:db8::]/32 [0.0.0.0]/0\n\
bob:paper:SMTPIP:! [198.51.100.1]\n";

    fn admits(file: &ReportAuth, user: &str, password: &str, client: &str) -> bool {
        file.admits(user, &Secret::from(password.as_bytes()), client.parse().expect(client))
    }

    #[test]
    fn lines_decide_by_password_token_and_network() {
        let file = ReportAuth::read("scheduler.auth", FILE.as_bytes()).expect("fit");
        let table = [
            ("ann", "pencil", "203.0.113.1", true),
            ("ann", "pencil", "2001:db9::1", true),
            ("ann", "Pencil", "203.0.113.1", false),
            ("Ann", "pencil", "203.0.113.1", false),
            ("ann", "", "203.0.113.1", false),
            ("*old", "x", "203.0.113.1", false),
            ("bob", "secret", "203.0.113.1", false),
            ("bob", "rubber", "203.0.113.1", true),
            ("bob", "rubber", "192.0.2.7", false),
            ("bob", "rubber", "192.0.2.9", true),
            ("bob", "rubber", "::ffff:192.0.2.7", false),
            ("bob", "rubber", "2001:db8::1", true),
            ("bob", "rubber", "2001:db9::1", false),
            // Only networks that refuse: nobody is left.
            ("bob", "paper", "203.0.113.1", false),
        ];
        for (user, password, client, wanted) in table {
            assert_eq!(admits(&file, user, password, client), wanted, "{user} {password} {client}");
        }
        assert!(!admits(&ReportAuth::default(), "", "", "127.0.0.1"));
        assert!(!format!("{file:?}").contains("pencil"));
    }

    #[test]
    fn faults_have_a_place_and_tell_no_password() {
        let table = [
            ("ann:pencil", "f:1:1: there are fewer than three colons"),
            ("\nann:pencil:SMTPIP", "f:2:1: there are fewer than three colons"),
            (":pencil:SMTPIP:", "f:1:1: a user is missing"),
            ("ann::SMTPIP:", "f:1:5: a password is missing"),
            ("ann:pencil:SMTPIP:[192.0.2.0]/33", "f:1:19: [192.0.2.0]/33 is no network"),
            ("ann:pencil:SMTPIP:[192.0.2.1], 10.0.0.0/8", "f:1:32: 10.0.0.0/8 is no network"),
            ("ann:pencil:SMTPIP:!", "f:1:20: a network is missing"),
        ];
        for (text, wanted) in table {
            let errors = ReportAuth::read("f", text.as_bytes()).expect_err(text);
            let shown = errors[0].to_string();
            assert!(shown.starts_with(wanted) && !shown.contains("pencil"), "{text}: {shown}");
        }
        assert!(ReportAuth::read("f", b"ann:\xff:SMTPIP:").is_err());
        // What the scheduler alone understands is not ours to judge.
        assert!(ReportAuth::read("f", b"ann:pencil:QQ:whatever\n").is_ok());
    }

    proptest! {
        /// Whatever the file is: without a line that has the very password, nobody is let in.
        #[test]
        fn nobody_without_the_password(text in "([a-c]:[a-c]:(SMTPIP|QQ):(\\[10\\.0\\.0\\.0\\]/8)?\n){0,6}", guess in "[d-z]{1,3}") {
            let file = ReportAuth::read("f", text.as_bytes()).expect("fit");
            for user in ["a", "b", "c", ""] {
                prop_assert!(!admits(&file, user, &guess, "10.1.1.1"));
                prop_assert!(!admits(&file, user, "", "10.1.1.1"));
            }
        }
    }
}
