//! The octets of a message on their way to the spool, and what follows their end: content question, commit,
//! report, reply. Nothing here says 250 without `Durable`.

use super::state::{Receiving, Resume, State, Storing};
use super::{Flow, Session};
use crate::auth::LoggedIn;
use crate::event::{Event, Outcome};
use crate::limits::HOPS_MAX;
use crate::mail::envelope::Hello;
use crate::mail::trace;
use crate::mail::transaction::{Addressed, Message};
use crate::now::{Instant, Now};
use crate::output::Reason;
use crate::refusal::{Refusal, Trouble};
use crate::reply::{Words, catalog};
use crate::spool::{Destination, Durable, Order, Report, SpoolFault, control};
use crate::wire::command::Verb;
use crate::wire::missing::MissingFields;
use crate::wire::text::TextFault;
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Session {
    /// The envelope is complete: its last line and the trace field go to the draft, the message follows.
    pub(super) fn begin_message(&mut self, now: Now, hello: &Hello, transaction: Addressed) -> Message {
        let mut head = control::END.as_bytes().to_vec();
        // RFC 7208 §9.1: above our own trace field.
        head.extend_from_slice(transaction.opened.head().as_bytes());
        // An operator whose router makes the field of the envelope's lines wants no second one.
        if !self.settings.received.none {
            //= rfc2821#4.4/1 rfc2821#4.4/8
            // The trace field is the first of the header, and ours.
            head.extend_from_slice(
                trace::received(
                    trace::Way {
                        hello,
                        origin: &self.origin(),
                        protocol: self.protocol(hello),
                        host: &self.settings.host,
                        user: self
                            .settings
                            .received
                            .auth_user
                            .then(|| self.login.as_ref().map(LoggedIn::user)),
                        secured: self.comment_on_tls().as_deref(),
                    },
                    &transaction,
                    now.wall,
                )
                .as_bytes(),
            );
        }
        self.order(Order::Append(head));
        transaction.begin(now.instant, self.drafted)
    }

    /// What may have to be added to the message of this transaction (`add-missing-fields`).
    pub(super) fn missing_fields(&self, now: Now) -> Option<MissingFields> {
        self.settings
            .adds_fields()
            .then(|| trace::missing(self.transaction_id(), &self.settings.host, now.wall))
    }

    pub(super) fn take_text(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let State::Receiving(mut receiving) = self.leave_state() else {
            unreachable!("the state was looked at by the caller")
        };
        let mut text = Vec::with_capacity(rest.len());
        let progress = receiving.reader.read(rest, &mut text);
        self.took(&rest[..progress.used]);
        *rest = &rest[progress.used..];
        receiving.pace.came(now.instant, progress.used);
        let Receiving { reader, spoiled, .. } = &mut *receiving;
        let fault = self.fault_of(reader.fault(), reader.octets(), reader.received_fields());
        if self.keep(text, &fault, spoiled) {
            reader.discard_from_now();
        }
        if progress.ended {
            let Receiving { hello, message, reader, spoiled, .. } = *receiving;
            let spoiled = fault.or(spoiled);
            self.end_of_data(now, hello, message, (reader.octets(), reader.normalized()), spoiled);
        } else {
            self.state = State::Receiving(receiving);
        }
        Flow::Again
    }

    /// What is wrong with a message so far. A function of its octets alone, so that it does not matter how they
    /// came: the worst fault wins, not the first one seen.
    pub(super) fn fault_of(
        &self,
        fault: Option<TextFault>,
        octets: u64,
        received_fields: u32,
    ) -> Option<Refusal> {
        let octets_max = self.octets_max();
        if let Some(fault) = fault {
            Some(Refusal::Text(fault))
        } else if octets_max != 0 && octets > octets_max {
            Some(Refusal::TooBig)
        } else if received_fields > HOPS_MAX {
            //= rfc2821#6.2/2
            Some(Refusal::Looping)
        } else {
            None
        }
    }

    /// Gives text to the draft; once something is wrong the draft is given up, and the answer is true: read on
    /// to the end, and keep nothing.
    pub(super) fn keep(
        &mut self,
        text: Vec<u8>,
        fault: &Option<Refusal>,
        spoiled: &mut Option<Refusal>,
    ) -> bool {
        match (&spoiled, fault) {
            (Some(_), _) => false,
            (None, Some(refusal)) => {
                self.abandon();
                *spoiled = Some(refusal.clone());
                true
            }
            (None, None) => {
                if !text.is_empty() {
                    self.order(Order::Append(text));
                }
                false
            }
        }
    }

    /// The message is here, whole.
    pub(super) fn end_of_data(
        &mut self,
        now: Now,
        hello: Hello,
        mut message: Message,
        (octets, normalized): (u64, u32),
        spoiled: Option<Refusal>,
    ) {
        message.came(octets, normalized);
        message.end(now.instant);
        match spoiled {
            Some(refusal) => self.refuse_message(now, hello, message, refusal),
            None => self.judge_content(now, hello, message, octets),
        }
    }

    /// Says no to a whole message.
    pub(super) fn refuse_message(&mut self, now: Now, hello: Hello, message: Message, refusal: Refusal) {
        self.abandon();
        let outcome = Outcome::Refused(refusal.clone());
        self.event(Event::Transaction(Box::new(message.record(now.instant, outcome))));
        self.since = now.instant;
        let times = self.times(message.addressed.recipients());
        self.refuse_times(now, Some(Verb::Data), refusal, State::Ready(Some(hello)), times);
    }

    pub(super) fn commit(
        &mut self,
        now: Now,
        hello: Hello,
        message: Message,
        destination: Destination,
        words: Words,
    ) {
        //= rfc2821#6.1/1
        // Nothing is promised before the spool has reported.
        self.order(Order::Commit(destination));
        let deadline = (now.instant + self.settings.timeouts.store).min(message.reply_by(now.instant));
        self.state = State::Storing(Box::new(Storing { hello, message, deadline, words }));
    }

    /// The spool has reported on the commit.
    pub(super) fn stored(&mut self, now: Now, storing: Storing, report: Report) {
        let Some(result) = Durable::from_report(report) else {
            self.state = State::Storing(Box::new(storing));
            return;
        };
        let Storing { hello, message, words, .. } = storing;
        match result {
            Ok(durable) => {
                self.debt = 0;
                self.since = now.instant;
                self.record.stored = self.record.stored.saturating_add(1);
                let outcome = Outcome::Stored(durable.id().clone());
                self.event(Event::Transaction(Box::new(message.record(now.instant, outcome))));
                let times = self.times(message.addressed.recipients());
                self.say(&catalog::message_accepted(durable, &words).repeated(times));
                //= rfc2821#6.1/8 rfc2920#3.2/5
                self.send();
                self.state = State::Ready(Some(hello));
            }
            Err(fault) => {
                self.refuse_message(now, hello, message, Refusal::Trouble(Trouble::Spool(fault)));
            }
        }
    }

    /// The spool lost a draft that is still being written.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a report that no state waits for is late and ignored"
    )]
    pub(super) fn draft_failed(&mut self, now: Now, fault: SpoolFault) {
        let refusal = Refusal::Trouble(Trouble::Spool(fault));
        match self.leave_state() {
            State::Receiving(mut receiving) => {
                receiving.reader.discard_from_now();
                receiving.spoiled.get_or_insert(refusal);
                self.state = State::Receiving(receiving);
            }
            State::Chunking(mut chunking) => {
                chunking.reader.discard_from_now();
                chunking.spoiled.get_or_insert(refusal);
                self.state = State::Chunking(chunking);
            }
            State::InChunk(mut chunking, chunk) => {
                chunking.reader.discard_from_now();
                chunking.spoiled.get_or_insert(refusal);
                self.state = State::InChunk(chunking, chunk);
            }
            State::Asking { ticket, deadline, resume } => match *resume {
                // The answer comes too late for this message.
                Resume::Content { hello, message } => self.refuse_message(now, hello, message, refusal),
                Resume::Milter(seen) => self.refuse_message(now, seen.hello, seen.message, refusal),
                resume => {
                    self.state = State::Asking { ticket, deadline, resume: Box::new(resume) };
                    self.dismiss(now, refusal, Reason::Trouble);
                }
            },
            state @ (State::Addressed(_)
            | State::Swallowing(_)
            | State::Skipping { .. }
            | State::Paused { .. }) => {
                // The envelope alone was too much for the disk. The recipients already promised are lost, and no
                // command is there to be answered with that: only a new session can be honest.
                self.state = state;
                self.dismiss(now, refusal, Reason::Trouble);
            }
            state => {
                self.state = state;
                return;
            }
        }
        self.debt = 0;
    }

    /// The client's turn again, after the spool was behind.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only what receives has a pace")]
    pub(super) fn resume_pace(&mut self, now: Instant) {
        match &mut self.state {
            State::Receiving(receiving) => receiving.pace.resume(now),
            State::InChunk(chunking, _) => chunking.pace.resume(now),
            State::Swallowing(swallowing) => swallowing.pace.resume(now),
            _ => {}
        }
    }
}
