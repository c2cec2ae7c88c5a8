//! How much mail a source or a user has sent within the sliding hour, and whether that is too much. Counts
//! what it is told; who is limited and how, policy says with each question.

mod saved;

use super::table::{Counts, SLOTS, Second, Span, Table, Window};
use crate::limits::TRACKED_SOURCES_MAX;
use crate::now::{Duration, Instant};
use crate::peer::Source;
use core::{array, fmt};

/// Under what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Where a client connects from.
    Source(Source),
    /// Who has logged in, or tried to.
    User(UserKey),
}

impl Key {
    /// The key of a user's name, exactly as given.
    pub fn user(name: &str) -> Key {
        Key::User(UserKey::of(name))
    }
}

/// The source as [`Source`] is written, or `user:` and the hash of the name.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Source(source) => source.fmt(f),
            Key::User(UserKey(hash)) => write!(f, "user:{:032x}", u128::from_be_bytes(*hash)),
        }
    }
}

/// A user's name in sixteen octets, so that long names cost no memory: its FNV-1a hash. Two names with the same
/// hash would share their counts, which never forgives anybody anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserKey([u8; 16]);

impl UserKey {
    fn of(name: &str) -> UserKey {
        const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let hash = name.bytes().fold(BASIS, |hash, octet| (hash ^ u128::from(octet)).wrapping_mul(PRIME));
        UserKey(hash.to_be_bytes())
    }
}

/// What a window may hold (`ratelimitmsgs N,M` of the policy). 0 is no limit; negative forbids at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Messages.
    pub messages: i64,
    /// Recipients of all messages together.
    pub recipients: i64,
}

/// What is concluded from a window and a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateVerdict {
    /// One more fits.
    Within,
    /// One more would be too much now.
    Excess {
        /// When one more will fit, if nothing else is counted: more than zero, at most nine slots.
        retry_after: Duration,
    },
    /// None will ever fit.
    Forbidden,
}

/// All that is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateReport {
    /// How long ago each slot began, the running one first; zero for one that lies before the clock's start.
    pub slot_ages: [Duration; SLOTS],
    /// Messages in each slot, the running one first.
    pub messages: [u32; SLOTS],
    /// Recipients in each slot, the running one first.
    pub recipients: [u32; SLOTS],
    /// MAIL commands since the key is known.
    pub mails: u32,
    /// Connections since the key is known.
    pub connects: u32,
    /// Refusals by a limit since the key is known.
    pub excesses: u32,
    /// How long ago the last such refusal was, in whole seconds.
    pub excess_age: Option<Duration>,
    /// How long the key is known, in whole seconds; `None` when nothing is known of it.
    pub age: Option<Duration>,
    /// The limit in the last question. Numbers beyond 32 bits are shown as the greatest that fit.
    pub limit: RateLimit,
}

/// One key's counts. A million of these are kept, so every octet is worth a thought.
#[derive(Debug)]
struct RateWindow {
    messages: Counts,
    recipients: Counts,
    first: Second,
    mails: u32,
    connects: u32,
    excesses: u32,
    excess_last: Second,
    messages_max: i32,
    recipients_max: i32,
}

impl Window for RateWindow {
    fn begin(now: Second) -> Self {
        RateWindow {
            messages: Counts::default(),
            recipients: Counts::default(),
            first: now,
            mails: 0,
            connects: 0,
            excesses: 0,
            excess_last: now,
            messages_max: 0,
            recipients_max: 0,
        }
    }

    fn roll(&mut self, span: Span) {
        self.messages.roll(span);
        self.recipients.roll(span);
    }

    fn is_over(&self, span: Span) -> bool {
        // A negative limit forbids whatever was counted: to forget such a key forgives it nothing.
        let full = |counts: &Counts, most: i32| {
            u64::try_from(most).is_ok_and(|most| most > 0 && counts.sum(span) >= most)
        };
        full(&self.messages, self.messages_max) || full(&self.recipients, self.recipients_max)
    }
}

impl RateWindow {
    fn limit(&mut self, limit: RateLimit) {
        let narrow =
            |most: i64| i32::try_from(most.clamp(i32::MIN.into(), i32::MAX.into())).expect("clamped");
        self.messages_max = narrow(limit.messages);
        self.recipients_max = narrow(limit.recipients);
    }
}

/// What is judged.
#[derive(Clone, Copy)]
enum Judged {
    Message,
    Recipient,
}

