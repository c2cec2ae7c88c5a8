//! DEBUG and Z-DEBUG: what a session knows of its client, for a person who looks for a fault. Nothing that the client
//! could not know is told, and nothing is changed.

use crate::config::pattern_line;
use crate::now::Now;
use crate::reply::catalog;
use crate::session::Session;
use crate::session::state::State;
use alloc::format;
use alloc::string::String;

impl Session {
    pub(in crate::session) fn debug(&mut self, now: Now, state: State) {
        if !self.settings.verbs.debug {
            return self.refuse_unknown_verb(now, state);
        }
        let seconds = now.instant.since(self.began).as_secs();
        let lines = alloc::vec![
            format!("session {} in state {}", self.id, state.name()),
            format!("client {} to {}", self.peer.client, self.peer.local),
            match &self.secured {
                None => String::from("no TLS"),
                Some(secured) => format!("within TLS: {}", secured.facts()),
            },
            format!("styles {}", pattern_line::letters(self.styles)),
            format!(
                "{} commands, {} unknown, {} transactions, {} stored, {seconds} s",
                self.record.commands, self.unknown, self.record.transactions, self.record.stored
            ),
        ];
        self.say(&catalog::debug(lines));
        self.send();
        self.state = state;
    }
}
