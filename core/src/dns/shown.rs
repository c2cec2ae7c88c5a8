//! Answers as a line of a log. Their octets are strangers': texts are escaped, and much is cut.

use super::answer::{Answer, Mx, Records};
use crate::limits::{DNS_RECORDS_SHOWN_MAX, DNS_TEXT_SHOWN_MAX};
use core::fmt;

/// `10 mx.example.com, 20 mx.example.net`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Found(Records::A(all)) => list(f, all, |f, address| write!(f, "{address}")),
            Answer::Found(Records::Aaaa(all)) => list(f, all, |f, address| write!(f, "{address}")),
            Answer::Found(Records::Mx(all)) => list(f, all, |f, Mx { preference, host }| match host {
                Some(host) => write!(f, "{preference} {host}"),
                None => write!(f, "{preference} ."),
            }),
            Answer::Found(Records::Txt(all)) => list(f, all, |f, text| {
                let shown = &text[..text.len().min(DNS_TEXT_SHOWN_MAX)];
                let cut = if shown.len() < text.len() { "..." } else { "" };
                write!(f, "\"{}\"{cut}", shown.escape_ascii())
            }),
            Answer::Found(Records::Ptr(all)) => list(f, all, |f, name| write!(f, "{name}")),
            Answer::NoData => f.write_str("no such record"),
            Answer::NoName => f.write_str("no such name"),
            Answer::Trouble(trouble) => write!(f, "{trouble}"),
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    all: &[T],
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, record) in all.iter().take(DNS_RECORDS_SHOWN_MAX).enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        each(f, record)?;
    }
    match all.len().checked_sub(DNS_RECORDS_SHOWN_MAX) {
        None | Some(0) => Ok(()),
        Some(more) => write!(f, ", and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Name, Trouble};
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn every_answer_is_a_short_line() {
        fn name(text: &str) -> Name {
            Name::parse(text).expect("a name")
        }
        let mx = |preference, host: Option<&str>| Mx { preference, host: host.map(name) };
        let texts = vec![b"v=spf1 \"x\"\r\n".to_vec(), vec![b'a'; 1_000]];
        let long = alloc::format!("\"v=spf1 \\\"x\\\"\\r\\n\", \"{}\"...", "a".repeat(200));
        for (answer, wanted) in [
            (
                Answer::Found(Records::A(vec![[192, 0, 2, 1].into(); 10])),
                "192.0.2.1, ".repeat(8) + "and 2 more",
            ),
            (Answer::Found(Records::Aaaa(vec![1.into()])), "::1".into()),
            (
                Answer::Found(Records::Mx(vec![mx(10, Some("mx.example.com")), mx(0, None)])),
                "10 mx.example.com, 0 .".into(),
            ),
            (Answer::Found(Records::Txt(texts)), long),
            (Answer::Found(Records::Ptr(vec![name("a.example")])), "a.example".into()),
            (Answer::NoData, "no such record".into()),
            (Answer::NoName, "no such name".into()),
            (Answer::Trouble(Trouble::Timeout), "timeout".into()),
        ] {
            assert_eq!(answer.to_string(), wanted);
        }
    }
}
