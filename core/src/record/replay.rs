//! A fresh session that lives through a log: what it puts out is held against what the log says.

use super::entry::{Brought, Ending, Entry};
use super::log::Log;
use super::said::{Said, Sayer};
use crate::auth::{Attempt, LoggedIn};
use crate::now::Now;
use crate::output::Output;
use crate::policy::Question;
use crate::session::Session;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// A replay under way.
#[derive(Debug)]
pub struct Replay<'a> {
    log: &'a Log<'a>,
    session: Session,
    sayer: Sayer,
    now: Now,
    next: usize,
    over: bool,
    asked: Option<Question>,
    logged_in: Option<LoggedIn>,
}

/// The first place at which the session did something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The time of the last thing that was brought.
    pub now: Now,
    /// Which record, counted from 0; as many as there are when the log had ended.
    pub entry: usize,
    /// What it is.
    pub unlike: Unlike,
}

/// What a difference is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlike {
    /// The session put out something else, or nothing, or more than the log has.
    Said {
        /// What the log says; `None` when it has ended.
        recorded: Option<Said>,
        /// What the session put out now; `None` for nothing.
        replayed: Option<Said>,
    },
    /// The log brings octets that the session would not read.
    Unwanted {
        /// How many the log brings.
        recorded: usize,
        /// How many the session wants at most.
        wanted: usize,
    },
}

impl<'a> Replay<'a> {
    /// A session as the log's was when it began.
    pub fn new(log: &'a Log<'a>) -> Replay<'a> {
        let header = &log.header;
        let settings = Arc::new(header.settings.clone());
        Replay {
            session: Session::new(settings, header.id, Arc::new(header.peer.clone())),
            sayer: Sayer::new(header.keep),
            now: header.began,
            log,
            next: 0,
            over: false,
            asked: None,
            logged_in: None,
        }
    }

    /// Lives through the next record and gives it back; `None` when all were the same, to the end.
    ///
    /// # Panics
    /// As the session does, when it breaks an assertion of ours.
    pub fn step(&mut self) -> Option<Result<&'a Entry<'a>, Box<Difference>>> {
        if self.over {
            return None;
        }
        let Some(entry) = self.log.entries.get(self.next) else {
            self.over = true;
            let more = self.log.ending == Some(Ending::Closed);
            let said = if more { self.poll() } else { None };
            let unlike = Unlike::Said { recorded: None, replayed: Some(said?) };
            return Some(Err(self.difference(unlike)));
        };
        let unlike = match entry {
            Entry::Brought(now, brought) => {
                self.now = *now;
                self.bring(brought)
            }
            Entry::Said(recorded) => {
                let replayed = self.poll();
                (replayed.as_ref() != Some(recorded))
                    .then(|| Unlike::Said { recorded: Some(recorded.clone()), replayed })
            }
        };
        if let Some(unlike) = unlike {
            self.over = true;
            return Some(Err(self.difference(unlike)));
        }
        self.next += 1;
        Some(Ok(entry))
    }

    /// What the session asked in the last step, if it asked something. The log answers it.
    pub fn take_question(&mut self) -> Option<Question> {
        self.asked.take()
    }

    /// Who has logged in with the last step, if somebody did.
    pub fn take_login(&mut self) -> Option<LoggedIn> {
        self.logged_in.take()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is kept for whoever looks on")]
    fn look_at(&mut self, output: Output) {
        match output {
            Output::Ask(_, question) => self.asked = Some(question),
            Output::Attempt(Attempt::Passed(logged_in)) => self.logged_in = Some(logged_in),
            _ => {}
        }
    }

    fn bring(&mut self, brought: &Brought<'a>) -> Option<Unlike> {
        if let Brought::Bytes(octets) = brought {
            let wanted = self.session.wants_bytes();
            if octets.len() > wanted {
                return Some(Unlike::Unwanted { recorded: octets.len(), wanted });
            }
        }
        self.session.handle(self.now, brought.clone().input());
        None
    }

    fn poll(&mut self) -> Option<Said> {
        let output = self.session.poll()?;
        let said = self.sayer.said(&output);
        self.look_at(output);
        Some(said)
    }

    fn difference(&self, unlike: Unlike) -> Box<Difference> {
        Box::new(Difference { now: self.now, entry: self.next, unlike })
    }
}
