//! A whole session: whatever a client sends and however it is cut, the replies are well formed, the same, and the
//! session ends.

use crate::{choice, pieces};
use smtpserver_core::config::manners::Batch;
use smtpserver_core::config::param;
use smtpserver_core::server::Solo;
use smtpserver_core::spool::{DraftPath, Order, Report, Stored};
use smtpserver_core::{Input, Now, Output, Peer, Session, Settings};
use std::sync::Arc;

/// So many deadlines may pass while nothing else happens, before a session that does not end is a finding.
const TICKS_MAX: u32 = 1000;
/// More than this between two answers, reports and replies without new input is a loop.
const OUTPUTS_MAX: u32 = 100_000;

/// Manners that a first octet in its high bits chooses: each parameter stands for a bit.
const MANNERS: [&str; 4] = ["lmtp-mode", "style sloppy", "style strict", "xclient-from 192.0.2.0/24"];
/// The manner of a stream that nobody answers.
const BATCH: u8 = 0b1_0000;

/// The first octet chooses the size of the pieces; the rest is what the client sends, in the manners that the rest's own
/// first octet chooses when it is none that a client would send.
pub fn session(data: &[u8]) {
    let (piece, input) = choice(data);
    let (manners, input) = match input.split_first() {
        Some((manners, rest)) if *manners >= 0x80 => (*manners & 0x7f, rest),
        Some(_) | None => (0, input),
    };
    let whole = World::new(manners).talk([input].into_iter());
    let parts = World::new(manners).talk(pieces(input, piece));
    assert_eq!(
        String::from_utf8_lossy(&whole.said),
        String::from_utf8_lossy(&parts.said),
        "segmentation changed the replies"
    );
    assert_eq!(whole.kept, parts.kept, "segmentation changed what is kept");
}

/// A session with hands that are always quick and never fail.
struct World {
    server: Solo,
    session: Session,
    now: Now,
    said: Vec<u8>,
    draft: Option<Vec<u8>>,
    kept: Vec<Vec<u8>>,
    closed: bool,
}

impl World {
    fn new(manners: u8) -> World {
        let mut settings = Settings::new("mx.local.example");
        settings.policy.local_domains.insert("local.example".to_owned());
        for (bit, line) in MANNERS.iter().enumerate() {
            if manners & (1 << bit) != 0 {
                param::apply(&mut settings, line).expect("a parameter");
            }
        }
        if manners & BATCH != 0 {
            settings.manners.batch = Some(Batch { marked: false, echo: false, unix_lines: false, user: 0 });
        }
        let settings = Arc::new(settings);
        let peer = Arc::new(Peer::new(([192, 0, 2, 7], 40_000).into(), ([192, 0, 2, 1], 25).into()));
        let server = Solo::new(Now::default(), settings.clone(), peer.clone());
        let session = Session::new(settings, server.session(), peer);
        World {
            server,
            session,
            now: Now::default(),
            said: Vec::new(),
            draft: None,
            kept: Vec::new(),
            closed: false,
        }
    }

    fn talk<'a>(mut self, sent: impl Iterator<Item = &'a [u8]>) -> World {
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

    fn bring(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = self.session.poll() else { return };
            assert!(!self.closed, "nothing comes after the end: {output:?}");
            match output {
                Output::Write(octets) => {
                    check_replies(&octets);
                    self.said.extend_from_slice(&octets);
                }
                Output::Ask(ticket, question) => {
                    let answer = self.server.answer(self.now, ticket, question);
                    self.session.handle(self.now, Input::Answered(ticket, answer));
                }
                Output::Inquire(ticket, inquiry) => {
                    let advice = smtpserver_sim::users::advice(&inquiry);
                    self.session.handle(self.now, Input::Advised(ticket, advice));
                }
                Output::Attempt(_) => {}
                Output::Order(order) => {
                    if let Some(report) = self.carry_out(order) {
                        self.session.handle(self.now, Input::Reported(report));
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
