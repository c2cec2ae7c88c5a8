//! A message's file: made in `public` under a name of our own, renamed into `router` when it is whole and synced.
//! Until then it vanishes when it is dropped: whatever goes wrong, nothing half-written stays behind.

use super::place::{Complaint, Place};
use crate::limits::NAMES_MAX;
use rustix::fs::{self, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, write};
use smtpserver_core::policy::evaluate::Place as Goal;
use smtpserver_core::spool::Stored;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// What the name of a frozen message ends with: it says why it was frozen.
const FROZEN_SUFFIX: &str = ".policy";

/// A file that is not published yet.
pub(super) struct TempFile {
    place: Arc<Place>,
    path: PathBuf,
    file: OwnedFd,
    published: bool,
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
                Ok(file) => return Ok(TempFile { place: place.clone(), path, file, published: false }),
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

    /// Makes the octets durable and says how the file is known from now on.
    ///
    /// `fdatasync` is enough: it has to bring whatever is needed to read the octets back, that is the size and where
    /// they lie; the name is the directory's affair, and the modification time, which the spool id is made of, lies
    /// beside the size that has just changed. It is never tried twice: the system may have dropped the
    /// pages that it could not write, and then says that all is well.
    pub(super) fn sync(&self) -> Result<Stored, Complaint> {
        fs::fdatasync(&self.file).map_err(|error| self.complaint("sync", error))?;
        let stat = fs::fstat(&self.file).map_err(|error| self.complaint("look at", error))?;
        Ok(Stored {
            inode: stat.st_ino,
            mtime_seconds: stat.st_mtime,
            mtime_nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
        })
    }

    /// Gives the file its name in the directory of its place, without taking anybody else's. Returns that name.
    pub(super) fn publish(
        &mut self,
        folder: &OwnedFd,
        goal: Goal,
        stored: Stored,
    ) -> Result<String, Complaint> {
        let suffix = match goal {
            Goal::Router => "",
            Goal::Freezer => FROZEN_SUFFIX,
        };
        for attempt in 0..NAMES_MAX {
            // The router takes every file whose name begins with a digit.
            let name = match attempt {
                0 => format!("{}{suffix}", stored.inode),
                n => format!("{}-{n}{suffix}", stored.inode),
            };
            match fs::renameat_with(fs::CWD, &self.path, folder, &name, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    self.published = true;
                    return Ok(name);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.complaint("rename", error)),
            }
        }
        Err(self.complaint("rename", Errno::EXIST))
    }

    /// Gives the file a name beside those of unfinished messages that tells what it is, without taking anybody else's.
    pub(super) fn leave(&mut self, stored: Stored, suffix: &str) -> Result<(), Complaint> {
        let path = self.path.with_file_name(format!("{}.{suffix}", stored.inode));
        fs::renameat_with(fs::CWD, &self.path, fs::CWD, &path, RenameFlags::NOREPLACE)
            .map_err(|error| self.complaint("rename", error))?;
        self.published = true;
        Ok(())
    }

    /// The spool it belongs to.
    pub(super) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    fn complaint(&self, doing: &'static str, error: Errno) -> Complaint {
        Complaint::new(doing, &self.path, error)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::unlink(&self.path)
        {
            self.place.log(&self.complaint("remove", error));
        }
    }
}
