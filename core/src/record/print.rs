//! Fingerprints: 64 bits of anything (FNV-1a). They find accidents; against somebody who wants to deceive they are
//! worth nothing, and nothing that is promised to a client rests on them.

use core::fmt;

/// A fingerprint in the making. Text can be written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print(u64);

impl Default for Print {
    fn default() -> Self {
        Print(0xcbf2_9ce4_8422_2325)
    }
}

impl Print {
    /// Adds octets.
    pub(super) fn add(&mut self, octets: impl IntoIterator<Item = u8>) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The fingerprint of what was added so far.
    pub(super) fn value(self) -> u64 {
        self.0
    }

    /// The fingerprint of a text.
    pub(super) fn of(text: fmt::Arguments<'_>) -> u64 {
        let mut print = Print::default();
        fmt::write(&mut print, text).expect("a fingerprint takes any text");
        print.value()
    }
}

impl fmt::Write for Print {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values_come_out() {
        assert_eq!(Print::of(format_args!("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Print::of(format_args!("foo{}", "bar")), 0x8594_4171_f739_67e8);
    }
}
