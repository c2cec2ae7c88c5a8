//! The desk: where sessions and the one `Server` meet. It owns the server, delivers what the server says, and keeps
//! the drafts whose commit is under way.
//!
//! The server sits behind a mutex and not in a task of its own: it never waits and needs microseconds, so a lock costs
//! less than waking another task for each question would. Nothing is awaited, written or dropped under the lock.
//!
//! What a session acquires here (its place, its draft) is held by its [`Seat`] and given back when that is dropped,
//! whatever ended the session.

use crate::clock::Clock;
use crate::journal::Journal;
use crate::mailbox::{DraftNumber, Mailbox, Post};
use crate::seat::Seat;
use crate::spool::{Published, Spool, Task};
use smtpserver_core::policy::{Answer, Question, Ticket};
use smtpserver_core::server::{Input, Output, Server};
use smtpserver_core::spool::{Report, SpoolFault, Stored};
use smtpserver_core::{Now, Peer, SessionId, Settings};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

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
    books: Mutex<Books<S::Draft>>,
    emptied: Notify,
    panics: AtomicU64,
}

struct Books<D> {
    server: Server,
    places: BTreeMap<SessionId, Place>,
    /// Drafts that wait for their turn: to be synced, or synced and to be published.
    drafts: BTreeMap<SessionId, D>,
    stopping: bool,
}

struct Place {
    mailbox: Arc<Mailbox>,
    commit: Option<Commit>,
}

/// A commit that the server knows of and has not reported yet.
struct Commit {
    draft: DraftNumber,
    /// Nobody wants it any more: if it can still be stopped it is, and its report goes nowhere.
    cancelled: bool,
}

/// How a connection that just came goes on.
enum Entry {
    Welcome(SessionId, Arc<Mailbox>, Arc<Settings>),
    TurnAway(SessionId, Vec<u8>),
}

/// What is left to do when the lock is given back.
struct Errands<D> {
    answer: Option<Answer>,
    entry: Option<Entry>,
    posts: Vec<(Arc<Mailbox>, Post)>,
    tasks: Vec<Task<D>>,
    discarded: Vec<D>,
}

impl<S: Spool> Desk<S> {
    /// A desk without sessions.
    pub fn new(
        settings: Arc<Settings>,
        spool: S,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
    ) -> Arc<Desk<S>> {
        let books = Books {
            server: Server::new(settings),
            places: BTreeMap::new(),
            drafts: BTreeMap::new(),
            stopping: false,
        };
        Arc::new(Desk {
            spool,
            clock,
            journal,
            books: Mutex::new(books),
            emptied: Notify::new(),
            panics: AtomicU64::new(0),
        })
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

    /// A connection came.
    pub fn admit(self: &Arc<Self>, peer: &Arc<Peer>) -> Admission<S> {
        let now = self.now();
        let mut errands = self.with_books(|books| books.work(now, Input::Connected(peer.clone()), None));
        let entry = errands.entry.take();
        self.run(errands);
        match entry {
            Some(Entry::Welcome(session, mailbox, settings)) => {
                self.journal.opened(now, session, peer);
                let presence = Presence { desk: self.clone(), session };
                Admission::Welcome(settings, Seat::new(presence, peer.clone(), mailbox))
            }
            Some(Entry::TurnAway(session, words)) => {
                Admission::TurnAway(words, Presence { desk: self.clone(), session })
            }
            None => Admission::Drop,
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
        let input = Input::Asked(session, ticket, question);
        let mut errands = self.with_books(|books| books.work(now, input, Some((session, ticket))));
        let answer = errands.answer.take();
        self.run(errands);
        answer
    }

    /// A session orders its draft to be committed.
    pub(crate) fn commit(
        self: &Arc<Self>,
        now: Now,
        session: SessionId,
        number: DraftNumber,
        draft: S::Draft,
    ) {
        let errands = self.with_books(|books| books.commit(now, session, number, draft));
        self.run(errands);
    }

    /// The session's commit is not wanted any more. Harmless when there is none.
    pub(crate) fn cancel(&self, session: SessionId) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commit) = books.places.get_mut(&session).and_then(|place| place.commit.as_mut()) {
            commit.cancelled = true;
        }
    }

