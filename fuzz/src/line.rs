//! Lines: how octets are cut into lines must not depend on how they came.

use crate::{choice, pieces};
use smtpserver_core::wire::line::{Found, LineFault, discard, find};

/// What became of one line.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Line(Vec<u8>),
    Broken(LineFault),
}

/// The first octet chooses the greatest length, the second the size of the pieces; the rest is what the client sent.
pub fn line(data: &[u8]) {
    let (max, data) = choice(data);
    let (piece, input) = choice(data);
    let max = usize::from(max) + 2;
    let whole = cut([input].into_iter(), max);
    let parts = cut(pieces(input, piece), max);
    assert_eq!(whole, parts, "segmentation changed the lines");
}

/// What a session sees that keeps octets until a line is whole.
fn cut<'a>(sent: impl Iterator<Item = &'a [u8]>, max: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut kept: Vec<u8> = Vec::new();
    let mut discarding = false;
    for octets in sent {
        kept.extend_from_slice(octets);
        loop {
            if discarding {
                let (dropped, ended) = discard(&kept);
                kept.drain(..dropped);
                discarding = !ended;
                if discarding {
                    assert!(kept.len() <= 1, "discarding keeps at most a CR");
                    break;
                }
            }
            match find(&kept, max) {
                Found::Incomplete => {
                    assert!(kept.len() < max, "a line without end is never kept beyond its greatest length");
                    break;
                }
                Found::Line { text, used } => {
                    assert!(used == text.len() + 2 && used <= max);
                    assert!(!text.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)));
                    seen.push(Seen::Line(text.to_vec()));
                    kept.drain(..used);
                }
                Found::Broken { fault, used } => {
                    assert!(used <= max);
                    seen.push(Seen::Broken(fault));
                    kept.drain(..used);
                    discarding = true;
                }
            }
        }
    }
    seen
}
