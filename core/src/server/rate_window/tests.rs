//! Rate windows against examples and against a naive model that keeps every event with its time.

mod size;

use super::*;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use proptest::prelude::*;

fn source(last: u8) -> Key {
    Key::Source(Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))))
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn messages(messages: i64) -> RateLimit {
    RateLimit { messages, recipients: 0 }
}

const MICRO: Duration = Duration::from_micros(1);

#[test]
fn the_hour_slides() {
    let mut windows = RateWindows::new(10);
    let key = source(1);
    windows.count_message(key, at(100));
    windows.count_message(key, at(500));
    assert_eq!(windows.judge_message(key, at(600), messages(3)), RateVerdict::Within);
    let wait = |seconds| RateVerdict::Excess { retry_after: Duration::from_secs(seconds) };
    assert_eq!(windows.judge_message(key, at(600), messages(2)), wait(9 * 450 - 600));
    assert_eq!(windows.judge_message(key, at(600), messages(1)), wait(10 * 450 - 600));
    assert_eq!(windows.judge_message(key, at(9 * 450), messages(2)), RateVerdict::Within);
    assert_eq!(windows.judge_message(key, at(9 * 450), messages(1)), wait(450));
    assert_eq!(windows.judge_message(key, at(10 * 450), messages(1)), RateVerdict::Within);
    assert_eq!(windows.keys(), 0);
}

#[test]
fn limits_may_be_none_or_forbid() {
    let mut windows = RateWindows::new(10);
    let (key, limit) = (source(1), RateLimit { messages: 0, recipients: -5 });
    assert_eq!(windows.judge_message(key, at(1), limit), RateVerdict::Within);
    assert_eq!(windows.judge_recipient(key, at(1), limit), RateVerdict::Forbidden, "even an unknown one");
    windows.count_message(key, at(1));
    windows.count_recipients(key, at(1), u32::MAX);
    assert_eq!(windows.judge_message(key, at(1), limit), RateVerdict::Within);
    assert_eq!(windows.judge_recipient(key, at(1), limit), RateVerdict::Forbidden);
    let limit = RateLimit { messages: i64::MAX, recipients: i64::from(u32::MAX) };
    assert_eq!(windows.judge_message(key, at(2), limit), RateVerdict::Within);
    assert!(matches!(windows.judge_recipient(key, at(2), limit), RateVerdict::Excess { .. }));
}

