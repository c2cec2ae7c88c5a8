//! Writes the log of one session, as octets to be taken from time to time. Octets from the client stay in memory, as
//! they came, until the session has told what they were, and only then go into the log, filled where they must be; the
//! records behind them wait for that. The session's own bounds hold for what waits.

use super::entry::{self, Brought, Ending};
use super::header::{Header, Keep};
use super::print::Print;
use super::redact::{self, MessageFiller};
use super::said::Sayer;
use crate::input::Input;
use crate::now::Now;
use crate::output::Output;
use crate::session::{Fate, Session};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The recorder of one session.
#[derive(Debug)]
pub struct Recorder {
    keep: Keep,
    sayer: Sayer,
    filler: MessageFiller,
    before: Now,
    /// Octets from the client that are not in `ready` yet.
    heard: Vec<u8>,
    /// How many of `heard`, from its start, are as they may be written.
    settled: usize,
    /// Records that are not in `ready` yet: octets to be written, and how many of `heard` to write behind them.
    waiting: VecDeque<(Vec<u8>, usize)>,
    ready: Vec<u8>,
    print: Print,
}

impl Recorder {
    /// Begins to record a session to which nothing was brought yet.
    pub fn new(session: &mut Session, now: Now, keep: Keep) -> Recorder {
        session.watch();
        let settings = (**session.settings()).clone();
        let header = Header::new(session.id(), (**session.peer()).clone(), now, keep, settings);
        Recorder {
            keep,
            sayer: Sayer::new(keep),
            filler: MessageFiller::new(session.settings().adds_fields()),
            before: now,
            heard: Vec::new(),
            settled: 0,
            waiting: VecDeque::new(),
            ready: header.encode().into_bytes(),
            print: Print::default(),
        }
    }

    /// Call before `input` is brought to the session.
    pub fn input(&mut self, now: Now, input: &Input<'_>) {
        let brought = Brought::of(input);
        let before = core::mem::replace(&mut self.before, now);
        entry::put_brought(self.tail(), before, now, &brought);
        if let Brought::Bytes(octets) = brought {
            self.heard.extend_from_slice(octets);
            match self.waiting.back_mut() {
                Some((_, behind)) => *behind = octets.len(),
                None => self.waiting.push_back((Vec::new(), octets.len())),
            }
        }
    }

    /// Call when the session has handled the input.
    pub fn settle(&mut self, session: &mut Session) {
        for (fate, octets) in session.take_fates() {
            let piece = &mut self.heard[self.settled..self.settled + octets];
            self.settled += octets;
            match fate {
                Fate::Line => {
                    self.filler.after_line(piece);
                    redact::fill_line(piece);
                }
                Fate::Rest => redact::fill_rest(piece),
                Fate::Harmless(line) => piece.copy_from_slice(&line),
                Fate::Message if self.keep == Keep::Messages => {}
                Fate::Message => self.filler.fill(piece),
            }
        }
        self.release();
    }

    /// Call with each output of the session.
    pub fn output(&mut self, output: &Output) {
        let said = self.sayer.said(output);
        entry::put_said(self.tail(), &said);
    }

    /// How many octets there are to take.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Takes the next octets of the log.
    pub fn take(&mut self) -> Vec<u8> {
        self.print.add(self.ready.iter().copied());
        core::mem::take(&mut self.ready)
    }

    /// The last octets of the log. Octets that the session never used are filled.
    pub fn finish(mut self, session: &mut Session, ending: Ending) -> Vec<u8> {
        self.settle(session);
        let rest = &mut self.heard[self.settled..];
        match session.fate_under_way() {
            // It broke an assertion over these octets: with them it can be seen again.
            Some(Fate::Line) => {
                let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                redact::fill_line(&mut rest[..end]);
                redact::fill_rest(&mut rest[end..]);
            }
            Some(Fate::Message) if self.keep == Keep::Messages => {}
            Some(Fate::Message) => self.filler.fill(rest),
            Some(Fate::Rest | Fate::Harmless(_)) | None => redact::fill_rest(rest),
        }
        self.settled = self.heard.len();
        self.release();
        entry::put_ending(&mut self.ready, ending);
        let mut octets = self.take();
        octets.extend_from_slice(&self.print.value().to_le_bytes());
        octets
    }

    /// Where the next record is to be written: at the end of all that waits.
    fn tail(&mut self) -> &mut Vec<u8> {
        if self.waiting.is_empty() {
            return &mut self.ready;
        }
        if self.waiting.back().is_none_or(|(_, behind)| *behind > 0) {
            self.waiting.push_back((Vec::new(), 0));
        }
        self.waiting.back_mut().map(|(octets, _)| octets).expect("just seen to be there")
    }

    /// Moves what waits into `ready`, as far as it is settled.
    fn release(&mut self) {
        let mut start = 0;
        while let Some((octets, behind)) = self.waiting.front_mut()
            && start + *behind <= self.settled
        {
            self.ready.append(octets);
            self.ready.extend_from_slice(&self.heard[start..start + *behind]);
            start += *behind;
            self.waiting.pop_front();
        }
        self.heard.drain(..start);
        self.settled -= start;
        if self.heard.is_empty() {
            // A session that waits holds no memory for what it heard.
            self.heard = Vec::new();
        }
    }
}
