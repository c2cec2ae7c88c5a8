//! A draft: octets in memory first; a file when they become many, or when they are to be kept.
//!
//! A small message meets the disk once, in `FileDraft::finish`. A large one is written in pieces by the pool while it
//! comes, one job at a time, so its octets stay in order. Either way its memory stays below the credit window of the
//! core: whatever was not written was not reported as room.

use super::place::{Complaint, Place};
use super::pool::{Job, Pool};
use super::revise::revised;
use super::temp::TempFile;
use crate::limits::PIECE;
use crate::spool::{Account, Draft};
use smtpserver_core::spool::{Destination, Revision, SpoolFault, Stored};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A draft that is kept in a file.
pub struct FileDraft {
    inside: Arc<Inside>,
}

struct Inside {
    place: Arc<Place>,
    pool: Arc<Pool>,
    account: Account,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Octets that were not written yet.
    pending: Vec<u8>,
    file: Option<TempFile>,
    fault: Option<SpoolFault>,
    /// A job of the pool is at work on this draft: nobody else touches its file.
    writing: bool,
    /// Where it goes.
    destination: Destination,
    /// Nobody wants it any more.
    abandoned: bool,
    /// What waits for the job to be done.
    then: Option<Job>,
}

impl FileDraft {
    pub(super) fn new(place: &Arc<Place>, pool: &Arc<Pool>, account: Account) -> FileDraft {
        let (place, pool) = (place.clone(), pool.clone());
        FileDraft { inside: Arc::new(Inside { place, pool, account, state: Mutex::default() }) }
    }

    /// Gives the draft to `then` as soon as no job is at work on it: on this thread now, or on the job's.
    pub(super) fn when_quiet(self, then: impl FnOnce(FileDraft) + Send + 'static) {
        let inside = self.inside.clone();
        let mut state = inside.lock();
        if state.writing {
            state.then = Some(Box::new(move || then(self)));
        } else {
            drop(state);
            then(self);
        }
    }

    /// Writes what is left and makes it durable; where order is kept it is only on its way to the device, and becomes
    /// durable with its name. To be called when the draft is quiet.
    pub(super) fn finish(&self) -> Result<Stored, SpoolFault> {
        let (pending, file) = {
            let mut state = self.inside.lock();
            if let Some(fault) = state.fault {
                return Err(fault);
            }
            (std::mem::take(&mut state.pending), state.file.take())
        };
        let place = &self.inside.place;
        let complete = || {
            let file = file.map_or_else(|| TempFile::create(place), Ok)?;
            file.write(&pending)?;
            if place.is_ordered() {
                file.begin_push()?
            } else {
                file.sync()?
            };
            let stored = file.stored()?;
            Ok((file, stored))
        };
        match complete() {
            Ok((file, stored)) => {
                self.inside.lock().file = Some(file);
                Ok(stored)
            }
            Err(complaint) => Err(self.inside.log(&complaint)),
        }
    }

    /// Takes the file out, to be published there.
    pub(super) fn into_file(self) -> (Option<TempFile>, Destination) {
        let mut state = self.inside.lock();
        (state.file.take(), state.destination)
    }
}

impl Draft for FileDraft {
    fn append(&mut self, octets: Vec<u8>) {
        let inside = &self.inside;
        let mut state = inside.lock();
        if state.fault.is_some() {
            drop(state);
            inside.account.room(octets.len());
            return;
        }
        if state.pending.is_empty() {
            state.pending = octets;
        } else {
            state.pending.extend_from_slice(&octets);
        }
        if state.writing || state.pending.len() <= PIECE {
            return;
        }
        state.writing = true;
        drop(state);
        let writer = inside.clone();
        if inside.pool.submit(Box::new(move || writer.write_pieces())).is_err() {
            tracing::error!("spool: too much waits for the disk, a message is refused");
            inside.fail(SpoolFault::Broken);
        }
    }

    fn show(&mut self) {
        let inside = self.inside.clone();
        let mut state = self.inside.lock();
        if state.writing {
            state.then = Some(Box::new(move || inside.show()));
            return;
        }
        state.writing = true;
        drop(state);
        if self.inside.pool.submit(Box::new(move || inside.show())).is_err() {
            tracing::error!("spool: too much waits for the disk, a message is refused");
            self.inside.fail(SpoolFault::Broken);
        }
    }

    fn revise(&mut self, revision: Box<Revision>) {
        let inside = self.inside.clone();
        let mut state = self.inside.lock();
        // It was shown, so no job is at work on it: what comes next waits for this one.
        state.writing = true;
        drop(state);
        if self.inside.pool.submit(Box::new(move || inside.revise(&revision))).is_err() {
            tracing::error!("spool: too much waits for the disk, a message is refused");
            self.inside.fail(SpoolFault::Broken);
        }
    }

