//! What has been said and what was answered: pairs replies with commands, and is the only place where beliefs are
//! made. A reply that cannot be paired with certainty makes no belief.

use super::Belief;
use super::letter::{CLIENT, Letter};
use super::reply::{Nonsense, Reader, Reply};
use std::collections::VecDeque;

/// What a reply is awaited for; numbers are those of the belief and of the recipient in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Greeting,
    Ehlo,
    Helo,
    Mail(usize),
    Rcpt(usize, usize),
    Data(usize),
    /// The message that followed 354.
    Text(usize),
    /// BDAT without LAST.
    Chunk(usize),
    LastChunk(usize),
    Quit,
    /// A command whose reply changes no belief.
    Other,
}

/// Something that the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The reply to this.
    Reply(Awaited, Reply),
    /// A reply to nothing: 421, or a server that has lost its way.
    Unasked(Reply),
    /// No reply at all.
    Nonsense,
}

/// One client's side of all its dialogues.
#[derive(Clone, Debug, Default)]
pub(super) struct Talk {
    reader: Reader,
    awaited: VecDeque<Awaited>,
    beliefs: Vec<Belief>,
    extensions: Vec<String>,
    lost: bool,
}

impl Talk {
    /// A new connection: what was awaited on the one before will never come.
    pub(super) fn begin(&mut self) {
        self.reader = Reader::default();
        self.awaited = VecDeque::from([Awaited::Greeting]);
        self.extensions.clear();
        self.lost = false;
    }

