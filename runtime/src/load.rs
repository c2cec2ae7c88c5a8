//! How busy the machine is. What follows from that is decided elsewhere.

/// The load average of the last minute, in hundredths; `None` where the system does not tell.
pub(crate) fn average() -> Option<u64> {
    // Not a file but the system's answer: it does not wait for a disk.
    hundredths(&std::fs::read_to_string("/proc/loadavg").ok()?)
}

/// The first number of a text such as `0.52 0.58 0.59 1/467 12345`, in hundredths.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_whitespace().next()?.split_once('.')?;
    let decimals: u64 = decimals.get(..2)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_words() {
        assert_eq!(hundredths("0.52 0.58 0.59 1/467 12345\n"), Some(52));
        assert_eq!(hundredths("20.05 1.00 1.00 9/9 9\n"), Some(2005));
        for text in ["", "x", "1", "1.", "1.x", "99999999999999999999.00"] {
            assert_eq!(hundredths(text), None, "{text}");
        }
        #[cfg(target_os = "linux")]
        assert!(average().is_some());
    }
}
