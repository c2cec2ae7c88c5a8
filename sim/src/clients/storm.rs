//! The storm: connects again and again, from a few addresses or from many, to do little or nothing. Many of them
//! together press on what a server bounds by connection, by source and by table.

use super::dice::{Dice, Purpose};
use super::letter::Letter;
use super::line::{Line, PATIENCE, Turn};
use super::talk::{Awaited, Said, Talk};
use super::{Belief, Client, Deed, Happened, Wishes};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Connections for each message that is wished for.
const CONNECTS_EACH: u32 = 4;
/// The longest time between two connections.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// What it does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// Breaks it at once.
    Break,
    /// Closes when it hears the greeting.
    Knock,
    /// EHLO and QUIT at once.
    Greet,
    /// Holds it for a while, silent.
    Hold,
    /// Sends a message.
    Send,
}

/// See above.
#[derive(Debug)]
pub(super) struct Storm {
    line: Line,
    talk: Talk,
    chance: Dice,
    letters: VecDeque<Letter>,
    home: IpAddr,
    /// Addresses from 2^16 networks, or else from four addresses.
    many: bool,
    errand: Errand,
    waiting: Option<(usize, Letter)>,
    left: u32,
}

impl Storm {
    pub(super) fn new(wishes: &Wishes) -> Storm {
        let mut chance = Dice::new(wishes.seed, Purpose::Malice);
        let left = wishes.messages.saturating_mul(CONNECTS_EACH).max(CONNECTS_EACH);
        let mut storm = Storm {
            line: Line::new(wishes, left, PATIENCE),
            talk: Talk::default(),
            letters: Letter::write_all(wishes),
            home: wishes.source,
            many: chance.one_in(2),
            chance,
            errand: Errand::Break,
            waiting: None,
            left,
        };
        storm.move_on();
        storm
    }

    /// Another address, and something to do there.
    fn move_on(&mut self) {
        let varied = if self.many { self.chance.below(1 << 16) } else { self.chance.below(4) };
        let varied = u16::try_from(varied).expect("16 bits");
        self.line.set_source(neighbour(self.home, varied));
        self.errand = match self.chance.below(5) {
            0 => Errand::Break,
            1 => Errand::Knock,
            2 => Errand::Greet,
            3 => Errand::Hold,
            _ if self.letters.is_empty() => Errand::Knock,
            _ => Errand::Send,
        };
    }

    fn open(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.talk.begin();
        self.waiting = None;
        let mut octets = Vec::new();
        match self.errand {
            Errand::Break => {
                self.line.break_off(deeds);
                return self.over(now, deeds);
            }
            Errand::Hold => {
                let while_ = self.line.some_time();
                self.line.speak_at(now + while_);
            }
            Errand::Knock => {}
            Errand::Greet => {
                self.talk.say_ehlo(&mut octets);
                self.talk.say_quit(&mut octets);
            }
            Errand::Send => {
                self.talk.say_ehlo(&mut octets);
                if let Some(letter) = self.letters.pop_front() {
                    let number = self.talk.say_envelope(&letter, false, &mut octets);
                    self.talk.await_reply(Awaited::Data(number));
                    octets.extend_from_slice(b"DATA\r\n");
                    self.waiting = Some((number, letter));
                }
            }
        }
        deeds.extend((!octets.is_empty()).then_some(Deed::Say(octets)));
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
                Said::Unasked(_) | Said::Reply(Awaited::Quit, _) => self.line.leave(now, deeds),
                Said::Reply(_, reply) if reply.code == 421 => self.line.leave(now, deeds),
                Said::Reply(Awaited::Greeting, reply) if !reply.is_yes() || self.errand == Errand::Knock => {
                    self.line.leave(now, deeds);
                }
                Said::Reply(Awaited::Data(number), reply) => {
                    let mut octets = Vec::new();
                    if let Some((_, letter)) = self.waiting.take()
                        && reply.code == 354
                    {
                        self.talk.await_reply(Awaited::Text(number));
                        octets = letter.dotted();
                    }
                    self.talk.say_quit(&mut octets);
                    self.line.expect(now);
                    deeds.push(Deed::Say(octets));
                }
                Said::Reply(..) => {}
            }
        }
    }

    fn over(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.left -= 1;
        if self.left == 0 {
            return self.line.finish(deeds);
        }
        self.move_on();
        let pause = self.chance.span(PAUSE_MAX);
        self.line.connect_at(now + pause);
    }
}

/// Another address near this one: another host of the /16, or another of the /64 networks of the /48.
fn neighbour(home: IpAddr, varied: u16) -> IpAddr {
    let [high, low] = varied.to_be_bytes();
    match home {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c ^ high, d ^ low))
        }
        IpAddr::V6(address) => {
            let [a, b, c, network, rest @ ..] = address.segments();
            let [e, f, g, h] = rest;
            IpAddr::V6(Ipv6Addr::new(a, b, c, network ^ varied, e, f, g, h))
        }
    }
}

impl Client for Storm {
    fn on(&mut self, now: Duration, happened: Happened<'_>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match self.line.turn(now, happened, &mut deeds) {
            Turn::Wait => {}
            Turn::Opened => self.open(now, &mut deeds),
            Turn::Heard(octets) => {
                self.talk.hear(octets);
                self.listen(now, &mut deeds);
            }
            // It has held the connection for long enough.
            Turn::Speak => self.line.leave(now, &mut deeds),
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
    use std::collections::BTreeSet;

    #[test]
    fn it_comes_from_few_or_from_many_addresses() {
        let (mut few, mut many) = (0, 0);
        for seed in 0..20 {
            let (client, server) = fake::meet(Kind::Storm, seed, Fake::kind());
            fake::true_beliefs(&*client, &server);
            assert_eq!(server.connections, 16);
            let sources: BTreeSet<_> = server.sources.iter().collect();
            if sources.len() <= 4 { few += 1 } else { many += 1 }
        }
        assert!(few > 2 && many > 2, "{few} {many}");
    }
}
