//! Texts that rules repeat (messages, zones, names of labels), each kept once. What they mean is not known here.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// A text's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextId(pub(super) u32);

/// Texts by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::policy) struct Texts(Vec<Box<str>>);

impl Texts {
    pub(super) fn new(texts: Vec<Box<str>>) -> Texts {
        Texts(texts)
    }

    pub(in crate::policy) fn get(&self, id: TextId) -> &str {
        let place = usize::try_from(id.0).expect("32 bits fit");
        self.0.get(place).map_or("", |text| text)
    }

    pub(super) fn has(&self, id: TextId) -> bool {
        usize::try_from(id.0).is_ok_and(|place| place < self.0.len())
    }

    pub(super) fn all(&self) -> &[Box<str>] {
        &self.0
    }

    /// Octets of memory.
    pub(super) fn octets(&self) -> usize {
        self.0.capacity() * size_of::<Box<str>>() + self.0.iter().map(|text| text.len()).sum::<usize>()
    }
}

/// Gives equal texts the same number.
#[derive(Debug, Default)]
pub(in crate::policy) struct TextPool {
    numbers: BTreeMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl TextPool {
    /// The number of a text.
    pub(in crate::policy) fn add(&mut self, text: &str) -> TextId {
        if let Some(number) = self.numbers.get(text) {
            return TextId(*number);
        }
        let number = u32::try_from(self.texts.len()).expect("fewer texts than octets in the sources");
        self.numbers.insert(text.into(), number);
        self.texts.push(text.into());
        TextId(number)
    }

    pub(in crate::policy) fn texts(self) -> Texts {
        Texts(self.texts)
    }
}

/// Strings one behind the other, without room between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::policy) struct Strings {
    octets: String,
    ends: Vec<u32>,
}

impl Strings {
    /// Appends a string, unless all of them would have more than 4 GiB.
    pub(in crate::policy) fn push(&mut self, text: &str) -> Result<(), TooMuch> {
        let end = u32::try_from(self.octets.len() + text.len()).map_err(|_| TooMuch)?;
        self.octets.push_str(text);
        self.ends.push(end);
        Ok(())
    }

    /// As [`Strings::push`], in lower case.
    pub(in crate::policy) fn push_lowercase(&mut self, text: &str) -> Result<(), TooMuch> {
        let start = self.octets.len();
        self.push(text)?;
        self.octets[start..].make_ascii_lowercase();
        Ok(())
    }

    pub(in crate::policy) fn get(&self, place: usize) -> &str {
        let end = self.ends.get(place).copied().unwrap_or(0);
        let start = if place == 0 { 0 } else { self.ends.get(place - 1).copied().unwrap_or(0) };
        let span = usize::try_from(start).expect("32 bits fit")..usize::try_from(end).expect("32 bits fit");
        self.octets.get(span).unwrap_or("")
    }

    pub(in crate::policy) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn with_capacity(strings: usize, octets: usize) -> Strings {
        Strings { octets: String::with_capacity(octets), ends: Vec::with_capacity(strings) }
    }

    pub(super) fn octets_of_text(&self) -> usize {
        self.octets.len()
    }

    /// Octets of memory.
    pub(super) fn octets(&self) -> usize {
        self.octets.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// There is more than can be numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) struct TooMuch;

/// FNV-1a with 64 bits: spreads keys over the index, and tells a damaged file from a whole one. It stops no one who
/// damages on purpose.
pub(super) fn fingerprint(octets: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    octets.iter().fold(BASIS, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(PRIME))
}
