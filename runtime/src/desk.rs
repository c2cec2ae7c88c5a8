//! The desk: where sessions and the one `Server` meet. It owns the server, delivers what the server says, and keeps
//! the drafts whose commit is under way.
//!
//! The server sits behind a mutex and not in a task of its own: it never waits and needs microseconds, so a lock costs
//! less than waking another task for each question would. Nothing is awaited, written or dropped under the lock.
//!
//! What a session acquires here (its place, its draft) is held by its [`Seat`] and given back when that is dropped,
//! whatever ended the session.

mod books;

use crate::auth::BackEnds;
use crate::clock::Clock;
use crate::journal::{Journal, Work};
use crate::limits::{ALARM_WAIT_MAX, ARRIVALS_MAX, handshakes_at_once};
use crate::mailbox::DraftNumber;
use crate::names::{self, Names};
use crate::recorder::Recorder;
use crate::seat::Seat;
use crate::spool::{Published, Spool, Task};
use crate::subserver::{self, Foreman};
use books::{Books, Entry, Errands};
use smtpserver_core::auth::{Attempt, Check, Finding, UserName};
use smtpserver_core::dns;
use smtpserver_core::policy::{Answer, Question, Ticket};
use smtpserver_core::server::commit::Publication;
use smtpserver_core::server::judge::LookUp;
use smtpserver_core::server::rate_window::Key;
use smtpserver_core::server::report::Tracked;
use smtpserver_core::server::{Input, News};
use smtpserver_core::spool::{SpoolFault, Stored};
use smtpserver_core::subserver::Trade;
use smtpserver_core::{Instant, Now, Peer, SessionId, Settings, Source};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What becomes of a connection.
pub enum Admission<S: Spool> {
    /// It becomes a session with these settings.
    Welcome(Arc<Settings>, Seat<S>),
    /// It is closed after these octets. The presence is to be kept until then.
    TurnAway(Vec<u8>, Presence<S>),
    /// It is closed at once.
    Drop,
}

/// A connection counts as present while this lives.
pub struct Presence<S: Spool> {
    desk: Arc<Desk<S>>,
    session: SessionId,
}

impl<S: Spool> Presence<S> {
    /// The desk.
    pub(crate) fn desk(&self) -> &Arc<Desk<S>> {
        &self.desk
    }

    /// Under which number it counts.
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }
}

impl<S: Spool> Drop for Presence<S> {
    fn drop(&mut self) {
        self.desk.leave(self.session);
    }
}

/// The desk. One for a process.
pub struct Desk<S: Spool> {
    spool: S,
    clock: Arc<dyn Clock>,
    journal: Arc<dyn Journal>,
    recorder: Option<Recorder>,
    names: Mutex<Option<Arc<dyn Names>>>,
    foreman: OnceLock<Arc<dyn Foreman>>,
    /// Rings when the server wants to be called earlier than it said before.
    alarm: Notify,
    /// In microseconds, when it is to be called; [`u64::MAX`] when nobody has said so.
    alarm_at: AtomicU64,
    back_ends: BackEnds,
    books: Mutex<Books<S::Draft>>,
    emptied: Notify,
    panics: AtomicU64,
    arrivals: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

impl<S: Spool> Desk<S> {
    /// A desk without sessions.
    pub fn new(
        settings: Arc<Settings>,
        spool: S,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
    ) -> Arc<Desk<S>> {
        Desk::recording(settings, spool, clock, journal, None)
    }

    /// A desk without sessions; those to come are recorded if there is a recorder.
    pub fn recording(
        settings: Arc<Settings>,
        spool: S,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
        recorder: Option<Recorder>,
    ) -> Arc<Desk<S>> {
        Arc::new(Desk {
            spool,
            clock,
            journal,
            recorder,
            names: Mutex::new(None),
            foreman: OnceLock::new(),
            alarm: Notify::new(),
            alarm_at: AtomicU64::new(u64::MAX),
            back_ends: BackEnds::default(),
            books: Mutex::new(Books::new(settings)),
            emptied: Notify::new(),
            panics: AtomicU64::new(0),
            arrivals: Arc::new(Semaphore::new(ARRIVALS_MAX)),
            handshakes: Arc::new(Semaphore::new(handshakes_at_once())),
        })
    }

    /// From now on this is who is asked for names; before, nobody was, and none was known.
    pub fn asks(&self, names: Arc<dyn Names>) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Some(names);
    }

    /// From now on this is who does errands with helpers; before, there were none. Said once.
    pub fn employs(&self, foreman: Arc<dyn Foreman>) {
        // A second one would be told half of everything.
        assert!(self.foreman.set(foreman).is_ok(), "there is one foreman");
    }

    /// There is something to tell of helpers.
    pub fn helper(self: &Arc<Self>, trade: Trade, news: News) {
        let errands = self.books().bring(self.now(), Input::Helper(trade, news));
        self.run(errands);
    }

