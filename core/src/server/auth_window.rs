//! Failed logins within the sliding hour, by source and by account (`auth-failrate`). Above the limit of either, a login is
//! not tried any more and fails as if it had been wrong, so that nobody learns from it whether it was.

use super::rate_window::Key;
use super::table::{Counts, Second, Span, Table, Window};
use crate::limits::TRACKED_SOURCES_MAX;
use crate::now::Instant;
use crate::peer::Source;

/// The smallest limit that can be configured: people mistype.
pub const FAILURES_MIN: u32 = 3;

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

    /// Whether a login of this account from this source may be tried; if not, it fails as a wrong one does.
    ///
    /// Asked for both at every login, so that both are remembered as being over when there are too many keys.
    pub fn may_try(&mut self, source: Source, account: &str, now: Instant, limit: u32) -> bool {
        let limit = limit.max(FAILURES_MIN);
        let source_over = self.over(Key::Source(source), now, limit);
        let account_over = self.over(account_key(account), now, limit);
        !source_over && !account_over
    }

    /// A login of this account from this source was tried and was wrong.
    pub fn was_wrong(&mut self, source: Source, account: &str, now: Instant) {
        self.failed(Key::Source(source), now);
        self.failed(account_key(account), now);
    }

    /// AUTH was not tried: it is not offered, or [`AuthWindows::may_try`] said no. Only the source has failed: otherwise
    /// whoever goes on guessing would keep the account's owner out for ever.
    pub fn was_not_tried(&mut self, source: Source, now: Instant) {
        self.failed(Key::Source(source), now);
    }

    /// Logins of this key that failed within the window, for reports.
    pub fn failures(&mut self, key: Key, now: Instant) -> u64 {
        self.table.look(&key, now, |window, span| window.failures.sum(span)).unwrap_or(0)
    }

    /// The next key in memory, in their order, behind this one.
    pub(super) fn key_behind(&self, last: Option<Key>) -> Option<Key> {
        self.table.key_behind(last.as_ref()).copied()
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

/// The key of an account. Letters in upper and lower case count as the same, as some back ends hold them to be.
fn account_key(account: &str) -> Key {
    Key::user(&account.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Duration;
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
    fn source_and_account_are_both_counted_and_an_untried_login_blames_the_source_only() {
        let (here, there) = (
            Source::of(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Source::of("2001:db8::1".parse().expect("address")),
        );
        let mut windows = AuthWindows::default();
        for _ in 0..=20 {
            assert!(windows.may_try(here, "ann", at(0), 20));
            windows.was_wrong(here, "Ann", at(0));
        }
        assert_eq!(
            (windows.failures(Key::Source(here), at(0)), windows.failures(Key::user("ann"), at(0))),
            (21, 21)
        );
        assert_eq!(windows.failures(Key::Source(there), at(0)), 0);
        assert!(!windows.may_try(here, "bob", at(0), 20), "the source has guessed too often");
        assert!(!windows.may_try(there, "ANN", at(0), 20), "the account was guessed too often");
        assert!(windows.may_try(there, "bob", at(0), 20));
        // Others go on, from a source that is over and from one that is not: ann gets in again after her hour.
        windows.was_not_tried(here, at(3_000));
        windows.was_not_tried(there, at(3_000));
        assert!(windows.may_try(there, "ann", at(9 * 450), 20));
        assert_eq!(windows.failures(Key::user("ann"), at(9 * 450)), 0);
        for _ in 0..4 {
            windows.was_not_tried(there, at(9 * 450));
        }
        assert!(!windows.may_try(there, "ann", at(9 * 450), 1), "fewer than three is three");
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
