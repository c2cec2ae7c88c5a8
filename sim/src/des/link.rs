//! One direction of a connection: when segments arrive, how they are cut, and where the way ends. Octets arrive in
//! order or not at all, as TCP has it; what is lost on the way is only ever the rest.

use crate::dice::Dice;
use crate::plan::{Cutting, Ending, LinkPlan};
use bytes::Bytes;

/// Segments longer than this are not cut at every octet, or a large message would take all day.
const OCTETWISE_MAX: usize = 400;
/// After so many octets a direction cuts no more: by then it has cut whatever matters.
const CUT_OCTETS_MAX: u64 = 20_000;

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    /// The wish for a connection; its answer.
    Open,
    /// Nobody listens.
    Refusal,
    /// Octets.
    Octets(Bytes),
    /// The end of the stream.
    End,
    /// The connection is broken.
    Reset,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// When the last parcel arrives: none overtakes it.
    last: u64,
    passed: u64,
    /// The way ends after so many octets.
    cut: Option<(u64, Ending)>,
    /// What is sent vanishes.
    pub(super) silent: bool,
    /// Times at which nothing arrives.
    stalls: Vec<(u64, u64)>,
}

impl Lane {
    /// A direction with its faults.
    pub(super) fn new(cut: Option<(u64, Ending)>, stalls: Vec<(u64, u64)>) -> Lane {
        Lane { cut, stalls, ..Lane::default() }
    }

    /// Sends a parcel. Arrivals go to `arrives`, with their times; an ending that was reached comes back.
    pub(super) fn send(
        &mut self,
        now: u64,
        link: &LinkPlan,
        dice: &mut Dice,
        parcel: Parcel,
        mut arrives: impl FnMut(u64, Parcel),
    ) -> Option<Ending> {
        if self.silent {
            return None;
        }
        let Parcel::Octets(mut octets) = parcel else {
            arrives(self.arrival(now, link, dice), parcel);
            return None;
        };
        let mut ending = None;
        let length = u64::try_from(octets.len()).expect("a length fits");
        if let Some((after, how)) = self.cut
            && self.passed + length >= after
        {
            octets.truncate(usize::try_from(after.saturating_sub(self.passed)).expect("below a length"));
            self.cut = None;
            ending = Some(how);
            self.silent = how == Ending::OneWay;
        }
        self.passed += length;
        let mut at = self.arrival(now, link, dice);
        while !octets.is_empty() {
            let piece = match link.cut {
                Cutting::Whole | Cutting::Joined => octets.len(),
                Cutting::Pieces | Cutting::Octets if self.passed > CUT_OCTETS_MAX => octets.len(),
                Cutting::Octets if octets.len() <= OCTETWISE_MAX => 1,
                Cutting::Pieces | Cutting::Octets => {
                    let most = u64::try_from(octets.len()).expect("fits").min(3_000);
                    usize::try_from(dice.between(1, most)).expect("below a length")
                }
            };
            arrives(at, Parcel::Octets(octets.split_to(piece)));
            if !octets.is_empty() {
                // One after the other: of two that came at the same moment nobody could say which was first.
                at = if dice.chance(300) { self.arrival(now, link, dice) } else { self.behind(at) };
            }
        }
        ending
    }

    fn behind(&mut self, at: u64) -> u64 {
        self.last = at + 1;
        self.last
    }

    fn arrival(&mut self, now: u64, link: &LinkPlan, dice: &mut Dice) -> u64 {
        let mut at = (now + dice.between(link.least_us, link.most_us)).max(self.last + 1);
        for (from, until) in &self.stalls {
            if (*from..*until).contains(&at) {
                at = *until;
            }
        }
        self.last = at;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;

    fn arrivals(
        lane: &mut Lane,
        cut: Cutting,
        octets: &'static [u8],
    ) -> (Vec<(u64, Vec<u8>)>, Option<Ending>) {
        let link = LinkPlan { least_us: 10, most_us: 1_000, cut, window: 1 };
        let mut dice = Dice::new(1, Purpose::Link, 0);
        let mut came = Vec::new();
        let ending =
            lane.send(5, &link, &mut dice, Parcel::Octets(Bytes::from_static(octets)), |at, parcel| {
                if let Parcel::Octets(octets) = parcel {
                    came.push((at, octets.to_vec()));
                }
            });
        (came, ending)
    }

    #[test]
    fn octets_arrive_in_order_however_they_are_cut() {
        for cut in [Cutting::Whole, Cutting::Pieces, Cutting::Octets] {
            let (came, ending) = arrivals(&mut Lane::default(), cut, b"MAIL FROM:<a@b.example>");
            assert!(came.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            let whole: Vec<u8> = came.into_iter().flat_map(|(_, octets)| octets).collect();
            assert_eq!(whole, b"MAIL FROM:<a@b.example>");
            assert_eq!(ending, None);
        }
    }

    #[test]
    fn a_cut_lets_exactly_so_many_through() {
        let mut lane = Lane::new(Some((7, Ending::Reset)), Vec::new());
        assert_eq!(arrivals(&mut lane, Cutting::Whole, b"12345").1, None);
        let (came, ending) = arrivals(&mut lane, Cutting::Whole, b"67890");
        assert_eq!((came[0].1.as_slice(), ending), (&b"67"[..], Some(Ending::Reset)));
    }

    #[test]
    fn a_way_that_ends_alone_falls_silent() {
        let mut lane = Lane::new(Some((7, Ending::OneWay)), Vec::new());
        let (came, ending) = arrivals(&mut lane, Cutting::Whole, b"1234567890");
        assert_eq!((came[0].1.as_slice(), ending), (&b"1234567"[..], Some(Ending::OneWay)));
        assert_eq!(arrivals(&mut lane, Cutting::Whole, b"more").0, []);
    }

    #[test]
    fn nothing_arrives_during_a_stall() {
        let mut lane = Lane::new(None, vec![(0, 50_000)]);
        assert_eq!(arrivals(&mut lane, Cutting::Whole, b"x").0[0].0, 50_000);
    }
}
