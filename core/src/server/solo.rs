//! A server with one session and nobody to ask: for those who play with a bare session and want its questions answered as
//! a server would.

use super::{Input, Output, Server};
use crate::config::Settings;
use crate::dns::{Answer as Known, Question as Wanted, Trouble};
use crate::now::Now;
use crate::peer::{Peer, SessionId};
use crate::policy::{Answer, Question, Ticket};
use alloc::sync::Arc;

/// The server of one session.
#[derive(Debug)]
pub struct Solo {
    server: Server,
    session: SessionId,
}

impl Solo {
    /// A server to which this client has just come.
    ///
    /// # Panics
    /// When the settings leave no room for a single connection.
    pub fn new(now: Now, settings: Arc<Settings>, peer: Arc<Peer>) -> Solo {
        let mut server = Server::new(settings);
        server.handle(now, Input::Connected(peer));
        match server.poll() {
            Some(Output::Welcome(session)) => Solo { server, session },
            other => panic!("there is room for one: {other:?}"),
        }
    }

    /// The session's id.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// So many kibibytes are free.
    pub fn measured(&mut self, now: Now, free_kib: Option<u64>) {
        self.server.handle(now, Input::SpaceMeasured(free_kib));
    }

    /// The answer to a question. No name is known.
    pub fn answer(&mut self, now: Now, ticket: Ticket, question: Question) -> Answer {
        self.answer_knowing(now, (ticket, question), |_| Known::Trouble(Trouble::Unreachable))
    }

    /// The answer to a question, where the domain name system says this.
    pub fn answer_knowing(
        &mut self,
        now: Now,
        (ticket, question): (Ticket, Question),
        names: impl Fn(&Wanted) -> Known,
    ) -> Answer {
        self.server.handle(now, Input::Asked(self.session, ticket, question));
        loop {
            match self.server.poll().expect("every question is answered") {
                Output::Answer(_, _, answer) => return answer,
                Output::Look { look_up, question, .. } => {
                    let answer = names(&question);
                    self.server.handle(now, Input::Looked(look_up, answer));
                }
                Output::MeasureSpace
                | Output::Check(..)
                | Output::Advise(..)
                | Output::Welcome(_)
                | Output::TurnAway(..)
                | Output::Drop(_)
                | Output::Sync(_)
                | Output::Publish(..)
                | Output::Helper(..)
                | Output::HelperNote(..)
                | Output::Reasoned(..)
                | Output::Report(..) => {}
            }
        }
    }
}
