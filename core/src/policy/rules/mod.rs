//! The operator's rules, compiled: an immutable value in which everything is found by a look-up or two. It says what
//! stands where and who said so; what follows from it is decided in `evaluate`.

mod assemble;
mod attribute;
mod file;
mod names;
mod network;
mod text;
mod walk;

pub use assemble::Misfit;
pub use attribute::{ATTRIBUTES, Attribute, Form, Newlines, Value};
pub use file::FileFault;
pub use network::Network;
pub use text::TextId;
pub use walk::{Said, Taken};

pub(super) use assemble::Parts;
pub(super) use text::{TextPool, TooMuch};

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Range;

/// Rules as they are looked things up in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The names of the sources.
    files: Vec<String>,
    texts: text::Texts,
    records: Records,
    labels: Vec<Label>,
    label_lines: Vec<Line>,
    names: names::Names,
    name_lines: Vec<Line>,
    networks: Vec<Network>,
    network_lines: Vec<Line>,
    atlas: network::Atlas,
}

/// A line of a source: where it is, and what it says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// The number of the file.
    pub(super) file: u16,
    /// Counted from 1.
    pub(super) number: u32,
    /// The number of what it says; many lines say the same.
    pub(super) record: u32,
    /// Whether the next line has the same key; found out when the rules are assembled.
    pub(super) goes_on: bool,
}

/// A key `_label` with its lines, for others to refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    name: TextId,
    lines: Range<u32>,
}

/// One thing that a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// `= _label`: all that the label says; its number.
    Alias(u32),
    /// An attribute.
    Pair(Pair),
}

/// An attribute with its value, and with the text that stood before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) attribute: Attribute,
    pub(super) value: Value,
    pub(super) message: Option<TextId>,
}

/// What lines say, each different record once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    items: Vec<Item>,
    ends: Vec<u32>,
}

impl Records {
    pub(super) fn push(&mut self, record: &[Item]) -> Result<u32, TooMuch> {
        let number = u32::try_from(self.ends.len()).map_err(|_| TooMuch)?;
        let end = u32::try_from(self.items.len() + record.len()).map_err(|_| TooMuch)?;
        self.items.extend_from_slice(record);
        self.ends.push(end);
        Ok(number)
    }

    fn get(&self, number: u32) -> &[Item] {
        let place = usize::try_from(number).expect("32 bits fit");
        let end = self.ends.get(place).copied().unwrap_or(0);
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before).copied()).unwrap_or(0);
        let span = usize::try_from(start).expect("32 bits fit")..usize::try_from(end).expect("32 bits fit");
        self.items.get(span).unwrap_or(&[])
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

/// A key that was found: the first of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A domain or a mailbox.
    Name(usize),
    /// A network.
    Network(usize),
}

impl Rules {
    /// The narrowest network around an address. IPv6 clients without any network of theirs are in `[0.0.0.0]/0`.
    pub fn find_address(&self, address: IpAddr) -> Option<Entry> {
        self.atlas.find(address, &self.networks).map(Entry::Network)
    }

    /// The key for a domain: itself, `.itself`, then each `.parent`, at last `.`. Letters may be of any case.
    pub fn find_domain(&self, domain: &str) -> Option<Entry> {
        let mut dotted = format!(".{domain}");
        dotted.make_ascii_lowercase();
        // A name with an at would find mailboxes.
        if domain.contains('@') {
            return self.find_default();
        }
        let exact = self.names.find(&dotted[1..]).filter(|_| !domain.is_empty());
        let tail = || {
            let dots = dotted.match_indices('.').filter(|(dot, _)| dot + 1 < dotted.len());
            dots.map(|(dot, _)| &dotted[dot..]).find_map(|tail| self.names.find(tail))
        };
        exact.or_else(tail).map(Entry::Name).or_else(|| self.find_default())
    }

    /// The key `.`.
    pub fn find_default(&self) -> Option<Entry> {
        self.names.find(".").map(Entry::Name)
    }

    /// The key for a mailbox: `local@domain`, then `local@`. Letters may be of any case.
    pub fn find_mailbox(&self, local: &str, domain: &str) -> Option<Entry> {
        let mut mailbox = format!("{local}@{domain}");
        mailbox.make_ascii_lowercase();
        let anywhere = &mailbox[..=local.len()];
        self.names.find(&mailbox).or_else(|| self.names.find(anywhere)).map(Entry::Name)
    }

    /// A key as it would stand in a source.
    pub fn key(&self, entry: Entry) -> String {
        match entry {
            Entry::Name(place) => self.names.get(place).into(),
            Entry::Network(place) => {
                self.networks.get(place).map_or_else(String::new, |key| format!("{key}"))
            }
        }
    }

    /// Where a key stands first: the file's name and the line.
    pub fn place(&self, entry: Entry) -> (&str, u32) {
        self.lines(entry).first().map_or(("", 0), |line| (self.file(line), line.number))
    }

    /// A text by its number.
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id)
    }

    /// How many lines name networks, domains and mailboxes.
    pub fn entries(&self) -> usize {
        self.networks.len() + self.names.len()
    }

    /// Octets of memory that the rules take.
    pub fn octets(&self) -> usize {
        let lines = self.label_lines.capacity() + self.name_lines.capacity() + self.network_lines.capacity();
        size_of::<Rules>()
            + lines * size_of::<Line>()
            + self.texts.octets()
            + self.records.items.capacity() * size_of::<Item>()
            + self.records.ends.capacity() * size_of::<u32>()
            + self.labels.capacity() * size_of::<Label>()
            + self.names.octets()
            + self.networks.capacity() * size_of::<Network>()
            + self.atlas.octets()
    }

    /// All lines of a key, in the order of the sources.
    fn lines(&self, entry: Entry) -> &[Line] {
        let (lines, from) = match entry {
            Entry::Name(place) => (&self.name_lines, place),
            Entry::Network(place) => (&self.network_lines, place),
        };
        let rest = lines.get(from..).unwrap_or(&[]);
        let more = rest.iter().take_while(|line| line.goes_on).count();
        rest.get(..=more).unwrap_or(&[])
    }

    fn file(&self, line: &Line) -> &str {
        self.files.get(usize::from(line.file)).map_or("", |name| name)
    }

    fn label_lines(&self, label: u32) -> &[Line] {
        let span = usize::try_from(label).ok().and_then(|place| self.labels.get(place)).map(|label| {
            let fit = |end| usize::try_from(end).expect("32 bits fit");
            fit(label.lines.start)..fit(label.lines.end)
        });
        span.and_then(|span| self.label_lines.get(span)).unwrap_or(&[])
    }

    fn label_name(&self, label: u32) -> &str {
        let label = usize::try_from(label).ok().and_then(|place| self.labels.get(place));
        label.map_or("", |label| self.texts.get(label.name))
    }

    fn all_texts(&self) -> &[Box<str>] {
        self.texts.all()
    }
}