    /// Whether everything that was said has been answered.
    pub(super) fn is_quiet(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Something was said that will be answered.
    pub(super) fn await_reply(&mut self, to: Awaited) {
        if let Awaited::Text(number) | Awaited::LastChunk(number) = to {
            self.beliefs[number].said = true;
        }
        self.awaited.push_back(to);
    }

    /// Whether replies can no longer be paired with commands.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// A message is about to be tried; its number.
    pub(super) fn try_letter(&mut self, letter: &Letter, binary: bool) -> usize {
        self.beliefs.push(Belief {
            envelope_from: letter.from.clone(),
            body: letter.body.clone(),
            binary,
            ..Belief::default()
        });
        self.beliefs.len() - 1
    }

    /// The message is another one than was thought when it was begun.
    pub(super) fn set_body(&mut self, number: usize, body: Vec<u8>) {
        self.beliefs[number].body = body;
    }

    /// A recipient is about to be named; its number.
    pub(super) fn try_recipient(&mut self, number: usize, recipient: &str) -> usize {
        let tried = &mut self.beliefs[number].tried;
        tried.push(recipient.to_owned());
        tried.len() - 1
    }

    /// MAIL and every RCPT for a letter, in one go; its number.
    pub(super) fn say_envelope(&mut self, letter: &Letter, binary: bool, octets: &mut Vec<u8>) -> usize {
        let number = self.try_letter(letter, binary);
        self.await_reply(Awaited::Mail(number));
        octets.extend(self.mail_line(letter, binary));
        for recipient in &letter.to {
            let index = self.try_recipient(number, recipient);
            self.await_reply(Awaited::Rcpt(number, index));
            octets.extend_from_slice(format!("RCPT TO:<{recipient}>\r\n").as_bytes());
        }
        number
    }

    /// What is said last: QUIT.
    pub(super) fn say_quit(&mut self, octets: &mut Vec<u8>) {
        self.await_reply(Awaited::Quit);
        octets.extend_from_slice(b"QUIT\r\n");
    }

    /// What is said first: EHLO.
    pub(super) fn say_ehlo(&mut self, octets: &mut Vec<u8>) {
        self.await_reply(Awaited::Ehlo);
        octets.extend_from_slice(format!("EHLO {CLIENT}\r\n").as_bytes());
    }

    pub(super) fn beliefs(&self) -> &[Belief] {
        &self.beliefs
    }

    /// Whether EHLO was answered with this keyword.
    pub(super) fn offers(&self, keyword: &str) -> bool {
        self.extensions.iter().any(|offered| offered.eq_ignore_ascii_case(keyword))
    }

    /// MAIL for a letter, with what the server offers to hear about it.
    pub(super) fn mail_line(&self, letter: &Letter, binary: bool) -> Vec<u8> {
        let mut line = format!("MAIL FROM:<{}>", letter.from);
        match &letter.size_said {
            Some(size) => line.push_str(&format!(" SIZE={size}")),
            None if self.offers("SIZE") => line.push_str(&format!(" SIZE={}", letter.body.len())),
            None => {}
        }
        if binary {
            line.push_str(" BODY=BINARYMIME");
        } else if letter.eight_bit && self.offers("8BITMIME") {
            line.push_str(" BODY=8BITMIME");
        }
        line.push_str("\r\n");
        line.into_bytes()
    }

    pub(super) fn hear(&mut self, octets: &[u8]) {
        self.reader.hear(octets);
    }

    /// The next thing that the server said, if all of it has come; beliefs follow it.
    pub(super) fn next(&mut self) -> Option<Said> {
        let reply = match self.reader.next()? {
            Ok(reply) => reply,
            Err(Nonsense) => {
                self.lost = true;
                return Some(Said::Nonsense);
            }
        };
        if self.lost {
            return Some(Said::Unasked(reply));
        }
        let Some(awaited) = self.awaited.pop_front() else { return Some(Said::Unasked(reply)) };
        self.believe(awaited, &reply);
        Some(Said::Reply(awaited, reply))
    }

    fn believe(&mut self, awaited: Awaited, reply: &Reply) {
        match awaited {
            Awaited::Ehlo if reply.is_yes() => {
                let word = |line: &String| line.split_ascii_whitespace().next().map(str::to_owned);
                self.extensions = reply.lines.iter().skip(1).filter_map(word).collect();
            }
            Awaited::Rcpt(number, recipient) if reply.is_yes() => {
                let belief = &mut self.beliefs[number];
                let name = belief.tried[recipient].clone();
                belief.to.push(name);
            }
            Awaited::Text(number) | Awaited::LastChunk(number) if reply.is_yes() => {
                self.beliefs[number].accepted = Some(reply.last_word().to_owned());
            }
            Awaited::Mail(number)
            | Awaited::Data(number)
            | Awaited::Text(number)
            | Awaited::Chunk(number)
            | Awaited::LastChunk(number)
                if reply.is_no() =>
            {
                self.beliefs[number].refused = true;
            }
            Awaited::Greeting
            | Awaited::Ehlo
            | Awaited::Helo
            | Awaited::Mail(_)
            | Awaited::Rcpt(..)
            | Awaited::Data(_)
            | Awaited::Text(_)
            | Awaited::Chunk(_)
            | Awaited::LastChunk(_)
            | Awaited::Quit
            | Awaited::Other => {}
        }
        // The message was said behind a DATA that was not granted: its lines are commands now, and how many
        // replies they get nobody knows.
        if let Awaited::Data(number) = awaited
            && reply.code != 354
            && self.awaited.front() == Some(&Awaited::Text(number))
        {
            self.lost = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> (Talk, usize) {
        let mut talk = Talk::default();
        talk.begin();
        let letter = Letter { from: "a@b".into(), body: b"x\r\n".to_vec(), ..Letter::default() };
        let number = talk.try_letter(&letter, false);
        talk.try_recipient(number, "c@d");
        for awaited in
            [Awaited::Mail(0), Awaited::Rcpt(0, 0), Awaited::Data(0), Awaited::Text(0), Awaited::Other]
        {
            talk.await_reply(awaited);
        }
        (talk, number)
    }

    fn replies(talk: &mut Talk, octets: &[u8]) -> usize {
        talk.hear(octets);
        std::iter::from_fn(|| talk.next()).count()
    }

    #[test]
    fn a_message_is_believed_accepted_only_by_its_own_reply() {
        let (mut talk, number) = talk();
        replies(&mut talk, b"220 a\r\n250 b\r\n250 c\r\n354 d\r\n");
        assert_eq!(talk.beliefs()[number].accepted, None);
        assert_eq!(talk.beliefs()[number].to, ["c@d"]);
        replies(&mut talk, b"250 2.0.0 message accepted as S12\r\n");
        assert_eq!(talk.beliefs()[number].accepted.as_deref(), Some("S12"));
    }

    #[test]
    fn when_data_is_not_granted_nothing_behind_it_is_believed() {
        let (mut talk, number) = talk();
        replies(&mut talk, b"220 a\r\n250 b\r\n550 c\r\n503 d\r\n250 as S1\r\n250 as S2\r\n");
        assert!(talk.is_lost());
        let belief = &talk.beliefs()[number];
        assert!(belief.refused && belief.accepted.is_none() && belief.to.is_empty());
    }

    #[test]
    fn a_reply_to_nothing_is_no_belief() {
        let mut talk = Talk::default();
        talk.hear(b"421 bye\r\n");
        assert!(matches!(talk.next(), Some(Said::Unasked(reply)) if reply.code == 421));
        talk.hear(b"bye\r\n");
        assert_eq!(talk.next(), Some(Said::Nonsense));
    }
}
