//! The table against a naive one that keeps every event, and its promise about memory.

use super::*;
use proptest::prelude::*;

/// Counts, and is over from three on.
#[derive(Debug)]
struct Three(Counts);

impl Window for Three {
    fn begin(_: Second) -> Self {
        Three(Counts::default())
    }
    fn roll(&mut self, span: Span) {
        self.0.roll(span);
    }
    fn is_over(&self, span: Span) -> bool {
        self.0.sum(span) >= 3
    }
}

fn at_second(second: u32) -> Instant {
    Second(second).instant()
}

fn count(table: &mut Table<u8, Three>, key: u8, second: u32, number: u32) {
    table.count(&key, at_second(second), |window, span| window.0.add(span, number));
}

fn keys(table: &Table<u8, Three>) -> Vec<u8> {
    table.places.keys().copied().collect()
}

fn consistent(table: &Table<u8, Three>) {
    assert_eq!(table.entries.len(), table.places.len());
    assert_eq!(table.entries.len(), table.ranks.len());
    for (place, entry) in table.entries.iter().enumerate() {
        let place = u32::try_from(place).expect("small");
        assert_eq!(table.places.get(&entry.key), Some(&place));
        assert!(table.ranks.contains(&table.rank(place)));
    }
}

#[test]
fn the_one_idle_longest_goes_first() {
    let mut table = Table::new(3);
    for (key, second) in [(1, 10), (2, 20), (3, 30), (1, 40), (4, 50)] {
        count(&mut table, key, second, 1);
    }
    assert_eq!(keys(&table), [1, 3, 4]);
    assert_eq!(table.evicted(), 1);
}

#[test]
fn whoever_is_over_goes_last() {
    let mut table = Table::new(2);
    count(&mut table, 1, 10, 3);
    count(&mut table, 2, 20, 1);
    count(&mut table, 3, 30, 1);
    assert_eq!(keys(&table), [1, 3]);
    count(&mut table, 3, 40, 2);
    count(&mut table, 4, 50, 1);
    assert_eq!(keys(&table), [1, 3], "the newcomer goes: it is the only one that is not over");
    count(&mut table, 5, 60, 3);
    assert_eq!(keys(&table), [3, 5], "all are over: the one idle longest goes");
    assert_eq!(table.evicted(), 3);
}

#[test]
fn nine_slots_later_nothing_is_left() {
    let mut table = Table::new(10);
    count(&mut table, 1, 449, 1);
    assert_eq!(table.look(&1, at_second(450 * 9 - 1), |window, span| window.0.sum(span)), Some(1));
    assert_eq!(table.look(&1, at_second(450 * 9), |window, span| window.0.sum(span)), None);
    assert_eq!(table.len(), 0);
}

#[test]
fn a_clock_that_stands_still_or_steps_back_is_no_harm() {
    let mut table = Table::new(10);
    count(&mut table, 1, 5_000, 1);
    count(&mut table, 1, 100, 1);
    assert_eq!(table.look(&1, at_second(0), |window, span| window.0.sum(span)), Some(2));
    table.count(&2, Instant::from_micros(u64::MAX), |window, span| window.0.add(span, u32::MAX));
    table.count(&2, Instant::from_micros(u64::MAX), |window, span| window.0.add(span, u32::MAX));
    let sum = table.look(&2, Instant::from_micros(u64::MAX), |window, span| window.0.sum(span));
    assert_eq!(sum, Some(u64::from(u32::MAX)), "a full count stays full");
    consistent(&table);
}

#[test]
fn a_flood_leaves_little_by_little_and_unseen() {
    let mut table = Table::new(1_000);
    for key in 0..=255 {
        count(&mut table, key, 100, 4);
    }
    let later = 450 * 9;
    assert_eq!(table.look(&200, at_second(later), |window, span| window.0.sum(span)), None);
    assert_eq!(table.len(), 256 - SWEEP_MAX);
    count(&mut table, 201, later, 1);
    assert_eq!(table.look(&201, at_second(later), |window, span| window.0.sum(span)), Some(1));
    for _ in 0..8 {
        assert_eq!(table.look(&200, at_second(later), |_, _| ()), None);
        consistent(&table);
    }
    assert_eq!((keys(&table), table.evicted()), ([201].into(), 0));
}

/// Keeps all events; decides by looking at all of them.
struct Naive {
    entries: Vec<(u8, Vec<(u32, u32)>)>,
    evicted: u64,
}

impl Naive {
    fn sum(events: &[(u32, u32)], second: u32) -> u32 {
        events.iter().filter(|(at, _)| at / 450 + 8 >= second / 450).map(|(_, number)| number).sum()
    }

    fn count(&mut self, key: u8, second: u32, number: u32, entries_max: usize) {
        self.forget(second);
        match self.entries.iter_mut().find(|(own, _)| *own == key) {
            Some((_, events)) => events.push((second, number)),
            None => self.entries.push((key, [(second, number)].into())),
        }
        if self.entries.len() > entries_max {
            let key_of = |(_, events): &(u8, Vec<(u32, u32)>)| {
                (Naive::sum(events, second) >= 3, events.last().map(|(at, _)| *at))
            };
            let victim =
                (0..self.entries.len()).min_by_key(|at| key_of(&self.entries[*at])).expect("not empty");
            self.entries.remove(victim);
            self.evicted += 1;
        }
    }

    fn forget(&mut self, second: u32) {
        self.entries.retain(|(_, events)| events.iter().any(|(at, _)| at / 450 + 8 >= second / 450));
    }
}

proptest! {
    #[test]
    fn it_forgets_like_one_that_keeps_everything(
        entries_max in 1_usize..6,
        steps in prop::collection::vec((0_u8..10, 0_u32..3, prop_oneof![3 => 1_u32..60, 2 => 1_u32..900, 1 => 1_u32..6_000]), 0..200),
    ) {
        let mut table = Table::new(entries_max);
        let mut naive = Naive { entries: Vec::new(), evicted: 0 };
        let mut second = 0;
        for (key, number, later) in steps {
            second += later;
            count(&mut table, key, second, number);
            naive.count(key, second, number, entries_max);
            consistent(&table);
            let mut expected: Vec<u8> = naive.entries.iter().map(|(key, _)| *key).collect();
            expected.sort_unstable();
            prop_assert_eq!(keys(&table), expected);
            prop_assert_eq!(table.evicted(), naive.evicted);
            for (key, events) in &naive.entries {
                let sum = table.look(key, at_second(second), |window, span| window.0.sum(span));
                prop_assert_eq!(sum, Some(u64::from(Naive::sum(events, second))));
            }
        }
    }
}
