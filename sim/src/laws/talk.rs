//! Laws 2 and 7: replies, one for each command, in order, and in their time. Read from the octets of both sides by a
//! reader that knows no more of SMTP than where commands and messages end.

use super::by_connection::ByConnection;
use super::{Case, Violation};
use crate::trace::{ConnectionId, Noted, What};
use memchr::{memchr_iter, memmem};
use std::collections::VecDeque;

/// The longest command line that is read as one; beyond it the server may answer before its end.
const LINE_MAX: usize = 4096;

/// What a reply is owed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Greeting,
    Command,
    Data,
    Message,
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Commands,
    /// DATA was said: what follows depends on its reply.
    Undecided,
    Text,
    Chunk(u64),
    /// QUIT was said, or the server has said its last words.
    Deaf,
    /// Nobody can say where the next command begins.
    Lost,
}

#[derive(Debug)]
struct Dialogue {
    mode: Mode,
    input: Vec<u8>,
    output: Vec<u8>,
    owed: VecDeque<Owed>,
    /// The line that is coming was answered before its end.
    early: bool,
    /// A reply that nothing was owed to: the server's last words.
    last_words: bool,
    /// Chunks are offered.
    chunks: bool,
}

impl Dialogue {
    fn new(chunks: bool) -> Dialogue {
        Dialogue {
            mode: Mode::Commands,
            input: Vec::new(),
            output: Vec::new(),
            owed: VecDeque::from([Owed::Greeting]),
            early: false,
            last_words: false,
            chunks,
        }
    }

    fn took(&mut self, octets: &[u8]) {
        if self.input.is_empty() {
            // Mostly whole lines come, and need not be kept.
            let used = self.read(octets);
            self.input.extend_from_slice(&octets[used..]);
        } else {
            self.input.extend_from_slice(octets);
            self.read_on();
        }
        self.forget_text();
    }

    /// Understands what was kept, as far as it can be understood now.
    fn read_on(&mut self) {
        let mut input = std::mem::take(&mut self.input);
        let used = self.read(&input);
        input.drain(..used);
        self.input = input;
    }

    /// Understands what came, as far as it can be understood yet: so many octets of it.
    fn read(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match self.mode {
                Mode::Commands => {
                    let Some(end) = line_end(rest) else { break };
                    let line = &rest[..end];
                    at += end + 2;
                    if std::mem::take(&mut self.early) {
                        continue;
                    }
                    let word = line.split(|octet| *octet == b' ').next().unwrap_or_default();
                    let is = |wanted: &[u8]| word.eq_ignore_ascii_case(wanted);
                    match word.len() {
                        4 if is(b"DATA") => {
                            self.owed.push_back(Owed::Data);
                            self.mode = Mode::Undecided;
                        }
                        4 if is(b"QUIT") && line.len() == 4 => {
                            self.owed.push_back(Owed::Quit);
                            self.mode = Mode::Deaf;
                        }
                        4 if is(b"BDAT") && !self.chunks => self.mode = Mode::Lost,
                        4 if is(b"BDAT") => match octets_of(line) {
                            Some(0) | None => self.owed.push_back(Owed::Command),
                            Some(octets) => self.mode = Mode::Chunk(octets),
                        },
                        _ => self.owed.push_back(Owed::Command),
                    }
                }
                Mode::Text => {
                    let end = if rest.starts_with(b".\r\n") {
                        3
                    } else if let Some(end) = memmem::find(rest, b"\r\n.\r\n") {
                        end + 5
                    } else {
                        break;
                    };
                    at += end;
                    self.owed.push_back(Owed::Message);
                    self.mode = Mode::Commands;
                }
                Mode::Chunk(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    if take == 0 {
                        break;
                    }
                    at += take;
                    let left = left - u64::try_from(take).expect("fits");
                    self.mode = Mode::Chunk(left);
                    if left == 0 {
                        self.owed.push_back(Owed::Command);
                        self.mode = Mode::Commands;
                    }
                }
                Mode::Undecided => break,
                Mode::Deaf | Mode::Lost => {
                    at = input.len();
                    break;
                }
            }
        }
        at
    }

    /// In a long message only its end matters.
    fn forget_text(&mut self) {
        if self.mode == Mode::Text && self.input.len() > 8 {
            let start = self.input.len() - 4;
            self.input.drain(..start);
            // What is cut off must not look like the beginning of the text.
            if self.input.starts_with(b".\r\n") {
                self.input.insert(0, b'x');
            }
        }
    }

    fn wrote(&mut self, octets: &[u8]) -> Result<(), String> {
        if self.mode == Mode::Lost {
            return Ok(());
        }
        if self.output.is_empty() {
            // Mostly whole replies come, and need not be kept.
            let used = self.hear(octets)?;
            self.output.extend_from_slice(&octets[used..]);
        } else {
            self.output.extend_from_slice(octets);
            let mut output = std::mem::take(&mut self.output);
            let used = self.hear(&output)?;
            output.drain(..used);
            self.output = output;
        }
        if self.output.is_empty() { Ok(()) } else { Err("a reply ends in the middle of a line".into()) }
    }

    /// Takes whole replies for what they are owed to: so many octets of what was said.
    fn hear(&mut self, said: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        while let Some((code, length)) = reply(&said[at..])? {
            at += length;
            if self.last_words {
                return Err(format!("{code} is said after the last words"));
            }
            match self.owed.pop_front() {
                Some(Owed::Data) => {
                    self.mode = if code == 354 { Mode::Text } else { Mode::Commands };
                    self.read_on();
                    self.forget_text();
                }
                Some(Owed::Greeting | Owed::Command | Owed::Message | Owed::Quit) => {}
                None if self.is_broken() && !self.early => self.early = true,
                None => self.last_words = true,
            }
        }
        Ok(at)
    }

    /// Whether the line that is coming may be answered before its end.
    fn is_broken(&self) -> bool {
        let line = &self.input;
        let bare = |(index, octet): (usize, &u8)| match octet {
            b'\n' => index == 0 || line[index - 1] != b'\r',
            b'\r' => line.get(index + 1).is_some_and(|next| *next != b'\n'),
            0 => true,
            _ => false,
        };
        self.mode == Mode::Commands && (line.len() >= LINE_MAX || line.iter().enumerate().any(bare))
    }
}

