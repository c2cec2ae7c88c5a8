//! Rules as a file: octets that say of themselves what they are, in which version, and whether they are whole.
//! Reading never panics, and takes no word of the file for granted.
//!
//! The form, version 1; numbers are little-endian:
//!
//! ```text
//! "smtpserver policy\n"   18 octets
//! version                 u32
//! length of the body      u64
//! fingerprint of the body u64     FNV-1a
//! body:
//!   files    u32 count, each: u32 length, UTF-8 name
//!   texts    u32 count, each: u32 length, UTF-8
//!   records  u32 count, each: u16 count of items, each item:
//!              u8 255 and u32 label, or
//!              u8 attribute, u8 form, u64 value, u32 message (all bits set: none)
//!   labels   u32 count, each: u32 text (its name), u32 count of lines, each a line
//!   names    u32 count, each: a line, u16 length, UTF-8 name
//!   networks u32 count, each: a line, u128 first address, u8 width
//! a line:    u16 file, u32 number, u32 record
//! ```
//!
//! Names and networks stand in ascending order, so that equal rules make equal files.

use super::assemble::{Misfit, Parts};
use super::attribute::{Attribute, Newlines, Value};
use super::network::Network;
use super::text::{TextId, Texts, fingerprint};
use super::{Item, Line, Pair, Rules};
use crate::limits::{POLICY_FILES_MAX, POLICY_LINE_PAIRS_MAX};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

const MAGIC: &[u8; 18] = b"smtpserver policy\n";
const VERSION: u32 = 1;
const HEAD: usize = MAGIC.len() + 4 + 8 + 8;
const ALIAS: u8 = 255;
const NO_TEXT: u32 = u32::MAX;

/// Why octets are no rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// They are something else.
    Foreign,
    /// They are of a version that this program does not know.
    OtherVersion(u32),
    /// They end too early.
    Truncated,
    /// Octets stand behind the end.
    Surplus,
    /// They are not what was written.
    Damaged,
    /// They are whole, and nobody writes such rules.
    Unfit(&'static str),
    /// They make no rules.
    Misfit(Misfit),
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileFault::Foreign => {
                f.write_str("not a compiled policy of smtpserver (make one with smtpserver policy build)")
            }
            FileFault::OtherVersion(version) => {
                write!(
                    f,
                    "a compiled policy of version {version}; this program reads version {VERSION}: build it again"
                )
            }
            FileFault::Truncated => f.write_str("a compiled policy that is cut off: build it again"),
            FileFault::Surplus => {
                f.write_str("a compiled policy with something else behind its end: build it again")
            }
            FileFault::Damaged => {
                f.write_str("a damaged policy, its fingerprint does not fit: build it again")
            }
            FileFault::Unfit(what) => write!(f, "a compiled policy with {what}: build it again"),
            FileFault::Misfit(misfit) => write!(f, "a compiled policy that makes no rules: {misfit}"),
        }
    }
}

impl core::error::Error for FileFault {}

impl Rules {
    /// Whether octets begin as a compiled policy does; what follows may be wrong all the same.
    pub fn is_compiled(octets: &[u8]) -> bool {
        octets.starts_with(MAGIC)
    }

