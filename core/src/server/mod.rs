//! The many: what all sessions share. Admission of connections, answers to questions, group commit, free space.
//! The same face as a session: `handle`, `poll`, `deadline`. It knows no octets of a dialogue.

pub mod admission;
pub mod auth_window;
pub mod commit;
mod handshakes;
mod helpers;
pub mod judge;
mod logins;
mod milters;
pub mod rate_window;
pub mod report;
mod solo;
pub(crate) mod table;
pub mod tarpit;

use crate::auth::{Advice, Attempt, Check, Finding, LoggedIn, UserName};
use crate::config::Settings;
use crate::dns;
use crate::limits::SPACE_AGE_MAX;
use crate::now::{Instant, Now};
use crate::peer::{Peer, SessionId, Source};
use crate::policy::evaluate::same_source_max;
use crate::policy::{Answer, Question, ReportClaim, Space, Ticket, Verdict};
use crate::spool::{Report, SpoolFault, Stored};
use crate::subserver::policy_service::Attributes;
use crate::subserver::router::Function;
use crate::subserver::{Errand, Farm, Note, Request, ServiceId, Trade, filter, router};
use admission::{Admission, Limit};
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use auth_window::{AuthWindows, FAILURES_MIN};
use commit::{Commits, Publication};
use handshakes::Handshakes;
use helpers::Helpers;
pub use helpers::{News, Staff};
use judge::{Judge, LookUp};
use logins::Logins;
use milters::Milters;
use rate_window::{Key, RateWindows};
use report::Windows;
pub use solo::Solo;

/// All that can happen to the server.
#[derive(Debug)]
pub enum Input {
    /// A connection was accepted. The answer is [`Output::Welcome`], [`Output::TurnAway`] or [`Output::Drop`],
    /// at once.
    Connected(Arc<Peer>),
    /// The same, by a door that has settings of its own for its sessions. What is counted over the whole process still
    /// goes by the server's.
    ConnectedTo(Arc<Peer>, Arc<Settings>),
    /// A welcomed session, or a connection that was turned away, is closed; each is said once.
    Disconnected(SessionId),
    /// A session asks.
    Asked(SessionId, Ticket, Question),
    /// The hands have something to tell of helpers of this trade.
    Helper(Trade, News),
    /// The deadline is here.
    Tick,
    /// The hands have looked something up ([`Output::Look`]), or could not. Late and repeated answers do no harm.
    Looked(LookUp, dns::Answer),
    /// A session wants to know whether what a client at this source claims is true.
    Inquired(SessionId, Ticket, Source, Check),
    /// A session wants to know whether a client at this source, whose certificate names this user, may log in.
    Certified(SessionId, Ticket, Source, UserName),
    /// The hands have carried out [`Output::Check`].
    Checked(SessionId, Ticket, Finding),
    /// A session tells of a login that was tried or has passed.
    Attempted(SessionId, Attempt),
    /// A session orders its draft to be committed.
    CommitOrdered(SessionId),
    /// The hands have carried out [`Output::Sync`] for this session.
    Synced(SessionId, Result<Stored, SpoolFault>),
    /// The hands have carried out [`Output::Publish`]: for each session of the batch, in any order, what became of it.
    Published(Publication, Vec<(SessionId, Result<Stored, SpoolFault>)>),
    /// The hands have measured free space: kibibytes, or `None` when they could not.
    SpaceMeasured(Option<u64>),
    /// New settings for what comes from now on.
    Reconfigured(Arc<Settings>),
}

