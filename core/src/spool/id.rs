//! The spool id: one word from a file's inode number and modification time, the same that a ZMailer router
//! computes for the file. It appears in the accepting reply and in the logs.

use super::report::Stored;
use alloc::string::String;
use core::fmt;

/// The alphabet in which dates are written, value 0 first. The digit 0 stands in it twice; the first 64 count.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123abcdefghijklmnopqrstuvwxyz4567890-";

fn letter(value: i64) -> char {
    let six_bits = usize::try_from(value & 63).expect("six bits fit");
    char::from(ALPHABET[six_bits])
}

/// A spool id such as `S1234567AfrKWFoj`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpoolId(String);

impl SpoolId {
    /// The id of a stored message.
    pub fn of(stored: Stored) -> SpoolId {
        let mut text = alloc::format!("S{}", stored.inode);
        let second = jiff::Timestamp::from_second(stored.mtime_seconds).unwrap_or_default();
        let date = second.to_zoned(jiff::tz::TimeZone::UTC);
        let year = i64::from(date.year());
        for part in [
            year >> 12,
            year >> 6,
            year,
            i64::from(date.month()) - 1,
            i64::from(date.day()) - 1,
            i64::from(date.hour()),
            i64::from(date.minute()),
            i64::from(date.second()),
        ] {
            text.push(letter(part));
        }
        if stored.mtime_nanos != 0 {
            let nanos = i64::from(stored.mtime_nanos);
            for part in [nanos >> 24, nanos >> 18, nanos >> 12, nanos >> 6, nanos] {
                text.push(letter(part));
            }
        }
        SpoolId(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file name (inode number) that an id, or a bare number, speaks of; `None` when it is neither.
    pub fn file_name(id: &str) -> Option<&str> {
        let rest = id.strip_prefix('S').unwrap_or(id);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    }
}

impl fmt::Display for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_inode_and_time() {
        let id = SpoolId::of(Stored { inode: 4711, mtime_seconds: 1_641_085_506, mtime_nanos: 0 });
        // 2022-01-02T01:05:06Z: the year in three letters, then month, day, hour, minute, second.
        assert_eq!(id.as_str(), "S4711AbiABBFG");
        assert_eq!(SpoolId::file_name(id.as_str()), Some("4711"));
        assert_eq!(SpoolId::file_name("4711"), Some("4711"));
        assert_eq!(SpoolId::file_name("Sx"), None);
    }

    #[test]
    fn nanoseconds_add_five_letters() {
        let id = SpoolId::of(Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 999_999_999 });
        assert_eq!(id.as_str().len(), 2 + 8 + 5);
    }
}
