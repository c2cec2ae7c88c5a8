//! The seam between clear text and TLS: octets spell what a client does (clear text, TLS records of a real handshake, their
//! pieces, an end) in any order, and what must hold is that nothing crosses.
//!
//! What is said in clear text names `clear.example` only, what is said within TLS `sealed.example` only. So whatever is
//! stored tells by its envelope where it came from: all of it within TLS, or all of it before.

use smtpserver_core::server::Solo;
use smtpserver_core::spool::{Order, Report, Stored};
use smtpserver_core::tls::Opening;
use smtpserver_core::{Event, Input, Instant, Now, Output, Peer, Session, Settings};
use smtpserver_sim::tls::{self, Seal};
use std::net::SocketAddr;
use std::sync::Arc;

/// What a client can say, in clear text or within TLS.
const PHRASES: [&str; 12] = [
    "EHLO @\r\n",
    "STARTTLS\r\n",
    "MAIL FROM:<ann@@>\r\n",
    "RCPT TO:<bob@local.example>\r\n",
    "DATA\r\n",
    "Subject: @\r\n\r\nx\r\n.\r\n",
    "BDAT 7\r\nhalf @",
    "BDAT 6 LAST\r\nlast\r\n",
    "RSET\r\n",
    "NOOP\r\nNOOP\r\n",
    "QUIT\r\n",
    "\r\n.\r\n",
];

/// Both ends and what is between them.
struct World {
    shared: Solo,
    session: Session,
    now: Now,
    server: Option<Seal>,
    client: Option<Seal>,
    /// What the session said in clear text since it was asked to turn.
    begun: bool,
    draft: Vec<u8>,
    closed: bool,
    gone: bool,
    stored: Vec<Vec<u8>>,
    /// Whether commands were heard when nothing but a handshake was due.
    broken: Option<&'static str>,
    /// Plain octets within TLS that the session has not taken.
    plain: Vec<u8>,
}

/// One run.
pub fn tls_seam(data: &[u8]) {
    tls::seed(0);
    let (first, data) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let mut settings = Settings::new("mx.example");
    settings.policy.local_domains.insert("local.example".into());
    settings.tls.offered = true;
    settings.tls.first = first & 1 == 1;
    settings.tls.enforced = first & 2 == 2;
    let settings = Arc::new(settings);
    let end = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let peer = Arc::new(Peer::new(end(4000), end(25)));
    let now = Now { instant: Instant::from_micros(1_000_000), ..Now::default() };
    let shared = Solo::new(now, settings.clone(), peer.clone());
    let mut world = World {
        session: Session::new(settings, shared.session(), peer),
        shared,
        now,
        server: None,
        client: None,
        begun: false,
        draft: Vec::new(),
        closed: false,
        gone: false,
        stored: Vec::new(),
        broken: None,
        plain: Vec::new(),
    };
    world.bring(Input::Opened);
    for act in data.chunks(2).take(400) {
        if world.closed {
            break;
        }
        let (what, how) = (act[0], act.get(1).copied().unwrap_or(0));
        world.act(what, how);
    }
    world.end();
    assert_eq!(world.broken, None);
    for message in &world.stored {
        let text = String::from_utf8_lossy(message);
        let clear = text.contains("clear.example");
        let sealed = text.contains("sealed.example");
        assert!(!(clear && sealed), "both sides of the seam in one message: {text}");
        let marked = text.contains("\nwith ESMTPS\n");
        assert!(!(marked && clear), "clear text went for TLS: {text}");
        assert!(!(sealed && text.contains("\nwith ESMTP\n")), "TLS went for clear text: {text}");
    }
}

impl World {
    fn act(&mut self, what: u8, how: u8) {
        match what % 6 {
            // Clear text, whatever is due.
            0 | 1 => {
                let words = phrase(how, "clear.example");
                self.wire(words.as_bytes());
            }
            // Within TLS, whole or in pieces.
            2 | 3 => {
                let words = phrase(how, "sealed.example");
                self.say_sealed(words.as_bytes(), what >= 128);
            }
            // The handshake goes on.
            4 => {
                let client = self.client.get_or_insert_with(Seal::client);
                let octets = client.leaves();
                let cut = usize::from(how).min(octets.len());
                self.wire(&octets[..cut]);
                self.wire(&octets[cut..]);
            }
            _ => match how % 4 {
                0 => {
                    if let Some(client) = &mut self.client {
                        client.end();
                        let octets = client.leaves();
                        self.wire(&octets);
                    }
                }
                1 => self.gone(),
                2 => self.tick(),
                _ => self.wire(&[how; 3]),
            },
        }
    }

    fn say_sealed(&mut self, words: &[u8], pieces: bool) {
        let client = self.client.get_or_insert_with(Seal::client);
        client.say(words);
        let octets = client.leaves();
        if pieces {
            octets.chunks(7).for_each(|piece| self.wire(piece));
        } else {
            self.wire(&octets);
        }
    }

