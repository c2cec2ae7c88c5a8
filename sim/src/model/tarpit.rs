//! The tarpit's twin: counts from the beginning every time.

use smtpserver_core::server::tarpit::TarpitRule;
use std::time::Duration;

/// Up to here, in microseconds, there is no delay at all.
const NO_DELAY: u128 = 999_900;

/// How long the tarpitted refusal number `nth` (from 0) of a session waits.
pub fn delay(rule: TarpitRule, nth: u32) -> Duration {
    let top = u128::from(rule.top_micros);
    let mut micros = u128::from(rule.initial_micros).min(top);
    if micros <= NO_DELAY {
        return Duration::ZERO;
    }
    for _ in 0..nth {
        micros += micros * u128::from(rule.exponent_millionths) / 1_000_000;
        micros = micros.min(top);
    }
    Duration::from_micros(u64::try_from(micros).expect("the top limit fits 64 bits"))
}
