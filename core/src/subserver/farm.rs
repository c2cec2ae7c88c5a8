//! A farm: helpers of one kind and the jobs that wait for them. It has the face of a session: `handle`, `poll`, `deadline`.
//!
//! One helper is always there, or is being started; others are started while more jobs wait than helpers are free, up to a
//! bound, and let go when they have been idle for long. Connections to somebody who has processes of his own are made when
//! there is something to ask, and none is kept for ever. A helper that is late with an answer, dies, or says what it was not
//! asked is ended, for what it says next could be taken for the answer to something else. The next one is started after a
//! pause that doubles with each failure. When failures come one after the other and no helper is left, what waits is
//! told so at once, and what comes too, until one is ready again.

use super::address::Address;
use super::line::{EMPTY, HUNGRY, Request};
use super::worker::{Meant, State, Waiting, Worker};
use crate::now::{Duration, Instant, Now};
use crate::spool::DraftPath;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A job, by a number that is greater than those of all jobs before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// A helper, by its number in its farm; none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HelperId(pub u64);

/// What a farm may use, and for how long.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Helpers at a time, at least one.
    pub helpers_max: usize,
    /// Jobs that wait for a helper; what comes beyond is told so at once.
    pub waiting_max: usize,
    /// From a helper's start to its first `#hungry`.
    pub start_max: Duration,
    /// From the request to the end of the answer.
    pub work_max: Duration,
    /// From the job to its hand-over to a helper: who waits longer is told that too many wait.
    pub wait_max: Duration,
    /// How long a helper may be idle that is not the only one.
    pub idle_max: Duration,
    /// Jobs after which a helper is replaced.
    pub jobs_max: u32,
    /// The pause before a start that follows a failure; it doubles with each further failure.
    pub pause_min: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// Failures in a row after which nobody waits for a helper that is not there.
    pub failures_max: u32,
    /// Whether a line may be one of an answer. A helper that says another one is not asked again.
    pub fits: fn(&[u8]) -> bool,
    /// How helpers and we talk.
    pub talk: Talk,
}

/// How helpers and we talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Talk {
    /// One says `#hungry` when it can be asked, and behind each answer. One is always kept.
    Hungry,
    /// Each is a connection to this place that can be asked as soon as it stands; an empty line ends an answer. One is
    /// made when it is needed. That it is closed on the other side while it is idle is no failure, and what it was asked in
    /// that moment another one is asked, once.
    Paragraphs(Address),
}

/// All that can happen to a farm.
#[derive(Debug)]
pub enum Input<'a> {
    /// Its first moment: the helper that is always there is wanted.
    Opened,
    /// A job, with what a helper is to be told.
    Asked(JobId, Request),
    /// Nobody waits for the answer any more.
    GivenUp(JobId),
    /// The connection to a helper stands.
    Connected(HelperId),
    /// Octets from a helper.
    Said(HelperId, &'a [u8]),
    /// A helper has ended, or could not be started. Harmless for one that the farm has ended.
    Ended(HelperId),
    /// The program is another one now: all helpers are replaced, those at work when they are done.
    Renewed,
    /// The deadline is here.
    Tick,
}

/// What the hands of a farm are to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Start a helper. What it says, and its end, is told under this number.
    Start(HelperId),
    /// Connect to a helper at this place, and tell when that is done. What it says, and its end, is told under this number.
    Connect(HelperId, Address),
    /// Tell a helper these octets.
    Say(HelperId, Vec<u8>),
    /// Read so many octets of this draft's file from this octet on, and tell what they are.
    Read(HelperId, DraftPath, u64, usize),
    /// Close the helper's input, and end it if it does not end by itself soon. Nothing it says counts any more.
    LetGo(HelperId),
    /// End the helper and all that it has started, now. Nothing it says counts any more.
    End(HelperId),
}

/// All that a farm puts out.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Something for its hands.
    Errand(Errand),
    /// The lines of the answer, which may be none; or why there is no answer.
    Answer(JobId, Result<Vec<Vec<u8>>, Fault>),
    /// Something for the log.
    Note(Note),
}