    /// Octets come by the wire.
    fn wire(&mut self, octets: &[u8]) {
        if octets.is_empty() || self.closed || self.gone {
            return;
        }
        if self.server.is_some() {
            return self.unseal(octets);
        }
        let wanted = self.session.wants_bytes().min(octets.len());
        if wanted > 0 {
            self.bring(Input::Bytes(&octets[..wanted]));
        }
        // What it did not want in clear text is the handshake's.
        if self.server.is_some() {
            self.unseal(&octets[wanted..]);
        }
    }

    fn unseal(&mut self, octets: &[u8]) {
        let Some(server) = &mut self.server else { return };
        let shaking = server.is_shaking();
        let came = server.came(octets);
        let done = shaking && !server.is_shaking();
        let out = server.leaves();
        if shaking && !came.plain.is_empty() && !done {
            self.broken = Some("plain octets came out of a handshake");
        }
        self.plain.extend(came.plain);
        self.hear(&out);
        if done {
            self.bring(Input::Secured(Arc::new(tls::facts())));
        } else if shaking && came.broken {
            self.bring(Input::Unsecured(smtpserver_core::tls::HandshakeFault::Garbled));
        }
        self.take_plain();
        if !shaking && (came.broken || came.ended) {
            self.gone();
        }
    }

    fn take_plain(&mut self) {
        while !self.closed && !self.plain.is_empty() {
            let wanted = self.session.wants_bytes().min(self.plain.len());
            if wanted == 0 {
                return;
            }
            let octets: Vec<u8> = self.plain.drain(..wanted).collect();
            self.bring(Input::Bytes(&octets));
        }
    }

    /// The client hears octets of the wire.
    fn hear(&mut self, octets: &[u8]) {
        if let Some(client) = &mut self.client {
            let _ = client.came(octets);
        }
    }

    fn gone(&mut self) {
        if std::mem::replace(&mut self.gone, true) {
            return;
        }
        if self.server.as_ref().is_some_and(Seal::is_shaking) {
            self.bring(Input::Unsecured(smtpserver_core::tls::HandshakeFault::Gone));
        }
        self.bring(Input::PeerClosed);
    }

    fn tick(&mut self) {
        if let Some(deadline) = self.session.deadline() {
            self.now.instant = self.now.instant.max(deadline);
            self.bring(Input::Tick);
        }
    }

    fn end(&mut self) {
        self.gone();
        for _ in 0..100 {
            if self.closed {
                return;
            }
            self.tick();
        }
        panic!("the session has no end");
    }

    fn bring(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        loop {
            let Some(output) = self.session.poll() else {
                if !self.session.awaits_sent() {
                    return;
                }
                self.session.handle(self.now, Input::Sent);
                continue;
            };
            self.obey(output);
        }
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Write(octets) => match &mut self.server {
                None => {}
                Some(server) if server.is_shaking() => {
                    self.broken = Some("a reply was said in a handshake");
                }
                Some(server) => {
                    server.say(&octets);
                    let out = server.leaves();
                    self.hear(&out);
                }
            },
            Output::Secure(opening) => {
                if std::mem::replace(&mut self.begun, true) {
                    self.broken = Some("two handshakes");
                }
                self.server = Some(Seal::server());
                if let Opening::First(octets) = opening {
                    self.unseal(&octets);
                }
            }
            Output::Ask(ticket, question) => {
                let answer = self.shared.answer(self.now, ticket, question);
                self.session.handle(self.now, Input::Answered(ticket, answer));
            }
            Output::Order(Order::Append(octets)) => {
                let room = octets.len();
                self.draft.extend(octets);
                self.session.handle(self.now, Input::Reported(Report::Room(room)));
            }
            Output::Order(Order::Commit(_)) => {
                self.stored.push(std::mem::take(&mut self.draft));
                let stored = Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 0 };
                self.session.handle(self.now, Input::Reported(Report::Committed(stored)));
            }
            Output::Order(
                Order::Begin | Order::Show | Order::Revise(_) | Order::Abandon | Order::Leave(_),
            ) => {
                self.draft.clear();
            }
            Output::Event(Event::Command(_)) => {
                if self.server.as_ref().is_some_and(Seal::is_shaking) {
                    self.broken = Some("a command was obeyed in a handshake");
                }
            }
            // Nobody is asked for anything else here.
            Output::Inquire(..) | Output::Attempt(_) | Output::Event(_) => {}
            Output::Close(_) => self.closed = true,
        }
    }
}

fn phrase(how: u8, domain: &str) -> String {
    let words = PHRASES[usize::from(how) % PHRASES.len()];
    // The first @ of an address stays.
    words
        .replace("@@", "\u{1}")
        .replace('@', if words.starts_with("RCPT") { "@" } else { domain })
        .replace('\u{1}', &format!("@{domain}"))
}
