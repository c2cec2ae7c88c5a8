//! The conversation with one milter about one message. The message is complete and lies in its file; it is read in
//! pieces, and never more of it is held than one of these and one field. Each stage is said when the one before it was
//! answered.

use super::packet::{self, ACTIONS, Change, PROTOCOL, Reader, Reply, VERSION, packet, put_text};
use crate::limits::{
    HELPER_START_MAX, MILTER_CHANGES_MAX, MILTER_CHANGES_OCTETS_MAX, MILTER_FIELD_MAX, MILTER_MESSAGE_MAX,
    MILTER_PIECE, MILTER_STEP_MAX,
};
use crate::now::Instant;
use crate::reply::Words;
use crate::spool::{DraftPath, control};
use crate::subserver::Fault;
use crate::wire::header::{Part, part};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;
use core::net::{IpAddr, SocketAddr};

/// All that is known of a message besides its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which of the milters of its settings is meant, from 0.
    pub milter: usize,
    /// The message's file.
    pub draft: DraftPath,
    /// Where its text begins in there, behind envelope and our own fields.
    pub text_at: u64,
    /// The client.
    pub client: SocketAddr,
    /// What it called itself.
    pub hello: String,
    /// The sender without brackets, empty for the null one.
    pub sender: String,
    /// Macros, each with the stage that it is told before: `C`, `H`, `M` or `E`.
    pub macros: Vec<(u8, &'static str, String)>,
}

/// All that can happen to a conversation.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection stands.
    Connected,
    /// Octets from the milter.
    Said(&'a [u8]),
    /// Octets of the file from where they were asked for, all that were asked for unless it ends there; or it cannot be read.
    Piece(Option<&'a [u8]>),
    /// The connection is gone, or could not be made.
    Ended,
    /// The deadline is here.
    Tick,
}

/// What is to be done. Nothing more comes after [`Output::Done`].
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the milter these octets.
    Say(Vec<u8>),
    /// Read so many octets of the file from this one on.
    Read(u64, usize),
    /// This came of it.
    Done(Result<Outcome, Fault>),
}

/// What a milter decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message is taken, with these changes.
    Taken(Vec<Change>),
    /// It is refused in these words.
    Refused(Words),
    /// It is thrown away, and the client told that it was taken.
    Discarded,
}

/// What is said next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Negotiating,
    Connect,
    Hello,
    Sender,
    Recipients,
    Begin,
    Fields,
    HeaderEnd,
    Body,
    End,
    /// All was said.
    Ended,
    Done,
}

/// A conversation.
#[derive(Debug)]
pub struct Talk {
    facts: Facts,
    /// The confirmed name of the client's address.
    client_name: Option<String>,
    stage: Stage,
    protocol: u32,
    reader: Reader,
    /// Octets of the file that were not told yet.
    window: Vec<u8>,
    /// Where in the file the window ends.
    read_to: u64,
    /// The file ends there.
    whole: bool,
    /// Octets of the file were asked for and are not here.
    reading: bool,
    changes: Vec<Change>,
    changed_octets: usize,
    deadline: Instant,
    over: Instant,
    outputs: VecDeque<Output>,
}

impl Talk {
    /// A conversation that begins now, with the making of a connection.
    pub fn new(now: Instant, facts: Facts, client_name: Option<String>) -> Talk {
        Talk {
            facts,
            client_name,
            stage: Stage::Connecting,
            protocol: 0,
            reader: Reader::default(),
            window: Vec::new(),
            read_to: 0,
            whole: false,
            reading: false,
            changes: Vec::new(),
            changed_octets: 0,
            deadline: now + HELPER_START_MAX,
            over: now + MILTER_MESSAGE_MAX,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. Never fails, never waits.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            _ if self.stage == Stage::Done => {}
            Input::Connected if self.stage == Stage::Connecting => {
                self.stage = Stage::Negotiating;
                let numbers: Vec<u8> =
                    [VERSION, ACTIONS, PROTOCOL].into_iter().flat_map(u32::to_be_bytes).collect();
                self.outputs.push_back(Output::Say(packet(b'O', &numbers)));
                self.step(now);
            }
            Input::Connected | Input::Tick => {}
            Input::Said(octets) => self.said(now, octets),
            Input::Piece(octets) => self.read(now, octets),
            Input::Ended => self.done(Err(Fault::Died)),
        }
        if self.stage != Stage::Done && now >= self.deadline() {
            self.done(Err(Fault::Late));
        }
    }

