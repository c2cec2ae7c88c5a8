//! The files of a folder of recordings, kept below a bound together. Used by the one thread that writes them. A file is
//! open only while a piece is written, so that recording costs no descriptors.

use super::{file_name, is_recording};
use smtpserver_core::SessionId;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The recordings.
pub(super) struct Ring {
    folder: PathBuf,
    octets_max: u64,
    /// Octets of all files, those under way among them.
    octets: u64,
    /// Whole recordings, the oldest first.
    whole: VecDeque<(PathBuf, u64)>,
    /// The sizes of those under way; `None` for what was given up.
    under_way: BTreeMap<SessionId, Option<u64>>,
    /// The last thing that went wrong was said already.
    told: bool,
}

/// Makes the folder if it is missing, and tries to make a file in it.
pub(super) fn prepare(folder: &Path) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    create(&trial)?;
    std::fs::remove_file(trial)
}

/// A file that only we may read. One that is there, or a link, is not taken for it.
fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

impl Ring {
    /// Finds what is in the folder already.
    pub(super) fn open(folder: &Path, octets_max: u64) -> std::io::Result<Ring> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if is_recording(&path)
                && let Ok(stat) = std::fs::symlink_metadata(&path)
                && stat.is_file()
            {
                found.push((stat.modified()?, path, stat.len()));
            }
        }
        found.sort();
        let octets = found.iter().map(|(_, _, octets)| octets).sum();
        let whole = found.into_iter().map(|(_, path, octets)| (path, octets)).collect();
        let folder = folder.to_path_buf();
        let mut ring = Ring { folder, octets_max, octets, whole, under_way: BTreeMap::new(), told: false };
        ring.make_room(0);
        Ok(ring)
    }

    /// Adds octets to a session's recording, or gives it up when that cannot be.
    pub(super) fn write(&mut self, session: SessionId, octets: &[u8]) {
        let Some(size) = *self.under_way.entry(session).or_insert(Some(0)) else { return };
        let more = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        if !self.make_room(more) {
            tracing::warn!(%session, "no room for its recording: it is given up");
            return self.spoil(session);
        }
        let path = self.folder.join(file_name(session));
        let opened = if size == 0 { create(&path) } else { OpenOptions::new().append(true).open(&path) };
        match opened.and_then(|mut file| file.write_all(octets)) {
            Ok(()) => {
                self.told = false;
                self.octets += more;
                self.under_way.insert(session, Some(size + more));
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(%session, "a recording cannot be written and is given up: {error}");
                }
                if size > 0 || error.kind() != std::io::ErrorKind::AlreadyExists {
                    let _ = std::fs::remove_file(&path);
                }
                self.octets -= size;
                self.under_way.insert(session, None);
            }
        }
    }

    /// Gives a recording up: it cannot be whole any more.
    pub(super) fn spoil(&mut self, session: SessionId) {
        if let Some(size) = self.under_way.insert(session, None).unwrap_or_default() {
            self.octets -= size;
            if size > 0 {
                let _ = std::fs::remove_file(self.folder.join(file_name(session)));
            }
        }
    }

    /// Nothing more comes of this session.
    pub(super) fn finish(&mut self, session: SessionId) {
        if let Some(Some(size)) = self.under_way.remove(&session) {
            self.whole.push_back((self.folder.join(file_name(session)), size));
        }
    }

    /// Removes the oldest until `more` octets fit; whether they do.
    fn make_room(&mut self, more: u64) -> bool {
        while self.octets.saturating_add(more) > self.octets_max {
            let Some((path, octets)) = self.whole.pop_front() else { return false };
            // Somebody else may have been faster.
            let _ = std::fs::remove_file(path);
            self.octets -= octets;
        }
        true
    }
}
