//! The farms of the server: which question waits for which job, and what an answer, or none, means for the session that
//! asked. Nothing that a helper has not seen is ever accepted: without an answer a message is frozen or comes again, and an
//! address comes again.

use super::Output;
use crate::config::choices::{FilterFailure, Helpers as Wish};
use crate::limits;
use crate::now::{Instant, Now};
use crate::peer::SessionId;
use crate::policy::{Answer, Ticket, Verdict};
use crate::reply::Words;
use crate::subserver::Output as FarmOutput;
use crate::subserver::filter::{self, Fate, Sentence};
use crate::subserver::{
    Address, Farm, Fault, HelperId, Input, JobId, Note, Request, ServiceId, Talk, Terms, Trade,
    policy_service, router,
};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;

/// Under which code a message is frozen that the filter has not judged (manual, CONTENTFILTER INTERFACE).
const UNJUDGED: u32 = 1;

/// How helpers of a trade come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staff {
    /// Each is a process that we start: there are as many as the operator allows.
    Processes,
    /// Each is a connection to somebody who has processes of his own.
    Connections,
}

/// What the hands tell of helpers.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// Helpers of this trade can be started from now on.
    Open(Staff),
    /// The connection to a helper stands.
    Connected(HelperId),
    /// Octets from a helper.
    Said(HelperId, Vec<u8>),
    /// Octets of a draft's file; `None` when it cannot be read.
    Piece(HelperId, Option<Vec<u8>>),
    /// A helper has ended, or could not be started.
    Ended(HelperId),
    /// The program is another one now.
    Renewed,
}

/// Who waits for a job.
#[derive(Debug)]
struct Asker {
    trade: Trade,
    session: SessionId,
    ticket: Ticket,
    failure: FilterFailure,
}

/// The farms and their jobs.
#[derive(Debug, Default)]
pub(super) struct Helpers {
    farms: BTreeMap<Trade, (Staff, Farm)>,
    jobs: BTreeMap<JobId, Asker>,
    /// A session asks one thing at a time.
    by_session: BTreeMap<SessionId, JobId>,
    serial: u64,
    /// The policy services that were asked something.
    services: BTreeMap<Address, ServiceId>,
    services_made: u32,
}

impl Helpers {
    /// The hands have something to tell.
    pub(super) fn heard(
        &mut self,
        now: Now,
        wish: &Wish,
        trade: Trade,
        news: News,
        out: &mut VecDeque<Output>,
    ) {
        match news {
            News::Open(staff) => {
                let farm = Farm::new(terms(trade, staff, wish));
                self.farms.insert(trade, (staff, farm));
                self.bring(now, trade, Input::Opened, out);
            }
            News::Connected(helper) => self.bring(now, trade, Input::Connected(helper), out),
            News::Said(helper, octets) => self.bring(now, trade, Input::Said(helper, &octets), out),
            // No farm reads files.
            News::Piece(..) => {}
            News::Ended(helper) => self.bring(now, trade, Input::Ended(helper), out),
            News::Renewed => self.bring(now, trade, Input::Renewed, out),
        }
    }

    /// The farm of connections to a policy service. It is made when the service is first asked something.
    pub(super) fn service_at(&mut self, address: &Address) -> Trade {
        if let Some(service) = self.services.get(address) {
            return Trade::Policy(*service);
        }
        self.services_made += 1;
        let service = ServiceId(self.services_made);
        self.services.insert(address.clone(), service);
        let farm = Farm::new(service_terms(address));
        self.farms.insert(Trade::Policy(service), (Staff::Connections, farm));
        Trade::Policy(service)
    }

    /// A session asks for something that a helper must know. `None` for what cannot be said.
    pub(super) fn ask(
        &mut self,
        now: Now,
        trade: Trade,
        (session, ticket): (SessionId, Ticket),
        request: Option<Request>,
        failure: FilterFailure,
        out: &mut VecDeque<Output>,
    ) {
        let asker = Asker { trade, session, ticket, failure };
        // Whatever it asked before it does not wait for any more.
        self.forget(now, session, out);
        let Some(request) = request.filter(|_| self.farms.contains_key(&trade)) else {
            return out.push_back(asker.answer(Err(Fault::NoHelper)));
        };
        self.serial += 1;
        let job = JobId(self.serial);
        self.jobs.insert(job, asker);
        self.by_session.insert(session, job);
        self.bring(now, trade, Input::Asked(job, request), out);
    }

    /// The session is over, or does not wait any more.
    pub(super) fn forget(&mut self, now: Now, session: SessionId, out: &mut VecDeque<Output>) {
        let Some(job) = self.by_session.remove(&session) else { return };
        if let Some(asker) = self.jobs.remove(&job) {
            self.bring(now, asker.trade, Input::GivenUp(job), out);
        }
    }

    /// Other settings hold.
    pub(super) fn reconfigure(&mut self, now: Now, wish: &Wish, out: &mut VecDeque<Output>) {
        for trade in self.trades() {
            if let Some((staff, farm)) = self.farms.get_mut(&trade)
                && !matches!(trade, Trade::Policy(_))
            {
                farm.set_terms(terms(trade, *staff, wish));
            }
            // A reload is when an operator expects a new program to be taken up.
            self.bring(now, trade, Input::Renewed, out);
        }
        // Services that nobody is connected to any more: who still has them in its settings makes them anew.
        let idle = |farms: &BTreeMap<Trade, (Staff, Farm)>, service: ServiceId| {
            let farm = farms.get(&Trade::Policy(service));
            farm.is_none_or(|(_, farm)| farm.helpers() == 0 && farm.waiting() == 0)
        };
        self.services.retain(|_, service| !idle(&self.farms, *service));
        let services: Vec<ServiceId> = self.services.values().copied().collect();
        self.farms.retain(|trade, _| match trade {
            Trade::Router | Trade::Filter | Trade::Milter => true,
            Trade::Policy(service) => services.contains(service),
        });
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Now, out: &mut VecDeque<Output>) {
        for trade in self.trades() {
            if self.farms.get(&trade).is_some_and(|(_, farm)| farm.deadline() <= Some(now.instant)) {
                self.bring(now, trade, Input::Tick, out);
            }
        }
    }

