//! Chance under a seed: a stream of numbers for each purpose, so that one more draw in one place shifts nothing in
//! any other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// What numbers are drawn for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Settings and network.
    World,
    /// The clients.
    Clients,
    /// What goes wrong, and when.
    Faults,
    /// What the disk does.
    Disk,
    /// How long the disk needs.
    Pace,
}

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Dice {
        let mut numbers = ChaCha8Rng::seed_from_u64(seed);
        numbers.set_stream(match purpose {
            Purpose::World => 1,
            Purpose::Clients => 2,
            Purpose::Faults => 3,
            Purpose::Disk => 4,
            Purpose::Pace => 5,
        });
        Dice(numbers)
    }

    pub(crate) fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = u128::from(most.saturating_sub(least)) + 1;
        let product = u128::from(self.any()) * span;
        least + u64::try_from(product >> 64).expect("less than the span")
    }

    /// True once in `n` times; never for 0.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        n > 0 && self.between(1, n) == 1
    }

    /// One of these, of which there must be some.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let last = u64::try_from(choices.len() - 1).expect("few choices");
        &choices[usize::try_from(self.between(0, last)).expect("few choices")]
    }

    /// Whole milliseconds from `least` to `most`, both included.
    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }
}
