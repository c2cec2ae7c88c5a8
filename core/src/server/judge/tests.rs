//! The judge with sessions in front of it and a small world of names behind it: the worked sample of the policy language
//! as clients see it, and what happens when the world is late, silent or talks nonsense.

use super::*;
use crate::config::param;
use crate::dns::fake::World as Zone;
use crate::now::{Duration, Wall};
use crate::policy::evaluate::SAMPLE;
use crate::policy::{Role, SourceFile, compile};
use crate::server::{self, Server};
use crate::spool::{Destination, Order};
use crate::{Event, Input, Output, Session};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

const NAMES: &str = "ok.example MX 10 mx.ok.example
    mx.ok.example A 198.51.100.99
    other.example MX 10 mx.other.example
    mx.other.example A 198.51.100.98
    tmp.example SERVFAIL
    mxhere.example MX 10 here.mxhere.example
    here.mxhere.example A 192.0.2.1
    5.5.18.198.bl.example.net A 127.0.0.2
    5.5.18.198.bl.example.net TXT listed";

/// A session with the judge behind it.
struct Bench {
    server: Server,
    session: Session,
    zone: Zone,
    now: Now,
    said: Vec<u8>,
    orders: Vec<Order>,
    events: Vec<Event>,
    /// What is being looked up, while nobody answers.
    looking: Vec<(LookUp, dns::Question)>,
    answering: bool,
}

fn settings(policy: &str, params: &[&str]) -> Arc<Settings> {
    let mut settings = Settings::new("mx.home.example");
    let file = SourceFile { role: Role::Source, name: "p", text: policy.as_bytes() };
    settings.rules = Some(Arc::new(compile(&[file]).expect("a policy").rules));
    settings.own_addresses = Arc::new([IpAddr::from([192, 0, 2, 1])].into());
    for line in params {
        param::apply(&mut settings, line).expect("a parameter");
    }
    Arc::new(settings)
}

impl Bench {
    fn new(settings: Arc<Settings>, names: &str, client: &str, answering: bool) -> Bench {
        let client: IpAddr = client.parse().expect("an address");
        let local = SocketAddr::from(([192, 0, 2, 1], 25));
        let peer = Arc::new(Peer::new(SocketAddr::new(client, 40_000), local));
        let now = Now { instant: Instant::from_micros(1_000_000), wall: Wall::from_seconds(0) };
        let mut server = Server::new(settings.clone());
        server.handle(now, server::Input::Connected(peer.clone()));
        let Some(server::Output::Welcome(id)) = server.poll() else { panic!("there is room") };
        let mut bench = Bench {
            server,
            session: Session::new(settings, id, peer),
            zone: Zone::parse(names),
            now,
            said: Vec::new(),
            orders: Vec::new(),
            events: Vec::new(),
            looking: Vec::new(),
            answering,
        };
        bench.handle(Input::Opened);
        bench
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Write(octets) => self.said.extend(octets),
                Output::Ask(ticket, question) => {
                    self.tell(server::Input::Asked(self.session.id(), ticket, question));
                }
                Output::Order(order) => self.orders.push(order),
                Output::Event(event) => self.events.push(event),
                Output::Close(_) | Output::Secure(_) | Output::Inquire(..) | Output::Attempt(_) => {}
            }
        }
    }

    /// Tells the server something, and its session what the server says.
    fn tell(&mut self, input: server::Input) {
        let mut inputs = alloc::vec![input];
        while let Some(input) = inputs.pop() {
            self.server.handle(self.now, input);
            while let Some(output) = self.server.poll() {
                if let server::Output::Look { look_up, question, until } = output {
                    assert!(until > self.now.instant && until <= self.now.instant + LOOK_UP_TIME_MAX);
                    if self.answering {
                        let answer = self.zone.answer(&question);
                        inputs.push(server::Input::Looked(look_up, answer));
                    } else {
                        self.looking.push((look_up, question));
                    }
                } else if let server::Output::Answer(_, ticket, answer) = output {
                    self.session.handle(self.now, Input::Answered(ticket, answer));
                }
            }
        }
    }

    /// Says a line and gives the reply to it, the last line of it.
    fn say(&mut self, line: &str) -> String {
        self.said.clear();
        self.handle(Input::Bytes(format!("{line}\r\n").as_bytes()));
        self.last()
    }

    fn last(&self) -> String {
        let said = String::from_utf8(self.said.clone()).expect("ASCII");
        said.trim_end().rsplit("\r\n").next().unwrap_or_default().to_string()
    }

    fn place(&self) -> Option<Destination> {
        self.orders
            .iter()
            .find_map(|order| if let Order::Commit(place) = order { Some(*place) } else { None })
    }
}

