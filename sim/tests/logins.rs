//! Many clients log in at many moments, from few sources, over a back end that is slow, silent, repeats itself or lies;
//! and all that they are told is as a naive model has it: a list of failures, and a look through it.

use smtpserver_core::auth::{Advice, Attempt, Check, Finding, Inquiry, LoggedIn, Nonce};
use smtpserver_core::policy::Ticket;
use smtpserver_core::server::{Input as ServerInput, Output as ServerOutput, Server};
use smtpserver_core::{
    Duration, Event, Input, Instant, Now, Output, Peer, Session, SessionId, Settings, Wall,
};
use smtpserver_sim::dice::{Dice, Purpose};
use smtpserver_sim::users;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const LIMIT: u32 = 5;
const SLOT: u64 = 450;

/// What a client says, whether a back end decides on it, and who it claims to be.
const LINES: [(&str, bool, &str); 6] = [
    ("AUTH PLAIN AGFubgBwZW5jaWw=\r\n", true, "ann"),
    ("AUTH PLAIN AGFubgBjcmF5b24=\r\n", true, "ann"),
    ("AUTH PLAIN AEFOTgBwZW5jaWw=\r\n", true, "ANN"),
    ("AUTH PLAIN AGJvYgBjcmF5b24=\r\n", true, "bob"),
    ("AUTH CRAM-MD5\r\n", false, ""),
    ("AUTH PLAIN\r\n*\r\n", false, ""),
];

/// All failures so far: when, from where, of whom.
#[derive(Default)]
struct Naive(Vec<(u64, IpAddr, Option<String>)>);

impl Naive {
    fn counts(&self, now: u64, of: impl Fn(IpAddr, Option<&str>) -> bool) -> usize {
        let lives = |at: u64| at / SLOT + 8 >= now / SLOT;
        self.0.iter().filter(|(at, source, user)| lives(*at) && of(*source, user.as_deref())).count()
    }

    fn is_over(&self, now: u64, source: IpAddr, user: &str) -> bool {
        let limit = usize::try_from(LIMIT).expect("small");
        self.counts(now, |from, _| from == source) > limit
            || self.counts(now, |_, of| of == Some(&user.to_ascii_lowercase())) > limit
    }
}

/// A client, the server, and the last question to the back end.
struct World {
    server: Server,
    now: Now,
    settings: Arc<Settings>,
    peer: Arc<Peer>,
    session: Session,
    id: SessionId,
    said: Vec<u8>,
    asked: Option<(Ticket, Check)>,
    passed: Option<LoggedIn>,
}

impl World {
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is about logins")]
    fn tell(&mut self, input: ServerInput) {
        self.server.handle(self.now, input);
        while let Some(output) = self.server.poll() {
            match output {
                ServerOutput::Check(_, ticket, check) => self.asked = Some((ticket, check)),
                ServerOutput::Advise(id, ticket, advice) if id == self.id => {
                    self.session.handle(self.now, Input::Advised(ticket, advice));
                }
                ServerOutput::Answer(id, ticket, answer) if id == self.id => {
                    self.session.handle(self.now, Input::Answered(ticket, answer));
                }
                ServerOutput::Welcome(id) => self.id = id,
                _ => {}
            }
        }
    }

    /// Another client comes.
    fn connect(&mut self, source: IpAddr) {
        self.tell(ServerInput::Disconnected(self.id));
        let local = SocketAddr::new(source, 25);
        self.peer = Arc::new(Peer::new(SocketAddr::new(source, 4_000), local));
        self.tell(ServerInput::Connected(self.peer.clone()));
        self.session = Session::new(self.settings.clone(), self.id, self.peer.clone());
        self.passed = None;
        self.bring(Input::Opened);
        self.bring(Input::Bytes(b"EHLO c.example\r\n"));
        self.said.clear();
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is about logins")]
    fn bring(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Write(octets) => self.said.extend(octets),
                Output::Ask(ticket, question) => self.tell(ServerInput::Asked(self.id, ticket, question)),
                Output::Inquire(ticket, Inquiry::Terms) => {
                    let advice = Advice::Terms(users::MEANS, Nonce::new([0; 18]));
                    self.session.handle(self.now, Input::Advised(ticket, advice));
                }
                Output::Inquire(ticket, Inquiry::Check { source, check }) => {
                    self.tell(ServerInput::Inquired(self.id, ticket, source, check));
                }
                Output::Attempt(attempt) => {
                    if let Attempt::Passed(who) = &attempt {
                        self.passed = Some(who.clone());
                    }
                    self.tell(ServerInput::Attempted(self.id, attempt));
                }
                Output::Event(Event::Closed(_)) => {
                    panic!("it ended: {:?}", String::from_utf8_lossy(&self.said))
                }
                _ => {}
            }
        }
    }

    fn pass(&mut self, micros: u64) {
        self.now.instant = self.now.instant + Duration::from_micros(micros);
    }

    fn code(&mut self) -> String {
        let said = String::from_utf8(std::mem::take(&mut self.said)).expect("ASCII");
        said.lines().last().unwrap_or_default().chars().take(3).collect()
    }
}

