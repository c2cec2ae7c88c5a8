//! The honest client: one command at a time, each reply awaited, as RFC 2821 asks for. After a lost connection it
//! comes again with the messages that it has not tried yet.

use super::dice::{Dice, Purpose};
use super::letter::{CLIENT, Letter};
use super::line::{Line, Turn};
use super::reply::Reply;
use super::talk::{Awaited, Said, Talk};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::collections::VecDeque;
use std::time::Duration;

/// Connections that are tried, at most.
const CONNECTS: u32 = 5;
/// Chunks of one message, at most.
const CHUNKS_MAX: usize = 4;

/// See above.
#[derive(Debug)]
pub(super) struct Honest {
    line: Line,
    talk: Talk,
    manner: Dice,
    segments: Dice,
    letters: VecDeque<Letter>,
    sending: Option<Sending>,
    /// What will be said when the pause is over.
    next: Option<Speech>,
}

/// A message under way.
#[derive(Debug)]
struct Sending {
    letter: Letter,
    number: usize,
    /// With BDAT: what is still to be sent.
    chunks: Option<VecDeque<Vec<u8>>>,
}

/// What a client says when it is its turn.
#[derive(Clone, Copy, Debug)]
enum Speech {
    Ehlo,
    Helo,
    Mail,
    Rcpt(usize),
    Data,
    Text,
    Chunk,
    Rset,
    Quit,
}

impl Honest {
    pub(super) fn new(wishes: &Wishes, patience: Duration) -> Honest {
        Honest::with(wishes, patience, Letter::write_all(wishes))
    }

    /// One that sends these letters.
    pub(super) fn with(wishes: &Wishes, patience: Duration, letters: VecDeque<Letter>) -> Honest {
        Honest {
            line: Line::new(wishes, CONNECTS, patience),
            talk: Talk::default(),
            manner: Dice::new(wishes.seed, Purpose::Manner),
            segments: Dice::new(wishes.seed, Purpose::Segments),
            letters,
            sending: None,
            next: None,
        }
    }

    fn listen(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        while self.line.is_open()
            && let Some(said) = self.talk.next()
        {
            match said {
                Said::Nonsense => {
                    self.line.break_off(deeds);
                    self.over(now, deeds);
                }
                Said::Unasked(_) => self.line.leave(now, deeds),
                Said::Reply(_, reply) if reply.code == 421 => self.line.leave(now, deeds),
                Said::Reply(awaited, reply) => match self.after(awaited, &reply) {
                    None => self.line.leave(now, deeds),
                    Some(speech) => {
                        self.next = Some(speech);
                        if self.line.pause(now) {
                            self.speak(now, deeds);
                        }
                    }
                },
            }
        }
    }

    /// What a reply leads to; `None` to leave.
    fn after(&mut self, awaited: Awaited, reply: &Reply) -> Option<Speech> {
        match awaited {
            Awaited::Greeting => reply.is_yes().then_some(Speech::Ehlo),
            Awaited::Ehlo if !reply.is_yes() => Some(Speech::Helo),
            Awaited::Helo if !reply.is_yes() => Some(Speech::Quit),
            Awaited::Mail(_) if reply.is_yes() => Some(Speech::Rcpt(0)),
            Awaited::Rcpt(number, recipient) => {
                let belief = &self.talk.beliefs()[number];
                let sending = self.sending.as_ref()?;
                Some(if recipient + 1 < sending.letter.to.len() {
                    Speech::Rcpt(recipient + 1)
                } else if belief.to.is_empty() {
                    Speech::Rset
                } else if sending.chunks.is_some() {
                    Speech::Chunk
                } else {
                    Speech::Data
                })
            }
            Awaited::Data(_) if reply.code == 354 => Some(Speech::Text),
            Awaited::Chunk(_) if reply.is_yes() => Some(Speech::Chunk),
            Awaited::Data(_) | Awaited::Chunk(_) => Some(Speech::Rset),
            Awaited::Ehlo
            | Awaited::Helo
            | Awaited::Mail(_)
            | Awaited::Text(_)
            | Awaited::LastChunk(_)
            | Awaited::Other => Some(if self.letters.is_empty() { Speech::Quit } else { Speech::Mail }),
            Awaited::Quit => None,
        }
    }

