//! What a person does with the freezer: looks at what is in it (as at the queue), lets a message go to the queue, or
//! deletes it. Each step is durable before it is told.

use crate::Stop;
use crate::args::Office;
use crate::config_file::layout;
use crate::lines::printable;
use crate::spool_fs::FREEZER;
use crate::spool_read;
use rustix::fs::{self, AtFlags, RenameFlags};
use rustix::io::Errno;
use smtpserver_core::spool::Destination;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Names that are tried for a message that is let go.
const NAMES_MAX: u32 = 100;

/// Gives a message to the router. When it returns, a crash does not take the message away again, and it is in one place only.
pub(crate) fn release(office: &Office, id: &str) -> Result<(), Stop> {
    let freezer = office.postoffice.join(FREEZER);
    let path = spool_read::find(freezer.clone(), id)?;
    let inode = path.symlink_metadata().map_err(|error| fault("look at", &path, error))?.ino();
    let layout = layout(office)?;
    let router = layout.queue_of(&office.postoffice, inode);
    for attempt in 0..NAMES_MAX {
        let name = Destination::Router.file_name(inode, attempt);
        match fs::renameat_with(fs::CWD, &path, fs::CWD, router.join(&name), RenameFlags::NOREPLACE) {
            Ok(()) => {
                // The new name first: a crash between the two leaves both, and never none.
                for folder in [&router, &freezer] {
                    File::open(folder)
                        .and_then(|folder| folder.sync_all())
                        .map_err(|error| fault("sync", folder, error))?;
                }
                layout.tell(inode, &name);
                println!("released as {}", router.join(name).display());
                return Ok(());
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(fault("move", &path, error)),
        }
    }
    Err(fault("move", &path, Errno::EXIST))
}

/// Deletes a message.
pub(crate) fn delete(postoffice: &Path, id: &str) -> Result<(), Stop> {
    let freezer = postoffice.join(FREEZER);
    let path = spool_read::find(freezer.clone(), id)?;
    fs::unlinkat(fs::CWD, &path, AtFlags::empty()).map_err(|error| fault("delete", &path, error))?;
    let folder = File::open(&freezer).and_then(|folder| folder.sync_all());
    folder.map_err(|error| fault("sync", &freezer, error))?;
    println!("deleted {}", path.display());
    Ok(())
}

fn fault(doing: &str, path: &Path, error: impl std::fmt::Display) -> Stop {
    Stop::failed(format!("cannot {doing} {}: {error}", printable(&path.to_string_lossy())))
}
