//! Domains and mailboxes as keys, found by an index of fingerprints. What a name means is not known here.

use super::text::{Strings, fingerprint};
use alloc::vec;
use alloc::vec::Vec;

/// Names in ascending order, equal ones side by side, and where each is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    texts: Strings,
    /// Open addressing: half of a name's fingerprint and its place counted from 1; 0 is free. The half is compared
    /// before the name is, so that a name that is not there mostly costs one look.
    slots: Vec<(u32, u32)>,
}

impl Names {
    /// Indexes names that are in order.
    pub(super) fn new(texts: Strings) -> Names {
        let size = (texts.len() + texts.len() / 2 + 1).next_power_of_two();
        let mut names = Names { texts, slots: vec![(0, 0); size] };
        for place in 0..names.texts.len() {
            let name = names.texts.get(place);
            if place > 0 && names.texts.get(place - 1) == name {
                continue;
            }
            let (mut slot, half) = names.aim(name);
            while names.slots[slot].1 != 0 {
                slot = (slot + 1) & (size - 1);
            }
            names.slots[slot] =
                (half, u32::try_from(place + 1).expect("fewer names than the limit of entries"));
        }
        names
    }

    /// The first place of a name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let (mut slot, half) = self.aim(name);
        // There is always a free slot.
        loop {
            let (own, place) = *self.slots.get(slot)?;
            let place = usize::try_from(place).expect("32 bits fit").checked_sub(1)?;
            if own == half && self.texts.get(place) == name {
                return Some(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    pub(super) fn get(&self, place: usize) -> &str {
        self.texts.get(place)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The slot to begin at, and the half of the fingerprint that is kept.
    fn aim(&self, name: &str) -> (usize, u32) {
        // The low bits of FNV depend on the low bits of the octets only: the product mixes them.
        let mixed = fingerprint(name.as_bytes()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let half = |bits: u64| u32::try_from(bits & 0xffff_ffff).expect("32 bits");
        let mask = self.slots.len().saturating_sub(1);
        (usize::try_from(half(mixed >> 32)).expect("32 bits fit") & mask, half(mixed))
    }

    /// Octets of memory.
    pub(super) fn octets(&self) -> usize {
        self.texts.octets() + self.slots.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let mut texts = Strings::default();
        let names: Vec<_> = (0..2000).map(|number| alloc::format!("host{number:04}.example")).collect();
        for name in &names {
            texts.push(name).expect("room");
            texts.push(name).expect("room");
        }
        let index = Names::new(texts);
        for (number, name) in names.iter().enumerate() {
            assert_eq!(index.find(name), Some(2 * number));
            assert_eq!(index.find(&alloc::format!("{name}.")), None);
        }
        assert_eq!(index.find(""), None);
        assert_eq!(Names::new(Strings::default()).find("x"), None);
    }
}
