//! Which connections become sessions. Counts them over the whole process, in all and by source. It writes no
//! reply and closes nothing: it decides, and remembers who is there.
//!
//! A connection that is turned away is still there while it is told so, until the hands say that it is gone:
//! otherwise nobody could ever exceed a limit fourfold. It fills the room for being told, never the room for
//! sessions, so that a flood of refused clients costs no other client a session.

use crate::limits::{Limits, TURN_AWAY_FACTOR, TURN_AWAY_MARGIN};
use crate::peer::{SessionId, Source};
use alloc::collections::BTreeMap;

/// The limit that a connection has come up against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// There are enough from its source (`MaxSameIpSource`).
    SameSource,
    /// There are enough in all (`MaxParallelConnections`).
    Total,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It becomes a session.
    Welcome,
    /// It is told that there are too many, then closed.
    TurnAway(Limit),
    /// It is closed without a word.
    Drop(Limit),
}

/// Why a connection is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Session,
    Leaving,
}

/// Connections that are there: sessions, and those that are being turned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    sessions: u32,
    leaving: u32,
}

impl Count {
    /// Which number, counted from 1, one more connection would have among all.
    fn next(self) -> u32 {
        self.sessions.saturating_add(self.leaving).saturating_add(1)
    }

    fn of(&mut self, standing: Standing) -> &mut u32 {
        match standing {
            Standing::Session => &mut self.sessions,
            Standing::Leaving => &mut self.leaving,
        }
    }
}

/// Counts connections in all and by source.
#[derive(Debug, Default)]
pub struct Admission {
    present: BTreeMap<SessionId, (Option<Source>, Standing)>,
    by_source: BTreeMap<Source, Count>,
    total: Count,
}

impl Admission {
    /// What becomes of one more connection from `source`; a proxy that speaks for many sources has none.
    /// `same_source_max` connections may come from there. Nothing is counted yet: [`Self::enter`] or [`Self::turn_away`]
    /// does that.
    pub fn judge(&self, limits: &Limits, source: Option<Source>, same_source_max: u32) -> Decision {
        let here = source.and_then(|source| self.by_source.get(&source)).copied().unwrap_or_default();
        let full_here = here.sessions >= same_source_max;
        if !full_here && self.total.sessions < limits.connections_max {
            Decision::Welcome
        } else if here.next() > same_source_max.saturating_mul(TURN_AWAY_FACTOR) {
            Decision::Drop(Limit::SameSource)
        } else if self.total.next() > limits.connections_max.saturating_add(TURN_AWAY_MARGIN) {
            Decision::Drop(Limit::Total)
        } else {
            Decision::TurnAway(if full_here { Limit::SameSource } else { Limit::Total })
        }
    }

    /// Counts a welcomed connection, until [`Self::leave`].
    pub fn enter(&mut self, session: SessionId, source: Option<Source>) {
        self.count(session, source, Standing::Session);
    }

    /// Counts a connection that is being turned away, until [`Self::leave`].
    pub fn turn_away(&mut self, session: SessionId, source: Option<Source>) {
        self.count(session, source, Standing::Leaving);
    }

    /// Forgets a connection. Harmless when it is not known.
    pub fn leave(&mut self, session: SessionId) {
        let Some((source, standing)) = self.present.remove(&session) else { return };
        *self.total.of(standing) -= 1;
        let Some(source) = source else { return };
        let here = self.by_source.get_mut(&source).expect("whoever is present was counted under its source");
        *here.of(standing) -= 1;
        if *here == Count::default() {
            self.by_source.remove(&source);
        }
    }

    /// Sessions that are there.
    pub fn total(&self) -> u32 {
        self.total.sessions
    }

    /// Connections that are being turned away.
    pub fn leaving(&self) -> u32 {
        self.total.leaving
    }

