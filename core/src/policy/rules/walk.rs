//! What a key says of an attribute: its lines from left to right, labels followed where they are referred to, and the
//! first that speaks wins. No other key is asked: keys inherit by labels only.

use super::{Attribute, Entry, Item, Line, Pair, Rules, TextId, Value};
use crate::limits::POLICY_LABEL_DEPTH_MAX;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;

/// What a key says of an attribute. How the key comes to say so is found out again when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The key.
    pub entry: Entry,
    /// The attribute.
    pub attribute: Attribute,
    /// Its value.
    pub value: Value,
    /// The text that stood before it.
    pub message: Option<TextId>,
}

/// All that a key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    entry: Entry,
    pairs: Vec<Pair>,
}

impl Said {
    /// What it says of an attribute.
    pub fn take(&self, attribute: Attribute) -> Option<Taken> {
        let pair = self.pairs.iter().find(|pair| pair.attribute == attribute)?;
        Some(Taken { entry: self.entry, attribute, value: pair.value, message: pair.message })
    }
}

/// Whether it would change anything for a client whose name has it.
fn speaks_of_clients(pair: &Pair) -> bool {
    let judges = pair.attribute == Attribute::RejectNet || pair.attribute == Attribute::FreezeNet;
    let is_text = matches!(pair.value, Value::Text(_));
    (judges && pair.value == Value::Yes)
        || (pair.attribute == Attribute::RcptDnsRbl && is_text)
        || pair.attribute == Attribute::MaxInSize
}

impl Rules {
    /// Whether any name says something of the clients who have it: without that, nobody need ask for their names.
    pub fn names_speak_of_clients(&self) -> bool {
        let mut seen = vec![false; self.records.len()];
        let mut pairs = Vec::new();
        for line in &self.name_lines {
            let place = usize::try_from(line.record).expect("32 bits fit");
            if !core::mem::replace(&mut seen[place], true) {
                pairs.clear();
                self.gather(line, 0, &mut pairs);
                if pairs.iter().any(speaks_of_clients) {
                    return true;
                }
            }
        }
        false
    }

    /// All that a key says, for whoever asks for many attributes: the same as [`Rules::take`] for each of them.
    pub fn said(&self, entry: Entry) -> Said {
        let mut pairs = Vec::with_capacity(8);
        for line in self.lines(entry) {
            self.gather(line, 0, &mut pairs);
        }
        Said { entry, pairs }
    }

    /// As [`Rules::walk`], for all attributes at once: of each the first.
    fn gather(&self, line: &Line, depth: usize, pairs: &mut Vec<Pair>) {
        for item in self.records.get(line.record) {
            match item {
                Item::Pair(pair) if pairs.iter().all(|other| other.attribute != pair.attribute) => {
                    pairs.push(*pair);
                }
                Item::Alias(label) if depth < POLICY_LABEL_DEPTH_MAX => {
                    for line in self.label_lines(*label) {
                        self.gather(line, depth + 1, pairs);
                    }
                }
                Item::Pair(_) | Item::Alias(_) => {}
            }
        }
    }

    /// What a key says of an attribute.
    pub fn take(&self, entry: Entry, attribute: Attribute) -> Option<Taken> {
        let pair = self.lines(entry).iter().find_map(|line| self.walk(line, 0, attribute, &mut |_, _| {}))?;
        Some(Taken { entry, attribute, value: pair.value, message: pair.message })
    }

    /// `depth` labels have been followed; `via` is told of those that lead to the attribute, the last one first. It
    /// ends: labels are followed to a depth, and what is below each was bounded when the rules were assembled.
    fn walk(
        &self,
        line: &Line,
        depth: usize,
        attribute: Attribute,
        via: &mut dyn FnMut(u32, &Line),
    ) -> Option<Pair> {
        self.records.get(line.record).iter().find_map(|item| match item {
            Item::Pair(pair) => (pair.attribute == attribute).then_some(*pair),
            Item::Alias(label) if depth < POLICY_LABEL_DEPTH_MAX => {
                self.label_lines(*label).iter().find_map(|line| {
                    let pair = self.walk(line, depth + 1, attribute, via)?;
                    via(*label, line);
                    Some(pair)
                })
            }
            Item::Alias(_) => None,
        })
    }

    /// The way to an attribute for a person: `home.example (policy.src:17) = _mine (policy.src:8) relaytarget +`.
    pub fn describe(&self, taken: &Taken) -> String {
        let mut labels = Vec::new();
        let mut out = self.key(taken.entry);
        for line in self.lines(taken.entry) {
            let mut via = |label, line: &Line| labels.push((label, *line));
            if self.walk(line, 0, taken.attribute, &mut via).is_some() {
                let _ = write!(out, " ({}:{})", self.file(line), line.number);
                break;
            }
        }
        for (label, line) in labels.iter().rev() {
            let _ = write!(out, " = {} ({}:{})", self.label_name(*label), self.file(line), line.number);
        }
        let _ = write!(out, " {} {}", taken.attribute.name(), self.value(taken.value));
        out
    }

    /// A value as it would stand in a source.
    fn value(&self, value: Value) -> String {
        match value {
            Value::Yes => "+".into(),
            Value::No => "-".into(),
            Value::Number(number) => format!("{number}"),
            Value::Rates(messages, 0) => format!("{messages}"),
            Value::Rates(messages, recipients) => format!("{messages},{recipients}"),
            Value::Zones(id) => self.text(id).into(),
            Value::Text(id) => format!("_{}", self.text(id)),
            Value::Newlines(super::Newlines::Reject) => "reject".into(),
            Value::Newlines(super::Newlines::Normalize) => "normalize".into(),
        }
    }
}
