//! The server that is measured, seen from outside: its processor time and its memory, as the kernel counts them.
//!
//! A server may be several processes; all that descend from the first are counted.

use std::net::SocketAddr;

/// Ticks in a second, as `/proc/PID/stat` counts: fixed by Linux for all that read it.
const TICKS: u64 = 100;

/// Memory of all its processes, in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    pub(super) rss_kib: u64,
    pub(super) pss_kib: u64,
}

/// Processor time of a process and its descendants, children that have ended included, in microseconds.
pub(super) fn cpu_us(first: u32) -> Option<u64> {
    let all = family(first);
    let ticks: u64 = all.iter().filter_map(|pid| ticks(*pid)).sum();
    (!all.is_empty()).then_some(ticks * (1_000_000 / TICKS))
}

/// Memory of a process and its descendants.
pub(super) fn memory(first: u32) -> Memory {
    let mut sum = Memory::default();
    for pid in family(first) {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        sum.rss_kib += field(&text, "Rss:");
        sum.pss_kib += field(&text, "Pss:");
    }
    sum
}

/// The process that listens on this port: the oldest, if several share it.
pub(super) fn listener(address: SocketAddr) -> Option<u32> {
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        sockets.extend(text.lines().filter_map(|line| listening_inode(line, address.port())));
    }
    let owns = |pid: &u32| {
        std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
            entries
                .flatten()
                .filter_map(|entry| std::fs::read_link(entry.path()).ok())
                .any(|link| sockets.iter().any(|inode| link.to_string_lossy() == format!("socket:[{inode}]")))
        })
    };
    processes().into_iter().filter(owns).min()
}

fn listening_inode(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let local = fields.get(1)?.rsplit_once(':')?.1;
    let listens = fields.get(3) == Some(&"0A");
    (listens && u16::from_str_radix(local, 16) == Ok(port)).then(|| fields.get(9).map(ToString::to_string))?
}

fn processes() -> Vec<u32> {
    std::fs::read_dir("/proc")
        .map(|entries| {
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
        })
        .unwrap_or_default()
}

/// The fields of `/proc/PID/stat` behind the name, which may hold anything: the first is the state.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn ticks(pid: u32) -> Option<u64> {
    // utime, stime, and both again for children that have ended.
    stat(pid)?.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}

fn family(first: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        processes().into_iter().filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?))).collect();
    let mut family: Vec<u32> = parents.iter().map(|(pid, _)| *pid).filter(|pid| *pid == first).collect();
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        family.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let me = std::process::id();
        assert!(cpu_us(me).is_some());
        assert!(memory(me).pss_kib > 0);
        let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listener(listening.local_addr().unwrap()), Some(me));
    }

    #[test]
    fn no_such_process() {
        assert_eq!(cpu_us(u32::MAX), None);
    }
}