    /// The octets of a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(self.octets()));
        out.0.extend_from_slice(MAGIC);
        out.number32(VERSION);
        out.0.resize(HEAD, 0);
        out.count(self.files.len());
        for name in &self.files {
            out.text(name);
        }
        out.count(self.all_texts().len());
        for text in self.all_texts() {
            out.text(text);
        }
        out.count(self.records.len());
        for record in 0..self.records.len() {
            out.record(self.records.get(u32::try_from(record).expect("records are numbered so")));
        }
        out.count(self.labels.len());
        for (place, label) in self.labels.iter().enumerate() {
            out.number32(label.name.0);
            let lines = self.label_lines(u32::try_from(place).expect("labels are numbered so"));
            out.count(lines.len());
            lines.iter().for_each(|line| out.line(line));
        }
        out.count(self.names.len());
        for (place, line) in self.name_lines.iter().enumerate() {
            let name = self.names.get(place);
            out.line(line);
            out.number16(u16::try_from(name.len()).expect("names are short"));
            out.0.extend_from_slice(name.as_bytes());
        }
        out.count(self.networks.len());
        for (network, line) in self.networks.iter().zip(&self.network_lines) {
            let (base, width) = network.parts();
            out.line(line);
            out.0.extend_from_slice(&base.to_le_bytes());
            out.0.push(width);
        }
        let length = u64::try_from(out.0.len() - HEAD).expect("a length in memory fits 64 bits");
        let fingerprint = fingerprint(&out.0[HEAD..]);
        out.0[HEAD - 16..HEAD - 8].copy_from_slice(&length.to_le_bytes());
        out.0[HEAD - 8..HEAD].copy_from_slice(&fingerprint.to_le_bytes());
        out.0
    }

    /// The rules in the octets of a file.
    pub fn decode(octets: &[u8]) -> Result<Rules, FileFault> {
        let mut head = In { rest: octets };
        match head.take(MAGIC.len()) {
            Ok(magic) if magic == MAGIC => {}
            Ok(_) => return Err(FileFault::Foreign),
            Err(_) if !octets.is_empty() && MAGIC.starts_with(octets) => return Err(FileFault::Truncated),
            Err(_) => return Err(FileFault::Foreign),
        }
        let version = head.number32()?;
        if version != VERSION {
            return Err(FileFault::OtherVersion(version));
        }
        let length = head.number64()?;
        let print = head.number64()?;
        let there = u64::try_from(head.rest.len()).expect("a length in memory fits 64 bits");
        if there < length {
            return Err(FileFault::Truncated);
        }
        if there > length {
            return Err(FileFault::Surplus);
        }
        if fingerprint(head.rest) != print {
            return Err(FileFault::Damaged);
        }
        parts(&mut head)?.assemble().map_err(FileFault::Misfit)
    }
}

fn parts(body: &mut In<'_>) -> Result<Parts, FileFault> {
    let mut parts = Parts::default();
    for _ in 0..body.number32()? {
        if parts.files.len() >= POLICY_FILES_MAX {
            return Err(FileFault::Unfit("too many sources"));
        }
        let name = body.text32()?;
        parts.files.push(String::from(name));
    }
    let mut texts: Vec<Box<str>> = Vec::new();
    for _ in 0..body.number32()? {
        texts.push(body.text32()?.into());
    }
    parts.texts = Texts::new(texts);
    let mut record = Vec::new();
    for _ in 0..body.number32()? {
        record.clear();
        let items = body.number16()?;
        // A line may say this much, and its role adds one.
        if usize::from(items) > POLICY_LINE_PAIRS_MAX + 1 {
            return Err(FileFault::Unfit("too many attributes on a line"));
        }
        for _ in 0..items {
            record.push(body.item()?);
        }
        parts.records.push(&record).map_err(|_| FileFault::Unfit("too many records"))?;
    }
    for label in 0..body.number32()? {
        parts.labels.push(TextId(body.number32()?));
        for _ in 0..body.number32()? {
            parts.label_lines.push((label, body.line()?));
        }
    }
    for _ in 0..body.number32()? {
        parts.name_lines.push(body.line()?);
        let length = body.number16()?;
        let name = body.utf8(length.into())?;
        parts.names.push(name).map_err(|_| FileFault::Unfit("too many names"))?;
    }
    for _ in 0..body.number32()? {
        let line = body.line()?;
        let base = u128::from_le_bytes(body.array()?);
        let width = body.octet()?;
        if width > 128 {
            return Err(FileFault::Unfit("a network wider than its address"));
        }
        parts.networks.push((Network::masked(base, width), line));
    }
    if body.rest.is_empty() { Ok(parts) } else { Err(FileFault::Unfit("something behind the networks")) }
}

struct Out(Vec<u8>);

