//! The resolver that a script plays in the core lane (`D>`, `D<`): names whose line in the zone is `NAME PLAYED` are
//! asked of the script, which sees `NAME KIND` and answers as a zone's line would, `KIND VALUE` or a trouble, or with
//! `NXDOMAIN`. What is not answered in time is a timeout.

use crate::zone::Zone;
use smtpserver_core::Instant;
use smtpserver_core::dns::{Answer, Question, Trouble};
use smtpserver_core::server::judge::LookUp;
use std::collections::VecDeque;

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
        let answer = match line {
            None => Ok(Answer::Trouble(Trouble::Unreachable)),
            Some("NXDOMAIN") => Ok(Answer::NoName),
            Some(line) => {
                let line = format!("{} {line}", question.name);
                Zone::read([line.as_str()]).map(|zone| zone.answer(&question))
            }
        };
        Some(answer.map(|answer| (look_up, answer)))
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
