//! What the desk keeps under its lock: the server, who is there, and the drafts whose commit is under way. Every
//! function takes something in and gives back what is left to do when the lock is open again: nothing is delivered,
//! started or dropped in here.

use crate::mailbox::{DraftNumber, Mailbox, Post};
use crate::metrics::FarmNow;
use crate::names::Look;
use crate::spool::Task;
use smtpserver_core::auth::Check;
use smtpserver_core::policy::{Answer, Question, Ticket};
use smtpserver_core::server::admission::Limit;
use smtpserver_core::server::rate_window::Key;
use smtpserver_core::server::report::Tracked;
use smtpserver_core::server::{Input, Output, Server};
use smtpserver_core::spool::{Report, SpoolFault, Stored};
use smtpserver_core::subserver::{Errand, Note, Trade};
use smtpserver_core::{Instant, Now, SessionId, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The books.
pub(super) struct Books<D> {
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
pub(super) enum Entry {
    Welcome(SessionId, Arc<Mailbox>, Arc<Settings>),
    TurnAway(SessionId, Vec<u8>, Limit),
    Drop(Limit),
}

/// What is left to do when the lock is open again.
pub(super) struct Errands<D> {
    /// The answer for whoever asked.
    pub(super) answer: Option<Answer>,
    /// What the session's back end is to be asked.
    pub(super) check: Option<Check>,
    pub(super) entry: Option<Entry>,
    /// What is to be looked up.
    pub(super) looks: Vec<Look>,
    /// What leads to the answers.
    pub(super) reasons: Vec<(SessionId, Vec<String>)>,
    /// What helpers are to do.
    pub(super) helpers: Vec<(Trade, Errand)>,
    /// What is to be said of helpers.
    pub(super) notes: Vec<(Trade, Note)>,
    /// When the server wants to be called.
    pub(super) deadline: Option<Instant>,
    pub(super) posts: Vec<(Arc<Mailbox>, Post)>,
    pub(super) tasks: Vec<Task<D>>,
    pub(super) discarded: Vec<D>,
}

impl<D> Books<D> {
    pub(super) fn new(settings: Arc<Settings>) -> Books<D> {
        Books {
            server: Server::new(settings),
            places: BTreeMap::new(),
            drafts: BTreeMap::new(),
            stopping: false,
        }
    }

    /// Sessions that are there.
    pub(super) fn sessions(&self) -> usize {
        self.places.len()
    }

    /// The helpers of each trade that has some.
    pub(super) fn farms(&self) -> Vec<FarmNow> {
        let now = |trade: Trade| {
            let farm = self.server.farm(trade)?;
            let (helpers, hungry, waiting) = (farm.helpers(), farm.hungry(), farm.waiting());
            Some(FarmNow { trade: trade.name(), helpers, hungry, waiting })
        };
        [Trade::Router, Trade::Filter].into_iter().filter_map(now).collect()
    }

    /// Lines about what rate windows know, behind this key.
    pub(super) fn save_rates(&self, last: Option<Key>, most: usize, out: &mut String) -> Option<Key> {
        self.server.rates().save(last, most, out)
    }

    /// Takes such lines in. What is none is left out.
    pub(super) fn restore_rates(&mut self, now: Now, lines: &[&str]) {
        for line in lines {
            let _ = self.server.rates_mut().restore(line, now.instant);
        }
    }

    /// Questions that wait for what is being looked up.
    pub(super) fn waiting(&self) -> usize {
        self.server.waiting()
    }

    /// What is known of a source or user.
    pub(super) fn tracked(&mut self, now: Now, key: Key) -> Tracked {
        self.server.windows().of(key, now)
    }

    /// The same of many, behind one that was looked at last.
    pub(super) fn tracked_behind(
        &mut self,
        now: Now,
        last: Option<Key>,
        most: usize,
    ) -> (Vec<Tracked>, Option<Key>) {
        self.server.windows().behind(last, most, now)
    }

    /// The settings of the whole process.
    pub(super) fn settings(&self) -> Arc<Settings> {
        self.server.settings().clone()
    }

    /// Brings an input that needs nothing but the server.
    pub(super) fn bring(&mut self, now: Now, input: Input) -> Errands<D> {
        self.work(now, input, None, Errands::none())
    }

    pub(super) fn ask(
        &mut self,
        now: Now,
        session: SessionId,
        ticket: Ticket,
        question: Question,
    ) -> Errands<D> {
        let asker = Some((session, ticket));
        self.work(now, Input::Asked(session, ticket, question), asker, Errands::none())
    }

    pub(super) fn commit(
        &mut self,
        now: Now,
        session: SessionId,
        number: DraftNumber,
        draft: D,
    ) -> Errands<D> {
        let mut errands = Errands::none();
        match self.places.get_mut(&session) {
            Some(place) if place.commit.is_none() => {
                place.commit = Some(Commit { draft: number, cancelled: false });
                self.drafts.insert(session, draft);
                self.work(now, Input::CommitOrdered(session), None, errands)
            }
            Some(_) => {
                // The commit of an earlier draft was given up and is not out of the server yet.
                let report = Report::Failed(SpoolFault::Broken);
                self.post(session, Post::Report(number, report), &mut errands);
                errands.discarded.push(draft);
                errands
            }
            None => {
                errands.discarded.push(draft);
                errands
            }
        }
    }

    pub(super) fn cancel(&mut self, session: SessionId) {
        if let Some(commit) = self.places.get_mut(&session).and_then(|place| place.commit.as_mut()) {
            commit.cancelled = true;
        }
    }

    pub(super) fn leave(&mut self, now: Now, session: SessionId) -> Errands<D> {
        self.places.remove(&session);
        self.bring(now, Input::Disconnected(session))
    }

    pub(super) fn synced(
        &mut self,
        now: Now,
        session: SessionId,
        result: Result<(Stored, D), SpoolFault>,
    ) -> Errands<D> {
        let mut errands = Errands::none();
        let result = match result {
            Ok((stored, draft)) if self.is_wanted(session) => {
                self.drafts.insert(session, draft);
                Ok(stored)
            }
            Ok((_, draft)) => {
                errands.discarded.push(draft);
                Err(SpoolFault::Broken)
            }
            Err(fault) => Err(fault),
        };
        self.work(now, Input::Synced(session, result), None, errands)
    }

    pub(super) fn stop(&mut self) -> Errands<D> {
        self.stopping = true;
        let mut errands = Errands::none();
        errands.posts.extend(self.places.values().map(|place| (place.mailbox.clone(), Post::ShuttingDown)));
        errands
    }

    fn is_wanted(&self, session: SessionId) -> bool {
        let commit = self.places.get(&session).and_then(|place| place.commit.as_ref());
        commit.is_some_and(|commit| !commit.cancelled)
    }

    /// When the server wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.server.deadline()
    }

    /// Brings an input to the server and sorts what it says. The answer for `asker` is kept apart.
    fn work(
        &mut self,
        now: Now,
        input: Input,
        asker: Option<(SessionId, Ticket)>,
        mut errands: Errands<D>,
    ) -> Errands<D> {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.server.handle(now, input);
            while let Some(output) = self.server.poll() {
                match output {
                    Output::Reasoned(session, reasons) => errands.reasons.push((session, reasons)),
                    Output::Answer(session, ticket, answer) if asker == Some((session, ticket)) => {
                        errands.answer = Some(answer);
                    }
                    Output::Answer(session, ticket, answer) => {
                        self.post(session, Post::Answer(ticket, answer), &mut errands);
                    }
                    Output::Look { look_up, question, until } => {
                        errands.looks.push(Look { look_up, question, until });
                    }
                    Output::Helper(trade, errand) => errands.helpers.push((trade, errand)),
                    Output::HelperNote(trade, note) => errands.notes.push((trade, note)),
                    Output::Check(_, _, check) => errands.check = Some(check),
                    Output::Advise(session, ticket, advice) => {
                        self.post(session, Post::Advice(ticket, advice), &mut errands);
                    }
                    Output::Sync(session) => match self.take_draft(session, &mut errands) {
                        Some(draft) => errands.tasks.push(Task::Sync(session, draft)),
                        None => inputs.push(Input::Synced(session, Err(SpoolFault::Broken))),
                    },
                    Output::Publish(publication, batch) => {
                        let batch: Vec<_> = batch
                            .into_iter()
                            .filter_map(|(session, stored)| {
                                let draft = self.take_draft(session, &mut errands)?;
                                Some((session, stored, draft))
                            })
                            .collect();
                        if batch.is_empty() {
                            // Whoever is not named in the results has failed.
                            inputs.push(Input::Published(publication, Vec::new()));
                        } else {
                            errands.tasks.push(Task::Publish(publication, batch));
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
                    Output::TurnAway(session, words, limit) => {
                        errands.entry = Some(Entry::TurnAway(session, words, limit));
                    }
                    Output::Drop(limit) => errands.entry = Some(Entry::Drop(limit)),
                }
            }
        }
        errands.deadline = self.server.deadline();
        errands
    }

    fn welcome(&mut self, session: SessionId) -> Entry {
        let mailbox = Arc::new(Mailbox::default());
        if self.stopping {
            mailbox.put(Post::ShuttingDown);
        }
        self.places.insert(session, Place { mailbox: mailbox.clone(), commit: None });
        Entry::Welcome(session, mailbox, self.server.settings_of(session).clone())
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
        Errands {
            answer: None,
            check: None,
            entry: None,
            looks: Vec::new(),
            reasons: Vec::new(),
            helpers: Vec::new(),
            notes: Vec::new(),
            deadline: None,
            posts: Vec::new(),
            tasks: Vec::new(),
            discarded: Vec::new(),
        }
    }
}
