//! The one call of the spool for which there is no safe function: to have a file's octets written out, and perhaps to
//! wait for that, without having anything flushed.

use rustix::fs;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc::{
    SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE, c_uint, sync_file_range,
};

/// Has all octets of a file on their way to the device. Whether they arrive only [`push`] tells. Where the system has no such
/// call nothing happens.
pub(super) fn begin(file: impl AsFd) -> Result<(), Errno> {
    match call(file, SYNC_FILE_RANGE_WRITE) {
        Err(Errno::NOSYS) => Ok(()),
        result => result,
    }
}

/// Has all octets of a file written out and waits until the device has them. The file's size and places are then known
/// to the file system as well, though not durable. Where the system has no such call the file is synced instead, which
/// does more.
pub(super) fn push(file: impl AsFd) -> Result<(), Errno> {
    // All three, or the system may pass over a page that is just being written.
    let flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    match call(&file, flags) {
        Err(Errno::NOSYS) => fs::fdatasync(&file),
        result => result,
    }
}

#[expect(unsafe_code, reason = "neither rustix nor nix has this call")]
fn call(file: impl AsFd, flags: c_uint) -> Result<(), Errno> {
    loop {
        // SAFETY: it takes numbers only, touches no memory of ours, and the descriptor is open while it is borrowed.
        let result = unsafe { sync_file_range(file.as_fd().as_raw_fd(), 0, 0, flags) };
        match Errno::from_io_error(&std::io::Error::last_os_error()) {
            _ if result == 0 => return Ok(()),
            Some(Errno::INTR) => {}
            error => return Err(error.unwrap_or(Errno::IO)),
        }
    }
}
