//! A server with one client, for a person who tries a policy: every question is answered before the next is asked.

use crate::Stop;
use crate::clock::{Clock, SystemClock};
use crate::resolver::Resolver;
use smtpserver_core::auth::{Attempt, LoggedIn};
use smtpserver_core::dns::{Answer as Known, Question as Name, Trouble};
use smtpserver_core::policy::{Answer, Question, Ticket, Verdict};
use smtpserver_core::reply::catalog;
use smtpserver_core::server::{Input, Output};
use smtpserver_core::{Peer, Server, SessionId, Settings};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What became of one question.
pub(super) struct Step {
    /// What was said, as in a dialogue.
    pub(super) said: String,
    pub(super) ruling: Ruling,
    /// What led to it, a line each.
    pub(super) reasons: Vec<String>,
    /// Names had to be looked up for it.
    pub(super) looked_up: bool,
}

/// What the server concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It goes on; the recipient's message perhaps to the freezer.
    Accepted { frozen: bool },
    /// It does not: what the client would read, and one word for why.
    Refused { reply: String, why: &'static str },
}

impl Step {
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.ruling, Ruling::Refused { .. })
    }
}

impl Ruling {
    fn of(verdict: &Verdict) -> Ruling {
        match catalog::verdict_refusal(verdict) {
            None => Ruling::Accepted { frozen: verdict.is_freezing() },
            Some(refusal) => {
                let octets = catalog::refusal(&refusal).encode(true);
                let reply = String::from_utf8_lossy(&octets).trim_end().replace("\r\n", "\n");
                Ruling::Refused { reply, why: refusal.name() }
            }
        }
    }

    fn closed(words: &[u8]) -> Ruling {
        let reply = String::from_utf8_lossy(words).trim_end().into();
        Ruling::Refused { reply, why: "too-many-connections" }
    }
}

/// Who is asked for names, and what waits for the answer.
pub(super) struct Names {
    resolver: Resolver,
    runtime: Runtime,
}

impl Names {
    pub(super) fn of(servers: &[SocketAddr]) -> Result<Names, Stop> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Stop::failed(format!("cannot start: {error}")))?;
        let resolver = {
            let _within = runtime.enter();
            Resolver::of(servers).map_err(Stop::unfit)?
        };
        Ok(Names { resolver, runtime })
    }

    fn ask(&self, question: &Name, wait: Duration) -> Known {
        let asked = async { tokio::time::timeout(wait, self.resolver.ask(question)).await };
        self.runtime.block_on(asked).unwrap_or(Known::Trouble(Trouble::Timeout))
    }
}

/// The server and its one client.
pub(super) struct Bench {
    server: Server,
    peer: Arc<Peer>,
    session: Option<SessionId>,
    asked: u64,
    clock: SystemClock,
    /// Where there is nobody to ask, no name is known.
    names: Option<Names>,
}

impl Bench {
    pub(super) fn new(settings: Arc<Settings>, peer: Arc<Peer>, names: Option<Names>) -> Bench {
        let server = Server::new(settings);
        Bench { server, peer, session: None, asked: 0, clock: SystemClock::default(), names }
    }

    /// The client connects, and is judged by its address and the name of that.
    pub(super) fn connect(&mut self) -> Step {
        let said = format!("connect from {}", self.peer.literal());
        self.server.handle(self.clock.now(), Input::Connected(self.peer.clone()));
        let words = match self.server.poll() {
            Some(Output::Welcome(session)) => {
                self.session = Some(session);
                return self.ask(said, Question::Connect);
            }
            Some(Output::TurnAway(_, words, _)) => words,
            _ => Vec::new(),
        };
        let reasons = vec!["not one connection from there is allowed".into()];
        Step { said, ruling: Ruling::closed(&words), reasons, looked_up: false }
    }

    /// Whether there is a session; its client may be another one by now.
    pub(super) fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    /// Asks a question.
    pub(super) fn ask(&mut self, said: String, question: Question) -> Step {
        let Some(session) = self.session else {
            return Step { said, ruling: Ruling::closed(b""), reasons: Vec::new(), looked_up: false };
        };
        self.asked += 1;
        let ticket = Ticket::numbered(self.asked);
        self.server.handle(self.clock.now(), Input::Asked(session, ticket, question));
        let (answer, reasons, looked_up) = self.answer();
        Step { said, ruling: Ruling::of(&answer.verdict), reasons, looked_up }
    }

    /// The client has logged in.
    pub(super) fn log_in(&mut self, logged_in: &LoggedIn) {
        if let Some(session) = self.session {
            let attempt = Attempt::Passed(logged_in.clone());
            self.server.handle(self.clock.now(), Input::Attempted(session, attempt));
        }
    }

    /// The answer, when everything that it hangs on was looked up; what led to it; and whether anything was looked up.
    fn answer(&mut self) -> (Answer, Vec<String>, bool) {
        let (mut why, mut looked_up) = (Vec::new(), false);
        loop {
            match self.server.poll().expect("every question is answered") {
                Output::Reasoned(_, reasons) => why = reasons,
                Output::Answer(_, _, answer) => return (answer, why, looked_up),
                Output::Look { look_up, question, until } => {
                    looked_up = true;
                    let wait = until.since(self.clock.now().instant);
                    let nobody = || Known::Trouble(Trouble::Unreachable);
                    let answer = self.names.as_ref().map_or_else(nobody, |names| names.ask(&question, wait));
                    self.server.handle(self.clock.now(), Input::Looked(look_up, answer));
                }
                // There is room enough, and nothing is stored.
                Output::MeasureSpace
                | Output::Welcome(_)
                | Output::TurnAway(..)
                | Output::Drop(_)
                | Output::Check(..)
                | Output::Helper(..)
                | Output::HelperNote(..)
                | Output::Advise(..)
                | Output::Sync(_)
                | Output::Publish(..)
                | Output::Report(..) => {}
            }
        }
    }
}
