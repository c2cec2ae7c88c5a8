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

/// Questions that wait for the script.
#[derive(Default)]
pub(crate) struct PlayedNames {
    /// Not answered.
    open: VecDeque<(LookUp, Question, Instant)>,
    /// Not looked at, as a script sees them.
    unseen: VecDeque<String>,
}

impl PlayedNames {
    /// Something is asked, and wanted until then.
    pub(crate) fn ask(&mut self, look_up: LookUp, question: Question, until: Instant) {
        self.unseen.push_back(question.to_string());
        self.open.push_back((look_up, question, until));
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
    pub(crate) fn answer(&mut self, line: Option<&str>) -> Option<Result<(LookUp, Answer), String>> {
        let (look_up, question, _) = self.open.pop_front()?;
        Some(played(&question, line).map(|answer| (look_up, answer)))
    }

    /// When the next question is of no use any more.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.iter().map(|(.., until)| *until).min()
    }

    /// A question that is of no use any more.
    pub(crate) fn late(&mut self, now: Instant) -> Option<(LookUp, Answer)> {
        let at = self.open.iter().position(|(.., until)| *until <= now)?;
        let (look_up, ..) = self.open.remove(at)?;
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
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    /// Not answered.
    open: VecDeque<(Question, oneshot::Sender<Answer>)>,
    /// Not looked at, as a script sees them.
    unseen: VecDeque<String>,
}

impl AwaitedNames {
    /// The names of this zone. To ask and to answer is something that happens on these wires.
    pub(crate) fn new(zone: Zone, wires: Arc<Wires>) -> Arc<AwaitedNames> {
        Arc::new(AwaitedNames { zone, wires, asked: Mutex::default() })
    }

    /// Whether something was asked that nobody has looked at.
    pub(crate) fn was_asked(&self) -> bool {
        !self.lock().unseen.is_empty()
    }

    /// The next question.
    pub(crate) fn asked(&self) -> Option<String> {
        self.lock().unseen.pop_front()
    }

    /// The script answers the oldest question that is still wanted, as in the core lane.
    pub(crate) fn answer(&self, line: Option<&str>) -> Option<Result<(), String>> {
        let mut asked = self.lock();
        asked.open.retain(|(_, waiting)| !waiting.is_closed());
        let (question, waiting) = asked.open.pop_front()?;
        self.wires.stir();
        // Whoever does not wait any more has just given up.
        Some(played(&question, line).map(|answer| drop(waiting.send(answer))))
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names for AwaitedNames {
    fn ask(self: Arc<Self>, question: Question) -> Awaited {
        if !self.zone.is_played(&question.name) {
            return Box::pin(async move { self.zone.answer(&question) });
        }
        let (waiting, answer) = oneshot::channel();
        let mut asked = self.lock();
        asked.unseen.push_back(question.to_string());
        asked.open.push_back((question, waiting));
        drop(asked);
        self.wires.stir();
        Box::pin(async move { answer.await.unwrap_or(Answer::Trouble(Trouble::Unreachable)) })
    }
}
