//! The only reader of clocks. Everything else is handed a `Now`; a simulator hands out its own.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads clocks")]

use smtpserver_core::now::{Instant, Now, Wall};
use std::time::SystemTime;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks, read at this moment.
    fn now(&self) -> Now;
}

/// The clocks of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    origin: std::time::Instant,
}

impl Default for SystemClock {
    /// The steady clock counts from here.
    fn default() -> Self {
        SystemClock { origin: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let instant = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
        Now { instant: Instant::from_micros(instant), wall: Wall::from_micros(wall) }
    }
}
