//! One helper: `Starting -> Hungry -> Busy -> Hungry ...`, and in the end it is gone. One that is a connection and speaks
//! in paragraphs is hungry as soon as the connection stands. It understands what the helper says in
//! the light of what it was asked, and judges nothing beyond that.

use super::farm::{Fault, JobId};
use super::line::{Heard, LineReader, Request};
use crate::limits::HELPER_LINES_MAX;
use crate::now::Instant;
use alloc::vec::Vec;
use core::mem;

/// What is to be asked.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    /// Since when somebody waits for it.
    pub(super) asked: Instant,
}

/// What a helper is doing. One that is gone has no state: the farm has forgotten it.
#[derive(Debug)]
pub(super) enum State {
    /// It was started and has not said that it can be asked.
    Starting { since: Instant },
    /// It can be asked.
    Hungry { since: Instant },
    /// It was asked.
    Busy {
        /// `None` when nobody waits for the answer any more.
        job: Option<(JobId, Waiting)>,
        since: Instant,
        /// The lines of the answer so far.
        answer: Vec<Vec<u8>>,
    },
}

/// A helper.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) state: State,
    reader: LineReader,
    /// Jobs that it has done.
    pub(super) jobs: u32,
    /// It said something that is no line of an answer, and is not asked again.
    pub(super) untrusted: bool,
    /// Lines said before it was ready.
    noise: usize,
}

/// What a piece of a helper's talk amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// It is ready, for the first time.
    Ready,
    /// The answer to its job.
    Answer(Option<JobId>, Vec<Vec<u8>>),
    /// A line of an answer that has not the form of one; it is left out.
    Unfit(Vec<u8>),
    /// It cannot be worked with any more.
    Broken(Fault),
}

impl Worker {
    /// One whose answers this line ends.
    pub(super) fn starting(now: Instant, end: &'static [u8]) -> Worker {
        Worker {
            state: State::Starting { since: now },
            reader: LineReader::until(end),
            jobs: 0,
            untrusted: false,
            noise: 0,
        }
    }

    /// It is asked; it must be hungry.
    pub(super) fn ask(&mut self, now: Instant, job: JobId, waiting: Waiting) {
        assert!(matches!(self.state, State::Hungry { .. }), "only who is hungry is asked");
        self.state = State::Busy { job: Some((job, waiting)), since: now, answer: Vec::new() };
    }

    /// Its connection stands. False when that was known before.
    pub(super) fn connected(&mut self, now: Instant) -> bool {
        let is_new = matches!(self.state, State::Starting { .. });
        if is_new {
            self.state = State::Hungry { since: now };
        }
        is_new
    }

    /// Whether it was asked before and has not said a word about its present job: a connection that was closed on the
    /// other side a moment before it was used again looks like this when it ends.
    pub(super) fn may_not_have_heard(&self) -> bool {
        let silent = matches!(&self.state, State::Busy { answer, .. } if answer.is_empty());
        silent && self.jobs > 0 && !self.reader.is_within_a_line()
    }

    /// Nobody waits for the answer to this job any more. False when it is not at work on it.
    pub(super) fn forget(&mut self, given_up: JobId) -> bool {
        match &mut self.state {
            State::Busy { job, .. } if job.as_ref().is_some_and(|(job, _)| *job == given_up) => {
                *job = None;
                true
            }
            State::Busy { .. } | State::Starting { .. } | State::Hungry { .. } => false,
        }
    }

    /// The job that it is at work on, if somebody waits for it.
    pub(super) fn job(&self) -> Option<JobId> {
        match &self.state {
            State::Busy { job, .. } => job.as_ref().map(|(job, _)| *job),
            State::Starting { .. } | State::Hungry { .. } => None,
        }
    }

    /// The same with what it was asked: it is gone.
    pub(super) fn into_job(self) -> Option<(JobId, Waiting)> {
        match self.state {
            State::Busy { job, .. } => job,
            State::Starting { .. } | State::Hungry { .. } => None,
        }
    }

    /// Takes the next of what it said out of `rest`. `fits` tells whether a line may be one of an answer.
    pub(super) fn hear(&mut self, now: Instant, rest: &mut &[u8], fits: fn(&[u8]) -> bool) -> Option<Meant> {
        while !rest.is_empty() {
            let Some(heard) = self.reader.read(rest) else { break };
            if let Some(meant) = self.understand(now, heard, fits) {
                return Some(meant);
            }
        }
        // A word of one who was asked nothing.
        let idle = matches!(self.state, State::Hungry { .. });
        (idle && self.reader.is_within_a_line()).then_some(Meant::Broken(Fault::Unasked))
    }

    fn understand(&mut self, now: Instant, heard: Heard, fits: fn(&[u8]) -> bool) -> Option<Meant> {
        match (&mut self.state, heard) {
            (_, Heard::TooLong) => Some(Meant::Broken(Fault::Babble)),
            (State::Starting { .. }, Heard::Hungry) => {
                self.state = State::Hungry { since: now };
                Some(Meant::Ready)
            }
            (State::Starting { .. }, Heard::Line(_)) => {
                // What a program says while it gets ready is no answer to anything.
                self.noise += 1;
                (self.noise > HELPER_LINES_MAX).then_some(Meant::Broken(Fault::Babble))
            }
            (State::Hungry { .. }, Heard::Hungry | Heard::Line(_)) => Some(Meant::Broken(Fault::Unasked)),
            (State::Busy { job, answer, .. }, Heard::Hungry) => {
                let (job, answer) = (job.take().map(|(job, _)| job), mem::take(answer));
                self.jobs = self.jobs.saturating_add(1);
                self.state = State::Hungry { since: now };
                Some(Meant::Answer(job, answer))
            }
            (State::Busy { answer, .. }, Heard::Line(line)) => {
                if !fits(&line) {
                    self.untrusted = true;
                    return Some(Meant::Unfit(line));
                }
                if answer.len() >= HELPER_LINES_MAX {
                    return Some(Meant::Broken(Fault::Babble));
                }
                answer.push(line);
                None
            }
        }
    }
}
