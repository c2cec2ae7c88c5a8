//! The vanisher: an honest client that is gone at some moment, between two words or within one: broken off, half
//! closed, ended as a process ends, or silent for ever.

use super::dice::{Dice, Purpose};
use super::honest::Honest;
use super::line::ENDLESS;
use super::{Belief, Client, Deed, Happened, Wishes};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Reset,
    HalfClose,
    Exit,
    Silence,
}

/// When it vanishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// When so many octets are said.
    Octets(usize),
    /// When it has spoken so many times.
    Speeches(usize),
}

/// See above.
#[derive(Debug)]
pub(super) struct Vanisher {
    honest: Honest,
    how: How,
    when: When,
    vanished: bool,
    /// It vanished within the words about its last message.
    cut: bool,
    done: bool,
}

impl Vanisher {
    pub(super) fn new(wishes: &Wishes) -> Vanisher {
        let mut chance = Dice::new(wishes.seed, Purpose::Malice);
        let how = match chance.below(4) {
            0 => How::Reset,
            1 => How::HalfClose,
            2 => How::Exit,
            _ => How::Silence,
        };
        let count = |number: u32| usize::try_from(number).expect("a count");
        let messages = count(wishes.messages);
        let when = if chance.one_in(2) {
            When::Octets(chance.below(200 + messages * count(wishes.body_octets_max) / 2))
        } else {
            When::Speeches(chance.below(2 + messages * 6))
        };
        Vanisher { honest: Honest::new(wishes, ENDLESS), how, when, vanished: false, cut: false, done: false }
    }

    /// Lets through what is said before it vanishes.
    fn take(&mut self, wanted: Vec<Deed>, deeds: &mut Vec<Deed>) {
        let mut spoke = false;
        for deed in wanted {
            if self.vanished {
                self.shadow(deed, deeds);
                continue;
            }
            let Deed::Say(mut octets) = deed else {
                self.done |= deed == Deed::Done;
                deeds.push(deed);
                continue;
            };
            spoke = true;
            let room = match &mut self.when {
                When::Octets(left) => {
                    let room = (*left).min(octets.len());
                    *left -= room;
                    room
                }
                When::Speeches(_) => octets.len(),
            };
            let all = room == octets.len();
            octets.truncate(room);
            if !octets.is_empty() {
                deeds.push(Deed::Say(octets));
            }
            if !all {
                self.cut = true;
                self.vanish(deeds);
            }
        }
        if let When::Speeches(left) = &mut self.when
            && spoke
            && !self.vanished
        {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.vanish(deeds),
            }
        }
    }

    fn vanish(&mut self, deeds: &mut Vec<Deed>) {
        self.vanished = true;
        match self.how {
            How::Reset => {
                deeds.extend([Deed::Reset, Deed::Done]);
                self.done = true;
            }
            How::Exit => {
                deeds.push(Deed::Done);
                self.done = true;
            }
            How::HalfClose => deeds.push(Deed::CloseWrite),
            How::Silence => {}
        }
    }

    /// What the honest one still wants when nothing can be said any more.
    fn shadow(&mut self, wanted: Deed, deeds: &mut Vec<Deed>) {
        match wanted {
            Deed::Say(_) => self.cut = true,
            Deed::CloseWrite | Deed::StopReading | Deed::StartReading => {}
            Deed::Connect { .. } | Deed::Reset | Deed::Done => {
                if !self.done {
                    self.done = true;
                    deeds.push(Deed::Done);
                }
            }
        }
    }
}

impl Client for Vanisher {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        if !self.done {
            let wanted = self.honest.on(now, happened);
            self.take(wanted, &mut deeds);
        }
        deeds
    }

    fn wake(&self) -> Option<Duration> {
        if self.done { None } else { self.honest.wake() }
    }

    fn beliefs(&self) -> Vec<Belief> {
        let mut beliefs = self.honest.beliefs();
        if let Some(last) = beliefs.last_mut()
            && self.cut
            && last.accepted.is_none()
        {
            last.said = false;
        }
        beliefs
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fake::{self, Fake};

    #[test]
    fn some_vanish_and_none_believes_what_it_cannot_know() {
        let (mut unknown, mut cut, mut accepted) = (0, 0, 0);
        for seed in 0..200 {
            let (client, server) = fake::meet(Kind::Vanisher, seed, Fake::kind());
            fake::true_beliefs(&*client, &server);
            assert_eq!(server.connections, 1, "it came again");
            for belief in client.beliefs() {
                unknown += u32::from(belief.said && belief.accepted.is_none() && !belief.refused);
                accepted += u32::from(belief.accepted.is_some());
                let taken = server.taken.values().any(|(_, _, body)| *body == belief.body);
                cut += u32::from(!belief.said);
                assert!(belief.said || !taken, "seed {seed}: taken, and not said to the end");
            }
        }
        assert!(unknown > 0 && cut > 20 && accepted > 20, "{unknown} {cut} {accepted}");
    }
}
