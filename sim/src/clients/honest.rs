//! An honest client: one message after the other, each tried again until it is taken or refused for good.

use super::{Belief, Client, Deed, Happened, Wishes};
use crate::dice::{Dice, Purpose};
use std::time::Duration;

/// How long it waits for a reply (RFC 2821 §4.5.3.2: ten minutes at most).
const PATIENCE: Duration = Duration::from_secs(600);
/// How long it rests after a failure, at least.
const REST: Duration = Duration::from_secs(30);
/// How often it tries one message.
const TRIES_MAX: u32 = 40;

/// Where the dialogue is: what the next reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Away,
    Connecting,
    Greeting,
    Hello,
    Mail,
    Rcpt,
    Data,
    Body,
    Quit,
}

/// The client.
#[derive(Debug)]
pub(super) struct Honest {
    wishes: Wishes,
    dice: Dice,
    step: Step,
    heard: Vec<u8>,
    wake: Option<Duration>,
    beliefs: Vec<Belief>,
    /// Messages that are through, taken or refused.
    through: u32,
    tries: u32,
    done: bool,
}

impl Honest {
    pub(super) fn new(wishes: &Wishes) -> Honest {
        Honest {
            dice: Dice::new(wishes.seed, Purpose::Client, 0),
            wishes: wishes.clone(),
            step: Step::Away,
            heard: Vec::new(),
            wake: Some(Duration::ZERO),
            beliefs: Vec::new(),
            through: 0,
            tries: 0,
            done: false,
        }
    }

    fn say(&mut self, now: Duration, text: &str, step: Step) -> Deed {
        self.step = step;
        self.wake = Some(now + PATIENCE);
        Deed::Say(text.as_bytes().to_vec())
    }

    /// Goes home and comes back later, or not.
    fn leave(&mut self, now: Duration, deed: Option<Deed>) -> Vec<Deed> {
        self.step = Step::Away;
        self.heard.clear();
        let mut deeds: Vec<Deed> = deed.into_iter().collect();
        if self.through >= self.wishes.messages {
            self.done = true;
            self.wake = None;
            deeds.push(Deed::Done);
        } else {
            let pause = u64::try_from(self.wishes.pause_max.as_micros()).unwrap_or(u64::MAX);
            self.wake = Some(now + REST + Duration::from_micros(self.dice.below(pause)));
        }
        deeds
    }

    fn failed(&mut self) {
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            self.through += 1;
            self.tries = 0;
        }
    }

    fn begin_message(&mut self, now: Duration) -> Vec<Deed> {
        if self.through >= self.wishes.messages {
            return vec![self.say(now, "QUIT\r\n", Step::Quit)];
        }
        let seed = self.wishes.seed;
        let from = format!("ann{seed}@client.example");
        let mut body = format!("Subject: {} of {seed}\r\n\r\n", self.through).into_bytes();
        let length = self.dice.below(u64::from(self.wishes.body_octets_max));
        while u64::try_from(body.len()).expect("small") < length {
            let word =
                *self.dice.pick(&["words ", ".\r\n", "..dots\r\n", "\r\n", "and more of it\r\n", "\u{e9}"]);
            body.extend_from_slice(word.as_bytes());
        }
        if !body.ends_with(b"\r\n") {
            body.extend_from_slice(b"\r\n");
        }
        let command = format!("MAIL FROM:<{from}>\r\n");
        self.beliefs.push(Belief { envelope_from: from, body, ..Belief::default() });
        vec![self.say(now, &command, Step::Mail)]
    }

    fn answered(&mut self, now: Duration, code: u16, last_word: &str) -> Vec<Deed> {
        let good = code < 400;
        if code == 421 {
            self.failed();
            return self.leave(now, Some(Deed::CloseWrite));
        }
        match self.step {
            Step::Greeting if good => vec![self.say(now, "EHLO client.example\r\n", Step::Hello)],
            Step::Hello if good => self.begin_message(now),
            Step::Mail if good => {
                let to = "bob@local.example".to_owned();
                let command = format!("RCPT TO:<{to}>\r\n");
                self.beliefs.last_mut().expect("a message is under way").tried.push(to);
                vec![self.say(now, &command, Step::Rcpt)]
            }
            Step::Rcpt if good => {
                let belief = self.beliefs.last_mut().expect("a message is under way");
                belief.to = belief.tried.clone();
                vec![self.say(now, "DATA\r\n", Step::Data)]
            }
            Step::Data if good => {
                let mut text = Vec::new();
                for line in
                    self.beliefs.last().expect("a message is under way").body.split_inclusive(|o| *o == b'\n')
                {
                    if line.starts_with(b".") {
                        text.push(b'.');
                    }
                    text.extend_from_slice(line);
                }
                text.extend_from_slice(b".\r\n");
                self.step = Step::Body;
                self.wake = Some(now + PATIENCE);
                vec![Deed::Say(text)]
            }
            Step::Body if good => {
                self.beliefs.last_mut().expect("a message is under way").accepted =
                    Some(last_word.to_owned());
                self.through += 1;
                self.tries = 0;
                self.begin_message(now)
            }
            Step::Mail | Step::Rcpt | Step::Data | Step::Body => {
                self.beliefs.last_mut().expect("a message is under way").refused = true;
                self.failed();
                vec![self.say(now, "QUIT\r\n", Step::Quit)]
            }
            Step::Greeting | Step::Hello => {
                self.failed();
                vec![self.say(now, "QUIT\r\n", Step::Quit)]
            }
            Step::Quit => self.leave(now, Some(Deed::CloseWrite)),
            Step::Away | Step::Connecting => Vec::new(),
        }
    }

    fn hear(&mut self, now: Duration, octets: &[u8]) -> Vec<Deed> {
        self.heard.extend_from_slice(octets);
        let mut deeds = Vec::new();
        while let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.heard.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&line[..end]).into_owned();
            if text.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            let code = text.get(..3).and_then(|code| code.parse().ok()).unwrap_or(599);
            let last = text.rsplit(' ').next().unwrap_or_default().to_owned();
            deeds.extend(self.answered(now, code, &last));
            if self.step == Step::Away {
                break;
            }
        }
        deeds
    }
}

impl Client for Honest {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        if self.done {
            return Vec::new();
        }
        match happened {
            Happened::Woke if self.wake.is_none_or(|wake| now < wake) => Vec::new(),
            Happened::Woke if self.step == Step::Away => {
                self.step = Step::Connecting;
                self.wake = Some(now + PATIENCE);
                vec![Deed::Connect { source: self.wishes.source }]
            }
            Happened::Woke => {
                self.failed();
                self.leave(now, Some(Deed::Reset))
            }
            Happened::Connected => {
                self.step = Step::Greeting;
                self.wake = Some(now + PATIENCE);
                Vec::new()
            }
            Happened::Heard(octets) => self.hear(now, octets),
            Happened::Refused | Happened::Reset | Happened::HeardEnd => {
                if self.step == Step::Away {
                    return Vec::new();
                }
                if self.step != Step::Quit {
                    self.failed();
                }
                self.leave(now, Some(Deed::CloseWrite))
            }
        }
    }

    fn wake(&self) -> Option<Duration> {
        self.wake
    }

    fn beliefs(&self) -> Vec<Belief> {
        self.beliefs.clone()
    }

    fn is_done(&self) -> bool {
        self.done
    }
}
