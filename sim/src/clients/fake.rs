//! A tiny server for the tests of clients, kind or wild, and the world in which they meet. It knows just enough
//! SMTP to be talked to, and remembers what it took.

use super::dice::{Dice, Purpose};
use super::letter::LOCAL_DOMAIN;
use super::{Belief, Client, Deed, Happened, Kind, Wishes, make};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A message that was taken: its reverse-path, recipients and octets.
pub(super) type Taken = (String, Vec<String>, Vec<u8>);

/// How long a reply takes, when all is well.
const SOON: Duration = Duration::from_millis(20);

/// The server, and what it saw.
#[derive(Debug)]
pub(super) struct Fake {
    /// Connections are refused.
    pub(super) refuses: bool,
    /// Every connection is reset after so many replies.
    pub(super) cut_after: Option<u32>,
    /// Anything may happen instead of a reply.
    pub(super) wild: bool,
    pub(super) offers_chunking: bool,
    pub(super) connections: u32,
    pub(super) sources: Vec<IpAddr>,
    pub(super) resets: u32,
    /// Everything that was said on the last connection.
    pub(super) heard: Vec<u8>,
    /// Segments heard, in all.
    pub(super) segments: u32,
    pub(super) commands: u32,
    pub(super) unknown: u32,
    /// No command came before the reply to the one before.
    pub(super) in_order: bool,
    pub(super) stopped_reading: u32,
    /// By spool id.
    pub(super) taken: BTreeMap<String, Taken>,
    chance: Dice,
    octets: Vec<u8>,
    state: State,
    sender: Option<String>,
    recipients: Vec<String>,
    body: Vec<u8>,
    replies: u32,
    delay: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Command,
    Text,
    Chunk(usize, bool),
    Gone,
}

/// What comes back to the client, and when.
#[derive(Debug)]
enum Back {
    Connected,
    Refused,
    Octets(Vec<u8>),
    End,
    Reset,
}

impl Fake {
    pub(super) fn kind() -> Fake {
        Fake {
            refuses: false,
            cut_after: None,
            wild: false,
            offers_chunking: true,
            connections: 0,
            sources: Vec::new(),
            resets: 0,
            heard: Vec::new(),
            segments: 0,
            commands: 0,
            unknown: 0,
            in_order: true,
            stopped_reading: 0,
            taken: BTreeMap::new(),
            chance: Dice::new(0, Purpose::Manner),
            octets: Vec::new(),
            state: State::Gone,
            sender: None,
            recipients: Vec::new(),
            body: Vec::new(),
            replies: 0,
            delay: SOON,
        }
    }

    pub(super) fn wild(seed: u64) -> Fake {
        Fake { wild: true, chance: Dice::new(seed, Purpose::Manner), ..Fake::kind() }
    }

    pub(super) fn refusing() -> Fake {
        Fake { refuses: true, ..Fake::kind() }
    }

    pub(super) fn cutting(replies: u32) -> Fake {
        Fake { cut_after: Some(replies), ..Fake::kind() }
    }

    fn connect(&mut self, source: IpAddr) -> Vec<(Duration, Back)> {
        self.connections += 1;
        self.sources.push(source);
        self.octets.clear();
        self.heard.clear();
        self.replies = 0;
        self.delay = SOON;
        self.reset();
        if self.refuses || (self.wild && self.chance.one_in(10)) {
            self.state = State::Gone;
            return vec![(Duration::ZERO, Back::Refused)];
        }
        self.state = State::Command;
        let mut back = vec![(Duration::ZERO, Back::Connected)];
        back.extend(self.reply("220 mx.local.example ready"));
        back
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.body.clear();
    }

    /// A reply, or what comes in place of it.
    fn reply(&mut self, text: &str) -> Vec<(Duration, Back)> {
        self.replies += 1;
        if self.cut_after.is_some_and(|most| self.replies > most) {
            self.state = State::Gone;
            return vec![(Duration::ZERO, Back::Reset)];
        }
        let octets = format!("{text}\r\n").into_bytes();
        let soon = self.delay;
        match if self.wild { self.chance.below(40) } else { 40 } {
            0 => {
                self.state = State::Gone;
                vec![(soon, Back::Octets(octets[..octets.len() / 2].to_vec())), (soon, Back::Reset)]
            }
            1 => {
                self.state = State::Gone;
                vec![(soon, Back::End)]
            }
            2 => {
                self.state = State::Gone;
                vec![]
            }
            3 => {
                // What follows is as late: replies never overtake each other.
                self.delay = Duration::from_secs(1_000);
                vec![(self.delay, Back::Octets(octets))]
            }
            4 => vec![(soon, Back::Octets(b"\xff\0garbage\r\n".to_vec()))],
            5 => {
                self.state = State::Gone;
                vec![
                    (soon, Back::Octets(octets)),
                    (soon, Back::Octets(b"421 bye\r\n".to_vec())),
                    (soon, Back::End),
                ]
            }
            6 => octets.iter().map(|octet| (soon, Back::Octets(vec![*octet]))).collect(),
            _ => vec![(soon, Back::Octets(octets))],
        }
    }

