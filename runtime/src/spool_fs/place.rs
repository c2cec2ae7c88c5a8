//! Where the spool lies: the directories of a POSTOFFICE, the names of files in them, and complaints about them.
//! Directories are named by path each time and never kept open: when an operator moves or re-makes one, the next
//! message finds the new one, or fails, but never goes to a place where nobody looks.

use super::layout::Layout;
use super::leftovers::may_be_writer;
use super::names::Names;
use super::ordered;
use crate::limits::{HOST_OCTETS_MAX, NAMES_MAX};
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use smtpserver_core::spool::{Destination, DraftPath, SpoolFault};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The directory of unfinished messages.
pub(super) const PUBLIC: &str = "public";
/// The directory of whole messages.
pub(crate) const ROUTER: &str = "router";
/// The directory of messages that nobody shall get for now.
pub(crate) const FREEZER: &str = "freezer";

/// A POSTOFFICE.
pub(super) struct Place {
    public: PathBuf,
    /// The directories of the queue of whole messages: one, or one for each letter.
    queue: Vec<Names>,
    freezer: Names,
    layout: Layout,
    /// Whether names that are durable prove that what was written out before them is durable, too.
    ordered: bool,
    /// Whether files can be made that have no name.
    nameless: bool,
    /// This host, as names of unfinished files begin.
    host: String,
    /// `host:pid.`
    prefix: String,
    serial: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
    /// The step at which an assertion of ours breaks.
    #[cfg(test)]
    pub(super) planted: Mutex<&'static str>,
}

/// Makes an empty file without a name on the file system of a directory.
fn make_nameless(directory: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    fs::open(directory, flags, Mode::RUSR | Mode::WUSR)
}

