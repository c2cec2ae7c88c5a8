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
    /// What the steady clock shows at its origin.
    began: Instant,
}

impl Default for SystemClock {
    /// The steady clock begins with the hour that it is, so that what is kept by it goes on in another process.
    fn default() -> Self {
        let hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        SystemClock { origin: std::time::Instant::now(), began: Instant::ZERO + hour }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
        Now { instant: self.began + self.origin.elapsed(), wall: Wall::from_micros(wall) }
    }
}
