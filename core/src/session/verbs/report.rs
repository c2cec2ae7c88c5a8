//! Z-REPORT: what the server counts, for an operator elsewhere; and Z-IDENT. Whoever has no right to a report is answered
//! as if there were no such verb.

use crate::now::Now;
use crate::policy::{Question, ReportClaim, Verdict};
use crate::reply::catalog;
use crate::session::Session;
use crate::session::state::{Resume, State};
use crate::wire::report::ReportWish;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// What the manual's ancestor says where no ident service was asked.
const NOT_QUERIED: &str = "IDENT-NOT-QUERIED";

impl Session {
    pub(in crate::session) fn report(&mut self, now: Now, state: State, wish: ReportWish) {
        let is_private =
            self.secured.is_some() || self.peer.client.ip().is_loopback() || self.settings.auth.without_tls;
        let claim = ReportClaim { peer: self.peer.clone(), is_private, wish };
        self.ask(now, Question::Report(Box::new(claim)), Resume::Report(state));
    }

    pub(in crate::session) fn reported_on(&mut self, now: Now, state: State, verdict: Verdict) {
        let Verdict::Report(Some(lines)) = verdict else { return self.refuse_unknown_verb(now, state) };
        self.say(&catalog::report(lines));
        self.send();
        self.state = state;
    }

    pub(in crate::session) fn ident(&mut self, now: Now, state: State) {
        if !self.settings.verbs.debug {
            return self.refuse_unknown_verb(now, state);
        }
        self.say(&catalog::report(Vec::from([String::from(NOT_QUERIED)])));
        self.send();
        self.state = state;
    }
}
