//! Who holds the lock of a pid file, by the kernel's word, and the order to that process to stop. The number in the
//! file alone is never believed: it may be an old one that belongs to somebody else by now.

use crate::limits::PREDECESSOR_END_MAX;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

/// Tells the process of this number to stop, if it holds the lock of this file, and waits until it has ended.
pub(super) fn stop(file: &File, pid: &str) -> Result<(), String> {
    let refused = |why: &str| format!("pid {pid} cannot be told to stop: {why}");
    let number: i32 = pid.parse().map_err(|_| refused("it is no pid"))?;
    let process = Pid::from_raw(number).ok_or_else(|| refused("it is no pid"))?;
    // Opened before it is looked at: from here on the number cannot become another's.
    let handle = pidfd_open(process, PidfdFlags::empty()).map_err(|error| refused(&error.to_string()))?;
    let inode = file.metadata().map_err(|error| refused(&error.to_string()))?.ino();
    let table = fs::read_to_string("/proc/locks").map_err(|error| refused(&error.to_string()))?;
    if !holds(&table, number, inode) {
        return Err(refused("the lock of the pid file is not its own"));
    }
    pidfd_send_signal(&handle, Signal::TERM).map_err(|error| refused(&error.to_string()))?;
    let wait = Timespec::try_from(PREDECESSOR_END_MAX).expect("a minute fits");
    match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&wait)) {
        Ok(1..) => Ok(()),
        Ok(0) => Err(format!("pid {pid} was told to stop and has not ended within {PREDECESSOR_END_MAX:?}")),
        Err(error) => Err(refused(&error.to_string())),
    }
}

/// Whether the kernel's table of locks has one of this process on this inode. Devices are not compared: layered file
/// systems show others there than in a file's own record.
fn holds(table: &str, pid: i32, inode: u64) -> bool {
    let (pid, inode) = (pid.to_string(), inode.to_string());
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // 1: FLOCK ADVISORY WRITE 4711 fd:00:123456 0 EOF; who waits has "->" behind the number.
        words.len() > 5
            && words[1] == "FLOCK"
            && words[4] == pid
            && words[5].rsplit(':').next() == Some(inode.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holder_of_the_lock_is_one() {
        let table = "1: FLOCK  ADVISORY  WRITE 4711 fd:00:99 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 4712 fd:00:99 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4713 fd:00:99 0 EOF\n";
        assert!(holds(table, 4711, 99));
        for (pid, inode) in [(4711, 98), (4712, 99), (4713, 99), (99, 4711)] {
            assert!(!holds(table, pid, inode), "{pid} {inode}");
        }
    }

    #[test]
    fn a_process_that_only_has_the_number_is_left_alone() {
        let file = tempfile::tempfile().expect("a file");
        // A child of ours that holds nothing: it would end by the signal.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep is installed");
        let refused = stop(&file, &child.id().to_string()).expect_err("no lock");
        assert!(refused.contains("not its own"), "{refused}");
        assert!(child.try_wait().expect("ours").is_none());
        child.kill().and_then(|()| child.wait()).expect("ended");
    }

    #[test]
    fn the_holder_ends() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut child = std::process::Command::new("flock")
            .arg("--close")
            .arg(file.path())
            .args(["sh", "-c", "echo held; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("flock is installed");
        // Without it the child would end by itself.
        let input = child.stdin.take();
        let mut held = [0; 5];
        std::io::Read::read_exact(&mut child.stdout.take().expect("a pipe"), &mut held).expect("it says so");
        let end = std::thread::spawn({
            let id = child.id().to_string();
            let file = file.reopen().expect("the file");
            move || stop(&file, &id)
        });
        assert!(!child.wait().expect("ours").success());
        assert_eq!(end.join().expect("no panic"), Ok(()));
        drop(input);
    }
}
