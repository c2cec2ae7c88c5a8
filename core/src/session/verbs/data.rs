//! DATA: the message follows, up to CRLF.CRLF (RFC 2821 §4.1.1.4).

use crate::now::Now;
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::session::Session;
use crate::session::pace::Pace;
use crate::session::state::{InTransaction, Receiving, State};
use crate::wire::command::Verb;
use crate::wire::dotted::DottedReader;
use crate::wire::params::BodyKind;
use alloc::boxed::Box;

impl Session {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(in crate::session) fn data(&mut self, now: Now, state: State) {
        match state {
            //= rfc3030#3/2
            State::Addressed(inside) if inside.declares_binary() => {
                let then = self.after_refused_data(now, State::Addressed(inside));
                self.refuse(now, Some(Verb::Data), Refusal::BinaryNeedsBdat, then);
            }
            State::Addressed(inside) => {
                let InTransaction { hello, transaction } = *inside;
                let message = self.begin_message(now, &hello, transaction);
                let mut reader = DottedReader::new(self.bare_newline());
                if let Some(missing) = self.missing_fields(now) {
                    reader = reader.adding(missing);
                }
                self.say(&catalog::start_mail());
                //= rfc2920#3.2/5
                // The client waits for this reply before it sends more.
                self.send();
                self.state = State::Receiving(Box::new(Receiving {
                    hello,
                    message,
                    reader,
                    spoiled: None,
                    pace: Pace::new(now.instant),
                }));
            }
            state => {
                let refusal = state.wants_mail_first(Verb::Data);
                let then = self.after_refused_data(now, state);
                self.refuse(now, Some(Verb::Data), refusal, then);
            }
        }
    }
}

impl InTransaction<crate::mail::transaction::Addressed> {
    /// Whether MAIL declared octets that DATA cannot carry (RFC 3030 §3).
    pub(in crate::session) fn declares_binary(&self) -> bool {
        self.transaction.opened.sender.params.body == Some(BodyKind::BinaryMime)
    }
}
