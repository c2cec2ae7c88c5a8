//! Descriptors that were opened by whoever started us: no program that we start gets them.

use std::os::fd::RawFd;

/// Marks all descriptors but the three standard ones so that programs which this one starts do not get them; our own are
/// opened like that. To be called first, while there is one thread.
#[expect(unsafe_code, reason = "these descriptors are numbers: nothing in this program owns them")]
pub(crate) fn keep_to_ourselves() {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in open {
        // SAFETY: to set this flag closes nothing and changes nothing for whoever uses the descriptor here. The one that the
        // folder was read by is closed again, and the call then does nothing.
        unsafe { nix::libc::fcntl(number, nix::libc::F_SETFD, nix::libc::FD_CLOEXEC) };
    }
}
