//! The pid file: says which process serves a POSTOFFICE, and by its lock that this process lives. It never sends a
//! signal to anybody.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A locked pid file; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Locks the file, which is made if it is missing. The lock passes on to the process that we become by detaching.
    pub(crate) fn lock(path: &Path) -> Result<PidFile, String> {
        let fault =
            |error: &dyn std::fmt::Display| format!("cannot use the pid file {}: {error}", path.display());
        let path_buf = std::path::absolute(path).map_err(|error| fault(&error))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path_buf)
            .map_err(|error| fault(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(PidFile { path: path_buf, file }),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = Some(pid.trim()).filter(|pid| !pid.is_empty()).unwrap_or("unknown");
                Err(format!("already running as pid {pid}, says the pid file {}", path.display()))
            }
            Err(TryLockError::Error(error)) => Err(fault(&error)),
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
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // The process that we were before detaching never comes here: it ends without a word.
        let _ = std::fs::remove_file(&self.path);
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
}
