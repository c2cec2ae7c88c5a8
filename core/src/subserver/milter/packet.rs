//! The packets of the protocol: four octets of length, one that says what it is, and the rest. Whatever a milter says is
//! checked here: nothing that it wants written can end a line, a field or a reply that is not its own.

use crate::limits::{MILTER_PACKET_MAX, WORDS_LINES_MAX};
use crate::reply::Words;
use crate::subserver::Fault;
use crate::wire::field::is_field_name;
use alloc::string::String;
use alloc::vec::Vec;

/// The version of the protocol that we speak.
pub(super) const VERSION: u32 = 6;
/// What milters may want changed: add fields, add and drop recipients, change and insert fields, quarantine, another sender,
/// recipients with parameters. The body stays as it is.
pub(super) const ACTIONS: u32 = 0x01 | 0x04 | 0x08 | 0x10 | 0x20 | 0x40 | 0x80;
/// What milters may leave out or want otherwise: every stage, no more of the body, blanks before values as they are.
/// Each stage that they do not leave out they answer.
pub(super) const PROTOCOL: u32 = NO_CONNECT
    | NO_HELLO
    | NO_MAIL
    | NO_RCPT
    | NO_BODY
    | NO_HEADER
    | NO_HEADER_END
    | NO_UNKNOWN
    | NO_DATA
    | SKIP
    | LEADING_BLANK;
pub(super) const NO_CONNECT: u32 = 0x01;
pub(super) const NO_HELLO: u32 = 0x02;
pub(super) const NO_MAIL: u32 = 0x04;
pub(super) const NO_RCPT: u32 = 0x08;
pub(super) const NO_BODY: u32 = 0x10;
pub(super) const NO_HEADER: u32 = 0x20;
pub(super) const NO_HEADER_END: u32 = 0x40;
const NO_UNKNOWN: u32 = 0x100;
pub(super) const NO_DATA: u32 = 0x200;
pub(super) const SKIP: u32 = 0x400;
pub(super) const LEADING_BLANK: u32 = 0x0010_0000;

/// Something that a milter wants changed. Texts have no line ends but LF, and those only within a value, before a blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A field at the end of the header.
    AddField(String, String),
    /// A field before the one of this number; at the top with 0 and 1.
    InsertField(u32, String, String),
    /// Another value for the field of this number among those of its name, counted from 1; an empty one removes it. Where
    /// there is none it is added.
    ChangeField(u32, String, String),
    /// Another recipient, as it stands in brackets.
    AddRecipient(String),
    /// One recipient less.
    DropRecipient(String),
    /// Another sender.
    Sender(String),
    /// The message goes to the freezer.
    Quarantine,
}

/// What a milter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What it is able to do and wants: version, actions, protocol.
    Negotiated(u32, u32, u32),
    /// Go on.
    Continue,
    /// The message is fine, and it wants to see no more of it.
    Accept,
    /// It is refused in these words, which have a code that refuses.
    Refuse(Words),
    /// It is thrown away.
    Discard,
    /// No more of the body is wanted.
    Skip,
    /// It is at work.
    Progress,
    /// It cannot go on.
    Failed,
    /// It wants something changed.
    Change(Change),
}

/// A packet.
pub(super) fn packet(what: u8, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 1).expect("every packet of ours is bounded");
    let mut out = Vec::with_capacity(rest.len() + 5);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(what);
    out.extend_from_slice(rest);
    out
}

/// Appends a text and the NUL that ends it.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().copied().filter(|octet| *octet != 0));
    out.push(0);
}

/// Makes packets of octets, wherever these were cut.
#[derive(Debug, Default)]
pub(super) struct Reader {
    begun: Vec<u8>,
}

impl Reader {
    /// Takes octets in.
    pub(super) fn hear(&mut self, octets: &[u8]) {
        self.begun.extend_from_slice(octets);
    }

    /// The next packet.
    pub(super) fn next(&mut self) -> Option<Result<Reply, Fault>> {
        let length = usize::try_from(u32::from_be_bytes(*self.begun.first_chunk::<4>()?)).ok();
        let Some(length) = length.filter(|length| (1..=MILTER_PACKET_MAX).contains(length)) else {
            return Some(Err(Fault::Babble));
        };
        let whole = self.begun.get(4..4 + length)?;
        let said = reply(whole[0], &whole[1..]).ok_or(Fault::Unfit);
        self.begun.drain(..4 + length);
        Some(said)
    }

    /// Whether something was said that was not looked at, or is not whole.
    pub(super) fn is_within_a_packet(&self) -> bool {
        !self.begun.is_empty()
    }
}

