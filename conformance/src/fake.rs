//! A tiny mail server for the judge's own tests: right by default, wrong in one way at a time. In virtual time as a lane,
//! or behind a real socket.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::lane::{Abilities, Clock, End, Lane, Message, Refused, Stage, Taken, Trouble};
use crate::script::World;

/// How the server is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Every reply in a write of its own.
    NeverGroups,
    /// Every reply is cut into two writes within its text.
    TearsLines,
    /// All commands of a segment but the first are lost.
    DropsPipelined,
    /// A segment without CRLF is answered at once.
    HatesDribble,
    /// A line that nobody asked for behind each reply to NOOP.
    Chatters,
    /// One more line behind the reply to QUIT.
    HasLastWord,
    /// A recipient that comes with the sender in one segment is answered with another code of the same class.
    Moody,
}

pub(crate) struct Fake {
    pub(crate) fault: Fault,
    pub(crate) clock: Clock,
}

impl Fake {
    pub(crate) fn with(fault: Fault) -> Self {
        Self { fault, clock: Clock::Exact }
    }
}

impl Lane for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            clock: self.clock,
            writes: true,
            texts: true,
            spool: true,
            events: true,
            tls: false,
            helpers: Vec::new(),
        }
    }

    /// The one setting is `tarpit SECONDS`.
    fn open(&mut self, world: &World) -> Result<Box<dyn Stage + '_>, Refused> {
        let mut tarpit = Duration::ZERO;
        for setting in &world.settings {
            let seconds = setting.strip_prefix("tarpit ").and_then(|seconds| seconds.parse().ok());
            let seconds = seconds.ok_or_else(|| Refused::NotHere(format!("no setting `{setting}`")))?;
            tarpit = Duration::from_secs(seconds);
        }
        Ok(Box::new(FakeStage { fault: self.fault, tarpit, now: Duration::ZERO, sessions: Vec::new() }))
    }
}

struct FakeStage {
    fault: Fault,
    tarpit: Duration,
    now: Duration,
    sessions: Vec<(Session, VecDeque<(Duration, Taken)>)>,
}

impl Stage for FakeStage {
    fn connect(&mut self) -> Result<usize, Trouble> {
        let greeting = (self.now, Taken::Wrote(b"220 mx.example hello\r\n".to_vec()));
        self.sessions.push((Session::new(self.fault, self.tarpit), [greeting].into()));
        Ok(self.sessions.len() - 1)
    }

    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble> {
        let (session, queue) = &mut self.sessions[connection];
        for (delay, write) in session.hear(segment) {
            let after = queue.back().map_or(self.now, |(at, _)| (*at).max(self.now));
            queue.push_back((after + delay, Taken::Wrote(write)));
        }
        if session.closed {
            let after = queue.back().map_or(self.now, |(at, _)| (*at).max(self.now));
            queue.push_back((after, Taken::Closed));
        }
        Ok(())
    }

    fn take(&mut self, connection: usize, at_most: Duration) -> Result<Taken, Trouble> {
        let queue = &mut self.sessions[connection].1;
        match queue.front() {
            Some((at, _)) if *at <= self.now + at_most => {
                self.now = self.now.max(*at);
                Ok(queue.pop_front().map_or(Taken::Nothing, |(_, taken)| taken))
            }
            Some(_) | None => {
                self.now += at_most;
                Ok(Taken::Nothing)
            }
        }
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn rest(&mut self, time: Duration) -> Result<(), Trouble> {
        self.now += time;
        Ok(())
    }

    fn end(&mut self, connection: usize, _: End) -> Result<(), Trouble> {
        self.sessions[connection].1.push_back((self.now, Taken::Closed));
        Ok(())
    }

    fn spool(&mut self) -> Result<Option<Vec<Message>>, Trouble> {
        Ok(Some(self.sessions.iter().flat_map(|(session, _)| session.stored.clone()).collect()))
    }

    fn events(&mut self) -> Result<Option<Vec<String>>, Trouble> {
        Ok(Some(self.sessions.iter().flat_map(|(session, _)| session.events.clone()).collect()))
    }
}

/// One connection's server side.
pub(crate) struct Session {
    fault: Fault,
    tarpit: Duration,
    unread: Vec<u8>,
    in_data: bool,
    message: Message,
    stored: Vec<Message>,
    events: Vec<String>,
    closed: bool,
    mailed_now: bool,
}

impl Session {
    fn new(fault: Fault, tarpit: Duration) -> Self {
        Self {
            fault,
            tarpit,
            unread: Vec::new(),
            in_data: false,
            message: Message::default(),
            stored: Vec::new(),
            events: Vec::new(),
            closed: false,
            mailed_now: false,
        }
    }