/// All that the server asks of its hands.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// The connection just accepted becomes this session.
    Welcome(SessionId),
    /// The connection just accepted becomes no session: write these octets, give the client a moment to read
    /// them and to close (the ancestor gave 2 s), close, then say [`Input::Disconnected`]. Until then it counts
    /// towards the limits above which nobody is told anything.
    TurnAway(SessionId, Vec<u8>, Limit),
    /// The connection just accepted is closed at once, without a word. Nothing more is said about it.
    Drop(Limit),
    /// What led to the answer that comes next, a line for each step; only where the session's settings want it.
    Reasoned(SessionId, Vec<String>),
    /// Bring this answer to the session.
    Answer(SessionId, Ticket, Answer),
    /// Do this with a helper of this trade; then say what comes of it ([`Input::Helper`]).
    Helper(Trade, Errand),
    /// Something for the log about helpers of this trade.
    HelperNote(Trade, Note),
    /// Ask the domain name system; then say [`Input::Looked`], [`dns::Trouble::Timeout`] at the latest when it is
    /// `until`.
    Look {
        /// What the answer belongs to.
        look_up: LookUp,
        /// What is asked.
        question: dns::Question,
        /// When an answer is of no use any more.
        until: Instant,
    },
    /// Ask the back end of this session; then say [`Input::Checked`] with the same ticket. When the session is over or
    /// asks something else, the answer is not wanted any more.
    Check(SessionId, Ticket, Check),
    /// Bring this to the session.
    Advise(SessionId, Ticket, Advice),
    /// Write what is left of this session's draft and sync its file; then say [`Input::Synced`]. Where a name that
    /// survives a crash proves that the octets do, the hands may give it before that, once the octets were written out.
    Sync(SessionId),
    /// See to it that these sessions' synced files have their names in the router's directory and that it was synced after
    /// that, once for as many as possible; then say [`Input::Published`]. A few batches are under way at a time.
    Publish(Publication, Vec<(SessionId, Stored)>),
    /// Bring this report to the session.
    Report(SessionId, Report),
    /// Measure free space; then say [`Input::SpaceMeasured`].
    MeasureSpace,
}

/// Everything shared. One for a process.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    admission: Admission,
    handshakes: Handshakes,
    commits: Commits,
    logins: Logins,
    free_kib: Option<u64>,
    measured_at: Option<Instant>,
    measuring: bool,
    serial: u64,
    judge: Judge,
    helpers: Helpers,
    milters: Milters,
    outputs: VecDeque<Output>,
}

impl Server {
    /// A server without sessions.
    pub fn new(settings: Arc<Settings>) -> Server {
        Server {
            commits: Commits::new(settings.limits.parallel_syncs_max),
            admission: Admission::default(),
            logins: Logins::default(),
            handshakes: Handshakes::default(),
            settings,
            free_kib: None,
            measured_at: None,
            measuring: false,
            serial: 0,
            judge: Judge::default(),
            helpers: Helpers::default(),
            milters: Milters::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. Never fails, never waits.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Connected(peer) => self.connected(now, peer, self.settings.clone()),
            Input::ConnectedTo(peer, settings) => self.connected(now, peer, settings),
            Input::Disconnected(session) => {
                self.admission.leave(session);
                self.judge.leave(session);
                self.helpers.forget(now, session, &mut self.outputs);
                self.milters.forget(session, &mut self.outputs);
                self.logins.forget(session);
            }
            Input::Asked(session, ticket, Question::Report(claim)) => {
                let verdict = self.report(now, session, &claim);
                self.answer(session, ticket, verdict);
            }
            Input::Asked(session, ticket, Question::Client { peer }) => {
                self.logins.forget(session);
                let verdict = self.relabelled(session, &peer);
                self.answer(session, ticket, verdict);
            }
            Input::Asked(session, ticket, Question::Handshake { peer }) => {
                let most = self.settings.limits.handshakes_max;
                let may = self.handshakes.may_begin(peer.source(), now.instant, most);
                let verdict = if may { Verdict::Accept } else { Verdict::Busy };
                self.answer(session, ticket, verdict);
            }
            Input::Asked(session, ticket, Question::Router { function, argument }) => {
                let argument = match function {
                    Function::Hello => router::hello(&argument, self.judge.client_name(session)),
                    Function::From | Function::To | Function::Verify | Function::Expand => argument,
                };
                let line = router::request(function, &argument);
                let asker = (session, ticket);
                self.ask_helper(now, Trade::Router, asker, line);
            }
            Input::Asked(session, ticket, Question::Delegated(attributes)) => {
                self.delegate(now, (session, ticket), &attributes);
            }
            Input::Asked(session, ticket, Question::Content { draft: Some(draft), .. })
                if self.space().has_room_for(0) =>
            {
                self.measure_when_stale(now);
                let line = filter::request(draft.as_str());
                self.ask_helper(now, Trade::Filter, (session, ticket), line);
            }
            Input::Asked(session, ticket, Question::Milter(facts)) => {
                let address = self.settings_of(session).helpers.milters.get(facts.milter).cloned();
                let name = self.judge.client_name(session).map(Into::into);
                self.milters.ask(now, (session, ticket), address, (*facts, name), &mut self.outputs);
            }
            Input::Helper(Trade::Milter, news) => self.milters.heard(now, &news, &mut self.outputs),
            Input::Helper(trade, news) => {
                self.helpers.heard(now, &self.settings.helpers, trade, news, &mut self.outputs);
            }
            Input::Tick => {
                self.helpers.tick(now, &mut self.outputs);
                self.milters.tick(now, &mut self.outputs);
            }
            Input::Asked(session, ticket, question) => {
                self.measure_when_stale(now);
                if matches!(question, Question::Sender { .. }) && self.lacks_login(session) {
                    return self.answer(session, ticket, Verdict::LoginFirst);
                }
                let space = self.space();
                self.judge.ask(now, (session, ticket), question, space, &mut self.outputs);
            }
            Input::Looked(look_up, answer) => {
                let space = self.space();
                self.judge.looked(now, look_up, answer, space, &mut self.outputs);
            }
            Input::Inquired(session, ticket, source, check) => {
                let limit = self.settings_of(session).auth.failures_max;
                let claim = (source, check);
                self.logins.inquired(session, ticket, claim, (now.instant, limit), &mut self.outputs);
            }
            Input::Certified(session, ticket, source, user) => {
                let limit = self.settings_of(session).auth.failures_max;
                let claim = (source, user);
                self.logins.certified(session, ticket, claim, (now.instant, limit), &mut self.outputs);
            }
            Input::Checked(session, ticket, finding) => {
                self.logins.checked(session, ticket, finding, now.instant, &mut self.outputs);
            }
            Input::Attempted(session, attempt) => {
                if let Attempt::Passed(logged_in) = &attempt {
                    self.judge.log_in(session, logged_in);
                }
                self.logins.attempted(session, attempt, now.instant);
            }
            Input::CommitOrdered(session) => self.commits.order(session, &mut self.outputs),
            Input::Synced(session, result) => self.commits.synced(session, result, &mut self.outputs),
            Input::Published(publication, results) => {
                self.commits.published(publication, results, &mut self.outputs);
            }
            Input::SpaceMeasured(free_kib) => {
                self.free_kib = free_kib;
                self.measured_at = Some(now.instant);
                self.measuring = false;
            }
            Input::Reconfigured(settings) => {
                self.commits.set_parallel_max(settings.limits.parallel_syncs_max);
                self.settings = settings;
                self.helpers.reconfigure(now, &self.settings.helpers, &mut self.outputs);
            }
        }
    }

