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

    /// Octets of memory.
    pub(super) fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds octets at the end. What was used goes first: a client that always sends ahead, so that there is never
    /// nothing left, must not make this grow.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.drain(..self.start);
        self.start = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_not_kept_with_what_comes() {
        let mut backlog = Backlog::default();
        backlog.push(&[0; 100]);
        for _ in 0..10_000 {
            let (octets, start) = backlog.take();
            backlog.put_back(octets, start + 50);
            backlog.push(&[0; 50]);
            assert_eq!(backlog.len(), 100);
        }
        assert!(backlog.capacity() < 1_000, "{}", backlog.capacity());
    }
}
