//! The hands around sessions and server: what `runtime/src/drive.rs`, its desk and its seats do, on the event queue.
//! They decide nothing. One turn: obey all that a session puts out; then bring, in this order, a letter, octets, the
//! client's end; ticks come from the queue.

use super::chunk_eater::ChunkEater;
use super::clients::usize_of;
use super::parts::{Connection, Letter, Stage};
use super::plant::Plant;
use super::spool::{DraftId, JobId};
use super::world::{Happening, World};
use crate::trace::{ConnectionId, News, Noted, What};
use bytes::Bytes;
use smtpserver_core::config::worst;
use smtpserver_core::now::micros;
use smtpserver_core::server::Input as ServerInput;
use smtpserver_core::spool::Report;
use smtpserver_core::{Event, Input, Instant, Now, Output};

impl World<'_> {
    pub(super) fn open_session(&mut self, id: ConnectionId) {
        self.tell(id, self.clock(), Input::Opened, News::Opened);
        self.ready.push_back(id);
    }

    /// Works until nothing can be done without time passing.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some(id) = self.ready.pop_front() {
                self.work(id);
            }
            let Some(host) = &mut self.host else { return };
            host.spool.start(&mut self.disk);
            let started = host.spool.started();
            for (job, operation) in started {
                let most = match operation {
                    crate::trace::Operation::Sync(_) | crate::trace::Operation::SyncRouter => {
                        self.plan.disk.sync_us
                    }
                    crate::trace::Operation::Create(_)
                    | crate::trace::Operation::Write(..)
                    | crate::trace::Operation::Push(_)
                    | crate::trace::Operation::Rename(_)
                    | crate::trace::Operation::Remove(_)
                    | crate::trace::Operation::Withdraw(_)
                    | crate::trace::Operation::Measure => self.plan.disk.operation_us,
                };
                let takes = self.disk_dice.between(1, most) + self.slow_us;
                self.queue.put(self.now + takes, Happening::Disk(self.life, job));
            }
            let Some(word) = self.host.as_mut().and_then(|host| host.spool.word()) else {
                if self.ready.is_empty() {
                    return;
                }
                continue;
            };
            self.hear_spool(word);
        }
    }

    /// Brings to a session what there is for it.
    fn work(&mut self, id: ConnectionId) {
        loop {
            let connection = &mut self.connections[usize_of(id)];
            let Some(session) = &connection.session else { return };
            let passed_over = self.plant == Some(Plant::UnbiasedSelect)
                && session.wants_bytes() > 0
                && !connection.arrived.is_empty()
                && by_chance();
            if !passed_over && let Some(letter) = connection.letters.pop_front() {
                self.deliver(id, letter);
                continue;
            }
            if connection.waiting_since.is_none() && session.awaits_sent() {
                self.tell(id, self.clock(), Input::Sent, News::Sent);
                continue;
            }
            let wanted = session.wants_bytes();
            if connection.waiting_since.is_none() && wanted > 0 && !connection.told_gone {
                // What comes before the handshake is asked for belongs to it.
                let sealed = self.plan.sealed && connection.seal.is_none();
                if !sealed && let Some(octets) = take_arrived(connection, wanted) {
                    self.note(What::Took(id, octets.clone()));
                    let now = self.clock();
                    self.handle(id, now, Input::Bytes(&octets));
                    continue;
                }
                if connection.ended || connection.broken {
                    connection.told_gone = true;
                    self.tell(id, self.clock(), Input::PeerClosed, News::PeerClosed);
                    continue;
                }
            }
            if connection.broken && !connection.told_gone {
                connection.told_gone = true;
                self.tell(id, self.clock(), Input::PeerClosed, News::PeerClosed);
                continue;
            }
            break;
        }
        self.set_due(id);
    }

    fn deliver(&mut self, id: ConnectionId, letter: Letter) {
        let now = self.clock();
        match letter {
            Letter::Answered(ticket, answer) => {
                self.connections[usize_of(id)].asked = None;
                self.tell(id, now, Input::Answered(ticket, answer), News::Answered(ticket.number()));
            }
            Letter::Advised(ticket, advice) => {
                self.tell(id, now, Input::Advised(ticket, advice), News::Answered(ticket.number()));
            }
            Letter::ShuttingDown => self.tell(id, now, Input::ShuttingDown, News::ShuttingDown),
            Letter::Reported(draft, report) => {
                let connection = &self.connections[usize_of(id)];
                // A report about an earlier draft must never be taken for one about the present.
                if connection.current != Some(draft) {
                    return;
                }
                let news = match report {
                    Report::Room(octets) => News::Room(octets),
                    Report::Committed(stored) => {
                        let (length, digest) = self.digest_of(id, draft);
                        News::Committed { inode: stored.inode, length, digest }
                    }
                    Report::Shown(_) => News::Shown,
                    Report::Failed(_) => News::Failed,
                };
                self.tell(id, now, Input::Reported(report), news);
            }
        }
    }

    fn digest_of(&mut self, id: ConnectionId, draft: DraftId) -> (u64, u64) {
        self.connections[usize_of(id)]
            .committed
            .filter(|committed| committed.0 == draft)
            .map_or((0, 0), |c| (c.1, c.2))
    }

    pub(super) fn tell(&mut self, id: ConnectionId, now: Now, input: Input<'_>, news: News) {
        self.note(What::Told(id, news));
        self.handle(id, now, input);
    }

    fn handle(&mut self, id: ConnectionId, now: Now, input: Input<'_>) {
        self.present(id, now, input);
        self.drain(id);
    }

    /// Obeys all that a session puts out.
    pub(super) fn drain(&mut self, id: ConnectionId) {
        while let Some(output) =
            self.connections[usize_of(id)].session.as_mut().and_then(|session| session.poll())
        {
            if let Some(tape) = &mut self.connections[usize_of(id)].tape {
                tape.output(&output);
            }
            match output {
                Output::Write(octets) => {
                    let octets = Bytes::from(octets);
                    self.note(What::Wrote(id, octets.clone()));
                    if let Some(eater) = &mut self.connections[usize_of(id)].chunk_eater {
                        eater.said(&octets);
                    }
                    self.write_sealed(id, &octets);
                }
                Output::Ask(ticket, question) => self.ask(id, ticket, question),
                Output::Inquire(ticket, inquiry) => self.inquire(id, ticket, inquiry),
                Output::Attempt(attempt) => {
                    if let Some(session) = self.connections[usize_of(id)].id {
                        self.tell_server(ServerInput::Attempted(session, attempt));
                    }
                }
                Output::Order(order) => self.obey(id, order),
                Output::Secure(opening) => self.secure(id, opening),
                Output::Event(event) => self.note_event(id, &event),
                Output::Close(reason) => {
                    self.give_up_draft(id);
                    self.note(What::Closed(id, reason.name()));
                    self.part(id);
                }
            }
        }
        let connection = &self.connections[usize_of(id)];
        if let Some(session) = &connection.session {
            let (held, most) = (session.octets_held(), worst::session(session.settings()).octets);
            if session.deadline().is_none() {
                self.note(What::Broken(id, "a session without a deadline".into()));
            } else if u64::try_from(held).is_ok_and(|held| held > most) {
                let what = format!("a session holds {held} octets, and its worst case was said to be {most}");
                self.note(What::Broken(id, what));
            }
        }
    }

    fn note_event(&mut self, id: ConnectionId, event: &Event) {
        if let Event::TarpitDelayed(delay) = event {
            let delay = micros(*delay);
            self.note(What::Noted(id, Noted::Delayed(delay)));
            if self.plant == Some(Plant::ShortTarpit) {
                self.put(self.now + delay / 2, Happening::Hasten(id));
            }
        } else if !matches!(event, Event::Command(_) | Event::Reply(_)) {
            // What was heard and said is in the trace already, octet for octet.
            self.note(What::Noted(id, Noted::Other(event.name(), event.to_string())));
        }
    }

    /// The planted tick: it claims that the hour has come.
    pub(super) fn hasten(&mut self, id: ConnectionId) {
        let deadline = self.connections[usize_of(id)].session.as_ref().and_then(|session| session.deadline());
        if let Some(instant) = deadline {
            let now = Now { instant, ..self.clock() };
            self.tell(id, now, Input::Tick, News::Tick);
            self.ready.push_back(id);
        }
    }

    pub(super) fn disk_done(&mut self, life: u32, job: JobId) {
        if life != self.life {
            return;
        }
        let mtime = self.mtime();
        let Some(host) = &mut self.host else { return };
        let Some((operation, failed)) = host.spool.done(job, &mut self.disk, mtime) else { return };
        let number = self.disk.done();
        self.note(What::Disk { number, operation, failed });
        self.crash_after(number);
    }

    /// The connection is over at the server's end.
    pub(super) fn release(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[usize_of(id)];
        if connection.stage != Stage::Parting {
            return;
        }
        connection.stage = Stage::Over;
        connection.unsent.clear();
        connection.waiting_since = None;
        connection.arrived.clear();
        connection.letters.clear();
        let (broken, session) = (connection.broken, connection.id);
        let (Some(host), Some(session)) = (&mut self.host, session) else { return };
        host.by_session.remove(&session);
        host.open -= 1;
        self.note(What::Released(id));
        if self.plant != Some(Plant::LeakedSlot) || !broken {
            self.tell_server(ServerInput::Disconnected(session));
        }
        self.exit_if_drained();
    }

    /// Sees to it that the deadline of a session or its pipe is in the queue.
    fn set_due(&mut self, id: ConnectionId) {
        let pipe = self.pipe_deadline(id);
        let connection = &mut self.connections[usize_of(id)];
        let own = connection.session.as_ref().and_then(|session| session.deadline()).map(Instant::micros);
        let Some(deadline) = [own, pipe].into_iter().flatten().min() else { return };
        // Deadlines mostly move away: the event that is there rings early, and is set anew.
        if connection.due.is_none_or(|due| deadline < due) {
            // Not in this moment: a deadline that stands still must not stop the clock.
            let at = deadline.max(self.now + 1);
            connection.due = Some(at);
            self.queue.put(at, Happening::Due(id));
        }
    }

    pub(super) fn due(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[usize_of(id)];
        // While the process did not run the hour may have passed.
        if connection.due.is_none_or(|due| due > self.now) || connection.session.is_none() {
            return;
        }
        connection.due = None;
        if self.pipe_deadline(id).is_some_and(|deadline| deadline <= self.now) {
            self.give_up(id);
        }
        let session = &self.connections[usize_of(id)].session;
        let deadline = session.as_ref().and_then(|session| session.deadline());
        if deadline.is_some_and(|deadline| deadline.micros() <= self.now) {
            self.tell(id, self.clock(), Input::Tick, News::Tick);
        }
        self.ready.push_back(id);
    }
}

/// Chance as a runtime has it that shuffles: another one in each process and each time.
fn by_chance() -> bool {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0).is_multiple_of(2)
}

/// As many octets as came and are wanted, together.
fn take_arrived(connection: &mut Connection, wanted: usize) -> Option<Bytes> {
    let first = connection.arrived.front_mut()?;
    let octets = if first.len() > wanted {
        first.split_to(wanted)
    } else if connection.arrived.len() == 1 {
        connection.arrived.pop_front()?
    } else {
        let mut together = Vec::new();
        while let Some(next) = connection.arrived.front_mut() {
            let room = wanted - together.len();
            if next.len() > room {
                together.extend_from_slice(&next.split_to(room));
                break;
            }
            together.extend_from_slice(next);
            connection.arrived.pop_front();
        }
        Bytes::from(together)
    };
    let Some(eater) = &mut connection.chunk_eater else { return Some(octets) };
    let mut octets = octets;
    let rest = octets.split_off(ChunkEater::before_chunk(&octets));
    if !rest.is_empty() {
        connection.arrived.push_front(rest);
    }
    Some(eater.spoil(&octets))
}