/// Law 2, answered: one reply for each command, in order; each a whole reply; at the end, last words.
pub(super) fn answered(Case { plan, run, .. }: &Case<'_>) -> Result<(), Violation> {
    // Where chunks are not offered nobody can say whether octets behind BDAT are a chunk.
    let chunks = !plan.has_setting("NoCHUNKING");
    let mut dialogues: ByConnection<Dialogue> = ByConnection::default();
    for (index, entry) in run.trace.entries().iter().enumerate() {
        let fault =
            |id: ConnectionId, what: String| Violation::new(2, index, format!("connection {id}: {what}"));
        match &entry.what {
            What::Welcomed { connection, .. } => {
                dialogues.insert(*connection, Dialogue::new(chunks));
            }
            What::Took(id, octets) => {
                let Some(dialogue) = dialogues.get_mut(*id) else { continue };
                if dialogue.last_words {
                    return Err(fault(*id, "a reply was said that nothing was owed to".into()));
                }
                dialogue.took(octets);
            }
            What::Wrote(id, octets) => {
                if let Some(dialogue) = dialogues.get_mut(*id) {
                    dialogue.wrote(octets).map_err(|what| fault(*id, what))?;
                }
            }
            What::Closed(id, reason) => {
                if let Some(dialogue) = dialogues.remove(*id)
                    && *reason == "quit"
                    && dialogue.mode != Mode::Lost
                    && !dialogue.owed.is_empty()
                {
                    return Err(fault(*id, format!("said goodbye and still owes {:?}", dialogue.owed)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Law 7, punctual: no reply before its tarpit hour. Only the end of a session says something earlier.
pub(super) fn punctual(Case { run, .. }: &Case<'_>) -> Result<(), Violation> {
    let mut waits: ByConnection<(u64, u64)> = ByConnection::default();
    let mut early: Option<(ConnectionId, usize, u64)> = None;
    for (index, entry) in run.trace.entries().iter().enumerate() {
        if let Some((id, at, left)) = early {
            // The end of a session follows in the same breath.
            let ends = matches!(entry.what, What::Closed(closed, _) if closed == id);
            let same = matches!(entry.what, What::Noted(..) | What::Ordered(..));
            if !ends && !same {
                let what = format!("connection {id} is answered {left} microseconds before its hour");
                return Err(Violation::new(7, at, what));
            }
            if ends {
                early = None;
            }
        }
        match &entry.what {
            What::Noted(id, Noted::Delayed(delay)) => {
                waits.insert(*id, (entry.at, entry.at + delay));
            }
            What::Wrote(id, _) => {
                if let Some((since, until)) = waits.get_mut(*id)
                    && *since < entry.at
                {
                    if entry.at < *until {
                        early = Some((*id, index, *until - entry.at));
                    }
                    waits.remove(*id);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The code of the first whole reply, and how long it is.
fn reply(octets: &[u8]) -> Result<Option<(u16, usize)>, String> {
    let mut at = 0;
    let mut first = None;
    loop {
        let Some(end) = line_end(&octets[at..]) else {
            return if at == 0 { Ok(None) } else { Err("a reply of several lines has no end".into()) };
        };
        let line = &octets[at..at + end];
        at += end + 2;
        let shown = || String::from_utf8_lossy(line);
        let code: u16 = line
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .filter(|code| (200..600).contains(code))
            .ok_or_else(|| format!("{:?} is no reply", shown()))?;
        if *first.get_or_insert(code) != code {
            return Err(format!("{:?} is a line of another reply", shown()));
        }
        match line.get(3) {
            Some(b'-') => {}
            Some(b' ') | None => return Ok(Some((code, at))),
            Some(_) => return Err(format!("{:?} is no reply", shown())),
        }
    }
}

/// How many octets a BDAT line announces; `None` when it cannot be told, after which the server closes.
fn octets_of(line: &[u8]) -> Option<u64> {
    let words: Vec<&[u8]> = line.split(|octet| *octet == b' ').filter(|word| !word.is_empty()).collect();
    std::str::from_utf8(words.get(1)?).ok()?.parse().ok()
}

/// Where the first CRLF is.
fn line_end(octets: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', octets).find(|at| octets[..*at].ends_with(b"\r")).map(|at| at - 1)
}