impl Out {
    fn number16(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn number32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number32(u32::try_from(count).expect("what rules hold is counted in 32 bits"));
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn line(&mut self, line: &Line) {
        self.number16(line.file);
        self.number32(line.number);
        self.number32(line.record);
    }

    fn record(&mut self, items: &[Item]) {
        self.number16(u16::try_from(items.len()).expect("a line says little"));
        for item in items {
            match item {
                Item::Alias(label) => {
                    self.0.push(ALIAS);
                    self.number32(*label);
                }
                Item::Pair(pair) => {
                    let (form, value) = coded(pair.value);
                    self.0.extend_from_slice(&[pair.attribute.code(), form]);
                    self.0.extend_from_slice(&value.to_le_bytes());
                    self.number32(pair.message.map_or(NO_TEXT, |id| id.0));
                }
            }
        }
    }
}

fn coded(value: Value) -> (u8, u64) {
    match value {
        Value::No => (0, 0),
        Value::Yes => (1, 0),
        Value::Number(number) => (2, number),
        Value::Rates(messages, recipients) => {
            (3, u64::from(messages.cast_unsigned()) << 32 | u64::from(recipients.cast_unsigned()))
        }
        Value::Zones(id) => (4, id.0.into()),
        Value::Text(id) => (5, id.0.into()),
        Value::Newlines(Newlines::Reject) => (6, 0),
        Value::Newlines(Newlines::Normalize) => (6, 1),
    }
}

/// The value of a form, when it is one that such an attribute takes.
fn decoded(attribute: Attribute, form: u8, number: u64) -> Option<Value> {
    use super::attribute::Form;
    let low = u32::try_from(number & 0xffff_ffff).ok()?;
    let high = u32::try_from(number >> 32).ok()?;
    let value = match form {
        0 => Value::No,
        1 => Value::Yes,
        2 => return (attribute.form() == Form::Number).then_some(Value::Number(number)),
        3 => Value::Rates(high.cast_signed(), low.cast_signed()),
        4 => Value::Zones(TextId(low)),
        5 => Value::Text(TextId(low)),
        6 if number == 1 => Value::Newlines(Newlines::Normalize),
        6 => Value::Newlines(Newlines::Reject),
        _ => return None,
    };
    let fits = match (attribute.form(), value) {
        (Form::Switch, Value::Yes | Value::No)
        | (Form::Rates, Value::Rates(..))
        | (Form::Zones | Form::ZonesOrText, Value::No | Value::Zones(_))
        | (Form::ZonesOrText, Value::Text(_))
        | (Form::Newlines, Value::Newlines(_)) => true,
        (
            Form::Switch | Form::Number | Form::Rates | Form::Zones | Form::ZonesOrText | Form::Newlines,
            Value::Yes
            | Value::No
            | Value::Number(_)
            | Value::Rates(..)
            | Value::Zones(_)
            | Value::Text(_)
            | Value::Newlines(_),
        ) => false,
    };
    (fits && coded(value) == (form, number)).then_some(value)
}

/// What is left to read.
struct In<'a> {
    rest: &'a [u8],
}

impl<'a> In<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], FileFault> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(FileFault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FileFault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(FileFault::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn octet(&mut self) -> Result<u8, FileFault> {
        self.array().map(|[octet]| octet)
    }

    fn number16(&mut self) -> Result<u16, FileFault> {
        self.array().map(u16::from_le_bytes)
    }

    fn number32(&mut self) -> Result<u32, FileFault> {
        self.array().map(u32::from_le_bytes)
    }

    fn number64(&mut self) -> Result<u64, FileFault> {
        self.array().map(u64::from_le_bytes)
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str, FileFault> {
        core::str::from_utf8(self.take(length)?).map_err(|_| FileFault::Unfit("a text that is not UTF-8"))
    }

    fn text32(&mut self) -> Result<&'a str, FileFault> {
        let length = usize::try_from(self.number32()?).map_err(|_| FileFault::Truncated)?;
        self.utf8(length)
    }

    fn line(&mut self) -> Result<Line, FileFault> {
        Ok(Line {
            file: self.number16()?,
            number: self.number32()?,
            record: self.number32()?,
            goes_on: false,
        })
    }

    fn item(&mut self) -> Result<Item, FileFault> {
        let code = self.octet()?;
        if code == ALIAS {
            return Ok(Item::Alias(self.number32()?));
        }
        let attribute = Attribute::of_code(code).ok_or(FileFault::Unfit("an unknown attribute"))?;
        let form = self.octet()?;
        let number = self.number64()?;
        let value = decoded(attribute, form, number).ok_or(FileFault::Unfit("a value that does not fit"))?;
        let message = Some(self.number32()?).filter(|id| *id != NO_TEXT).map(TextId);
        Ok(Item::Pair(Pair { attribute, value, message }))
    }
}

#[cfg(test)]
mod tests;
