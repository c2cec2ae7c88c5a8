//! Numbers and octet strings as a log holds them: numbers in groups of seven bits, the lowest first; strings behind
//! their length. What is read is bounded before anything is done with it.

use super::fault::{LogFault, LogFaultKind};
use alloc::vec::Vec;

/// Appends a number.
pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a number that may be negative; small ones of either sign stay short.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Appends a length.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_number(out, u64::try_from(length).expect("a length in memory fits 64 bits"));
}

/// Where the reader of a log is.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(octets: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { octets, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.octets.len()
    }

    pub(super) fn fault(&self, kind: LogFaultKind) -> LogFault {
        LogFault { at: self.at, kind }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], LogFault> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.octets.len());
        let end = end.ok_or(LogFault { at: self.octets.len(), kind: LogFaultKind::Truncated })?;
        let taken = &self.octets[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn octet(&mut self) -> Result<u8, LogFault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn octets<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], LogFault> {
        Ok(self.take(COUNT)?.try_into().expect("as many as were taken"))
    }

    pub(super) fn number(&mut self) -> Result<u64, LogFault> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let bits = u64::from(octet & 0x7f);
            // The last group has room for one bit.
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.fault(LogFaultKind::Unfit("a number of more than 64 bits")))
    }

    pub(super) fn signed(&mut self) -> Result<i64, LogFault> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn number32(&mut self) -> Result<u32, LogFault> {
        u32::try_from(self.number()?).map_err(|_| self.fault(LogFaultKind::Unfit("a number above its bound")))
    }

    pub(super) fn number_in_memory(&mut self) -> Result<usize, LogFault> {
        usize::try_from(self.number()?)
            .map_err(|_| self.fault(LogFaultKind::Unfit("a number above its bound")))
    }

    /// A string of at most `most` octets.
    pub(super) fn string(&mut self, most: usize) -> Result<&'a [u8], LogFault> {
        let length = self.number_in_memory()?;
        if length > most {
            return Err(self.fault(LogFaultKind::TooLong));
        }
        self.take(length)
    }

    /// A fingerprint.
    pub(super) fn print(&mut self) -> Result<u64, LogFault> {
        let octets = self.take(8)?;
        Ok(octets.iter().rev().fold(0, |print, octet| print << 8 | u64::from(*octet)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(number in any::<u64>(), signed in any::<i64>()) {
            let mut out = Vec::new();
            put_number(&mut out, number);
            put_signed(&mut out, signed);
            let mut cursor = Cursor::new(&out, 0);
            prop_assert_eq!(cursor.number(), Ok(number));
            prop_assert_eq!(cursor.signed(), Ok(signed));
            prop_assert!(cursor.is_at_end());
        }
    }

    #[test]
    fn the_extremes_come_back_and_more_is_refused() {
        let mut out = Vec::new();
        for number in [i64::MIN, -1, 0, i64::MAX] {
            put_signed(&mut out, number);
        }
        put_number(&mut out, u64::MAX);
        let mut cursor = Cursor::new(&out, 0);
        for number in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(cursor.signed(), Ok(number));
        }
        assert_eq!(cursor.number(), Ok(u64::MAX));
        assert!(Cursor::new(&[0xff; 10], 0).number().is_err());
        assert!(Cursor::new(&[0xff; 3], 0).number().is_err());
        assert!(Cursor::new(&[5, 1, 2], 0).string(10).is_err());
        assert!(Cursor::new(&[5, 1, 2, 3, 4, 5], 0).string(4).is_err());
    }
}
