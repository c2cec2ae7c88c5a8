//! A milter: it goes on with everything that it is told, and when all of it was told it does what somebody else decides.

use smtpserver_core::subserver::milter::{Change, encode_change};

/// What it was told of one message.
#[derive(Debug, Default)]
pub(crate) struct Milter {
    begun: Vec<u8>,
    told: Vec<String>,
}

/// What it says to what it was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// These octets.
    Octets(Vec<u8>),
    /// All was told, which was this; somebody decides.
    All(String),
}

impl Milter {
    /// Takes octets in; `None` when nothing is to be said to them.
    pub(crate) fn hear(&mut self, octets: &[u8]) -> Option<Says> {
        self.begun.extend_from_slice(octets);
        let mut says = None;
        while let Some(length) = self.begun.first_chunk::<4>() {
            let end = 4 + usize::try_from(u32::from_be_bytes(*length)).expect("a length fits");
            if self.begun.len() < end {
                break;
            }
            let whole: Vec<u8> = self.begun.drain(..end).collect();
            says = self.packet(whole[4], &whole[5..]).or(says);
        }
        says
    }

    fn packet(&mut self, what: u8, rest: &[u8]) -> Option<Says> {
        let name = match what {
            b'O' => {
                // All that may be changed, and nothing left out.
                let numbers = [rest.get(..8)?, &[0; 4]].concat();
                return Some(Says::Octets(packet(b'O', &numbers)));
            }
            b'C' => "connect",
            b'H' => "helo",
            b'M' => "mail",
            b'R' => "rcpt",
            b'T' => "data",
            b'L' => "field",
            b'N' => "header-end",
            b'B' => "body",
            b'E' => return Some(Says::All(std::mem::take(&mut self.told).join(" "))),
            _ => return None,
        };
        let text = match what {
            b'C' => String::from_utf8_lossy(rest.split(|octet| *octet == 0).next().unwrap_or_default())
                .into_owned(),
            b'B' => format!("{}", rest.len()),
            _ => String::from_utf8_lossy(rest).trim_end_matches('\0').replace(['\0', '\n'], " "),
        };
        self.told.push(format!("{name} {text}").trim_end().into());
        Some(Says::Octets(packet(b'c', &[])))
    }
}

/// What it says that decides so: deeds with ` / ` between them, `accept` or another end behind changes. `None` for what is
/// no decision.
pub(crate) fn decision(line: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for deed in line.split(" / ") {
        let (word, rest) = deed.split_once(' ').unwrap_or((deed, ""));
        let field = |text: &str| {
            text.split_once(": ").map(|(name, value)| (name.to_owned(), value.replace("\\n", "\n")))
        };
        let numbered = |text: &str| {
            let (number, text) = text.split_once(' ')?;
            let (name, value) = text.split_once(':')?;
            Some((number.parse().ok()?, name.to_owned(), value.trim_start().replace("\\n", "\n")))
        };
        out.extend(match word {
            "accept" => packet(b'a', &[]),
            "continue" => packet(b'c', &[]),
            "reject" => packet(b'r', &[]),
            "tempfail" => packet(b't', &[]),
            "discard" => packet(b'd', &[]),
            "progress" => packet(b'p', &[]),
            "reply" => packet(b'y', &[rest.as_bytes(), &[0]].concat()),
            "nonsense" => packet(b'?', rest.as_bytes()),
            "quarantine" => encode_change(&Change::Quarantine),
            "add" => field(rest).map(|(name, value)| encode_change(&Change::AddField(name, value)))?,
            "insert" => numbered(rest)
                .map(|(at, name, value)| encode_change(&Change::InsertField(at, name, value)))?,
            "change" => numbered(rest)
                .map(|(at, name, value)| encode_change(&Change::ChangeField(at, name, value)))?,
            "add-rcpt" => encode_change(&Change::AddRecipient(rest.into())),
            "drop-rcpt" => encode_change(&Change::DropRecipient(rest.into())),
            "from" => encode_change(&Change::Sender(rest.into())),
            _ => return None,
        });
    }
    Some(out)
}

fn packet(what: u8, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 1).expect("a packet is short");
    [&length.to_be_bytes()[..], &[what], rest].concat()
}
