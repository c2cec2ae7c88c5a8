//! The machine that evaluates records: `check_host()` of RFC 7208 §4, its recursion laid out as a stack of records.
//!
//! Each include is a frame on the stack and costs a look-up, so the stack is bounded by the look-ups; a redirect takes
//! the place of the record that names it. One question is open at a time.

mod answers;
mod steps;
mod words;

use super::local::LocalPolicy;
use super::outcome::{Cause, Identity, Outcome, Problem, SpfResult};
use super::record::Record;
use super::term::Prefixes;
use crate::dns::reverse::Reverse;
use crate::dns::{Answer, Kind, Name, Question, Step};
use crate::now::Wall;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What a check looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The client. An IPv4-mapped IPv6 address counts as IPv4.
    pub client: IpAddr,
    /// The name in HELO or EHLO.
    pub helo: String,
    /// The reverse-path without brackets, empty for the null one.
    pub mail_from: String,
    /// Our own name.
    pub receiver: String,
    /// The hour, for explanations.
    pub wall: Wall,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    facts: Facts,
    local_part: String,
    sender_domain: String,
    identity: Identity,
    local_policy: Option<Arc<LocalPolicy>>,
    budget: Budget,
    /// The domain's own record, and the records it includes, innermost last.
    frames: Vec<Frame>,
    /// Confirmed names of the client, once somebody needed them.
    names: Option<Vec<Name>>,
    /// How the last match came about.
    trail: Vec<Cause>,
    mechanism: Option<String>,
    /// A fail that waits for its explanation.
    explaining: Option<Explaining>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    lookups: u32,
    voids: u32,
}

/// A record that is being read.
#[derive(Clone, Debug)]
struct Frame {
    domain: Name,
    record: Arc<Record>,
    at: usize,
    /// The term at `at` has been counted as a look-up.
    counted: bool,
    role: Role,
    /// The redirects that led to this record.
    via: Vec<Cause>,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Own {
        local_policy_tried: bool,
    },
    Included,
    /// The operator's mechanisms; the domain's budget waits here.
    Local {
        saved: Budget,
    },
}

#[derive(Clone, Debug)]
struct Explaining {
    outcome: Outcome,
    /// The text to expand, once it is known.
    text: Option<String>,
}

#[derive(Clone, Debug)]
enum State {
    /// Only between two answers.
    Running,
    Asking(Question, Purpose),
    Naming(Reverse),
    Done(Outcome),
}

#[derive(Clone, Debug)]
enum Purpose {
    Record(Name, Load),
    Address(Prefixes),
    Exchanges(Prefixes),
    /// An address of one host; the hosts to come, in reverse order; whether there were more than may be asked.
    Exchange(Prefixes, Vec<Name>, bool),
    Exists,
    Explanation,
}

#[derive(Clone, Copy, Debug)]
enum Load {
    Own,
    Include,
    Redirect,
}

/// Whether there is more to do before the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    Wait,
}

impl Check {
    /// Begins a check, with the operator's own mechanisms if there are any.
    pub fn new(facts: Facts, local_policy: Option<Arc<LocalPolicy>>) -> Check {
        let identity = if facts.mail_from.is_empty() { Identity::Helo } else { Identity::MailFrom };
        let (local_part, sender_domain) = match identity {
            Identity::Helo => ("", facts.helo.as_str()),
            Identity::MailFrom => facts.mail_from.rsplit_once('@').unwrap_or(("", facts.mail_from.as_str())),
        };
        let local_part = if local_part.is_empty() { "postmaster" } else { local_part }.to_string();
        let sender_domain = sender_domain.to_string();
        let facts = Facts { client: facts.client.to_canonical(), ..facts };
        let mut check = Check {
            facts,
            local_part,
            sender_domain,
            identity,
            local_policy,
            budget: Budget::default(),
            frames: Vec::new(),
            names: None,
            trail: Vec::new(),
            mechanism: None,
            explaining: None,
            state: State::Running,
        };
        // A domain of one label, an address literal or anything that is no host's name has nothing to say.
        match Name::parse(&check.sender_domain)
            .filter(|name| name.is_host() && name.labels().nth(1).is_some())
        {
            Some(domain) => check.load(domain, Load::Own),
            None => check.finish(SpfResult::None, None),
        };
        check
    }

