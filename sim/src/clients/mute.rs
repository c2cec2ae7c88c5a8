//! The mute: falls silent, before its first word or in the middle of something, and waits to be thrown out.

use super::dice::{Dice, Purpose};
use super::line::{ENDLESS, Line, Turn};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::time::Duration;

/// What it says before it falls silent. No message is ever complete.
const LAST_WORDS: [&str; 6] = [
    "",
    "EHLO client.example\r\n",
    "EHLO client.example\r\nMAIL FR",
    "EHLO client.example\r\nMAIL FROM:<mute@client.example>\r\nRCPT TO:<mute@local.example>\r\n",
    "EHLO client.example\r\nMAIL FROM:<mute@client.example>\r\nRCPT TO:<mute@local.example>\r\nDATA\r\nSubject: h",
    "EHLO client.example\r\nMAIL FROM:<mute@client.example>\r\nRCPT TO:<mute@local.example>\r\nBDAT 20 LAST\r\nSubj",
];

/// See above.
#[derive(Debug)]
pub(super) struct Mute {
    line: Line,
    last_words: &'static str,
}

impl Mute {
    pub(super) fn new(wishes: &Wishes) -> Mute {
        let last_words = Dice::new(wishes.seed, Purpose::Malice).pick(&LAST_WORDS);
        Mute { line: Line::new(wishes, 1, ENDLESS), last_words }
    }
}

impl Client for Mute {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Opened if !self.last_words.is_empty() => deeds.push(Deed::Say(self.last_words.into())),
            Turn::Opened | Turn::Wait | Turn::Heard(_) | Turn::Speak => {}
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
    fn it_never_completes_anything_and_goes_in_the_end() {
        let mut commands = 0;
        for seed in 0..30 {
            let (_, server) = fake::meet(Kind::Mute, seed, Fake::kind());
            assert!(server.taken.is_empty());
            assert_eq!((server.connections, server.resets), (1, 1), "it had to lose its patience");
            commands += server.commands;
        }
        assert!(commands > 30, "some say something first");
    }
}
