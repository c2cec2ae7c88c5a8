//! The pid file: says which process serves a POSTOFFICE, and by its lock that this process lives. It never sends a
//! signal to anybody, and never touches a file that is not a pid file: a mistyped name must destroy nothing.

use crate::limits::{LOCK_WAIT_STEP, PID_FILE_OCTETS_MAX, PID_FILE_OPENS_MAX};
use rustix::fs::OFlags;
use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What others may do with it: nothing.
const OURS: u32 = 0o600;

/// A locked pid file; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
    /// Another has the lock by now, or is about to.
    released: bool,
}

/// What came of it to ask for the lock.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is ours.
    Ours(PidFile),
    /// Another process has it.
    Held(Held),
}

/// A pid file whose lock another process has.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    file: File,
    pid: String,
}

impl PidFile {
    /// Asks for the lock of the file, which is made if it is missing.
    pub(crate) fn claim(path: &Path) -> Result<Claim, String> {
        let fault =
            |error: &dyn std::fmt::Display| format!("cannot use the pid file {}: {error}", path.display());
        let path_buf = std::path::absolute(path).map_err(|error| fault(&error))?;
        for _ in 0..PID_FILE_OPENS_MAX {
            let mut file = open(&path_buf).map_err(|reason| fault(&reason))?;
            let lock = file.try_lock();
            let old = content(&mut file).map_err(|reason| fault(&reason))?;
            match lock {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Ok(Claim::Held(Held { path: path_buf, file, pid: old }));
                }
                Err(TryLockError::Error(error)) => return Err(fault(&error)),
            }
            // One that was made for all to read.
            if file.metadata().is_ok_and(|stat| stat.mode() & 0o777 != OURS) {
                let _ = file.set_permissions(Permissions::from_mode(OURS));
            }
            // Whoever held the lock before us may have removed the file meanwhile.
            if is_at(&file, &path_buf) {
                return Ok(Claim::Ours(PidFile { path: path_buf, file, released: false }));
            }
        }
        Err(fault(&"others make and remove it all the time"))
    }

    /// Locks the file; that another process has the lock is an error.
    pub(crate) fn lock(path: &Path) -> Result<PidFile, String> {
        match PidFile::claim(path)? {
            Claim::Ours(file) => Ok(file),
            Claim::Held(held) => Err(held.refusal()),
        }
    }

    /// Writes this process's pid.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        let pid = std::process::id();
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(format!("{pid}\n").as_bytes()))
            .map_err(|error| format!("cannot write the pid file {}: {error}", self.path.display()))
    }

    /// Gives the lock to whoever asks next, and leaves the file to it.
    pub(crate) fn release(mut self) {
        self.released = true;
    }
}

impl Held {
    /// That another server runs, in a line for a person.
    pub(crate) fn refusal(&self) -> String {
        format!("already running as pid {}, says the pid file {}", self.pid(), self.path.display())
    }

    /// What stands in the file.
    pub(crate) fn pid(&self) -> &str {
        if self.pid.is_empty() { "unknown" } else { &self.pid }
    }

