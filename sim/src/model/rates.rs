//! The rate window's twin: every event is kept for ever, and counted anew for each question. It never forgets a key
//! for want of room; time goes forward from call to call.

use super::admission::source;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds of a slot: an eighth of an hour.
const SLOT_SECONDS: u64 = 450;
/// Full slots that count besides the running one.
const SLOTS_BEFORE: u64 = 8;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A connection.
    Connect,
    /// A MAIL command.
    Mail,
    /// A message.
    Message,
    /// Recipients, so many.
    Recipients(u32),
}

/// Whether one more fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It does.
    Yes,
    /// It will, after this time.
    In(Duration),
    /// It never will.
    Never,
}

/// Every event of every source.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    events: Vec<(IpAddr, u64, Counted)>,
}

impl Rates {
    /// Something is counted, `now` after the clock's start.
    pub fn count(&mut self, client: IpAddr, now: Duration, what: Counted) {
        self.events.push((source(client), slot(now), what));
    }

    /// Whether one more message fits below `limit` (0: no limit; negative: none).
    pub fn room_for_message(&self, client: IpAddr, now: Duration, limit: i64) -> Room {
        self.room(now, limit, |from| self.messages(client, from))
    }

    /// Whether one more recipient fits below `limit` (0: no limit; negative: none).
    pub fn room_for_recipient(&self, client: IpAddr, now: Duration, limit: i64) -> Room {
        self.room(now, limit, |from| self.recipients(client, from))
    }

    /// Messages that are in the window now.
    pub fn messages_now(&self, client: IpAddr, now: Duration) -> u64 {
        self.messages(client, slot(now).saturating_sub(SLOTS_BEFORE))
    }

    /// Recipients that are in the window now.
    pub fn recipients_now(&self, client: IpAddr, now: Duration) -> u64 {
        self.recipients(client, slot(now).saturating_sub(SLOTS_BEFORE))
    }

    /// MAIL commands and connections since the source is known. It is known until its last event of any kind is
    /// older than the window.
    pub fn mails_and_connects(&self, client: IpAddr, now: Duration) -> (u64, u64) {
        let (mut mails, mut connects, mut last) = (0, 0, 0);
        let source = source(client);
        for (_, slot, what) in self.events.iter().filter(|event| event.0 == source) {
            if slot - last > SLOTS_BEFORE {
                (mails, connects) = (0, 0);
            }
            last = *slot;
            mails += u64::from(*what == Counted::Mail);
            connects += u64::from(*what == Counted::Connect);
        }
        if slot(now) - last > SLOTS_BEFORE { (0, 0) } else { (mails, connects) }
    }

    fn room(&self, now: Duration, limit: i64, counted_from: impl Fn(u64) -> u64) -> Room {
        let Ok(limit) = u64::try_from(limit) else { return Room::Never };
        if limit == 0 {
            return Room::Yes;
        }
        for running in slot(now).. {
            if counted_from(running.saturating_sub(SLOTS_BEFORE)) < limit {
                let at = Duration::from_secs(running * SLOT_SECONDS);
                return if running == slot(now) { Room::Yes } else { Room::In(at - now) };
            }
        }
        unreachable!("a window that is long past is empty")
    }

    fn messages(&self, client: IpAddr, from_slot: u64) -> u64 {
        let source = source(client);
        self.events
            .iter()
            .filter(|(of, slot, what)| *of == source && *slot >= from_slot && *what == Counted::Message)
            .map(|_| 1)
            .sum()
    }

    fn recipients(&self, client: IpAddr, from_slot: u64) -> u64 {
        let source = source(client);
        self.events
            .iter()
            .filter(|(of, slot, _)| *of == source && *slot >= from_slot)
            .map(|(_, _, what)| match what {
                Counted::Recipients(number) => u64::from(*number),
                Counted::Connect | Counted::Mail | Counted::Message => 0,
            })
            .sum()
    }
}

fn slot(now: Duration) -> u64 {
    now.as_secs() / SLOT_SECONDS
}
