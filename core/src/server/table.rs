//! A bounded table from keys to windows: the memory of the rate and failure windows. It knows what time is and
//! who was counted last; what is counted and how much is too much is the windows' own business.
//!
//! Time runs in slots of 450 seconds. A window is the running slot and the eight full ones before it, so it
//! looks back 1.0 to 1.125 hours. What was last counted before that vanishes. When the table is full somebody
//! else goes: never one that is over its limit before one that is not, and of those the one idle longest.

use crate::now::{Duration, Instant};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

/// Slots of a window: the running one and the full ones before it.
pub(crate) const SLOTS: usize = 9;
/// Full slots before the running one.
const SLOTS_BEFORE: u32 = 8;
/// Seconds of a slot: an eighth of an hour.
const SLOT_SECONDS: u32 = 450;
/// Entries that one call removes at most because they have left the window.
const SWEEP_MAX: usize = 32;
/// The length of a slot.
pub(crate) const SLOT: Duration = Duration::from_secs(450);

/// A time as entries keep it: whole seconds on the steady clock. Half the octets of an `Instant`, and slots
/// begin on whole seconds. It stands still after 136 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Second(u32);

impl Second {
    pub(crate) fn of(now: Instant) -> Second {
        Second(u32::try_from(now.micros() / 1_000_000).unwrap_or(u32::MAX))
    }

    pub(crate) fn instant(self) -> Instant {
        Instant::ZERO + Duration::from_secs(u64::from(self.0))
    }

    pub(crate) fn new(number: u32) -> Second {
        Second(number)
    }

    /// Seconds since the clock's start.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    fn slot(self) -> u32 {
        self.0 / SLOT_SECONDS
    }
}

/// The slots of an entry that still count: from the oldest of the window to the last in which it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    running: u32,
    last: u32,
}

impl Span {
    /// Whether nothing counts any more.
    fn is_past(self) -> bool {
        self.running - self.last > SLOTS_BEFORE
    }

    /// When enough old slots have fallen out that fewer than `limit` of `counts` are left: the start of that
    /// slot. `limit` is at least 1, so that there is such a time.
    pub(crate) fn room_at(self, counts: &Counts, limit: u64) -> Instant {
        let mut later = self;
        while counts.sum(later) >= limit {
            later.running += 1;
        }
        Instant::ZERO + SLOT * later.running
    }

    /// The count of the slot that is `back` before the running one.
    pub(crate) fn count(self, counts: &Counts, back: usize) -> u32 {
        let slot = u32::try_from(back).ok().and_then(|back| self.running.checked_sub(back));
        slot.filter(|slot| *slot <= self.last && self.running - slot <= SLOTS_BEFORE)
            .map_or(0, |slot| counts.0[at(slot)])
    }

    /// How long ago the slot began that is `back` before the running one; zero when it lies before all time.
    pub(crate) fn age(self, now: Instant, back: usize) -> Duration {
        let slot = u32::try_from(back).ok().and_then(|back| self.running.checked_sub(back));
        slot.map_or(Duration::ZERO, |slot| now.since(Instant::ZERO + SLOT * slot))
    }
}

/// The place of a slot in a ring.
fn at(slot: u32) -> usize {
    usize::try_from(slot).expect("a slot's number fits an index on all machines we build for") % SLOTS
}

/// Counts by slot, in a ring. A count that is full stays full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([u32; SLOTS]);

impl Counts {
    /// Counts by slot, each in its place of the ring.
    pub(crate) fn new(slots: [u32; SLOTS]) -> Counts {
        Counts(slots)
    }

    /// The ring.
    pub(crate) fn slots(&self) -> &[u32; SLOTS] {
        &self.0
    }

    /// Adds to the running slot.
    pub(crate) fn add(&mut self, span: Span, number: u32) {
        let count = &mut self.0[at(span.running)];
        *count = count.saturating_add(number);
    }

    /// What is left of the window.
    pub(crate) fn sum(&self, span: Span) -> u64 {
        let first = span.running.saturating_sub(SLOTS_BEFORE);
        (first..=span.last).map(|slot| u64::from(self.0[at(slot)])).sum()
    }

    /// Empties the slots after `span.last` up to the running one.
    pub(crate) fn roll(&mut self, span: Span) {
        let first = span.running.saturating_sub(SLOTS_BEFORE).max(span.last.saturating_add(1));
        for slot in first..=span.running {
            self.0[at(slot)] = 0;
        }
    }
}

/// What is counted under one key.
pub(crate) trait Window {
    /// An empty window.
    fn begin(now: Second) -> Self;
    /// Empties the slots that have begun since something was counted last.
    fn roll(&mut self, span: Span);
    /// Whether the key has used up its limit.
    fn is_over(&self, span: Span) -> bool;
}

#[derive(Debug)]
struct Entry<K, W> {
    key: K,
    window: W,
    /// When something was counted last.
    counted: Second,
    /// Whether it was over its limit when last looked at; part of its rank.
    over: bool,
}

/// The order in which entries go: the field order is the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    over: bool,
    counted: Second,
    place: u32,
}

/// A bounded table of windows.
#[derive(Debug)]
pub(crate) struct Table<K, W> {
    entries: Vec<Entry<K, W>>,
    places: BTreeMap<K, u32>,
    ranks: BTreeSet<Rank>,
    entries_max: usize,
    now: Second,
    evicted: u64,
}

impl<K: Ord + Clone, W: Window> Table<K, W> {
    /// An empty table for up to `entries_max` keys, at most what 32 bits count.
    pub(crate) fn new(entries_max: usize) -> Self {
        Table {
            entries: Vec::new(),
            places: BTreeMap::new(),
            ranks: BTreeSet::new(),
            entries_max: entries_max.min(usize::try_from(u32::MAX).unwrap_or(usize::MAX)),
            now: Second(0),
            evicted: 0,
        }
    }