    /// The file, opened.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Waits for the lock that the other process is giving up.
    pub(crate) fn wait(self, most: Duration) -> Result<PidFile, String> {
        let mut waited = Duration::ZERO;
        loop {
            match self.file.try_lock() {
                Ok(()) if is_at(&self.file, &self.path) => {
                    return Ok(PidFile { path: self.path, file: self.file, released: false });
                }
                // Removed after all.
                Ok(()) => return PidFile::lock(&self.path),
                Err(TryLockError::WouldBlock) if waited < most => {
                    std::thread::sleep(LOCK_WAIT_STEP);
                    waited += LOCK_WAIT_STEP;
                }
                Err(TryLockError::WouldBlock) => return Err(self.refusal()),
                Err(TryLockError::Error(error)) => {
                    return Err(format!("cannot lock the pid file {}: {error}", self.path.display()));
                }
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Where we may not remove it any more, as we are somebody else by now, it at least says nothing wrong.
        if !self.released && is_at(&self.file, &self.path) && std::fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

/// Opens the file if it can be one of ours; looks at it first, as to open a device may have effects.
fn open(path: &Path) -> Result<File, String> {
    match path.symlink_metadata() {
        Ok(stat) => fits(&stat)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.to_string()),
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        // Whoever may read it could hold its lock, and keep every server from starting.
        .mode(OURS)
        .custom_flags(i32::try_from(flags.bits()).expect("flags of the system are small"))
        .open(path)
        .map_err(|error| error.to_string())?;
    // Another may stand there by now.
    fits(&file.metadata().map_err(|error| error.to_string())?)?;
    Ok(file)
}

fn fits(stat: &Metadata) -> Result<(), String> {
    if !stat.is_file() {
        return Err("it is not a regular file".into());
    }
    // None: it was removed since it was opened, which is seen later.
    if stat.nlink() > 1 {
        return Err("it has other names (hard links)".into());
    }
    Ok(())
}

/// The pid in the file, empty when there is none; an error when the file holds anything else.
fn content(file: &mut File) -> Result<String, String> {
    let mut octets = Vec::new();
    (&*file).take(PID_FILE_OCTETS_MAX).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&octets);
    let pid = text.trim_ascii();
    // A pid parses as a number; a longer row of digits is somebody's data.
    if octets.is_empty() || (pid.parse::<u32>().is_ok() && !pid.starts_with('+')) {
        return Ok(pid.to_string());
    }
    Err("it holds something else than a pid, and is left as it is".into())
}

/// Whether the file is the one that the path names.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_who_is_there() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        let mut first = PidFile::lock(&path).expect("free");
        first.write().expect("written");
        let refused = PidFile::lock(&path).expect_err("locked");
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(first);
        assert!(!path.exists());
        assert!(PidFile::lock(&path).is_ok());
    }

    #[test]
    fn a_released_file_is_the_next_ones_and_stays() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        let first = PidFile::lock(&path).expect("free");
        let Claim::Held(held) = PidFile::claim(&path).expect("a pid file") else { panic!("locked twice") };
        let waiter = std::thread::spawn(move || held.wait(Duration::from_secs(10)));
        first.release();
        let second = waiter.join().expect("no panic").expect("given up");
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_process_left_is_used_again_and_anything_else_is_left_alone() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        for old in ["", "4711\n", " 4711 \n\n"] {
            std::fs::write(&path, old).expect("written");
            let mut file = PidFile::lock(&path).expect("a pid file");
            file.write().expect("written");
            assert_eq!(
                std::fs::read_to_string(&path).expect("readable"),
                format!("{}\n", std::process::id())
            );
        }
        let long = "1".repeat(1000) + "x";
        for other in ["4711 x", "-1\n", "\n", "root:x:0:0\n", &long] {
            std::fs::write(&path, other).expect("written");
            let refused = PidFile::lock(&path).expect_err("not a pid file");
            assert!(refused.contains("something else than a pid"), "{refused}");
            assert_eq!(std::fs::read_to_string(&path).expect("readable"), other);
        }
    }

    #[test]
    fn nobody_else_can_hold_its_lock() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        let mode = || path.metadata().expect("a file").permissions().mode() & 0o777;
        drop(PidFile::lock(&path).map(|file| {
            assert_eq!(mode(), 0o600);
            file.release();
        }));
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        let _file = PidFile::lock(&path).expect("a pid file");
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn only_a_regular_file_with_one_name_is_taken() {
        let directory = tempfile::tempdir().expect("directory");
        let (path, other) = (directory.path().join("pid"), directory.path().join("other"));
        std::fs::write(&other, "").expect("written");
        std::os::unix::fs::symlink(&other, &path).expect("a link");
        assert!(PidFile::lock(&path).expect_err("a link").contains("not a regular file"));
        std::fs::remove_file(&path).expect("removed");
        std::fs::hard_link(&other, &path).expect("a link");
        assert!(PidFile::lock(&path).expect_err("two names").contains("other names"));
        for path in [Path::new("/dev/null"), directory.path()] {
            assert!(PidFile::lock(path).expect_err("no file").contains("not a regular file"));
        }
        assert!(path.exists() && Path::new("/dev/null").exists());
    }

    #[test]
    fn a_file_that_another_put_in_its_place_is_not_removed() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pid");
        let first = PidFile::lock(&path).expect("free");
        std::fs::remove_file(&path).expect("removed");
        let second = PidFile::lock(&path).expect("another file");
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
