//! Recordings of sessions, for option `--record`: a file for each session, from which `smtpserver replay` makes a fresh
//! session live through the same. A thread of its own writes them. It never holds up or fails a session: what cannot
//! be written, or comes too fast, is lost, and the file of that session goes away.
//!
//! The files of a folder together stay below a bound: the oldest go first. Files of other names are left alone.

mod ring;

use ring::Ring;
use smtpserver_core::record::{self, Ending, Keep};
use smtpserver_core::{Input, Instant, Now, Output, Session, SessionId};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Octets of recordings that may wait to be written.
const WAITING_MAX: usize = 8 << 20;
/// Octets that a session keeps before it hands them over.
const READY_MAX: usize = 16 << 10;

/// Where recordings go to.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
    keep: Keep,
    /// Octets of one recording: no session fills the folder alone.
    octets_max: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Piece>,
    octets: usize,
    /// Sessions whose recording cannot be whole any more.
    spoiled: BTreeSet<SessionId>,
    writing: bool,
}

/// A piece of one session's recording.
struct Piece {
    session: SessionId,
    octets: Vec<u8>,
    last: bool,
}

/// What an operator asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The folder.
    pub folder: PathBuf,
    /// Octets that the recordings may take, all together.
    pub octets_max: u64,
    /// Whether the octets of messages are kept.
    pub keep: Keep,
}

impl Wish {
    /// Makes the folder if it is missing, and finds out whether a file can be made in it.
    pub fn prepare(&self) -> std::io::Result<Wish> {
        // A daemon changes its directory.
        let folder = std::path::absolute(&self.folder)?;
        ring::prepare(&folder)?;
        Ok(Wish { folder, ..self.clone() })
    }
}

impl Recorder {
    /// Starts to record, in a folder that was prepared.
    pub fn start(wish: &Wish) -> std::io::Result<Recorder> {
        let mut ring = Ring::open(&wish.folder, wish.octets_max)?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let writer = shared.clone();
        std::thread::Builder::new()
            .name("recorder".into())
            .stack_size(128 * 1024)
            .spawn(move || writer.write_for_ever(&mut ring))?;
        Ok(Recorder { shared, keep: wish.keep, octets_max: wish.octets_max / 4 })
    }

    /// A tape for a session to which nothing was brought yet.
    pub fn tape(&self, session: &mut Session, now: Now) -> Tape {
        Tape {
            session: session.id(),
            log: record::Recorder::new(session, now, self.keep),
            given: 0,
            recorder: self.clone(),
        }
    }

    /// Waits until all is written, at most `wait`.
    pub fn flush(&self, wait: Duration) {
        let state = self.shared.lock();
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(self.shared.changed.wait_timeout_while(state, wait, busy));
    }

    fn add(&self, piece: Piece) {
        let mut state = self.shared.lock();
        let mut piece = piece;
        if state.octets + piece.octets.len() > WAITING_MAX {
            state.spoiled.insert(piece.session);
            piece.octets = Vec::new();
        }
        if piece.octets.is_empty() && !piece.last {
            return;
        }
        state.octets += piece.octets.len();
        state.waiting.push_back(piece);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self, ring: &mut Ring) {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let pieces = std::mem::take(&mut state.waiting);
            state.octets = 0;
            state.writing = true;
            // Sessions without a last piece to come stay: they spoil what is still to come of them.
            let spoiled = state.spoiled.clone();
            for piece in pieces.iter().filter(|piece| piece.last) {
                state.spoiled.remove(&piece.session);
            }
            drop(state);
            for piece in pieces {
                if spoiled.contains(&piece.session) {
                    ring.spoil(piece.session);
                }
                ring.write(piece.session, &piece.octets);
                if piece.last {
                    ring.finish(piece.session);
                }
            }
            self.lock().writing = false;
            self.changed.notify_all();
        }
    }
}

/// One session's recording, in the hands of its driver.
pub struct Tape {
    session: SessionId,
    log: record::Recorder,
    given: u64,
    recorder: Recorder,
}

impl Tape {
    /// Call before `input` is brought to the session.
    pub(crate) fn input(&mut self, now: Now, input: &Input<'_>) {
        self.log.input(now, input);
    }

    /// Call when the session has handled the input. Whether the tape has room for more.
    pub(crate) fn settle(&mut self, session: &mut Session) -> bool {
        self.log.settle(session);
        if self.log.ready() >= READY_MAX {
            let octets = self.log.take();
            self.given += u64::try_from(octets.len()).unwrap_or(u64::MAX);
            self.recorder.add(Piece { session: self.session, octets, last: false });
        }
        self.given < self.recorder.octets_max
    }

    /// Call with each output of the session.
    pub(crate) fn output(&mut self, output: &Output) {
        self.log.output(output);
    }

    /// The recording ends.
    pub(crate) fn finish(self, session: &mut Session, ending: Ending) {
        let Tape { session: id, log, recorder, .. } = self;
        recorder.add(Piece { session: id, octets: log.finish(session, ending), last: true });
    }
}

/// A session, and the tape that runs beside it if it is recorded.
pub(crate) struct Recorded {
    session: Session,
    tape: Option<Box<Tape>>,
    ending: Ending,
}

impl Recorded {
    pub(crate) fn new(session: Session, tape: Option<Tape>) -> Recorded {
        Recorded { session, tape: tape.map(Box::new), ending: Ending::Dropped }
    }

    pub(crate) fn handle(&mut self, now: Now, input: Input<'_>) {
        let Some(tape) = &mut self.tape else { return self.session.handle(now, input) };
        tape.input(now, &input);
        self.session.handle(now, input);
        if !tape.settle(&mut self.session) {
            self.end(Ending::Full);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        let output = self.session.poll();
        if let (Some(tape), Some(output)) = (&mut self.tape, &output) {
            tape.output(output);
            if matches!(output, Output::Close(_)) {
                self.ending = Ending::Closed;
            }
        }
        output
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    pub(crate) fn awaits_sent(&self) -> bool {
        self.session.awaits_sent()
    }

    pub(crate) fn wants_bytes(&self) -> usize {
        self.session.wants_bytes()
    }

    /// The session broke an assertion of ours.
    pub(crate) fn panicked(&mut self) {
        self.end(Ending::Panicked);
    }

    fn end(&mut self, ending: Ending) {
        if let Some(tape) = self.tape.take() {
            tape.finish(&mut self.session, ending);
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.end(self.ending);
    }
}

/// The name of a session's recording.
pub(crate) fn file_name(session: SessionId) -> String {
    format!("{session}.{EXTENSION}")
}

/// What the names of recordings end in.
pub(crate) const EXTENSION: &str = "smtprec";

/// Whether a file of this name is a recording of ours.
pub(crate) fn is_recording(path: &Path) -> bool {
    let hex = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_hexdigit());
    path.extension().is_some_and(|extension| extension == EXTENSION)
        && path
            .file_stem()
            .and_then(|stem| stem.to_str()?.split_once('-'))
            .is_some_and(|(began, serial)| hex(began) && hex(serial))
}

#[cfg(test)]
mod tests;
