//! The slow reader: a hasty client that asks for much and hardly reads, so that the server's replies pile up.

use super::dice::{Dice, Purpose};
use super::hasty::Hasty;
use super::line::ENDLESS;
use super::{Belief, Client, Deed, Happened, Wishes};
use std::time::Duration;

/// HELP before each message, at most.
const CHATTER_MAX: usize = 200;
/// How long it reads at a time.
const GLANCE: Duration = Duration::from_millis(5);

/// See above.
#[derive(Debug)]
pub(super) struct SlowReader {
    hasty: Hasty,
    chance: Dice,
    pause_max: Duration,
    reading: bool,
    /// When it begins, or stops, reading.
    next: Option<Duration>,
}

impl SlowReader {
    pub(super) fn new(wishes: &Wishes) -> SlowReader {
        let mut chance = Dice::new(wishes.seed, Purpose::Malice);
        SlowReader {
            hasty: Hasty::new(wishes, ENDLESS, chance.below(CHATTER_MAX + 1)),
            chance,
            pause_max: wishes.pause_max,
            reading: true,
            next: None,
        }
    }

    fn blink(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        if self.next.is_some_and(|next| next <= now) {
            self.reading = !self.reading;
            deeds.push(if self.reading { Deed::StartReading } else { Deed::StopReading });
            let away = self.chance.span(self.pause_max);
            self.next = Some(now + if self.reading { GLANCE } else { away });
        }
    }
}

impl Client for SlowReader {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = self.hasty.on(now, happened);
        match happened {
            Happened::Connected => {
                self.reading = true;
                self.next = Some(now);
            }
            Happened::Refused | Happened::Reset | Happened::HeardEnd => self.next = None,
            Happened::Heard(_) | Happened::Woke => {}
        }
        if deeds.iter().any(|deed| matches!(deed, Deed::Connect { .. } | Deed::Reset | Deed::Done)) {
            self.next = None;
        }
        self.blink(now, &mut deeds);
        deeds
    }

    fn wake(&self) -> Option<Duration> {
        self.next.into_iter().chain(self.hasty.wake()).min()
    }

    fn beliefs(&self) -> Vec<Belief> {
        self.hasty.beliefs()
    }

    fn is_done(&self) -> bool {
        self.hasty.is_done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fake::{self, Fake};

    #[test]
    fn it_hears_everything_late() {
        let (mut stopped, mut taken) = (0, 0);
        for seed in 0..20 {
            let (client, server) = fake::meet(Kind::SlowReader, seed, Fake::kind());
            fake::true_beliefs(&*client, &server);
            stopped += server.stopped_reading;
            taken += client.beliefs().iter().filter(|belief| belief.accepted.is_some()).count();
        }
        assert!(stopped > 20 && taken > 40, "{stopped} {taken}");
    }
}
