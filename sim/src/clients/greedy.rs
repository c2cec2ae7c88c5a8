//! The greedy: as many recipients for a message as it can think of, now and then ten thousand.

use super::dice::{Dice, Purpose};
use super::letter::{LOCAL_DOMAIN, Letter};
use super::line::{Line, PATIENCE, Turn};
use super::talk::{Awaited, Said, Talk};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::collections::VecDeque;
use std::time::Duration;

/// Connections that are tried, at most.
const CONNECTS: u32 = 3;
/// Recipients of a message, usually at most, and when greed is great.
const RECIPIENTS_MAX: usize = 1_100;
const RECIPIENTS_GREAT: usize = 10_000;
/// One message in so many is of great greed.
const GREAT_ONE_IN: usize = 16;

/// See above.
#[derive(Debug)]
pub(super) struct Greedy {
    line: Line,
    talk: Talk,
    segments: Dice,
    letters: VecDeque<Letter>,
    /// The message that waits for 354.
    waiting: Option<(usize, Letter)>,
}

impl Greedy {
    pub(super) fn new(wishes: &Wishes) -> Greedy {
        let mut chance = Dice::new(wishes.seed, Purpose::Malice);
        let mut letters = Letter::write_all(wishes);
        for letter in &mut letters {
            let count = match chance.one_in(GREAT_ONE_IN) {
                true => RECIPIENTS_GREAT,
                false => chance.between(1, RECIPIENTS_MAX),
            };
            letter.to = (0..count).map(|index| format!("bob{index}@{LOCAL_DOMAIN}")).collect();
        }
        Greedy {
            line: Line::new(wishes, CONNECTS, PATIENCE),
            talk: Talk::default(),
            segments: Dice::new(wishes.seed, Purpose::Segments),
            letters,
            waiting: None,
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
                    return self.over(now, deeds);
                }
                Said::Unasked(_) | Said::Reply(Awaited::Quit, _) => return self.line.leave(now, deeds),
                Said::Reply(_, reply) if reply.code == 421 => return self.line.leave(now, deeds),
                Said::Reply(Awaited::Data(number), reply) if reply.code == 354 => {
                    if let Some((_, letter)) = self.waiting.take() {
                        self.talk.await_reply(Awaited::Text(number));
                        self.say(now, &letter.dotted(), deeds);
                    }
                }
                Said::Reply(..) => {}
            }
            if self.talk.is_quiet() {
                self.next(now, deeds);
            }
        }
    }

    fn next(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        let mut octets = Vec::new();
        match self.letters.pop_front() {
            None => self.talk.say_quit(&mut octets),
            Some(letter) => {
                let number = self.talk.say_envelope(&letter, false, &mut octets);
                self.talk.await_reply(Awaited::Data(number));
                octets.extend_from_slice(b"DATA\r\n");
                self.waiting = Some((number, letter));
            }
        }
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

impl Client for Greedy {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait | Turn::Speak => {}
            Turn::Opened => {
                self.talk.begin();
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
    fn it_names_a_crowd_and_counts_who_was_taken() {
        let mut most = 0;
        for seed in 0..6 {
            let (client, server) = fake::meet(Kind::Greedy, seed, Fake::kind());
            fake::all_told(&*client, &server);
            most = most.max(client.beliefs().iter().map(|belief| belief.to.len()).max().unwrap_or(0));
        }
        assert_eq!(most, super::RECIPIENTS_GREAT);
    }
}
