//! The babbler: phrases of SMTP, right and wrong, strung together at random with random octets between them. It
//! does not listen, and knows nothing of what became of it.

use super::dice::{Dice, Purpose};
use super::line::{Line, PATIENCE, Turn};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::time::Duration;

/// What clients say, right and wrong; strung together at random they reach every state of a session.
pub const PHRASES: &[&[u8]] = &[
    b"EHLO client.example\r\n",
    b"HELO client.example\r\n",
    b"MAIL FROM:<ann@client.example>\r\n",
    b"MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\n",
    b"MAIL FROM:<ann@client.example> BODY=BINARYMIME RET=HDRS ENVID=x BY=100;NT\r\n",
    b"RCPT TO:<bob@local.example>\r\n",
    b"RCPT TO:<bob@local.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob\r\n",
    b"RCPT TO:<nobody@elsewhere.example>\r\n",
    b"DATA\r\n",
    b"Subject: hi\r\n\r\n..dot\r\n.\r\n",
    b"\r\n.\r\n",
    b".\r\n",
    b"BDAT 12\r\nSubject: hi\n",
    b"BDAT 0\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 5 LAST\r\na\r\nb\r",
    b"BDAT 20 LAST\r\n",
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"QUIT\r\n",
    b"HELP\r\n",
    b"VRFY bob\r\n",
    b"TURN\r\n",
    b"STARTTLS\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"BDAT 99999999999999999999 LAST\r\n",
    b"MAIL FROM:<\"a b\"@[IPv6:::1]>\r\n",
];

/// How to reach the states where it matters.
const OPENINGS: [&[usize]; 4] = [&[], &[0, 2, 5], &[0, 2, 5, 8], &[0, 4, 5, 12]];
/// Phrases said on one connection, at most.
const PHRASES_MAX: usize = 40;
/// Random octets in a row, at most.
const NOISE_MAX: usize = 60;

/// See above.
#[derive(Debug)]
pub(super) struct Babbler {
    line: Line,
    chance: Dice,
    name: String,
    /// Phrases still to be said.
    left: usize,
}

impl Babbler {
    pub(super) fn new(wishes: &Wishes) -> Babbler {
        Babbler {
            line: Line::new(wishes, wishes.messages.max(1), PATIENCE),
            chance: Dice::new(wishes.seed, Purpose::Malice),
            name: format!("babbler.{:x}@", wishes.seed),
            left: 0,
        }
    }

    /// A phrase, in the babbler's own name.
    fn phrase(&self, phrase: &[u8]) -> Vec<u8> {
        match phrase.windows(4).position(|window| window == b"bob@") {
            None => phrase.to_vec(),
            Some(at) => [&phrase[..at], self.name.as_bytes(), &phrase[at + 4..]].concat(),
        }
    }

    fn some_phrase(&mut self) -> Vec<u8> {
        let phrase = self.chance.pick(PHRASES);
        self.phrase(phrase)
    }

    fn babble(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        let mut octets = Vec::new();
        for _ in 0..self.chance.between(1, 6) {
            self.left = self.left.saturating_sub(1);
            match self.chance.below(12) {
                0 => {
                    let noise = self.chance.between(1, NOISE_MAX);
                    octets.extend((0..noise).map(|_| self.chance.octet()));
                }
                1 => {
                    // Nearly valid: one octet is another one. The name stays whole.
                    let mut phrase = self.some_phrase();
                    let name = self.name.as_bytes();
                    let end = phrase.windows(name.len()).position(|window| window == name);
                    let at = self.chance.below(end.unwrap_or(phrase.len()));
                    phrase[at] = self.chance.octet();
                    octets.extend(phrase);
                }
                _ => octets.extend(self.some_phrase()),
            }
        }
        deeds.extend(self.chance.segments(&octets).into_iter().map(Deed::Say));
        if self.left > 0 {
            let pause = self.line.some_time();
            self.line.speak_at(now + pause);
        } else if self.chance.one_in(3) {
            self.line.break_off(deeds);
            self.line.again(now, true, deeds);
        } else {
            self.line.leave(now, deeds);
        }
    }
}

impl Client for Babbler {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait | Turn::Heard(_) => {}
            Turn::Opened => {
                self.left = self.chance.between(1, PHRASES_MAX);
                let opening = self.chance.pick(&OPENINGS);
                for &index in opening {
                    deeds.push(Deed::Say(self.phrase(PHRASES[index])));
                }
                self.babble(now, &mut deeds);
            }
            Turn::Speak => self.babble(now, &mut deeds),
            Turn::Over => self.line.again(now, true, &mut deeds),
        }
        deeds
    }

    fn wake(&self) -> Option<Duration> {
        self.line.wake()
    }

    fn beliefs(&self) -> Vec<Belief> {
        Vec::new()
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
    fn it_says_right_and_wrong_things_in_its_own_name() {
        let (mut commands, mut unknown, mut taken) = (0, 0, 0);
        for seed in 0..40 {
            let (_, server) = fake::meet(Kind::Babbler, seed, Fake::kind());
            commands += server.commands;
            unknown += server.unknown;
            taken += server.taken.len();
            let name = format!("babbler.{seed:x}@local.example");
            assert!(server.taken.values().all(|(_, to, _)| to.iter().all(|to| *to == name)), "seed {seed}");
        }
        assert!(commands > unknown && unknown > 100 && taken > 5, "{commands} {unknown} {taken}");
    }
}
