//! The flooder: sends much more than anybody wants, as fast as it can, and never listens. Nothing that it sends
//! becomes a message.

use super::dice::{Dice, Purpose};
use super::line::{Line, PATIENCE, Turn};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::time::Duration;

/// What is sent at least and at most, in octets.
const OCTETS_LEAST: usize = 64 * 1024;
const OCTETS_MOST: usize = 1024 * 1024;
/// Octets of one segment.
const SEGMENT: usize = 1_400;
/// Segments at a time, at most.
const BURST_MAX: usize = 12;
/// The longest pause between them.
const PAUSE_MAX: Duration = Duration::from_millis(5);

/// What comes first, and what is then repeated.
const FLOODS: [(&str, &str); 8] = [
    ("", "NOOP\r\n"),
    ("EHLO client.example\r\n", "HELP\r\nRSET\r\nVRFY flooder\r\n"),
    ("", "XYZZY\r\n"),
    ("", "an endless line "),
    ("", "\r\n"),
    (
        "EHLO client.example\r\n",
        "MAIL FROM:<flooder@client.example>\r\nRCPT TO:<flooder@local.example>\r\nRSET\r\n",
    ),
    (
        "EHLO client.example\r\nMAIL FROM:<flooder@client.example>\r\nRCPT TO:<flooder@local.example>\r\nDATA\r\n",
        "Received: from nowhere\r\nan endless message\r\n",
    ),
    (
        "EHLO client.example\r\nMAIL FROM:<flooder@client.example>\r\nRCPT TO:<flooder@local.example>\r\n",
        "BDAT 21\r\nan endless message \r\n",
    ),
];

/// See above.
#[derive(Debug)]
pub(super) struct Flooder {
    line: Line,
    chance: Dice,
    flood: (&'static str, &'static str),
    /// Octets still to be sent.
    left: usize,
    /// Where in the repeated part the next segment begins.
    at: usize,
}

impl Flooder {
    pub(super) fn new(wishes: &Wishes) -> Flooder {
        let mut chance = Dice::new(wishes.seed, Purpose::Malice);
        let zeal = wishes.messages.saturating_mul(wishes.body_octets_max).saturating_mul(4);
        let zeal = usize::try_from(zeal).expect("a size");
        Flooder {
            line: Line::new(wishes, 1, PATIENCE),
            flood: FLOODS[chance.below(FLOODS.len())],
            chance,
            left: zeal.clamp(OCTETS_LEAST, OCTETS_MOST),
            at: 0,
        }
    }

    fn pour(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        let repeated = self.flood.1.as_bytes();
        for _ in 0..self.chance.between(1, BURST_MAX) {
            let length = SEGMENT.min(self.left);
            self.left -= length;
            if length > 0 {
                deeds.push(Deed::Say(repeated.iter().cycle().skip(self.at).take(length).copied().collect()));
                self.at = (self.at + length) % repeated.len();
            }
        }
        if self.left > 0 {
            let pause = self.chance.span(PAUSE_MAX);
            self.line.speak_at(now + pause);
        } else if self.chance.one_in(2) {
            self.line.break_off(deeds);
            self.line.finish(deeds);
        } else {
            self.line.leave(now, deeds);
        }
    }
}

impl Client for Flooder {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait | Turn::Heard(_) => {}
            Turn::Opened => {
                if !self.flood.0.is_empty() {
                    deeds.push(Deed::Say(self.flood.0.into()));
                }
                self.pour(now, &mut deeds);
            }
            Turn::Speak => self.pour(now, &mut deeds),
            Turn::Over => self.line.finish(&mut deeds),
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
    fn it_sends_much_and_no_message() {
        for seed in 0..12 {
            let (_, server) = fake::meet(Kind::Flooder, seed, Fake::kind());
            assert!(server.heard.len() >= super::OCTETS_LEAST, "seed {seed}");
            assert!(server.taken.is_empty());
        }
    }
}