    /// A connection is over.
    fn leave(self: &Arc<Self>, session: SessionId) {
        let now = self.now();
        let mut was_last = false;
        let errands = self.with_books(|books| {
            books.places.remove(&session);
            was_last = books.places.is_empty();
            books.work(now, Input::Disconnected(session), None)
        });
        self.run(errands);
        if was_last {
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
        let mut refused = None;
        let errands = self.with_books(|books| {
            let result = match result {
                Ok((stored, draft)) if books.is_wanted(session) => {
                    books.drafts.insert(session, draft);
                    Ok(stored)
                }
                Ok((_, draft)) => {
                    refused = Some(draft);
                    Err(SpoolFault::Broken)
                }
                Err(fault) => Err(fault),
            };
            books.work(now, Input::Synced(session, result), None)
        });
        drop(refused);
        self.deliver(errands)
    }

    /// The spool has carried out a publication. The rest is as for [`Desk::synced`].
    #[must_use]
    pub fn published(&self, results: Published) -> Vec<Task<S::Draft>> {
        let now = self.now();
        let errands = self.with_books(|books| books.work(now, Input::Published(results), None));
        self.deliver(errands)
    }

    /// The spool has measured the free space, in kibibytes; `None` when it could not. The rest is as for
    /// [`Desk::synced`].
    #[must_use]
    pub fn measured(&self, free_kib: Option<u64>) -> Vec<Task<S::Draft>> {
        let now = self.now();
        let errands = self.with_books(|books| books.work(now, Input::SpaceMeasured(free_kib), None));
        self.deliver(errands)
    }

    /// Tells every session, and each that is still to come, that the server stops.
    pub fn stop(&self) {
        let mailboxes: Vec<_> = {
            let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            books.stopping = true;
            books.places.values().map(|place| place.mailbox.clone()).collect()
        };
        for mailbox in mailboxes {
            mailbox.put(Post::ShuttingDown);
        }
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
        self.books.lock().unwrap_or_else(PoisonError::into_inner).places.len()
    }

    /// Our own defects so far: sessions that ended by an assertion.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    fn with_books<R>(&self, work: impl FnOnce(&mut Books<S::Draft>) -> R) -> R {
        // A panic under the lock is our own defect. It ends whoever caused it; the others go on.
        work(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does what is left to do, and starts the tasks.
    fn run(self: &Arc<Self>, errands: Errands<S::Draft>) {
        for task in self.deliver(errands) {
            self.spool.start(self, task);
        }
    }

    /// Does what is left to do, but for the tasks.
    fn deliver(&self, errands: Errands<S::Draft>) -> Vec<Task<S::Draft>> {
        for (mailbox, post) in errands.posts {
            mailbox.put(post);
        }
        drop(errands.discarded);
        errands.tasks
    }
}

impl<D> Books<D> {
    fn is_wanted(&self, session: SessionId) -> bool {
        let commit = self.places.get(&session).and_then(|place| place.commit.as_ref());
        commit.is_some_and(|commit| !commit.cancelled)
    }

    fn commit(&mut self, now: Now, session: SessionId, number: DraftNumber, draft: D) -> Errands<D> {
        let mut errands = Errands::none();
        let Some(place) = self.places.get_mut(&session) else {
            errands.discarded.push(draft);
            return errands;
        };
        if place.commit.is_some() {
            // The commit of an earlier draft was given up and is not out of the server yet.
            let report = Post::Report(number, Report::Failed(SpoolFault::Broken));
            errands.posts.push((place.mailbox.clone(), report));
            errands.discarded.push(draft);
            return errands;
        }
        place.commit = Some(Commit { draft: number, cancelled: false });
        self.drafts.insert(session, draft);
        self.work(now, Input::CommitOrdered(session), None)
    }

    /// Brings an input to the server and sorts what it says. The answer for `asker` is kept apart.
    fn work(&mut self, now: Now, input: Input, asker: Option<(SessionId, Ticket)>) -> Errands<D> {
        let mut errands = Errands::none();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.server.handle(now, input);
            while let Some(output) = self.server.poll() {
                match output {
                    Output::Answer(session, ticket, answer) if asker == Some((session, ticket)) => {
                        errands.answer = Some(answer);
                    }
                    Output::Answer(session, ticket, answer) => {
                        self.post(session, Post::Answer(ticket, answer), &mut errands);
                    }
                    Output::Sync(session) => match self.take_draft(session, &mut errands) {
                        Some(draft) => errands.tasks.push(Task::Sync(session, draft)),
                        None => inputs.push(Input::Synced(session, Err(SpoolFault::Broken))),
                    },
                    Output::Publish(batch) => {
                        let batch: Vec<_> = batch
                            .into_iter()
                            .filter_map(|(session, stored)| {
                                let draft = self.take_draft(session, &mut errands)?;
                                Some((session, stored, draft))
                            })
                            .collect();
                        if batch.is_empty() {
                            // Whoever is not named in the results has failed.
                            inputs.push(Input::Published(Vec::new()));
                        } else {
                            errands.tasks.push(Task::Publish(batch));
                        }
                    }
                    Output::Report(session, report) => {
                        let commit = self.places.get_mut(&session).and_then(|place| place.commit.take());
                        if let Some(commit) = commit.filter(|commit| !commit.cancelled) {
                            self.post(session, Post::Report(commit.draft, report), &mut errands);
                        }
                    }
                    Output::MeasureSpace => errands.tasks.push(Task::Measure),
                    Output::Welcome(session) => errands.entry = Some(self.welcome(session)),
                    Output::TurnAway(session, words) => {
                        errands.entry = Some(Entry::TurnAway(session, words));
                    }
                    Output::Drop => {}
                }
            }
        }
        errands
    }

    fn welcome(&mut self, session: SessionId) -> Entry {
        let mailbox = Arc::new(Mailbox::default());
        if self.stopping {
            mailbox.put(Post::ShuttingDown);
        }
        self.places.insert(session, Place { mailbox: mailbox.clone(), commit: None });
        Entry::Welcome(session, mailbox, self.server.settings().clone())
    }

    fn post(&self, session: SessionId, post: Post, errands: &mut Errands<D>) {
        if let Some(place) = self.places.get(&session) {
            errands.posts.push((place.mailbox.clone(), post));
        }
    }

    /// The session's waiting draft, unless it is not wanted any more.
    fn take_draft(&mut self, session: SessionId, errands: &mut Errands<D>) -> Option<D> {
        let draft = self.drafts.remove(&session)?;
        if self.is_wanted(session) {
            return Some(draft);
        }
        errands.discarded.push(draft);
        None
    }
}

impl<D> Errands<D> {
    fn none() -> Errands<D> {
        Errands { answer: None, entry: None, posts: Vec::new(), tasks: Vec::new(), discarded: Vec::new() }
    }
}