    fn bound_for(&mut self, destination: Destination) {
        self.inside.lock().destination = destination;
    }

    fn leave(self, suffix: &'static str) {
        let inside = self.inside.clone();
        let leave = move || {
            self.when_quiet(move |draft| {
                // Whatever cannot be kept vanishes as an abandoned draft does.
                if let Ok(stored) = draft.finish()
                    && let (Some(mut file), _) = draft.into_file()
                    && let Err(complaint) = file.leave(stored, suffix)
                {
                    let place = file.place().clone();
                    drop(file);
                    place.log(&complaint);
                }
            });
        };
        // When too much waits for the disk there is nothing to spare for this.
        let _ = inside.pool.submit(Box::new(leave));
    }
}

impl Drop for FileDraft {
    fn drop(&mut self) {
        let file = {
            let mut state = self.inside.lock();
            state.abandoned = true;
            state.pending = Vec::new();
            state.file.take()
        };
        if let Some(file) = file {
            // To remove a file is work for the disk, too. When too much of it waits, we remove it here all the same.
            let _ = self.inside.pool.submit(Box::new(move || drop(file)));
        }
    }
}

impl Inside {
    /// The job: writes as long as there is a piece to write.
    fn write_pieces(&self) {
        loop {
            let (octets, file) = {
                let mut state = self.lock();
                if state.abandoned || state.pending.len() <= PIECE || state.then.is_some() {
                    return self.rest(state);
                }
                (std::mem::take(&mut state.pending), state.file.take())
            };
            match self.write(file, &octets) {
                Ok(file) => self.lock().file = Some(file),
                Err(fault) => return self.fail(fault),
            }
        }
    }

    /// Writes octets to the file, which is made if there is none yet. Whatever breaks, they are off the account then, and
    /// whoever waits for this job can be told.
    fn write(&self, file: Option<TempFile>, octets: &[u8]) -> Result<TempFile, SpoolFault> {
        let write = || {
            let file = file.map_or_else(|| TempFile::create(&self.place), Ok)?;
            file.write(octets).map(|()| file)
        };
        let write = || write().map_err(|complaint| self.log(&complaint));
        let written = catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| Err(broken()));
        self.account.room(octets.len());
        written
    }

    /// Writes all that is left, for others to read.
    fn show(&self) {
        let (octets, file) = {
            let mut state = self.lock();
            // Whoever waited for another job to be done does the work itself now.
            state.writing = true;
            if state.abandoned || state.fault.is_some() {
                return self.rest(state);
            }
            (std::mem::take(&mut state.pending), state.file.take())
        };
        let path = self.write(file, &octets).and_then(|mut file| {
            let path = file.show().map(|path| self.place.draft_path(path));
            self.lock().file = Some(file);
            path.map_err(|complaint| self.log(&complaint))?.ok_or(SpoolFault::Unusable)
        });
        match path {
            Ok(path) => {
                self.rest(self.lock());
                self.account.shown(path);
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Writes the file anew.
    fn revise(&self, revision: &Revision) {
        let old = {
            let mut state = self.lock();
            if state.abandoned || state.fault.is_some() {
                return self.rest(state);
            }
            state.file.take()
        };
        let Some(mut old) = old else { return self.fail(SpoolFault::Broken) };
        let mut revise =
            || revised(&self.place, &mut old, revision).map_err(|complaint| self.log(&complaint));
        match catch_unwind(AssertUnwindSafe(&mut revise)).unwrap_or_else(|_| Err(broken())) {
            Ok(new) => {
                let mut state = self.lock();
                state.file = Some(new);
                self.rest(state);
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// The job is done: its file is free again for whoever waits for it.
    fn rest(&self, mut state: MutexGuard<'_, State>) {
        state.writing = false;
        let then = state.then.take();
        let file = if state.abandoned { state.file.take() } else { None };
        drop(state);
        drop(file);
        if let Some(then) = then {
            then();
        }
    }

    /// The draft cannot be kept: from now on its octets go nowhere.
    fn fail(&self, fault: SpoolFault) {
        let mut state = self.lock();
        state.fault = Some(fault);
        let dropped = std::mem::take(&mut state.pending).len();
        self.account.room(dropped);
        if state.then.is_none() {
            // With its commit ordered, the draft's failure is the commit's report.
            self.account.failed(fault);
        }
        self.rest(state);
    }

    fn log(&self, complaint: &Complaint) -> SpoolFault {
        self.place.log(complaint);
        complaint.fault()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An assertion of ours broke: the message is lost, the server lives.
fn broken() -> SpoolFault {
    tracing::error!("spool: an assertion of ours broke while a message was written");
    SpoolFault::Broken
}