/// Why there is no answer to a job, or what is wrong with a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too many jobs wait, or this one has waited too long for a helper. Nobody has seen it.
    Full,
    /// Helpers fail one after the other.
    NoHelper,
    /// The answer, or the first `#hungry`, did not come in time.
    Late,
    /// The helper ended.
    Died,
    /// The helper spoke without being asked: it and we are out of step.
    Unasked,
    /// The helper said what is no answer.
    Unfit,
    /// A line, or an answer, too long.
    Babble,
}

impl Fault {
    /// What is wrong, in words.
    pub fn text(self) -> &'static str {
        match self {
            Fault::Full => "too many jobs wait",
            Fault::NoHelper => "helpers fail one after the other",
            Fault::Late => "late",
            Fault::Died => "ended",
            Fault::Unasked => "spoke without being asked",
            Fault::Unfit => "said what is no answer",
            Fault::Babble => "said too much",
        }
    }
}

/// Something for the log. What helpers say is printable in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A helper is ready.
    Ready(HelperId),
    /// A helper was lost.
    Lost(HelperId, Fault),
    /// A line that is no line of an answer.
    Unfit(HelperId, Vec<u8>),
    /// An answer that cannot be understood, in words for an operator.
    Nonsense(String),
    /// From now on nobody waits for a helper.
    Broken,
    /// A helper is ready after that.
    Works,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Ready(helper) => write!(f, "helper {} is ready", helper.0),
            Note::Lost(helper, fault) => write!(f, "helper {} is lost: {}", helper.0, fault.text()),
            Note::Unfit(helper, line) => {
                let line = line.escape_ascii().to_string();
                write!(f, "helper {} said what is no answer: {line}", helper.0)
            }
            Note::Nonsense(what) => f.write_str(what),
            Note::Broken => f.write_str("helpers fail one after the other: nobody waits for one any more"),
            Note::Works => f.write_str("works again"),
        }
    }
}

/// A farm.
#[derive(Debug)]
pub struct Farm {
    terms: Terms,
    helpers: BTreeMap<HelperId, Worker>,
    /// In the order in which they were asked.
    waiting: BTreeMap<JobId, Waiting>,
    next: u64,
    /// In a row, without an answer between them.
    failures: u32,
    /// Until then no helper is started.
    pause: Instant,
    /// Nobody waits for a helper: they fail one after the other.
    broken: bool,
    outputs: VecDeque<Output>,
}

impl Farm {
    /// A farm without helpers. Bring [`Input::Opened`] next.
    pub fn new(terms: Terms) -> Farm {
        Farm {
            terms,
            helpers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 1,
            failures: 0,
            pause: Instant::ZERO,
            broken: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. Never fails, never waits.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        let now = now.instant;
        match input {
            Input::Opened | Input::Tick => {}
            Input::Asked(job, request) => self.asked(now, job, request),
            Input::GivenUp(job) => {
                self.waiting.remove(&job);
                for worker in self.helpers.values_mut() {
                    worker.forget(job);
                }
            }
            Input::Connected(helper) => {
                // Who says `#hungry` is ready when that is said.
                let connects = self.connects();
                if self.helpers.get_mut(&helper).is_some_and(|worker| connects && worker.connected(now)) {
                    self.ready(helper);
                }
            }
            Input::Said(helper, octets) => self.said(now, helper, octets),
            Input::Ended(helper) => self.ended(now, helper),
            Input::Renewed => self.renew(),
        }
        self.keep_time(now);
        self.hand_out(now);
        self.staff(now);
        self.invariants();
    }

    /// The next thing to do; call until `None` after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to bring [`Input::Tick`]; `None` when nothing is waited for.
    pub fn deadline(&self) -> Option<Instant> {
        let helpers = self.helpers.values().filter_map(|worker| self.worker_deadline(worker));
        let waiting = self.waiting.values().next().map(|first| first.asked + self.terms.wait_max);
        let pause = (self.wants_helper() && self.may_start()).then_some(self.pause);
        helpers.chain(waiting).chain(pause).min()
    }

    /// Other terms hold from now on. Helpers that are too many by them are let go when they are done.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// Jobs that wait for a helper.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Helpers that can be asked.
    pub fn hungry(&self) -> usize {
        self.helpers.values().filter(|worker| is_hungry(worker)).count()
    }

    /// Helpers, whatever they do.
    pub fn helpers(&self) -> usize {
        self.helpers.len()
    }

    /// Whether helpers fail one after the other.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    fn asked(&mut self, now: Instant, job: JobId, request: Request) {
        if self.broken {
            self.outputs.push_back(Output::Answer(job, Err(Fault::NoHelper)));
        } else if self.waiting.len() >= self.terms.waiting_max {
            self.outputs.push_back(Output::Answer(job, Err(Fault::Full)));
        } else {
            self.waiting.insert(job, Waiting { request, asked: now });
        }
    }