/// What a packet of a milter says; `None` for what none may say.
pub fn reply(what: u8, rest: &[u8]) -> Option<Reply> {
    let empty = |reply: Reply| rest.is_empty().then_some(reply);
    match what {
        b'O' => {
            let mut numbers = rest
                .chunks_exact(4)
                .map(|octets| u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]));
            Some(Reply::Negotiated(numbers.next()?, numbers.next()?, numbers.next()?))
        }
        b'c' => empty(Reply::Continue),
        b'a' => empty(Reply::Accept),
        b'r' => empty(Reply::Refuse(Words::refusing_for_good(""))),
        b't' => empty(Reply::Refuse(Words::refusing_for_now(""))),
        b'd' => empty(Reply::Discard),
        b's' => empty(Reply::Skip),
        b'p' => empty(Reply::Progress),
        b'f' | b'4' => empty(Reply::Failed),
        b'y' => words(rest).map(Reply::Refuse),
        b'q' | b'h' | b'i' | b'm' | b'+' | b'2' | b'-' | b'e' => change(what, rest).map(Reply::Change),
        _ => None,
    }
}

/// `NNN x.y.z text`, perhaps of several lines.
fn words(rest: &[u8]) -> Option<Words> {
    let (texts, []) = texts::<1>(rest)? else { return None };
    let text = texts[0];
    let lines: Vec<&str> = text.lines().take(WORDS_LINES_MAX).collect();
    let fits = |line: &&str| {
        let (code, behind) = line.split_at_checked(3).unwrap_or_default();
        code.bytes().all(|octet| octet.is_ascii_digit())
            && code.starts_with(['4', '5'])
            && (behind.is_empty() || behind.starts_with([' ', '-']))
            && !behind.contains(char::is_control)
    };
    if lines.is_empty() || !lines.iter().all(fits) {
        return None;
    }
    let words = Words::read_reply(lines.iter().copied())?;
    words.refuses().then_some(words)
}

fn change(what: u8, rest: &[u8]) -> Option<Change> {
    Some(match what {
        b'q' => {
            texts::<1>(rest)?;
            Change::Quarantine
        }
        b'h' => {
            let (name, value) = field(rest, false)?;
            Change::AddField(name, value)
        }
        b'i' | b'm' => {
            let (number, rest) = rest.split_first_chunk::<4>()?;
            let (name, value) = field(rest, what == b'm')?;
            let number = u32::from_be_bytes(*number);
            if what == b'i' {
                Change::InsertField(number, name, value)
            } else {
                Change::ChangeField(number.max(1), name, value)
            }
        }
        b'+' | b'2' => Change::AddRecipient(address(rest)?),
        b'-' => Change::DropRecipient(address(rest)?),
        b'e' => Change::Sender(address(rest)?),
        _ => return None,
    })
}

/// A name and a value.
fn field(rest: &[u8], may_be_empty: bool) -> Option<(String, String)> {
    let (texts, []) = texts::<2>(rest)? else { return None };
    let [name, value] = texts;
    // Line ends within a value are LF in stored form; only a blank goes on with a field.
    let value = value.replace("\r\n", "\n");
    let value = value.trim_end_matches('\n');
    let goes_on = value
        .split('\n')
        .skip(1)
        .all(|line| line.starts_with([' ', '\t']) && line.contains(|c: char| !c.is_whitespace()));
    let fits = is_field_name(name.as_bytes())
        && goes_on
        && !value.contains(|c: char| c.is_control() && c != '\n' && c != '\t')
        && (may_be_empty || !value.is_empty());
    fits.then(|| (name.into(), value.into()))
}

/// An address without its brackets; parameters behind it are left out.
fn address(rest: &[u8]) -> Option<String> {
    let (texts, _) = texts::<1>(rest)?;
    let text = texts[0].trim();
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    (!text.contains(char::is_control)).then(|| text.into())
}

/// So many texts, each ended by NUL, and what is behind them.
fn texts<const N: usize>(rest: &[u8]) -> Option<([&str; N], &[u8])> {
    let mut texts = [""; N];
    let mut rest = rest;
    for text in &mut texts {
        let at = memchr::memchr(0, rest)?;
        *text = core::str::from_utf8(&rest[..at]).ok()?;
        rest = &rest[at + 1..];
    }
    Some((texts, rest))
}

/// The packet with which a milter wants this.
pub fn encode_change(change: &Change) -> Vec<u8> {
    let mut rest = Vec::new();
    let what = match change {
        Change::AddField(name, value) => {
            put_text(&mut rest, name.as_bytes());
            put_text(&mut rest, value.as_bytes());
            b'h'
        }
        Change::InsertField(number, name, value) | Change::ChangeField(number, name, value) => {
            rest.extend_from_slice(&number.to_be_bytes());
            put_text(&mut rest, name.as_bytes());
            put_text(&mut rest, value.as_bytes());
            if matches!(change, Change::InsertField(..)) { b'i' } else { b'm' }
        }
        Change::AddRecipient(address) => {
            put_text(&mut rest, address.as_bytes());
            b'+'
        }
        Change::DropRecipient(address) => {
            put_text(&mut rest, address.as_bytes());
            b'-'
        }
        Change::Sender(address) => {
            put_text(&mut rest, address.as_bytes());
            b'e'
        }
        Change::Quarantine => {
            put_text(&mut rest, b"");
            b'q'
        }
    };
    packet(what, &rest)
}
