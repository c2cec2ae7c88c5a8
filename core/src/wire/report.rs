//! The argument of Z-REPORT (manual, Z-REPORT): `USER PASSWORD IP ADDRESS` or `USER PASSWORD DUMP`. Only how it is spelt:
//! who may ask is not known here.

use crate::auth::Secret;
use alloc::string::String;
use core::net::IpAddr;

/// What somebody wants to be told, and who he says he is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportWish {
    /// The user.
    pub user: String,
    /// The password that goes with it.
    pub password: Secret,
    /// What is wished.
    pub about: About,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// One source.
    Address(IpAddr),
    /// All of them.
    Dump,
}

impl ReportWish {
    /// Reads what stands behind the verb; further words mean nothing.
    pub(super) fn read(text: &str) -> Option<ReportWish> {
        let mut words = text.split_ascii_whitespace();
        let (user, password, kind) = (words.next()?, words.next()?, words.next()?);
        let about = if kind.eq_ignore_ascii_case("IP") {
            About::Address(words.next()?.parse().ok()?)
        } else if kind.eq_ignore_ascii_case("DUMP") {
            About::Dump
        } else {
            return None;
        };
        Some(ReportWish { user: user.into(), password: Secret::from(password.as_bytes()), about })
    }

    /// Where the password stands in a whole command line, by its octets; nowhere when there is none.
    pub(crate) fn password_in(line: &[u8]) -> core::ops::Range<usize> {
        let mut at = 0;
        // Behind the verb and the user.
        for _ in 0..2 {
            at = word_end(line, word_begin(line, at));
        }
        let begin = word_begin(line, at);
        begin..word_end(line, begin)
    }
}

fn word_begin(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|octet| octet.is_ascii_whitespace()).count()
}

fn word_end(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|octet| !octet.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read() {
        let read = |text| ReportWish::read(text).map(|wish| (wish.user, wish.password, wish.about));
        let pencil = || Secret::from(&b"pencil"[..]);
        let address = About::Address("192.0.2.7".parse().expect("an address"));
        assert_eq!(read("ann pencil IP 192.0.2.7"), Some(("ann".into(), pencil(), address)));
        assert_eq!(read(" ann  pencil\tdump more"), Some(("ann".into(), pencil(), About::Dump)));
        for text in ["", "ann", "ann pencil", "ann pencil IP", "ann pencil IP here", "ann pencil ALL"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_password_is_found_wherever_the_line_ends() {
        for (line, wanted) in [
            ("Z-REPORT ann pencil IP 192.0.2.7", "pencil"),
            ("z-report\t ann  p  DUMP", "p"),
            ("Z-REPORT ann pencil", "pencil"),
            ("Z-REPORT ann", ""),
            ("Z-REPORT", ""),
        ] {
            assert_eq!(&line[ReportWish::password_in(line.as_bytes())], wanted, "{line}");
        }
    }
}