    /// A helper can be asked for the first time.
    fn ready(&mut self, helper: HelperId) {
        self.outputs.push_back(Output::Note(Note::Ready(helper)));
        if core::mem::take(&mut self.broken) {
            self.outputs.push_back(Output::Note(Note::Works));
        }
    }

    /// A helper has ended.
    fn ended(&mut self, now: Instant, helper: HelperId) {
        let Some(worker) = self.helpers.get(&helper) else { return };
        if !self.connects() || !(is_hungry(worker) || worker.may_not_have_heard()) {
            return self.lose(now, helper, Fault::Died, false);
        }
        // Another one is asked, before those that came later: it was asked before them.
        let again = self.helpers.remove(&helper).and_then(Worker::into_job);
        self.waiting.extend(again);
    }

    /// A helper spoke. It is asked again only when all of that was looked at.
    fn said(&mut self, now: Instant, helper: HelperId, octets: &[u8]) {
        let mut rest = octets;
        loop {
            let Some(worker) = self.helpers.get_mut(&helper) else { return };
            let Some(meant) = worker.hear(now, &mut rest, self.terms.fits) else { break };
            match meant {
                Meant::Ready => self.ready(helper),
                Meant::Answer(job, lines) => {
                    if !worker.untrusted {
                        self.failures = 0;
                    }
                    if let Some(job) = job {
                        self.outputs.push_back(Output::Answer(job, Ok(lines)));
                    }
                }
                Meant::Unfit(line) => self.outputs.push_back(Output::Note(Note::Unfit(helper, line))),
                Meant::Broken(fault) => return self.lose(now, helper, fault, true),
            }
        }
        let Some(worker) = self.helpers.get(&helper) else { return };
        if is_hungry(worker) && worker.untrusted {
            self.lose(now, helper, Fault::Unfit, true);
        } else if is_hungry(worker) && (worker.jobs >= self.terms.jobs_max || self.is_overstaffed()) {
            self.helpers.remove(&helper);
            self.outputs.push_back(Output::Errand(Errand::LetGo(helper)));
        }
    }

    /// A helper that cannot be worked with any more.
    fn lose(&mut self, now: Instant, helper: HelperId, fault: Fault, end: bool) {
        let Some(worker) = self.helpers.remove(&helper) else { return };
        if end {
            self.outputs.push_back(Output::Errand(Errand::End(helper)));
        }
        self.outputs.push_back(Output::Note(Note::Lost(helper, fault)));
        if let Some(job) = worker.job() {
            self.outputs.push_back(Output::Answer(job, Err(fault)));
        }
        // Four doublings of the shortest pause are more than the longest one.
        let pause = self.terms.pause_min * 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.pause = now + pause.min(self.terms.pause_max);
        let ready = self.helpers.values().any(|worker| !matches!(worker.state, State::Starting { .. }));
        if self.failures >= self.terms.failures_max && !ready {
            if !core::mem::replace(&mut self.broken, true) {
                self.outputs.push_back(Output::Note(Note::Broken));
            }
            for job in core::mem::take(&mut self.waiting).into_keys() {
                self.outputs.push_back(Output::Answer(job, Err(Fault::NoHelper)));
            }
        }
    }

    fn renew(&mut self) {
        for worker in self.helpers.values_mut() {
            worker.jobs = self.terms.jobs_max;
        }
        let idle: Vec<HelperId> =
            self.helpers.iter().filter(|(_, worker)| is_hungry(worker)).map(|(helper, _)| *helper).collect();
        for helper in idle {
            self.helpers.remove(&helper);
            self.outputs.push_back(Output::Errand(Errand::LetGo(helper)));
        }
        // Another program is another chance.
        self.failures = 0;
        self.pause = Instant::ZERO;
    }

