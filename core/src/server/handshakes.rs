//! TLS handshakes within the sliding hour, by source. Each costs us more than it costs the client, so a source has only
//! so many (`tls-handshakes-max`).

use super::rate_window::Key;
use super::table::{Counts, Second, Span, Table, Window};
use crate::limits::TRACKED_SOURCES_MAX;
use crate::now::Instant;
use crate::peer::Source;

/// One source's handshakes.
#[derive(Debug)]
struct HandshakeWindow {
    begun: Counts,
    /// The limit in the last question.
    most: u32,
}

impl Window for HandshakeWindow {
    fn begin(_: Second) -> Self {
        HandshakeWindow { begun: Counts::default(), most: u32::MAX }
    }

    fn roll(&mut self, span: Span) {
        self.begun.roll(span);
    }

    fn is_over(&self, span: Span) -> bool {
        self.begun.sum(span) >= u64::from(self.most)
    }
}

/// The handshakes of all sources.
#[derive(Debug)]
pub(super) struct Handshakes {
    table: Table<Key, HandshakeWindow>,
}

impl Default for Handshakes {
    fn default() -> Self {
        Handshakes { table: Table::new(TRACKED_SOURCES_MAX) }
    }
}

impl Handshakes {
    /// Whether one more may begin, of at most `most` within the hour; then it is counted. 0 is no limit.
    pub(super) fn may_begin(&mut self, source: Source, now: Instant, most: u32) -> bool {
        if most == 0 {
            return true;
        }
        let key = Key::Source(source);
        let over = self.table.look(&key, now, |window, span| {
            window.most = most;
            window.is_over(span)
        });
        let may = !over.unwrap_or(false);
        if may {
            self.table.count(&key, now, |window, span| window.begun.add(span, 1));
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Duration;
    use core::net::{IpAddr, Ipv4Addr};

    #[test]
    fn a_source_has_so_many_within_the_hour() {
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let source = |last| Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
        let mut handshakes = Handshakes::default();
        for _ in 0..3 {
            assert!(handshakes.may_begin(source(1), at(10), 3));
        }
        assert!(!handshakes.may_begin(source(1), at(3_000), 3));
        assert!(handshakes.may_begin(source(2), at(3_000), 3));
        assert!(handshakes.may_begin(source(1), at(9 * 450), 3));
        assert!((0..100).all(|_| handshakes.may_begin(source(3), at(10), 0)));
    }
}
