//! The domain name system as the plan has it: slow, silent, late, failing, talking nonsense, saying a second thing after the
//! first. And what of all that is told of policy: who asked what, what was looked up, and what the server concluded.

use super::plant::Plant;
use super::world::{Happening, World};
use crate::trace::{ConnectionId, Looked, Posed, Ruling, What};
use smtpserver_core::Instant;
use smtpserver_core::dns::{Answer, Kind, Question, Records, Trouble};
use smtpserver_core::policy::evaluate::Place;
use smtpserver_core::policy::{self, Verdict};
use smtpserver_core::server::Input as ServerInput;
use smtpserver_core::server::judge::LookUp;
use smtpserver_core::server::rate_window::RateVerdict;
use smtpserver_core::wire::path::{Address, ForwardPath, ReversePath};

/// Something that the server wants to know.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) look_up: LookUp,
    pub(super) question: Question,
    /// When an answer is of no use any more.
    pub(super) until: Instant,
}

/// What becomes of a look-up.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Good,
    Silent,
    Fails,
    Garbage,
    Twice,
    Late,
}

impl World<'_> {
    /// Looks something up: sooner or later, once or twice, or never.
    pub(super) fn look_up(&mut self, Wanted { look_up, question, until }: Wanted) {
        let id = self.host.as_ref().and_then(|host| host.by_session.get(&look_up.session())).copied();
        if let Some(id) = id
            && self.has_policy
        {
            self.note(What::Sought(id, look_up.number(), question.to_string()));
        }
        let plan = self.plan.names;
        let fate = self.fate();
        let dice = &mut self.names_dice;
        let at = self.now + dice.between(1, plan.takes_us.max(1));
        let until = until.micros().max(self.now + 1);
        let truth = self.zone.answer(&question);
        let (looked, answer, at) = match fate {
            Fate::Good | Fate::Twice => (Looked::True, truth, at),
            Fate::Late => (Looked::True, truth, at + plan.late_ms * 1000),
            Fate::Silent => (Looked::Trouble, Answer::Trouble(Trouble::Timeout), until),
            Fate::Fails => (Looked::Trouble, Answer::Trouble(Trouble::ServerFailure), at),
            Fate::Garbage => (Looked::Trouble, garbage(&question), at),
        };
        let again = matches!(fate, Fate::Twice).then(|| at + dice.between(1, 1_000_000));
        let mut say = |at: u64, looked: Looked, answer: Answer| {
            let said = Box::new((looked, answer));
            self.queue.put(at, Happening::Looked(self.life, look_up, said));
        };
        // Whoever asks waits no longer than that; what comes afterwards still comes.
        if at > until {
            say(until, Looked::Trouble, Answer::Trouble(Trouble::Timeout));
        }
        say(at, looked, answer);
        if let Some(again) = again {
            say(again, Looked::True, Answer::NoName);
        }
    }

    fn fate(&mut self) -> Fate {
        if self.healed {
            return Fate::Good;
        }
        let plan = self.plan.names;
        let dice = &mut self.names_dice;
        [
            (plan.silent, Fate::Silent),
            (plan.fails, Fate::Fails),
            (plan.garbage, Fate::Garbage),
            (plan.twice, Fate::Twice),
            (plan.late, Fate::Late),
        ]
        .into_iter()
        .find_map(|(chance, fate)| dice.chance(chance).then_some(fate))
        .unwrap_or(Fate::Good)
    }

    /// An answer has come, if the server that asked still lives.
    pub(super) fn looked(&mut self, life: u32, look_up: LookUp, looked: Looked, answer: Answer) {
        if life != self.life {
            return;
        }
        let id = self.host.as_ref().and_then(|host| host.by_session.get(&look_up.session())).copied();
        if let Some(id) = id
            && self.has_policy
        {
            self.note(What::Looked(id, look_up.number(), looked));
        }
        let answer = match self.plant {
            Some(Plant::TroubleAsNoName) if looked == Looked::Trouble => Answer::NoName,
            Some(_) | None => answer,
        };
        self.tell_server(ServerInput::Looked(look_up, answer));
    }

    /// A session asks something that policy must answer.
    pub(super) fn note_posed(&mut self, id: ConnectionId, ticket: u64, question: &policy::Question) {
        if self.has_policy
            && let Some(posed) = posed(question)
        {
            self.note(What::Posed(id, ticket, posed));
        }
    }

    /// The plan's own rates are kept over a stop, as the daemon keeps them in a file.
    pub(super) fn save_rates(&mut self) {
        let Some(host) = &self.host else { return };
        self.saved_rates.clear();
        let mut last = None;
        loop {
            last = host.server.rates().save(last, 100, &mut self.saved_rates);
            if last.is_none() {
                break;
            }
        }
        self.note(What::Saved);
    }

    /// What was kept is there again.
    pub(super) fn restore_rates(&mut self) {
        let now = self.clock();
        let Some(host) = &mut self.host else { return };
        for line in self.saved_rates.lines() {
            host.server.rates_mut().restore(line, now.instant).expect("what was just written is read");
        }
    }
}