    fn hear(&mut self, octets: &[u8]) -> Vec<(Duration, Back)> {
        assert!(!octets.is_empty(), "an empty segment was said");
        self.segments += 1;
        self.heard.extend_from_slice(octets);
        self.octets.extend_from_slice(octets);
        let mut back = Vec::new();
        let mut answered = false;
        loop {
            let said = match self.state {
                State::Gone => return back,
                State::Command => {
                    let Some(end) = find(&self.octets, b"\r\n") else { break };
                    let line: Vec<u8> = self.octets.drain(..end + 2).collect();
                    self.in_order &= !answered;
                    self.command(&String::from_utf8_lossy(&line[..end]))
                }
                State::Text => {
                    let end = if self.octets.starts_with(b".\r\n") {
                        0
                    } else {
                        match find(&self.octets, b"\r\n.\r\n") {
                            Some(end) => end + 2,
                            None => break,
                        }
                    };
                    let text: Vec<u8> = self.octets.drain(..end + 3).take(end).collect();
                    for line in lines(&text) {
                        self.body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                    }
                    self.take()
                }
                State::Chunk(count, last) => {
                    if self.octets.len() < count {
                        break;
                    }
                    self.body.extend(self.octets.drain(..count));
                    self.state = State::Command;
                    match (self.recipients.is_empty(), last) {
                        (true, _) => self.reply("503 5.5.1 RCPT first"),
                        (false, false) => self.reply("250 2.0.0 chunk"),
                        (false, true) => self.take(),
                    }
                }
            };
            answered = !said.is_empty();
            back.extend(said);
        }
        back
    }

    fn take(&mut self) -> Vec<(Duration, Back)> {
        self.state = State::Command;
        if self.wild && self.chance.one_in(6) {
            self.reset();
            return self.reply("451 4.3.0 not now");
        }
        let id = format!("S{}", self.taken.len());
        let message = (
            self.sender.take().unwrap_or_default(),
            std::mem::take(&mut self.recipients),
            std::mem::take(&mut self.body),
        );
        self.taken.insert(id.clone(), message);
        self.reply(&format!("250 2.0.0 message accepted as {id}"))
    }

    fn command(&mut self, line: &str) -> Vec<(Duration, Back)> {
        self.commands += 1;
        let upper = line.to_ascii_uppercase();
        let inside = || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path);
        if self.wild && self.chance.one_in(12) {
            if upper.starts_with("BDAT") {
                self.state = State::Gone;
            } else if upper.starts_with("MAIL") {
                self.reset();
            }
            let no = if self.chance.one_in(2) { "451 4.0.0 no" } else { "550 5.0.0 no" };
            return self.reply(no);
        }
        match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if self.offers_chunking => {
                self.reset();
                self.reply("250-mx\r\n250-SIZE 0\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-PIPELINING\r\n250 CHUNKING")
            }
            "EHLO" => self.reply("250 mx"),
            "HELO" | "NOOP" => self.reply("250 ok"),
            "HELP" => self.reply("214-help\r\n214 is near"),
            "RSET" => {
                self.reset();
                self.reply("250 ok")
            }
            "MAIL" => {
                self.reset();
                self.sender = inside().map(str::to_owned);
                self.reply("250 sender ok")
            }
            "RCPT" => match inside() {
                Some(path) if self.sender.is_some() && path.ends_with(LOCAL_DOMAIN) => {
                    let back = self.reply("250 recipient ok");
                    self.recipients.push(path.to_owned());
                    back
                }
                _ => self.reply("550 5.7.1 not here"),
            },
            "DATA" if self.recipients.is_empty() => self.reply("503 5.5.1 RCPT first"),
            "DATA" => {
                self.state = State::Text;
                self.reply("354 go on")
            }
            "BDAT" => {
                let mut words = upper.split(' ').skip(1);
                let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
                self.state = State::Chunk(count, words.next() == Some("LAST"));
                Vec::new()
            }
            "QUIT" => {
                let mut back = self.reply("221 bye");
                self.state = State::Gone;
                back.push((self.delay, Back::End));
                back
            }
            _ => {
                self.unknown += 1;
                self.reply("500 what?")
            }
        }
    }
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

/// Lines as the protocol sees them: a CR or an LF alone ends none.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = find(rest, b"\r\n") {
        let (line, behind) = rest.split_at(end + 2);
        lines.push(line);
        rest = behind;
    }
    lines.push(rest);
    lines
}

