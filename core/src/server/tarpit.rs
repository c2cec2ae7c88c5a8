//! The tarpit: how long a refusal waits before it is said. Arithmetic on integers, so that every machine waits
//! the same microseconds. It never waits itself and never decides which replies are slowed.

use crate::now::Duration;
use core::fmt;

/// Longest delay that a rule may ask for: a day, in microseconds. No client waits that long.
const DELAY_MICROS_MAX: u64 = 86_400_000_000;
/// Fastest growth that a rule may ask for: a thousandfold, in millionths.
const EXPONENT_MILLIONTHS_MAX: u64 = 1_000_000_000;
/// Delays up to this many microseconds are none: the ancestor compared with 0.9999 seconds.
const NO_DELAY_MICROS: u64 = 999_900;
/// Digits that may stand behind a decimal point.
const DECIMALS_MAX: usize = 6;

/// `PARAM tarpit initial exponent toplimit` (manual): the first delay, by how much it grows, and its cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TarpitRule {
    /// The first delay in microseconds; below one second the tarpit is off.
    pub initial_micros: u64,
    /// Growth in millionths: the next delay is the one before plus this share of it.
    pub exponent_millionths: u64,
    /// The cap in microseconds; it holds for the first delay too, so 0 turns the tarpit off.
    pub top_micros: u64,
}

impl TarpitRule {
    /// Reads the three numbers of the parameter, such as `20 0.1 300`: decimal, seconds first and last.
    pub fn parse(text: &str) -> Result<TarpitRule, TarpitFault> {
        if text.split_ascii_whitespace().count() != 3 {
            return Err(TarpitFault { at: 0, kind: TarpitFaultKind::NotThree });
        }
        let mut rest = text;
        let mut number = |most: u64| {
            let from_here = rest.trim_ascii_start();
            let at = text.len() - from_here.len();
            let end = from_here.find(|c: char| c.is_ascii_whitespace()).unwrap_or(from_here.len());
            let (word, behind) = from_here.split_at(end);
            rest = behind;
            match millionths(word) {
                Err(fault) => Err(TarpitFault { at, kind: TarpitFaultKind::Number(fault) }),
                Ok(value) if value > most => Err(TarpitFault { at, kind: TarpitFaultKind::TooBig }),
                Ok(value) => Ok(value),
            }
        };
        Ok(TarpitRule {
            initial_micros: number(DELAY_MICROS_MAX)?,
            exponent_millionths: number(EXPONENT_MILLIONTHS_MAX)?,
            top_micros: number(DELAY_MICROS_MAX)?,
        })
    }
}

/// What is wrong with the text of a tarpit rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TarpitFault {
    /// The octet of the text, counted from 0, at which the wrong word begins.
    pub at: usize,
    /// What is wrong with it.
    pub kind: TarpitFaultKind,
}

/// The ways in which the text of a tarpit rule is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TarpitFaultKind {
    /// There are not exactly three numbers.
    NotThree,
    /// A word is no decimal number.
    Number(DecimalFault),
    /// A delay above a day, or a growth above a thousandfold.
    TooBig,
}

impl fmt::Display for TarpitFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TarpitFaultKind::NotThree => f.write_str("wants three numbers: initial exponent toplimit"),
            TarpitFaultKind::Number(fault) => fault.fmt(f),
            TarpitFaultKind::TooBig => {
                f.write_str("is too big: delays go up to 86400 seconds, the exponent up to 1000")
            }
        }
    }
}

/// Why a word is not a decimal number that can be kept exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalFault {
    /// Something other than digits with at most one point among them.
    NotANumber,
    /// A minus sign.
    Negative,
    /// More than six digits behind the point.
    TooFine,
    /// More than can be held.
    TooBig,
}

impl fmt::Display for DecimalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecimalFault::NotANumber => "is not a decimal number such as 20 or 0.1",
            DecimalFault::Negative => "must not be negative",
            DecimalFault::TooFine => "has more than six digits behind the point",
            DecimalFault::TooBig => "is too big",
        })
    }
}

/// Reads a decimal number exactly, in millionths: `0.1` is 100,000. Seconds thus become microseconds.
pub(crate) fn millionths(word: &str) -> Result<u64, DecimalFault> {
    if word.starts_with('-') {
        return Err(DecimalFault::Negative);
    }
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !digits.clone().all(|octet| octet.is_ascii_digit()) {
        return Err(DecimalFault::NotANumber);
    }
    if fraction.len() > DECIMALS_MAX {
        return Err(DecimalFault::TooFine);
    }
    let padding = core::iter::repeat_n(b'0', DECIMALS_MAX - fraction.len());
    digits
        .chain(padding)
        .try_fold(0_u64, |sum, octet| sum.checked_mul(10)?.checked_add(u64::from(octet - b'0')))
        .ok_or(DecimalFault::TooBig)
}

/// A session's place in the tarpit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tarpit {
    rule: TarpitRule,
    next_micros: u64,
}

impl Tarpit {
    /// A fresh session's tarpit.
    pub fn new(rule: TarpitRule) -> Tarpit {
        Tarpit { rule, next_micros: rule.initial_micros.min(rule.top_micros) }
    }