    /// The next thing to do; call until `None` after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to bring [`Input::Tick`]: the server itself waits for its helpers only.
    pub fn deadline(&self) -> Option<Instant> {
        [self.helpers.deadline(), self.milters.deadline()].into_iter().flatten().min()
    }

    /// The trades of all farms.
    pub fn trades(&self) -> Vec<Trade> {
        self.helpers.trades()
    }

    /// The farm of a trade, if helpers of it can be started.
    pub fn farm(&self, trade: Trade) -> Option<&Farm> {
        self.helpers.farm(trade)
    }

    fn answer(&mut self, session: SessionId, ticket: Ticket, verdict: Verdict) {
        self.outputs.push_back(Output::Answer(session, ticket, Answer { verdict }));
    }

    fn ask_helper(&mut self, now: Now, trade: Trade, asker: (SessionId, Ticket), request: Option<Request>) {
        let failure = self.settings_of(asker.0).helpers.filter_failure;
        self.helpers.ask(now, trade, asker, request, failure, &mut self.outputs);
    }

    /// Asks the policy service of a session's settings.
    fn delegate(&mut self, now: Now, asker: (SessionId, Ticket), attributes: &Attributes) {
        let request = attributes.request(self.judge.client_name(asker.0));
        match self.settings_of(asker.0).helpers.policy_service.clone() {
            Some(address) => {
                let trade = self.helpers.service_at(&address);
                self.ask_helper(now, trade, asker, request);
            }
            None => self.answer(asker.0, asker.1, Verdict::NoHelper(Trade::Policy(ServiceId::default()))),
        }
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> u32 {
        self.admission.total()
    }

    /// Questions of sessions that wait for what is being looked up.
    pub fn waiting(&self) -> usize {
        self.judge.open()
    }

    /// What is known of sources and users, for a report.
    pub fn windows(&mut self) -> Windows<'_> {
        Windows { rates: self.judge.rates_mut(), failures: self.logins.windows() }
    }

    /// How much mail each source and user has sent.
    pub fn rates(&self) -> &RateWindows {
        self.judge.rates()
    }

    /// The same, to be asked for a report, or to be filled with what was known before.
    pub fn rates_mut(&mut self) -> &mut RateWindows {
        self.judge.rates_mut()
    }

