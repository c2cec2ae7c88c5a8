//! What the windows know of sources and users, for an operator: as values, and as the lines of Z-REPORT. Nothing is
//! counted here, and nobody's right to ask is judged.

use super::auth_window::AuthWindows;
use super::rate_window::{Key, RateReport, RateWindows};
use crate::limits::{DUMP_LOOKED_AT_MAX, REPLY_LINES_MAX};
use crate::now::{Duration, Now};
use crate::peer::Source;
use crate::wire::report::About;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// All that is known of a source or user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Who it is.
    pub key: Key,
    /// Its mail.
    pub rates: RateReport,
    /// Logins that failed within the window.
    pub failures: u64,
}

/// The windows together.
#[derive(Debug)]
pub struct Windows<'a> {
    /// Of mail.
    pub rates: &'a mut RateWindows,
    /// Of failed logins.
    pub failures: &'a mut AuthWindows,
}

impl Windows<'_> {
    /// What is known of one key.
    pub fn of(&mut self, key: Key, now: Now) -> Tracked {
        let rates = self.rates.report(key, now.instant);
        Tracked { key, rates, failures: self.failures.failures(key, now.instant) }
    }

    /// Those of whom something is known, in the order of keys, behind one that was looked at last. So many keys are
    /// looked at; where more may follow, the last of them comes back.
    pub fn behind(&mut self, last: Option<Key>, most: usize, now: Now) -> (Vec<Tracked>, Option<Key>) {
        let mut known = Vec::new();
        let mut last = last;
        for _ in 0..most {
            let (one, other) = (self.rates.key_behind(last), self.failures.key_behind(last));
            let Some(key) = one.into_iter().chain(other).min() else { return (known, None) };
            let tracked = self.of(key, now);
            // Some are in memory whose window has passed.
            if tracked.rates.age.is_some() || tracked.failures > 0 {
                known.push(tracked);
            }
            last = Some(key);
        }
        (known, last)
    }

    /// The lines of Z-REPORT.
    pub fn report(&mut self, about: About, now: Now) -> Vec<String> {
        match about {
            About::Address(address) => self.of(Key::Source(Source::of(address)), now).lines(now).into(),
            About::Dump => {
                let (mut known, _) = self.behind(None, DUMP_LOOKED_AT_MAX, now);
                known.truncate(REPLY_LINES_MAX - 2);
                let mut lines = Vec::with_capacity(known.len() + 2);
                lines.push(format!("DUMP BEGINS; cnt={} {}", self.keys(), now.wall.rfc2822()));
                lines.extend(known.iter().map(|tracked| format!(" {}", tracked.dump_line())));
                let rest = if self.keys() > known.len() { "; smtpserver stats tells of all" } else { "" };
                lines.push(format!("DUMP ENDS; cnt={}{rest}", known.len()));
                lines
            }
        }
    }

    /// Keys in memory: those of which more is known than of any other.
    pub fn keys(&self) -> usize {
        self.rates.keys().max(self.failures.keys())
    }
}

impl Tracked {
    /// The two lines about one source (manual, Z-REPORT): when the slots of the window began, the running one first, and
    /// what was counted in them.
    pub fn lines(&self, now: Now) -> [String; 2] {
        let RateReport { slot_ages, messages, limit, .. } = &self.rates;
        let family = match self.key {
            Key::Source(source) if source.is_ipv6() => "IPv6",
            Key::Source(_) => "IPv4",
            Key::User(_) => "user",
        };
        let latest = self.rates.excess_age.map_or(0, |age| {
            let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            now.wall.seconds().saturating_sub(age)
        });
        let counts = format!(
            "MAILs: {} SLOTAGE: {} Limit: {} {} Excesses: {} Latest: {latest} Rcpts: {}",
            self.rates.mails,
            self.rates.age.map_or(0, |age| age.as_secs()),
            limit.messages,
            limit.recipients,
            self.rates.excesses,
            sum(&self.rates.recipients),
        );
        [
            format!("Slot-ages: {}", row(slot_ages.iter().map(Duration::as_secs))),
            format!("Slot-{family}-data: {} {counts}", row(messages)),
        ]
    }