    /// The next thing to do; call until `None` after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to bring [`Input::Tick`].
    pub fn deadline(&self) -> Instant {
        self.deadline.min(self.over)
    }

    /// The file that it is about.
    pub fn draft(&self) -> DraftPath {
        self.facts.draft
    }

    fn step(&mut self, now: Instant) {
        self.deadline = now + MILTER_STEP_MAX;
    }

    fn done(&mut self, outcome: Result<Outcome, Fault>) {
        self.stage = Stage::Done;
        if outcome.is_ok() {
            self.outputs.push_back(Output::Say(packet(b'Q', &[])));
        }
        self.outputs.push_back(Output::Done(outcome));
    }

    fn said(&mut self, now: Instant, octets: &[u8]) {
        self.reader.hear(octets);
        while self.stage != Stage::Done
            && let Some(said) = self.reader.next()
        {
            if self.reading || self.stage == Stage::Connecting {
                return self.done(Err(Fault::Unasked));
            }
            let outputs = self.outputs.len();
            match said {
                Err(fault) => return self.done(Err(fault)),
                Ok(reply) => self.hear(now, reply),
            }
            // What it said beyond its answer is none to what it is told only now.
            let is_told_more = self.outputs.len() > outputs;
            if is_told_more && self.stage != Stage::Done && self.reader.is_within_a_packet() {
                return self.done(Err(Fault::Unasked));
            }
        }
    }

    fn hear(&mut self, now: Instant, reply: Reply) {
        let negotiating = self.stage == Stage::Negotiating;
        match reply {
            Reply::Negotiated(version, actions, protocol) if negotiating => {
                let fits =
                    (2..=VERSION).contains(&version) && actions & !ACTIONS == 0 && protocol & !PROTOCOL == 0;
                if !fits {
                    return self.done(Err(Fault::Unfit));
                }
                // Who speaks an older version knows nothing of DATA.
                self.protocol = protocol | if version < 4 { packet::NO_DATA } else { 0 };
                self.stage = Stage::Connect;
                self.go_on(now);
            }
            _ if negotiating => self.done(Err(Fault::Unfit)),
            Reply::Negotiated(..) => self.done(Err(Fault::Unfit)),
            Reply::Progress => self.step(now),
            Reply::Failed => self.done(Err(Fault::Died)),
            Reply::Refuse(words) => self.done(Ok(Outcome::Refused(words))),
            Reply::Discard => self.done(Ok(Outcome::Discarded)),
            Reply::Accept if self.stage != Stage::Ended => self.done(Ok(Outcome::Taken(Vec::new()))),
            Reply::Accept | Reply::Continue if self.stage == Stage::Ended => {
                let changes = mem::take(&mut self.changes);
                self.done(Ok(Outcome::Taken(changes)));
            }
            Reply::Accept | Reply::Continue => self.go_on(now),
            Reply::Skip if self.stage == Stage::Body && self.protocol & packet::SKIP != 0 => {
                self.stage = Stage::End;
                self.go_on(now);
            }
            Reply::Skip => self.done(Err(Fault::Unfit)),
            Reply::Change(change) => {
                self.changed_octets += packet::encode_change(&change).len();
                let room = self.changes.len() < MILTER_CHANGES_MAX
                    && self.changed_octets <= MILTER_CHANGES_OCTETS_MAX;
                if self.stage != Stage::Ended {
                    return self.done(Err(Fault::Unasked));
                }
                if !room {
                    return self.done(Err(Fault::Babble));
                }
                self.changes.push(self.with_blank(change));
                self.step(now);
            }
        }
    }

