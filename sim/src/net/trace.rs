//! What happened in a world, with its simulated time: a hash always, the lines themselves when somebody wants to read
//! them. Two runs of a seed are the same when their hashes are.

use super::clock::StepClock;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// FNV-1a, 64 bits: fixed for ever, unlike the hasher of the standard library.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

fn hash(basis: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(basis, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(PRIME))
}

/// Octets as a trace spells them: the first of them, and a hash of all when there are more.
pub(super) struct Octets<'a>(pub(super) &'a [u8]);

impl fmt::Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        match self.0.get(..SHOWN) {
            None => write!(f, "\"{}\"", self.0.escape_ascii()),
            Some(head) => {
                let (octets, hash) = (self.0.len(), hash(BASIS, self.0));
                write!(f, "\"{}\"... {octets} octets, {hash:016x}", head.escape_ascii())
            }
        }
    }
}

/// The trace.
#[derive(Debug)]
pub(crate) struct Trace {
    clock: Arc<StepClock>,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// An empty trace; `lines` says whether they are kept.
    pub(crate) fn new(clock: Arc<StepClock>, lines: bool) -> Arc<Trace> {
        let inside = Mutex::new(Inside { hash: BASIS, lines: lines.then(Vec::new) });
        Arc::new(Trace { clock, inside })
    }

    /// The time since the world's beginning.
    pub(crate) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Something happened to somebody.
    pub(crate) fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        let line = format!("{:>10.3} {who}: {what}", self.now().as_secs_f64());
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.hash = hash(inside.hash, line.as_bytes());
        if let Some(lines) = &mut inside.lines {
            lines.push(line);
        }
    }

    /// The hash of all that was noted.
    pub(crate) fn hash(&self) -> u64 {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).hash
    }

    /// The lines, if they are kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).lines.clone().unwrap_or_default()
    }
}
