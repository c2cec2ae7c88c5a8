//! What the interactive router is asked in a session, by the letters of its style: MAIL (not with `F`), RCPT (not with
//! `T`), VRFY (`v`), EXPN (`e`) and HELO (`h`). Its answer refuses, or gives the words of our own.

use crate::config::patterns::Styles;
use crate::mail::envelope::{Hello, Recipient, Sender};
use crate::now::Now;
use crate::policy::{Question, Verdict};
use crate::refusal::{Refusal, Trouble};
use crate::reply::{Words, catalog};
use crate::session::Session;
use crate::session::state::{Resume, State};
use crate::subserver::router::Function;
use crate::wire::verb::Verb;
use alloc::format;
use alloc::string::String;

/// Octets of a word of HELO that the router is shown.
const HELLO_WORD_MAX: usize = 99;

impl Session {
    /// The sender was taken: the router is asked, or nobody is.
    pub(in crate::session) fn route_sender(
        &mut self,
        now: Now,
        hello: Hello,
        sender: Sender,
        trace: Option<String>,
    ) {
        if self.settings.helpers.router && !self.styles.from_unrouted {
            let question = Question::Router { function: Function::From, argument: sender.path.bare() };
            self.ask(now, question, Resume::MailRouted { hello, sender, trace });
        } else {
            self.mail_proceed(now, hello, sender, trace, &Words::default());
        }
    }

    /// The recipient was admitted: the router is asked, or nobody is.
    pub(in crate::session) fn route_recipient(&mut self, now: Now, state: State, recipient: Recipient) {
        if self.settings.helpers.router && !self.styles.to_unrouted {
            let question = Question::Router { function: Function::To, argument: recipient.path().bare() };
            self.ask(now, question, Resume::RcptRouted { state, recipient });
        } else {
            self.delegate_recipient(now, state, recipient, Words::default());
        }
    }

    /// The client said who it is, and nobody is against it so far.
    pub(in crate::session) fn route_hello(&mut self, now: Now, state: State, hello: Hello, styles: Styles) {
        if self.settings.helpers.router && styles.route_helo {
            let literal = self.peer.literal();
            let word: String = format!("{}", hello.name).chars().take(HELLO_WORD_MAX).collect();
            let argument = format!("{literal} {word}");
            let question = Question::Router { function: Function::Hello, argument };
            self.ask(now, question, Resume::HelloRouted { state, hello, styles });
        } else {
            self.hello_proceed(now, state, hello, styles);
        }
    }

    /// VRFY or EXPN.
    pub(in crate::session) fn verify(&mut self, now: Now, state: State, verb: Verb, argument: String) {
        let verbs = self.settings.verbs;
        let (enabled, function) = if verb == Verb::Expn {
            (verbs.expn && self.styles.route_expn, Function::Expand)
        } else {
            (verbs.vrfy && self.styles.route_vrfy, Function::Verify)
        };
        if enabled && self.settings.helpers.router {
            let question = Question::Router { function, argument };
            self.ask(now, question, Resume::Verified { state, verb });
        } else {
            self.not_verified(state, verb);
        }
    }

    /// The router has answered VRFY or EXPN.
    pub(in crate::session) fn verified(&mut self, now: Now, state: State, verb: Verb, verdict: &Verdict) {
        match routed(verdict) {
            Ok(words) => {
                self.say(&catalog::in_words(&words));
                self.send();
                self.state = state;
            }
            Err(refusal) => self.refuse(now, Some(verb), refusal, state),
        }
    }
}

/// What the router's answer means: words to go on with, or a refusal.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other verdicts are refusals or none")]
pub(in crate::session) fn routed(verdict: &Verdict) -> Result<Words, Refusal> {
    match verdict {
        Verdict::Routed(words) if words.accepts() => Ok((**words).clone()),
        Verdict::Routed(words) => Err(Refusal::Unroutable((**words).clone())),
        // Nobody else is asked here: any other word is no answer.
        other => Err(catalog::verdict_refusal(other).unwrap_or(Refusal::Trouble(Trouble::Router))),
    }
}
