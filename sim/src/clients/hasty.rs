//! The hasty client: says as much at once as it can. In groups (RFC 2920) with DATA as the last of each; or all its
//! messages in one go by BDAT; or, rudely, everything before it has heard a word.

use super::dice::{Dice, Purpose};
use super::letter::{CLIENT, Letter};
use super::line::{Line, Turn};
use super::reply::Reply;
use super::talk::{Awaited, Said, Talk};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::collections::VecDeque;
use std::time::Duration;

/// Connections that are tried, at most.
const CONNECTS: u32 = 3;
/// Chunks of one message, at most.
const CHUNKS_MAX: usize = 4;

/// See above.
#[derive(Debug)]
pub(super) struct Hasty {
    line: Line,
    talk: Talk,
    chance: Dice,
    segments: Dice,
    letters: VecDeque<Letter>,
    manner: Manner,
    /// With DATA: the message that waits for 354.
    waiting: Option<(usize, Letter)>,
    /// HELP before each message: much to hear.
    chatter: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Groups,
    Chunks,
    Rude,
}

impl Hasty {
    /// `chatter` is the number of times that HELP is asked before each message.
    pub(super) fn new(wishes: &Wishes, patience: Duration, chatter: usize) -> Hasty {
        Hasty {
            line: Line::new(wishes, CONNECTS, patience),
            talk: Talk::default(),
            chance: Dice::new(wishes.seed, Purpose::Manner),
            segments: Dice::new(wishes.seed, Purpose::Segments),
            letters: Letter::write_all(wishes),
            manner: Manner::Groups,
            waiting: None,
            chatter,
        }
    }

    fn open(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.talk.begin();
        self.waiting = None;
        self.manner = match self.chance.below(4) {
            0 => Manner::Rude,
            1 => Manner::Chunks,
            _ => Manner::Groups,
        };
        if self.manner == Manner::Rude {
            let mut octets = Vec::new();
            self.talk.say_ehlo(&mut octets);
            while let Some((number, letter)) = self.group(&mut octets) {
                octets.extend_from_slice(&letter.dotted());
                self.talk.await_reply(Awaited::Text(number));
            }
            self.say(now, &octets, deeds);
        }
    }

    fn listen(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        while self.line.is_open()
            && let Some(said) = self.talk.next()
        {
            self.line.expect(now);
            match said {
                Said::Nonsense => {
                    self.line.break_off(deeds);
                    self.over(now, deeds);
                }
                Said::Reply(_, reply) | Said::Unasked(reply) if reply.code == 421 => {
                    self.line.leave(now, deeds);
                }
                // It has said QUIT somewhere in between, and will hear the end.
                Said::Unasked(_) if self.talk.is_lost() => {}
                Said::Unasked(_) => self.line.leave(now, deeds),
                Said::Reply(awaited, reply) => self.after(now, awaited, &reply, deeds),
            }
        }
    }

    fn after(&mut self, now: Duration, awaited: Awaited, reply: &Reply, deeds: &mut Vec<Deed>) {
        match awaited {
            Awaited::Greeting if !reply.is_yes() => self.line.leave(now, deeds),
            Awaited::Quit => self.line.leave(now, deeds),
            _ if self.manner == Manner::Rude => {}
            Awaited::Greeting => {
                let mut octets = Vec::new();
                self.talk.say_ehlo(&mut octets);
                self.say(now, &octets, deeds);
            }
            Awaited::Ehlo if !reply.is_yes() => {
                self.talk.await_reply(Awaited::Helo);
                self.say(now, format!("HELO {CLIENT}\r\n").as_bytes(), deeds);
            }
            Awaited::Ehlo if self.manner == Manner::Chunks && self.talk.offers("CHUNKING") => {
                self.all_in_chunks(now, deeds);
            }
            Awaited::Ehlo | Awaited::Helo => {
                let mut octets = Vec::new();
                self.waiting = self.group(&mut octets);
                self.say(now, &octets, deeds);
            }
            Awaited::Data(number) => {
                let mut octets = Vec::new();
                if let Some((_, letter)) = self.waiting.take()
                    && reply.code == 354
                {
                    if self.talk.beliefs()[number].to.is_empty() {
                        // Granted without a recipient: nothing is said but the end (RFC 2920 §3.1).
                        self.talk.set_body(number, Vec::new());
                        octets.extend_from_slice(b".\r\n");
                    } else {
                        octets.extend_from_slice(&letter.dotted());
                    }
                    self.talk.await_reply(Awaited::Text(number));
                }
                self.waiting = self.group(&mut octets);
                self.say(now, &octets, deeds);
            }
            Awaited::Mail(_)
            | Awaited::Rcpt(..)
            | Awaited::Text(_)
            | Awaited::Chunk(_)
            | Awaited::LastChunk(_)
            | Awaited::Other => {}
        }
    }