/// How far a client comes: the reply that stops it, or where its message goes.
fn probe(client: &str, from: &str, to: &str) -> String {
    let mut bench = Bench::new(settings(SAMPLE, &[]), NAMES, client, true);
    let greeting = bench.last();
    if !greeting.starts_with("220") {
        return greeting;
    }
    assert!(bench.say("EHLO client.invalid").starts_with("250 "));
    for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>")] {
        let reply = bench.say(&line);
        if !reply.starts_with("250") {
            return reply;
        }
    }
    assert!(bench.say("DATA").starts_with("354"));
    bench.say("Subject: x\r\n\r\nhello\r\n.");
    format!("{:?}", bench.place().expect("committed"))
}

#[test]
fn the_worked_sample_holds_through_a_session() {
    let no_domain = "553 5.4.3 MAIL: the domain of the sender does not exist, or takes no mail";
    let no_exchanger =
        "550 5.7.1 RCPT: mail for this recipient is not relayed here, we are no mail exchanger of its domain";
    for (number, client, from, to, wanted) in [
        (1, "192.0.2.10", "a@ok.example", "x@other.example", "Router"),
        (
            2,
            "192.0.2.10",
            "a@ok.example",
            "x@nodns.example",
            "550 5.4.3 RCPT: the domain of the recipient does not exist, or takes no mail",
        ),
        (3, "192.0.2.10", "a@nodns.example", "x@other.example", no_domain),
        (
            4,
            "192.0.2.10",
            "a@tmp.example",
            "x@other.example",
            "450 4.4.3 the domain name system gave no answer, try again later",
        ),
        (5, "192.0.2.66", "a@ok.example", "x@other.example", "554 5.7.1 Host quarantined"),
        (6, "198.51.100.7", "a@nodns.example", "x@evil.example", "Router"),
        (7, "203.0.113.5", "a@nodns.example", "u@home.example", "Freezer(1)"),
        (8, "203.0.113.200", "a@nodns.example", "x@other.example", no_domain),
        (9, "203.0.113.200", "a@ok.example", "x@other.example", "Router"),
        (10, "198.18.5.5", "a@ok.example", "u@home.example", "550 5.7.1 listed"),
        (11, "198.18.5.5", "a@ok.example", "u@norbl.example", "Router"),
        (12, "198.18.5.5", "a@ok.example", "postmaster@home.example", "Router"),
        (13, "198.18.7.7", "spammer@ok.example", "u@home.example", "553 5.7.1 Sender refused"),
        (14, "198.18.7.7", "boss@evil.example", "u@client.example", "Router"),
        (15, "198.18.7.7", "", "x@mxhere.example", "Router"),
        (16, "198.18.7.7", "", "x@other.example", no_exchanger),
        (17, "198.18.7.7", "a@ok.example", "x%other.example@home.example", no_exchanger),
        (18, "198.18.7.7", "a@ok.example", "held@home.example", "Freezer(1)"),
        (19, "2001:db8:1::5", "a@ok.example", "x@other.example", "Router"),
        (20, "2001:db8:2::5", "a@ok.example", "u@home.example", "Router"),
    ] {
        assert_eq!(probe(client, from, to), wanted, "{number}");
    }
}

