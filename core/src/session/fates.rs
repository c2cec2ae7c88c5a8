//! What became of the octets that a client sent, for whoever records a session: which were commands, which were a
//! message. Nothing is noted in a session that nobody watches.

use super::state::State;
use super::{Flow, Session};
use crate::now::Now;
use crate::peer::Peer;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What octets were to the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A command line, or the part of one up to its fault.
    Line,
    /// The rest of a broken line, or one of a login.
    Rest,
    /// A line of a login; these octets say as much of it as may be known, and are as many.
    Harmless(Vec<u8>),
    /// Part of a message, or of a chunk that nobody wanted.
    Message,
}

/// The fates of octets, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Fates {
    used: Vec<(Fate, usize)>,
    /// What the octets are that are being looked at. It stays when an assertion of ours breaks meanwhile.
    under_way: Option<Fate>,
    /// What is to be noted of the line that is being looked at.
    harmless: Option<Vec<u8>>,
}

impl Session {
    /// From now on the fates of octets are noted.
    pub(crate) fn watch(&mut self) {
        self.fates = Some(Box::default());
    }

    /// The fates of octets that were used since the last call.
    pub(crate) fn take_fates(&mut self) -> Vec<(Fate, usize)> {
        self.fates.as_mut().map(|fates| core::mem::take(&mut fates.used)).unwrap_or_default()
    }

    /// What the octets are that follow the used ones, when the session broke an assertion over them.
    pub(crate) fn fate_under_way(&self) -> Option<Fate> {
        self.fates.as_ref().and_then(|fates| fates.under_way.clone())
    }

    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// The line that is being looked at may hold a secret: this may be known of it. Made only if somebody watches.
    pub(super) fn is_secret(&mut self, harmless: impl FnOnce() -> Vec<u8>) {
        if let Some(fates) = &mut self.fates {
            fates.harmless = Some(harmless());
        }
    }

    /// A step, noted if somebody watches.
    pub(super) fn step(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let Some(fates) = &mut self.fates else { return self.step_unwatched(now, rest) };
        let fate = self.state.fate();
        fates.under_way = Some(fate.clone());
        let before = rest.len();
        let flow = self.step_unwatched(now, rest);
        let used = before - rest.len();
        if let Some(fates) = &mut self.fates {
            fates.under_way = None;
            let fate = match fates.harmless.take() {
                Some(mut line) => {
                    // Its line end is no secret, and was not looked at.
                    line.extend_from_slice(b"\r\n");
                    assert_eq!(line.len(), used, "filler of another length than its line");
                    Fate::Harmless(line)
                }
                None => fate,
            };
            if used > 0 {
                fates.used.push((fate, used));
            }
        }
        flow
    }
}

impl State {
    /// What the next octets are. A state that uses none says something all the same.
    fn fate(&self) -> Fate {
        match self {
            State::Receiving(_) | State::InChunk(..) | State::Swallowing(_) | State::Unwanted(_) => {
                Fate::Message
            }
            State::Skipping { .. } | State::Login(_) => Fate::Rest,
            State::Unwelcome
            | State::Ready(_)
            | State::Opened(_)
            | State::Addressed(_)
            | State::Chunking(_)
            | State::ChunksRefused(..)
            | State::Hush { .. }
            | State::Early { .. }
            | State::Turning(_)
            | State::Securing { .. }
            | State::Greeting
            | State::Asking { .. }
            | State::Showing(_)
            | State::Storing(_)
            | State::Paused { .. }
            | State::Closing
            | State::Moving => Fate::Line,
        }
    }
}
