//! A stream of commands that was written before anybody could answer it (BSMTP). Nobody waits for a 354, so the text of
//! a message follows its DATA whatever was said to it: it must never be taken for commands.

use super::pace::Pace;
use super::state::{State, Unwanted};
use super::{Flow, Session};
use crate::config::manners::Batch;
use crate::event::Outcome;
use crate::now::Now;
use crate::wire::dotted::DottedReader;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Lines of a batch that were used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BatchLines {
    /// Those that have ended.
    whole: u64,
    /// Another one has begun.
    begun: bool,
}

impl Session {
    pub(super) fn batch(&self) -> Option<Batch> {
        self.settings.manners.batch
    }

    /// The state after a DATA that was refused: in a batch the text comes all the same, and what follows it is another
    /// transaction.
    pub(super) fn after_refused_data(&mut self, now: Now, then: State) -> State {
        if self.batch().is_none() {
            return then;
        }
        let then = self.after_refused_mail(now, then);
        let reader = DottedReader::new(self.bare_newline());
        State::Unwanted(Box::new(Unwanted { reader, pace: Pace::new(now.instant), then }))
    }

    /// The state after a MAIL within a transaction was refused. Whoever wrote a batch did not hear of that: recipients
    /// that follow must not be added to those of another message.
    pub(super) fn after_refused_mail(&mut self, now: Now, then: State) -> State {
        if self.batch().is_none() {
            return then;
        }
        State::Ready(self.give_up(now.instant, then, Outcome::Reset))
    }

    /// These octets were used. In a batch their lines are counted, so that whoever wrote it can find what was refused.
    pub(super) fn took(&mut self, octets: &[u8]) {
        if self.batch().is_some() {
            let lines = memchr::memchr_iter(b'\n', octets).count();
            self.lines.whole = self.lines.whole.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
            if let Some(last) = octets.last() {
                self.lines.begun = *last != b'\n';
            }
        }
    }

    /// The line of the batch in which we are, counted from 1.
    pub(super) fn batch_line(&self) -> Option<u64> {
        self.batch().map(|_| self.lines.whole + u64::from(self.lines.begun))
    }

    /// Throws text away, up to its end.
    pub(super) fn skip_text(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let State::Unwanted(mut unwanted) = self.leave_state() else {
            unreachable!("the state was looked at by the caller")
        };
        let mut dropped = Vec::new();
        unwanted.reader.discard_from_now();
        let progress = unwanted.reader.read(rest, &mut dropped);
        self.took(&rest[..progress.used]);
        *rest = &rest[progress.used..];
        unwanted.pace.came(now.instant, progress.used);
        if progress.ended {
            self.since = now.instant;
            self.state = unwanted.then;
        } else {
            self.state = State::Unwanted(unwanted);
        }
        Flow::Again
    }

    /// Repeats a command in front of its reply, where that is wished.
    pub(super) fn echo(&mut self, line: &[u8]) {
        if self.batch().is_some_and(|batch| batch.echo) {
            self.outbox.extend(line.iter().map(|octet| if octet.is_ascii_control() { b'?' } else { *octet }));
            self.outbox.extend_from_slice(b"\r\n");
        }
    }
}