#[test]
fn an_unwelcome_client_may_only_quit() {
    let mut bench = Bench::new(settings(SAMPLE, &[]), NAMES, "192.0.2.66", true);
    for line in ["EHLO x.example", "MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA", "RSET", "NOOP"] {
        assert!(bench.say(line).starts_with("503 5.5.1"), "{line}: {}", bench.last());
    }
    assert!(bench.say("BDAT 6 LAST\r\nQUIT").starts_with("503"), "{}", bench.last());
    assert!(bench.say("QUIT").starts_with("221"));
}

#[test]
fn size_and_newlines_are_as_the_rules_say() {
    let policy = ". relaytarget +\n[192.0.2.0]/24 maxinsize 1000 bare-newline normalize\n";
    let mut bench = Bench::new(settings(policy, &["maxsize 5000"]), "", "192.0.2.7", true);
    bench.say("EHLO x.example");
    assert!(String::from_utf8_lossy(&bench.said).contains("250-SIZE 1000\r\n"));
    assert!(bench.say("MAIL FROM:<a@b.example> SIZE=1001").starts_with("552 5.3.4"));
    bench.say("MAIL FROM:<a@b.example>");
    bench.say("RCPT TO:<c@d.example>");
    bench.say("DATA");
    bench.say("one\ntwo\r\n.");
    assert_eq!(bench.place(), Some(Destination::Router));
    let mut bench = Bench::new(settings(policy, &["maxsize 500"]), "", "192.0.2.7", true);
    bench.say("EHLO x.example");
    assert!(String::from_utf8_lossy(&bench.said).contains("250-SIZE 500\r\n"));
}

#[test]
fn a_name_can_take_away_and_shows_at_mail() {
    let policy = ". relaytarget +\n.dialup.example message \"no dial-up\" rejectnet +\n";
    let names = "7.2.0.192.in-addr.arpa PTR host.dialup.example\nhost.dialup.example A 192.0.2.7
        8.2.0.192.in-addr.arpa PTR host.dialup.example";
    let mut bench = Bench::new(settings(policy, &[]), names, "192.0.2.7", true);
    bench.say("HELO x.example");
    assert_eq!(bench.say("MAIL FROM:<>"), "550 5.7.1 no dial-up");
    // A name that does not lead back is nobody's.
    let mut bench = Bench::new(settings(policy, &[]), names, "192.0.2.8", true);
    bench.say("HELO x.example");
    assert!(bench.say("MAIL FROM:<>").starts_with("250"));
    bench.say("RSET");
    assert!(bench.say("HELO evil.dialup.example").starts_with("250"));
    assert_eq!(bench.say("MAIL FROM:<>"), "550 5.7.1 no dial-up");
}

#[test]
fn rules_without_names_ask_nobody_for_names() {
    let mut bench = Bench::new(settings(". relaytarget +\n", &[]), "", "192.0.2.7", false);
    assert!(bench.looking.is_empty() && bench.last().starts_with("220"));
    bench.say("HELO x");
    assert!(bench.say("MAIL FROM:<a@b.example>").starts_with("250"));
    assert!(bench.say("RCPT TO:<c@d.example>").starts_with("250"));
    assert!(bench.looking.is_empty());
}

