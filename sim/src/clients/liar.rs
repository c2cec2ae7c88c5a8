//! The liar: wrong about SIZE, and about how many octets follow BDAT. What a count announces is the message, whatever
//! the liar means by it; so it believes what the counts say, and the server must, too.

use super::dice::{Dice, Purpose};
use super::letter::Letter;
use super::line::{ENDLESS, Line, Turn};
use super::talk::{Awaited, Said, Talk};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::collections::VecDeque;
use std::time::Duration;

/// Connections, at most: some lies end one.
const CONNECTS: u32 = 12;
/// What a liar may say about the size.
const SIZES: [&str; 5] = ["0", "1", "100000000", "18446744073709551616", "99999999999999999999"];
/// What is no count.
const NO_COUNTS: [&str; 6] = ["-1", "1x", "99999999999999999999", "0x10 LAST", "5 LAST LAST", ""];

/// See above.
#[derive(Debug)]
pub(super) struct Liar {
    line: Line,
    talk: Talk,
    chance: Dice,
    segments: Dice,
    letters: VecDeque<Letter>,
    /// The message that waits for 354.
    waiting: Option<(usize, Letter)>,
    leaving: bool,
}

impl Liar {
    pub(super) fn new(wishes: &Wishes) -> Liar {
        Liar {
            line: Line::new(wishes, CONNECTS, ENDLESS),
            talk: Talk::default(),
            chance: Dice::new(wishes.seed, Purpose::Malice),
            segments: Dice::new(wishes.seed, Purpose::Segments),
            letters: Letter::write_all(wishes),
            waiting: None,
            leaving: false,
        }
    }

    fn listen(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        while self.line.is_open()
            && let Some(said) = self.talk.next()
        {
            match said {
                Said::Nonsense => {
                    self.line.break_off(deeds);
                    return self.over(now, deeds);
                }
                Said::Unasked(_) => return self.line.leave(now, deeds),
                Said::Reply(_, reply) if reply.code == 421 => return self.line.leave(now, deeds),
                Said::Reply(Awaited::Data(number), reply) if reply.code == 354 => {
                    if let Some((_, letter)) = self.waiting.take() {
                        self.talk.await_reply(Awaited::Text(number));
                        self.say(now, &letter.dotted(), deeds);
                    }
                }
                Said::Reply(Awaited::Quit, _) => return self.line.leave(now, deeds),
                Said::Reply(..) => {}
            }
            if self.talk.is_quiet() && !self.leaving {
                self.lie(now, deeds);
            }
        }
    }

    /// The next thing to say, when all before it is answered.
    fn lie(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        let mut octets = Vec::new();
        match self.letters.pop_front() {
            None => {
                self.leaving = true;
                self.talk.say_quit(&mut octets);
            }
            Some(mut letter) if !self.talk.offers("CHUNKING") || self.chance.one_in(4) => {
                letter.size_said = Some((*self.chance.pick(&SIZES)).to_owned());
                let number = self.talk.say_envelope(&letter, false, &mut octets);
                self.talk.await_reply(Awaited::Data(number));
                octets.extend_from_slice(b"DATA\r\n");
                self.waiting = Some((number, letter));
            }
            Some(letter) => {
                let number = self.talk.say_envelope(&letter, false, &mut octets);
                self.miscount(number, letter.body, &mut octets);
            }
        }
        self.say(now, &octets, deeds);
    }

    fn miscount(&mut self, number: usize, mut body: Vec<u8>, octets: &mut Vec<u8>) {
        match self.chance.below(5) {
            // Too few: the rest is a command that nobody knows.
            0 => {
                octets.extend_from_slice(format!("BDAT {} LAST\r\n", body.len()).as_bytes());
                octets.extend_from_slice(&body);
                octets.extend_from_slice(b"still the same message\r\n");
                self.talk.await_reply(Awaited::LastChunk(number));
                self.talk.await_reply(Awaited::Other);
            }
            // Too many: commands become part of the message.
            1 => {
                let eaten = b"NOOP\r\n".repeat(self.chance.between(1, 20));
                body.extend(eaten);
                octets.extend_from_slice(format!("BDAT {} LAST\r\n", body.len()).as_bytes());
                octets.extend_from_slice(&body);
                self.talk.set_body(number, body);
                self.talk.await_reply(Awaited::LastChunk(number));
            }
            // Far too many, and then nothing: the end never comes.
            2 => {
                octets.extend_from_slice(format!("BDAT {} LAST\r\n", body.len() + 100_000).as_bytes());
                octets.extend_from_slice(&body);
                self.talk.await_reply(Awaited::Other);
            }
            // No last chunk: DATA instead, and RSET.
            3 => {
                octets.extend_from_slice(format!("BDAT {}\r\n", body.len()).as_bytes());
                octets.extend_from_slice(&body);
                octets.extend_from_slice(b"DATA\r\nRSET\r\n");
                self.talk.await_reply(Awaited::Chunk(number));
                self.talk.await_reply(Awaited::Other);
                self.talk.await_reply(Awaited::Other);
            }
            // No count at all.
            _ => {
                octets.extend_from_slice(format!("BDAT {}\r\n", self.chance.pick(&NO_COUNTS)).as_bytes());
                octets.extend_from_slice(&body);
                self.talk.await_reply(Awaited::Chunk(number));
                self.leaving = true;
            }
        }
    }

    fn say(&mut self, now: Duration, octets: &[u8], deeds: &mut Vec<Deed>) {
        self.line.expect(now);
        deeds.extend(self.segments.segments(octets).into_iter().map(Deed::Say));
    }

    fn over(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.line.again(now, !self.letters.is_empty(), deeds);
    }
}

impl Client for Liar {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait | Turn::Speak => {}
            Turn::Opened => {
                self.talk.begin();
                self.leaving = false;
                self.waiting = None;
                let mut octets = Vec::new();
                self.talk.say_ehlo(&mut octets);
                self.say(now, &octets, &mut deeds);
            }
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
    fn what_it_announces_is_what_it_believes() {
        let (mut accepted, mut unsaid) = (0, 0);
        for seed in 0..60 {
            let (client, server) = fake::meet(Kind::Liar, seed, Fake::kind());
            fake::true_beliefs(&*client, &server);
            for belief in client.beliefs() {
                accepted += u32::from(belief.accepted.is_some());
                unsaid += u32::from(!belief.said);
                assert!(belief.said || belief.accepted.is_none());
            }
        }
        assert!(accepted > 60 && unsaid > 60, "{accepted} {unsaid}");
    }
}
