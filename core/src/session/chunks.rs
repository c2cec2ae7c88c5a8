//! BDAT (RFC 3030): chunks of known size. Whatever the reply will be, exactly that many octets are consumed, so
//! that no octet of a chunk ever becomes a command.

use super::pace::Pace;
use super::state::{Chunking, State, Swallowing};
use super::{Flow, Session};
use crate::event::{Event, Outcome};
use crate::now::Now;
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::wire::command::{Chunk, Verb};
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Session {
    pub(super) fn take_chunk(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let State::InChunk(mut chunking, chunk) = self.leave_state() else {
            unreachable!("the state was looked at by the caller")
        };
        let mut text = Vec::new();
        let progress = chunking.reader.read(rest, &mut text);
        self.took(&rest[..progress.used]);
        *rest = &rest[progress.used..];
        chunking.pace.came(now.instant, progress.used);
        self.take_from_chunk(&mut chunking, text);
        if progress.ended {
            self.end_of_chunk(now, chunking, chunk);
        } else {
            self.state = State::InChunk(chunking, chunk);
            if rest.is_empty() {
                return Flow::Wait;
            }
        }
        Flow::Again
    }

    fn chunk_fault(&self, chunking: &Chunking) -> Option<Refusal> {
        let reader = &chunking.reader;
        self.fault_of(reader.fault(), reader.octets(), reader.received_fields())
    }

    fn take_from_chunk(&mut self, chunking: &mut Chunking, text: Vec<u8>) -> Option<Refusal> {
        let fault = self.chunk_fault(chunking);
        if self.keep(text, &fault, &mut chunking.spoiled) {
            chunking.reader.discard_from_now();
        }
        fault
    }

    fn end_of_chunk(&mut self, now: Now, mut chunking: Box<Chunking>, chunk: Chunk) {
        self.since = now.instant;
        if chunk.last {
            let mut text = Vec::new();
            chunking.reader.finish(&mut text);
            let fault = self.take_from_chunk(&mut chunking, text);
            let Chunking { hello, message, reader, spoiled, .. } = *chunking;
            let spoiled = fault.or(spoiled);
            self.end_of_data(now, hello, message, (reader.octets(), reader.normalized()), spoiled);
        } else if let Some(spoiled) = chunking.spoiled.take() {
            let refusal = self.chunk_fault(&chunking).unwrap_or(spoiled);
            let Chunking { hello, mut message, reader, .. } = *chunking;
            message.came(reader.octets(), reader.normalized());
            self.abandon();
            let outcome = Outcome::Refused(refusal.clone());
            self.event(Event::Transaction(Box::new(message.record(now.instant, outcome))));
            let recipients = message.addressed.recipients();
            self.refuse(now, Some(Verb::Bdat), refusal, State::ChunksRefused(hello, recipients));
        } else {
            //= rfc3030#2/5
            self.say(&catalog::chunk_ok(chunk.octets));
            self.state = State::Chunking(chunking);
        }
    }

    /// A chunk comes that nobody wants: `refusal` is said when it is through.
    /// A last one, in LMTP, has a reply for each of `recipients` (RFC 2033 §4.3).
    pub(super) fn refuse_chunk(
        &mut self,
        now: Now,
        chunk: Chunk,
        refusal: Refusal,
        recipients: u32,
        then: State,
    ) {
        //= rfc3030#2/6
        // Counted and thrown away before anything is said.
        let pace = Pace::new(now.instant);
        let times = if chunk.last { self.times(recipients) } else { 1 };
        let swallowing = Swallowing { left: chunk.octets, pace, refusal, times, then };
        self.state = State::Swallowing(Box::new(swallowing));
    }

    pub(super) fn swallow(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let State::Swallowing(mut swallowing) = self.leave_state() else {
            unreachable!("the state was looked at by the caller")
        };
        let used = usize::try_from(swallowing.left).unwrap_or(usize::MAX).min(rest.len());
        self.took(&rest[..used]);
        *rest = &rest[used..];
        swallowing.left -= u64::try_from(used).expect("not more than was left");
        if swallowing.left > 0 {
            swallowing.pace.came(now.instant, used);
            self.state = State::Swallowing(swallowing);
            return Flow::Wait;
        }
        let Swallowing { refusal, times, then, .. } = *swallowing;
        self.since = now.instant;
        self.refuse_times(now, Some(Verb::Bdat), refusal, then, times);
        Flow::Again
    }
}
