//! BDAT: a chunk of the message follows, of known size (RFC 3030 §2).

use crate::now::Now;
use crate::output::Reason;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::session::pace::Pace;
use crate::session::state::{Chunking, InTransaction, State};
use crate::wire::chunk::ChunkReader;
use crate::wire::command::{Chunk, SyntaxFault, Verb};
use alloc::boxed::Box;

impl Session {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(in crate::session) fn bdat(&mut self, now: Now, state: State, chunk: Chunk) {
        if self.batch().is_some_and(|batch| batch.unix_lines) {
            // Nobody can say where this chunk ends.
            self.state = state;
            return self.dismiss(now, Refusal::Syntax(SyntaxFault::ChunkSize), Reason::Misbehaved);
        }
        if matches!(state, State::Unwelcome) {
            return self.refuse_chunk(now, chunk, Refusal::Unwelcome, 1, state);
        }
        if !self.settings.extensions.chunking {
            return self.refuse_chunk(now, chunk, Refusal::NotOffered(Verb::Bdat), 1, state);
        }
        let mut chunking = match state {
            State::Chunking(mut chunking) => {
                chunking.pace.resume(now.instant);
                chunking
            }
            State::Addressed(inside) => {
                let mut reader = ChunkReader::new(inside.declares_binary(), self.bare_newline());
                if let Some(missing) = self.missing_fields(now) {
                    reader = reader.adding(missing);
                }
                let InTransaction { hello, transaction } = *inside;
                let message = self.begin_message(now, &hello, transaction);
                Box::new(Chunking { hello, message, reader, spoiled: None, pace: Pace::new(now.instant) })
            }
            State::ChunksRefused(hello, recipients) => {
                // The client may finish what it began; the last chunk ends the matter as RSET would.
                let then = if chunk.last {
                    State::Ready(Some(hello))
                } else {
                    State::ChunksRefused(hello, recipients)
                };
                return self.refuse_chunk(now, chunk, Refusal::ChunkAfterRefusal, recipients, then);
            }
            state => {
                let refusal = state.wants_mail_first(Verb::Bdat);
                // RFC 2033 §4.3.
                // Without a recipient LMTP has no reply to BDAT LAST.
                return self.refuse_chunk(now, chunk, refusal, 0, state);
            }
        };
        chunking.reader.begin(chunk);
        self.state = State::InChunk(chunking, chunk);
    }
}
