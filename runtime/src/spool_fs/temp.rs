//! A message's file: made in `public` under a name of our own, renamed into `router` (or the freezer) when it is whole, and kept when
//! that name is durable. Until then it vanishes when it is dropped: whatever goes wrong, nothing half-written and
//! nothing that nobody was told of stays behind.

use super::names::Round;
use super::place::{Complaint, Place};
use super::push;
use crate::limits::NAMES_MAX;
use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, write};
use smtpserver_core::spool::{Destination, SpoolFault, Stored};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is not kept yet. While it is open its inode is nobody else's, and so is a name made from that.
pub(super) struct TempFile {
    place: Arc<Place>,
    whereabouts: Whereabouts,
    file: OwnedFd,
}

enum Whereabouts {
    /// In `public`, under this path.
    Public(PathBuf),
    /// Where it is bound for, under this name, which this sync makes durable.
    Named { destination: Destination, inode: u64, round: Arc<Round>, name: String },
    /// Where it stays, whatever becomes of us.
    Kept,
}

impl TempFile {
    /// Makes an empty file that nobody else has, and that no link leads elsewhere.
    pub(super) fn create(place: &Arc<Place>) -> Result<TempFile, Complaint> {
        #[cfg(test)]
        place.stumble("create");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut path = place.fresh_path();
        for _ in 1..NAMES_MAX {
            match fs::open(&path, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => {
                    let whereabouts = Whereabouts::Public(path);
                    return Ok(TempFile { place: place.clone(), whereabouts, file });
                }
                // Left by a process of our number on another machine, or put there by somebody else.
                Err(Errno::EXIST) => path = place.fresh_path(),
                Err(error) => return Err(Complaint::new("create", &path, error)),
            }
        }
        Err(Complaint::new("create", &path, Errno::EXIST))
    }

    /// Adds octets at the end.
    pub(super) fn write(&self, octets: &[u8]) -> Result<(), Complaint> {
        let mut rest = octets;
        while !rest.is_empty() {
            match write(&self.file, rest) {
                Ok(0) => return Err(self.complaint("write", Errno::IO)),
                Ok(taken) => rest = &rest[taken..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(self.complaint("write", error)),
            }
        }
        Ok(())
    }

    /// Makes the octets durable.
    ///
    /// `fdatasync` is enough: it has to bring whatever is needed to read the octets back, that is the size and where
    /// they lie; the name is the directory's affair, and the modification time, which the spool id is made of, lies
    /// beside the size that has just changed. It is never tried twice: the system may have dropped the
    /// pages that it could not write, and then says that all is well.
    pub(super) fn sync(&self) -> Result<(), Complaint> {
        fs::fdatasync(&self.file).map_err(|error| self.complaint("sync", error))
    }

    /// Hands the octets to the device and waits until it has them; what it has is not durable before it is flushed.
    pub(super) fn push(&self) -> Result<(), Complaint> {
        push::push(&self.file).map_err(|error| self.complaint("write out", error))
    }

    /// How the file is known from now on.
    pub(super) fn stored(&self) -> Result<Stored, Complaint> {
        let stat = fs::fstat(&self.file).map_err(|error| self.complaint("look at", error))?;
        Ok(Stored {
            inode: stat.st_ino,
            mtime_seconds: stat.st_mtime,
            mtime_nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
        })
    }

    /// Gives the file its name where it is bound for, without taking anybody else's, unless it has it already. Says
    /// which sync makes that name durable if it is the first to wait for that one.
    pub(super) fn name(
        &mut self,
        destination: Destination,
        stored: Stored,
    ) -> Result<Option<&Arc<Round>>, Complaint> {
        let Whereabouts::Public(path) = &self.whereabouts else { return Ok(None) };
        let inode = stored.inode;
        let names = self.place.names(destination, inode);
        let (name, round, first) = names.give(|folder| self.rename(path, folder, destination, inode))?;
        self.whereabouts = Whereabouts::Named { destination, inode, round, name };
        match &self.whereabouts {
            Whereabouts::Named { round, .. } if first => Ok(Some(round)),
            Whereabouts::Named { .. } | Whereabouts::Public(_) | Whereabouts::Kept => Ok(None),
        }
    }

    fn rename(
        &self,
        path: &Path,
        folder: &OwnedFd,
        destination: Destination,
        inode: u64,
    ) -> Result<String, Complaint> {
        for attempt in 0..NAMES_MAX {
            let name = destination.file_name(inode, attempt);
            match fs::renameat_with(fs::CWD, path, folder, &name, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(name),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.complaint("rename", error)),
            }
        }
        Err(self.complaint("rename", Errno::EXIST))
    }

    /// Waits until its name is durable, or makes it so. From then on the file stays; a file that failed vanishes.
    pub(super) fn settle(mut self) -> Result<(), SpoolFault> {
        let Whereabouts::Named { destination, inode, round, name } = &self.whereabouts else {
            return Err(SpoolFault::Broken);
        };
        let names = self.place.names(*destination, *inode);
        names.sync(round, |complaint| self.place.log(complaint))?;
        if *destination == Destination::Router {
            self.place.tell(*inode, name);
        }
        self.whereabouts = Whereabouts::Kept;
        Ok(())
    }

    /// Gives the file a name beside those of unfinished messages that tells what it is, without taking anybody else's.
    pub(super) fn leave(&mut self, stored: Stored, suffix: &str) -> Result<(), Complaint> {
        let Whereabouts::Public(old) = &self.whereabouts else { return Ok(()) };
        let path = old.with_file_name(format!("{}.{suffix}", stored.inode));
        fs::renameat_with(fs::CWD, old, fs::CWD, &path, RenameFlags::NOREPLACE)
            .map_err(|error| self.complaint("rename", error))?;
        self.whereabouts = Whereabouts::Kept;
        Ok(())
    }

    /// Where it lies while it is not bound for anywhere.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.whereabouts {
            Whereabouts::Public(path) => Some(path),
            Whereabouts::Named { .. } | Whereabouts::Kept => None,
        }
    }

    /// The spool it belongs to.
    pub(super) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Takes the name away again, durably. The router may have been faster: then the message
    /// goes its way, and the client, which is told that it failed, sends it once more.
    fn withdraw(&self, round: &Round, name: &str) -> Result<(), Complaint> {
        match fs::unlinkat(round.directory(), name, AtFlags::empty()) {
            Ok(()) => {
                fs::fsync(round.directory()).map_err(|error| self.complaint("withdraw for good", error))
            }
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.complaint("withdraw", error)),
        }
    }

    fn complaint(&self, doing: &'static str, error: Errno) -> Complaint {
        match &self.whereabouts {
            Whereabouts::Public(path) => Complaint::new(doing, path, error),
            Whereabouts::Named { destination, inode, name, .. } => {
                Complaint::new(doing, &self.place.names(*destination, *inode).path().join(name), error)
            }
            Whereabouts::Kept => Complaint::new(doing, Path::new("a message that is kept"), error),
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let removed = match &self.whereabouts {
            Whereabouts::Public(path) => fs::unlink(path).map_err(|error| self.complaint("remove", error)),
            Whereabouts::Named { round, name, .. } => self.withdraw(round, name),
            Whereabouts::Kept => Ok(()),
        };
        if let Err(complaint) = removed {
            self.place.log(&complaint);
        }
    }
}
