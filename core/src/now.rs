//! Time as a value. Two clocks, both given to the core by its hands, never read here.
//!
//! `Instant` measures how long; it only goes forward. `Wall` says what hour it is for people; it may jump and
//! is therefore used for texts (trace lines, logs) and never for a deadline.

use core::fmt;
use core::ops::{Add, Sub};
pub use core::time::Duration;

/// A point on the steady clock, in microseconds since some arbitrary start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(u64);

impl Instant {
    /// The start of the steady clock.
    pub const ZERO: Instant = Instant(0);

    /// The instant `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Instant(micros)
    }

    /// Microseconds since the start.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long it is from `earlier` to `self`; zero when `earlier` is not earlier.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Microseconds in `span`, at most what a `u64` holds (half a million years).
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, span: Duration) -> Instant {
        Instant(self.0.saturating_add(micros(span)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, span: Duration) -> Instant {
        Instant(self.0.saturating_sub(micros(span)))
    }
}

/// A point on the wall clock: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Wall(i64);

impl Wall {
    /// The wall time `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Wall(micros)
    }

    /// The wall time `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Wall(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The date and hour as RFC 2822 §3.3 writes them, in UTC: `Mon, 23 Nov 2026 05:40:39 +0000`.
    ///
    /// Outside the years that a four-digit year can name, the nearest nameable moment is written.
    pub fn rfc2822(self) -> impl fmt::Display {
        let second = jiff::Timestamp::from_second(self.seconds()).unwrap_or_default();
        let zoned = second.to_zoned(jiff::tz::TimeZone::UTC);
        jiff::fmt::rfc2822::to_string(&zoned)
            .unwrap_or_else(|_| alloc::string::String::from("Thu, 1 Jan 1970 00:00:00 +0000"))
    }
}

/// Both clocks, read once by the hands for one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// For deadlines, windows and durations.
    pub instant: Instant,
    /// For texts.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn dates_are_written_as_mail_wants_them() {
        let wall = Wall::from_seconds(1_795_412_439);
        assert_eq!(wall.rfc2822().to_string(), "Mon, 23 Nov 2026 05:40:39 +0000");
        assert_eq!(Wall::from_micros(-1).seconds(), -1);
    }

    #[test]
    fn time_never_wraps() {
        let late = Instant::from_micros(u64::MAX);
        assert_eq!(late + Duration::from_secs(1), late);
        assert_eq!(Instant::ZERO.since(late), Duration::ZERO);
    }
}