    fn speak(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        let Some(speech) = self.next.take() else { return };
        let (octets, awaited) = self.words(speech);
        self.talk.await_reply(awaited);
        self.line.expect(now);
        deeds.extend(self.segments.segments(&octets).into_iter().map(Deed::Say));
    }

    fn words(&mut self, speech: Speech) -> (Vec<u8>, Awaited) {
        match speech {
            Speech::Ehlo => (format!("EHLO {CLIENT}\r\n").into_bytes(), Awaited::Ehlo),
            Speech::Helo => (format!("HELO {CLIENT}\r\n").into_bytes(), Awaited::Helo),
            Speech::Quit => (b"QUIT\r\n".to_vec(), Awaited::Quit),
            Speech::Rset => (b"RSET\r\n".to_vec(), Awaited::Other),
            Speech::Mail => self.mail(),
            Speech::Rcpt(_) | Speech::Data | Speech::Text | Speech::Chunk => {
                let sending = self.sending.as_mut().expect("it is said after MAIL only");
                let number = sending.number;
                match (speech, &mut sending.chunks) {
                    (Speech::Rcpt(index), _) => {
                        let recipient = &sending.letter.to[index];
                        let index = self.talk.try_recipient(number, recipient);
                        (format!("RCPT TO:<{recipient}>\r\n").into_bytes(), Awaited::Rcpt(number, index))
                    }
                    (Speech::Chunk, Some(chunks)) => {
                        let chunk = chunks.pop_front().unwrap_or_default();
                        let last = if chunks.is_empty() { " LAST" } else { "" };
                        let mut octets = format!("BDAT {}{last}\r\n", chunk.len()).into_bytes();
                        octets.extend(chunk);
                        let awaited =
                            if last.is_empty() { Awaited::Chunk(number) } else { Awaited::LastChunk(number) };
                        (octets, awaited)
                    }
                    (Speech::Data, _) => (b"DATA\r\n".to_vec(), Awaited::Data(number)),
                    (_, _) => (sending.letter.dotted(), Awaited::Text(number)),
                }
            }
        }
    }

    fn mail(&mut self) -> (Vec<u8>, Awaited) {
        let letter = self.letters.pop_front().expect("there is one, or QUIT would be said");
        let chunked = self.talk.offers("CHUNKING") && self.manner.one_in(3);
        let binary = chunked && self.talk.offers("BINARYMIME") && self.manner.one_in(2);
        let number = self.talk.try_letter(&letter, binary);
        let line = self.talk.mail_line(&letter, binary);
        let chunks = chunked.then(|| letter.chunks(&mut self.segments, CHUNKS_MAX));
        self.sending = Some(Sending { letter, number, chunks });
        (line, Awaited::Mail(number))
    }

    fn over(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.next = None;
        self.line.again(now, !self.letters.is_empty(), deeds);
    }
}

impl Client for Honest {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait => {}
            Turn::Opened => self.talk.begin(),
            Turn::Heard(octets) => {
                self.talk.hear(octets);
                self.listen(now, &mut deeds);
            }
            Turn::Speak => self.speak(now, &mut deeds),
            Turn::Over => self.over(now, &mut deeds),
        }
        deeds
    }

    fn wake(&self) -> Option<Duration> {
        self.line.wake()
    }

    fn beliefs(&self) -> Vec<Belief> {
        self.talk.beliefs().to_vec()
    }

    fn is_done(&self) -> bool {
        self.line.is_done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fake::{self, Fake};

    #[test]
    fn it_sends_its_messages_and_knows_their_names() {
        for seed in 0..40 {
            let (client, server) = fake::meet(Kind::Honest, seed, Fake::kind());
            assert!(server.in_order, "seed {seed}: it did not wait for a reply");
            fake::all_told(&*client, &server);
            assert_eq!(client.beliefs().len(), 4, "seed {seed}");
        }
    }

    #[test]
    fn it_comes_again_after_a_lost_connection() {
        let (client, server) = fake::meet(Kind::Honest, 3, Fake::cutting(12));
        assert!(server.connections > 1);
        fake::all_told(&*client, &server);
    }

    #[test]
    fn it_gives_up_where_nobody_listens() {
        let (client, server) = fake::meet(Kind::Honest, 3, Fake::refusing());
        assert_eq!(server.connections, 5);
        assert!(client.beliefs().is_empty());
    }
}
