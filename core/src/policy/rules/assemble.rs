//! From parts, as a compiler or a file gives them, to rules: puts keys in order, builds the indexes, and lets nothing
//! through that could make a later look-up endless or point outside.

use super::names::Names;
use super::network::{Atlas, Network};
use super::text::{Strings, Texts};
use super::{Item, Label, Line, Records, Rules, TextId, Value};
use crate::limits::{POLICY_ENTRIES_MAX, POLICY_ITEMS_MAX, POLICY_KEY_LINES_MAX, POLICY_LABEL_DEPTH_MAX};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// Everything that rules are made of, keys in any order.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Parts {
    pub(in crate::policy) files: Vec<String>,
    pub(in crate::policy) texts: Texts,
    pub(in crate::policy) records: Records,
    /// The names of labels; their number is what `Item::Alias` holds.
    pub(in crate::policy) labels: Vec<TextId>,
    /// Lines with the number of the label that they say something of.
    pub(in crate::policy) label_lines: Vec<(u32, Line)>,
    pub(in crate::policy) names: Strings,
    /// As many as `names`.
    pub(in crate::policy) name_lines: Vec<Line>,
    pub(in crate::policy) networks: Vec<(Network, Line)>,
}

/// Why parts make no rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The key `.` says nothing, so that nobody has said what holds for everybody else.
    NoDefault,
    /// There are too many entries.
    TooManyEntries,
    /// A key stands on too many lines that differ.
    TooManyLines {
        /// The key.
        key: String,
    },
    /// What labels refer to, one through the other, is too much.
    Tangle {
        /// One of the labels.
        label: String,
    },
    /// A number points at nothing.
    Astray(&'static str),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::NoDefault => f.write_str("the key \".\" says nothing: what holds for all other domains?"),
            Misfit::TooManyEntries => write!(f, "more than {POLICY_ENTRIES_MAX} entries"),
            Misfit::TooManyLines { key } => {
                write!(f, "more than {POLICY_KEY_LINES_MAX} lines that differ have the key {key}")
            }
            Misfit::Tangle { label } => {
                write!(
                    f,
                    "the label {label} leads, through others, to more than {POLICY_ITEMS_MAX} attributes"
                )
            }
            Misfit::Astray(what) => write!(f, "{what} points at nothing"),
        }
    }
}

impl Parts {
    /// The rules.
    pub(in crate::policy) fn assemble(mut self) -> Result<Rules, Misfit> {
        if self.name_lines.len().saturating_add(self.networks.len()) > POLICY_ENTRIES_MAX
            || self.label_lines.len() > POLICY_ENTRIES_MAX
        {
            return Err(Misfit::TooManyEntries);
        }
        self.check_numbers()?;
        let (labels, label_lines) = self.sorted_labels()?;
        let (names, name_lines) = self.sorted_names()?;
        let (networks, network_lines) = self.sorted_networks()?;
        let atlas = Atlas::new(&networks);
        let Parts { mut files, texts, mut records, .. } = self;
        files.shrink_to_fit();
        records.items.shrink_to_fit();
        records.ends.shrink_to_fit();
        let rules = Rules {
            files,
            texts,
            records,
            labels,
            label_lines,
            names: Names::new(names),
            name_lines,
            networks,
            network_lines,
            atlas,
        };
        rules.check_labels()?;
        let says = |entry| rules.lines(entry).iter().any(|line| !rules.records.get(line.record).is_empty());
        if rules.find_default().is_some_and(says) { Ok(rules) } else { Err(Misfit::NoDefault) }
    }

    fn check_numbers(&self) -> Result<(), Misfit> {
        let labels = u32::try_from(self.labels.len()).map_err(|_| Misfit::TooManyEntries)?;
        let text = |id: TextId| self.texts.has(id);
        for item in &self.records.items {
            let fits = match item {
                Item::Alias(label) => *label < labels,
                Item::Pair(pair) => {
                    pair.message.is_none_or(text)
                        && match pair.value {
                            Value::Zones(id) | Value::Text(id) => text(id),
                            Value::Yes
                            | Value::No
                            | Value::Number(_)
                            | Value::Rates(..)
                            | Value::Newlines(_) => true,
                        }
                }
            };
            if !fits {
                return Err(Misfit::Astray("an attribute"));
            }
        }
        let lines = self.label_lines.iter().map(|(_, line)| line).chain(&self.name_lines);
        let lines = lines.chain(self.networks.iter().map(|(_, line)| line));
        let fits = |line: &Line| {
            usize::from(line.file) < self.files.len()
                && usize::try_from(line.record).is_ok_and(|record| record < self.records.len())
        };
        if !lines.into_iter().all(fits) || self.names.len() != self.name_lines.len() {
            return Err(Misfit::Astray("a line"));
        }
        let known = self.label_lines.iter().all(|(label, _)| *label < labels);
        if known && self.labels.iter().all(|name| text(*name)) {
            Ok(())
        } else {
            Err(Misfit::Astray("a label"))
        }
    }

