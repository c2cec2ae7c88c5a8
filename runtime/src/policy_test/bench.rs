//! A server with one client, for a person who tests: every question is answered before the next is asked.

use super::{Ruling, Step};
use crate::Stop;
use crate::clock::{Clock, SystemClock};
use crate::resolver::Resolver;
use smtpserver_core::dns::{Answer as Known, Trouble};
use smtpserver_core::policy::Question;
use smtpserver_core::policy::{Answer, Ticket};
use smtpserver_core::server::{Input, Output};
use smtpserver_core::{Now, Peer, Server, SessionId, Settings};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The port that clients come to.
const SMTP_PORT: u16 = 25;

/// The server, its one client, and who is asked for names.
pub(super) struct Bench {
    server: Server,
    peer: Arc<Peer>,
    session: Option<SessionId>,
    asked: u64,
    clock: SystemClock,
    /// Why nobody can be asked for names is told when somebody must be.
    resolver: Result<Resolver, String>,
    runtime: Runtime,
}

impl Bench {
    pub(super) fn new(settings: Arc<Settings>, client: IpAddr) -> Result<Bench, Stop> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Stop::failed(format!("cannot start: {error}")))?;
        let resolver = {
            let _within = runtime.enter();
            Resolver::of(&settings.sources.resolvers)
        };
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, SMTP_PORT));
        let peer = Arc::new(Peer::new(SocketAddr::new(client, 0), local));
        let server = Server::new(settings);
        Ok(Bench { server, peer, session: None, asked: 0, clock: SystemClock::default(), resolver, runtime })
    }

    /// The client connects, and is judged by its address and the name of that.
    pub(super) fn connect(&mut self) -> Step {
        let now = self.clock.now();
        self.server.handle(now, Input::Connected(self.peer.clone()));
        match self.server.poll() {
            Some(Output::Welcome(session)) => {
                self.session = Some(session);
                self.ask(format!("connect from {}", self.peer.literal()), Question::Connect)
            }
            Some(Output::TurnAway(_, words)) => Step {
                said: format!("connect from {}", self.peer.literal()),
                ruling: Ruling::Refused {
                    reply: String::from_utf8_lossy(&words).trim_end().into(),
                    why: "too-many-connections",
                },
                reasons: vec!["no connection from there is allowed (maxsameipsource)".into()],
            },
            other => Step {
                said: format!("connect from {}", self.peer.literal()),
                ruling: Ruling::Refused { reply: "the connection is closed".into(), why: "dropped" },
                reasons: other
                    .into_iter()
                    .map(|_| "no connection from there is allowed (maxsameipsource)".into())
                    .collect(),
            },
        }
    }

    /// Asks a question.
    pub(super) fn ask(&mut self, said: String, question: Question) -> Step {
        let Some(session) = self.session else {
            return Step {
                said,
                ruling: Ruling::Refused { reply: String::new(), why: "dropped" },
                reasons: Vec::new(),
            };
        };
        let now = self.clock.now();
        self.asked += 1;
        let ticket = Ticket::numbered(self.asked);
        self.server.handle(now, Input::Asked(session, ticket, question));
        let answer = self.answer();
        Step { said, ruling: Ruling::of(&answer.verdict), reasons: self.server.take_reasons(session) }
    }

    /// The answer, when everything that it hangs on was looked up.
    fn answer(&mut self) -> Answer {
        loop {
            match self.server.poll().expect("every question is answered") {
                Output::Answer(_, _, answer) => return answer,
                Output::Look { look_up, question, until } => {
                    let wait = until.since(self.clock.now().instant);
                    let answer = match &self.resolver {
                        Ok(resolver) => self.runtime.block_on(async {
                            let asked = tokio::time::timeout(wait, resolver.ask(&question)).await;
                            asked.unwrap_or(Known::Trouble(Trouble::Timeout))
                        }),
                        Err(fault) => {
                            eprintln!("smtpserver: {fault}");
                            Known::Trouble(Trouble::Unreachable)
                        }
                    };
                    let now: Now = self.clock.now();
                    self.server.handle(now, Input::Looked(look_up, answer));
                }
                // There is room enough, and nothing is stored.
                Output::MeasureSpace
                | Output::Welcome(_)
                | Output::TurnAway(..)
                | Output::Drop
                | Output::Sync(_)
                | Output::Publish(..)
                | Output::Report(..) => {}
            }
        }
    }
}