    /// A milter that does not care for the blank before a value wants one written.
    fn with_blank(&self, change: Change) -> Change {
        if self.protocol & packet::LEADING_BLANK != 0 {
            return change;
        }
        let blank = |value: String| if value.is_empty() { value } else { alloc::format!(" {value}") };
        match change {
            Change::AddField(name, value) => Change::AddField(name, blank(value)),
            Change::InsertField(number, name, value) => Change::InsertField(number, name, blank(value)),
            Change::ChangeField(number, name, value) => Change::ChangeField(number, name, blank(value)),
            other @ (Change::AddRecipient(_)
            | Change::DropRecipient(_)
            | Change::Sender(_)
            | Change::Quarantine) => other,
        }
    }

    fn read(&mut self, now: Instant, octets: Option<&[u8]>) {
        if !mem::take(&mut self.reading) {
            return;
        }
        let Some(octets) = octets else { return self.done(Err(Fault::Died)) };
        self.window.extend_from_slice(octets);
        self.read_to += u64::try_from(octets.len()).expect("a length in memory fits 64 bits");
        self.whole = octets.len() < MILTER_PIECE;
        self.go_on(now);
    }

    /// Says what comes next, leaving out what the milter does not want to hear.
    fn go_on(&mut self, now: Instant) {
        self.step(now);
        loop {
            let (next, unless) = match self.stage {
                Stage::Connect => (Stage::Hello, packet::NO_CONNECT),
                Stage::Hello => (Stage::Sender, packet::NO_HELLO),
                Stage::Sender => (Stage::Recipients, packet::NO_MAIL),
                Stage::Recipients => (Stage::Recipients, packet::NO_RCPT),
                Stage::Begin => (Stage::Fields, packet::NO_DATA),
                Stage::Fields => (Stage::Fields, 0),
                Stage::HeaderEnd => (Stage::Body, packet::NO_HEADER_END),
                Stage::Body => (Stage::Body, packet::NO_BODY),
                Stage::End => (Stage::Ended, 0),
                Stage::Connecting | Stage::Negotiating | Stage::Ended | Stage::Done => return,
            };
            let wanted = self.protocol & unless == 0;
            let said = match self.stage {
                Stage::Recipients if wanted => match self.next_recipient() {
                    Ok(Some(said)) => said,
                    Ok(None) => {
                        self.begin_text();
                        continue;
                    }
                    Err(Wait) => return,
                },
                Stage::Recipients => {
                    self.begin_text();
                    continue;
                }
                Stage::Fields => match self.next_field() {
                    Ok(Some(said)) => said,
                    Ok(None) => {
                        self.stage = Stage::HeaderEnd;
                        continue;
                    }
                    Err(Wait) => return,
                },
                Stage::Body if wanted => match self.next_chunk() {
                    Ok(Some(said)) => said,
                    Ok(None) => {
                        self.stage = Stage::End;
                        continue;
                    }
                    Err(Wait) => return,
                },
                Stage::Body => {
                    self.stage = Stage::End;
                    continue;
                }
                _ if !wanted => {
                    self.stage = next;
                    continue;
                }
                Stage::Connect => self.told(b'C', &self.connection()),
                Stage::Hello => self.told(b'H', &text(&self.facts.hello)),
                Stage::Sender => self.told(b'M', &text(&alloc::format!("<{}>", self.facts.sender))),
                Stage::Begin => packet(b'T', &[]),
                Stage::HeaderEnd => packet(b'N', &[]),
                Stage::End => self.told(b'E', &[]),
                Stage::Connecting | Stage::Negotiating | Stage::Ended | Stage::Done => return,
            };
            self.stage = next;
            if !said.is_empty() {
                return self.outputs.push_back(Output::Say(said));
            }
        }
    }

    /// A stage with the macros that belong to it.
    fn told(&self, what: u8, rest: &[u8]) -> Vec<u8> {
        let macros = self.facts.macros.iter().filter(|(stage, ..)| *stage == what);
        let mut out = self.macros(what, macros.map(|(_, name, value)| (*name, value.as_str())));
        out.extend(packet(what, rest));
        out
    }