/// Gives a file that has no name its first one, without taking anybody else's.
pub(super) fn give_name(file: impl AsFd, folder: impl AsFd, name: &Path) -> Result<(), Errno> {
    // By the descriptor itself it needs a right that we do not have.
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    fs::linkat(fs::CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
}

/// Whether files can be made in this directory that have no name, and can be given one later: not on every file system,
/// and not where the processes are hidden.
fn can_be_nameless(directory: &Path, prefix: &str) -> bool {
    let path = directory.join(format!("{prefix}try"));
    let tried = make_nameless(directory).and_then(|file| give_name(file, fs::CWD, &path));
    tried.and_then(|()| fs::unlink(&path)).is_ok()
}

/// A spell of failures of one kind.
struct Trouble {
    fault: SpoolFault,
    failures: u64,
}

/// What could not be done, to what, and why.
#[derive(Debug)]
pub(super) struct Complaint {
    doing: &'static str,
    path: PathBuf,
    error: Errno,
}

impl Place {
    pub(super) fn new(postoffice: &Path, host: &str, layout: Layout) -> Place {
        let host = host_part(host);
        let public = postoffice.join(PUBLIC);
        let prefix = format!("{host}:{}.", std::process::id());
        let ordered = ordered::keeps_order(&public);
        Place {
            ordered,
            // Elsewhere octets are synced before the name is given, and that is no promise for a file that has none: btrfs
            // does not log it.
            nameless: ordered && can_be_nameless(&public, &prefix),
            public,
            queue: layout.queues(postoffice).into_iter().map(Names::new).collect(),
            freezer: Names::new(postoffice.join(FREEZER)),
            layout,
            prefix,
            host,
            serial: AtomicU64::new(0),
            trouble: Mutex::new(None),
            #[cfg(test)]
            planted: Mutex::default(),
        }
    }

    /// The directory for a whole message of this inode number.
    pub(super) fn names(&self, destination: Destination, inode: u64) -> &Names {
        match destination {
            Destination::Router => &self.queue[self.layout.number(inode)],
            Destination::Freezer(_) => &self.freezer,
        }
    }

    /// Tells the router of a message, when it wants to be told.
    pub(super) fn tell(&self, inode: u64, name: &str) {
        self.layout.tell(inode, name);
    }

    /// The path of an unfinished message, for a helper.
    pub(super) fn draft_path(&self, path: &Path) -> Option<DraftPath> {
        let name = path.file_name()?.to_str()?;
        DraftPath::new(&format!("{PUBLIC}/{name}"))
    }

    #[cfg(test)]
    pub(super) fn pretend(&mut self, ordered: bool, nameless: bool) {
        (self.ordered, self.nameless) = (ordered, nameless);
    }

    /// Whether the file system keeps the order of what is done to it.
    pub(super) fn is_ordered(&self) -> bool {
        self.ordered
    }

    #[cfg(test)]
    pub(super) fn stumble(&self, step: &str) {
        let planted = *self.planted.lock().unwrap_or_else(PoisonError::into_inner);
        assert_ne!(planted, step, "planted");
    }

    /// The directory of unfinished messages.
    pub(super) fn public(&self) -> &Path {
        &self.public
    }

    /// Whether a message has no name before it is whole.
    pub(super) fn makes_nameless(&self) -> bool {
        self.nameless
    }

    /// Makes an empty file without a name.
    pub(super) fn make_nameless(&self) -> Result<OwnedFd, Errno> {
        make_nameless(&self.public)
    }

    /// Does something with a name in `public` that nobody has: with another one as long as it is taken, but not for ever.
    /// Returns which it was, also when that failed.
    pub(super) fn with_fresh_path<T>(
        &self,
        act: impl Fn(&Path) -> Result<T, Errno>,
    ) -> Result<(T, PathBuf), (PathBuf, Errno)> {
        let mut tries = 1;
        loop {
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            let path = self.public.join(format!("{}{serial:x}", self.prefix));
            match act(&path) {
                Ok(done) => return Ok((done, path)),
                // Left by a process of our number on another machine, or put there by somebody else.
                Err(Errno::EXIST) if tries < NAMES_MAX => tries += 1,
                Err(error) => return Err((path, error)),
            }
        }
    }

    /// Kibibytes that are free for us; `None` when the system does not say.
    pub(super) fn free_kib(&self) -> Option<u64> {
        #[cfg(test)]
        self.stumble("measure");
        match fs::statvfs(&self.public) {
            Ok(stat) => Some(stat.f_bavail.saturating_mul(stat.f_frsize) / 1024),
            Err(error) => {
                self.log(&Complaint::new("measure", &self.public, error));
                None
            }
        }
    }

    /// Removes what processes of this host have left in `public` that do not live any more. Returns how many.
    pub(super) fn remove_leftovers(&self) -> std::io::Result<usize> {
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.public)? {
            let entry = entry?;
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.strip_prefix(&self.host)).and_then(pid_of);
            let Ok(stat) = entry.metadata() else { continue };
            // One with our own pid is from an earlier life: we have not written any yet.
            if pid.is_some_and(|pid| pid == std::process::id() || !may_be_writer(pid, stat.mtime()))
                && stat.is_file()
            {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Logs a complaint, the first of its kind in a row: a full disk fails every message, and each of them has a line
    /// of its own in the journal anyway.
    pub(super) fn log(&self, complaint: &Complaint) {
        let fault = complaint.fault();
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *trouble {
            Some(trouble) if trouble.fault == fault => trouble.failures += 1,
            _ => {
                *trouble = Some(Trouble { fault, failures: 1 });
                drop(trouble);
                tracing::error!("spool: {complaint}");
            }
        }
    }

    /// A publication went well.
    pub(super) fn all_is_well(&self) {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Trouble { failures, .. }) = trouble {
            tracing::info!("spool: works again, after {failures} failures");
        }
    }
}

impl Complaint {
    pub(super) fn new(doing: &'static str, path: &Path, error: Errno) -> Complaint {
        Complaint { doing, path: path.to_path_buf(), error }
    }

    /// What the session is told.
    pub(super) fn fault(&self) -> SpoolFault {
        match self.error {
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => SpoolFault::Full,
            Errno::NOENT | Errno::ROFS | Errno::ACCESS | Errno::PERM | Errno::NOTDIR => SpoolFault::Unusable,
            _ => SpoolFault::Broken,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.path.display(), self.error)
    }
}

/// A host's name as it stands in temporary names.
fn host_part(host: &str) -> String {
    host.chars().filter(|c| c.is_ascii_graphic() && *c != '/' && *c != ':').take(HOST_OCTETS_MAX).collect()
}

/// The pid in `:PID.SERIAL`.
fn pid_of(rest: &str) -> Option<u32> {
    let (pid, serial) = rest.strip_prefix(':')?.split_once('.')?;
    u64::from_str_radix(serial, 16).ok()?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_have_left_is_removed() {
        let postoffice = tempfile::tempdir().expect("directory");
        let public = postoffice.path().join(PUBLIC);
        std::fs::create_dir(&public).expect("made");
        let living = nix::unistd::getppid();
        // Linux never gives out a pid above 4,194,304.
        for name in
            ["mx:4999999.1f".into(), "mx:4999999".into(), "other:4999999.1".into(), format!("mx:{living}.1")]
        {
            std::fs::write(public.join(name), "x").expect("file");
        }
        assert_eq!(
            Place::new(postoffice.path(), "mx", Layout::default()).remove_leftovers().expect("readable"),
            1
        );
        assert!(!public.join("mx:4999999.1f").exists());
        assert!(public.join(format!("mx:{living}.1")).exists());
    }

    #[test]
    fn faults_are_sorted_by_what_the_client_is_to_hear() {
        let fault = |error| Complaint::new("write", Path::new("/x"), error).fault();
        assert_eq!(fault(Errno::NOSPC), SpoolFault::Full);
        assert_eq!(fault(Errno::FBIG), SpoolFault::Full);
        assert_eq!(fault(Errno::NOENT), SpoolFault::Unusable);
        assert_eq!(fault(Errno::IO), SpoolFault::Broken);
    }

    #[test]
    fn names_stay_inside_their_directory() {
        let place = Place::new(Path::new("/po"), "../../a very.long-host.name.example", Layout::default());
        let fresh = || place.with_fresh_path(|_| Ok(())).expect("free").1;
        let path = fresh();
        assert_eq!(path.parent(), Some(Path::new("/po/public")));
        assert_ne!(path, fresh());
    }
}
