//! Whether the process that wrote a draft still lives. Its number alone does not say it: that may be a corpse's that nobody
//! has buried, or another's by now.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs::read_to_string;

/// How much later a process must have begun than the draft was written, in seconds: both are rounded.
const SLACK: i64 = 2;

/// Whether the process of this number may be the one that wrote a file which was last written at this second. In doubt it is.
pub(super) fn may_be_writer(pid: u32, written: i64) -> bool {
    let Ok(number) = i32::try_from(pid) else { return false };
    if kill(Pid::from_raw(number), None) == Err(Errno::ESRCH) {
        return false;
    }
    let Some(process) =
        read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|line| Process::read(&line))
    else {
        return true;
    };
    let own = read_to_string("/proc/self/stat").ok().and_then(|line| Process::read(&line));
    let another = own.is_some_and(|own| own.name != process.name)
        && began(process.ticks).is_some_and(|began| began > written.saturating_add(SLACK));
    !process.is_dead && !another
}

/// What the system tells of a process.
struct Process {
    name: String,
    is_dead: bool,
    /// When it began, in ticks since the system did.
    ticks: i64,
}

impl Process {
    /// Reads `PID (NAME) STATE ...`; a name may hold anything.
    fn read(line: &str) -> Option<Process> {
        let (head, rest) = line.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let is_dead = matches!(fields.next()?, "Z" | "X" | "x");
        let (_, name) = head.split_once(" (")?;
        Some(Process { name: name.into(), is_dead, ticks: fields.nth(18)?.parse().ok()? })
    }
}

/// The second of a tick.
fn began(ticks: i64) -> Option<i64> {
    let system = read_to_string("/proc/stat").ok()?;
    let system: i64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    let rate = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|rate| *rate > 0)?;
    system.checked_add(ticks / rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_dead_and_those_who_came_later_have_not_written_it() {
        let own = std::process::id();
        assert!(may_be_writer(own, i64::MAX), "we might have");
        assert!(may_be_writer(own, 0), "another of the same name is left alone");
        assert!(!may_be_writer(u32::MAX, 0));
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is installed");
        assert!(!may_be_writer(child.id(), 0), "a later process of another name");
        assert!(may_be_writer(child.id(), i64::MAX), "it was there before");
        drop(child.stdin.take());
        let dead = || Process::read(&read_to_string(format!("/proc/{}/stat", child.id())).expect("a corpse"));
        while !dead().expect("a line").is_dead {
            std::thread::yield_now();
        }
        assert!(!may_be_writer(child.id(), i64::MAX), "nobody has buried it");
        child.wait().expect("buried");
        assert!(!may_be_writer(child.id(), i64::MAX));
    }

    #[test]
    fn what_the_system_tells_of_a_process() {
        let line = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21\n";
        let process = Process::read(line).expect("a line");
        assert_eq!((process.name.as_str(), process.is_dead, process.ticks), ("a) b (c", false, 4711));
        assert!(Process::read("12 (x) Z 1").is_none());
    }
}
