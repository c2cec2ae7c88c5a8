//! Where a command line ends: at CRLF and nowhere else.
//!
//! Without state: the session keeps the octets until a line is whole. This file never looks at what a line says.

use memchr::{memchr, memchr3};

/// What [`find`] sees at the head of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole line.
    Line {
        /// The octets before the CRLF; no CR, LF or NUL is among them.
        text: &'a [u8],
        /// How many octets of input the line took, with its CRLF.
        used: usize,
    },
    /// No CRLF yet, and nothing wrong so far.
    Incomplete,
    /// Not a line, and it cannot become one. The rest up to the next CRLF is to be thrown away by [`discard`].
    Broken {
        /// What is wrong; the first fault counts.
        fault: LineFault,
        /// How many octets to drop before [`discard`] goes on; never half of a CRLF.
        used: usize,
    },
}

/// Why some octets are not a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineFault {
    /// A CR that no LF follows.
    BareCr,
    /// An LF that no CR precedes.
    BareLf,
    /// An octet of value zero.
    Nul,
    /// No CRLF within the greatest length.
    TooLong,
}

/// The first line of `input`; `max` is the greatest length of a line in octets, its CRLF counted.
///
/// A CR that is the very last octet of the input is not bare yet. The answer depends on the octets alone and not
/// on how they came: once it is not [`Found::Incomplete`], more input does not change it.
///
/// Spec: RFC 2821 §2.3.7, RFC 2821 §4.5.3.1.
pub fn find(input: &[u8], max: usize) -> Found<'_> {
    // Octets behind the limit must not matter, or the verdict would depend on segmentation.
    let window = &input[..input.len().min(max)];
    let full = window.len() == max;
    let Some(at) = memchr3(b'\r', b'\n', 0, window) else {
        return if full { Found::Broken { fault: LineFault::TooLong, used: max } } else { Found::Incomplete };
    };
    let broken = |fault| Found::Broken { fault, used: at + 1 };
    match (window[at], window.get(at + 1)) {
        (b'\r', Some(b'\n')) => Found::Line { text: &window[..at], used: at + 2 },
        (b'\r', Some(_)) => broken(LineFault::BareCr),
        // The CR may be half of the CRLF that ends this line: it is left for `discard`.
        (b'\r', None) if full => Found::Broken { fault: LineFault::TooLong, used: at },
        (b'\r', None) => Found::Incomplete,
        (b'\n', _) => broken(LineFault::BareLf),
        (_, _) => broken(LineFault::Nul),
    }
}

/// While a broken line is thrown away: how many octets to drop, and whether the CRLF that ends the line was among
/// them. A CR at the end of the input stays, because the LF may still come.
pub fn discard(input: &[u8]) -> (usize, bool) {
    let mut from = 0;
    while let Some(found) = memchr(b'\n', &input[from..]) {
        let at = from + found;
        if at > 0 && input[at - 1] == b'\r' {
            return (at + 1, true);
        }
        from = at + 1;
    }
    let kept = usize::from(input.last() == Some(&b'\r'));
    (input.len() - kept, false)
}

#[cfg(test)]
mod tests;
