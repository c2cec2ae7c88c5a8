//! How fast a client sends its message: silence and slowness both have an end (RFC 2821 §4.5.3.2; a client that
//! sends an octet now and then holds a session only so long).

use crate::limits::Timeouts;
use crate::now::{Duration, Instant};

/// The pace of one message. Only time that we spend waiting for the client counts.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    waited: Duration,
    octets: u64,
}

impl Pace {
    /// The client may send from now on.
    pub(super) fn new(now: Instant) -> Pace {
        Pace { since: now, waited: Duration::ZERO, octets: 0 }
    }

    /// Octets came.
    pub(super) fn came(&mut self, now: Instant, octets: usize) {
        self.waited = self.waited.saturating_add(now.since(self.since));
        self.since = now;
        self.octets = self.octets.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
    }

    /// We wait for the client again, after a time in which it was our turn.
    pub(super) fn resume(&mut self, now: Instant) {
        self.since = now;
    }

    /// When the client has been silent or slow for too long.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        let silent = self.since + timeouts.data_block;
        match self.octets.checked_div(timeouts.data_rate_min) {
            None => silent,
            Some(earned) => {
                let allowed = timeouts.data_grace.saturating_add(Duration::from_secs(earned));
                silent.min(self.since + allowed.saturating_sub(self.waited))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dribbler_runs_out_of_time() {
        let timeouts = Timeouts::default();
        let mut pace = Pace::new(Instant::ZERO);
        let mut now = Instant::ZERO;
        // An octet every 100 seconds never breaks the silence rule, yet ends at the grace.
        while pace.deadline(&timeouts) > now + Duration::from_secs(100) {
            now = now + Duration::from_secs(100);
            pace.came(now, 1);
        }
        assert_eq!(pace.deadline(&timeouts), Instant::ZERO + timeouts.data_grace);
    }

    #[test]
    fn our_own_delays_do_not_count() {
        let timeouts = Timeouts::default();
        let mut pace = Pace::new(Instant::ZERO);
        let later = Instant::ZERO + Duration::from_secs(1000);
        pace.resume(later);
        assert_eq!(pace.deadline(&timeouts), later + timeouts.data_block.min(timeouts.data_grace));
    }
}