    /// Calls the server whenever it wants to be called; never returns.
    pub async fn keep_time(self: Arc<Self>) {
        loop {
            let deadline = self.books().deadline();
            self.alarm_at.store(deadline.map_or(u64::MAX, Instant::micros), Ordering::Relaxed);
            let wait = deadline.map_or(ALARM_WAIT_MAX, |at| at.since(self.now().instant).min(ALARM_WAIT_MAX));
            // Rounded up, so that it is not called for nothing.
            let wait = wait + Duration::from_millis(1);
            if tokio::time::timeout(wait, self.alarm.notified()).await.is_err() {
                let errands = self.books().bring(self.now(), Input::Tick);
                self.run(errands);
            }
        }
    }

    pub(crate) fn names(&self) -> Option<Arc<dyn Names>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spool.
    pub fn spool(&self) -> &S {
        &self.spool
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Where events are written down.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// What records the sessions, if they are recorded.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Who knows users.
    pub fn back_ends(&self) -> &BackEnds {
        &self.back_ends
    }

    /// A place for a connection whose client is not known yet, until it is dropped; none when too many have one.
    pub(crate) fn arriving(self: &Arc<Self>) -> Option<OwnedSemaphorePermit> {
        self.arrivals.clone().try_acquire_owned().ok()
    }

    /// Whose turn it is to compute a TLS handshake.
    pub(crate) fn handshakes(&self) -> &Arc<Semaphore> {
        &self.handshakes
    }

    /// A connection came.
    pub fn admit(self: &Arc<Self>, peer: &Arc<Peer>) -> Admission<S> {
        self.enter(peer, Input::Connected(peer.clone()))
    }

    /// A connection came by a door whose sessions have these settings.
    pub fn admit_to(self: &Arc<Self>, peer: &Arc<Peer>, settings: Arc<Settings>) -> Admission<S> {
        self.enter(peer, Input::ConnectedTo(peer.clone(), settings))
    }

    /// From now on these settings hold for the whole process. Sessions keep theirs.
    pub fn reconfigure(&self, settings: Arc<Settings>) {
        let now = self.now();
        let errands = self.books().bring(now, Input::Reconfigured(settings));
        // New settings need no disk: there are no tasks.
        drop(self.deliver(errands));
    }

    /// What is known of a source or user.
    pub(crate) fn tracked(&self, key: Key) -> Tracked {
        self.books().tracked(self.now(), key)
    }

    /// The same of many, in the order of their keys, behind one that was looked at last; where more may follow, the last
    /// that was looked at now.
    pub(crate) fn tracked_behind(&self, last: Option<Key>, most: usize) -> (Vec<Tracked>, Option<Key>) {
        self.books().tracked_behind(self.now(), last, most)
    }

    /// The settings of the whole process.
    pub fn settings(&self) -> Arc<Settings> {
        self.books().settings()
    }

    fn enter(self: &Arc<Self>, peer: &Arc<Peer>, input: Input) -> Admission<S> {
        let now = self.now();
        let mut errands = self.books().bring(now, input);
        let entry = errands.entry.take();
        self.run(errands);
        match entry {
            Some(Entry::Welcome(session, mailbox, settings)) => {
                self.journal.opened(now, session, peer);
                let presence = Presence { desk: self.clone(), session };
                let door = self.back_ends.door(&settings);
                Admission::Welcome(settings, Seat::new(presence, peer.clone(), mailbox, door))
            }
            Some(Entry::TurnAway(session, words, limit)) => {
                self.journal.count(Work::TurnedAway(limit));
                Admission::TurnAway(words, Presence { desk: self.clone(), session })
            }
            Some(Entry::Drop(limit)) => {
                self.journal.count(Work::Dropped(limit));
                Admission::Drop
            }
            None => unreachable!("every connection is decided on"),
        }
    }

    /// A session asks. The answer comes back at once, or later by its mailbox.
    pub(crate) fn ask(
        self: &Arc<Self>,
        now: Now,
        session: SessionId,
        ticket: Ticket,
        question: Question,
    ) -> Option<Answer> {
        let mut errands = self.books().ask(now, session, ticket, question);
        let answer = errands.answer.take();
        self.run(errands);
        answer
    }

    /// Something was looked up. Harmless when nobody waits for it any more.
    pub(crate) fn looked(self: &Arc<Self>, look_up: LookUp, answer: dns::Answer) {
        let errands = self.books().bring(self.now(), Input::Looked(look_up, answer));
        self.run(errands);
    }

    /// Lines about what rate windows know, behind this key, so many at most; the last key where more may follow.
    pub(crate) fn save_rates(&self, last: Option<Key>, most: usize, out: &mut String) -> Option<Key> {
        self.books().save_rates(last, most, out)
    }

    /// Takes such lines in.
    pub(crate) fn restore_rates(&self, lines: &[&str]) {
        self.books().restore_rates(self.now(), lines);
    }

    /// Questions of sessions that wait for what is being looked up.
    pub fn waiting(&self) -> usize {
        self.books().waiting()
    }

    /// A session wants to know whether a claim is true. What comes back is to be asked of its back end.
    pub(crate) fn inquire(
        self: &Arc<Self>,
        now: Now,
        session: SessionId,
        ticket: Ticket,
        (source, check): (Source, Check),
    ) -> Option<Check> {
        let mut errands = self.books().bring(now, Input::Inquired(session, ticket, source, check));
        let check = errands.check.take();
        self.run(errands);
        check
    }

    /// A session wants to know whether the user whom a certificate names may log in. The answer comes as a letter.
    pub(crate) fn certified(
        self: &Arc<Self>,
        now: Now,
        session: SessionId,
        ticket: Ticket,
        (source, user): (Source, UserName),
    ) {
        let errands = self.books().bring(now, Input::Certified(session, ticket, source, user));
        self.run(errands);
    }

    /// A back end has found something out.
    pub(crate) fn checked(self: &Arc<Self>, session: SessionId, ticket: Ticket, finding: Finding) {
        let now = self.now();
        let errands = self.books().bring(now, Input::Checked(session, ticket, finding));
        self.run(errands);
    }

    /// A session tells of a login that was tried or has passed.
    pub(crate) fn attempted(self: &Arc<Self>, now: Now, session: SessionId, attempt: Attempt) {
        let errands = self.books().bring(now, Input::Attempted(session, attempt));
        self.run(errands);
    }

    /// A session orders its draft to be committed.
    pub(crate) fn commit(
        self: &Arc<Self>,
        now: Now,
        session: SessionId,
        number: DraftNumber,
        draft: S::Draft,
    ) {
        let errands = self.books().commit(now, session, number, draft);
        self.run(errands);
    }

    /// The session's commit is not wanted any more. Harmless when there is none.
    pub(crate) fn cancel(&self, session: SessionId) {
        self.books().cancel(session);
    }

    /// A connection is over.
    fn leave(self: &Arc<Self>, session: SessionId) {
        let now = self.now();
        let errands = self.books().leave(now, session);
        self.run(errands);
        if self.sessions() == 0 {
            self.emptied.notify_waiters();
        }
    }

    /// The spool has synced a draft, or could not. What is to be done next is for the caller to carry out or to start.
    #[must_use]
    pub fn synced(
        &self,
        session: SessionId,
        result: Result<(Stored, S::Draft), SpoolFault>,
    ) -> Vec<Task<S::Draft>> {
        let now = self.now();
        let errands = self.books().synced(now, session, result);
        self.deliver(errands)
    }

    /// The spool has carried out a publication. The rest is as for [`Desk::synced`].
    #[must_use]
    pub fn published(&self, publication: Publication, results: Published) -> Vec<Task<S::Draft>> {
        let now = self.now();
        let errands = self.books().bring(now, Input::Published(publication, results));
        self.deliver(errands)
    }

    /// The spool has measured the free space, in kibibytes; `None` when it could not. The rest is as for
    /// [`Desk::synced`].
    #[must_use]
    pub fn measured(&self, free_kib: Option<u64>) -> Vec<Task<S::Draft>> {
        let now = self.now();
        let errands = self.books().bring(now, Input::SpaceMeasured(free_kib));
        self.deliver(errands)
    }

    /// Tells every session, and each that is still to come, that the server stops.
    pub fn stop(&self) {
        let errands = self.books().stop();
        // To stop needs no disk: there are no tasks.
        drop(self.deliver(errands));
    }

    /// Returns when there is no session.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.sessions() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.books().sessions()
    }

