//! What a key says of an attribute: its lines from left to right, labels followed where they are referred to, and the
//! first that speaks wins. No other key is asked: keys inherit by labels only.

use super::{Attribute, Entry, Item, Line, Rules, TextId, Value};
use crate::limits::POLICY_LABEL_DEPTH_MAX;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

/// What a key says of an attribute, and how that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The attribute.
    pub attribute: Attribute,
    /// Its value.
    pub value: Value,
    /// The text that stood before it.
    pub message: Option<TextId>,
    /// From the key to the line on which it stands.
    pub trail: Trail,
}

/// From a key through labels to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    entry: Entry,
    /// The line of the key.
    line: Line,
    /// The labels followed from there, each with its line.
    labels: [Option<(u32, Line)>; POLICY_LABEL_DEPTH_MAX],
}

impl Rules {
    /// What a key says of an attribute.
    pub fn take(&self, entry: Entry, attribute: Attribute) -> Option<Taken> {
        self.lines(entry).iter().find_map(|line| {
            let trail = Trail { entry, line: *line, labels: [None; POLICY_LABEL_DEPTH_MAX] };
            self.walk(line, 0, attribute, trail)
        })
    }

    /// `depth` labels have been followed. It ends: labels are followed to a depth, and how many there are below a
    /// label was bounded when the rules were assembled.
    fn walk(&self, line: &Line, depth: usize, attribute: Attribute, trail: Trail) -> Option<Taken> {
        self.records.get(line.record).iter().find_map(|item| match item {
            Item::Pair(pair) if pair.attribute == attribute => {
                Some(Taken { attribute, value: pair.value, message: pair.message, trail })
            }
            Item::Pair(_) => None,
            Item::Alias(label) if depth < POLICY_LABEL_DEPTH_MAX => {
                self.label_lines(*label).iter().find_map(|line| {
                    let mut further = trail;
                    further.labels[depth] = Some((*label, *line));
                    self.walk(line, depth + 1, attribute, further)
                })
            }
            Item::Alias(_) => None,
        })
    }

    /// The way to an attribute for a person: `home.example (smtp-policy.src:17) = _mine (smtp-policy.src:8) relaytarget +`.
    pub fn describe(&self, taken: &Taken) -> String {
        let Trail { entry, line, labels } = &taken.trail;
        let mut out = format!("{} ({}:{})", self.key(*entry), self.file(line), line.number);
        for (label, line) in labels.iter().flatten() {
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
