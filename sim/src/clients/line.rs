//! A client's connection and its clock: when to connect, how long to wait, when to leave, whether to come again.
//! Every wait has an end, so every client ends, whatever the server does. Knows no SMTP.

use super::dice::{Dice, Purpose};
use super::{Deed, Happened, Wishes};
use std::net::IpAddr;
use std::time::Duration;

/// How long a patient client waits for a reply: ten minutes, the longest of RFC 2821 §4.5.3.2, and some.
pub(super) const PATIENCE: Duration = Duration::from_secs(11 * 60);
/// Longer than any session may last: for those who wait until they are thrown out.
pub(super) const ENDLESS: Duration = Duration::from_secs(5 * 3600);
/// How long a client that has said all waits for the server to close.
const LEAVING: Duration = Duration::from_secs(30);
/// The longest time before another try.
const AGAIN_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Connect,
    Speak,
    Patience,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Outside,
    Connecting,
    Open,
    Leaving,
    Done,
}

/// What is left for the client itself to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn<'a> {
    /// Nothing.
    Wait,
    /// The connection is open.
    Opened,
    /// The server says something.
    Heard(&'a [u8]),
    /// The pause that was asked for is over.
    Speak,
    /// The connection is over, whoever ended it; [`Line::again`] or [`Line::finish`] is due.
    Over,
}

/// One connection at a time, and one alarm.
#[derive(Clone, Debug)]
pub(super) struct Line {
    source: IpAddr,
    phase: Phase,
    alarm: Option<(Duration, Why)>,
    patience: Duration,
    pauses: Dice,
    pause_max: Duration,
    connects_left: u32,
}

impl Line {
    /// Will connect up to `connects` times, first after a pause.
    pub(super) fn new(wishes: &Wishes, connects: u32, patience: Duration) -> Line {
        let mut pauses = Dice::new(wishes.seed, Purpose::Pauses);
        let first = pauses.pause(wishes.pause_max);
        Line {
            source: wishes.source,
            phase: Phase::Outside,
            alarm: Some((first, Why::Connect)),
            patience,
            pauses,
            pause_max: wishes.pause_max,
            connects_left: connects,
        }
    }

    pub(super) fn wake(&self) -> Option<Duration> {
        self.alarm.map(|(at, _)| at)
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether the connection is open and not about to be left.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The next connections come from here.
    pub(super) fn set_source(&mut self, source: IpAddr) {
        self.source = source;
    }

    /// A time up to the longest pause.
    pub(super) fn some_time(&mut self) -> Duration {
        self.pauses.span(self.pause_max)
    }

    /// Takes what happened as far as it concerns the connection.
    pub(super) fn turn<'a>(
        &mut self,
        now: Duration,
        happened: Happened<'a>,
        deeds: &mut Vec<Deed>,
    ) -> Turn<'a> {
        match (happened, self.phase) {
            (Happened::Woke, _) => match self.alarm {
                Some((at, why)) if at <= now => {
                    self.alarm = None;
                    self.rang(now, why, deeds)
                }
                Some(_) | None => Turn::Wait,
            },
            (Happened::Connected, Phase::Connecting) => {
                self.phase = Phase::Open;
                self.expect(now);
                Turn::Opened
            }
            (Happened::Refused, Phase::Connecting) => self.over(),
            (Happened::Heard(octets), Phase::Open) => Turn::Heard(octets),
            (Happened::HeardEnd, Phase::Open) => {
                deeds.push(Deed::CloseWrite);
                self.over()
            }
            (Happened::HeardEnd, Phase::Leaving) => self.over(),
            (Happened::Reset, Phase::Connecting | Phase::Open | Phase::Leaving) => self.over(),
            (
                Happened::Connected
                | Happened::Refused
                | Happened::Heard(_)
                | Happened::HeardEnd
                | Happened::Reset,
                _,
            ) => Turn::Wait,
        }
    }

    fn rang(&mut self, now: Duration, why: Why, deeds: &mut Vec<Deed>) -> Turn<'static> {
        match why {
            Why::Connect => {
                self.connects_left = self.connects_left.saturating_sub(1);
                self.phase = Phase::Connecting;
                self.expect(now);
                deeds.push(Deed::Connect { source: self.source });
                Turn::Wait
            }
            Why::Speak => Turn::Speak,
            Why::Patience => {
                deeds.push(Deed::Reset);
                self.over()
            }
        }
    }

    fn over(&mut self) -> Turn<'static> {
        self.phase = Phase::Outside;
        self.alarm = None;
        Turn::Over
    }

    /// It is the server's turn.
    pub(super) fn expect(&mut self, now: Duration) {
        self.alarm = Some((now + self.patience, Why::Patience));
    }

    /// It is the client's turn: at once (true), or after a pause, when [`Turn::Speak`] comes.
    pub(super) fn pause(&mut self, now: Duration) -> bool {
        let pause = self.pauses.pause(self.pause_max);
        if !pause.is_zero() {
            self.speak_at(now + pause);
        }
        pause.is_zero()
    }

    /// [`Turn::Speak`] shall come then.
    pub(super) fn speak_at(&mut self, at: Duration) {
        self.alarm = Some((at, Why::Speak));
    }

    /// All is said: closes politely.
    pub(super) fn leave(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        self.phase = Phase::Leaving;
        self.alarm = Some((now + LEAVING, Why::Patience));
        deeds.push(Deed::CloseWrite);
    }

    /// Breaks the connection. [`Line::again`] or [`Line::finish`] is due.
    pub(super) fn break_off(&mut self, deeds: &mut Vec<Deed>) {
        self.over();
        deeds.push(Deed::Reset);
    }

    /// Connects again after a while, if `wanted` and not tried too often; else that was all.
    pub(super) fn again(&mut self, now: Duration, wanted: bool, deeds: &mut Vec<Deed>) {
        if wanted && self.connects_left > 0 {
            let pause = Duration::from_secs(1) + self.pauses.span(AGAIN_MAX);
            self.connect_at(now + pause);
        } else {
            self.finish(deeds);
        }
    }

    /// Connects then.
    pub(super) fn connect_at(&mut self, at: Duration) {
        self.phase = Phase::Outside;
        self.alarm = Some((at, Why::Connect));
    }

    /// That was all.
    pub(super) fn finish(&mut self, deeds: &mut Vec<Deed>) {
        self.phase = Phase::Done;
        self.alarm = None;
        deeds.push(Deed::Done);
    }
}
