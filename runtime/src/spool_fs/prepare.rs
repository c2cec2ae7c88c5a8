//! Finds out, before anybody relies on it, whether a spool can be kept in a directory; makes what is missing there, and
//! sees to it that a crash on the first day does not take it away again.

use super::layout::Layout;
use super::place::{FREEZER, PUBLIC};
use rustix::fs::{self, RenameFlags};
use rustix::io::Errno;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A directory that the spool cannot do without and cannot use.
#[derive(Debug)]
pub struct Unusable {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the spool directory {} cannot be used: {}", self.path.display(), self.error)
    }
}

/// Makes a directory, and those above it that are missing. Each is in stable storage when it returns.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !is_there(path)).collect();
    for path in missing.into_iter().rev() {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        sync(above.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// The absolute path of this directory, which must exist, as a daemon changes its own.
pub(crate) fn find(postoffice: &Path) -> Result<PathBuf, Unusable> {
    postoffice.canonicalize().map_err(|error| Unusable { path: postoffice.to_path_buf(), error })
}

/// The directories in which messages are kept; where they really are, when they are links to elsewhere.
pub(crate) fn folders(postoffice: &Path, layout: &Layout) -> Vec<PathBuf> {
    let fixed = [PUBLIC, FREEZER].map(|name| postoffice.join(name));
    let all = fixed.into_iter().chain(layout.folders(postoffice));
    all.map(|path| path.canonicalize().unwrap_or(path)).collect()
}

/// Finds out whether a spool can be kept in this directory, which must exist; makes in it what is missing. Returns its
/// absolute path.
pub fn prepare(postoffice: &Path, layout: &Layout) -> Result<PathBuf, Unusable> {
    let absolute = find(postoffice)?;
    let queues = layout.folders(&absolute);
    let fixed = [PUBLIC, FREEZER].map(|name| absolute.join(name));
    for path in fixed.iter().chain(&queues) {
        try_directory(path).map_err(|error| Unusable { path: path.clone(), error })?;
    }
    let queue = layout.queue(&absolute);
    // Always: whoever made them may have crashed before they were safe.
    for path in [&absolute, &queue] {
        sync(path).map_err(|error| Unusable { path: path.clone(), error })?;
    }
    for path in fixed[1..].iter().chain(&queues) {
        try_rename(&fixed[0], path).map_err(|error| Unusable { path: absolute.clone(), error })?;
    }
    Ok(absolute)
}

fn try_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Rights and read-only file systems show themselves only when something is made.
    Probe::make(directory).map(drop)
}

/// Publication rests on a rename from one directory to the other that never replaces a file.
fn try_rename(public: &Path, queue: &Path) -> io::Result<()> {
    let (from, to) = (Probe::make(public)?, Probe::make(queue)?);
    match fs::renameat_with(fs::CWD, &from.path, fs::CWD, &to.path, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => Ok(()),
        Err(Errno::XDEV) => {
            let name = queue.file_name().unwrap_or_default().display();
            Err(io::Error::other(format!("public and {name} lie on different file systems")))
        }
        Ok(()) => Err(io::Error::other("its file system replaces files by renaming, whatever it is told")),
        Err(error @ (Errno::INVAL | Errno::NOSYS)) => Err(io::Error::other(format!(
            "its file system cannot rename without replacing (RENAME_NOREPLACE): {error}"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// An empty file, made to see whether it can be; removed when it is dropped.
struct Probe {
    path: PathBuf,
}

impl Probe {
    fn make(directory: &Path) -> io::Result<Probe> {
        let path = directory.join(format!(".probe.{}", std::process::id()));
        // One of an earlier life of our pid, which was killed at this very point.
        let _ = std::fs::remove_file(&path);
        OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Probe { path })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_there(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.symlink_metadata().is_ok()
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::place::ROUTER;
    use super::*;

    #[test]
    fn what_is_missing_is_made_and_no_probe_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b/c");
        make(&deep).expect("made");
        make(&deep).expect("there already");
        std::fs::create_dir(deep.join(PUBLIC)).expect("made");
        // Left behind by a process of our number.
        std::fs::write(deep.join(PUBLIC).join(format!(".probe.{}", std::process::id())), "")
            .expect("written");
        let postoffice = prepare(&deep, &Layout::default()).expect("usable");
        for name in [PUBLIC, ROUTER, FREEZER] {
            assert_eq!(std::fs::read_dir(postoffice.join(name)).expect("a directory").count(), 0);
        }
        std::fs::write(folder.path().join("file"), "").expect("written");
        assert!(make(&folder.path().join("file/below")).is_err());
    }
}
