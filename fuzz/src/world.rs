//! A session with hands that are always quick and never fail, recorded on demand. What targets over whole sessions share.

use smtpserver_core::record::{Ending, Keep, Recorder};
use smtpserver_core::server::Solo;
use smtpserver_core::spool::{DraftPath, Order, Report, Stored};
use smtpserver_core::{Input, Now, Output, Peer, Session, Settings};
use std::sync::Arc;

/// So many deadlines may pass while nothing else happens, before a session that does not end is a finding.
const TICKS_MAX: u32 = 1000;
/// More than this between two answers, reports and replies without new input is a loop.
const OUTPUTS_MAX: u32 = 100_000;

/// The settings of such a session, for one target to change.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::new("mx.local.example");
    settings.policy.local_domains.insert("local.example".to_owned());
    settings
}

/// Lets clients log in, by every mechanism that a plain connection can have.
pub(crate) fn take_logins(settings: &mut Settings) {
    settings.auth.offered = true;
    settings.auth.without_tls = true;
    settings.auth.sasl = true;
}

/// A session and its hands.
pub(crate) struct World {
    server: Solo,
    session: Session,
    recorder: Option<Recorder>,
    now: Now,
    /// All replies.
    pub(crate) said: Vec<u8>,
    draft: Option<Vec<u8>>,
    /// The drafts that were kept.
    pub(crate) kept: Vec<Vec<u8>>,
    closed: bool,
}

impl World {
    /// A session that has not begun.
    pub(crate) fn new(settings: Settings) -> World {
        let settings = Arc::new(settings);
        let peer = Arc::new(Peer::new(([192, 0, 2, 7], 40_000).into(), ([192, 0, 2, 1], 25).into()));
        let server = Solo::new(Now::default(), settings.clone(), peer.clone());
        let session = Session::new(settings, server.session(), peer);
        World {
            server,
            session,
            recorder: None,
            now: Now::default(),
            said: Vec::new(),
            draft: None,
            kept: Vec::new(),
            closed: false,
        }
    }

    /// The same, recorded.
    pub(crate) fn recorded(settings: Settings, keep: Keep) -> World {
        let mut world = World::new(settings);
        world.recorder = Some(Recorder::new(&mut world.session, Now::default(), keep));
        world
    }

    /// The recording of a session that is over.
    pub(crate) fn recording(mut self) -> Vec<u8> {
        let recorder = self.recorder.take().expect("it was asked for");
        recorder.finish(&mut self.session, Ending::Closed)
    }

    /// The whole life of a session whose client sends these octets, then closes.
    pub(crate) fn talk<'a>(mut self, sent: impl Iterator<Item = &'a [u8]>) -> World {
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
                return self;
            }
            self.tick();
        }
        panic!("the session does not end");
    }

    /// Nothing happens until the deadline.
    fn tick(&mut self) {
        let deadline = self.session.deadline().expect("a session that waits has a deadline");
        self.now.instant = self.now.instant.max(deadline);
        self.bring(Input::Tick);
    }

    fn handle(&mut self, input: Input<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.input(self.now, &input);
        }
        self.session.handle(self.now, input);
        if let Some(recorder) = &mut self.recorder {
            recorder.settle(&mut self.session);
        }
    }

    fn bring(&mut self, input: Input<'_>) {
        self.handle(input);
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = self.session.poll() else { return };
            assert!(!self.closed, "nothing comes after the end: {output:?}");
            if let Some(recorder) = &mut self.recorder {
                recorder.output(&output);
            }
            match output {
                Output::Write(octets) => {
                    check_replies(&octets);
                    self.said.extend_from_slice(&octets);
                }
                Output::Ask(ticket, question) => {
                    let answer = self.server.answer(self.now, ticket, question);
                    self.handle(Input::Answered(ticket, answer));
                }
                Output::Inquire(ticket, inquiry) => {
                    let advice = smtpserver_sim::users::advice(&inquiry);
                    self.handle(Input::Advised(ticket, advice));
                }
                Output::Attempt(_) => {}
                Output::Order(order) => {
                    if let Some(report) = self.carry_out(order) {
                        self.handle(Input::Reported(report));
                    }
                }
                Output::Secure(_) | Output::Event(_) => {}
                Output::Close(_) => self.closed = true,
            }
        }
        panic!("the session never comes to rest");
    }

    fn carry_out(&mut self, order: Order) -> Option<Report> {
        match order {
            Order::Begin => {
                assert!(self.draft.replace(Vec::new()).is_none(), "one draft at a time");
                None
            }
            Order::Append(octets) => {
                self.draft.as_mut().expect("octets belong to a draft").extend_from_slice(&octets);
                Some(Report::Room(octets.len()))
            }
            Order::Show => {
                assert!(self.draft.is_some(), "only a draft can be shown");
                Some(Report::Shown(DraftPath::new("public/1").expect("it is short")))
            }
            // No milter is asked here.
            Order::Revise(_) => None,
            Order::Commit(_) => {
                self.kept.push(self.draft.take().expect("only a draft can be kept"));
                Some(Report::Committed(Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 0 }))
            }
            Order::Abandon | Order::Leave(_) => {
                self.draft = None;
                None
            }
        }
    }
}

/// Whole lines, each with a code, a mark and printable text of bounded length.
fn check_replies(octets: &[u8]) {
    let text = octets.strip_suffix(b"\r\n").expect("a write ends with its line");
    for line in text.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        assert!(line.len() <= 510, "a reply line is too long");
        assert!(line.len() >= 4 && line[..3].iter().all(u8::is_ascii_digit) && b" -".contains(&line[3]));
        assert!(line.iter().all(|octet| (b' '..=b'~').contains(octet)));
    }
}