#[test]
fn a_report_shows_slots_and_life() {
    let mut windows = RateWindows::new(10);
    let key = Key::user("ann");
    windows.count_connect(key, at(100));
    windows.count_mail(key, at(110));
    windows.count_message(key, at(120));
    windows.count_recipients(key, at(120), 7);
    windows.count_mail(key, at(1_000));
    windows.count_message(key, at(1_000));
    let limit = RateLimit { messages: 1, recipients: 50 };
    assert!(matches!(windows.judge_message(key, at(1_010), limit), RateVerdict::Excess { .. }));
    let ages = [117, 567, 1_017, 0, 0, 0, 0, 0, 0].map(Duration::from_secs);
    let expected = RateReport {
        slot_ages: ages,
        messages: [1, 0, 1, 0, 0, 0, 0, 0, 0],
        recipients: [0, 0, 7, 0, 0, 0, 0, 0, 0],
        mails: 2,
        connects: 1,
        excesses: 1,
        excess_age: Some(Duration::from_secs(7)),
        age: Some(Duration::from_secs(917)),
        limit,
    };
    assert_eq!(windows.report(key, at(1_017)), expected);
    let nobody = RateReport {
        slot_ages: ages,
        messages: [0; SLOTS],
        recipients: [0; SLOTS],
        mails: 0,
        connects: 0,
        excesses: 0,
        excess_age: None,
        age: None,
        limit: RateLimit::default(),
    };
    assert_eq!(windows.report(Key::user("bob"), at(1_017)), nobody);
    let later = windows.report(key, at(1_017 + 450));
    assert_eq!(later.messages, [0, 1, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(later.slot_ages[0], ages[0]);
    assert_eq!(later.slot_ages[3], Duration::from_secs(1_467));
}

#[test]
fn the_table_stays_bounded_and_holds_on_to_whoever_is_over() {
    let mut windows = RateWindows::new(3);
    windows.count_message(source(1), at(1));
    assert!(matches!(windows.judge_message(source(1), at(1), messages(1)), RateVerdict::Excess { .. }));
    for last in 2..=100 {
        windows.count_message(source(last), at(u64::from(last)));
    }
    assert_eq!((windows.keys(), windows.evicted()), (3, 97));
    assert!(matches!(windows.judge_message(source(1), at(200), messages(1)), RateVerdict::Excess { .. }));
}

#[test]
fn a_million_entries_have_room() {
    // With the two trees around it an entry needs about 70 octets more: a million stay below 200 MB.
    assert!(size_of::<Key>() <= 17);
    assert!(size_of::<RateWindow>() <= 100);
}

#[test]
fn users_are_told_apart() {
    // The value for the empty text is the hash's own starting value; the other is from its published tests.
    assert_eq!(UserKey::of("").0, 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128.to_be_bytes());
    assert_eq!(UserKey::of("a").0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964_u128.to_be_bytes());
    assert_ne!(Key::user("ann"), Key::user("Ann"));
}

#[derive(Clone, Debug)]
enum Step {
    Message,
    Recipients(u32),
    JudgeMessage(i64),
    JudgeRecipient(i64),
    Report,
}

fn steps() -> impl Strategy<Value = Vec<(u8, u64, Step)>> {
    let step = prop_oneof![
        4 => Just(Step::Message),
        4 => (0_u32..5).prop_map(Step::Recipients),
        2 => (-1_i64..12).prop_map(Step::JudgeMessage),
        2 => (-1_i64..12).prop_map(Step::JudgeRecipient),
        1 => Just(Step::Report),
    ];
    // Microseconds until the step: often none, sometimes exactly a slot or several, rarely more than all nine.
    let later = prop_oneof![
        3 => Just(0_u64),
        3 => 0_u64..300_000_000,
        2 => (1_u64..4).prop_map(|slots| slots * 450_000_000),
        1 => 0_u64..6_000_000_000,
    ];
    prop::collection::vec((0_u8..3, later, step), 0..150)
}

/// Every event with its time: key, microsecond, messages, recipients.
type Events = Vec<(u8, u64, u64, u64)>;

/// Messages and recipients in the slot that is `back` before the one that runs at `now`.
fn naive_slot(events: &Events, who: u8, now: u64, back: u64) -> (u64, u64) {
    let slot = |time: u64| time / 450_000_000;
    let meant = events.iter().filter(|(key, time, ..)| *key == who && slot(*time) + back == slot(now));
    meant.fold((0, 0), |sum, event| (sum.0 + event.2, sum.1 + event.3))
}

/// The verdict, found by trying: the first slot at whose start the count is below the limit.
fn naive_verdict(sum_at: impl Fn(u64) -> u64, now: u64, limit: i64) -> RateVerdict {
    let Ok(limit) = u64::try_from(limit) else { return RateVerdict::Forbidden };
    if limit == 0 || sum_at(now) < limit {
        return RateVerdict::Within;
    }
    let starts = (1..).map(|slots| (now / 450_000_000 + slots) * 450_000_000);
    let room = starts.into_iter().find(|start| sum_at(*start) < limit).expect("within nine slots");
    RateVerdict::Excess { retry_after: Duration::from_micros(room - now) }
}

proptest! {
    #[test]
    fn windows_count_like_one_that_keeps_everything(steps in steps()) {
        let mut windows = RateWindows::new(100);
        let mut events = Events::new();
        let mut now = 0;
        for (who, later, step) in steps {
            now += later;
            let (key, instant) = (source(who), Instant::from_micros(now));
            let sums = |time: u64| {
                (0..9).map(|back| naive_slot(&events, who, time, back)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
            };
            match step {
                Step::Message => {
                    windows.count_message(key, instant);
                    events.push((who, now, 1, 0));
                }
                Step::Recipients(number) => {
                    windows.count_recipients(key, instant, number);
                    events.push((who, now, 0, number.into()));
                }
                Step::JudgeMessage(most) => {
                    let limit = RateLimit { messages: most, recipients: 1 };
                    let verdict = windows.judge_message(key, instant, limit);
                    prop_assert_eq!(verdict, naive_verdict(|time| sums(time).0, now, most));
                }
                Step::JudgeRecipient(most) => {
                    let limit = RateLimit { messages: 1, recipients: most };
                    let verdict = windows.judge_recipient(key, instant, limit);
                    prop_assert_eq!(verdict, naive_verdict(|time| sums(time).1, now, most));
                    if let RateVerdict::Excess { retry_after } = verdict {
                        // Asked again just before and just then, on a copy of the future.
                        prop_assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(9 * 450));
                        let (before, then) = (instant + retry_after - MICRO, instant + retry_after);
                        let left = |at: Instant| i64::try_from(sums(at.micros()).1).expect("small");
                        prop_assert!(left(before) >= most && left(then) < most);
                    }
                }
                Step::Report => {
                    let report = windows.report(key, instant);
                    for back in 0..9_u64 {
                        let slot = usize::try_from(back).expect("small");
                        let shown = (report.messages[slot].into(), report.recipients[slot].into());
                        prop_assert_eq!(shown, naive_slot(&events, who, now, back));
                    }
                }
            }
        }
    }
}
