//! The three ways to cut the same client octets into segments. A server that answers them differently is broken.
//! Only cuts and joins; sends nothing.

use std::fmt;

use crate::script::{Act, Place, Step};

/// How a run cuts what the client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As the marks say.
    AsWritten,
    /// Every segment in single octets; write boundaries are not judged.
    Dribble,
    /// Neighbouring segments joined where RFC 2920 allows it; write boundaries are not judged.
    Glued,
}

impl fmt::Display for Variant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::AsWritten => "as written",
            Self::Dribble => "dribble",
            Self::Glued => "glued",
        })
    }
}

impl Variant {
    /// The pieces in which a segment is sent. The middle of a very long one dribbles in odd-sized pieces:
    /// single octets find faults at borders, and a megabyte of them would only take time.
    pub(crate) fn pieces(self, segment: &[u8]) -> Vec<&[u8]> {
        const EDGE: usize = 16 * 1024;
        match self {
            Self::AsWritten | Self::Glued => vec![segment],
            Self::Dribble if segment.len() <= 4 * EDGE => segment.chunks(1).collect(),
            Self::Dribble => {
                let (head, rest) = segment.split_at(EDGE);
                let (middle, tail) = rest.split_at(rest.len() - EDGE);
                head.chunks(1).chain(middle.chunks(997)).chain(tail.chunks(1)).collect()
            }
        }
    }
}

/// The segment that begins at step `start`: its octets, and the index behind its last step.
pub(crate) fn segment(steps: &[Step], start: usize) -> (Vec<u8>, usize) {
    let mut all = Vec::new();
    for (index, step) in steps.iter().enumerate().skip(start) {
        let Act::Send { octets, more } = &step.act else { return (all, index) };
        all.extend_from_slice(octets);
        if !more {
            return (all, index + 1);
        }
    }
    (all, steps.len())
}

/// The step whose segment may be said together with the one of `steps[start..end]`, whose octets are `said`.
///
/// Allowed only where nothing but the replies to groupable commands stands between the two, one reply for each.
pub(crate) fn joinable(steps: &[Step], start: usize, end: usize, said: &[u8]) -> Option<usize> {
    let commands = groupable(said)?;
    let client = steps.get(start)?.client;
    let mut replies = 0;
    let mut among = false;
    for (index, step) in steps.iter().enumerate().skip(end) {
        if step.client != client {
            return None;
        }
        let opens_among = matches!(step.act, Act::Among { .. }) && !among;
        among = matches!(step.act, Act::Among { .. });
        match &step.act {
            Act::Line { place: Place::Ends | Place::Shares, .. } | Act::Last(_) => replies += 1,
            Act::Line { place: Place::Continues, .. } => {}
            Act::Among { .. } => replies += usize::from(opens_among),
            Act::Send { .. } => {
                let (next, _) = segment(steps, index);
                return (replies == commands && may_follow(&next)).then_some(index);
            }
            Act::Exactly(_)
            | Act::Quiet(_)
            | Act::Pause(_)
            | Act::Within(_)
            | Act::ClientCloses
            | Act::ClientResets
            | Act::ServerCloses
            | Act::StartTls
            | Act::Asked(..)
            | Act::Answers(..)
            | Act::Dies(_)
            | Act::Silent(_) => return None,
        }
    }
    None
}

/// Whether the script has anything to join at all.
pub(crate) fn has_joints(steps: &[Step]) -> bool {
    let mut at = 0;
    while at < steps.len() {
        if matches!(steps[at].act, Act::Send { .. }) {
            let (said, end) = segment(steps, at);
            if joinable(steps, at, end, &said).is_some() {
                return true;
            }
            at = end;
        } else {
            at += 1;
        }
    }
    false
}

/// How many commands the segment holds, if all of them may stand anywhere in a group:
/// RSET, MAIL, RCPT, and BDAT with its whole chunk (RFC 2920 3.1, RFC 3030 2).
fn groupable(said: &[u8]) -> Option<usize> {
    let mut rest = said;
    let mut commands = 0;
    while !rest.is_empty() {
        let (line, after) = first_line(rest)?;
        rest = match verb(line).as_str() {
            "RSET" | "MAIL" | "RCPT" => after,
            "BDAT" => {
                let size: usize = std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok()?;
                after.get(size..)?
            }
            _ => return None,
        };
        commands += 1;
    }
    (commands > 0).then_some(commands)
}

/// Whether this may stand behind a group: groupable itself, or one command that may end a group.
/// EHLO, STARTTLS and AUTH could too, but change what the session is: left alone.
fn may_follow(said: &[u8]) -> bool {
    if groupable(said).is_some() {
        return true;
    }
    first_line(said).is_some_and(|(line, after)| {
        after.is_empty() && matches!(verb(line).as_str(), "DATA" | "NOOP" | "QUIT" | "VRFY" | "EXPN")
    })
}

/// A line and what is behind it; none if there is no CRLF, or a CR or LF that is not half of one.
fn first_line(said: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = said.windows(2).position(|pair| pair == b"\r\n")?;
    let line = &said[..end];
    (!line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0))).then_some((line, &said[end + 2..]))
}

fn verb(line: &[u8]) -> String {
    let end = line.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(line.len());
    String::from_utf8_lossy(&line[..end]).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(dialogue: &str) -> Vec<Step> {
        let source = format!("title t\nspec rfc2920#3.1/1\n{dialogue}");
        crate::parse("t.smtp", &source).expect("a good script").steps
    }

    #[test]
    fn segments_are_joined_only_within_a_group() {
        let table = [
            ("C: MAIL FROM:<a@b>\nS: 250 ok\nC: RCPT TO:<a@b>", true),
            ("C: MAIL FROM:<a@b>\nS: 250 ok\nC: DATA", true),
            ("C+ RSET\nC: mail FROM:<a@b>\nS+ 250 ok\nS: 250 ok\nC: DATA", true),
            ("C+ BDAT 3\nC| \"abc\"\nS: 250 ok\nC: BDAT 0 LAST", true),
            ("C+ BDAT 3\nC| \"ab\"\nS: 250 ok\nC: BDAT 0 LAST", false),
            ("C: DATA\nS: 354 go\nC: .", false),
            ("C: MAIL FROM:<a@b>\nC: RCPT TO:<a@b>", false),
            ("C: MAIL FROM:<a@b>\nS: 250 ok\npause 1s\nC: DATA", false),
            ("C: MAIL FROM:<a@b>\nS: 250 ok\nS: 250 more\nC: DATA", false),
            ("C: MAIL FROM:<a@b>\nS: 250 ok\nC: EHLO b", false),
            ("C: MAIL FROM:<a@b>\nS: 250 ok\nC| \"DATA\"", false),
            ("C: \"MAIL\\n\"\nS: 250 ok\nC: DATA", false),
            ("C: NOOP\nS: 250 ok\nC: DATA", false),
        ];
        for (dialogue, joins) in table {
            assert_eq!(has_joints(&steps(dialogue)), joins, "{dialogue}");
        }
    }

    #[test]
    fn dribbling_loses_nothing() {
        for length in [1, 100, 64 * 1024, 200_000] {
            let segment: Vec<u8> = (0..=255).cycle().take(length).collect();
            let pieces = Variant::Dribble.pieces(&segment);
            assert!(pieces[0].len() == 1 && pieces[pieces.len() - 1].len() == 1);
            assert_eq!(pieces.concat(), segment);
        }
    }
}