    /// Whatever took too long.
    fn keep_time(&mut self, now: Instant) {
        while let Some(first) = self.waiting.first_entry()
            && first.get().asked + self.terms.wait_max <= now
        {
            let job = *first.key();
            first.remove();
            self.outputs.push_back(Output::Answer(job, Err(Fault::Full)));
        }
        let due: Vec<HelperId> = self
            .helpers
            .iter()
            .filter(|(_, worker)| self.worker_deadline(worker).is_some_and(|deadline| deadline <= now))
            .map(|(helper, _)| *helper)
            .collect();
        for helper in due {
            match self.helpers.get(&helper).map(|worker| &worker.state) {
                Some(State::Starting { .. } | State::Busy { .. }) => {
                    self.lose(now, helper, Fault::Late, true);
                }
                Some(State::Hungry { .. }) if self.may_part() => {
                    self.helpers.remove(&helper);
                    self.outputs.push_back(Output::Errand(Errand::LetGo(helper)));
                }
                Some(State::Hungry { .. }) | None => {}
            }
        }
    }

    fn worker_deadline(&self, worker: &Worker) -> Option<Instant> {
        let terms = &self.terms;
        match &worker.state {
            State::Starting { since } => Some(*since + terms.start_max),
            State::Hungry { since } => self.may_part().then(|| *since + terms.idle_max),
            State::Busy { since, .. } => Some(*since + terms.work_max),
        }
    }

    /// Gives jobs to helpers. Who came first stays busy, so that those who are needed seldom become idle.
    fn hand_out(&mut self, now: Instant) {
        while !self.waiting.is_empty()
            && let Some((&helper, worker)) = self.helpers.iter_mut().find(|(_, worker)| is_hungry(worker))
            && let Some((job, waiting)) = self.waiting.pop_first()
        {
            self.outputs.push_back(Output::Errand(Errand::Say(helper, waiting.request.octets().to_vec())));
            worker.ask(now, job, waiting);
        }
    }

    /// Starts helpers that are wanted.
    fn staff(&mut self, now: Instant) {
        while self.wants_helper() && self.may_start() && self.pause <= now {
            let helper = HelperId(self.next);
            self.next += 1;
            let (end, errand) = match &self.terms.talk {
                Talk::Hungry => (HUNGRY, Errand::Start(helper)),
                Talk::Paragraphs(address) => (EMPTY, Errand::Connect(helper, address.clone())),
            };
            self.helpers.insert(helper, Worker::starting(now, end));
            assert!(!self.is_overstaffed(), "more helpers than are allowed");
            self.outputs.push_back(Output::Errand(errand));
        }
    }

    fn is_overstaffed(&self) -> bool {
        self.helpers.len() > self.terms.helpers_max.max(1)
    }

    /// One is always wanted; more while more jobs wait than helpers come. A connection is wanted for a job only, or to
    /// find out whether it can be made again.
    fn wants_helper(&self) -> bool {
        let room = self.helpers.len() < self.terms.helpers_max.max(1);
        let first = self.helpers.is_empty() && (self.broken || !self.connects());
        room && (first || self.waiting.len() > self.starting())
    }

    /// Whether helpers are connections that are made when they are needed.
    fn connects(&self) -> bool {
        matches!(self.terms.talk, Talk::Paragraphs(_))
    }

    /// Whether a helper that is idle for long need not be kept.
    fn may_part(&self) -> bool {
        self.helpers.len() > 1 || self.connects()
    }

    /// After a failure they are tried one at a time.
    fn may_start(&self) -> bool {
        self.failures == 0 || self.starting() == 0
    }

    fn starting(&self) -> usize {
        self.helpers.values().filter(|worker| matches!(worker.state, State::Starting { .. })).count()
    }

    fn invariants(&self) {
        assert!(self.waiting.len() <= self.terms.waiting_max, "more jobs wait than may");
        assert!(!self.broken || self.waiting.is_empty(), "somebody waits for helpers that fail");
        assert!(self.waiting.is_empty() || self.hungry() == 0, "jobs wait while a helper is hungry");
    }
}

fn is_hungry(worker: &Worker) -> bool {
    matches!(worker.state, State::Hungry { .. })
}
