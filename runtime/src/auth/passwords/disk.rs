//! The password file on disk: read when it has changed, refused when others may read or write it. A file that became
//! unusable changes nothing: the users of the last good one stay.

use super::Passwords;
use crate::limits::PASSWORD_FILE_OCTETS_MAX;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// A password file, and what was in it.
#[derive(Debug)]
pub(crate) struct PasswordFile {
    path: PathBuf,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    /// Of the file that was looked at last, good or not.
    stamp: Option<Stamp>,
    users: Arc<Passwords>,
}

/// Says that a file is another one than before: device, inode, octets, and when it was changed.
type Stamp = (u64, u64, u64, i64, i64);

impl PasswordFile {
    /// Reads it for the first time.
    pub(crate) fn open(path: &Path) -> Result<PasswordFile, String> {
        let (users, stamp) = read(path)?;
        let last = Mutex::new(Last { stamp: Some(stamp), users: Arc::new(users) });
        Ok(PasswordFile { path: path.to_owned(), last })
    }

    /// What is in it now, and what there is to say about a change since the last call.
    pub(crate) fn current(&self) -> (Arc<Passwords>, Option<String>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.path.metadata().ok().map(|stat| stamp(&stat));
        if now == last.stamp {
            return (last.users.clone(), None);
        }
        last.stamp = now;
        let note = match read(&self.path) {
            Ok((users, stamp)) => {
                last.stamp = Some(stamp);
                last.users = Arc::new(users);
                None
            }
            Err(error) => Some(format!("{error}; the users as they were before stay")),
        };
        (last.users.clone(), note)
    }
}

fn stamp(stat: &Metadata) -> Stamp {
    (stat.dev(), stat.ino(), stat.len(), stat.mtime(), stat.mtime_nsec())
}

fn read(path: &Path) -> Result<(Passwords, Stamp), String> {
    let fault = |what: &dyn std::fmt::Display| format!("password file {}: {what}", path.display());
    let file = File::open(path).map_err(|error| fault(&error))?;
    let stat = file.metadata().map_err(|error| fault(&error))?;
    if !stat.is_file() {
        return Err(fault(&"it is not a regular file"));
    }
    if stat.mode() & 0o037 != 0 {
        return Err(fault(&"others may read or write it: chmod 0600 (or 0640)"));
    }
    let mut octets = Zeroizing::new(Vec::new());
    file.take(PASSWORD_FILE_OCTETS_MAX + 1).read_to_end(&mut octets).map_err(|error| fault(&error))?;
    if u64::try_from(octets.len()).is_ok_and(|octets| octets > PASSWORD_FILE_OCTETS_MAX) {
        return Err(fault(&"it is too big"));
    }
    let text = std::str::from_utf8(&octets).map_err(|_| fault(&"it is not UTF-8"))?;
    let users = Passwords::parse(text).map_err(|faults| {
        let lines: Vec<String> =
            faults.iter().take(5).map(|fault| format!("line {}: {}", fault.line, fault.what)).collect();
        let more = if faults.len() > lines.len() {
            format!("; and {} more", faults.len() - lines.len())
        } else {
            String::new()
        };
        fault(&format!("{}{more}", lines.join("; ")))
    })?;
    Ok((users, stamp(&stat)))
}
