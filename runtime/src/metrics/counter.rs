//! Numbers that many threads count up at the same time. They belong to no one instant together: while they are read, others
//! count on. A histogram agrees with itself all the same, as its count is made of its buckets.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Different names that are kept apart; what comes later counts as `any-other`. There are far fewer of ours.
const NAMES_MAX: usize = 96;
/// Reply codes are below this.
const CODES_END: usize = 600;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that is what it was last set to.
#[derive(Debug, Default)]
pub(super) struct Mark(AtomicU64);

impl Mark {
    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many are inside.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    entered: Counter,
    left: Counter,
}

impl Gauge {
    pub(super) fn enter(&self) {
        self.entered.add(1);
    }

    pub(super) fn leave(&self) {
        self.left.0.fetch_add(1, Ordering::Release);
    }

    pub(super) fn get(&self) -> u64 {
        // In this order nobody has left who is not known to have entered.
        let left = self.left.0.load(Ordering::Acquire);
        self.entered.get().saturating_sub(left)
    }
}

/// Counters by name. Names are of the program text, never made at run time.
#[derive(Debug)]
pub(super) struct ByName {
    slots: Box<[(OnceLock<&'static str>, Counter)]>,
    others: Counter,
}

impl Default for ByName {
    fn default() -> ByName {
        ByName::of(&[])
    }
}

impl ByName {
    /// Counters of which these are shown even while they are 0.
    pub(super) fn of(names: &[&'static str]) -> ByName {
        assert!(names.len() <= NAMES_MAX, "more names than slots");
        let mut slots: Vec<_> =
            names.iter().map(|name| (OnceLock::from(*name), Counter::default())).collect();
        slots.resize_with(NAMES_MAX, Default::default);
        ByName { slots: slots.into(), others: Counter::default() }
    }

    /// Counts one. The slots are filled in their order and never emptied, so a name is found before a free slot is.
    pub(super) fn add(&self, name: &'static str) {
        for (slot, counter) in &self.slots {
            if *slot.get_or_init(|| name) == name {
                return counter.add(1);
            }
        }
        self.others.add(1);
    }

    /// Shows each name and its number.
    pub(super) fn each(&self, mut show: impl FnMut(&'static str, u64)) {
        for (slot, counter) in &self.slots {
            if let Some(name) = slot.get() {
                show(name, counter.get());
            }
        }
        if self.others.get() > 0 {
            show("any-other", self.others.get());
        }
    }
}

/// Counters by reply code.
#[derive(Debug)]
pub(super) struct ByCode(Box<[Counter]>);

impl Default for ByCode {
    fn default() -> ByCode {
        ByCode((0..CODES_END).map(|_| Counter::default()).collect())
    }
}

impl ByCode {
    pub(super) fn add(&self, code: u16) {
        if let Some(counter) = self.0.get(usize::from(code)) {
            counter.add(1);
        }
    }

    /// Shows each code that was counted, and its number.
    pub(super) fn each(&self, mut show: impl FnMut(&str, u64)) {
        for (code, counter) in self.0.iter().enumerate().filter(|(_, counter)| counter.get() > 0) {
            show(&code.to_string(), counter.get());
        }
    }
}

/// How often which values came.
#[derive(Debug)]
pub(super) struct Histogram {
    /// The greatest value of each bucket but the last, growing.
    bounds: &'static [u64],
    buckets: Box<[Counter]>,
    sum: Counter,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Histogram {
        assert!(bounds.is_sorted(), "bounds grow");
        let buckets = (0..=bounds.len()).map(|_| Counter::default()).collect();
        Histogram { bounds, buckets, sum: Counter::default() }
    }

    pub(super) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].add(1);
        self.sum.add(value);
    }

    /// Shows each bound (`None` for that of the last bucket) with the number of values up to it.
    pub(super) fn each(&self, mut show: impl FnMut(Option<u64>, u64)) {
        let mut count = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            count += bucket.get();
            show(self.bounds.get(index).copied(), count);
        }
    }

    /// All values together.
    pub(super) fn sum(&self) -> u64 {
        self.sum.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(names: &ByName) -> Vec<(&'static str, u64)> {
        let mut seen = Vec::new();
        names.each(|name, count| seen.push((name, count)));
        seen
    }

    #[test]
    fn names_are_counted_apart_by_many_threads() {
        let names = ByName::of(&["first"]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for index in 0..1000 {
                        names.add(["a", "b", "first", "c", "a"][index % 5]);
                    }
                });
            }
        });
        let mut seen = all(&names);
        assert_eq!(seen[0], ("first", 800));
        seen.sort_unstable();
        assert_eq!(seen, [("a", 1600), ("b", 800), ("c", 800), ("first", 800)]);
    }

    #[test]
    fn names_beyond_the_slots_are_others() {
        let names: Vec<&'static str> = (0..NAMES_MAX).map(|n| &*n.to_string().leak()).collect();
        let names = ByName::of(&names);
        names.add("one more");
        assert_eq!(all(&names).last(), Some(&("any-other", 1)));
    }

    #[test]
    fn a_value_falls_into_the_bucket_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[1, 10]);
        [0, 1, 2, 10, 11, u64::from(u32::MAX)].iter().for_each(|value| histogram.observe(*value));
        let mut seen = Vec::new();
        histogram.each(|bound, count| seen.push((bound, count)));
        assert_eq!(seen, [(Some(1), 2), (Some(10), 4), (None, 6)]);
        assert_eq!(histogram.sum(), 24 + u64::from(u32::MAX));
    }

    #[test]
    fn codes_are_shown_when_they_were_said() {
        let codes = ByCode::default();
        [250, 250, 554, 9999].iter().for_each(|code| codes.add(*code));
        let mut seen = Vec::new();
        codes.each(|code, count| seen.push((code.to_string(), count)));
        assert_eq!(seen, [("250".to_string(), 2), ("554".to_string(), 1)]);
    }
}
