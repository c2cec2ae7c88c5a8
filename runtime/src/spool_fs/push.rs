//! The one call of the spool for which there is no safe function: to have a file's octets written out, and to wait for
//! that, without having anything flushed.

use rustix::fs;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// Has all octets of a file written out and waits until the device has them. The file's size and places are then known
/// to the file system as well, though not durable. Where the system has no such call the file is synced instead, which
/// does more.
#[expect(unsafe_code, reason = "neither rustix nor nix has this call")]
pub(super) fn push(file: impl AsFd) -> Result<(), Errno> {
    use nix::libc::{SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE};
    // All three, or the system may pass over a page that is just being written.
    let flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    loop {
        // SAFETY: it takes numbers only, touches no memory of ours, and the descriptor is open while it is borrowed.
        let result = unsafe { nix::libc::sync_file_range(file.as_fd().as_raw_fd(), 0, 0, flags) };
        match Errno::from_io_error(&std::io::Error::last_os_error()) {
            _ if result == 0 => return Ok(()),
            Some(Errno::INTR) => {}
            Some(Errno::NOSYS) => return fs::fdatasync(&file),
            error => return Err(error.unwrap_or(Errno::IO)),
        }
    }
}
