//! Sources to rules: reads all files in the order in which they count, and keeps every text and every record once.

use super::fault::{Fault, FaultKind};
use super::key::{self, Key};
use super::line::{self, Place, Said, SaidValue};
use super::words::{Words, without_comment};
use crate::limits::{POLICY_FAULTS_MAX, POLICY_FILES_MAX};
use crate::policy::rules::{Attribute, Item, Line, Misfit, Pair, Parts, Rules, TextPool, TooMuch, Value};
use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

/// The label of our own domains; it is spelt in two ways, which mean the same.
const LOCAL_NAMES: &str = "_localnames";
const LOCAL_NAMES_TOO: &str = "_local_names";

/// What a file of the policy is for. Of two lines with the same key, the one in the earlier role counts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `smtp-policy.src`: lines count as they stand.
    Source,
    /// `localnames`: the first word of each line is a domain of ours, `= _localnames`.
    Localnames,
    /// `smtp-policy.relay.manual`: who may send to anybody, `= _full_rights` behind what the line says.
    RelayManual,
    /// `smtp-policy.relay`: the same.
    Relay,
    /// `smtp-policy.mx.manual`: whom we take mail for, `= _relaytarget` behind what the line says.
    MxManual,
    /// `smtp-policy.mx`: the same.
    Mx,
    /// `smtp-policy.spam`: networks are refused; others are `= _bulk_mail` behind what the line says.
    Spam,
    /// `smtp-policy.spam.manual`: the same.
    SpamManual,
}

impl Role {
    /// Every role, in the order in which they count.
    pub const ALL: [Role; 8] = [
        Role::Source,
        Role::Localnames,
        Role::RelayManual,
        Role::Relay,
        Role::MxManual,
        Role::Mx,
        Role::Spam,
        Role::SpamManual,
    ];
}

/// A file of the policy.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    /// What it is for.
    pub role: Role,
    /// Its name, for faults and for what explains a verdict.
    pub name: &'a str,
    /// What stands in it.
    pub text: &'a [u8],
}

/// What became of sources.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The rules.
    pub rules: Rules,
    /// What the operator should know about them.
    pub remarks: Vec<Fault>,
}