#[test]
fn messages_and_recipients_are_limited_within_the_hour() {
    let policy = ". relaytarget +\n[192.0.2.0]/24 ratelimitmsgs 2,3\n[198.18.0.0]/16 ratelimitmsgs -1\n";
    let mut bench = Bench::new(settings(policy, &[]), "", "192.0.2.7", true);
    bench.say("HELO x");
    assert!(bench.say("MAIL FROM:<a@b.example>").starts_with("250"));
    for _ in 0..3 {
        assert!(bench.say("RCPT TO:<c@d.example>").starts_with("250"));
    }
    let reply = bench.say("RCPT TO:<c@d.example>");
    assert!(
        reply.starts_with("450 4.7.1 RCPT: too many recipients within the hour, retry after "),
        "{reply}"
    );
    bench.say("RSET");
    assert!(bench.say("MAIL FROM:<a@b.example>").starts_with("250"));
    bench.say("RSET");
    assert!(bench.say("MAIL FROM:<a@b.example>").starts_with("450 4.7.1 MAIL: too many messages"));
    bench.now.instant = bench.now.instant + Duration::from_secs(9 * 450);
    bench.handle(Input::Tick);
    let mut bench = Bench::new(settings(policy, &[]), "", "198.18.0.1", true);
    bench.say("HELO x");
    assert!(bench.say("MAIL FROM:<>").starts_with("550 5.7.1 MAIL: no messages"), "{}", bench.last());
}

#[test]
fn a_refusal_shows_a_token_and_the_log_tells_what_led_to_it() {
    let mut bench = Bench::new(settings(SAMPLE, &["explain-token"]), NAMES, "198.18.7.7", true);
    bench.say("EHLO x.example");
    let reply = bench.say("MAIL FROM:<spammer@ok.example>");
    let token = reply.strip_prefix("553 5.7.1 Sender refused [").and_then(|rest| rest.strip_suffix(']'));
    let token = token.unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(token.len(), 8);
    let told = bench.events.iter().find_map(|event| {
        if let Event::Explained { token, chain } = event {
            return Some((token.clone(), chain.join("\n")));
        }
        None
    });
    let (shown, chain) = told.expect("told");
    assert_eq!(shown, token);
    assert!(chain.contains("spammer@ (p:22) = _bad (p:9) rejectsource +"), "{chain}");
    let begin = "refused: MAIL FROM:<spammer@ok.example>\naddress: the key is [0.0.0.0]/0 (p:2)";
    assert!(chain.starts_with(begin), "{chain}");
}

#[test]
fn spf_is_asked_and_traced() {
    let policy = ". relaytarget +\n[0.0.0.0]/0 spf +\n";
    let names = "bad.example TXT v=spf1 ip4:198.51.100.0/24 -all exp=why.bad.example
        why.bad.example TXT not %{i}
        good.example TXT v=spf1 ip4:192.0.2.0/24 -all
        slow.example TIMEOUT";
    let params = ["spf-threshold softfail", "spf-received"];
    let mut bench = Bench::new(settings(policy, &params), names, "192.0.2.7", true);
    bench.say("EHLO x.example");
    let reply = bench.say("MAIL FROM:<a@bad.example>");
    assert_eq!(reply, "550 5.7.23 SPF fail, bad.example explains: not 192.0.2.7");
    assert!(bench.say("MAIL FROM:<a@slow.example>").starts_with("250"), "what is not known refuses nobody");
    bench.say("RSET");
    bench.say("MAIL FROM:<a@good.example>");
    bench.say("RCPT TO:<c@d.example>");
    bench.say("DATA");
    let appended: Vec<u8> = bench
        .orders
        .iter()
        .flat_map(|order| if let Order::Append(octets) = order { octets.clone() } else { Vec::new() })
        .collect();
    let appended = String::from_utf8(appended).expect("ASCII");
    assert!(appended.contains("env-end\nReceived-SPF: pass ("), "{appended}");
}

#[test]
fn who_logged_in_may_send_to_anybody_and_is_counted_by_name() {
    let policy = ". acceptifmx -\n[0.0.0.0]/0 ratelimitmsgs 1\n";
    let mut bench = Bench::new(settings(policy, &[]), "", "192.0.2.7", true);
    bench.say("EHLO x.example");
    let case = bench.server.judge.cases.get_mut(&bench.session.id());
    case.expect("a case").change(|client| client.login("ann"));
    assert!(bench.say("MAIL FROM:<a@b.example>").starts_with("250"));
    assert!(bench.say("RCPT TO:<x@far.example>").starts_with("250"));
    bench.say("RSET");
    assert!(bench.say("MAIL FROM:<a@b.example>").starts_with("450"));
    let now = bench.now.instant;
    let mut count = |key| bench.server.rates_mut().report(key, now).messages[0];
    assert_eq!(count(crate::server::rate_window::Key::user("ann")), 1);
}