    /// The settings of the whole process, and of sessions that come by no door of their own.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The settings with which a session began; those of the whole process when it is not known.
    pub fn settings_of(&self, session: SessionId) -> &Arc<Settings> {
        self.judge.settings_of(session).unwrap_or(&self.settings)
    }

    /// Who has logged in, in this session.
    pub fn logged_in(&self, session: SessionId) -> Option<&LoggedIn> {
        self.logins.of(session)
    }

    /// Logins that have failed within the hour, for reports.
    pub fn auth_windows(&mut self) -> &mut AuthWindows {
        self.logins.windows()
    }

    fn connected(&mut self, now: Now, peer: Arc<Peer>, settings: Arc<Settings>) {
        // A proxy that will say for whom it speaks is nobody's source: only the total counts until then.
        let between = settings.manners.xclient_from.contain(peer.client.ip());
        let source = (!between).then(|| peer.source());
        let most = self.same_source_max(&peer, &settings);
        let output = match self.admission.judge(&self.settings.limits, source, most) {
            admission::Decision::Welcome => {
                let session = self.next_id(now);
                self.admission.enter(session, source);
                self.judge.enter(session, peer, settings);
                Output::Welcome(session)
            }
            admission::Decision::TurnAway(limit) => {
                let session = self.next_id(now);
                self.admission.turn_away(session, source);
                let reply = crate::reply::catalog::too_many_connections(&settings.host);
                Output::TurnAway(session, reply.encode(false), limit)
            }
            admission::Decision::Drop(limit) => Output::Drop(limit),
        };
        self.outputs.push_back(output);
    }

    /// A proxy has told whose connection this is: it counts as if it came from there.
    fn relabelled(&mut self, session: SessionId, peer: &Arc<Peer>) -> Verdict {
        let source = Some(peer.source());
        self.admission.leave(session);
        self.judge.is_another(session, peer);
        let settings = self.settings_of(session).clone();
        let most = self.same_source_max(peer, &settings);
        match self.admission.judge(&self.settings.limits, source, most) {
            admission::Decision::Welcome => {
                self.admission.enter(session, source);
                Verdict::Accept
            }
            // It costs nothing more to tell it.
            admission::Decision::TurnAway(_) | admission::Decision::Drop(_) => {
                self.admission.turn_away(session, source);
                Verdict::TurnAway
            }
        }
    }

    /// Whether mail is taken of this session only after a login: networks that the rules trust need none.
    fn lacks_login(&self, session: SessionId) -> bool {
        self.settings_of(session).wants_login()
            && self.logins.of(session).is_none()
            && !self.judge.is_trusted(session)
    }

    /// How many connections there may be from where this client is: as its rules say, or else as for everybody.
    fn same_source_max(&mut self, peer: &Peer, settings: &Arc<Settings>) -> u32 {
        let rules = self.judge.rules(settings);
        same_source_max(&rules, peer.client.ip()).unwrap_or(self.settings.limits.same_source_max)
    }

    /// The report for whoever has a right to it. A failure counts as one to log in does, so that nobody guesses for long;
    /// and who has failed too often is not listened to any more.
    fn report(&mut self, now: Now, session: SessionId, claim: &ReportClaim) -> Verdict {
        let settings = self.settings_of(session).clone();
        let source = Key::Source(claim.peer.source());
        let most = settings.auth.failures_max.max(FAILURES_MIN);
        let ReportClaim { peer, is_private, wish } = claim;
        let may_try = *is_private && !self.logins.windows().over(source, now.instant, most);
        let auth = settings.report_auth.as_ref().filter(|_| may_try);
        if !auth.is_some_and(|auth| auth.admits(&wish.user, &wish.password, peer.client.ip())) {
            self.logins.windows().failed(source, now.instant);
            return Verdict::Report(None);
        }
        Verdict::Report(Some(self.windows().report(wish.about, now)))
    }

    fn space(&self) -> Space {
        Space { free_kib: self.free_kib, free_kib_min: self.settings.limits.free_kib_min }
    }

    fn next_id(&mut self, now: Now) -> SessionId {
        self.serial += 1;
        SessionId { began: now.wall.seconds(), serial: self.serial }
    }

    fn measure_when_stale(&mut self, now: Now) {
        let stale = self.measured_at.is_none_or(|at| now.instant.since(at) >= SPACE_AGE_MAX);
        if stale && !self.measuring {
            self.measuring = true;
            self.outputs.push_back(Output::MeasureSpace);
        }
    }
}