    fn count(&mut self, session: SessionId, source: Option<Source>, standing: Standing) {
        let before = self.present.insert(session, (source, standing));
        assert!(before.is_none(), "a session's number is given once");
        *self.total.of(standing) += 1;
        if let Some(source) = source {
            *self.by_source.entry(source).or_default().of(standing) += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::{IpAddr, Ipv4Addr};
    use proptest::prelude::*;

    fn source(last: u8) -> Option<Source> {
        Some(Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))))
    }

    fn session(serial: u64) -> SessionId {
        SessionId { began: 0, serial }
    }

    fn limits(same_source_max: u32, connections_max: u32) -> Limits {
        Limits { same_source_max, connections_max, ..Limits::default() }
    }

    /// Connections come one after the other and none goes: what becomes of each?
    fn arrive(
        admission: &mut Admission,
        limits: &Limits,
        from: Option<Source>,
        serials: core::ops::Range<u64>,
    ) -> [u32; 3] {
        let mut fates = [0; 3];
        for serial in serials {
            match admission.judge(limits, from, limits.same_source_max) {
                Decision::Welcome => {
                    admission.enter(session(serial), from);
                    fates[0] += 1;
                }
                Decision::TurnAway(_) => {
                    admission.turn_away(session(serial), from);
                    fates[1] += 1;
                }
                Decision::Drop(_) => fates[2] += 1,
            }
        }
        fates
    }

    #[test]
    fn a_source_is_told_up_to_four_times_its_limit() {
        let limits = limits(10, 800);
        let mut admission = Admission::default();
        assert_eq!(arrive(&mut admission, &limits, source(1), 0..60), [10, 30, 20]);
        assert_eq!(
            arrive(&mut admission, &limits, source(2), 100..105),
            [5, 0, 0],
            "another source is not meant"
        );
        admission.leave(session(39));
        assert_eq!(
            admission.judge(&limits, source(1), limits.same_source_max),
            Decision::TurnAway(Limit::SameSource),
            "one was told: room to tell another"
        );
        admission.leave(session(0));
        assert_eq!(admission.judge(&limits, source(1), limits.same_source_max), Decision::Welcome);
        assert_eq!((admission.total(), admission.leaving()), (14, 29));
    }

    #[test]
    fn a_hundred_above_the_total_are_told() {
        let limits = limits(1_000, 800);
        let mut admission = Admission::default();
        assert_eq!(arrive(&mut admission, &limits, source(1), 0..1_000), [800, 100, 100]);
        assert_eq!(admission.judge(&limits, source(2), limits.same_source_max), Decision::Drop(Limit::Total));
    }

    #[test]
    fn silence_wins_over_telling() {
        let mut admission = Admission::default();
        assert_eq!(arrive(&mut admission, &limits(1, 2), source(1), 0..6), [1, 3, 2]);
        let total_full = limits(1, 1);
        assert_eq!(
            admission.judge(&total_full, source(2), total_full.same_source_max),
            Decision::TurnAway(Limit::Total)
        );
        assert_eq!(
            admission.judge(&total_full, source(1), total_full.same_source_max),
            Decision::Drop(Limit::SameSource)
        );
    }

    #[test]
    fn those_turned_away_take_no_session_from_others() {
        let limits = limits(10, 20);
        let mut admission = Admission::default();
        for last in 1..3 {
            let serials = u64::from(last) * 1_000;
            assert_eq!(arrive(&mut admission, &limits, source(last), serials..serials + 100)[0], 10);
        }
        // Twenty sessions are full, sixty clients are being told. One session goes: a newcomer gets its place.
        admission.leave(session(1_000));
        assert_eq!(admission.leaving(), 60);
        assert_eq!(admission.judge(&limits, source(3), limits.same_source_max), Decision::Welcome);
    }

    #[test]
    fn a_proxy_for_many_counts_in_all_only() {
        let limits = limits(2, 20);
        let mut admission = Admission::default();
        assert_eq!(arrive(&mut admission, &limits, None, 0..25), [20, 5, 0]);
        assert_eq!(
            admission.judge(&limits, source(1), limits.same_source_max),
            Decision::TurnAway(Limit::Total),
            "the total is full"
        );
        for serial in 0..25 {
            admission.leave(session(serial));
        }
        assert_eq!(admission.total, Count::default());
    }

    #[test]
    fn leaving_twice_or_as_a_stranger_is_harmless() {
        let mut admission = Admission::default();
        admission.leave(session(7));
        admission.enter(session(1), source(1));
        admission.leave(session(1));
        admission.leave(session(1));
        assert_eq!(admission.total(), 0);
        assert!(admission.by_source.is_empty());
    }

    proptest! {
        /// Against a plain list of who is there: the same decisions, limits kept, and nothing left over.
        #[test]
        fn it_counts_like_a_list(
            same_source_max in 0_u32..6,
            connections_max in 0_u32..12,
            steps in prop::collection::vec((0_u8..4, prop::bool::weighted(0.65), any::<prop::sample::Index>()), 0..250),
        ) {
            let limits = limits(same_source_max, connections_max);
            let mut admission = Admission::default();
            let mut list: Vec<(SessionId, Option<Source>, bool)> = Vec::new();
            for (serial, (last, arrives, which)) in (1..).zip(steps) {
                if !arrives {
                    if !list.is_empty() {
                        admission.leave(list.swap_remove(which.index(list.len())).0);
                    }
                    continue;
                }
                let from = source(last);
                let sessions = list.iter().filter(|(_, _, welcome)| *welcome).count();
                let sessions_here = list.iter().filter(|(_, at, welcome)| *welcome && *at == from).count();
                let here = list.iter().filter(|(_, at, _)| *at == from).count();
                let most = |limit: u32| usize::try_from(limit).expect("small");
                let expected = if sessions < most(connections_max) && sessions_here < most(same_source_max) {
                    Decision::Welcome
                } else if here + 1 > 4 * most(same_source_max) {
                    Decision::Drop(Limit::SameSource)
                } else if list.len() + 1 > most(connections_max) + 100 {
                    Decision::Drop(Limit::Total)
                } else if sessions_here >= most(same_source_max) {
                    Decision::TurnAway(Limit::SameSource)
                } else {
                    Decision::TurnAway(Limit::Total)
                };
                prop_assert_eq!(admission.judge(&limits, from, limits.same_source_max), expected);
                match expected {
                    Decision::Welcome => admission.enter(session(serial), from),
                    Decision::TurnAway(_) => admission.turn_away(session(serial), from),
                    Decision::Drop(_) => continue,
                }
                list.push((session(serial), from, expected == Decision::Welcome));
            }
            for (id, ..) in list {
                admission.leave(id);
            }
            prop_assert_eq!(admission.total, Count::default());
            prop_assert!(admission.present.is_empty() && admission.by_source.is_empty());
        }
    }
}
