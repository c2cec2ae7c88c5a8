//! Chance from a seed, one stream for each purpose, so that a new throw in one place does not shift the others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// What chance is needed for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// Who writes to whom, and what.
    Letters,
    /// Waiting.
    Pauses,
    /// Which way of speaking.
    Manner,
    /// Where segments end.
    Segments,
    /// How to be bad.
    Malice,
}

/// A stream of chance.
#[derive(Clone, Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, purpose: Purpose) -> Dice {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream(match purpose {
            Purpose::Letters => 1,
            Purpose::Pauses => 2,
            Purpose::Manner => 3,
            Purpose::Segments => 4,
            Purpose::Malice => 5,
        });
        Dice(stream)
    }

    /// A number below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a size fits 64 bits");
        usize::try_from(self.0.next_u64() % end).expect("below a size")
    }

    /// A number from `least` to `most`.
    pub(super) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// Any octet.
    pub(super) fn octet(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("eight bits")
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }

    /// A time up to `most`, in whole microseconds.
    pub(super) fn span(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.0.next_u64() % (most + 1))
    }

    /// A pause: half of the time none, or else up to `most`.
    pub(super) fn pause(&mut self, most: Duration) -> Duration {
        if self.one_in(2) { Duration::ZERO } else { self.span(most) }
    }

    /// Cuts octets into segments: mostly one, sometimes some.
    pub(super) fn segments(&mut self, octets: &[u8]) -> Vec<Vec<u8>> {
        let mut segments = Vec::new();
        let mut rest = octets;
        while !rest.is_empty() {
            let most = rest.len().min(1_400);
            let length = if self.one_in(4) { self.between(1, most) } else { most };
            segments.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        segments
    }
}