    /// Our own defects so far: sessions that ended by an assertion.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// A panic under the lock is our own defect. It ends whoever caused it; the others go on.
    fn books(&self) -> MutexGuard<'_, Books<S::Draft>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is left to do, and starts the tasks.
    fn run(self: &Arc<Self>, mut errands: Errands<S::Draft>) {
        for look in errands.looks.drain(..) {
            names::look(self, self.now(), look);
        }
        for task in self.deliver(errands) {
            self.spool.start(self, task);
        }
    }

    /// Does what is left to do, but for the tasks.
    fn deliver(&self, errands: Errands<S::Draft>) -> Vec<Task<S::Draft>> {
        for (session, reasons) in errands.reasons {
            self.journal.reasoned(self.now(), session, &reasons);
        }
        if let Some(deadline) = errands.deadline
            && deadline.micros() < self.alarm_at.fetch_min(deadline.micros(), Ordering::Relaxed)
        {
            self.alarm.notify_one();
        }
        for (trade, errand) in errands.helpers {
            if let Some(foreman) = self.foreman.get() {
                foreman.run(trade, errand);
            }
        }
        for (trade, note) in errands.notes {
            subserver::tell(trade, &note);
        }
        for (mailbox, post) in errands.posts {
            mailbox.put(post);
        }
        drop(errands.discarded);
        errands.tasks
    }
}

#[cfg(test)]
mod tests;
