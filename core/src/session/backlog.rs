//! Octets that came and could not be used yet: the first part of a line, or what a client sent ahead.

use alloc::vec::Vec;

/// Unused octets, in order. Holds no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    octets: Vec<u8>,
    start: usize,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.octets.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds octets at the end.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Takes the octets out, to be worked on; `put_back` says how many were used.
    pub(super) fn take(&mut self) -> (Vec<u8>, usize) {
        (core::mem::take(&mut self.octets), core::mem::take(&mut self.start))
    }

    /// Puts octets back of which the first `used` are no longer needed.
    pub(super) fn put_back(&mut self, octets: Vec<u8>, used: usize) {
        assert!(self.octets.is_empty(), "octets came while others were worked on");
        if used < octets.len() {
            self.octets = octets;
            self.start = used;
        }
    }

    /// Throws everything away.
    pub(super) fn clear(&mut self) {
        *self = Backlog::default();
    }
}
