//! The event queue: what happens next, and when. Equal times come in the order in which they were put in, or, when the
//! plan wants it, in an order of its own that is as fixed as the first: what happens at the same moment on two
//! machines has no order in the world either.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Events by time, in microseconds since the world began.
#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<Item<T>>>,
    serial: u64,
    ties: Option<u64>,
}

#[derive(Debug)]
struct Item<T> {
    at: u64,
    rank: (u64, u64),
    what: T,
}

impl<T> Item<T> {
    fn key(&self) -> (u64, (u64, u64)) {
        (self.at, self.rank)
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl<T> Eq for Item<T> {}
impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Queue<T> {
    /// An empty queue. With `ties`, events of the same moment are shuffled, always in the same way.
    pub(super) fn new(ties: Option<u64>) -> Queue<T> {
        Queue { heap: BinaryHeap::new(), serial: 0, ties }
    }

    /// Puts an event in.
    pub(super) fn put(&mut self, at: u64, what: T) {
        self.serial += 1;
        let rank = match self.ties {
            None => 0,
            Some(seed) => (self.serial ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        };
        self.heap.push(Reverse(Item { at, rank: (rank, self.serial), what }));
    }

    /// Takes the next event out.
    pub(super) fn take(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|Reverse(item)| (item.at, item.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ties: Option<u64>) -> Vec<u32> {
        let mut queue = Queue::new(ties);
        for number in 0..10 {
            queue.put(5, number);
        }
        queue.put(1, 99);
        std::iter::from_fn(|| queue.take()).map(|(_, what)| what).collect()
    }

    #[test]
    fn time_first_then_the_order_of_coming() {
        assert_eq!(order(None), [99, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn ties_are_shuffled_the_same_way_each_time() {
        assert_eq!(order(Some(3)), order(Some(3)));
        assert_ne!(order(Some(3)), order(None));
        assert_eq!(order(Some(3))[0], 99);
    }
}
