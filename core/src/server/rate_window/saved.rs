//! Rate windows as text, so that they outlive a process: a line a key. The steady clock of the process that reads them
//! must go on where that of the writer was.

use super::{Key, RateWindow, RateWindows, Second, UserKey};
use crate::now::Instant;
use crate::peer::Source;
use crate::server::table::{Counts, SLOTS};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::IpAddr;

/// Numbers of a line besides its key and the counts of slots.
const PLAIN: usize = 8;

impl RateWindows {
    /// Appends lines about the keys behind `last`, in their order, so many at most. Gives the last of them where more may
    /// follow.
    pub fn save(&self, last: Option<Key>, most: usize, out: &mut String) -> Option<Key> {
        let mut last = last;
        for _ in 0..most {
            let (key, window, counted) = self.table.entry_behind(last.as_ref())?;
            match key {
                Key::Source(source) => write!(out, "source {source}"),
                Key::User(UserKey(hash)) => write!(out, "user {:032x}", u128::from_be_bytes(*hash)),
            }
            .expect("writing to memory");
            let RateWindow { first, mails, connects, excesses, excess_last, .. } = window;
            write!(
                out,
                " {} {} {mails} {connects} {excesses} {} {} {}",
                counted.number(),
                first.number(),
                excess_last.number(),
                window.messages_max,
                window.recipients_max
            )
            .expect("writing to memory");
            for count in window.messages.slots().iter().chain(window.recipients.slots()) {
                write!(out, " {count}").expect("writing to memory");
            }
            out.push('\n');
            last = Some(*key);
        }
        last
    }

    /// Takes one of these lines in. What has left the window is left out, and so is whoever was counted already. `None`
    /// when it is no such line.
    pub fn restore(&mut self, line: &str, now: Instant) -> Option<()> {
        let mut words = line.split(' ');
        let key = match (words.next()?, words.next()?) {
            ("source", text) => {
                let address = text.strip_suffix("/64").unwrap_or(text).parse::<IpAddr>().ok()?;
                Key::Source(Source::of(address))
            }
            ("user", text) => Key::User(UserKey(u128::from_str_radix(text, 16).ok()?.to_be_bytes())),
            _ => return None,
        };
        let numbers: Vec<i64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let (plain, slots) = numbers.split_at_checked(PLAIN)?;
        let (messages, recipients) = slots.split_at_checked(SLOTS)?;
        let count = |number: i64| u32::try_from(number).ok();
        let limit = |number: i64| i32::try_from(number).ok();
        let [counted, first, mails, connects, excesses, excess_last, messages_max, recipients_max] =
            *plain.first_chunk()?;
        let window = RateWindow {
            messages: counts(messages)?,
            recipients: counts(recipients)?,
            first: Second::new(count(first)?),
            mails: count(mails)?,
            connects: count(connects)?,
            excesses: count(excesses)?,
            excess_last: Second::new(count(excess_last)?),
            messages_max: limit(messages_max)?,
            recipients_max: limit(recipients_max)?,
        };
        self.table.restore(&key, window, Second::new(count(counted)?), now);
        Some(())
    }
}

fn counts(numbers: &[i64]) -> Option<Counts> {
    let numbers: Vec<u32> =
        numbers.iter().map(|number| u32::try_from(*number).ok()).collect::<Option<_>>()?;
    numbers.try_into().ok().map(Counts::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Duration;
    use crate::server::rate_window::RateLimit;
    use alloc::vec;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn saved(windows: &RateWindows) -> String {
        let (mut text, mut last) = (String::new(), None);
        loop {
            last = windows.save(last, 2, &mut text);
            if last.is_none() {
                return text;
            }
        }
    }

    fn restored(text: &str, now: Instant) -> RateWindows {
        let mut windows = RateWindows::default();
        for line in text.lines() {
            windows.restore(line, now).expect("a line");
        }
        windows
    }

    #[test]
    fn what_is_saved_comes_back_to_the_second() {
        let keys: Vec<Key> = ["192.0.2.7", "2001:db8::1", "::ffff:198.51.100.1"]
            .map(|text| Key::Source(Source::of(text.parse().expect("an address"))))
            .into_iter()
            .chain([Key::user("ann"), Key::user("")])
            .collect();
        let mut windows = RateWindows::default();
        let limit = RateLimit { messages: 3, recipients: -1 };
        for (number, key) in keys.iter().enumerate() {
            let number = u64::try_from(number).expect("few");
            for step in 0..=number {
                let now = at(step * 500);
                windows.count_connect(*key, now);
                windows.count_mail(*key, now);
                windows.count_message(*key, now);
                windows.count_recipients(*key, now, 7);
                windows.judge_message(*key, now, limit);
            }
        }
        let text = saved(&windows);
        assert_eq!(text.lines().count(), keys.len());
        for later in [2_000, 3_000, 4_100] {
            let mut again = restored(&text, at(later));
            for key in &keys {
                assert_eq!(again.report(*key, at(later)), windows.report(*key, at(later)), "{key:?} {later}");
            }
        }
        assert_eq!(restored(&text, at(100_000)).keys(), 0, "all of it is past");
        assert_eq!(restored(&text, at(0)).keys(), 1, "what is not yet is not believed");
    }

    #[test]
    fn nothing_else_is_a_line() {
        let mut windows = RateWindows::default();
        windows.count_mail(Key::user("ann"), at(0));
        let line = saved(&windows);
        let line = line.trim_end();
        let bad = vec![
            String::new(),
            "source".into(),
            line.replace("user", "users"),
            line.replacen('0', "x", 1).replace("user ", "user x"),
            alloc::format!("{line} 0"),
            line.rsplit_once(' ').expect("words").0.into(),
            line.replace(" 1 ", " -1 "),
        ];
        for line in bad {
            assert_eq!(RateWindows::default().restore(&line, at(0)), None, "{line}");
        }
    }
}
