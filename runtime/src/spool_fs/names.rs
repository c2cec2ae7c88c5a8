//! The directory of whole messages: names are given in it, and then it is synced, once for all names that were given
//! before that sync began. It knows names and the directory, and nothing of what is in a file.

use super::place::Complaint;
use rustix::fs::{self, Mode, OFlags};
use smtpserver_core::spool::SpoolFault;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The directory.
pub(super) struct Names {
    path: PathBuf,
    /// The sync that has not begun yet. Whoever gives a name holds it open for reading, so that no sync begins while a
    /// name is half given.
    next: RwLock<Option<Arc<Round>>>,
}

/// One sync of the directory. The directory is opened anew for each: when an operator moves or re-makes it, the next
/// names go to the new one; but those that were given in the old one are synced there.
pub(super) struct Round {
    directory: OwnedFd,
    outcome: OnceLock<Result<(), SpoolFault>>,
}

impl Round {
    /// The directory of its names.
    pub(super) fn directory(&self) -> &OwnedFd {
        &self.directory
    }
}

impl Names {
    pub(super) fn new(path: PathBuf) -> Names {
        Names { path, next: RwLock::new(None) }
    }

    /// Where they lie.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Lets `give` give a name in the directory, and returns the sync that makes it durable; `true` when this is the
    /// first name that waits for that one.
    pub(super) fn give<T>(
        &self,
        give: impl FnOnce(&OwnedFd) -> Result<T, Complaint>,
    ) -> Result<(T, Arc<Round>, bool), Complaint> {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = &*next {
            return Ok((give(&round.directory)?, round.clone(), false));
        }
        drop(next);
        let mut next = self.next.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = &*next {
            return Ok((give(&round.directory)?, round.clone(), false));
        }
        let round = Arc::new(Round { directory: self.open()?, outcome: OnceLock::new() });
        let given = give(&round.directory)?;
        *next = Some(round.clone());
        Ok((given, round, true))
    }

    /// Syncs the directory for the names of this round, if nobody has done so yet; waits for whoever is doing it. A sync
    /// that fails is final.
    pub(super) fn sync(&self, round: &Arc<Round>, log: impl FnOnce(&Complaint)) -> Result<(), SpoolFault> {
        *round.outcome.get_or_init(|| {
            // From here on names wait for another one.
            self.next
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take_if(|next| Arc::ptr_eq(next, round));
            fs::fsync(&round.directory).map_err(|error| {
                let complaint = Complaint::new("sync", &self.path, error);
                log(&complaint);
                complaint.fault()
            })
        })
    }

    fn open(&self) -> Result<OwnedFd, Complaint> {
        fs::open(&self.path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Complaint::new("open", &self.path, error))
    }
}