/// What a back end does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answers,
    Silent,
    Late,
    Twice,
    Lies,
}

const MANNERS: [Manner; 8] = [
    Manner::Answers,
    Manner::Answers,
    Manner::Answers,
    Manner::Answers,
    Manner::Silent,
    Manner::Late,
    Manner::Twice,
    Manner::Lies,
];

fn run(seed: u64, told: &mut BTreeMap<String, u32>) {
    let mut dice = Dice::new(seed, Purpose::Logins, 0);
    let sources: [IpAddr; 3] =
        ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|text| text.parse().expect("one"));
    let mut settings = Settings::new("mx.example");
    settings.auth.offered = true;
    settings.auth.without_tls = true;
    settings.auth.failures_max = LIMIT;
    let settings = Arc::new(settings);
    let nobody = SocketAddr::from(([127, 0, 0, 1], 25));
    let peer = Arc::new(Peer::new(nobody, nobody));
    let id = SessionId { began: 0, serial: 0 };
    let mut world = World {
        server: Server::new(settings.clone()),
        now: Now { instant: Instant::from_micros(1), wall: Wall::default() },
        session: Session::new(settings.clone(), id, peer.clone()),
        settings,
        peer,
        id,
        said: Vec::new(),
        asked: None,
        passed: None,
    };
    let mut naive = Naive::default();
    for _ in 0..60 {
        world.pass(dice.below(400_000_000));
        let source = *dice.pick(&sources);
        world.connect(source);
        let (line, decides, user) = *dice.pick(&LINES);
        let manner = *dice.pick(&MANNERS);
        let asked_at = world.now.instant.micros() / 1_000_000;
        let over = decides && naive.is_over(asked_at, source, user);
        world.bring(Input::Bytes(line.as_bytes()));
        let expected = match world.asked.take() {
            None => {
                assert!(!decides, "{line:?} needs an answer");
                if line.contains("CRAM") {
                    naive.0.push((asked_at, source, None));
                    "504"
                } else {
                    "501"
                }
            }
            Some((ticket, check)) => {
                // Asked whether it counts or not: nobody learns from the time.
                assert!(decides && world.said.is_empty(), "{line:?} was answered unasked");
                let truth = users::find(&check);
                let finding = if manner == Manner::Lies { Finding::Proven([0; 32]) } else { truth.clone() };
                match manner {
                    Manner::Silent => {
                        world.pass(60_000_000);
                        world.bring(Input::Tick);
                        "454"
                    }
                    Manner::Late => {
                        world.pass(60_000_000);
                        world.bring(Input::Tick);
                        let told = world.code();
                        world.pass(1);
                        world.tell(ServerInput::Checked(world.id, ticket, finding));
                        world.bring(Input::Sent);
                        assert!(world.said.is_empty() && world.passed.is_none(), "too late is too late");
                        world.said = told.into_bytes();
                        let now = world.now.instant.micros() / 1_000_000;
                        // What came too late is true all the same.
                        if over {
                            naive.0.push((now, source, None));
                        } else if truth == Finding::Wrong {
                            naive.0.push((now, source, Some(user.to_ascii_lowercase())));
                        }
                        "454"
                    }
                    Manner::Answers | Manner::Twice | Manner::Lies => {
                        world.pass(dice.below(5_000_000));
                        let now = world.now.instant.micros() / 1_000_000;
                        world.tell(ServerInput::Checked(world.id, ticket, finding.clone()));
                        if manner == Manner::Twice {
                            world.tell(ServerInput::Checked(world.id, ticket, Finding::Right));
                        }
                        world.bring(Input::Sent);
                        if over {
                            naive.0.push((now, source, None));
                            "535"
                        } else if manner == Manner::Lies {
                            "454"
                        } else if truth == Finding::Right {
                            "235"
                        } else {
                            naive.0.push((now, source, Some(user.to_ascii_lowercase())));
                            "535"
                        }
                    }
                }
            }
        };
        assert_eq!(world.code(), expected, "seed {seed}: {line:?}");
        assert_eq!(world.passed.is_some(), expected == "235", "seed {seed}");
        assert_eq!(world.server.logged_in(world.id).is_some(), expected == "235", "seed {seed}");
        *told.entry(format!("{expected}{}", if over { " over" } else { "" })).or_default() += 1;
    }
}

#[test]
fn logins_are_told_what_a_naive_model_says() {
    let mut told = BTreeMap::new();
    for seed in 0..300 {
        run(seed, &mut told);
    }
    for word in ["235", "535", "535 over", "454", "454 over", "501", "504"] {
        assert!(told.get(word).is_some_and(|times| *times > 100), "{word} was hardly told: {told:?}");
    }
}