    fn sorted_labels(&mut self) -> Result<(Vec<Label>, Vec<Line>), Misfit> {
        // Stable: the lines of one label stay in the order of the sources.
        self.label_lines.sort_by_key(|(label, _)| *label);
        let mut lines = self.label_lines.iter().peekable();
        let mut labels = Vec::with_capacity(self.labels.len());
        let mut kept = Vec::with_capacity(self.label_lines.len());
        let number = |count: usize| u32::try_from(count).map_err(|_| Misfit::TooManyEntries);
        for (place, name) in self.labels.iter().enumerate() {
            let start = kept.len();
            let place = number(place)?;
            while let Some((_, line)) = lines.next_if(|(label, _)| *label == place) {
                keep(&mut kept, start, *line, || self.texts.get(*name).into())?;
            }
            labels.push(Label { name: *name, lines: number(start)?..number(kept.len())? });
        }
        Ok((labels, kept))
    }

    fn sorted_names(&mut self) -> Result<(Strings, Vec<Line>), Misfit> {
        let mut order: Vec<u32> =
            (0..u32::try_from(self.names.len()).map_err(|_| Misfit::TooManyEntries)?).collect();
        let place = |number: u32| usize::try_from(number).expect("32 bits fit");
        let unsorted = core::mem::take(&mut self.names);
        order.sort_by(|one, other| unsorted.get(place(*one)).cmp(unsorted.get(place(*other))));
        let mut names = Strings::with_capacity(unsorted.len(), unsorted.octets_of_text());
        let mut lines: Vec<Line> = Vec::with_capacity(unsorted.len());
        let mut start = 0;
        for number in order {
            let name = unsorted.get(place(number));
            if start == lines.len() || names.get(start) != name {
                start = lines.len();
            }
            if keep(&mut lines, start, self.name_lines[place(number)], || name.into())? {
                names.push(name).map_err(|_| Misfit::TooManyEntries)?;
            }
        }
        Ok((names, lines))
    }

    fn sorted_networks(&mut self) -> Result<(Vec<Network>, Vec<Line>), Misfit> {
        let mut unsorted = core::mem::take(&mut self.networks);
        unsorted.sort_by_key(|(network, _)| *network);
        let mut networks: Vec<Network> = Vec::with_capacity(unsorted.len());
        let mut lines = Vec::with_capacity(unsorted.len());
        let mut start = 0;
        for (network, line) in unsorted {
            if networks.get(start) != Some(&network) {
                start = lines.len();
            }
            if keep(&mut lines, start, line, || alloc::format!("{network}"))? {
                networks.push(network);
            }
        }
        Ok((networks, lines))
    }
}

/// Appends a line to those of the same key, which begin at `start`, unless one of them says the same already.
fn keep(lines: &mut Vec<Line>, start: usize, line: Line, key: impl Fn() -> String) -> Result<bool, Misfit> {
    let same = lines.get(start..).unwrap_or(&[]);
    if same.iter().any(|other| other.record == line.record) {
        return Ok(false);
    }
    if same.len() >= POLICY_KEY_LINES_MAX {
        return Err(Misfit::TooManyLines { key: key() });
    }
    if let Some(last) = lines.get_mut(start..).and_then(|same| same.last_mut()) {
        last.goes_on = true;
    }
    lines.push(line);
    Ok(true)
}

impl Rules {
    /// Bounds what one look-up walks through: the items below each label, the deepest level first.
    fn check_labels(&self) -> Result<(), Misfit> {
        let mut below = vec![0_usize; self.labels.len()];
        for _ in 0..POLICY_LABEL_DEPTH_MAX {
            let weigh = |item: &Item| match item {
                Item::Pair(_) => 1,
                Item::Alias(label) => 1 + usize::try_from(*label).map_or(0, |label| below[label]),
            };
            let next: Vec<usize> = (0..self.labels.len())
                .map(|place| {
                    let lines = self.label_lines(u32::try_from(place).expect("checked before"));
                    let items = lines.iter().flat_map(|line| self.records.get(line.record));
                    items.map(weigh).fold(0, usize::saturating_add)
                })
                .collect();
            below = next;
            if let Some(place) = below.iter().position(|weight| *weight > POLICY_ITEMS_MAX) {
                let label = self.label_name(u32::try_from(place).expect("checked before")).into();
                return Err(Misfit::Tangle { label });
            }
        }
        Ok(())
    }
}
