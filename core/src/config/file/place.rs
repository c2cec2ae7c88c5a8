//! The value of a Bind line: an address, and perhaps a port.

use crate::config::bind::BindAddress;
use crate::config::param::{Unfit, split};
use core::ops::Range;

/// An address, and a port where one may stand. A fault comes with its octets.
pub(super) fn place(
    text: &str,
    with_port: bool,
) -> Result<(BindAddress, Option<u16>), (Range<usize>, Unfit)> {
    let begin = text.len() - text.trim_start_matches([' ', '\t']).len();
    // `[IPv6 ::1]` has a blank in it.
    let end = match text[begin..].strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(length) => begin + length + 2,
        None => begin + text[begin..].find([' ', '\t']).unwrap_or(text.len() - begin),
    };
    if begin == end {
        return Err((end..end, Unfit::Missing));
    }
    let word = text[begin..end].trim_matches(['"', '\'']);
    let address = BindAddress::read(word).ok_or((begin..end, Unfit::NotAnAddress))?;
    let words = split(&text[end..]).map_err(|at| (end + at..text.len(), Unfit::OpenQuote))?;
    let mut words = words.iter().map(|word| (end + word.at..end + word.end, word.text));
    let port = match words.next() {
        None => None,
        Some((at, _)) if !with_port || at.start == end => return Err((at, Unfit::Unwanted)),
        Some((at, word)) => {
            let digits = word.bytes().all(|octet| octet.is_ascii_digit());
            let port =
                word.parse().map_err(|_| (at, if digits { Unfit::OutOfRange } else { Unfit::NotWhole }))?;
            Some(port)
        }
    };
    match words.next() {
        Some((at, _)) => Err((at, Unfit::Unwanted)),
        None => Ok((address, port)),
    }
}