/// An answer that answers something else.
fn garbage(question: &Question) -> Answer {
    match question.kind {
        Kind::A | Kind::Txt => Answer::Found(Records::Ptr(vec![question.name.clone()])),
        Kind::Aaaa | Kind::Mx | Kind::Ptr => Answer::Trouble(Trouble::Malformed),
    }
}

fn posed(question: &policy::Question) -> Option<Posed> {
    let spelled = |address: &Address| format!("{}@{}", address.local(), address.domain());
    Some(match question {
        policy::Question::Connect => Posed::Connect,
        policy::Question::Hello { name } => Posed::Hello(name.clone()),
        policy::Question::Sender { path: ReversePath::Null, .. } => Posed::Sender(None),
        policy::Question::Sender { path: ReversePath::Address(address), .. } => {
            Posed::Sender(Some(spelled(address)))
        }
        policy::Question::Recipient { path: ForwardPath::Postmaster } => {
            Posed::Recipient("postmaster".into())
        }
        policy::Question::Recipient { path: ForwardPath::Address(address) } => {
            Posed::Recipient(spelled(address))
        }
        policy::Question::Load { .. }
        | policy::Question::Client { .. }
        | policy::Question::Handshake { .. }
        | policy::Question::Report(_)
        | policy::Question::Content { .. }
        | policy::Question::Router { .. }
        | policy::Question::Milter(_)
        | policy::Question::Delegated(_) => return None,
    })
}

/// A verdict as traces have it.
pub(super) fn ruling(verdict: &Verdict) -> Ruling {
    match verdict {
        Verdict::Accept | Verdict::Welcome(_) | Verdict::Traced(_) | Verdict::Admit(_, Place::Router) => {
            Ruling::Yes
        }
        Verdict::Admit(_, Place::Freezer) => Ruling::Freezer,
        // No rule says so: only a policy service does, and it is another question.
        Verdict::Admit(_, Place::Nowhere) => Ruling::No { why: "Nowhere".into(), retry: None },
        Verdict::NoSpace => Ruling::NoSpace,
        Verdict::Refuse(denial) => {
            let why = format!("{:?}", denial.no.why);
            let retry = match denial.no.why.rate() {
                Some(RateVerdict::Excess { retry_after }) => Some(smtpserver_core::now::micros(retry_after)),
                Some(RateVerdict::Within | RateVerdict::Forbidden) | None => None,
            };
            let why = why.split('(').next().unwrap_or_default().to_owned();
            Ruling::No { why, retry }
        }
        other @ (Verdict::Busy
        | Verdict::TurnAway
        | Verdict::KeptOut
        | Verdict::Report(_)
        | Verdict::Judged(_)
        | Verdict::Routed(_)
        | Verdict::Milted(_)
        | Verdict::Action(_)
        | Verdict::NoHelper(_)
        | Verdict::LoginFirst) => Ruling::No { why: format!("{other:?}"), retry: None },
    }
}