    /// The line about it in a dump: messages and recipients by slot, the running one first, and the rest by name.
    pub fn dump_line(&self) -> String {
        let rates = &self.rates;
        format!(
            "{:<16} {} {} Lmt: {} {} AAge: {} Mails: {} Connects: {} AFails: {} Excesses: {} EAge: {}",
            self.key.to_string(),
            row(rates.messages),
            row(rates.recipients),
            rates.limit.messages,
            rates.limit.recipients,
            rates.age.map_or("0".into(), hours),
            rates.mails,
            rates.connects,
            self.failures,
            rates.excesses,
            rates.excess_age.map_or("0".into(), hours),
        )
    }
}

fn row(numbers: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let words: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    words.join(" ")
}

fn sum(counts: &[u32]) -> u64 {
    counts.iter().copied().map(u64::from).sum()
}

/// Hours with three decimals.
fn hours(span: Duration) -> String {
    let thousandths = span.as_millis() / 3_600;
    format!("{}.{:03}h", thousandths / 1_000, thousandths % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::{Instant, Wall};
    use crate::peer::Source;
    use crate::server::rate_window::RateLimit;

    fn at(seconds: u64) -> Now {
        let wall = Wall::from_seconds(1_700_000_000 + i64::try_from(seconds).expect("small"));
        Now { instant: Instant::ZERO + Duration::from_secs(seconds), wall }
    }

    fn key(address: &str) -> Key {
        Key::Source(Source::of(address.parse().expect(address)))
    }

    #[test]
    fn what_was_counted_is_told() {
        let (mut rates, mut failures) = (RateWindows::new(100), AuthWindows::new(100));
        let ann = key("192.0.2.7");
        rates.count_message(ann, at(900).instant);
        rates.count_recipients(ann, at(900).instant, 3);
        for _ in 0..3 {
            rates.count_mail(ann, at(1_400).instant);
        }
        rates.count_message(ann, at(1_400).instant);
        rates.judge_message(ann, at(1_400).instant, RateLimit { messages: 2, recipients: 0 });
        failures.failed(key("2001:db8::1"), at(1_400).instant);
        let mut windows = Windows { rates: &mut rates, failures: &mut failures };
        assert_eq!(
            windows.of(ann, at(1_500)).lines(at(1_500)),
            [
                "Slot-ages: 150 600 1050 1500 0 0 0 0 0",
                "Slot-IPv4-data: 1 1 0 0 0 0 0 0 0 MAILs: 3 SLOTAGE: 600 Limit: 2 0 Excesses: 1 \
                 Latest: 1700001400 Rcpts: 3",
            ]
        );
        assert_eq!(
            windows.of(ann, at(1_500)).dump_line(),
            "192.0.2.7        1 1 0 0 0 0 0 0 0 0 3 0 0 0 0 0 0 0 Lmt: 2 0 AAge: 0.166h Mails: 3 Connects: 0 \
             AFails: 0 Excesses: 1 EAge: 0.027h"
        );
        let [_, nobody] = windows.of(key("2001:db8:9::1"), at(1_500)).lines(at(1_500));
        assert_eq!(
            nobody,
            "Slot-IPv6-data: 0 0 0 0 0 0 0 0 0 MAILs: 0 SLOTAGE: 0 Limit: 0 0 Excesses: 0 Latest: 0 Rcpts: 0"
        );
        let (all, more) = windows.behind(None, 10, at(1_500));
        let seen: Vec<String> = all.iter().map(|tracked| tracked.key.to_string()).collect();
        assert_eq!((seen, more), (Vec::from(["192.0.2.7".into(), "2001:db8::/64".into()]), None));
        let (first, more) = windows.behind(None, 1, at(1_500));
        assert_eq!((first.len(), more), (1, Some(ann)));
        assert_eq!(windows.behind(more, 10, at(1_500)).0.len(), 1);
        assert!(windows.behind(None, 10, at(9_000)).0.is_empty(), "their windows have passed");
    }
}
