//! The spool of a simulated server: the same order of work as the daemon's, on a simulated disk, and in tasks instead
//! of threads, because threads have no order that can be repeated.

use super::crew::Crew;
use super::disk::Disk;
use super::trace::Trace;
use crate::dice::Dice;
use crate::played;
use smtpserver::desk::Desk;
use smtpserver::spool::{Account, Draft, Published, Spool, Task};
use smtpserver_core::SessionId;
use smtpserver_core::spool::{Destination, DraftPath, Revision, SpoolFault, Stored};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Octets kept in memory before they are written.
const PIECE: usize = 65_536;
/// Kibibytes that are always free: a full disk is the business of [`super::disk::Faults`].
const FREE_KIB: u64 = 1 << 30;

/// How long the disk needs, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The least.
    pub(crate) least_ms: u64,
    /// The most.
    pub(crate) most_ms: u64,
}

/// What all lives of a server share: the disk, and how fast it is.
#[derive(Debug)]
pub(crate) struct Store {
    disk: Mutex<Disk>,
    pace: Mutex<(Pace, Dice)>,
    trace: Arc<Trace>,
    drafts: AtomicUsize,
}

impl Store {
    pub(crate) fn new(disk: Disk, dice: Dice, trace: Arc<Trace>) -> Arc<Store> {
        let pace = Mutex::new((Pace::default(), dice));
        Arc::new(Store { disk: Mutex::new(disk), pace, trace, drafts: AtomicUsize::new(0) })
    }

    /// The disk.
    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the disk is so fast.
    pub(crate) fn set_pace(&self, pace: Pace) {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).0 = pace;
    }

    /// Drafts that nobody has let go of.
    pub(crate) fn drafts(&self) -> usize {
        self.drafts.load(Ordering::Relaxed)
    }

    fn now(&self) -> Duration {
        self.trace.now()
    }

    async fn work(&self) {
        let time = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            let Pace { least_ms, most_ms } = pace.0;
            pace.1.millis(least_ms, most_ms)
        };
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }
}

/// The spool.
#[derive(Clone, Debug)]
pub(crate) struct SimSpool {
    store: Arc<Store>,
    crew: Arc<Crew>,
}

impl SimSpool {
    /// Octets of a draft that was shown.
    pub(super) fn piece(&self, draft: DraftPath, from: u64, most: usize) -> Option<Vec<u8>> {
        let inode = draft.as_str().strip_prefix("public/")?.parse().ok()?;
        let disk = self.store.disk();
        let octets = disk.read(inode);
        let from = usize::try_from(from).ok()?.min(octets.len());
        Some(octets[from..].iter().copied().take(most).collect())
    }

    /// The spool of a server that starts: what an earlier one has left unfinished is removed.
    pub(super) fn open(store: &Arc<Store>, crew: &Arc<Crew>) -> SimSpool {
        let removed = store.disk().tidy_up();
        store.trace.note("spool", format_args!("removed {removed} unfinished files"));
        SimSpool { store: store.clone(), crew: crew.clone() }
    }

    async fn carry_out(self, desk: Arc<Desk<SimSpool>>, task: Task<SimDraft>) {
        let next = match task {
            Task::Sync(session, draft) => {
                let stored = draft.0.finish().await;
                self.store.trace.note("spool", format_args!("synced {session} {stored:?}"));
                desk.synced(session, stored.map(|stored| (stored, draft)))
            }
            Task::Publish(publication, batch) => desk.published(publication, self.publish(batch).await),
            Task::Measure => desk.measured(Some(FREE_KIB)),
        };
        for task in next {
            self.start(&desk, task);
        }
    }

    /// Renames all, then syncs the directory once. All that is not safely there afterwards has failed.
    async fn publish(&self, batch: Vec<(SessionId, Stored, SimDraft)>) -> Published {
        let mut results = Vec::with_capacity(batch.len());
        for (session, stored, draft) in batch {
            let published = match draft.0.take_file() {
                Some(inode) => self.name(inode).await,
                None => Err(SpoolFault::Broken),
            };
            results.push((session, published.map(|()| stored)));
        }
        self.store.work().await;
        let synced = self.store.disk().sync_router();
        if let Err(fault) = synced {
            for (_, result) in &mut results {
                if let Ok(stored) = *result {
                    self.store.disk().withdraw(stored.inode);
                    *result = Err(fault);
                }
            }
        }
        self.store.trace.note("spool", format_args!("published {results:?}"));
        results
    }

    /// Gives a file its name; where order is kept its octets are written out before, or it is not kept.
    async fn name(&self, inode: u64) -> Result<(), SpoolFault> {
        if self.store.disk().is_ordered() {
            let pushed = self.store.disk().push(inode);
            pushed.inspect_err(|_| self.store.disk().discard(inode))?;
            self.store.work().await;
        }
        self.store.disk().publish(inode)
    }
}

impl Spool for SimSpool {
    type Draft = SimDraft;

