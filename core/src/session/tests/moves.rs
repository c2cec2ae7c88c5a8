//! The table of moves, `state.moves`, against the machine: sessions that walk at random through everything that can
//! happen to them make every move of the table, and no other.

use super::*;
use crate::config::manners::Batch;
use crate::policy::Verdict;
use crate::policy::evaluate::Why;
use crate::reply::Words;
use crate::server::tarpit::TarpitRule;
use crate::spool::{DraftPath, Stored};
use crate::subserver::milter::{Change, Outcome};
use crate::tls::HandshakeFault;
use alloc::collections::BTreeSet;
use core::fmt::Write;

/// So many that nearly nothing new is seen by ten times as many.
const WALKS: u64 = 60_000;

/// What is agreed upon.
const TABLE: &str = include_str!("../state.moves");

/// From where, by what, to where.
type Move = (&'static str, &'static str, &'static str);

/// Everything that a client may say where a command is awaited, and what the table calls it.
const LINES: [(&str, &str); 18] = [
    ("HELO c.example\r\n", "HELO"),
    ("EHLO c.example\r\n", "HELO"),
    ("MAIL FROM:<a@c.example>\r\n", "MAIL"),
    ("MAIL FROM:<a@c.example> SIZE=900000000\r\n", "MAIL"),
    ("RCPT TO:<b@local.example>\r\n", "RCPT"),
    ("RCPT TO:<b@elsewhere.example>\r\n", "RCPT"),
    ("DATA\r\n", "DATA"),
    ("BDAT 4\r\n", "BDAT"),
    ("BDAT 0\r\n", "BDAT"),
    ("BDAT 4 LAST\r\n", "BDAT LAST"),
    ("BDAT 0 LAST\r\n", "BDAT LAST"),
    ("RSET\r\n", "RSET"),
    ("NOOP\r\n", "NOOP"),
    ("STARTTLS\r\n", "STARTTLS"),
    ("XYZZY\r\n", "other"),
    ("QUIT\r\n", "QUIT"),
    ("NOOP\rNOOP", "broken"),
    ("AUTH LOGIN\r\n", "AUTH"),
];

/// What a client may say in a login: `ann`, nothing at all, and what is no line.
const LOGIN: [&str; 4] = ["YW5u\r\n", "*\r\n", "\r\n", "YW5u\rYW5u"];

/// What leads on to a message: said every other time, or walks would rarely come that far.
const ONWARD: [usize; 6] = [1, 2, 4, 7, 7, 8];

/// What is no command.
const BABBLE: [usize; 2] = [14, 16];

/// What a client may send of a message or a chunk.
const TEXTS: [&str; 5] = ["..\r\n", "text\r\n", "a\nb\r\n", "\r\n.\r\n", ".\r\n"];

/// What a session wants to know.
enum Asked {
    Question(Question),
    Inquiry(Inquiry),
}

/// A walk: a session, chance, and what it was asked last.
struct Walk {
    bench: Bench,
    chance: u64,
    question: Option<(Ticket, Asked)>,
    closed: bool,
    stopping: bool,
    /// Much of what the client says is no command.
    babbles: bool,
}

impl Walk {
    /// What a session may do depends on its settings: each walk has others.
    fn new(number: u64) -> Walk {
        let ports = [25, 465];
        let bench = Bench::unopened(ports[usize::from(number.is_multiple_of(3))], |settings| {
            settings.tls.offered = !number.is_multiple_of(4);
            settings.tls.outlook_bug = number.is_multiple_of(3);
            settings.tls.first = number.is_multiple_of(5);
            settings.auth.offered = !number.is_multiple_of(5);
            settings.auth.without_tls = !number.is_multiple_of(3);
            if number.is_multiple_of(2) {
                settings.tarpit = TarpitRule::parse("1 0.1 10").expect("a rule");
            }
            if number.is_multiple_of(7) {
                settings.manners.greet_pause = Duration::from_secs(2);
            }
            if number.is_multiple_of(5) {
                settings.helpers.filter = Some("/bin/filter".into());
                settings.helpers.milters.push(crate::subserver::Address::Unix("/milter".into()));
            }
            if number.is_multiple_of(11) {
                let batch = Batch { marked: false, echo: false, unix_lines: false, user: 7 };
                settings.manners.batch = Some(batch);
            }
        });
        let chance = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Walk { bench, chance, question: None, closed: false, stopping: false, babbles: number % 4 == 1 }
    }

    /// One of so many numbers, from 0 (xorshift).
    fn pick(&mut self, among: usize) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        usize::try_from(self.chance >> 33).expect("31 bits") % among
    }

    /// Walks to the end, or until it was long enough.
    fn walk(mut self, seen: &mut BTreeSet<Move>) {
        for step in 0..60 {
            let from = self.bench.session.state.name();
            let by = if step == 0 { self.bring("opening", Input::Opened) } else { self.happen() };
            let to = self.bench.session.state.name();
            // A session that was told to stop goes after whatever comes next.
            let by = if to == "closing" && self.stopping { "stop" } else { by };
            if from != to {
                seen.insert((from, by, to));
            }
            if self.closed {
                return;
            }
        }
    }

    /// Lets something happen, and says what it was.
    fn happen(&mut self) -> &'static str {
        if self.bench.session.awaits_sent() {
            return self.bring("sent", Input::Sent);
        }
        match self.pick(80) {
            0 => return self.bring("end", Input::PeerClosed),
            1 => {
                self.stopping = true;
                return self.bring("stop", Input::ShuttingDown);
            }
            2 | 3 => return self.tick(),
            _ => {}
        }
        match &self.bench.session.state {
            State::Asking { .. } => self.answer(),
            State::Showing(_) => {
                let path = DraftPath::new("public/7").expect("short");
                let report =
                    if self.pick(3) == 0 { Report::Failed(SpoolFault::Broken) } else { Report::Shown(path) };
                self.bring("report", Input::Reported(report))
            }
            State::Storing(_) => {
                let stored = Stored { inode: 7, mtime_seconds: 1_700_000_000, mtime_nanos: 0 };
                let report = if self.pick(3) == 0 {
                    Report::Failed(SpoolFault::Broken)
                } else {
                    Report::Committed(stored)
                };
                self.bring("report", Input::Reported(report))
            }
            State::Securing { .. } => match self.pick(4) {
                0 => self.bring("no TLS", Input::Unsecured(HandshakeFault::Unavailable)),
                _ => self.bring("TLS", Input::Secured(super::tls::facts(None))),
            },
            State::Paused { .. } | State::Greeting | State::Closing | State::Moving => self.tick(),
            State::Early { .. } | State::Turning(_) => {
                let octets: [&[u8]; 2] = [&[22, 3, 1], b"EHLO c.example\r\n"];
                let which = self.pick(2);
                self.bring("octets", Input::Bytes(octets[which]))
            }
            State::Login(_) => {
                let which = self.pick(LOGIN.len());
                self.bring("line", Input::Bytes(LOGIN[which].as_bytes()))
            }
            State::Receiving(_) | State::InChunk(..) | State::Swallowing(_) | State::Unwanted(_) => {
                let which = self.pick(TEXTS.len());
                self.bring("octets", Input::Bytes(TEXTS[which].as_bytes()))
            }
            State::Unwelcome
            | State::Hush { .. }
            | State::Ready(_)
            | State::Opened(_)
            | State::Addressed(_)
            | State::Chunking(_)
            | State::ChunksRefused(..)
            | State::Skipping { .. } => {
                let onward = self.pick(2) == 0;
                let babbles = self.babbles && self.pick(2) == 0;
                let which = if babbles {
                    BABBLE[self.pick(BABBLE.len())]
                } else if onward {
                    ONWARD[self.pick(ONWARD.len())]
                } else {
                    self.pick(LINES.len())
                };
                let (line, name) = LINES[which];
                let listens =
                    !matches!(self.bench.session.state, State::Hush { .. } | State::Skipping { .. });
                self.bring(if listens { name } else { "octets" }, Input::Bytes(line.as_bytes()))
            }
        }
    }

    /// The time comes that the session waits for.
    fn tick(&mut self) -> &'static str {
        if let Some(deadline) = self.bench.session.deadline() {
            self.bench.now.instant = self.bench.now.instant.max(deadline);
        }
        self.bring("time", Input::Tick)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is waited for")]
    fn answer(&mut self) -> &'static str {
        let (ticket, asked) = self.question.take().expect("it was asked");
        let question = match asked {
            Asked::Question(question) => question,
            Asked::Inquiry(Inquiry::Terms) => {
                let means = Means { passwords: true, ..Means::default() };
                let advice = Advice::Terms(means, Nonce::new([7; 18]));
                return self.bring("answer", Input::Advised(ticket, advice));
            }
            Asked::Inquiry(Inquiry::Check { .. } | Inquiry::Certified { .. }) => {
                let finding = [Finding::Right, Finding::Wrong, Finding::Trouble][self.pick(3)].clone();
                return self.bring("answer", Input::Advised(ticket, Advice::Found(finding)));
            }
        };
        if let Question::Milter(_) = question {
            let outcome = match self.pick(4) {
                0 => Outcome::Discarded,
                1 => Outcome::Refused(Words::refusing_for_now("")),
                2 => Outcome::Taken(Vec::from([Change::Quarantine])),
                _ => Outcome::Taken(Vec::from([Change::AddField("X".into(), "y".into())])),
            };
            let verdict = Verdict::Milted(Box::new(outcome));
            return self.bring("answer", Input::Answered(ticket, Answer { verdict }));
        }
        let connects = matches!(question, Question::Connect);
        let (id, now) = (self.bench.session.id(), self.bench.now);
        self.bench.server.handle(now, crate::server::Input::Asked(id, ticket, question));
        let mut answer = None;
        while let Some(output) = self.bench.server.poll() {
            match output {
                crate::server::Output::Answer(_, _, verdict) => answer = Some(verdict),
                crate::server::Output::Look { look_up, .. } => {
                    let trouble = crate::dns::Answer::Trouble(crate::dns::Trouble::Unreachable);
                    self.bench.server.handle(now, crate::server::Input::Looked(look_up, trouble));
                }
                _ => {}
            }
        }
        let verdict = match self.pick(6) {
            0 => Verdict::Busy,
            1 if connects => Verdict::TurnAway,
            2 if connects => Verdict::refuse(Why::Client),
            _ => answer.expect("whatever is asked is answered at once").verdict,
        };
        self.bring("answer", Input::Answered(ticket, Answer { verdict }))
    }

    fn bring(&mut self, name: &'static str, input: Input<'_>) -> &'static str {
        self.bench.session.handle(self.bench.now, input);
        while let Some(output) = self.bench.session.poll() {
            match output {
                Output::Ask(ticket, question) => {
                    self.question = Some((ticket, Asked::Question(question)));
                }
                Output::Inquire(ticket, inquiry) => {
                    self.question = Some((ticket, Asked::Inquiry(inquiry)));
                }
                Output::Close(_) => self.closed = true,
                Output::Write(_)
                | Output::Attempt(_)
                | Output::Order(_)
                | Output::Secure(_)
                | Output::Event(_) => {}
            }
        }
        name
    }
}

#[test]
fn sessions_make_every_move_of_the_table_and_no_other() {
    let mut seen = BTreeSet::new();
    for number in 0..WALKS {
        Walk::new(number).walk(&mut seen);
    }
    let rows = seen.iter().fold(String::new(), |mut rows, (from, by, to)| {
        writeln!(rows, "{from:<14}  {by:<9}  {to}").expect("a string takes it");
        rows
    });
    let rows: Vec<&str> = rows.lines().collect();
    let table: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(
        rows == table,
        "state.moves is not what sessions do; `cargo xtask states` writes it anew from\nBEGIN MOVES\n{}\nEND MOVES",
        rows.join("\n")
    );
}
