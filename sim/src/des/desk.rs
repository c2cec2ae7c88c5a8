//! The desk: between sessions, the server and the spool, as `runtime/src/desk.rs` and its seats are. It joins answers to
//! questions and reports to drafts, forgets commits that nobody wants any more, and decides nothing.

use super::clients::usize_of;
use super::names::{Wanted, ruling};
use super::parts::{Commit, Connection, Letter};
use super::plant::Plant;
use super::spool::Word;
use super::world::{Happening, World};
use crate::trace::{ConnectionId, News, Ordered, What};
use crate::users;
use smtpserver_core::auth::{Advice, Check, Finding, Inquiry, Nonce};
use smtpserver_core::policy::evaluate::Why;
use smtpserver_core::policy::{Answer, Question, Ticket, Verdict};
use smtpserver_core::server::{Input as ServerInput, Output as ServerOutput};
use smtpserver_core::spool::{Destination, Order, Report, SpoolFault};
use smtpserver_core::{Input, SessionId};
use std::collections::VecDeque;

/// Of so many reports the planted defect leaves one lying.
const LOST_ONE_IN: u64 = 7;

impl World<'_> {
    pub(super) fn ask(&mut self, id: ConnectionId, ticket: Ticket, question: Question) {
        self.note(What::Asked(id, ticket.number()));
        self.note_posed(id, ticket.number(), &question);
        self.connections[usize_of(id)].asked = Some(ticket);
        let answers = if self.healed { Default::default() } else { self.plan.answers };
        if answers != Default::default() {
            let dice = &mut self.answers_dice;
            let (never, twice, late) =
                (dice.chance(answers.never), dice.chance(answers.twice), dice.chance(answers.late));
            let after = self.now + dice.below(answers.late_ms * 1000) + 1;
            if twice || late {
                let again = Happening::Answer(id, ticket, Box::new(question.clone()));
                self.put(after, again);
            }
            if never || late {
                return;
            }
        }
        self.answer(id, ticket, question);
    }

    /// A session wants to know something about a login. The hands answer what they can know, the server and the back end
    /// the rest; back ends are late, silent and forgetful as others are that answer.
    pub(super) fn inquire(&mut self, id: ConnectionId, ticket: Ticket, inquiry: Inquiry) {
        self.note(What::Asked(id, ticket.number()));
        let (source, check) = match inquiry {
            Inquiry::Terms => {
                let mut octets = [0; 18];
                octets[..8].copy_from_slice(&ticket.number().to_le_bytes());
                let advice = Advice::Terms(users::MEANS, Nonce::new(octets));
                self.connections[usize_of(id)].letters.push_back(Letter::Advised(ticket, advice));
                return self.ready.push_back(id);
            }
            Inquiry::Check { source, check } => (source, check),
            Inquiry::Certified { source, user } => {
                if let Some(session) = self.connections[usize_of(id)].id {
                    self.tell_server(ServerInput::Certified(session, ticket, source, user));
                }
                return;
            }
        };
        if let Some(session) = self.connections[usize_of(id)].id {
            self.tell_server(ServerInput::Inquired(session, ticket, source, check));
        }
    }

    /// What a back end is asked, and when it answers.
    fn check(&mut self, session: SessionId, ticket: Ticket, check: &Check) {
        let finding = users::find(check);
        let answers = if self.healed { Default::default() } else { self.plan.answers };
        let dice = &mut self.logins_dice;
        let (never, twice, late) =
            (dice.chance(answers.never), dice.chance(answers.twice), dice.chance(answers.late));
        // One that talks nonsense has nothing to say that lets anybody in.
        let finding = if never && twice { Finding::Proven([0; 32]) } else { finding };
        // A hash takes its time, and a client may be gone meanwhile.
        let hashed = self.now + dice.between(1_000, 200_000);
        let after = self.now + dice.below(answers.late_ms * 1000) + 1;
        let times = [(!never && !late).then_some(hashed), (twice || late).then_some(after)];
        for at in times.into_iter().flatten() {
            self.put(at, Happening::Checked(self.life, session, ticket, Box::new(finding.clone())));
        }
    }

    pub(super) fn checked(&mut self, life: u32, session: SessionId, ticket: Ticket, finding: Finding) {
        if life == self.life {
            self.tell_server(ServerInput::Checked(session, ticket, finding));
        }
    }

    pub(super) fn answer_late(&mut self, id: ConnectionId, ticket: Ticket, question: Question) {
        if self.connections[usize_of(id)].session.is_some() {
            if self.connections[usize_of(id)].asked == Some(ticket) {
                self.answer(id, ticket, question);
            } else {
                // No hands put a question that nobody has any more; but an answer to it may come once more, and lie.
                let lie = Answer { verdict: Verdict::refuse(Why::NotAdmitted) };
                let now = self.clock();
                self.tell(id, now, Input::Answered(ticket, lie), News::Answered(ticket.number()));
            }
            self.drain(id);
            self.ready.push_back(id);
        }
    }

    fn answer(&mut self, id: ConnectionId, ticket: Ticket, question: Question) {
        let Some(session) = self.connections[usize_of(id)].id else { return };
        if self.has_policy {
            self.note(What::Put(id, ticket.number()));
        }
        self.tell_server(ServerInput::Asked(session, ticket, question));
        // An answer that is at hand is brought at once, so that a group of commands is worked off without a pause.
        let letters = &mut self.connections[usize_of(id)].letters;
        let at_hand =
            letters.iter().position(|letter| matches!(letter, Letter::Answered(t, _) if *t == ticket));
        if let Some(letter) = at_hand.and_then(|index| letters.remove(index)) {
            let Letter::Answered(ticket, answer) = letter else { unreachable!("it was looked at") };
            self.note(What::Told(id, News::Answered(ticket.number())));
            self.connections[usize_of(id)].asked = None;
            let now = self.clock();
            self.present(id, now, Input::Answered(ticket, answer));
        }
    }

    pub(super) fn obey(&mut self, id: ConnectionId, order: Order) {
        let ordered = match &order {
            Order::Begin => Ordered::Begin,
            Order::Append(octets) => Ordered::Append(octets.len()),
            Order::Show => Ordered::Show,
            Order::Revise(_) => Ordered::Revise,
            Order::Commit(Destination::Router) => Ordered::Commit,
            Order::Commit(Destination::Freezer(_)) => Ordered::Freeze,
            Order::Abandon | Order::Leave(_) => Ordered::Abandon,
        };
        self.note(What::Ordered(id, ordered));
        match order {
            Order::Begin => {
                self.give_up_draft(id);
                let Some(host) = &mut self.host else { return };
                let draft = host.spool.begin(id);
                let connection = &mut self.connections[usize_of(id)];
                connection.draft = Some(draft);
                connection.current = Some(draft);
            }
            Order::Append(octets) => {
                if let (Some(host), Some(draft)) = (&mut self.host, self.connections[usize_of(id)].draft) {
                    host.spool.append(draft, &octets);
                }
            }
            Order::Show => {
                let connection = &mut self.connections[usize_of(id)];
                match (&mut self.host, connection.draft) {
                    (Some(host), Some(draft)) => host.spool.show(draft),
                    _ => {
                        let lost = Report::Failed(SpoolFault::Broken);
                        let current = connection.current.unwrap_or_default();
                        connection.letters.push_back(Letter::Reported(current, lost));
                        self.ready.push_back(id);
                    }
                }
            }
            Order::Revise(revision) => {
                if let (Some(host), Some(draft)) = (&mut self.host, self.connections[usize_of(id)].draft) {
                    host.spool.revise(draft, &revision, &self.disk);
                }
            }
            Order::Commit(_) => self.commit(id),
            Order::Abandon | Order::Leave(_) => self.give_up_draft(id),
        }
    }

    fn commit(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[usize_of(id)];
        let (Some(host), Some(session)) = (&mut self.host, connection.id) else { return };
        let Some(draft) = connection.draft.take() else {
            let current = connection.current.unwrap_or_default();
            connection.letters.push_back(Letter::Reported(current, Report::Failed(SpoolFault::Broken)));
            self.ready.push_back(id);
            return;
        };
        if host.commits.contains_key(&session) {
            // The commit of an earlier draft was given up and is not out of the server yet.
            connection.letters.push_back(Letter::Reported(draft, Report::Failed(SpoolFault::Broken)));
            host.spool.abandon(draft);
            self.ready.push_back(id);
            return;
        }
        let (length, digest) = host.spool.digest(draft);
        connection.committed = Some((draft, length, digest));
        host.commits.insert(session, Commit { draft, cancelled: false });
        self.tell_server(ServerInput::CommitOrdered(session));
    }

    /// From here on whatever is still said about the present draft speaks of the past.
    pub(super) fn give_up_draft(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[usize_of(id)];
        let Some(host) = &mut self.host else { return };
        if let Some(draft) = connection.draft.take() {
            host.spool.abandon(draft);
        }
        let current = connection.current.take();
        if let Some(commit) = connection.id.and_then(|session| host.commits.get_mut(&session))
            && Some(commit.draft) == current
        {
            commit.cancelled = true;
        }
    }

    pub(super) fn tell_server(&mut self, input: ServerInput) {
        let now = self.clock();
        let mut inputs = VecDeque::new();
        let mut checks = Vec::new();
        let mut looks = Vec::new();
        let mut next = Some(input);
        while let Some(input) = next.take().or_else(|| inputs.pop_front()) {
            let Some(host) = &mut self.host else { return };
            host.server.handle(now, input);
            while let Some(output) = host.server.poll() {
                match output {
                    ServerOutput::Answer(session, ticket, answer) => {
                        if let Some(id) = host.by_session.get(&session).copied() {
                            if self.has_policy {
                                let ruled = What::Ruled(id, ticket.number(), ruling(&answer.verdict));
                                self.trace.note(self.now, ruled);
                            }
                            let mixed = self.plant == Some(Plant::MixedVerdicts);
                            let id = if mixed { another(&self.connections, id, ticket) } else { id };
                            let letters = &mut self.connections[usize_of(id)].letters;
                            letters.push_back(Letter::Answered(ticket, answer));
                            self.ready.push_back(id);
                        }
                    }
                    ServerOutput::HelperNote(..) | ServerOutput::Reasoned(..) => {}
                    ServerOutput::Helper(trade, errand) => self.errands.push_back((trade, errand)),
                    ServerOutput::Advise(session, ticket, advice) => {
                        if let Some(id) = host.by_session.get(&session) {
                            let letter = Letter::Advised(ticket, advice);
                            self.connections[usize_of(*id)].letters.push_back(letter);
                            self.ready.push_back(*id);
                        }
                    }
                    ServerOutput::Check(session, ticket, check) => checks.push((session, ticket, check)),
                    ServerOutput::Sync(session) => match host.commits.get(&session) {
                        Some(commit) if !commit.cancelled => host.spool.sync(session, commit.draft),
                        commit => {
                            if let Some(commit) = commit {
                                host.spool.abandon(commit.draft);
                            }
                            inputs.push_back(ServerInput::Synced(session, Err(SpoolFault::Broken)));
                        }
                    },
                    ServerOutput::Publish(publication, batch) => {
                        let mut wanted = Vec::new();
                        for (session, stored) in batch {
                            match host.commits.get(&session) {
                                Some(commit) if !commit.cancelled => {
                                    wanted.push((session, stored, commit.draft))
                                }
                                Some(commit) => host.spool.abandon(commit.draft),
                                None => {}
                            }
                        }
                        if wanted.is_empty() {
                            inputs.push_back(ServerInput::Published(publication, Vec::new()));
                        } else {
                            host.spool.publish(publication, wanted);
                        }
                    }
                    ServerOutput::Report(session, report) => {
                        let commit = host.commits.remove(&session).filter(|commit| !commit.cancelled);
                        if let (Some(commit), Some(id)) = (commit, host.by_session.get(&session)) {
                            let letter = Letter::Reported(commit.draft, report);
                            self.connections[usize_of(*id)].letters.push_back(letter);
                            self.reports += 1;
                            if self.plant != Some(Plant::LostWakeup)
                                || !self.reports.is_multiple_of(LOST_ONE_IN)
                            {
                                self.ready.push_back(*id);
                            }
                        }
                    }
                    ServerOutput::MeasureSpace => host.spool.measure(),
                    ServerOutput::Look { look_up, question, until } => {
                        looks.push(Wanted { look_up, question, until });
                    }
                    ServerOutput::Welcome(_) | ServerOutput::TurnAway(..) | ServerOutput::Drop(_) => {
                        unreachable!("only a connection is welcomed or not")
                    }
                }
            }
        }
        for wanted in looks {
            self.look_up(wanted);
        }
        for (session, ticket, check) in checks {
            self.check(session, ticket, &check);
        }
        self.run_errands();
    }

    pub(super) fn hear_spool(&mut self, word: Word) {
        match word {
            Word::Room(id, draft, octets) => {
                let letter = Letter::Reported(draft, Report::Room(octets));
                self.connections[usize_of(id)].letters.push_back(letter);
                self.ready.push_back(id);
            }
            Word::Shown(id, draft, path) => {
                let letter = Letter::Reported(draft, Report::Shown(path));
                self.connections[usize_of(id)].letters.push_back(letter);
                self.ready.push_back(id);
            }
            Word::Lost(id, draft, fault) => {
                let letter = Letter::Reported(draft, Report::Failed(fault));
                self.connections[usize_of(id)].letters.push_back(letter);
                self.ready.push_back(id);
            }
            Word::Synced(session, draft, result) => {
                let Some(host) = &mut self.host else { return };
                let wanted = host.commits.get(&session).is_some_and(|commit| !commit.cancelled);
                let result = match result {
                    Ok(_) if !wanted => {
                        host.spool.abandon(draft);
                        Err(SpoolFault::Broken)
                    }
                    result => result,
                };
                self.tell_server(ServerInput::Synced(session, result));
            }
            Word::Published(publication, results) => {
                self.tell_server(ServerInput::Published(publication, results));
            }
            Word::Measured(free_kib) => self.tell_server(ServerInput::SpaceMeasured(free_kib)),
        }
    }

    /// Tells every session something.
    pub(super) fn tell_all_to_stop(&mut self) {
        let Some(host) = &self.host else { return };
        let sessions: Vec<(SessionId, ConnectionId)> =
            host.by_session.iter().map(|(s, id)| (*s, *id)).collect();
        let sessions = if self.plant == Some(Plant::HashOrder) {
            in_the_order_of_a_hash_map(sessions)
        } else {
            sessions
        };
        for (_, id) in sessions {
            self.connections[usize_of(id)].letters.push_back(Letter::ShuttingDown);
            self.ready.push_back(id);
        }
    }
}

/// Another session that waits for an answer to a question of this number, if there is one.
fn another(connections: &[Connection], id: ConnectionId, ticket: Ticket) -> ConnectionId {
    let waits = |connection: &Connection| connection.session.is_some() && connection.asked == Some(ticket);
    let found = (0..).zip(connections).find(|(other, connection)| *other != id && waits(connection));
    found.map_or(id, |(other, _)| other)
}

#[expect(clippy::disallowed_types, reason = "the planted defect is this very type")]
fn in_the_order_of_a_hash_map<T>(batch: Vec<T>) -> Vec<T> {
    let map: std::collections::HashMap<usize, T> = batch.into_iter().enumerate().collect();
    map.into_values().collect()
}
