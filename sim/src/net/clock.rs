//! The clock of a simulated host: it shows what it was set to, and is set by whoever lets time pass, between two steps.
//!
//! It may stand still while the network still moves, which is how a lane sees what happens at one moment. The driver
//! bears that: a timer that rings early finds nothing due and is set anew.

use smtpserver::clock::Clock;
use smtpserver_core::{Instant, Now, Wall};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the wall clock says when a world opens: 2026-11-23T00:00:00Z.
const EPOCH_MICROS: i64 = 1_795_392_000_000_000;
/// The steady clock does not begin at zero: nothing may lean on that.
const HEAD_START: Duration = Duration::from_secs(1);

/// The clock.
#[derive(Debug, Default)]
pub(crate) struct StepClock(AtomicU64);

impl StepClock {
    /// From now on it is so long after the world's beginning.
    pub(crate) fn set(&self, since_beginning: Duration) {
        let micros = u64::try_from(since_beginning.as_micros()).expect("a world ends before that");
        self.0.store(micros, Ordering::Relaxed);
    }

    /// The time since the world's beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for StepClock {
    fn now(&self) -> Now {
        let micros = self.0.load(Ordering::Relaxed);
        let wall = EPOCH_MICROS + i64::try_from(micros).expect("a world ends before that");
        Now { instant: Instant::from_micros(micros) + HEAD_START, wall: Wall::from_micros(wall) }
    }
}