    fn macros<'a>(&self, what: u8, macros: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
        let mut rest = Vec::from([what]);
        for (name, value) in macros {
            put_text(&mut rest, name.as_bytes());
            put_text(&mut rest, value.as_bytes());
        }
        if rest.len() > 1 { packet(b'D', &rest) } else { Vec::new() }
    }

    /// The client: its name, family, port and address.
    fn connection(&self) -> Vec<u8> {
        let client = self.facts.client;
        let mut rest = Vec::new();
        let unnamed = crate::peer::literal(client.ip());
        put_text(&mut rest, self.client_name.as_deref().unwrap_or(&unnamed).as_bytes());
        rest.push(if client.ip().is_ipv4() { b'4' } else { b'6' });
        rest.extend_from_slice(&client.port().to_be_bytes());
        let address = match client.ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => alloc::format!("IPv6:{v6}"),
        };
        put_text(&mut rest, address.as_bytes());
        rest
    }

    /// Asks for more of the file.
    fn wait(&mut self) -> Wait {
        self.reading = true;
        self.outputs.push_back(Output::Read(self.read_to, MILTER_PIECE));
        Wait
    }

    /// What is said of the next recipient in the envelope.
    fn next_recipient(&mut self) -> Result<Option<Vec<u8>>, Wait> {
        loop {
            let Some(end) = memchr::memchr(b'\n', &self.window) else {
                if self.whole {
                    return Ok(None);
                }
                return Err(self.wait());
            };
            let line: Vec<u8> = self.window.drain(..=end).collect();
            if line == control::END.as_bytes() {
                return Ok(None);
            }
            if let Some(path) = line.strip_prefix(b"to ") {
                let path = path.trim_ascii_end();
                let bare = String::from_utf8_lossy(path.strip_prefix(b"<").unwrap_or(path));
                let mut rest = Vec::new();
                put_text(&mut rest, path);
                let address = bare.strip_suffix('>').unwrap_or(&bare);
                let mut said = self.macros(b'R', [("{rcpt_addr}", address)].into_iter());
                said.extend(packet(b'R', &rest));
                return Ok(Some(said));
            }
        }
    }

    /// The envelope was told: what follows begins behind it and our own fields.
    fn begin_text(&mut self) {
        self.window.clear();
        self.read_to = self.facts.text_at;
        self.whole = false;
        self.stage = Stage::Begin;
    }

    /// What is said of the next field; nothing for one that is not wanted.
    fn next_field(&mut self) -> Result<Option<Vec<u8>>, Wait> {
        match part(&self.window, self.whole) {
            Part::More if self.window.len() > MILTER_FIELD_MAX => {
                self.done(Err(Fault::Babble));
                Err(Wait)
            }
            Part::More => Err(self.wait()),
            Part::Field { octets, .. } if octets > MILTER_FIELD_MAX => {
                self.done(Err(Fault::Babble));
                Err(Wait)
            }
            Part::Field { colon, octets } => {
                let field: Vec<u8> = self.window.drain(..octets).collect();
                if self.protocol & packet::NO_HEADER != 0 {
                    return Ok(Some(Vec::new()));
                }
                let value = &field[colon + 1..];
                let value = value.strip_suffix(b"\n").unwrap_or(value);
                let value = match value.strip_prefix(b" ") {
                    Some(value) if self.protocol & packet::LEADING_BLANK == 0 => value,
                    _ => value,
                };
                let mut rest = Vec::new();
                put_text(&mut rest, field[..colon].trim_ascii_end());
                put_text(&mut rest, value);
                Ok(Some(packet(b'L', &rest)))
            }
            Part::Blank => {
                self.window.remove(0);
                Ok(None)
            }
            Part::Body => Ok(None),
        }
    }

    /// The next piece of the body, with the line ends of the wire.
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Wait> {
        if self.window.is_empty() {
            return if self.whole { Ok(None) } else { Err(self.wait()) };
        }
        let length = self.window.len().min(MILTER_PIECE);
        let mut rest = Vec::with_capacity(length + length / 32);
        for octet in self.window.drain(..length) {
            if octet == b'\n' {
                rest.push(b'\r');
            }
            rest.push(octet);
        }
        Ok(Some(packet(b'B', &rest)))
    }
}

/// Nothing can be said now.
struct Wait;

fn text(text: &str) -> Vec<u8> {
    let mut rest = Vec::new();
    put_text(&mut rest, text.as_bytes());
    rest
}