    /// What is wanted next.
    pub fn poll(&self) -> Step<Outcome> {
        let asked = match &self.state {
            State::Asking(question, _) => Some(Step::Ask(question.clone())),
            State::Naming(reverse) => match reverse.poll() {
                Step::Ask(question) => Some(Step::Ask(question)),
                Step::Done(_) => None,
            },
            State::Done(outcome) => Some(Step::Done(outcome.clone())),
            State::Running => None,
        };
        // Between two calls something is always asked or done; were it not so, nobody would wait for ever.
        asked.unwrap_or_else(|| Step::Done(self.outcome(SpfResult::TempError, Some(Problem::TookTooLong))))
    }

    /// The answer to the question of the last `poll`.
    pub fn answer(&mut self, answer: Answer) {
        let mut flow = match core::mem::replace(&mut self.state, State::Running) {
            State::Asking(question, purpose) => self.answered(question, purpose, answer),
            State::Naming(mut reverse) => {
                reverse.answer(answer);
                self.named(reverse)
            }
            State::Done(outcome) => self.end(outcome),
            State::Running => Flow::Go,
        };
        while flow == Flow::Go {
            flow = if self.explaining.is_some() { self.explain() } else { self.advance() };
        }
    }

    /// Ends the check because the time for it is over (RFC 7208 §4.6.4 asks for at least 20 seconds).
    pub fn give_up(&mut self) {
        match (&self.state, self.explaining.take()) {
            (State::Done(_), _) => {}
            // The result was known; only the domain's words for it were not.
            (_, Some(Explaining { outcome, .. })) => {
                self.end(outcome);
            }
            (_, None) => {
                self.finish(SpfResult::TempError, Some(Problem::TookTooLong));
            }
        }
    }

    /// The facts it was begun with.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn load(&mut self, domain: Name, load: Load) -> Flow {
        let question = Question::new(domain.clone(), Kind::Txt);
        self.ask(question, Purpose::Record(domain, load))
    }

    fn ask(&mut self, question: Question, purpose: Purpose) -> Flow {
        self.state = State::Asking(question, purpose);
        Flow::Wait
    }

    /// It cannot be known. Inside of the operator's mechanisms, what is wrong for good is no match and no more.
    fn fail(&mut self, problem: Problem) -> Flow {
        let result = problem.result();
        let local = self.frames.iter().rposition(|frame| matches!(frame.role, Role::Local { .. }));
        match local.filter(|_| result == SpfResult::PermError) {
            Some(position) => {
                self.frames.truncate(position + 1);
                self.pass_over()
            }
            None => self.finish(result, Some(problem)),
        }
    }

    fn finish(&mut self, result: SpfResult, problem: Option<Problem>) -> Flow {
        if problem.is_some() {
            let at_hand = self.directive_at_hand().map(|(_, text)| text);
            self.remember(&at_hand.unwrap_or_else(|| "default".to_string()));
            self.mechanism = None;
        }
        let outcome = self.outcome(result, problem);
        self.end(outcome)
    }

    fn end(&mut self, outcome: Outcome) -> Flow {
        self.frames.clear();
        self.state = State::Done(outcome);
        Flow::Wait
    }

    fn outcome(&self, result: SpfResult, problem: Option<Problem>) -> Outcome {
        Outcome {
            result,
            identity: self.identity,
            domain: self.sender_domain.clone(),
            mechanism: self.mechanism.clone(),
            trail: self.trail.clone(),
            problem,
            explanation: None,
        }
    }
}
