//! The judge: it knows of each session how policy stands to its client, and answers its questions by the operator's
//! rules. What a judgement must know of the world it looks up, one question at a time: what is at hand (rate windows) at
//! once, everything else by asking its hands, who bring the answer back as an input. It knows no octets of a dialogue.
//!
//! A question that needs nobody is answered in the same call. A session has at most one question open; whatever is still
//! said about an earlier one is dropped by its number, and a session that leaves takes everything with it.

mod case;
mod machine;
mod rulebook;

use super::Output;
use super::rate_window::RateWindows;
use crate::auth::LoggedIn;
use crate::config::Settings;
use crate::dns;
use crate::limits::{JUDGEMENT_TIME_MAX, LOOK_UP_TIME_MAX};
use crate::now::{Instant, Now};
use crate::peer::{Peer, SessionId};
use crate::policy::evaluate::Why;
use crate::policy::{Answer, Question, Rules, Space, Ticket, Verdict};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use case::{Case, Judged, Known};
use core::mem;
use machine::Machine;
use rulebook::Rulebook;

/// Joins what was looked up to the question for which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookUp {
    session: SessionId,
    /// Counts all that was ever looked up.
    number: u64,
}

impl LookUp {
    /// For whom it is.
    pub fn session(self) -> SessionId {
        self.session
    }

    /// Its number, for traces.
    pub fn number(self) -> u64 {
        self.number
    }
}

/// A question that waits for the world.
#[derive(Debug)]
struct Open {
    ticket: Ticket,
    question: Question,
    known: Known,
    machine: Machine,
    /// What the hands are asked.
    number: u64,
    /// When everything that is not known by then stays unknown.
    until: Instant,
}

/// The judge of all sessions.
#[derive(Debug, Default)]
pub(super) struct Judge {
    cases: BTreeMap<SessionId, Case>,
    open: BTreeMap<SessionId, Box<Open>>,
    rulebook: Rulebook,
    rates: RateWindows,
    looked_up: u64,
}

impl Judge {
    /// A session begins, with these settings to its end.
    pub(super) fn enter(&mut self, session: SessionId, peer: Arc<Peer>, settings: Arc<Settings>) {
        let rules = self.rulebook.rules(&settings);
        self.cases.insert(session, Case::new(peer, settings, rules));
    }

    /// A session is over.
    pub(super) fn leave(&mut self, session: SessionId) {
        self.cases.remove(&session);
        self.open.remove(&session);
    }

    /// The session's client is another one, of whom nothing is known yet.
    pub(super) fn is_another(&mut self, session: SessionId, peer: &Arc<Peer>) {
        self.open.remove(&session);
        if let Some(case) = self.cases.get_mut(&session) {
            case.is_another(peer.clone());
        }
    }

    /// Somebody has logged in: from now on the session is judged as that user's.
    pub(super) fn log_in(&mut self, session: SessionId, logged_in: &LoggedIn) {
        if let Some(case) = self.cases.get_mut(&session) {
            case.log_in(logged_in);
        }
    }

    /// Whether a session comes from a network that the rules trust.
    pub(super) fn is_trusted(&self, session: SessionId) -> bool {
        self.cases.get(&session).is_some_and(Case::is_trusted)
    }

    /// The confirmed name of a session's client, where somebody wants it.
    pub(super) fn client_name(&self, session: SessionId) -> Option<&str> {
        self.cases.get(&session).and_then(Case::client_name)
    }

    /// What a session began with.
    pub(super) fn settings_of(&self, session: SessionId) -> Option<&Arc<Settings>> {
        self.cases.get(&session).map(|case| &case.settings)
    }

    /// The rules by which sessions with these settings are judged.
    pub(super) fn rules(&mut self, settings: &Arc<Settings>) -> Arc<Rules> {
        self.rulebook.rules(settings).rules
    }

    /// The rate windows.
    pub(super) fn rates(&self) -> &RateWindows {
        &self.rates
    }

    /// The rate windows, to be reported on or restored.
    pub(super) fn rates_mut(&mut self) -> &mut RateWindows {
        &mut self.rates
    }

    /// How many questions wait for the world.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// A session asks something that policy must answer.
    pub(super) fn ask(
        &mut self,
        now: Now,
        (session, ticket): (SessionId, Ticket),
        question: Question,
        space: Space,
        outputs: &mut VecDeque<Output>,
    ) {
        // Whatever it asked before, it does not wait for that any more.
        self.open.remove(&session);
        let Some(case) = self.cases.get_mut(&session) else {
            // Nobody knows it, so nobody has anything to say for it.
            let verdict = Verdict::refuse(Why::NotAdmitted);
            return outputs.push_back(Output::Answer(session, ticket, Answer { verdict }));
        };
        case.asked(&question, now, &mut self.rates);
        let patience = (case.settings.timeouts.answer * 3 / 4).min(JUDGEMENT_TIME_MAX);
        let mut known = Known::default();
        match case.judge(now, &question, &mut known, space, &mut self.rates) {
            Judged::Verdict(verdict) => conclude(case, (session, ticket), verdict, outputs),
            Judged::Wants(machine) => {
                let until = now.instant + patience;
                let open = Box::new(Open { ticket, question, known, machine, number: 0, until });
                self.go_on(now, session, open, space, outputs);
            }
        }
    }

    /// The hands have looked something up.
    pub(super) fn looked(
        &mut self,
        now: Now,
        look_up: LookUp,
        answer: dns::Answer,
        space: Space,
        outputs: &mut VecDeque<Output>,
    ) {
        let session = look_up.session;
        if self.open.get(&session).is_none_or(|open| open.number != look_up.number) {
            return;
        }
        let Some(mut open) = self.open.remove(&session) else { return };
        open.machine.answer(answer);
        self.go_on(now, session, open, space, outputs);
    }

    /// Goes on with a question as far as that is possible without the world.
    fn go_on(
        &mut self,
        now: Now,
        session: SessionId,
        mut open: Box<Open>,
        space: Space,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(case) = self.cases.get_mut(&session) else { return };
        loop {
            if now.instant >= open.until {
                open.machine.give_up();
            }
            match open.machine.poll(&case.settings) {
                machine::Step::Ask(question) => {
                    self.looked_up += 1;
                    open.number = self.looked_up;
                    let look_up = LookUp { session, number: open.number };
                    let until = open.until.min(now.instant + LOOK_UP_TIME_MAX);
                    self.open.insert(session, open);
                    return outputs.push_back(Output::Look { look_up, question, until });
                }
                machine::Step::Found(found) => open.known.add(found),
            }
            match case.judge(now, &open.question, &mut open.known, space, &mut self.rates) {
                Judged::Wants(machine) => open.machine = machine,
                Judged::Verdict(verdict) => {
                    return conclude(case, (session, open.ticket), verdict, outputs);
                }
            }
        }
    }
}

/// The verdict, behind what led to it where the settings want that told.
fn conclude(
    case: &mut Case,
    (session, ticket): (SessionId, Ticket),
    verdict: Verdict,
    outputs: &mut VecDeque<Output>,
) {
    if !case.reasons.is_empty() {
        outputs.push_back(Output::Reasoned(session, mem::take(&mut case.reasons)));
    }
    outputs.push_back(Output::Answer(session, ticket, Answer { verdict }));
}

#[cfg(test)]
mod tests;
