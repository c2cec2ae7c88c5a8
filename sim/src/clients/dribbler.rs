//! The dribbler: an honest client whose network carries one octet at a time.

use super::dice::{Dice, Purpose};
use super::honest::Honest;
use super::line::ENDLESS;
use super::{Belief, Client, Deed, Happened, Wishes};
use std::collections::VecDeque;
use std::time::Duration;

/// Octets that leave between two pauses, at most.
const BURST_MAX: usize = 8;
/// The usual pause; one in [`LONG_ONE_IN`] is as long as the client may pause at all.
const USUAL_MAX: Duration = Duration::from_millis(2);
/// See above.
const LONG_ONE_IN: usize = 16;

/// See above.
#[derive(Debug)]
pub(super) struct Dribbler {
    honest: Honest,
    chance: Dice,
    pause_max: Duration,
    /// What is still to be done, octet by octet.
    waiting: VecDeque<Deed>,
    next: Option<Duration>,
}

impl Dribbler {
    pub(super) fn new(wishes: &Wishes) -> Dribbler {
        Dribbler {
            honest: Honest::new(wishes, ENDLESS),
            chance: Dice::new(wishes.seed, Purpose::Malice),
            pause_max: wishes.pause_max,
            waiting: VecDeque::new(),
            next: None,
        }
    }

    fn take(&mut self, wanted: Vec<Deed>, deeds: &mut Vec<Deed>) {
        for deed in wanted {
            match deed {
                Deed::Say(octets) => {
                    self.waiting.extend(octets.into_iter().map(|octet| Deed::Say(vec![octet])));
                }
                Deed::Connect { .. } | Deed::Reset | Deed::Done => {
                    self.waiting.clear();
                    deeds.push(deed);
                }
                Deed::CloseWrite | Deed::StopReading | Deed::StartReading => self.waiting.push_back(deed),
            }
        }
    }

    fn drip(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        if self.next.is_some_and(|next| next <= now) {
            let burst = self.chance.between(1, BURST_MAX).min(self.waiting.len());
            deeds.extend(self.waiting.drain(..burst));
            self.next = None;
        }
        if self.waiting.is_empty() {
            self.next = None;
        } else if self.next.is_none() {
            let most = if self.chance.one_in(LONG_ONE_IN) { self.pause_max } else { USUAL_MAX };
            self.next = Some(now + self.chance.span(most));
        }
    }
}

impl Client for Dribbler {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        if matches!(happened, Happened::HeardEnd | Happened::Reset) {
            // Nobody takes the rest any more; how the connection is closed is still to be said.
            self.waiting.retain(|deed| !matches!(deed, Deed::Say(_)));
        }
        let wanted = self.honest.on(now, happened);
        self.take(wanted, &mut deeds);
        self.drip(now, &mut deeds);
        deeds
    }

    fn wake(&self) -> Option<Duration> {
        self.next.into_iter().chain(self.honest.wake()).min()
    }

    fn beliefs(&self) -> Vec<Belief> {
        let mut beliefs = self.honest.beliefs();
        let unsaid = self.waiting.iter().any(|deed| matches!(deed, Deed::Say(_)));
        if let Some(last) = beliefs.last_mut()
            && unsaid
        {
            last.said = false;
        }
        beliefs
    }

    fn is_done(&self) -> bool {
        self.honest.is_done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fake::{self, Fake};

    #[test]
    fn it_says_the_same_as_an_honest_one_octet_by_octet() {
        let (honest, _) = fake::meet(Kind::Honest, 5, Fake::kind());
        let (client, server) = fake::meet(Kind::Dribbler, 5, Fake::kind());
        fake::all_told(&*client, &server);
        assert_eq!(client.beliefs(), honest.beliefs());
        assert!(server.in_order);
        assert_eq!(usize::try_from(server.segments).expect("a count"), server.heard.len());
    }
}
