//! The messages that clients send: each one unlike all others, with everything in it that is hard to carry: dots
//! at line starts, empty lines, long lines, octets above 127, lines that look like commands.

use super::Wishes;
use super::dice::{Dice, Purpose};
use std::collections::VecDeque;

/// The domain whose mailboxes the simulated server takes mail for.
pub(super) const LOCAL_DOMAIN: &str = "local.example";
/// What every client calls itself.
pub(super) const CLIENT: &str = "client.example";

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Letter {
    /// Without brackets; empty for the null reverse-path.
    pub(super) from: String,
    /// Without brackets; at least one.
    pub(super) to: Vec<String>,
    /// Lines with CRLF, the last one too.
    pub(super) body: Vec<u8>,
    /// Octets above 127 are among it.
    pub(super) eight_bit: bool,
    /// What SIZE shall say, when it shall not be true.
    pub(super) size_said: Option<String>,
    /// What follows DATA, with its end, when it shall not be what an honest client makes of the body.
    pub(super) text_said: Option<Vec<u8>>,
}

/// Where some senders say that they are from: some of it is nowhere.
const SENDERS: [&str; 4] = ["spam.example", "sub.client.example", "nowhere.example", "null.example"];
/// Recipients of whom a server may think this or that.
const RECIPIENTS: [&str; 9] = [
    "bob@elsewhere.example",
    "bob@exchanger.example",
    "bob@nowhere.example",
    "bob@null.example",
    "bob@[192.0.2.250]",
    "postmaster@local.example",
    "held@local.example",
    "bob%elsewhere.example@local.example",
    "exchanger.example!bob@local.example",
];

/// Lines that would be commands, if a server lost its way.
const COMMANDS: [&str; 5] =
    ["QUIT", "RSET", "DATA", "MAIL FROM:<mallory@client.example>", "RCPT TO:<victim@local.example>"];

impl Letter {
    /// All the messages that a client wishes to send.
    pub(super) fn write_all(wishes: &Wishes) -> VecDeque<Letter> {
        let mut dice = Dice::new(wishes.seed, Purpose::Letters);
        let count = usize::try_from(wishes.messages).expect("a count");
        (0..count)
            .map(|number| Letter::write(&mut dice, wishes.seed, number, wishes.body_octets_max))
            .collect()
    }

    /// Message `number` of the client with this seed, of at most about `octets_max`.
    pub(super) fn write(dice: &mut Dice, seed: u64, number: usize, octets_max: u32) -> Letter {
        let from = if dice.one_in(8) {
            String::new()
        } else {
            let domain = if dice.one_in(6) { dice.pick(&SENDERS) } else { CLIENT };
            format!("ann.{seed:x}.{number}@{domain}")
        };
        let to = (0..dice.between(1, 3))
            .map(|_| {
                if dice.one_in(6) {
                    return dice.pick(&RECIPIENTS).to_owned();
                }
                format!("bob{}@{LOCAL_DOMAIN}", dice.below(1_000))
            })
            .collect();
        let eight_bit = dice.one_in(4);
        let octets_max = usize::try_from(octets_max).expect("a size");
        let octets = if dice.one_in(2) { dice.below(octets_max + 1) } else { dice.below(octets_max / 8 + 1) };
        Letter { from, to, body: body(dice, seed, number, octets, eight_bit), eight_bit, ..Letter::default() }
    }

    /// The message in chunks for BDAT, one at least and `most` at most; some may be empty.
    pub(super) fn chunks(&self, dice: &mut Dice, most: usize) -> VecDeque<Vec<u8>> {
        let mut cuts: Vec<usize> =
            (1..dice.between(1, most)).map(|_| dice.below(self.body.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(self.body.len());
        let mut from = 0;
        cuts.into_iter().map(|to| self.body[std::mem::replace(&mut from, to)..to].to_vec()).collect()
    }

    /// What follows DATA: dots doubled, and the end.
    pub(super) fn dotted(&self) -> Vec<u8> {
        if let Some(text) = &self.text_said {
            return text.clone();
        }
        let mut said = Vec::with_capacity(self.body.len() + 16);
        for line in self.body.split_inclusive(|octet| *octet == b'\n') {
            if line.first() == Some(&b'.') {
                said.push(b'.');
            }
            said.extend_from_slice(line);
        }
        said.extend_from_slice(b".\r\n");
        said
    }
}

/// A header that no other message has, and lines until there are about `octets`.
fn body(dice: &mut Dice, seed: u64, number: usize, octets: usize, eight_bit: bool) -> Vec<u8> {
    let mut body = format!("Message-ID: <{seed:x}.{number}@{CLIENT}>\r\n\r\n").into_bytes();
    if eight_bit {
        body.extend_from_slice("h\u{e4}llo\r\n".as_bytes());
    }
    while body.len() < octets {
        let room = (octets - body.len()).min(998);
        match dice.below(8) {
            0 => {}
            1 => body.push(b'.'),
            2 => body.extend_from_slice(b".."),
            3 => body.extend_from_slice(dice.pick(&COMMANDS).as_bytes()),
            4 => {
                let length = dice.between(1, room);
                body.resize(body.len() + length, b'x');
            }
            5 => body.extend_from_slice(b".leading dot"),
            _ => {
                for _ in 0..dice.between(1, 12) {
                    body.extend_from_slice(dice.pick(&["mail ", "is ", "a ", "letter ", ". "]).as_bytes());
                }
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_letter_can_be_said_and_read_back() {
        let mut dice = Dice::new(1, Purpose::Letters);
        for number in 0..50 {
            let letter = Letter::write(&mut dice, 1, number, 3_000);
            let said = letter.dotted();
            let text = said.strip_suffix(b".\r\n").expect("an end");
            let mut read = Vec::new();
            for line in text.split_inclusive(|octet| *octet == b'\n') {
                assert!(line.ends_with(b"\r\n") && line.len() <= 1_001 && line != b".\r\n");
                read.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            }
            assert_eq!(read, letter.body);
            assert_eq!(letter.eight_bit, !letter.body.is_ascii());
            assert!(!letter.to.is_empty());
        }
    }

    #[test]
    fn no_two_letters_are_alike() {
        let mut dice = Dice::new(1, Purpose::Letters);
        let mut other = Dice::new(2, Purpose::Letters);
        let letters = [
            Letter::write(&mut dice, 1, 0, 0),
            Letter::write(&mut dice, 1, 1, 0),
            Letter::write(&mut other, 2, 0, 0),
        ];
        assert!(letters[0].body != letters[1].body && letters[0].body != letters[2].body);
    }
}