    /// The delay of this refusal, `None` for none at all; each use makes the next one longer, up to the cap.
    pub fn delay(&mut self) -> Option<Duration> {
        let this_micros = self.next_micros;
        if this_micros <= NO_DELAY_MICROS {
            return None;
        }
        // The product needs up to 128 bits; whatever does not fit back is above every cap.
        let growth = u128::from(this_micros) * u128::from(self.rule.exponent_millionths) / 1_000_000;
        let growth = u64::try_from(growth).unwrap_or(u64::MAX);
        self.next_micros = this_micros.saturating_add(growth).min(self.rule.top_micros);
        Some(Duration::from_micros(this_micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn delays(rule: &str, uses: usize) -> Vec<u64> {
        let mut tarpit = Tarpit::new(TarpitRule::parse(rule).expect("a rule"));
        (0..uses).filter_map(|_| tarpit.delay()).map(crate::now::micros).collect()
    }

    #[test]
    fn delays_grow_to_the_cap() {
        assert_eq!(delays("20 0.1 300", 4), [20_000_000, 22_000_000, 24_200_000, 26_620_000]);
        assert_eq!(delays("100 1 300", 4), [100_000_000, 200_000_000, 300_000_000, 300_000_000]);
        assert_eq!(delays("5 0 300", 3), [5_000_000; 3]);
        assert_eq!(delays("400 0.5 300", 2), [300_000_000; 2], "the cap holds for the first delay");
    }

    #[test]
    fn a_small_delay_is_none_for_good() {
        for rule in ["0 0 0", "0.9999 9 300", "0 1 300", "20 0.1 0", "20 0.1 0.5"] {
            assert_eq!(delays(rule, 3), [0_u64; 0], "{rule}");
        }
        assert_eq!(delays("0.999901 0 300", 1), [999_901]);
    }

    #[test]
    fn growth_saturates() {
        let rule =
            TarpitRule { initial_micros: u64::MAX / 2, exponent_millionths: u64::MAX, top_micros: u64::MAX };
        let mut tarpit = Tarpit::new(rule);
        assert_eq!(tarpit.delay(), Some(Duration::from_micros(u64::MAX / 2)));
        assert_eq!(tarpit.delay(), Some(Duration::from_micros(u64::MAX)));
        assert_eq!(tarpit.delay(), Some(Duration::from_micros(u64::MAX)));
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        for (word, value) in [
            ("0", Ok(0)),
            ("0.1", Ok(100_000)),
            ("20", Ok(20_000_000)),
            (".5", Ok(500_000)),
            ("5.", Ok(5_000_000)),
            ("0.000001", Ok(1)),
            ("18446744073709.551615", Ok(u64::MAX)),
            ("18446744073709.551616", Err(DecimalFault::TooBig)),
            ("0.0000001", Err(DecimalFault::TooFine)),
            ("-1", Err(DecimalFault::Negative)),
            ("", Err(DecimalFault::NotANumber)),
            (".", Err(DecimalFault::NotANumber)),
            ("1e3", Err(DecimalFault::NotANumber)),
            ("+1", Err(DecimalFault::NotANumber)),
            ("1.2.3", Err(DecimalFault::NotANumber)),
            ("inf", Err(DecimalFault::NotANumber)),
            ("\u{0663}", Err(DecimalFault::NotANumber)),
        ] {
            assert_eq!(millionths(word), value, "{word:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        let fault = |at, kind| Err(TarpitFault { at, kind });
        for (text, expected) in [
            ("", fault(0, TarpitFaultKind::NotThree)),
            ("20 0.1", fault(0, TarpitFaultKind::NotThree)),
            ("20 0.1 300 1", fault(0, TarpitFaultKind::NotThree)),
            ("20 -0.1 300", fault(3, TarpitFaultKind::Number(DecimalFault::Negative))),
            ("20 0.1  x", fault(8, TarpitFaultKind::Number(DecimalFault::NotANumber))),
            ("86400.000001 0.1 300", fault(0, TarpitFaultKind::TooBig)),
            (" 20 1000.1 300", fault(4, TarpitFaultKind::TooBig)),
        ] {
            assert_eq!(TarpitRule::parse(text), expected, "{text:?}");
        }
    }

    proptest! {
        /// Each delay is at least a second or so, at most the cap, never shorter than the one before, and
        /// follows the manual's formula in exact fractions, rounded down to a microsecond.
        #[test]
        fn delays_follow_the_formula(initial in 0_u64..500_000_000, exponent in 0_u64..3_000_000, top in 0_u64..500_000_000) {
            let rule = TarpitRule { initial_micros: initial, exponent_millionths: exponent, top_micros: top };
            let mut tarpit = Tarpit::new(rule);
            let mut expected = u128::from(initial.min(top));
            for _ in 0..50 {
                match tarpit.delay() {
                    None => prop_assert!(expected <= 999_900),
                    Some(delay) => {
                        prop_assert_eq!(delay.as_micros(), expected);
                        prop_assert!(expected > 999_900);
                        expected = (expected * (1_000_000 + u128::from(exponent)) / 1_000_000).min(u128::from(top));
                    }
                }
            }
        }

        #[test]
        fn what_is_written_is_what_is_read(value in any::<u64>()) {
            let text = alloc::format!("{}.{:06}", value / 1_000_000, value % 1_000_000);
            prop_assert_eq!(millionths(&text), Ok(value));
        }

        #[test]
        fn no_text_breaks_the_parser(text in "[-+.0-9 a\u{fe}]{0,24}") {
            if let Ok(rule) = TarpitRule::parse(&text) {
                prop_assert!(rule.initial_micros <= DELAY_MICROS_MAX && rule.top_micros <= DELAY_MICROS_MAX);
            }
        }
    }
}
