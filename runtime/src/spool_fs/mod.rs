//! Keeps messages in files, in ZMailer's format and directories: a message is written to a file in
//! `POSTOFFICE/public`, synced, renamed to `POSTOFFICE/router/<inode>`, and that directory is synced. Only then is
//! it reported as committed. A message that a person is to look at goes to `POSTOFFICE/freezer` instead. It knows nothing of SMTP and nothing of what is inside a message.
//!
//! Work goes to few hands: the thread that has finished a draft tells the desk itself and carries out on the spot
//! what the desk orders next, which is the publication of all drafts that are ready. So a message changes threads
//! twice, and drafts that become ready during one publication share the next.

mod draft;
mod place;
mod pool;
mod prepare;
mod temp;

pub use draft::FileDraft;
pub(crate) use place::ROUTER;
pub use prepare::{Unusable, prepare};
pub(crate) use prepare::{find, folders, make};

use crate::desk::Desk;
use crate::journal::Work;
use crate::limits::THREADS_MAX;
use crate::spool::{Account, Published, Spool, Task};
use place::{Complaint, Place};
use pool::Pool;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use smtpserver_core::peer::SessionId;
use smtpserver_core::policy::evaluate::Place as Goal;
use smtpserver_core::spool::{SpoolFault, Stored};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A spool of files.
#[derive(Clone)]
pub struct FileSpool {
    place: Arc<Place>,
    pool: Arc<Pool>,
}

impl FileSpool {
    /// Opens the spool in a directory that [`prepare`] has found fit. To be called in the process that will serve:
    /// its pid is part of the names of unfinished files.
    pub fn open(postoffice: &Path, host: &str) -> FileSpool {
        FileSpool { place: Arc::new(Place::new(postoffice, host)), pool: Pool::new(THREADS_MAX) }
    }

    /// Removes what earlier processes of this host have left unfinished. To be called before the first draft.
    pub fn tidy_up(&self) {
        match self.place.remove_leftovers() {
            Ok(0) => {}
            Ok(removed) => tracing::info!("spool: removed {removed} unfinished files of earlier processes"),
            Err(error) => tracing::warn!("spool: cannot tidy up: {error}"),
        }
    }

    /// Kibibytes that are free; `None` when the system does not say.
    pub fn free_kib(&self) -> Option<u64> {
        self.place.free_kib()
    }

    /// Waits until nothing is left to be written or removed, at most `wait`.
    pub fn wait_for_rest(&self, wait: Duration) {
        self.pool.wait_for_rest(wait);
    }

    /// Carries out a task, and what follows from it.
    fn carry_out(&self, desk: &Arc<Desk<Self>>, task: Task<FileDraft>) {
        match task {
            Task::Sync(session, draft) => {
                let (spool, desk) = (self.clone(), desk.clone());
                draft.when_quiet(move |draft| {
                    // The desk is owed a word even when an assertion of ours breaks.
                    let began = desk.now().instant;
                    let stored = catch_unwind(AssertUnwindSafe(|| draft.finish()));
                    desk.journal().count(Work::Synced(desk.now().instant.since(began)));
                    let stored = stored.unwrap_or(Err(SpoolFault::Broken));
                    spool.go_on(&desk, desk.synced(session, stored.map(|stored| (stored, draft))));
                });
            }
            Task::Publish(..) => self.go_on(desk, vec![task]),
            Task::Measure => {
                let free_kib = catch_unwind(AssertUnwindSafe(|| self.place.free_kib()));
                self.go_on(desk, desk.measured(free_kib.unwrap_or_default()));
            }
        }
    }

    /// What the desk wants next. A publication is what sessions wait for: it is done here and now, the rest goes to
    /// other threads.
    fn go_on(&self, desk: &Arc<Desk<Self>>, mut tasks: Vec<Task<FileDraft>>) {
        while !tasks.is_empty() {
            let mut own = None;
            for task in tasks {
                match task {
                    Task::Publish(publication, batch) if own.is_none() => own = Some((publication, batch)),
                    Task::Publish(..) | Task::Sync(..) | Task::Measure => self.start(desk, task),
                }
            }
            let Some((publication, batch)) = own else { return };
            // As above; whoever is not named in the results has failed.
            let (messages, began) = (batch.len(), desk.now().instant);
            let results = catch_unwind(AssertUnwindSafe(|| self.publish(batch)));
            desk.journal().count(Work::Published(messages, desk.now().instant.since(began)));
            tasks = desk.published(publication, results.unwrap_or_default());
        }
    }

    /// Renames all, then syncs each directory once. All that is not safely there afterwards has failed.
    fn publish(&self, batch: Vec<(SessionId, Stored, FileDraft)>) -> Published {
        let (frozen, routed): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|(_, _, draft)| draft.goal() == Goal::Freezer);
        let mut results = self.publish_in(Goal::Router, routed);
        results.append(&mut self.publish_in(Goal::Freezer, frozen));
        if results.iter().all(|(_, result)| result.is_ok()) {
            self.place.all_is_well();
        }
        results
    }

    fn publish_in(&self, goal: Goal, batch: Vec<(SessionId, Stored, FileDraft)>) -> Published {
        if batch.is_empty() {
            return Vec::new();
        }
        let folder = match self.open_folder(goal) {
            Ok(folder) => folder,
            Err(complaint) => {
                let fault = self.log(&complaint);
                return batch.into_iter().map(|(session, ..)| (session, Err(fault))).collect();
            }
        };
        let mut results = Vec::with_capacity(batch.len());
        let mut names = Vec::with_capacity(batch.len());
        for (session, stored, draft) in batch {
            let result = match draft.into_file() {
                Some(mut file) => {
                    file.publish(&folder, goal, stored).map_err(|complaint| self.log(&complaint))
                }
                None => Err(SpoolFault::Broken),
            };
            results.push((
                session,
                result.map(|name| {
                    names.push(name);
                    stored
                }),
            ));
        }
        if !names.is_empty()
            && let Err(error) = fs::fsync(&folder)
        {
            let fault = self.log(&Complaint::new("sync", self.place.folder(goal), error));
            for name in names {
                // The names are not safe, so they are not kept. The router may have been faster: then the message
                // goes its way and the client, which is told that it failed, sends it once more.
                let _ = fs::unlinkat(&folder, &name, AtFlags::empty());
            }
            for (_, result) in &mut results {
                *result = Err(fault);
            }
        }
        results
    }

    fn open_folder(&self, goal: Goal) -> Result<OwnedFd, Complaint> {
        #[cfg(test)]
        self.place.stumble("publish");
        let path = self.place.folder(goal);
        fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Complaint::new("open", path, error))
    }

    fn log(&self, complaint: &Complaint) -> SpoolFault {
        self.place.log(complaint);
        complaint.fault()
    }
}

impl Spool for FileSpool {
    type Draft = FileDraft;

    fn begin(&self, account: Account) -> FileDraft {
        FileDraft::new(&self.place, &self.pool, account)
    }

    fn start(&self, desk: &Arc<Desk<Self>>, task: Task<FileDraft>) {
        let (spool, its_desk) = (self.clone(), desk.clone());
        let job = Box::new(move || spool.carry_out(&its_desk, task));
        if let Err(job) = self.pool.submit(job) {
            // Every task owes the desk a word. Better a network thread that waits than a commit that hangs.
            job();
        }
    }
}

#[cfg(test)]
mod tests;