    fn begin(&self, account: Account) -> SimDraft {
        self.store.drafts.fetch_add(1, Ordering::Relaxed);
        let (spool, state, quiet) = (self.clone(), Mutex::default(), Notify::new());
        SimDraft(Arc::new(Inside { spool, account, state, quiet }))
    }

    fn start(&self, desk: &Arc<Desk<SimSpool>>, task: Task<SimDraft>) {
        self.crew.spawn(self.clone().carry_out(desk.clone(), task));
    }
}

/// A draft: octets in memory, and a file when they become many or are to be kept.
#[derive(Debug)]
pub(crate) struct SimDraft(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    spool: SimSpool,
    account: Account,
    state: Mutex<State>,
    quiet: Notify,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    file: Option<u64>,
    fault: Option<SpoolFault>,
    /// A task writes pieces.
    writing: bool,
    /// The commit was ordered: what is left is written then.
    finishing: bool,
    abandoned: bool,
}

impl Draft for SimDraft {
    fn append(&mut self, octets: Vec<u8>) {
        let inside = &self.0;
        let mut state = inside.state();
        if state.fault.is_some() {
            drop(state);
            inside.account.room(octets.len());
            return;
        }
        state.pending.extend_from_slice(&octets);
        if !state.writing && state.pending.len() > PIECE {
            state.writing = true;
            inside.spool.crew.spawn(inside.clone().write_pieces());
        }
    }

    fn show(&mut self) {
        self.0.spool.crew.spawn(self.0.clone().show());
    }

    fn revise(&mut self, revision: Box<Revision>) {
        self.0.revise(&revision);
    }

    fn bound_for(&mut self, _destination: Destination) {
        // The simulated disk has one directory for whole messages; which of them is asked of real files.
    }
}

impl Drop for SimDraft {
    fn drop(&mut self) {
        self.0.spool.store.drafts.fetch_sub(1, Ordering::Relaxed);
        let file = {
            let mut state = self.0.state();
            state.abandoned = true;
            state.pending = Vec::new();
            state.file.take()
        };
        if let Some(inode) = file {
            self.0.spool.store.disk().discard(inode);
        }
    }
}

impl Inside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_pieces(self: Arc<Self>) {
        loop {
            self.spool.store.work().await;
            let mut state = self.state();
            if state.abandoned || state.finishing || state.pending.len() <= PIECE {
                state.writing = false;
                break;
            }
            let octets = std::mem::take(&mut state.pending);
            let written = self.write(&mut state, &octets);
            let dropped = if let Err(fault) = written {
                state.fault = Some(fault);
                state.writing = false;
                std::mem::take(&mut state.pending).len()
            } else {
                0
            };
            let finishing = state.finishing;
            drop(state);
            self.account.room(octets.len() + dropped);
            if let Err(fault) = written {
                if !finishing {
                    self.account.failed(fault);
                }
                break;
            }
        }
        self.quiet.notify_one();
    }

    /// Writes what is left, for helpers to read.
    async fn show(self: Arc<Self>) {
        self.state().finishing = true;
        while self.state().writing {
            self.quiet.notified().await;
        }
        self.spool.store.work().await;
        let shown = {
            let mut state = self.state();
            if state.abandoned || state.fault.is_some() {
                return;
            }
            let octets = std::mem::take(&mut state.pending);
            self.account.room(octets.len());
            let written = self.write(&mut state, &octets);
            state.fault = written.err();
            written.map(|()| state.file.expect("it was written to"))
        };
        match shown {
            Ok(inode) => self.account.shown(DraftPath::new(&format!("public/{inode}")).expect("it is short")),
            Err(fault) => self.account.failed(fault),
        }
    }

    /// Writes the file anew, after it was shown: what it holds is octets of another one from here on.
    fn revise(&self, revision: &Revision) {
        let mut state = self.state();
        let Some(old) = state.file.take() else { return };
        let octets = played::revised(self.spool.store.disk().read(old), revision);
        self.spool.store.disk().discard(old);
        let written = self.write(&mut state, &octets);
        state.fault = written.err();
    }

    /// Writes what is left and makes it durable.
    async fn finish(&self) -> Result<Stored, SpoolFault> {
        self.state().finishing = true;
        while self.state().writing {
            self.quiet.notified().await;
        }
        self.spool.store.work().await;
        let inode = {
            let mut state = self.state();
            if let Some(fault) = state.fault {
                return Err(fault);
            }
            let octets = std::mem::take(&mut state.pending);
            self.write(&mut state, &octets)?;
            state.file.expect("it was written to")
        };
        self.spool.store.work().await;
        let mut disk = self.spool.store.disk();
        if !disk.is_ordered() {
            disk.sync(inode)?;
        }
        Ok(disk.stored(inode))
    }

    fn write(&self, state: &mut State, octets: &[u8]) -> Result<(), SpoolFault> {
        let now = self.spool.store.now();
        let mut disk = self.spool.store.disk();
        let inode = match state.file {
            Some(inode) => inode,
            None => *state.file.insert(disk.create(now)?),
        };
        disk.write(inode, octets, now)
    }

    fn take_file(&self) -> Option<u64> {
        self.state().file.take()
    }
}
