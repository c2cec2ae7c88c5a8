//! What was really said, in the same language as the scripts: the other half of every difference.
//! Only notes and prints; it never decides whether something was right.

use std::fmt;
use std::time::Duration;

use crate::lane::End;
use crate::text::{is_plain, quote, spell_duration};

/// All that was said and done in one run, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    entries: Vec<Entry>,
    /// Whether the times are worth printing to the millisecond.
    pub(crate) exact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    at: Duration,
    client: u32,
    said: Said,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A segment.
    Client(Vec<u8>),
    ClientWaits(Duration),
    ClientEnds(End),
    ClientStartsTls,
    /// One write, or any piece where writes cannot be seen.
    Server(Vec<u8>),
    ServerCloses,
}

impl Transcript {
    pub(crate) fn note(&mut self, at: Duration, client: u32, said: Said) {
        self.entries.push(Entry { at, client, said });
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = 1;
        let mut clock = Duration::ZERO;
        for entry in &self.entries {
            if entry.client != client {
                client = entry.client;
                writeln!(out, "client  {client}")?;
            }
            let passed = entry.at.saturating_sub(clock);
            let worth_saying = if self.exact { !passed.is_zero() } else { passed >= Duration::from_secs(1) };
            if worth_saying && matches!(entry.said, Said::Server(_) | Said::ServerCloses) {
                writeln!(out, "quiet   {}", spell_duration(passed))?;
            }
            clock = entry.at;
            match &entry.said {
                Said::Client(segment) => {
                    lines(out, &client_lines(segment))?;
                }
                Said::ClientWaits(time) => {
                    writeln!(out, "pause   {}", spell_duration(*time))?;
                    clock += *time;
                }
                Said::ClientEnds(End::Half) => writeln!(out, "        C closes")?,
                Said::ClientEnds(End::Full) => {}
                Said::ClientEnds(End::Reset) => writeln!(out, "        C resets")?,
                Said::ClientStartsTls => writeln!(out, "        C starts tls")?,
                Said::Server(write) => lines(out, &server_lines(write))?,
                Said::ServerCloses => writeln!(out, "        S closes")?,
            }
        }
        Ok(())
    }
}

fn lines(out: &mut fmt::Formatter<'_>, lines: &[String]) -> fmt::Result {
    lines.iter().try_for_each(|line| writeln!(out, "        {line}"))
}

/// A segment as marks: whole lines if it is made of plain ones, else its octets.
pub(crate) fn client_lines(segment: &[u8]) -> Vec<String> {
    const LINES_SHOWN: usize = 12;
    let lines = split_lines(segment);
    if lines.len() > LINES_SHOWN || !lines.iter().all(|line| line.ends_with(b"\r\n")) {
        return vec![format!("C| {}", quote(segment))];
    }
    let last = lines.len().saturating_sub(1);
    let mark = |index: usize| if index == last { "C:" } else { "C+" };
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let text = &line[..line.len() - 2];
            if is_plain(text) {
                format!("{} {}", mark(index), String::from_utf8_lossy(text)).trim_end().to_string()
            } else {
                format!("{} {}", mark(index), quote(text))
            }
        })
        .collect()
}

/// A write as marks, with a blank behind each code.
pub(crate) fn server_lines(write: &[u8]) -> Vec<String> {
    let lines = split_lines(write);
    let last = lines.len().saturating_sub(1);
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let Some(text) = line.strip_suffix(b"\r\n") else { return format!("S| {}", quote(line)) };
            server_line(text, index == last)
        })
        .collect()
}

/// One server line without its CRLF as a mark that a script would have, braces doubled.
pub(crate) fn server_line(text: &[u8], ends_write: bool) -> String {
    let is_reply = text.len() >= 3
        && text[..3].iter().all(u8::is_ascii_digit)
        && matches!(text.get(3), None | Some(b' ' | b'-'))
        && text.last() != Some(&b' ')
        && is_plain(text);
    if !is_reply {
        return format!("S| {}", quote(&[text, b"\r\n"].concat()));
    }
    let goes_on = text.get(3) == Some(&b'-');
    let mark = if goes_on {
        "S-"
    } else if ends_write {
        "S:"
    } else {
        "S+"
    };
    let mut spelled = String::from_utf8_lossy(text).replace('{', "{{");
    if goes_on {
        spelled.replace_range(3..4, " ");
    }
    format!("{mark} {spelled}")
}

/// Cuts behind every CRLF; the last piece may have none.
fn split_lines(octets: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = octets;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, after) = rest.split_at(end + 2);
        lines.push(line);
        rest = after;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialogue_prints_as_a_script() {
        let mut said = Transcript { exact: true, ..Transcript::default() };
        let second = Duration::from_secs(1);
        said.note(Duration::ZERO, 1, Said::Server(b"220 mx hello\r\n".to_vec()));
        said.note(Duration::ZERO, 1, Said::Client(b"EHLO a\r\n".to_vec()));
        said.note(Duration::ZERO, 1, Said::Server(b"250-mx {x}\r\n250 SIZE\r\n".to_vec()));
        said.note(Duration::ZERO, 1, Said::Client(b"RSET\r\n\x01\r\n".to_vec()));
        said.note(second, 1, Said::Server(b"250 a\r\n501 b\r\nodd".to_vec()));
        said.note(second, 2, Said::Client([b'a'; 30].to_vec()));
        said.note(second, 2, Said::ClientWaits(second));
        said.note(second * 2, 2, Said::ServerCloses);
        let expected = [
            "        S: 220 mx hello",
            "        C: EHLO a",
            "        S- 250 mx {{x}",
            "        S: 250 SIZE",
            "        C+ RSET",
            r#"        C: "\x01""#,
            "quiet   1s",
            "        S+ 250 a",
            "        S+ 501 b",
            r#"        S| "odd""#,
            "client  2",
            r#"        C| "a"*30"#,
            "pause   1s",
            "        S closes",
            "",
        ];
        assert_eq!(said.to_string(), expected.join("\n"));
    }
}