    /// Keys in the table, among them some that are yet to be swept out.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The next key in their order, behind this one; perhaps one that is yet to be swept out.
    pub(crate) fn key_behind(&self, last: Option<&K>) -> Option<&K> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.places.range((from, Bound::Unbounded)).next().map(|(key, _)| key)
    }

    /// The next entry in the order of keys, behind this key, with the time when it was counted last.
    pub(crate) fn entry_behind(&self, last: Option<&K>) -> Option<(&K, &W, Second)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let (key, place) = self.places.range((from, Bound::Unbounded)).next()?;
        let entry = &self.entries[index(*place)];
        Some((key, &entry.window, entry.counted))
    }

    /// Takes in what was known of a key before, unless it has left the window, lies ahead, is known already, or there is
    /// no room.
    pub(crate) fn restore(&mut self, key: &K, window: W, counted: Second, now: Instant) {
        self.advance(now);
        let known = self.places.contains_key(key) || self.entries.len() >= self.entries_max;
        if known || counted > self.now || self.span(counted).is_past() {
            return;
        }
        let place = self.insert(key);
        self.rerank(place, |entry, _, _| {
            entry.window = window;
            entry.counted = counted;
        });
    }

    /// Entries that had to go because the table was full.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Counts something under `key`: a new entry when there is none.
    pub(crate) fn count(&mut self, key: &K, now: Instant, change: impl FnOnce(&mut W, Span)) {
        self.advance(now);
        self.sweep();
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => self.insert(key),
        };
        self.rerank(place, |entry, span, now| {
            if span.is_past() {
                entry.window = W::begin(now);
            } else {
                entry.window.roll(span);
            }
            entry.counted = now;
            change(&mut entry.window, Span { last: span.running, ..span });
        });
        // Only now is it known whether the newcomer itself is the one that has to go.
        while self.entries.len() > self.entries_max {
            let first = self.ranks.first().expect("every entry has a rank").place;
            self.remove(first);
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    /// Looks at the window of `key`, and may change what does not count as being active. `None` when nothing
    /// of the key is left.
    pub(crate) fn look<R>(
        &mut self,
        key: &K,
        now: Instant,
        look: impl FnOnce(&mut W, Span) -> R,
    ) -> Option<R> {
        self.advance(now);
        self.sweep();
        let place = *self.places.get(key)?;
        if self.span(self.entries[index(place)].counted).is_past() {
            return None;
        }
        Some(self.rerank(place, |entry, span, _| look(&mut entry.window, span)))
    }

    /// The span of a key of which nothing is left.
    pub(crate) fn empty_span(&self) -> Span {
        self.span(self.now)
    }

    /// Time goes on. With each new slot some are no longer over.
    fn advance(&mut self, now: Instant) {
        let before = self.now.slot();
        self.now = self.now.max(Second::of(now));
        if self.now.slot() == before {
            return;
        }
        // Each of them vanishes within nine slots or is counted again, so this is paid for by the counting.
        let over = self.ranks.range(Rank { over: true, counted: Second(0), place: 0 }..);
        for place in over.map(|rank| rank.place).collect::<Vec<_>>() {
            self.rerank(place, |_, _, _| ());
        }
    }

    /// Removes some of those that have left the window. All of them at once could be a million after a flood,
    /// and everybody would wait. None of them is over any more, so they stand first.
    fn sweep(&mut self) {
        for _ in 0..SWEEP_MAX {
            match self.ranks.first() {
                Some(rank) if !rank.over && self.span(rank.counted).is_past() => self.remove(rank.place),
                Some(_) | None => return,
            }
        }
    }

    fn span(&self, counted: Second) -> Span {
        Span { running: self.now.slot(), last: counted.slot() }
    }

    fn rank(&self, place: u32) -> Rank {
        let entry = &self.entries[index(place)];
        Rank { over: entry.over, counted: entry.counted, place }
    }

    /// Changes an entry, and its rank where that is another now.
    fn rerank<R>(&mut self, place: u32, change: impl FnOnce(&mut Entry<K, W>, Span, Second) -> R) -> R {
        let before = self.rank(place);
        let span = self.span(before.counted);
        let entry = &mut self.entries[index(place)];
        let result = change(entry, span, self.now);
        entry.over = entry.window.is_over(Span { last: entry.counted.slot(), ..span });
        let after = self.rank(place);
        if after != before {
            self.ranks.remove(&before);
            self.ranks.insert(after);
        }
        result
    }

    fn insert(&mut self, key: &K) -> u32 {
        let place = u32::try_from(self.entries.len()).expect("the table's bound fits 32 bits");
        let window = W::begin(self.now);
        self.entries.push(Entry { key: key.clone(), window, counted: self.now, over: false });
        self.places.insert(key.clone(), place);
        self.ranks.insert(self.rank(place));
        place
    }

    /// Removes an entry; the last one takes its place.
    fn remove(&mut self, place: u32) {
        self.ranks.remove(&self.rank(place));
        let last = u32::try_from(self.entries.len() - 1).expect("the table's bound fits 32 bits");
        if last != place {
            self.ranks.remove(&self.rank(last));
        }
        let gone = self.entries.swap_remove(index(place));
        self.places.remove(&gone.key);
        if let Some(moved) = self.entries.get(index(place)) {
            self.places.insert(moved.key.clone(), place);
            self.ranks.insert(self.rank(place));
        }
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).expect("a place was made from an index")
}

#[cfg(test)]
mod tests;
