//! The resolver that a script plays (`D>`, `D<`): names whose line in the zone is `NAME PLAYED` are
//! asked of the script, which sees `NAME KIND` and answers as a zone's line would, `KIND VALUE` or a trouble, or with
//! `NXDOMAIN`. What is not answered in time is a timeout.

use crate::net::Wires;
use crate::zone::Zone;
use smtpserver::names::{Awaited, Names};
use smtpserver_core::Instant;
use smtpserver_core::dns::{Answer, Question, Trouble};
use smtpserver_core::server::judge::LookUp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Questions that wait for the script, each with who waits for its answer.
#[derive(Debug)]
pub(crate) struct PlayedNames<W> {
    /// Not answered.
    open: VecDeque<(W, Question)>,
    /// Not looked at, as a script sees them.
    unseen: VecDeque<String>,
}

impl<W> Default for PlayedNames<W> {
    fn default() -> Self {
        PlayedNames { open: VecDeque::new(), unseen: VecDeque::new() }
    }
}

impl<W> PlayedNames<W> {
    /// Something is asked.
    pub(crate) fn ask(&mut self, waiting: W, question: Question) {
        self.unseen.push_back(question.to_string());
        self.open.push_back((waiting, question));
    }

    /// Whether something was asked that nobody has looked at.
    pub(crate) fn was_asked(&self) -> bool {
        !self.unseen.is_empty()
    }

    /// The next question.
    pub(crate) fn asked(&mut self) -> Option<String> {
        self.unseen.pop_front()
    }

    /// The script answers the oldest question with this line, or nobody can be reached. `None` where there is no question.
    pub(crate) fn answer(&mut self, line: Option<&str>) -> Option<Result<(W, Answer), String>> {
        let (waiting, question) = self.open.pop_front()?;
        Some(played(&question, line).map(|answer| (waiting, answer)))
    }
}

/// In the core lane: what is looked up, and until when the answer is wanted.
impl PlayedNames<(LookUp, Instant)> {
    /// When the next question is of no use any more.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.iter().map(|((_, until), _)| *until).min()
    }

    /// A question that is of no use any more.
    pub(crate) fn late(&mut self, now: Instant) -> Option<(LookUp, Answer)> {
        let at = self.open.iter().position(|((_, until), _)| *until <= now)?;
        let ((look_up, _), _) = self.open.remove(at)?;
        Some((look_up, Answer::Trouble(Trouble::Timeout)))
    }
}

/// What a script's line answers to a question; nobody can be reached where it has none.
fn played(question: &Question, line: Option<&str>) -> Result<Answer, String> {
    match line {
        None => Ok(Answer::Trouble(Trouble::Unreachable)),
        Some("NXDOMAIN") => Ok(Answer::NoName),
        Some(line) => {
            let line = format!("{} {line}", question.name);
            Zone::read([line.as_str()]).map(|zone| zone.answer(question))
        }
    }
}

/// The names of a world on the simulated network: those of its zone, and those that a script plays. How long an answer is
/// waited for is the daemon's affair there.
#[derive(Debug)]
pub(crate) struct AwaitedNames {
    zone: Zone,
    wires: Arc<Wires>,
    played: Mutex<PlayedNames<oneshot::Sender<Answer>>>,
}

impl AwaitedNames {
    /// The names of this zone. To ask and to answer is something that happens on these wires.
    pub(crate) fn new(zone: Zone, wires: Arc<Wires>) -> Arc<AwaitedNames> {
        Arc::new(AwaitedNames { zone, wires, played: Mutex::default() })
    }

    /// Whether something was asked that nobody has looked at.
    pub(crate) fn was_asked(&self) -> bool {
        self.lock().was_asked()
    }

    /// The next question.
    pub(crate) fn asked(&self) -> Option<String> {
        self.lock().asked()
    }

    /// The script answers the oldest question that is still wanted, as in the core lane.
    pub(crate) fn answer(&self, line: Option<&str>) -> Option<Result<(), String>> {
        let mut played = self.lock();
        played.open.retain(|(waiting, _)| !waiting.is_closed());
        let answered = played.answer(line)?;
        self.wires.stir();
        // Whoever does not wait any more has just given up.
        Some(answered.map(|(waiting, answer)| drop(waiting.send(answer))))
    }

    fn lock(&self) -> MutexGuard<'_, PlayedNames<oneshot::Sender<Answer>>> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names for AwaitedNames {
    fn ask(self: Arc<Self>, question: Question) -> Awaited {
        if !self.zone.is_played(&question.name) {
            return Box::pin(async move { self.zone.answer(&question) });
        }
        let (waiting, answer) = oneshot::channel();
        self.lock().ask(waiting, question);
        self.wires.stir();
        Box::pin(async move { answer.await.unwrap_or(Answer::Trouble(Trouble::Unreachable)) })
    }
}
