//! A field of a message's header that somebody else wants written: whether it is one (RFC 5322 §2.2), so that nothing can
//! begin another field, or the body.

/// Octets of a line of a message without its end.
///
/// Spec: RFC 5322 §2.1.1.
const LINE_OCTETS_MAX: usize = 998;

/// Whether it may be the name of a field.
pub fn is_field_name(name: &[u8]) -> bool {
    (1..=LINE_OCTETS_MAX).contains(&name.len())
        && name.iter().all(|octet| octet.is_ascii_graphic() && *octet != b':')
}

/// Whether it is a field of one line: a name, a colon and printable ASCII.
pub fn is_field(line: &str) -> bool {
    let Some((name, value)) = line.split_once(':') else { return false };
    let printable = |octet: u8| octet.is_ascii_graphic() || matches!(octet, b' ' | b'\t');
    line.len() <= LINE_OCTETS_MAX && is_field_name(name.as_bytes()) && value.bytes().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_field_is_one_line() {
        for line in ["X: y", "X:", "X-Greylist: delayed 300 seconds\tby x", "!: y"] {
            assert!(is_field(line), "{line:?}");
        }
        for line in ["", ":", "X", "X y: z", "X : y", "X: y\nZ: w", "X: y\r", "X: \0", "X: ä", " X: y"] {
            assert!(!is_field(line), "{line:?}");
        }
        assert!(!is_field(&(String::from("X: ") + &"y".repeat(LINE_OCTETS_MAX))));
    }
}