/// Compiles a policy. All faults are told at once, remarks among them.
pub fn compile(files: &[SourceFile<'_>]) -> Result<Compiled, Vec<Fault>> {
    let mut order: Vec<&SourceFile<'_>> = files.iter().collect();
    order.sort_by_key(|file| file.role);
    let mut compiler = Compiler::default();
    for file in order.into_iter().take(POLICY_FILES_MAX) {
        compiler.file(file);
    }
    compiler.finish()
}

#[derive(Debug, Default)]
struct Compiler {
    parts: Parts,
    texts: TextPool,
    records: BTreeMap<Vec<Item>, u32>,
    /// The numbers of labels.
    labels: BTreeMap<String, u32>,
    /// Where each label was first spoken of.
    seen: Vec<Spot>,
    faults: Vec<Fault>,
    remarks: Vec<Fault>,
}

/// A line of a file; both by number.
#[derive(Clone, Copy, Debug)]
struct Spot {
    file: u16,
    line: u32,
}

impl Compiler {
    fn file(&mut self, file: &SourceFile<'_>) {
        let number = u16::try_from(self.parts.files.len()).expect("fewer files than the limit");
        self.parts.files.push(file.name.into());
        let mut remarks = Vec::new();
        for (index, octets) in file.text.split(|octet| *octet == b'\n').enumerate() {
            let at = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            let spot = Spot { file: number, line: at };
            let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
            let result = match core::str::from_utf8(octets) {
                Ok(text) => self.line(file.role, text, spot, &mut remarks),
                Err(error) => Err((error.valid_up_to(), FaultKind::NotText)),
            };
            for place in remarks.drain(..).chain(result.err()) {
                self.complain(spot, place);
            }
        }
    }

    /// Reads a line and keeps what it says.
    fn line(&mut self, role: Role, text: &str, spot: Spot, remarks: &mut Vec<Place>) -> Result<(), Place> {
        let Some((start, text, own)) = transformed(role, text, remarks) else { return Ok(()) };
        let shift = |(at, kind): Place| (start + at, kind);
        let mut words = Words::new(text);
        let Some(word) = words.next().map_err(shift)? else { return Ok(()) };
        let key = key::read(word.text).map_err(|(at, kind)| shift((word.at + at, kind)))?;
        let mut said = Vec::new();
        if role != Role::Localnames {
            let mut more = Vec::new();
            let read = line::read(&mut words, &mut said, &mut more);
            remarks.extend(more.into_iter().map(shift));
            read.map_err(shift)?;
        }
        match (own, key) {
            (Own::Nothing, _) => {}
            (Own::Spam, Key::Network(_)) => said.push(Said::Pair {
                attribute: Attribute::RejectNet,
                value: SaidValue::Yes,
                message: None,
            }),
            (Own::Spam, Key::Name(_) | Key::Label(_)) => said.push(Said::Alias("_bulk_mail")),
            (Own::Label(label), _) => said.push(Said::Alias(label)),
        }
        self.keep(key, &said, spot).map_err(|TooMuch| (start, FaultKind::Whole(Misfit::TooManyEntries)))
    }

    fn keep(&mut self, key: Key<'_>, said: &[Said<'_>], spot: Spot) -> Result<(), TooMuch> {
        let items: Vec<Item> = said.iter().map(|said| self.item(*said, spot)).collect();
        let record = match self.records.get(&items) {
            Some(record) => *record,
            None => {
                let record = self.parts.records.push(&items)?;
                self.records.insert(items, record);
                record
            }
        };
        let line = Line { file: spot.file, number: spot.line, record, goes_on: false };
        match key {
            // A key that says nothing is as if it were not there: a wider one speaks for it.
            Key::Network(_) | Key::Name(_) if said.is_empty() => {}
            Key::Network(network) => self.parts.networks.push((network, line)),
            Key::Name(name) => {
                self.parts.names.push_lowercase(name)?;
                self.parts.name_lines.push(line);
            }
            Key::Label(name) => {
                let label = self.label(name, spot);
                self.parts.label_lines.push((label, line));
            }
        }
        Ok(())
    }

    fn item(&mut self, said: Said<'_>, spot: Spot) -> Item {
        match said {
            Said::Alias(label) => Item::Alias(self.label(label, spot)),
            Said::Pair { attribute, value, message } => Item::Pair(Pair {
                attribute,
                value: match value {
                    SaidValue::Yes => Value::Yes,
                    SaidValue::No => Value::No,
                    SaidValue::Number(number) => Value::Number(number),
                    SaidValue::Rates(messages, recipients) => Value::Rates(messages, recipients),
                    SaidValue::Zones(zones) => Value::Zones(self.texts.add(zones)),
                    SaidValue::Text(text) => Value::Text(self.texts.add(text)),
                    SaidValue::Newlines(newlines) => Value::Newlines(newlines),
                },
                message: message.map(|text| self.texts.add(text)),
            }),
        }
    }

    /// The number of a label, which is spoken of at `spot`.
    fn label(&mut self, name: &str, spot: Spot) -> u32 {
        let mut name = name.to_ascii_lowercase();
        if name == LOCAL_NAMES_TOO {
            LOCAL_NAMES.clone_into(&mut name);
        }
        if let Some(number) = self.labels.get(&name) {
            return *number;
        }
        let number = u32::try_from(self.parts.labels.len()).expect("fewer labels than octets in the sources");
        self.parts.labels.push(self.texts.add(&name));
        self.seen.push(spot);
        self.labels.insert(name, number);
        number
    }

    /// Tells about labels that are no line's key.
    fn missing_labels(&mut self) {
        let defined: BTreeSet<u32> = self.parts.label_lines.iter().map(|(label, _)| *label).collect();
        let names = core::mem::take(&mut self.labels);
        for (name, number) in names.into_iter().filter(|(_, number)| !defined.contains(number)) {
            let spot = usize::try_from(number).ok().and_then(|place| self.seen.get(place).copied());
            if let Some(spot) = spot {
                self.complain(spot, (0, FaultKind::NoSuchLabel(name)));
            }
        }
    }

    fn complain(&mut self, spot: Spot, (at, kind): Place) {
        let file = self.parts.files.get(usize::from(spot.file)).cloned().unwrap_or_default();
        let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
        self.tell(Fault { file, line: spot.line, column, kind });
    }

    fn tell(&mut self, mut fault: Fault) {
        let told = if fault.kind.is_remark() { &mut self.remarks } else { &mut self.faults };
        if told.len() == POLICY_FAULTS_MAX {
            fault.kind = FaultKind::More;
        }
        if told.len() <= POLICY_FAULTS_MAX {
            told.push(fault);
        }
    }

    fn finish(mut self) -> Result<Compiled, Vec<Fault>> {
        self.missing_labels();
        self.parts.texts = self.texts.texts();
        let mut faults = self.faults;
        match self.parts.assemble() {
            Ok(rules) if faults.is_empty() => return Ok(Compiled { rules, remarks: self.remarks }),
            Ok(_) => {}
            Err(misfit) => {
                let kind = FaultKind::Whole(misfit);
                faults.push(Fault { file: String::new(), line: 0, column: 0, kind });
            }
        }
        faults.extend(self.remarks);
        Err(faults)
    }
}

/// What a line of a role says beside what stands on it.
#[derive(Clone, Copy, Debug)]
enum Own {
    Nothing,
    Label(&'static str),
    Spam,
}

/// The part of a line that counts, where it begins, and what its role adds; `None` when nothing counts.
fn transformed<'a>(role: Role, text: &'a str, remarks: &mut Vec<Place>) -> Option<(usize, &'a str, Own)> {
    let blank = [' ', '\t'];
    let indented = |text: &str| text.starts_with(blank);
    let trimmed = |text: &'a str| {
        let bare = text.trim_start_matches(blank);
        (text.len() - bare.len(), bare)
    };
    let (start, text, own) = match role {
        Role::Source if text.starts_with('#') => return None,
        Role::Source if indented(text) => (0, without_comment(text), Own::Nothing),
        Role::Source => (0, text, Own::Nothing),
        Role::Localnames => {
            let (start, text) = trimmed(without_comment(text));
            (start, text, Own::Label(LOCAL_NAMES))
        }
        Role::RelayManual | Role::Relay => (0, without_comment(text), Own::Label("_full_rights")),
        Role::MxManual | Role::Mx => (0, without_comment(text), Own::Label("_relaytarget")),
        Role::Spam | Role::SpamManual => {
            let (start, text) = trimmed(without_comment(text));
            match text.strip_prefix('@') {
                Some(rest) => (start + 1, rest, Own::Spam),
                None => (start, text, Own::Spam),
            }
        }
    };
    let (before, rest) = trimmed(text);
    if rest.is_empty() {
        return None;
    }
    if before > 0 {
        remarks.push((0, FaultKind::Indented));
        return None;
    }
    Some((start, text, own))
}

#[cfg(test)]
mod tests;
