//! A million sources, measured: run in release, with `--ignored --nocapture`.

extern crate std;

use super::super::*;
use core::net::Ipv4Addr;
use std::println;
use std::time::Duration;

const SOURCES: u32 = 1_000_000;

/// What this thread has run so far: others use the machine too.
fn run_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number"))
}

/// Kibibytes that this process holds.
fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Addresses without an order that a cache could guess.
fn key(number: u32) -> Key {
    let mixed = number.wrapping_mul(0x9e37_79b1).rotate_left(13);
    Key::Source(Source::of(Ipv4Addr::from(mixed).into()))
}

/// The time that `work` takes for each of `SOURCES` calls.
fn each(mut work: impl FnMut(u32)) -> Duration {
    let start = run_time();
    (0..SOURCES).for_each(&mut work);
    (run_time() - start) / SOURCES
}

#[test]
#[ignore = "long: run in release"]
fn a_million_sources() {
    let limit = RateLimit { messages: 100, recipients: 500 };
    let at = |number: u32| Instant::ZERO + crate::now::Duration::from_millis(u64::from(number));
    let before = resident_kib();
    let mut windows = RateWindows::default();
    let first = each(|number| windows.count_message(key(number), at(number)));
    let again = each(|number| windows.count_message(key(number), at(SOURCES + number)));
    let held = resident_kib().saturating_sub(before);
    let now = at(2 * SOURCES);
    let judged =
        each(|number| assert_eq!(windows.judge_message(key(number), now, limit), RateVerdict::Within));
    // As many again: each newcomer drives an old one out.
    let evicting = each(|number| windows.count_message(key(SOURCES + number), now));
    println!(
        "sources {}: {} MB held; counted anew {first:?}, again {again:?}, evicting {evicting:?}; asked {judged:?}",
        windows.keys(),
        held * 1024 / 1_000_000
    );
    assert_eq!(windows.keys(), TRACKED_SOURCES_MAX);
    assert_eq!(windows.evicted(), u64::from(SOURCES));
    assert!(held * 1024 < 200_000_000, "{held} KiB");
    assert!(judged.as_nanos() < 1_000, "{judged:?}");
}