    /// The trades of all farms.
    pub(super) fn trades(&self) -> Vec<Trade> {
        self.farms.keys().copied().collect()
    }

    /// When to come back.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.farms.values().filter_map(|(_, farm)| farm.deadline()).min()
    }

    /// The farm of a trade.
    pub(super) fn farm(&self, trade: Trade) -> Option<&Farm> {
        self.farms.get(&trade).map(|(_, farm)| farm)
    }

    fn bring(&mut self, now: Now, trade: Trade, input: Input<'_>, out: &mut VecDeque<Output>) {
        let Some((_, farm)) = self.farms.get_mut(&trade) else { return };
        farm.handle(now, input);
        while let Some(output) = farm.poll() {
            match output {
                FarmOutput::Errand(errand) => out.push_back(Output::Helper(trade, errand)),
                FarmOutput::Note(note) => out.push_back(Output::HelperNote(trade, note)),
                FarmOutput::Answer(job, answer) => {
                    let Some(asker) = self.jobs.remove(&job) else { continue };
                    self.by_session.remove(&asker.session);
                    out.extend(asker.complaint(&answer).map(|note| Output::HelperNote(trade, note)));
                    out.push_back(asker.answer(answer));
                }
            }
        }
    }
}

impl Asker {
    /// What an operator must know of an answer that means nothing.
    fn complaint(&self, answer: &Result<Vec<Vec<u8>>, Fault>) -> Option<Note> {
        let Trade::Policy(_) = self.trade else { return None };
        let what = policy_service::action(answer.as_ref().ok()?).err()?;
        Some(Note::Nonsense(format!("answered with an action that is not known: {what}")))
    }

    fn answer(&self, answer: Result<Vec<Vec<u8>>, Fault>) -> Output {
        let verdict = match self.trade {
            Trade::Router => match answer.ok().and_then(|lines| router::words(&lines)) {
                Some(words) => Verdict::Routed(Box::new(words)),
                None => Verdict::NoHelper(Trade::Router),
            },
            Trade::Policy(_) => match answer.ok().and_then(|lines| policy_service::action(&lines).ok()) {
                Some(action) => Verdict::Action(Box::new(action)),
                None => Verdict::NoHelper(self.trade),
            },
            // No farm has milters.
            Trade::Milter => Verdict::NoHelper(Trade::Milter),
            // All filters are busy: nothing is wrong with them, nor with the message, which may come again.
            Trade::Filter if answer == Err(Fault::Full) => Verdict::NoHelper(Trade::Filter),
            Trade::Filter => match (answer.ok().and_then(|lines| filter::sentence(&lines)), self.failure) {
                (Some(sentence), _) => Verdict::Judged(Box::new(sentence)),
                (None, FilterFailure::Freeze) => {
                    let fate = Fate::Frozen(UNJUDGED);
                    Verdict::Judged(Box::new(Sentence { fate, words: Words::default() }))
                }
                (None, FilterFailure::Defer) => Verdict::NoHelper(Trade::Filter),
            },
        };
        Output::Answer(self.session, self.ticket, Answer { verdict })
    }
}

fn service_terms(address: &Address) -> Terms {
    Terms {
        helpers_max: limits::POLICY_SERVICE_CONNECTIONS_MAX,
        work_max: limits::POLICY_SERVICE_WORK_MAX,
        wait_max: limits::POLICY_SERVICE_QUEUE_MAX,
        idle_max: limits::POLICY_SERVICE_IDLE_MAX,
        jobs_max: limits::POLICY_SERVICE_REQUESTS_MAX,
        fits: policy_service::fits,
        talk: Talk::Paragraphs(address.clone()),
        ..terms(Trade::Router, Staff::Connections, &Wish::default())
    }
}

fn terms(trade: Trade, staff: Staff, wish: &Wish) -> Terms {
    let (helpers, wait_max, work_max, fits): (u8, _, _, fn(&[u8]) -> bool) = match trade {
        Trade::Filter => (wish.filters_max, limits::FILTER_QUEUE_MAX, limits::FILTER_WORK_MAX, filter::fits),
        Trade::Router | Trade::Policy(_) | Trade::Milter => {
            (wish.routers_max, limits::ROUTER_QUEUE_MAX, limits::ROUTER_WORK_MAX, router::fits)
        }
    };
    Terms {
        helpers_max: match staff {
            Staff::Processes => usize::from(helpers),
            Staff::Connections => limits::FILTER_CONNECTIONS_MAX,
        },
        waiting_max: limits::HELPER_JOBS_WAITING_MAX,
        start_max: limits::HELPER_START_MAX,
        wait_max,
        work_max,
        idle_max: limits::HELPER_IDLE_MAX,
        jobs_max: limits::HELPER_JOBS_MAX,
        pause_min: limits::HELPER_PAUSE_MIN,
        pause_max: limits::HELPER_PAUSE_MAX,
        failures_max: limits::HELPER_FAILURES_MAX,
        fits,
        talk: Talk::Hungry,
    }
}