#[test]
fn late_and_repeated_answers_are_dropped_and_whoever_leaves_takes_all_with_it() {
    let mut bench = Bench::new(settings(SAMPLE, &[]), NAMES, "192.0.2.10", false);
    // Relays are on no list, but the name of their address is asked for.
    let (look_up, question) = bench.looking.remove(0);
    assert_eq!(question.to_string(), "10.2.0.192.in-addr.arpa PTR");
    bench.tell(server::Input::Looked(look_up, dns::Answer::NoName));
    bench.drain();
    assert!(bench.last().starts_with("220"));
    bench.say("HELO x");
    assert_eq!(bench.say("MAIL FROM:<a@ok.example>"), "");
    assert_eq!(bench.server.waiting(), 1);
    bench.tell(server::Input::Looked(look_up, dns::Answer::NoName));
    assert_eq!(bench.server.waiting(), 1, "a repeated answer is nobody's");
    let (mx, question) = bench.looking.remove(0);
    assert_eq!(question.to_string(), "ok.example MX");
    // The session gives up; the server is not told, and asked something else.
    bench.now.instant = bench.session.deadline().expect("it waits");
    bench.handle(Input::Tick);
    assert!(bench.last().starts_with("451 4.3.0"), "{}", bench.last());
    assert_eq!(bench.say("MAIL FROM:<a@tmp.example>"), "");
    let answer = bench.zone.answer(&question);
    bench.tell(server::Input::Looked(mx, answer));
    assert_eq!((bench.server.waiting(), bench.looking.len()), (1, 1));
    bench.tell(server::Input::Disconnected(bench.session.id()));
    assert_eq!(bench.server.waiting(), 0);
    let (last, _) = bench.looking.remove(0);
    bench.tell(server::Input::Looked(last, dns::Answer::NoName));
    assert!(bench.looking.is_empty() && bench.server.waiting() == 0);
}

#[test]
fn a_slow_world_is_trouble_before_the_session_is_out_of_patience() {
    let mut bench = Bench::new(settings(SAMPLE, &[]), NAMES, "192.0.2.10", false);
    let slow = |bench: &mut Bench| {
        while let Some((look_up, _)) = bench.looking.pop() {
            bench.now.instant = bench.now.instant + LOOK_UP_TIME_MAX;
            bench.tell(server::Input::Looked(look_up, dns::Answer::Trouble(dns::Trouble::Timeout)));
            bench.drain();
        }
    };
    slow(&mut bench);
    bench.say("HELO x");
    bench.say("MAIL FROM:<a@ok.example>");
    slow(&mut bench);
    assert!(bench.last().starts_with("450 4.4.3"), "{}", bench.last());
    // Exchanges by the dozen, each of which takes its time.
    let policy = ". acceptifmx -\n";
    let names: String = (0..10).map(|n| format!("many.example MX {n} mx{n}.many.example\n")).collect();
    let mut bench = Bench::new(settings(policy, &[]), &names, "192.0.2.10", false);
    bench.say("HELO x");
    assert!(bench.say("MAIL FROM:<>").starts_with("250"));
    assert_eq!(bench.say("RCPT TO:<x@many.example>"), "");
    let began = bench.now.instant;
    let (look_up, question) = bench.looking.remove(0);
    let answer = bench.zone.answer(&question);
    bench.tell(server::Input::Looked(look_up, answer));
    slow(&mut bench);
    assert!(bench.last().starts_with("450 4.4.3"), "{}", bench.last());
    assert!(bench.now.instant.since(began) <= JUDGEMENT_TIME_MAX);
}