    /// Takes a segment; returns writes, each with the wait before it.
    fn hear(&mut self, segment: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let mut writes: Vec<(Duration, Vec<u8>)> = Vec::new();
        self.mailed_now = false;
        self.unread.extend_from_slice(segment);
        if self.fault == Fault::HatesDribble && !segment.ends_with(b"\r\n") {
            self.unread.clear();
            return vec![(Duration::ZERO, b"500 5.5.2 a line, please\r\n".to_vec())];
        }
        while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.unread.drain(..end + 2).collect();
            let (delay, reply) = self.obey(&String::from_utf8_lossy(&line[..end]));
            let joins = delay.is_zero() && self.fault != Fault::NeverGroups;
            match writes.last_mut() {
                Some((_, write)) if joins => write.extend(reply.into_bytes()),
                _ if reply.is_empty() => {}
                Some(_) | None => writes.push((delay, reply.into_bytes())),
            }
            if self.fault == Fault::DropsPipelined && !self.in_data {
                self.unread.clear();
            }
        }
        if self.fault == Fault::TearsLines {
            let torn = writes.iter().flat_map(|(delay, write)| {
                let (head, tail) = write.split_at(write.len().min(6));
                [(*delay, head.to_vec()), (Duration::ZERO, tail.to_vec())]
            });
            return torn.collect();
        }
        writes
    }

    fn obey(&mut self, line: &str) -> (Duration, String) {
        if self.in_data {
            return (Duration::ZERO, self.data(line));
        }
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let argument = line.split_once('<').and_then(|(_, path)| path.split('>').next()).unwrap_or_default();
        let mut delay = Duration::ZERO;
        let reply = match verb.as_str() {
            "EHLO" => "250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1000",
            "MAIL" => {
                self.mailed_now = true;
                self.message = Message { from: argument.to_string(), ..Message::default() };
                "250 2.1.0 sender"
            }
            "RCPT" if argument.ends_with("@local.example") => {
                self.message.to.push(argument.to_string());
                let moody = self.fault == Fault::Moody && self.mailed_now;
                if moody { "251 2.1.5 recipient" } else { "250 2.1.5 recipient" }
            }
            "RCPT" => {
                delay = self.tarpit;
                if !delay.is_zero() {
                    self.events.push(format!("tarpit_delayed {}s", delay.as_secs()));
                }
                "550 5.7.1 not here"
            }
            "DATA" => {
                self.in_data = true;
                "354 go on"
            }
            "RSET" => "250 2.0.0 reset",
            "NOOP" if self.fault == Fault::Chatters => "250 2.0.0 noop\r\n250 2.0.0 and more",
            "NOOP" => "250 2.0.0 noop",
            "QUIT" => {
                self.closed = true;
                if self.fault == Fault::HasLastWord {
                    "221 2.0.0 bye\r\n221 2.0.0 bye"
                } else {
                    "221 2.0.0 bye"
                }
            }
            _ => "500 5.5.1 what",
        };
        (delay, format!("{reply}\r\n"))
    }

    fn data(&mut self, line: &str) -> String {
        if line == "." {
            self.in_data = false;
            let mut message = std::mem::take(&mut self.message);
            message.raw = [b"Received: here\n", &message.body[..]].concat();
            self.stored.push(message);
            return "250 2.6.0 kept\r\n".to_string();
        }
        let line = line.strip_prefix('.').unwrap_or(line);
        self.message.body.extend_from_slice(line.as_bytes());
        self.message.body.extend_from_slice(b"\r\n");
        String::new()
    }
}

/// The same server behind a loopback socket, for `connections` connections one after the other.
pub(crate) fn listen(connections: usize) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            let mut stream = stream.expect("a client");
            stream.write_all(b"220-a longer greeting\r\n220 than ours\r\n").expect("greeted");
            let mut session = Session::new(Fault::None, Duration::ZERO);
            let mut octets = [0; 1024];
            while let Ok(length @ 1..) = stream.read(&mut octets) {
                for (_, write) in session.hear(&octets[..length]) {
                    let _ = stream.write_all(&write);
                }
                if session.closed {
                    break;
                }
            }
        }
    });
    (address, server)
}