    /// MAIL, every RCPT and DATA for the next message; or QUIT, when there is none.
    fn group(&mut self, octets: &mut Vec<u8>) -> Option<(usize, Letter)> {
        let Some(letter) = self.letters.pop_front() else {
            self.talk.say_quit(octets);
            return None;
        };
        let number = self.envelope(&letter, false, octets);
        self.talk.await_reply(Awaited::Data(number));
        octets.extend_from_slice(b"DATA\r\n");
        Some((number, letter))
    }

    fn envelope(&mut self, letter: &Letter, binary: bool, octets: &mut Vec<u8>) -> usize {
        for _ in 0..self.chatter {
            self.talk.await_reply(Awaited::Other);
            octets.extend_from_slice(b"HELP\r\n");
        }
        self.talk.say_envelope(letter, binary, octets)
    }

    fn all_in_chunks(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        let mut octets = Vec::new();
        while let Some(letter) = self.letters.pop_front() {
            let binary = self.talk.offers("BINARYMIME") && self.chance.one_in(3);
            let number = self.envelope(&letter, binary, &mut octets);
            let mut chunks = letter.chunks(&mut self.segments, CHUNKS_MAX);
            while let Some(chunk) = chunks.pop_front() {
                let last = if chunks.is_empty() { " LAST" } else { "" };
                self.talk.await_reply(if chunks.is_empty() {
                    Awaited::LastChunk(number)
                } else {
                    Awaited::Chunk(number)
                });
                octets.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
                octets.extend(chunk);
            }
        }
        self.group(&mut octets);
        self.say(now, &octets, deeds);
    }

    fn say(&mut self, now: Duration, octets: &[u8], deeds: &mut Vec<Deed>) {
        self.line.expect(now);
        deeds.extend(self.segments.segments(octets).into_iter().map(Deed::Say));
    }

    fn over(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.line.again(now, !self.letters.is_empty(), deeds);
    }
}

impl Client for Hasty {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait | Turn::Speak => {}
            Turn::Opened => self.open(now, &mut deeds),
            Turn::Heard(octets) => {
                self.talk.hear(octets);
                self.listen(now, &mut deeds);
            }
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
    fn it_sends_in_groups_and_pairs_every_reply() {
        let mut grouped = 0;
        for seed in 0..40 {
            let (client, server) = fake::meet(Kind::Hasty, seed, Fake::kind());
            fake::true_beliefs(&*client, &server);
            grouped += u32::from(!server.in_order);
            // Without a refused recipient even the rude one never loses its way.
            if client.beliefs().iter().all(|belief| !belief.to.is_empty()) {
                fake::all_told(&*client, &server);
                assert_eq!(server.taken.len(), 4, "seed {seed}");
            }
        }
        assert_eq!(grouped, 40, "some client waited for every reply");
    }

    #[test]
    fn it_knows_nothing_of_what_was_cut_off() {
        for seed in 0..40 {
            let (client, server) = fake::meet(Kind::Hasty, seed, Fake::cutting(9));
            fake::true_beliefs(&*client, &server);
            assert!(
                client.beliefs().iter().filter(|belief| belief.accepted.is_some()).count()
                    <= server.taken.len()
            );
        }
    }
}
