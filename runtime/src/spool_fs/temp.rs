//! A message's file: made in `public`, given its name in `router` (or the freezer) when it is whole, and kept when that
//! name is durable. Where order is kept it has no name at all before that, and so vanishes even when we are killed;
//! elsewhere, and when a helper is to read it, it has one of our own in `public`. Until it is kept it vanishes when it is dropped: whatever
//! goes wrong, nothing half-written and nothing that nobody was told of stays behind.

use super::names::Round;
use super::place::{self, Complaint, Place};
use super::push;
use crate::limits::NAMES_MAX;
use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, write};
use smtpserver_core::spool::{Destination, SpoolFault, Stored};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is not kept yet. While it is open its inode is nobody else's, and so is a name made from that.
pub(super) struct TempFile {
    place: Arc<Place>,
    whereabouts: Whereabouts,
    file: OwnedFd,
}

enum Whereabouts {
    /// Nowhere yet: it is on the file system of `public`, and nobody can find it.
    Nowhere,
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
        if place.makes_nameless() {
            let file =
                place.make_nameless().map_err(|error| Complaint::new("create", place.public(), error))?;
            return Ok(TempFile { place: place.clone(), whereabouts: Whereabouts::Nowhere, file });
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = |path: &Path| fs::open(path, flags, Mode::RUSR | Mode::WUSR);
        let (file, path) =
            place.with_fresh_path(make).map_err(|(path, error)| Complaint::new("create", &path, error))?;
        Ok(TempFile { place: place.clone(), whereabouts: Whereabouts::Public(path), file })
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

    /// Has the octets on their way to the device, and does not wait for that.
    pub(super) fn begin_push(&self) -> Result<(), Complaint> {
        push::begin(&self.file).map_err(|error| self.complaint("write out", error))
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

    /// Gives the file its name where it is bound for, without taking anybody else's.
    pub(super) fn name(&mut self, destination: Destination, stored: Stored) -> Result<(), Complaint> {
        let inode = stored.inode;
        let names = self.place.names(destination, inode);
        let (name, round) = names.give(|folder| self.take_free_name(folder, destination, inode))?;
        self.whereabouts = Whereabouts::Named { destination, inode, round, name };
        Ok(())
    }

    fn take_free_name(
        &self,
        folder: &OwnedFd,
        destination: Destination,
        inode: u64,
    ) -> Result<String, Complaint> {
        for attempt in 0..NAMES_MAX {
            let name = destination.file_name(inode, attempt);
            match self.take_name(folder, Path::new(&name)) {
                Ok(()) => return Ok(name),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.complaint("name", error)),
            }
        }
        Err(self.complaint("name", Errno::EXIST))
    }

    /// From now on it is known by this name and no other. A name that is taken is left alone.
    fn take_name(&self, folder: impl AsFd, name: &Path) -> Result<(), Errno> {
        match &self.whereabouts {
            Whereabouts::Nowhere => place::give_name(&self.file, folder, name),
            Whereabouts::Public(old) => fs::renameat_with(fs::CWD, old, folder, name, RenameFlags::NOREPLACE),
            Whereabouts::Named { .. } | Whereabouts::Kept => Err(Errno::INVAL),
        }
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
        let path = self.place.public().join(format!("{}.{suffix}", stored.inode));
        self.take_name(fs::CWD, &path).map_err(|error| self.complaint("name", error))?;
        self.whereabouts = Whereabouts::Kept;
        Ok(())
    }

    /// Where somebody else can read it while it is not bound for anywhere.
    pub(super) fn show(&mut self) -> Result<&Path, Complaint> {
        if let Whereabouts::Nowhere = self.whereabouts {
            let give = |path: &Path| place::give_name(&self.file, fs::CWD, path);
            let named = self.place.with_fresh_path(give);
            let ((), path) = named.map_err(|(path, error)| Complaint::new("name", &path, error))?;
            self.whereabouts = Whereabouts::Public(path);
        }
        match &self.whereabouts {
            Whereabouts::Public(path) => Ok(path),
            Whereabouts::Nowhere | Whereabouts::Named { .. } | Whereabouts::Kept => {
                Err(self.complaint("show", Errno::INVAL))
            }
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
            Whereabouts::Nowhere => Complaint::new(doing, self.place.public(), error),
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
            Whereabouts::Nowhere | Whereabouts::Kept => Ok(()),
        };
        if let Err(complaint) = removed {
            self.place.log(&complaint);
        }
    }
}
