//! Chance under a seed. Each purpose has a stream of its own, so that one more draw in one place shifts nothing in any
//! other: a plan that lost a client draws the same latencies for all the others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// What numbers are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The shape of a plan.
    Plan,
    /// Latencies of the disk, and what of its pending state survives a power cut.
    Disk,
    /// The link of a connection.
    Link,
    /// What becomes of questions.
    Answers,
    /// Sessions that are looked at more closely afterwards.
    Sample,
    /// A world of the simulated network: settings and links.
    World,
    /// Its clients.
    Clients,
    /// What goes wrong in it, and when.
    Faults,
    /// How long its disk needs.
    Pace,
    /// Sessions that are recorded.
    Recording,
    /// What helpers of the server do.
    Helpers,
    /// Keys and random numbers of TLS.
    Tls,
    /// How long back ends need, and what they say.
    Logins,
    /// What becomes of look-ups.
    Names,
}

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Dice(Source);

#[derive(Clone, Debug)]
enum Source {
    Chance(Box<ChaCha8Rng>),
    /// Octets that somebody else chose, two for a number; the last of them first.
    Told(Vec<u8>),
}

impl Dice {
    /// The stream of `seed` for a purpose; `id` tells apart things of the same kind, up to 2^48 of them.
    pub fn new(seed: u64, purpose: Purpose, id: u64) -> Dice {
        let purpose = match purpose {
            Purpose::Plan => 1,
            Purpose::Disk => 2,
            Purpose::Link => 3,
            Purpose::Answers => 4,
            Purpose::Sample => 5,
            Purpose::World => 6,
            Purpose::Clients => 7,
            Purpose::Faults => 8,
            Purpose::Pace => 9,
            Purpose::Recording => 10,
            Purpose::Helpers => 13,
            Purpose::Tls => 12,
            Purpose::Logins => 11,
            Purpose::Names => 14,
        };
        let mut numbers = ChaCha8Rng::seed_from_u64(seed);
        numbers.set_stream((purpose << 48) | id);
        Dice(Source::Chance(Box::new(numbers)))
    }

    /// Numbers that octets spell, two for each, spread over the whole range: whoever chooses the octets chooses what
    /// happens. Behind the last of them every number is the greatest, so that whatever has a chance does not happen.
    pub fn told(octets: &[u8]) -> Dice {
        Dice(Source::Told(octets.iter().rev().copied().collect()))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        match &mut self.0 {
            Source::Chance(numbers) => numbers.next_u64(),
            Source::Told(octets) => match (octets.pop(), octets.pop()) {
                (Some(high), Some(low)) => u64::from_be_bytes([high, low, 0, 0, 0, 0, 0, 0]),
                (Some(_), None) | (None, _) => u64::MAX,
            },
        }
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.any()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of a product of two such numbers")
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// True in `permille` of 1,000 cases.
    pub fn chance(&mut self, permille: u32) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// True once in `n` times; never for 0.
    pub fn once_in(&mut self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }

    /// Whole milliseconds from `least` to `most`, both included.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(u64::try_from(choices.len()).expect("few choices"));
        &choices[usize::try_from(index).expect("below a length")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_touch_each_other() {
        let mut disk = Dice::new(7, Purpose::Disk, 0);
        let mut again = Dice::new(7, Purpose::Disk, 0);
        let mut link = Dice::new(7, Purpose::Link, 0);
        let first = disk.any();
        link.any();
        assert_eq!(first, again.any());
        assert_ne!(first, Dice::new(7, Purpose::Disk, 1).any());
    }

    #[test]
    fn octets_choose_and_then_nothing_happens() {
        let mut dice = Dice::told(&[0x80, 0, 0, 1]);
        assert_eq!((dice.below(100), dice.below(100)), (50, 0));
        assert!(!dice.chance(999));
        assert_eq!(dice.pick(&[1, 2, 3]), &3);
    }

    #[test]
    fn bounds_hold() {
        let mut dice = Dice::new(1, Purpose::Plan, 0);
        assert_eq!(dice.below(0), 0);
        assert!((0..1000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert!(!dice.chance(0));
        assert!(dice.chance(1000));
    }
}
