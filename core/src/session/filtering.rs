//! The content filter's part in a session: the whole message is shown to it, and what it says is done. What it has not
//! seen is never accepted.

use super::Session;
use super::state::{Resume, Seen, Shown, State};
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
        self.show_next(now, Seen { hello, message, octets, milter: 0 });
    }

    /// The message goes on to whoever sees it next, and in the end to nobody.
    pub(super) fn show_next(&mut self, now: Now, seen: Seen) {
        let helpers = &self.settings.helpers;
        let is_milters = seen.milter < helpers.milters.len();
        // What policy or a milter freezes a person looks at.
        let is_to_be_seen = seen.message.addressed.opened.destination() == Some(Destination::Router);
        if is_to_be_seen && !self.conditions.skips_filter && (is_milters || helpers.filter.is_some()) {
            self.order(Order::Show);
            let deadline = now.instant + self.settings.timeouts.store.min(SHOW_MAX);
            // Several see it one after the other, and the client's patience is for all of them.
            let deadline = deadline.min(seen.message.reply_by(now.instant));
            self.state = State::Showing(Box::new(Shown { seen, deadline }));
        } else {
            let Seen { hello, message, octets, .. } = seen;
            self.ask(now, Question::Content { octets, draft: None }, Resume::Content { hello, message });
        }
    }

    /// The spool has reported on a message that it is to show.
    pub(super) fn reported_showing(&mut self, now: Now, shown: Shown, report: Report) {
        match report {
            Report::Shown(draft) if shown.seen.milter < self.settings.helpers.milters.len() => {
                self.ask_milter(now, shown.seen, draft);
            }
            Report::Shown(draft) => {
                self.debug_filter(|| format!("asked about {}", draft.as_str()));
                let Seen { hello, message, octets, .. } = shown.seen;
                let question = Question::Content { octets, draft: Some(draft) };
                self.ask(now, question, Resume::Content { hello, message });
            }
            Report::Failed(fault) => {
                let refusal = Refusal::Trouble(Trouble::Spool(fault));
                self.refuse_message(now, shown.seen.hello, shown.seen.message, refusal);
            }
            Report::Room(_) | Report::Committed(_) => self.state = State::Showing(Box::new(shown)),
        }
    }

    /// What was concluded about the message.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other verdicts are refusals or none")]
    pub(super) fn content_judged(&mut self, now: Now, hello: Hello, message: Message, verdict: Verdict) {
        self.debug_filter(|| told(&verdict));
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
    pub(super) fn discard(&mut self, now: Now, hello: Hello, message: Message, reply: &Reply) {
        self.abandon();
        self.event(Event::Transaction(Box::new(message.record(now.instant, Outcome::Discarded))));
        self.since = now.instant;
        let times = self.times(message.addressed.recipients());
        self.say(&reply.clone().repeated(times));
        self.send_unless_grouped(Some(Verb::Data));
        self.state = State::Ready(Some(hello));
    }
}

/// A verdict about a message, in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other verdicts are refusals or none")]
fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Judged(sentence) => {
            let fate = match sentence.fate {
                Fate::Destroyed if sentence.words.accepts() => {
                    String::from("destroy it, and say it was taken")
                }
                Fate::Destroyed => String::from("refuse it"),
                Fate::Kept => String::from("keep it"),
                Fate::Frozen(code) => format!("freeze it ({code})"),
            };
            if sentence.words == Words::default() {
                format!("answered: {fate}")
            } else {
                format!("answered: {fate}; words: {}", sentence.words)
            }
        }
        Verdict::NoHelper(_) => String::from("did not answer"),
        other => match catalog::verdict_refusal(other) {
            Some(refusal) => format!("was not asked: {}", refusal.name()),
            None => String::from("was not asked"),
        },
    }
}
