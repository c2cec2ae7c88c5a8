//! Keeps messages in files, in ZMailer's format and directories: a message is written to a file in
//! `POSTOFFICE/public`, synced, renamed to `POSTOFFICE/router/<inode>` (or to the freezer), and that directory is synced.
//! Only then is it reported as committed. It knows nothing of SMTP and nothing of what is inside a message.
//!
//! Where the file system keeps order (`ordered`) the sync of the directory is enough: the octets are handed to the device,
//! then the file gets its name, and a name that is durable proves that the octets are. The journal has the
//! file's size and places before the name, and flushes the device before it says so; so all messages of a batch ride on
//! one commit of the journal. Success is reported after that sync, as everywhere.
//!
//! Work goes to few hands: the thread that has finished a draft tells the desk itself and carries out on the spot
//! what the desk orders next, which is the publication of all drafts that are ready. So a message changes threads
//! twice, and names that are given during one sync of the directory share the next.

mod draft;
mod layout;
mod leftovers;
mod names;
mod ordered;
mod place;
mod pool;
mod prepare;
mod push;
mod revise;
mod temp;

pub use draft::FileDraft;
pub use layout::Layout;
pub(crate) use place::{FREEZER, ROUTER};
pub use prepare::{Unusable, prepare};
pub(crate) use prepare::{find, folders, make};

use crate::desk::Desk;
use crate::journal::Work;
use crate::limits::THREADS_MAX;
use crate::spool::{Account, Published, Spool, Task};
use place::Place;
use pool::Pool;
use smtpserver_core::peer::SessionId;
use smtpserver_core::spool::{SpoolFault, Stored};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use temp::TempFile;

/// A spool of files.
#[derive(Clone)]
pub struct FileSpool {
    place: Arc<Place>,
    pool: Arc<Pool>,
}

impl FileSpool {
    /// Opens the spool in a directory that [`prepare`] has found fit. To be called in the process that will serve:
    /// its pid is part of the names of unfinished files.
    pub fn open(postoffice: &Path, host: &str, layout: Layout) -> FileSpool {
        let place = Arc::new(Place::new(postoffice, host, layout));
        match place.is_ordered() {
            true => tracing::debug!("spool: its file system keeps order, so one wait for the disk is enough"),
            false => tracing::debug!("spool: octets become durable first, and then names"),
        }
        FileSpool { place, pool: Pool::new(THREADS_MAX) }
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

    /// Gives names to all that have none, then syncs the directory once. All that is not safely there afterwards has
    /// failed.
    fn publish(&self, batch: Vec<(SessionId, Stored, FileDraft)>) -> Published {
        #[cfg(test)]
        self.place.stumble("publish");
        let named: Vec<_> = batch
            .into_iter()
            .map(|(session, stored, draft)| (session, stored, self.name(stored, draft)))
            .collect();
        let settle = |(session, stored, file): (_, _, Result<TempFile, SpoolFault>)| {
            (session, file.and_then(TempFile::settle).map(|()| stored))
        };
        let results: Published = named.into_iter().map(settle).collect();
        if results.iter().all(|(_, result)| result.is_ok()) {
            self.place.all_is_well();
        }
        results
    }

    fn name(&self, stored: Stored, draft: FileDraft) -> Result<TempFile, SpoolFault> {
        let (file, destination) = draft.into_file();
        let mut file = file.ok_or(SpoolFault::Broken)?;
        let mut name = || {
            if self.place.is_ordered() {
                file.push()?;
            }
            file.name(destination, stored)
        };
        name().map_err(|complaint| {
            self.place.log(&complaint);
            complaint.fault()
        })?;
        Ok(file)
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
