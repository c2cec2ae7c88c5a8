//! The conversations with milters, over all sessions: one connection for each message that a milter sees. Nothing that a
//! milter did not see is taken unless the operator wants that.

use super::Output;
use super::helpers::News;
use crate::limits::MILTER_TALKS_MAX;
use crate::now::{Instant, Now};
use crate::peer::SessionId;
use crate::policy::{Answer, Ticket, Verdict};
use crate::subserver::milter::{self, Facts, Talk};
use crate::subserver::{Address, Errand, Fault, HelperId, Note, Trade};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

#[derive(Debug)]
struct Open {
    session: SessionId,
    ticket: Ticket,
    talk: Talk,
}

/// The conversations.
#[derive(Debug, Default)]
pub(super) struct Milters {
    open: BTreeMap<HelperId, Open>,
    by_session: BTreeMap<SessionId, HelperId>,
    serial: u64,
}

impl Milters {
    /// A session wants a milter to see its message.
    pub(super) fn ask(
        &mut self,
        now: Now,
        (session, ticket): (SessionId, Ticket),
        address: Option<Address>,
        (facts, client_name): (Facts, Option<String>),
        out: &mut VecDeque<Output>,
    ) {
        self.forget(session, out);
        let Some(address) = address.filter(|_| self.open.len() < MILTER_TALKS_MAX) else {
            return out.push_back(unanswered(session, ticket));
        };
        self.serial += 1;
        let helper = HelperId(self.serial);
        let talk = Talk::new(now.instant, facts, client_name);
        self.open.insert(helper, Open { session, ticket, talk });
        self.by_session.insert(session, helper);
        out.push_back(Output::Helper(Trade::Milter, Errand::Connect(helper, address)));
    }

    /// The session is over, or does not wait any more.
    pub(super) fn forget(&mut self, session: SessionId, out: &mut VecDeque<Output>) {
        let Some(helper) = self.by_session.remove(&session) else { return };
        if self.open.remove(&helper).is_some() {
            out.push_back(Output::Helper(Trade::Milter, Errand::End(helper)));
        }
    }

    /// The hands have something to tell.
    pub(super) fn heard(&mut self, now: Now, news: &News, out: &mut VecDeque<Output>) {
        match news {
            News::Connected(helper) => self.bring(now, *helper, milter::Input::Connected, out),
            News::Said(helper, octets) => self.bring(now, *helper, milter::Input::Said(octets), out),
            News::Piece(helper, octets) => {
                self.bring(now, *helper, milter::Input::Piece(octets.as_deref()), out)
            }
            News::Ended(helper) => self.bring(now, *helper, milter::Input::Ended, out),
            // Nothing that is made for connections to somebody else.
            News::Open(_) | News::Renewed => {}
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Now, out: &mut VecDeque<Output>) {
        let due = |open: &Open| open.talk.deadline() <= now.instant;
        let due: Vec<HelperId> =
            self.open.iter().filter(|(_, open)| due(open)).map(|(helper, _)| *helper).collect();
        for helper in due {
            self.bring(now, helper, milter::Input::Tick, out);
        }
    }

    /// When to come back.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|open| open.talk.deadline()).min()
    }

    fn bring(&mut self, now: Now, helper: HelperId, input: milter::Input<'_>, out: &mut VecDeque<Output>) {
        let Some(open) = self.open.get_mut(&helper) else { return };
        open.talk.handle(now.instant, input);
        while let Some(output) = open.talk.poll() {
            let errand = match output {
                milter::Output::Say(octets) => Errand::Say(helper, octets),
                milter::Output::Read(from, most) => Errand::Read(helper, open.talk.draft(), from, most),
                milter::Output::Done(outcome) => {
                    let (session, ticket) = (open.session, open.ticket);
                    self.open.remove(&helper);
                    self.by_session.remove(&session);
                    return conclude(helper, (session, ticket), outcome, out);
                }
            };
            out.push_back(Output::Helper(Trade::Milter, errand));
        }
    }
}

fn conclude(
    helper: HelperId,
    (session, ticket): (SessionId, Ticket),
    outcome: Result<milter::Outcome, Fault>,
    out: &mut VecDeque<Output>,
) {
    match outcome {
        Ok(outcome) => {
            out.push_back(Output::Helper(Trade::Milter, Errand::LetGo(helper)));
            let verdict = Verdict::Milted(Box::new(outcome));
            out.push_back(Output::Answer(session, ticket, Answer { verdict }));
        }
        Err(fault) => {
            out.push_back(Output::Helper(Trade::Milter, Errand::End(helper)));
            out.push_back(Output::HelperNote(Trade::Milter, Note::Lost(helper, fault)));
            out.push_back(unanswered(session, ticket));
        }
    }
}

fn unanswered(session: SessionId, ticket: Ticket) -> Output {
    Output::Answer(session, ticket, Answer { verdict: Verdict::NoHelper(Trade::Milter) })
}
