//! XCLIENT: a proxy that is trusted tells who its client is (the Postfix project publishes it). From then on the session
//! is that client's, from its beginning.

use crate::event::Outcome;
use crate::mail::envelope::Hello;
use crate::now::Now;
use crate::peer::Peer;
use crate::policy::Question;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::session::state::{Known, Resume, State};
use crate::wire::command::Verb;
use crate::wire::xclient::Xclient;
use alloc::sync::Arc;
use core::net::SocketAddr;

impl Session {
    /// Whether this client may say XCLIENT. After it was said the session is another client's, who may be a stranger: what
    /// comes then was perhaps only passed on by the proxy.
    pub(in crate::session) fn believes_xclient(&self) -> bool {
        self.settings.manners.xclient_from.contain(self.peer.client.ip())
    }

    pub(in crate::session) fn xclient(&mut self, now: Now, state: State, told: Xclient) {
        if !self.believes_xclient() {
            return self.refuse_unknown_verb(now, state);
        }
        if matches!(
            state,
            State::Opened(_) | State::Addressed(_) | State::Chunking(_) | State::ChunksRefused(..)
        ) {
            return self.refuse(now, Some(Verb::Xclient), Refusal::InTransaction(Verb::Xclient), state);
        }
        self.give_up(now.instant, state, Outcome::Reset);
        let end = |known: SocketAddr, address, port: Option<u16>| match address {
            Some(address) => SocketAddr::new(address, port.unwrap_or(0)),
            None => SocketAddr::new(known.ip(), port.unwrap_or(known.port())),
        };
        let client = end(self.peer.client, told.address, told.port);
        let local = end(self.peer.local, told.local_address, told.local_port);
        let peer = Arc::new(Peer::new(client, local));
        let verb = if told.extended { Verb::Ehlo } else { Verb::Helo };
        let hello = told.hello.map(|name| Hello { verb, name });
        self.styles = self.settings.style;
        // Who logged in was the proxy's client before.
        self.login = None;
        self.proxied = true;
        let known = Known { peer: Arc::clone(&peer), hello };
        self.ask(now, Question::Client { peer }, Resume::Client(known));
    }
}
