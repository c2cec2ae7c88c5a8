//! The word that somebody may have meant. Knows no words of its own.

use crate::limits::ECHO_MAX;
use alloc::vec::Vec;

/// Of `words` the one that looks most like `name`, when one does; of equals the first.
pub(crate) fn nearest<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > ECHO_MAX {
        return None;
    }
    // A wrong letter in each four may be a slip; more is another word.
    let far = (name.len() / 4 + 1).min(3);
    let distances = words.map(|word| (distance(word, name), word));
    distances
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters must be added, dropped or changed to make one word of the other, without regard to case.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    // Row by row: `row[j]` is the distance of the letters of `one` so far from the first j of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(!a.eq_ignore_ascii_case(&b));
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let words = ["relaytarget", "relaycustnet", "rejectnet"];
        for (name, wanted) in [
            ("relaytarqet", Some("relaytarget")),
            ("relay-target", Some("relaytarget")),
            ("RejectNet", Some("rejectnet")),
            ("rejetnet", Some("rejectnet")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, words.into_iter()), wanted, "{name}");
        }
    }
}
