//! Every wait of a session, and what happens when it is over. The hands only ask `deadline` and bring the tick.

use super::Session;
use super::state::{Beginning, Resume, State};
use crate::auth::LoginFault;
use crate::now::{Instant, Now};
use crate::output::Reason;
use crate::refusal::{Refusal, Trouble};
use crate::tls::HandshakeFault;
use crate::wire::command::Verb;
use alloc::vec::Vec;

impl Session {
    /// When to bring [`crate::Input::Tick`]; `None` only when the session is over.
    pub fn deadline(&self) -> Option<Instant> {
        let own = self.state_deadline()?;
        if matches!(self.state, State::Storing(_)) {
            return Some(own);
        }
        let session = self.began + self.settings.timeouts.session;
        Some(own.min(session).min(self.stop_by.unwrap_or(session)))
    }

    fn state_deadline(&self) -> Option<Instant> {
        let timeouts = &self.settings.timeouts;
        if self.is_blocked() && !matches!(self.state, State::Closing) {
            return Some(self.blocked_since + timeouts.store);
        }
        Some(match &self.state {
            State::Greeting
            | State::Unwelcome
            | State::Turning(_)
            | State::Ready(_)
            | State::Opened(_)
            | State::Addressed(_)
            | State::Chunking(_)
            | State::ChunksRefused(..)
            | State::Login(_)
            | State::Skipping { .. }
            | State::Moving => self.since + timeouts.command,
            State::Receiving(receiving) => receiving.pace.deadline(timeouts),
            State::InChunk(chunking, _) => chunking.pace.deadline(timeouts),
            State::Swallowing(swallowing) => swallowing.pace.deadline(timeouts),
            State::Unwanted(unwanted) => unwanted.pace.deadline(timeouts),
            State::Hush { until } | State::Early { until } | State::Securing { until, .. } => *until,
            State::Asking { deadline, .. } => *deadline,
            State::Showing(shown) => shown.deadline,
            State::Storing(storing) => storing.deadline,
            State::Paused { until, .. } => *until,
            State::Closing => return None,
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(super) fn tick(&mut self, now: Now) {
        // Early ticks are harmless: the hands may round.
        if self.deadline().is_none_or(|deadline| now.instant < deadline) {
            return;
        }
        if matches!(self.state, State::Securing { .. }) {
            return self.unsecured(now, HandshakeFault::TimedOut);
        }
        if self.state_deadline().is_some_and(|own| now.instant < own) {
            self.over_all(now);
            return;
        }
        match self.leave_state() {
            State::Paused { verb, reply, then, .. } => {
                self.since = now.instant;
                self.say(&reply);
                self.send_unless_grouped(verb);
                self.state = *then;
            }
            State::Hush { .. } => {
                self.since = now.instant;
                self.greet(now, None);
            }
            State::Early { .. } => {
                self.since = now.instant;
                self.open_plain(now);
            }
            State::Asking { resume, .. } => self.unanswered(now, *resume),
            State::Showing(shown) => {
                let refusal = Refusal::Trouble(Trouble::Spool(crate::spool::SpoolFault::Broken));
                self.refuse_message(now, shown.seen.hello, shown.seen.message, refusal);
            }
            State::Storing(storing) => {
                // Neither yes nor no would be true: the commit may still succeed. The client will come again.
                self.state = State::Storing(storing);
                self.end(now, Reason::Trouble);
            }
            state => {
                let blocked = self.is_blocked();
                self.state = state;
                if blocked {
                    let stuck = Trouble::Spool(crate::spool::SpoolFault::Broken);
                    self.dismiss(now, Refusal::Trouble(stuck), Reason::Trouble);
                } else {
                    self.dismiss(now, Refusal::Trouble(Trouble::TimedOut), Reason::TimedOut);
                }
            }
        }
    }

    /// The session's own time, or the time to stop, is over.
    fn over_all(&mut self, now: Now) {
        let (trouble, reason) = match self.stop_by {
            Some(stop_by) if stop_by <= now.instant => (Trouble::ShuttingDown, Reason::ShuttingDown),
            _ => (Trouble::TimedOut, Reason::TimedOut),
        };
        self.dismiss(now, Refusal::Trouble(trouble), reason);
    }

    /// No answer came in time: never yes, never a permanent no.
    pub(super) fn unanswered(&mut self, now: Now, resume: Resume) {
        let refusal = Refusal::Trouble(Trouble::NoAnswer);
        self.since = now.instant;
        match resume {
            Resume::Greet { .. } | Resume::Load | Resume::Client(_) => {
                self.state = State::Greeting;
                self.dismiss(now, Refusal::Trouble(Trouble::Internal), Reason::Trouble);
            }
            Resume::Secure(Beginning::Asked(hello)) => {
                self.refuse(now, Some(Verb::StartTls), refusal, State::Ready(hello));
            }
            // No word that is not within TLS would be understood.
            Resume::Secure(Beginning::First(_)) => {
                self.state = State::Greeting;
                self.end(now, Reason::Trouble);
            }
            Resume::HelloLoad { state, hello, .. }
            | Resume::Hello { state, hello, .. }
            | Resume::HelloRouted { state, hello, .. } => {
                self.refuse(now, Some(hello.verb), refusal, state);
            }
            // Nobody knows what could be offered: it is left out.
            Resume::Offer { state, hello, styles } => {
                self.hello_offered(now, state, hello, styles, Vec::new());
            }
            Resume::Auth { hello, .. } | Resume::Login { hello, .. } => {
                self.login_failed(now, hello, LoginFault::Trouble);
            }
            Resume::Mail { hello, .. } | Resume::MailRouted { hello, .. } => {
                self.refuse(now, Some(Verb::Mail), refusal, State::Ready(Some(hello)));
            }
            Resume::Verified { state, verb } => self.refuse(now, Some(verb), refusal, state),
            Resume::Rcpt { state, .. }
            | Resume::RcptRouted { state, .. }
            | Resume::RcptDelegated { state, .. } => {
                let state = state.count_refused();
                self.refuse(now, Some(Verb::Rcpt), refusal, state);
            }
            Resume::Report(state) => self.refuse(now, None, refusal, state),
            Resume::Milter(seen) => self.refuse_message(now, seen.hello, seen.message, refusal),
            Resume::Content { hello, message } => self.refuse_message(now, hello, message, refusal),
        }
    }
}
