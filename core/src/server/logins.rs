//! Logins as all sessions share them: who waits for a back end, who has logged in, and where too many have failed. It asks
//! no back end itself and knows no password.

use super::Output;
use super::auth_window::AuthWindows;
use crate::auth::{Advice, Attempt, Check, Finding, LoggedIn, UserName};
use crate::now::Instant;
use crate::peer::{SessionId, Source};
use crate::policy::Ticket;
use alloc::collections::{BTreeMap, VecDeque};

/// A check that is under way.
#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    source: Source,
    user: UserName,
    decides: bool,
    /// Whether it counts. If not, the login fails whatever is found.
    tried: bool,
}

/// The logins.
#[derive(Debug, Default)]
pub(super) struct Logins {
    windows: AuthWindows,
    pending: BTreeMap<SessionId, Pending>,
    passed: BTreeMap<SessionId, LoggedIn>,
}

impl Logins {
    /// A session wants something checked. `limit` is its `auth-failrate`.
    pub(super) fn inquired(
        &mut self,
        session: SessionId,
        ticket: Ticket,
        (source, check): (Source, Check),
        (now, limit): (Instant, u32),
        outputs: &mut VecDeque<Output>,
    ) {
        let user = check.user().clone();
        let decides = check.decides();
        let tried = !decides || self.windows.may_try(source, user.as_str(), now, limit);
        // A check from before is not waited for any more.
        self.pending.insert(session, Pending { ticket, source, user, decides, tried });
        // It is asked even if it does not count: so it takes as long as one that does.
        outputs.push_back(Output::Check(session, ticket, check));
    }

    /// A session has a certificate that names this user. Whether it is let in is known at once: no back end has a say.
    pub(super) fn certified(
        &mut self,
        session: SessionId,
        ticket: Ticket,
        (source, user): (Source, UserName),
        (now, limit): (Instant, u32),
        outputs: &mut VecDeque<Output>,
    ) {
        let may = self.windows.may_try(source, user.as_str(), now, limit);
        if !may {
            self.windows.was_not_tried(source, now);
        }
        let finding = if may { Finding::Right } else { Finding::Wrong };
        outputs.push_back(Output::Advise(session, ticket, Advice::Found(finding)));
    }

    /// The back end has found something out.
    pub(super) fn checked(
        &mut self,
        session: SessionId,
        ticket: Ticket,
        finding: Finding,
        now: Instant,
        outputs: &mut VecDeque<Output>,
    ) {
        // Late, or repeated: nobody waits for it any more.
        let Some(pending) = self.pending.get(&session).filter(|pending| pending.ticket == ticket) else {
            return;
        };
        let wrong = finding == Finding::Wrong && pending.decides;
        let finding = if pending.tried || finding == Finding::Trouble { finding } else { Finding::Wrong };
        if !pending.tried {
            self.windows.was_not_tried(pending.source, now);
        } else if wrong {
            self.windows.was_wrong(pending.source, pending.user.as_str(), now);
        }
        self.pending.remove(&session);
        outputs.push_back(Output::Advise(session, ticket, Advice::Found(finding)));
    }

    /// A session tells of an attempt.
    pub(super) fn attempted(&mut self, session: SessionId, attempt: Attempt, now: Instant) {
        match attempt {
            Attempt::Untried(source) => self.windows.was_not_tried(source, now),
            Attempt::Passed(logged_in) => {
                self.passed.insert(session, logged_in);
            }
        }
    }

    /// Who has logged in.
    pub(super) fn of(&self, session: SessionId) -> Option<&LoggedIn> {
        self.passed.get(&session)
    }

    /// The session is over, or another client's from now on.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.pending.remove(&session);
        self.passed.remove(&session);
    }

    /// The windows, for reports.
    pub(super) fn windows(&mut self) -> &mut AuthWindows {
        &mut self.windows
    }
}
