//! The directory of whole messages: names are given in it, and then it is synced, once for all names that were given
//! before that sync began. It knows names and the directory, and nothing of what is in a file.

use super::place::Complaint;
use rustix::fs::{self, Mode, OFlags};
use smtpserver_core::spool::SpoolFault;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The directory.
pub(super) struct Names {
    path: PathBuf,
    /// The sync that has not begun yet.
    next: Mutex<Option<Arc<Round>>>,
}

/// One sync of the directory.
pub(super) struct Round {
    directory: Directory,
    outcome: OnceLock<Result<(), SpoolFault>>,
}

/// The directory, opened. That is done anew for each sync: when an operator moves or re-makes it, the next names go to
/// the new one.
#[derive(Clone)]
struct Directory {
    opened: Arc<OwnedFd>,
    /// Which it is: its file system and inode.
    identity: (u64, u64),
}

impl Round {
    fn new(directory: Directory) -> Round {
        Round { directory, outcome: OnceLock::new() }
    }

    /// The directory of its names.
    pub(super) fn directory(&self) -> &OwnedFd {
        &self.directory.opened
    }
}

impl Names {
    pub(super) fn new(path: PathBuf) -> Names {
        Names { path, next: Mutex::new(None) }
    }

    /// Where they lie.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Lets `give` give a name in the directory, and returns the sync that makes it durable.
    pub(super) fn give<T>(
        &self,
        give: impl FnOnce(&OwnedFd) -> Result<T, Complaint>,
    ) -> Result<(T, Arc<Round>), Complaint> {
        let directory = self.directory()?;
        let given = give(&directory.opened)?;
        Ok((given, self.join(directory)))
    }

    /// The directory as the next sync has it.
    fn directory(&self) -> Result<Directory, Complaint> {
        let mut next = self.lock();
        if let Some(round) = &*next {
            return Ok(round.directory.clone());
        }
        let directory = self.open()?;
        *next = Some(Arc::new(Round::new(directory.clone())));
        Ok(directory)
    }

    /// The next sync of this directory, in which a name was given just now: one that has begun meanwhile may be too
    /// early for it.
    fn join(&self, directory: Directory) -> Arc<Round> {
        let mut next = self.lock();
        if next.is_none() {
            *next = self.open().ok().map(|directory| Arc::new(Round::new(directory)));
        }
        match &*next {
            Some(round) if round.directory.identity == directory.identity => round.clone(),
            // It is another one now. What was named in the old one is synced there.
            Some(_) | None => Arc::new(Round::new(directory)),
        }
    }

    /// Syncs the directory for the names of this round, if nobody has done so yet; waits for whoever is doing it. A sync
    /// that fails is final.
    pub(super) fn sync(&self, round: &Arc<Round>, log: impl FnOnce(&Complaint)) -> Result<(), SpoolFault> {
        *round.outcome.get_or_init(|| {
            // From here on names wait for another one.
            self.lock().take_if(|next| Arc::ptr_eq(next, round));
            // XFS, when it has had to shut itself down, says of a directory that it is synced, although all that was pending
            // is lost; but then it does not say any more what a directory is like.
            let synced = fs::fsync(round.directory()).and_then(|()| fs::fstat(round.directory()));
            synced.map(drop).map_err(|error| {
                let complaint = Complaint::new("sync", &self.path, error);
                log(&complaint);
                complaint.fault()
            })
        })
    }

    fn open(&self) -> Result<Directory, Complaint> {
        let complaint = |error| Complaint::new("open", &self.path, error);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = fs::open(&self.path, flags, Mode::empty()).map_err(complaint)?;
        let stat = fs::fstat(&opened).map_err(complaint)?;
        Ok(Directory { opened: Arc::new(opened), identity: (stat.st_dev, stat.st_ino) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Round>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