pub(super) fn wishes(kind: Kind, seed: u64) -> Wishes {
    Wishes {
        kind,
        messages: 4,
        body_octets_max: 2_000,
        pause_max: Duration::from_secs(5),
        source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        seed,
    }
}

/// Lets a client and a server meet until the client is done.
pub(super) fn meet(kind: Kind, seed: u64, server: Fake) -> (Box<dyn Client>, Fake) {
    meet_as(&wishes(kind, seed), server)
}

pub(super) fn meet_as(wishes: &Wishes, mut server: Fake) -> (Box<dyn Client>, Fake) {
    let mut client = make(wishes);
    let (mut now, mut serial, mut connection) = (Duration::ZERO, 0_u64, 0_u64);
    let mut coming: BTreeMap<(Duration, u64), (u64, Back)> = BTreeMap::new();
    let (mut reading, mut unread) = (true, Vec::new());
    for _ in 0..2_000_000 {
        if client.is_done() {
            assert_eq!(client.wake(), None, "done, and wants to be woken");
            return (client, server);
        }
        let first = coming.first_key_value().map(|((at, _), _)| *at);
        let wake = client.wake();
        let soonest = first.into_iter().chain(wake).min();
        now = now.max(soonest.expect("a client that is not done waits for nothing"));
        let deeds = match coming.first_entry() {
            Some(entry) if entry.key().0 <= now => match entry.remove() {
                (of, _) if of != connection => continue,
                (_, back) if !reading && !matches!(back, Back::Reset) => {
                    unread.push(back);
                    continue;
                }
                (_, back) => bring(&mut *client, now, &back),
            },
            _ => client.on(now, Happened::Woke),
        };
        let mut send = |from: Duration, connection, back: Vec<(Duration, Back)>| {
            for (after, back) in back {
                serial += 1;
                coming.insert((from + after, serial), (connection, back));
            }
        };
        for deed in deeds {
            match deed {
                Deed::Connect { source } => {
                    connection += 1;
                    (reading, unread) = (true, Vec::new());
                    send(now, connection, server.connect(source));
                }
                Deed::Say(octets) => send(now, connection, server.hear(&octets)),
                Deed::StopReading => {
                    server.stopped_reading += 1;
                    reading = false;
                }
                Deed::StartReading => {
                    reading = true;
                    let waiting = unread.drain(..).map(|back| (Duration::ZERO, back)).collect();
                    // Before all that is still on its way.
                    send(Duration::ZERO, connection, waiting);
                }
                Deed::CloseWrite if server.state == State::Gone => connection += 1,
                Deed::CloseWrite => {
                    server.state = State::Gone;
                    send(now, connection, vec![(SOON, Back::End)]);
                }
                Deed::Reset => {
                    server.resets += 1;
                    server.state = State::Gone;
                    connection += 1;
                }
                Deed::Done => assert!(client.is_done()),
            }
        }
    }
    panic!("client {wishes:?} never ends");
}

fn bring(client: &mut dyn Client, now: Duration, back: &Back) -> Vec<Deed> {
    client.on(
        now,
        match back {
            Back::Connected => Happened::Connected,
            Back::Refused => Happened::Refused,
            Back::Octets(octets) => Happened::Heard(octets),
            Back::End => Happened::HeardEnd,
            Back::Reset => Happened::Reset,
        },
    )
}

/// What is believed accepted was taken, exactly; what is believed refused was not.
pub(super) fn true_beliefs(client: &dyn Client, server: &Fake) {
    for belief in client.beliefs() {
        assert!(!(belief.refused && belief.accepted.is_some()), "both: {belief:?}");
        if let Some(id) = &belief.accepted {
            let Belief { envelope_from, to, body, .. } = belief.clone();
            assert_eq!(server.taken.get(id), Some(&(envelope_from, to, body)), "{id}");
        } else if belief.refused {
            let same = |(from, _, body): &Taken| *from == belief.envelope_from && *body == belief.body;
            assert!(!server.taken.values().any(same), "taken, and believed refused: {belief:?}");
        }
    }
}

/// On a kind server nothing is left open: every message was accepted or refused, and taken if accepted.
pub(super) fn all_told(client: &dyn Client, server: &Fake) {
    true_beliefs(client, server);
    let beliefs = client.beliefs();
    assert!(!beliefs.is_empty());
    if server.cut_after.is_none() {
        let told = |belief: &Belief| belief.accepted.is_some() || belief.refused || belief.to.is_empty();
        assert!(beliefs.iter().all(told), "{beliefs:?}");
        let accepted = beliefs.iter().filter(|belief| belief.accepted.is_some()).count();
        assert_eq!(accepted, server.taken.len());
    }
}