/// The rate windows of all keys.
#[derive(Debug)]
pub struct RateWindows {
    table: Table<Key, RateWindow>,
}

impl Default for RateWindows {
    fn default() -> Self {
        RateWindows::new(TRACKED_SOURCES_MAX)
    }
}

impl RateWindows {
    /// Windows for up to `keys_max` keys.
    pub fn new(keys_max: usize) -> RateWindows {
        RateWindows { table: Table::new(keys_max) }
    }

    /// Counts a connection.
    pub fn count_connect(&mut self, key: Key, now: Instant) {
        self.table.count(&key, now, |window, _| window.connects = window.connects.saturating_add(1));
    }

    /// Counts a MAIL command, whatever its answer.
    pub fn count_mail(&mut self, key: Key, now: Instant) {
        self.table.count(&key, now, |window, _| window.mails = window.mails.saturating_add(1));
    }

    /// Counts a message towards the limit.
    pub fn count_message(&mut self, key: Key, now: Instant) {
        self.table.count(&key, now, |window, span| window.messages.add(span, 1));
    }

    /// Counts recipients towards the limit.
    pub fn count_recipients(&mut self, key: Key, now: Instant, number: u32) {
        self.table.count(&key, now, |window, span| window.recipients.add(span, number));
    }

    /// Whether one more message fits. Counts the refusal, not the message.
    pub fn judge_message(&mut self, key: Key, now: Instant, limit: RateLimit) -> RateVerdict {
        self.judge(key, now, limit, Judged::Message)
    }

    /// Whether one more recipient fits. Counts the refusal, not the recipient.
    pub fn judge_recipient(&mut self, key: Key, now: Instant, limit: RateLimit) -> RateVerdict {
        self.judge(key, now, limit, Judged::Recipient)
    }

    fn judge(&mut self, key: Key, now: Instant, limit: RateLimit, judged: Judged) -> RateVerdict {
        let most = match judged {
            Judged::Message => limit.messages,
            Judged::Recipient => limit.recipients,
        };
        // What is not in the table was not counted, so that any positive limit has room.
        let unknown = if most < 0 { RateVerdict::Forbidden } else { RateVerdict::Within };
        let verdict = self.table.look(&key, now, |window, span| {
            window.limit(limit);
            let counts = match judged {
                Judged::Message => &window.messages,
                Judged::Recipient => &window.recipients,
            };
            let verdict = match u64::try_from(most) {
                Err(_) => RateVerdict::Forbidden,
                Ok(most) if most == 0 || counts.sum(span) < most => RateVerdict::Within,
                Ok(most) => RateVerdict::Excess { retry_after: span.room_at(counts, most).since(now) },
            };
            if verdict != RateVerdict::Within {
                window.excesses = window.excesses.saturating_add(1);
                window.excess_last = Second::of(now);
            }
            verdict
        });
        verdict.unwrap_or(unknown)
    }

    /// All that is known of a key.
    pub fn report(&mut self, key: Key, now: Instant) -> RateReport {
        let known = self.table.look(&key, now, |window, span| RateReport {
            slot_ages: array::from_fn(|back| span.age(now, back)),
            messages: array::from_fn(|back| span.count(&window.messages, back)),
            recipients: array::from_fn(|back| span.count(&window.recipients, back)),
            mails: window.mails,
            connects: window.connects,
            excesses: window.excesses,
            excess_age: (window.excesses > 0).then(|| now.since(window.excess_last.instant())),
            age: Some(now.since(window.first.instant())),
            limit: RateLimit {
                messages: window.messages_max.into(),
                recipients: window.recipients_max.into(),
            },
        });
        known.unwrap_or_else(|| RateReport {
            slot_ages: array::from_fn(|back| self.table.empty_span().age(now, back)),
            messages: [0; SLOTS],
            recipients: [0; SLOTS],
            mails: 0,
            connects: 0,
            excesses: 0,
            excess_age: None,
            age: None,
            limit: RateLimit::default(),
        })
    }

    /// The next key in memory, in their order, behind this one.
    pub(super) fn key_behind(&self, last: Option<Key>) -> Option<Key> {
        self.table.key_behind(last.as_ref()).copied()
    }

    /// Keys in memory, among them some whose window has passed.
    pub fn keys(&self) -> usize {
        self.table.len()
    }

    /// Keys that were forgotten because there were too many.
    pub fn evicted(&self) -> u64 {
        self.table.evicted()
    }
}

#[cfg(test)]
mod tests;
