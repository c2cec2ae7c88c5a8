//! How a transaction is given up and how a session ends: whatever was open is abandoned and told, on every path.

use super::Session;
use super::state::{Chunking, Receiving, Resume, State};
use crate::event::{Event, Outcome};
use crate::mail::envelope::Hello;
use crate::now::{Instant, Now};
use crate::output::{Output, Reason};
use crate::refusal::{Refusal, Trouble};
use crate::spool::{Leftover, Order};
use alloc::boxed::Box;
use core::mem;

impl Session {
    /// Takes the state out, to be moved on from.
    pub(super) fn leave_state(&mut self) -> State {
        mem::replace(&mut self.state, State::Moving)
    }

    /// Gives up a transaction, if there is one; what the client said in HELO stays.
    pub(super) fn give_up(&mut self, now: Instant, state: State, outcome: Outcome) -> Option<Hello> {
        let mut leftover = None;
        let ended = matches!(outcome, Outcome::Cut(Reason::PeerClosed));
        let slow = matches!(outcome, Outcome::Cut(Reason::TimedOut)).then_some(Leftover::TimedOut);
        let (hello, record) = match state {
            State::Ready(hello) => return hello,
            State::ChunksRefused(hello, _) => return Some(hello),
            State::Login(login) => return Some(login.hello),
            State::Turning(hello) => return hello,
            State::Greeting
            | State::Hush { .. }
            | State::Unwelcome
            | State::Early { .. }
            | State::Securing { .. }
            | State::Closing
            | State::Moving => return None,
            State::Skipping { then, .. } | State::Paused { then, .. } => {
                return self.give_up(now, *then, outcome);
            }
            State::Swallowing(swallowing) => return self.give_up(now, swallowing.then, outcome),
            State::Unwanted(unwanted) => return self.give_up(now, unwanted.then, outcome),
            State::Asking { resume, .. } => match *resume {
                Resume::Greet { .. } | Resume::Load | Resume::Client(_) => return None,
                Resume::Secure(beginning) => return beginning.hello(),
                Resume::HelloLoad { state, .. }
                | Resume::Hello { state, .. }
                | Resume::Report(state)
                | Resume::Offer { state, .. }
                | Resume::HelloRouted { state, .. }
                | Resume::Verified { state, .. }
                | Resume::Rcpt { state, .. }
                | Resume::RcptRouted { state, .. }
                | Resume::RcptDelegated { state, .. } => return self.give_up(now, state, outcome),
                Resume::Mail { hello, .. }
                | Resume::MailRouted { hello, .. }
                | Resume::Auth { hello, .. }
                | Resume::Login { hello, .. } => return Some(hello),
                Resume::Milter(seen) => (seen.hello, seen.message.record(now, outcome)),
                Resume::Content { hello, message } => (hello, message.record(now, outcome)),
            },
            State::Opened(inside) => (inside.hello, inside.transaction.record(now, outcome)),
            State::Addressed(inside) => (inside.hello, inside.transaction.record(now, outcome)),
            State::Receiving(receiving) => {
                leftover = if ended { Some(Leftover::DataEnded) } else { slow };
                let Receiving { hello, mut message, reader, .. } = *receiving;
                message.came(reader.octets(), reader.normalized());
                (hello, message.record(now, outcome))
            }
            State::Chunking(chunking) | State::InChunk(chunking, _) => {
                leftover = if ended { Some(Leftover::ChunksEnded) } else { slow };
                let Chunking { hello, mut message, reader, .. } = *chunking;
                message.came(reader.octets(), reader.normalized());
                (hello, message.record(now, outcome))
            }
            State::Showing(shown) => (shown.seen.hello, shown.seen.message.record(now, outcome)),
            State::Storing(storing) => (storing.hello, storing.message.record(now, outcome)),
        };
        match leftover.filter(|_| self.styles.keep_broken) {
            Some(leftover) => {
                self.debt = 0;
                self.outputs.push_back(Output::Order(Order::Leave(leftover)));
            }
            None => self.abandon(),
        }
        self.event(Event::Transaction(Box::new(record)));
        Some(hello)
    }

    /// The draft is not wanted any more.
    pub(super) fn abandon(&mut self) {
        self.debt = 0;
        self.outputs.push_back(Output::Order(Order::Abandon));
    }

    /// Ends the session, wherever it is.
    pub(super) fn end(&mut self, now: Now, reason: Reason) {
        let state = self.leave_state();
        self.give_up(now.instant, state, Outcome::Cut(reason));
        self.state = State::Closing;
        self.backlog.clear();
        self.record.reason = reason;
        self.record.lasted = now.instant.since(self.began);
        self.event(Event::Closed(self.record));
        self.close = Some(reason);
    }

    /// Ends the session if the client or the server is leaving and nothing under way forbids it.
    pub(super) fn leave_if_over(&mut self, now: Now) {
        let boundary = self.state.is_at_command();
        if self.stop_by.is_some()
            && (self.state.may_be_stopped() || matches!(self.state, State::Paused { .. }))
        {
            self.dismiss(now, Refusal::Trouble(Trouble::ShuttingDown), Reason::ShuttingDown);
        } else if self.client_gone
            && !self.is_blocked()
            && (boundary
                || self.state.is_in_data()
                || matches!(self.state, State::Paused { .. } | State::Securing { .. }))
        {
            // What it sent before it left has been answered; a refusal in the tarpit is not owed to it any more.
            self.end(now, Reason::PeerClosed);
        }
    }
}
