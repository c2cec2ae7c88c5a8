//! Recordings: whatever a client sends, its session is lived through again the same; and octets that only look like a
//! recording are refused or lived through, without a panic.

use crate::{choice, pieces};
use smtpserver_core::record::{Ending, Keep, Log, Recorder, Replay};
use smtpserver_core::server::Solo;
use smtpserver_core::spool::{DraftPath, Order, Report, Stored};
use smtpserver_core::{Input, Now, Output, Peer, Session, Settings};
use std::sync::Arc;

/// So many deadlines may pass before a session that does not end is a finding.
const TICKS_MAX: u32 = 1000;

/// The first octet chooses: 0 takes the rest for a recording; otherwise it is the size of the pieces in which the rest
/// is what a client sends, and its highest bit asks for messages to be kept.
pub fn replay_log(data: &[u8]) {
    let (piece, rest) = choice(data);
    if piece == 0 {
        // No magic number has to be guessed, and the fingerprint at the end may be missing.
        if let Ok(log) = Log::decode_what_is_there(rest) {
            let _ = is_equal(&log);
        }
        return;
    }
    let keep = if piece & 0x80 == 0 { Keep::Shape } else { Keep::Messages };
    let octets = World::new(keep).talk(pieces(rest, piece & 0x7f));
    let log = Log::decode(&octets).expect("what was recorded is a recording");
    assert!(log.header.settings_are_whole());
    assert!(is_equal(&log), "the same inputs gave other outputs");
}

fn is_equal(log: &Log<'_>) -> bool {
    let mut replay = Replay::new(log);
    while let Some(step) = replay.step() {
        if step.is_err() {
            return false;
        }
    }
    true
}

/// A recorded session with hands that are always quick and never fail.
struct World {
    server: Solo,
    session: Session,
    recorder: Recorder,
    now: Now,
    closed: bool,
}

impl World {
    fn new(keep: Keep) -> World {
        let mut settings = Settings::new("mx.local.example");
        settings.policy.local_domains.insert("local.example".to_owned());
        settings.transcript = true;
        let settings = Arc::new(settings);
        let peer = Arc::new(Peer::new(([192, 0, 2, 7], 40_000).into(), ([192, 0, 2, 1], 25).into()));
        let server = Solo::new(Now::default(), settings.clone(), peer.clone());
        let mut session = Session::new(settings, server.session(), peer);
        let recorder = Recorder::new(&mut session, Now::default(), keep);
        World { server, session, recorder, now: Now::default(), closed: false }
    }

    fn talk<'a>(mut self, sent: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        self.bring(Input::Opened);
        for octets in sent {
            let mut rest = octets;
            while !rest.is_empty() && !self.closed {
                let taken = self.session.wants_bytes().min(rest.len());
                if taken == 0 {
                    self.tick();
                } else {
                    self.bring(Input::Bytes(&rest[..taken]));
                    rest = &rest[taken..];
                }
            }
        }
        if !self.closed {
            self.bring(Input::PeerClosed);
        }
        for _ in 0..TICKS_MAX {
            if self.closed {
                break;
            }
            self.tick();
        }
        assert!(self.closed, "the session does not end");
        self.recorder.finish(&mut self.session, Ending::Closed)
    }

    /// Nothing happens until the deadline.
    fn tick(&mut self) {
        let deadline = self.session.deadline().expect("a session that waits has a deadline");
        self.now.instant = self.now.instant.max(deadline);
        self.bring(Input::Tick);
    }

    fn handle(&mut self, input: Input<'_>) {
        self.recorder.input(self.now, &input);
        self.session.handle(self.now, input);
        self.recorder.settle(&mut self.session);
    }

    fn bring(&mut self, input: Input<'_>) {
        self.handle(input);
        while let Some(output) = self.session.poll() {
            self.recorder.output(&output);
            match output {
                Output::Ask(ticket, question) => {
                    let answer = self.server.answer(self.now, ticket, question);
                    self.handle(Input::Answered(ticket, answer));
                }
                Output::Inquire(ticket, inquiry) => {
                    let advice = smtpserver_sim::users::advice(&inquiry);
                    self.handle(Input::Advised(ticket, advice));
                }
                Output::Order(Order::Append(octets)) => {
                    self.handle(Input::Reported(Report::Room(octets.len())));
                }
                Output::Order(Order::Show) => {
                    let path = DraftPath::new("public/1").expect("it is short");
                    self.handle(Input::Reported(Report::Shown(path)));
                }
                Output::Order(Order::Commit(_)) => {
                    let stored = Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 0 };
                    self.handle(Input::Reported(Report::Committed(stored)));
                }
                Output::Close(_) => self.closed = true,
                Output::Order(Order::Begin | Order::Abandon | Order::Leave(_))
                | Output::Attempt(_)
                | Output::Write(_)
                | Output::Secure(_)
                | Output::Event(_) => {}
            }
        }
    }
}
