//! A log file that is found again after it was renamed or removed, and the alarm that is given when lines of it are
//! lost. It knows nothing of what is written.

use crate::clock::{Clock, SystemClock};
use crate::limits::LOSS_WARNING_WAIT;
use rustix::fs::OFlags;
use smtpserver_core::now::Instant;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A log file, and how to find out that it is not the one of that name any more.
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens the file, which is made if it is missing. It is opened anew when it was renamed or removed. Never waits
    /// for the other end of a pipe.
    pub(crate) fn open(path: &Path) -> io::Result<LogFile> {
        // A daemon changes its directory.
        let path = std::path::absolute(path)?;
        let file = create(&path)?;
        Ok(LogFile { path, file })
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The file to write to. Asked before each write, of which there are at most fifty a second.
    pub(crate) fn current(&mut self) -> io::Result<Box<dyn Write>> {
        let open = self.file.metadata()?;
        let same = std::fs::metadata(&self.path)
            .is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino()));
        if !same {
            match create(&self.path) {
                Ok(file) => self.file = file,
                // Nobody would ever read what goes to a file without a name.
                Err(error) if open.nlink() == 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Box::new(self.file.try_clone()?))
    }
}

fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(i32::try_from(flags.bits()).expect("flags of the system are small"))
        .open(path)
        .map_err(|error| match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::NXIO) => io::Error::other("nobody reads at the other end of it"),
            _ => error,
        })
}

/// Tells by `tracing` that lines were lost, now and then.
pub(crate) struct Alarm {
    /// Of what, for people.
    what: String,
    clock: Box<dyn Clock>,
    untold: u64,
    last: Option<Instant>,
}

impl Alarm {
    /// An alarm for the lines of `what`.
    pub(crate) fn new(what: String) -> Alarm {
        Alarm { what, clock: Box::new(SystemClock::default()), untold: 0, last: None }
    }

    /// So many more lines were lost, for this reason.
    pub(crate) fn lost(&mut self, lines: u64, error: &io::Error) {
        let now = self.clock.now().instant;
        self.untold += lines;
        if self.untold > 0 && self.last.is_none_or(|last| now.since(last) >= LOSS_WARNING_WAIT) {
            let what = &self.what;
            tracing::warn!("{what} has lost lines: {} since the last warning: {error}", self.untold);
            self.last = Some(now);
            self.untold = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::Now;
    use smtpserver_core::now::Wall;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn losses_are_told_once_a_minute() {
        struct Hand(Arc<AtomicU64>);
        impl Clock for Hand {
            fn now(&self) -> Now {
                let seconds = self.0.load(Ordering::SeqCst);
                Now { instant: Instant::from_micros(seconds * 1_000_000), wall: Wall::from_seconds(0) }
            }
        }
        let hand = Arc::new(AtomicU64::new(7));
        let mut alarm = Alarm { clock: Box::new(Hand(hand.clone())), ..Alarm::new("the log".into()) };
        let error = io::Error::other("full");
        alarm.lost(3, &error);
        assert_eq!(alarm.untold, 0, "the first is told at once");
        alarm.lost(4, &error);
        alarm.lost(5, &error);
        assert_eq!(alarm.untold, 9);
        hand.store(67, Ordering::SeqCst);
        alarm.lost(1, &error);
        assert_eq!(alarm.untold, 0);
    }

    #[test]
    fn a_log_that_cannot_be_is_refused_without_a_wait() {
        let directory = tempfile::tempdir().expect("directory");
        assert!(LogFile::open(directory.path()).is_err());
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        assert!(LogFile::open(&pipe).err().expect("no reader").to_string().contains("nobody reads"));
    }
}
