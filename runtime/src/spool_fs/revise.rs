//! A draft written anew: read from its file piece by piece, and written to another one that takes its place.

use super::place::{Complaint, Place};
use super::temp::TempFile;
use crate::limits::PIECE;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::{Errno, read};
use smtpserver_core::spool::{Editor, Revision};
use std::sync::Arc;

/// The new file; the old one goes with its value.
pub(super) fn revised(
    place: &Arc<Place>,
    old: &mut TempFile,
    revision: &Revision,
) -> Result<TempFile, Complaint> {
    let path = old.show()?;
    let complain = |error| Complaint::new("read", path, error);
    let unfit = |why: smtpserver_core::spool::Unrevisable| {
        tracing::warn!("spool: a message cannot be changed as a milter wants it: {}", why.text());
        Complaint::new("revise", path, Errno::INVAL)
    };
    let source = fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map_err(complain)?;
    let new = TempFile::create(place)?;
    let mut editor = Editor::new(revision);
    let (mut piece, mut out) = (vec![0; PIECE], Vec::with_capacity(PIECE));
    loop {
        match read(&source, &mut piece) {
            Ok(0) => break,
            Ok(count) => {
                editor.read(&piece[..count], &mut out).map_err(unfit)?;
                new.write(&out)?;
                out.clear();
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(complain(error)),
        }
    }
    editor.end(&mut out).map_err(unfit)?;
    new.write(&out)?;
    Ok(new)
}
