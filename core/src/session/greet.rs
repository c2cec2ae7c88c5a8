//! From the connection to the 220: the questions that come before it, the pause in which early talkers give themselves
//! away, and the operator's words.

use super::Session;
use super::state::{Resume, State};
use crate::mail::envelope::Hello;
use crate::now::{Now, Wall};
use crate::output::Reason;
use crate::policy::{Answer, Question};
use crate::refusal::Refusal;
use crate::reply::catalog;
use alloc::string::{String, ToString};
use core::fmt::Write;

/// Our version, as `%V` in the greeting says it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Session {
    /// Policy has nothing against the connection.
    pub(super) fn welcomed(&mut self, now: Now) {
        match self.settings.manners.load_max {
            Some(most) if self.settings.manners.batch.is_none() => {
                self.ask(now, Question::Load { most }, Resume::Load);
            }
            Some(_) | None => self.pause_before_greeting(now),
        }
    }

    pub(super) fn pause_before_greeting(&mut self, now: Now) {
        let pause = self.settings.manners.greet_pause;
        if pause.is_zero() || self.settings.manners.batch.is_some() {
            self.greet(now, None);
        } else {
            self.state = State::Hush { until: now.instant + pause };
        }
    }

    /// The client spoke in the pause: whoever does that does not read replies.
    pub(super) fn early_talk(&mut self, now: Now) {
        self.dismiss(now, Refusal::EarlyTalker, Reason::Misbehaved);
    }

    /// Says 220. What the client called itself is known already when a proxy told it.
    pub(super) fn greet(&mut self, now: Now, hello: Option<Hello>) {
        let settings = &self.settings;
        let reply = if settings.greeting.is_empty() {
            catalog::greeting(&settings.host, if settings.lmtp { "LMTP" } else { "ESMTP" })
        } else {
            catalog::own_greeting(
                settings.greeting.iter().map(|line| self.expanded(line, now.wall)).collect(),
            )
        };
        self.say(&reply);
        self.state = State::Ready(hello);
    }

    /// A line of the greeting with its `%` letters replaced (manual, `hdr220`). The configuration has no others; there
    /// is no identity (`%I`) and no translation (`%X`) to tell.
    fn expanded(&self, line: &str, now: Wall) -> String {
        let mut out = String::with_capacity(line.len() + 64);
        let mut rest = line.chars();
        while let Some(letter) = rest.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            match rest.next() {
                Some('%') => out.push('%'),
                Some('H') => out.push_str(&self.settings.host),
                Some('i') => out.push_str(&self.peer.literal()),
                Some('p') => write!(out, "{}", self.peer.local.port()).expect("writing to memory"),
                Some('V') => out.push_str(VERSION),
                Some('T') => out.push_str(&now.rfc2822().to_string()),
                Some(_) | None => {}
            }
        }
        out
    }

    /// Room was asked for, for the client that a proxy named.
    pub(super) fn client_judged(&mut self, now: Now, client: super::state::Known, answer: &Answer) {
        if let Some(refusal) = catalog::verdict_refusal(&answer.verdict) {
            self.state = State::Ready(None);
            return self.dismiss(now, refusal, Reason::Trouble);
        }
        self.peer = client.peer;
        self.ask(now, Question::Connect, Resume::Greet { hello: client.hello, again: true });
    }
}
