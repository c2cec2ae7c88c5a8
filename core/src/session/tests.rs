//! What needs a clock, a disk or a client that no script can play: the bare session, input by input.

mod logins;
mod manners;
mod moves;
mod tls;

use super::*;
use crate::auth::{Advice, Check, Finding, Inquiry, Means, Nonce};
use crate::limits::BODY_WINDOW;
use crate::now::Wall;
use crate::policy::{Answer, Question, Ticket, judge_load};
use crate::server::Server;
use crate::spool::{Destination, SpoolFault};
use crate::tls::Opening;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A session whose questions are answered at once (or kept back), and all that it put out.
struct Bench {
    session: Session,
    server: Server,
    now: Now,
    said: Vec<u8>,
    orders: Vec<Order>,
    closed: Option<Reason>,
    /// Handshakes that were asked for.
    securing: Vec<Opening>,
    answering: bool,
    asked: usize,
    /// Load of the machine, in hundredths.
    load: Option<u64>,
    writes_max: usize,
    events: Vec<Event>,
    /// Answers what logins claim, or not yet.
    back_end: fn(&Check) -> Option<Finding>,
    means: Means,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Settings)) -> Bench {
        Bench::at(25, change)
    }

    /// At this port of ours.
    fn at(port: u16, change: impl FnOnce(&mut Settings)) -> Bench {
        let mut bench = Bench::unopened(port, change);
        bench.handle(Input::Opened);
        bench
    }

    /// Nothing was brought to it yet.
    fn unopened(port: u16, change: impl FnOnce(&mut Settings)) -> Bench {
        let mut settings = Settings::new("mx.example");
        settings.policy.local_domains.insert("local.example".into());
        change(&mut settings);
        let settings = Arc::new(settings);
        let end = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let peer = Arc::new(Peer::new(end(4000), end(port)));
        let mut server = Server::new(Arc::clone(&settings));
        server.handle(Now::default(), crate::server::Input::Connected(Arc::clone(&peer)));
        let Some(crate::server::Output::Welcome(id)) = server.poll() else { panic!("there is room") };
        Bench {
            session: Session::new(settings, id, peer),
            server,
            now: Now { instant: Instant::from_micros(1_000_000), wall: Wall::from_seconds(0) },
            said: Vec::new(),
            orders: Vec::new(),
            closed: None,
            securing: Vec::new(),
            answering: true,
            asked: 0,
            load: None,
            writes_max: 0,
            events: Vec::new(),
            back_end: |_| None,
            means: Means::default(),
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Write(octets) => {
                    self.writes_max = self.writes_max.max(octets.len());
                    self.said.extend(octets);
                }
                Output::Ask(ticket, question) => {
                    self.asked += 1;
                    // A name is never looked up: what it says is known at once.
                    if self.answering || matches!(question, Question::Hello { .. }) {
                        self.answer(ticket, question);
                    }
                }
                Output::Inquire(ticket, Inquiry::Terms) => {
                    if self.answering {
                        let advice = Advice::Terms(self.means, Nonce::new([7; 18]));
                        self.session.handle(self.now, Input::Advised(ticket, advice));
                    }
                }
                Output::Inquire(ticket, Inquiry::Check { source, check }) => {
                    let id = self.session.id();
                    self.serve(crate::server::Input::Inquired(id, ticket, source, check));
                }
                Output::Inquire(ticket, Inquiry::Certified { source, user }) => {
                    let id = self.session.id();
                    self.serve(crate::server::Input::Certified(id, ticket, source, user));
                }
                Output::Attempt(attempt) => {
                    let id = self.session.id();
                    self.serve(crate::server::Input::Attempted(id, attempt));
                }
                Output::Order(order) => self.orders.push(order),
                Output::Close(reason) => self.closed = Some(reason),
                Output::Event(event) => self.events.push(event),
                Output::Secure(opening) => self.securing.push(opening),
            }
        }
    }

    fn answer(&mut self, ticket: Ticket, question: Question) {
        if let Question::Load { most } = question {
            let answer = Answer { verdict: judge_load(most, self.load) };
            return self.session.handle(self.now, Input::Answered(ticket, answer));
        }
        let id = self.session.id();
        self.serve(crate::server::Input::Asked(id, ticket, question));
    }

    fn serve(&mut self, input: crate::server::Input) {
        let mut inputs = alloc::vec![input];
        while let Some(input) = inputs.pop() {
            self.server.handle(self.now, input);
            while let Some(output) = self.server.poll() {
                match output {
                    crate::server::Output::Answer(_, ticket, answer) => {
                        self.session.handle(self.now, Input::Answered(ticket, answer));
                    }
                    crate::server::Output::Advise(_, ticket, advice) => {
                        self.session.handle(self.now, Input::Advised(ticket, advice));
                    }
                    crate::server::Output::Check(id, ticket, check) => {
                        let found = (self.back_end)(&check);
                        inputs
                            .extend(found.map(|finding| crate::server::Input::Checked(id, ticket, finding)));
                    }
                    crate::server::Output::Welcome(_)
                    | crate::server::Output::Look { .. }
                    | crate::server::Output::Helper(..)
                    | crate::server::Output::HelperNote(..)
                    | crate::server::Output::Reasoned(..)
                    | crate::server::Output::TurnAway(..)
                    | crate::server::Output::Drop(_)
                    | crate::server::Output::Sync(_)
                    | crate::server::Output::Publish(..)
                    | crate::server::Output::Report(..)
                    | crate::server::Output::MeasureSpace => {}
                }
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.handle(Input::Bytes(text.as_bytes()));
    }

    fn pass(&mut self, seconds: u64) {
        self.now.instant = self.now.instant + Duration::from_secs(seconds);
    }

    /// What was said since the last call, and then forgotten.
    fn heard(&mut self) -> String {
        String::from_utf8(core::mem::take(&mut self.said)).expect("ASCII")
    }

    fn open_data(&mut self) {
        self.say("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\n");
        self.say("DATA\r\n");
        assert!(self.heard().ends_with("end with CRLF.CRLF\r\n"));
    }
}

#[test]
fn a_client_that_never_reads_costs_a_bounded_number_of_octets() {
    let mut bench = Bench::new(|_| {});
    let flood = "EHLO c.example\r\n".repeat(1000);
    bench.say(&flood);
    assert!(bench.session.awaits_sent());
    assert_eq!(bench.session.wants_bytes(), 0);
    assert!(bench.said.len() <= REPLY_WINDOW + REPLY_GROUP_MAX, "{} octets", bench.said.len());
    let mut rounds = 0;
    while bench.session.awaits_sent() {
        bench.handle(Input::Sent);
        rounds += 1;
        assert!(rounds < 1000, "the flood ends");
    }
    assert_eq!(
        bench.heard().matches("250 HELP\r\n").count(),
        1000,
        "each command has its reply all the same"
    );
}

#[test]
fn a_client_that_always_talks_does_not_outlive_its_session() {
    let mut bench = Bench::new(|settings| settings.timeouts.session = Duration::from_secs(60));
    bench.say("NOOP\r\n");
    bench.pass(61);
    bench.say("NOOP\r\n");
    assert_eq!(bench.closed, Some(Reason::TimedOut));
    assert!(bench.heard().contains("421 4.4.2"));
}

#[test]
fn the_spool_has_its_time_from_when_it_fell_behind() {
    let mut bench = Bench::new(|settings| settings.timeouts.store = Duration::from_secs(10));
    bench.open_data();
    // A message that comes slowly for longer than the spool may be behind.
    for _ in 0..20 {
        bench.pass(1);
        bench.say(&"a line of text\r\n".repeat(100));
    }
    bench.say(&"x".repeat(BODY_WINDOW + 1));
    assert_eq!(bench.session.wants_bytes(), 0, "the window is full");
    assert_eq!(bench.session.deadline(), Some(bench.now.instant + Duration::from_secs(10)));
    bench.pass(9);
    bench.handle(Input::Tick);
    bench.handle(Input::Reported(Report::Room(BODY_WINDOW)));
    assert!(bench.session.wants_bytes() > 0);
    assert_eq!(bench.closed, None);
    bench.say(&"x".repeat(2 * BODY_WINDOW));
    bench.pass(10);
    bench.handle(Input::Tick);
    assert_eq!(bench.closed, Some(Reason::Trouble), "a spool that is stuck ends the session");
}

#[test]
fn a_message_between_its_chunks_is_finished_before_the_server_stops() {
    let mut bench = Bench::new(|_| {});
    bench.say("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nBDAT 3\r\na\r\n");
    bench.handle(Input::ShuttingDown);
    assert_eq!(bench.closed, None);
    bench.say("BDAT 3 LAST\r\nb\r\n");
    assert!(matches!(bench.orders.last(), Some(Order::Commit(_))));
    bench.handle(Input::Reported(Report::Committed(crate::spool::Stored {
        inode: 1,
        mtime_seconds: 0,
        mtime_nanos: 0,
    })));
    let heard = bench.heard();
    assert!(heard.contains("250 2.0.0 message accepted"), "{heard}");
    assert!(heard.ends_with("421 4.3.2 server is stopping, closing connection\r\n"), "{heard}");
    assert_eq!(bench.closed, Some(Reason::ShuttingDown));
}

#[test]
fn a_draft_lost_while_its_content_is_asked_about_is_refused_and_nothing_is_committed() {
    let mut bench = Bench::new(|_| {});
    bench.open_data();
    bench.answering = false;
    let asked = bench.asked;
    bench.say("text\r\n.\r\n");
    assert_eq!(bench.asked, asked + 1);
    bench.handle(Input::Reported(Report::Failed(SpoolFault::Full)));
    assert!(bench.heard().starts_with("452 4.3.1"));
    assert_eq!(bench.closed, None);
    assert!(!bench.orders.contains(&Order::Commit(Destination::Router)));
}

#[test]
fn a_report_that_never_comes_gets_neither_yes_nor_no() {
    let mut bench = Bench::new(|settings| settings.timeouts.store = Duration::from_secs(10));
    bench.open_data();
    bench.say("text\r\n.\r\n");
    assert_eq!(bench.orders.last(), Some(&Order::Commit(Destination::Router)));
    bench.pass(10);
    bench.handle(Input::Tick);
    assert_eq!(bench.closed, Some(Reason::Trouble));
    assert_eq!(bench.heard(), "");
}

#[test]
fn disk_and_filter_together_take_no_longer_than_a_client_waits() {
    let mut bench = Bench::new(|settings| {
        settings.timeouts.store = Duration::from_secs(540);
        settings.helpers.filter = Some("/filter".into());
    });
    bench.open_data();
    bench.answering = false;
    bench.say("text\r\n.\r\n");
    let began = bench.now.instant;
    let left = |bench: &Bench| bench.session.deadline().map(|deadline| deadline.since(began).as_secs());
    assert_eq!(bench.orders.last(), Some(&Order::Show));
    assert_eq!(left(&bench), Some(240));
    bench.pass(239);
    bench.handle(Input::Reported(Report::Shown(crate::spool::DraftPath::new("public/1").expect("fit"))));
    assert_eq!(left(&bench), Some(439));
    bench.pass(199);
    let kept = crate::subserver::filter::Sentence {
        fate: crate::subserver::filter::Fate::Kept,
        words: crate::reply::Words::default(),
    };
    let ticket = Ticket(bench.session.next_ticket);
    bench.handle(Input::Answered(ticket, Answer { verdict: crate::policy::Verdict::Judged(kept.into()) }));
    assert_eq!(bench.orders.last(), Some(&Order::Commit(Destination::Router)));
    assert_eq!(left(&bench), Some(570));
}

#[test]
fn reports_and_answers_that_nobody_waits_for_change_nothing() {
    let mut bench = Bench::new(|_| {});
    bench.say("EHLO c.example\r\n");
    bench.heard();
    let stored = crate::spool::Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 0 };
    for report in [Report::Committed(stored), Report::Failed(SpoolFault::Full), Report::Room(1_000_000)] {
        bench.handle(Input::Reported(report));
    }
    let late = Answer { verdict: crate::policy::Verdict::Accept };
    bench.handle(Input::Answered(Ticket(1), late));
    assert_eq!(bench.heard(), "");
    assert_eq!(bench.closed, None);
}
