//! The content filter's part in a session: the whole message is shown to it, and what it says is done. What it has not
//! seen is never accepted.

use super::Session;
use super::state::{Resume, Shown, State};
use crate::event::{Event, Outcome};
use crate::limits::SHOW_MAX;
use crate::mail::envelope::Hello;
use crate::mail::transaction::Message;
use crate::now::Now;
use crate::policy::{Question, Verdict};
use crate::refusal::{Refusal, Trouble};
use crate::reply::{Reply, Words, catalog};
use crate::spool::{Destination, Order, Report};
use crate::subserver::filter::{Fate, Sentence};
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

impl Session {
    /// The message is complete, and nothing is wrong with it: the filter sees it, if there is one.
    pub(super) fn judge_content(&mut self, now: Now, hello: Hello, message: Message, octets: u64) {
        let destination = message.addressed.opened.destination();
        if destination.is_none() {
            return self.discard(now, hello, message, &catalog::message_discarded(&Words::default()));
        }
        // What policy freezes a person looks at.
        let shown = destination == Some(Destination::Router);
        if self.settings.helpers.filter.is_some() && !self.conditions.skips_filter && shown {
            self.order(Order::Show);
            let deadline = now.instant + self.settings.timeouts.store.min(SHOW_MAX);
            self.state = State::Showing(Box::new(Shown { hello, message, octets, deadline }));
        } else {
            self.ask(now, Question::Content { octets, draft: None }, Resume::Content { hello, message });
        }
    }

    /// The spool has reported on a message that it is to show.
    pub(super) fn reported_showing(&mut self, now: Now, shown: Shown, report: Report) {
        match report {
            Report::Shown(draft) => {
                self.debug_filter(|| format!("asked about {}", draft.as_str()));
                let Shown { hello, message, octets, .. } = shown;
                let question = Question::Content { octets, draft: Some(draft) };
                self.ask(now, question, Resume::Content { hello, message });
            }
            Report::Failed(fault) => {
                let refusal = Refusal::Trouble(Trouble::Spool(fault));
                self.refuse_message(now, shown.hello, shown.message, refusal);
            }
            Report::Room(_) | Report::Committed(_) => self.state = State::Showing(Box::new(shown)),
        }
    }

    /// What was concluded about the message.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other verdicts are refusals or none")]
    pub(super) fn content_judged(&mut self, now: Now, hello: Hello, message: Message, verdict: Verdict) {
        self.debug_filter(|| format!("{verdict:?}"));
        match verdict {
            Verdict::Judged(sentence) => self.sentenced(now, hello, message, *sentence),
            other => match catalog::verdict_refusal(&other) {
                None => {
                    let destination = message.addressed.opened.destination();
                    let destination = destination.expect("nobody is asked about what goes nowhere");
                    self.commit(now, hello, message, destination, Words::default());
                }
                Some(refusal) => self.refuse_message(now, hello, message, refusal),
            },
        }
    }

    fn sentenced(&mut self, now: Now, hello: Hello, mut message: Message, sentence: Sentence) {
        let Sentence { fate, words } = sentence;
        match fate {
            Fate::Kept => self.commit(now, hello, message, Destination::Router, words),
            Fate::Frozen(code) => {
                message.freeze();
                self.commit(now, hello, message, Destination::Freezer(code), words);
            }
            Fate::Destroyed if words.accepts() => {
                self.discard(now, hello, message, &catalog::message_discarded(&words));
            }
            Fate::Destroyed => self.refuse_message(now, hello, message, Refusal::Condemned(words)),
        }
    }

    fn debug_filter(&mut self, what: impl FnOnce() -> String) {
        if self.settings.helpers.filter_debug {
            self.event(Event::Filter(what()));
        }
    }

    /// The operator wants the message destroyed, and the client told that it was taken.
    fn discard(&mut self, now: Now, hello: Hello, message: Message, reply: &Reply) {
        self.abandon();
        self.event(Event::Transaction(Box::new(message.record(now.instant, Outcome::Discarded))));
        self.since = now.instant;
        let times = self.times(message.addressed.recipients());
        self.say(&reply.clone().repeated(times));
        self.send_unless_grouped(Some(Verb::Data));
        self.state = State::Ready(Some(hello));
    }
}
