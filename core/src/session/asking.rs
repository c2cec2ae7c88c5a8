//! Questions: a ticket out, and what goes on when the answer comes. An answer with another ticket than the one
//! that is waited for is late or repeated, and dropped.

use super::Session;
use super::state::{Resume, State};
use super::verbs::routed;
use crate::auth::{Advice, Inquiry};
use crate::limits::{FILTERED_WAIT_MAX, MILTER_WAIT_MAX};
use crate::now::{Duration, Now};
use crate::output::{Output, Reason};
use crate::policy::{Answer, Conditions, Question, Ticket, Verdict};
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::string::String;

impl Session {
    pub(super) fn ask(&mut self, now: Now, question: Question, resume: Resume) {
        // A filter has a deadline of its own, which this one must not cut short: what it has not seen is kept for it.
        let filtered = matches!(question, Question::Content { draft: Some(_), .. });
        let wait = if filtered {
            FILTERED_WAIT_MAX
        } else if matches!(question, Question::Milter(_)) {
            MILTER_WAIT_MAX
        } else {
            self.settings.timeouts.answer
        };
        let ticket = self.wait_for_answer(now, wait, resume);
        self.outputs.push_back(Output::Ask(ticket, question));
    }

    pub(super) fn inquire(&mut self, now: Now, inquiry: Inquiry, resume: Resume) {
        let ticket = self.wait_for_answer(now, self.settings.timeouts.answer, resume);
        self.outputs.push_back(Output::Inquire(ticket, inquiry));
    }

    fn wait_for_answer(&mut self, now: Now, wait: Duration, resume: Resume) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.state = State::Asking { ticket, deadline: now.instant + wait, resume: Box::new(resume) };
        ticket
    }

    /// An answer about a login.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(super) fn advised(&mut self, now: Now, advised: Ticket, advice: Advice) {
        match self.leave_state() {
            State::Asking { ticket, resume, .. } if ticket == advised => {
                self.since = now.instant;
                self.go_on_logging_in(now, *resume, advice);
            }
            state => self.state = state,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(super) fn answered(&mut self, now: Now, answered: Ticket, answer: Answer) {
        match self.leave_state() {
            State::Asking { ticket, resume, .. } if ticket == answered => {
                self.since = now.instant;
                self.resume(now, *resume, answer);
            }
            // Late, or repeated: nobody waits for it any more.
            state => self.state = state,
        }
    }

    pub(super) fn resume(&mut self, now: Now, resume: Resume, answer: Answer) {
        let refusal = catalog::verdict_refusal(&answer.verdict);
        match resume {
            Resume::Greet { hello, again } => match refusal {
                Some(refusal) => self.unwelcome(now, refusal),
                None => {
                    self.conditions = conditions_of(&answer.verdict);
                    if again { self.greet(now, hello) } else { self.welcomed(now) }
                }
            },
            Resume::Load => match refusal {
                None => self.pause_before_greeting(now),
                Some(refusal) => self.dismiss_unheard(now, refusal),
            },
            Resume::Secure(beginning) => self.handshake_judged(now, beginning, &answer),
            Resume::Client(known) => self.client_judged(now, known, &answer),
            Resume::HelloLoad { state, hello, styles } => match refusal {
                None => self.introduce(now, state, hello, styles),
                Some(refusal) => {
                    self.state = state;
                    self.dismiss(now, refusal, Reason::Trouble);
                }
            },
            Resume::Hello { state, hello, styles } => match refusal {
                None => self.route_hello(now, state, hello, styles),
                Some(refusal) => self.refuse(now, Some(hello.verb), refusal, state),
            },
            resume @ (Resume::Offer { .. } | Resume::Auth { .. } | Resume::Login { .. }) => {
                // An answer of another kind is none.
                self.unanswered(now, resume);
            }
            Resume::Mail { hello, sender } => match refusal {
                None => self.route_sender(now, hello, sender, trace_of(answer.verdict)),
                Some(refusal) => self.refuse(now, Some(Verb::Mail), refusal, State::Ready(Some(hello))),
            },
            Resume::Rcpt { state, path, params } => {
                self.rcpt_judged(now, state, path, params, answer.verdict);
            }
            Resume::Report(state) => self.reported_on(now, state, answer.verdict),
            Resume::Milter(seen) => self.milted(now, *seen, answer.verdict),
            Resume::Content { hello, message } => self.content_judged(now, hello, message, answer.verdict),
            Resume::HelloRouted { state, hello, styles } => match routed(&answer.verdict) {
                Ok(_) => self.hello_proceed(now, state, hello, styles),
                Err(refusal) => self.refuse(now, Some(hello.verb), refusal, state),
            },
            Resume::MailRouted { hello, sender, trace } => match routed(&answer.verdict) {
                Ok(words) => self.mail_proceed(now, hello, sender, trace, &words),
                Err(refusal) => self.refuse(now, Some(Verb::Mail), refusal, State::Ready(Some(hello))),
            },
            Resume::RcptRouted { state, recipient } => match routed(&answer.verdict) {
                Ok(words) => self.delegate_recipient(now, state, recipient, words),
                Err(refusal) => self.refuse(now, Some(Verb::Rcpt), refusal, state.count_refused()),
            },
            Resume::RcptDelegated { state, recipient, words } => {
                self.rcpt_delegated(now, state, recipient, &words, answer.verdict);
            }
            Resume::Verified { state, verb } => self.verified(now, state, verb, &answer.verdict),
        }
    }

    /// Policy is against the client: it is told so in place of a greeting, and may say QUIT.
    fn unwelcome(&mut self, now: Now, refusal: Refusal) {
        if self.settings.manners.batch.is_some() || !matches!(refusal, Refusal::Policy(_)) {
            // Nobody reads on there; and what may be otherwise in a moment is better asked anew.
            return self.dismiss_unheard(now, refusal);
        }
        let reply = catalog::no_service(self.no(&refusal));
        self.refused(None, refusal);
        self.say(&reply);
        self.send();
        self.state = State::Unwelcome;
    }

    /// Says no in place of a greeting.
    fn dismiss_unheard(&mut self, now: Now, refusal: Refusal) {
        self.state = State::Greeting;
        self.dismiss(now, refusal, Reason::Trouble);
    }
}

/// On what conditions a client was welcomed.
fn conditions_of(verdict: &Verdict) -> Conditions {
    if let Verdict::Welcome(conditions) = verdict { *conditions } else { Conditions::default() }
}

/// The field for the head of the message.
fn trace_of(verdict: Verdict) -> Option<String> {
    if let Verdict::Traced(field) = verdict { Some(field) } else { None }
}
