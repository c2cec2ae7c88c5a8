//! Failed logins within the sliding hour, by source and by account. Counts what it is told; whether a login is
//! tried at all, its caller decides.

use super::rate_window::Key;
use super::table::{Counts, Second, Span, Table, Window};
use crate::limits::TRACKED_SOURCES_MAX;
use crate::now::Instant;

/// One key's failures.
#[derive(Debug)]
struct AuthWindow {
    failures: Counts,
    /// The limit in the last question; full when nobody has asked.
    failures_max: u32,
}

impl Window for AuthWindow {
    fn begin(_: Second) -> Self {
        AuthWindow { failures: Counts::default(), failures_max: u32::MAX }
    }

    fn roll(&mut self, span: Span) {
        self.failures.roll(span);
    }

    fn is_over(&self, span: Span) -> bool {
        self.failures.sum(span) > u64::from(self.failures_max)
    }
}

/// The failed logins of all keys.
#[derive(Debug)]
pub struct AuthWindows {
    table: Table<Key, AuthWindow>,
}

impl Default for AuthWindows {
    fn default() -> Self {
        AuthWindows::new(TRACKED_SOURCES_MAX)
    }
}

impl AuthWindows {
    /// Windows for up to `keys_max` keys.
    pub fn new(keys_max: usize) -> AuthWindows {
        AuthWindows { table: Table::new(keys_max) }
    }

    /// A login has failed. Said once for the source and once for the account.
    pub fn failed(&mut self, key: Key, now: Instant) {
        self.table.count(&key, now, |window, span| window.failures.add(span, 1));
    }

    /// Whether more than `limit` logins have failed: then every further one does, its password unseen.
    pub fn over(&mut self, key: Key, now: Instant, limit: u32) -> bool {
        let over = self.table.look(&key, now, |window, span| {
            window.failures_max = limit;
            window.is_over(span)
        });
        over.unwrap_or(false)
    }

    /// Keys in memory, among them some whose window has passed.
    pub fn keys(&self) -> usize {
        self.table.len()
    }

    /// Keys that were forgotten because there were too many.
    pub fn evicted(&self) -> u64 {
        self.table.evicted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Duration;
    use crate::peer::Source;
    use alloc::vec::Vec;
    use core::net::{IpAddr, Ipv4Addr};
    use proptest::prelude::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn source(last: u8) -> Key {
        Key::Source(Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))))
    }

    #[test]
    fn more_than_the_limit_is_over_for_an_hour() {
        let mut windows = AuthWindows::new(10);
        let key = Key::user("ann");
        for failures in 1..=21 {
            windows.failed(key, at(60));
            assert_eq!(windows.over(key, at(60), 20), failures > 20);
        }
        assert!(!windows.over(Key::user("bob"), at(60), 20));
        assert!(!windows.over(source(1), at(60), 0));
        assert!(windows.over(key, at(60 + 3_600), 20));
        assert!(!windows.over(key, at(9 * 450), 20));
        assert_eq!(windows.keys(), 0, "to ask keeps nothing alive");
    }

    #[test]
    fn a_flood_of_sources_does_not_forgive_one_that_is_over() {
        let mut windows = AuthWindows::new(2);
        windows.failed(source(0), at(0));
        windows.failed(source(0), at(0));
        assert!(windows.over(source(0), at(0), 1));
        for last in 1..=255 {
            windows.failed(source(last), at(last.into()));
        }
        assert!(windows.over(source(0), at(256), 1));
        assert_eq!((windows.keys(), windows.evicted()), (2, 254));
    }

    proptest! {
        #[test]
        fn failures_count_like_a_list(
            steps in prop::collection::vec((0_u8..3, prop_oneof![Just(0_u64), 0_u64..900, 0_u64..5_000], 0_u32..6), 0..120),
        ) {
            let mut windows = AuthWindows::new(10);
            let mut list: Vec<(u8, u64)> = Vec::new();
            let mut second = 0;
            for (who, later, limit) in steps {
                second += later;
                windows.failed(source(who), at(second));
                list.push((who, second));
                for asked in 0..3 {
                    let failures = list.iter().filter(|(key, time)| *key == asked && time / 450 + 8 >= second / 450);
                    let over = failures.count() > usize::try_from(limit).expect("small");
                    prop_assert_eq!(windows.over(source(asked), at(second), limit), over);
                }
            }
        }
    }
}
