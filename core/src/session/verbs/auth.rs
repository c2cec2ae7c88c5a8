//! AUTH: the client says who it is, and proves it (RFC 4954).

use crate::auth::{Inquiry, LoginFault, Request};
use crate::now::Now;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::session::state::{Resume, State};
use crate::wire::command::Verb;
use alloc::string::String;
use zeroize::Zeroizing;

impl Session {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(in crate::session) fn auth(&mut self, now: Now, state: State, words: String) {
        let words = Zeroizing::new(words);
        if let Err(refusal) = self.takes_logins() {
            // Whoever tries passwords where none are taken is guessing all the same.
            self.login_untried();
            return self.refuse(now, Some(Verb::Auth), refusal, state);
        }
        let hello = match state {
            //= rfc4954#4/2
            // One login is enough for a session.
            state if self.login.is_some() => {
                return self.refuse(now, Some(Verb::Auth), Refusal::LoggedInAlready(Verb::Auth), state);
            }
            State::Ready(Some(hello)) => hello,
            State::Ready(None) if self.needs_no_hello() => self.own_hello(),
            State::Ready(None) => {
                return self.refuse(now, Some(Verb::Auth), Refusal::HelloFirst, State::Ready(None));
            }
            //= rfc4954#4/3
            state => {
                return self.refuse(now, Some(Verb::Auth), Refusal::InTransaction(Verb::Auth), state);
            }
        };
        match Request::parse(&words) {
            Some(request) => self.inquire(now, Inquiry::Terms, Resume::Auth { hello, request }),
            None => self.login_failed(now, hello, LoginFault::Malformed),
        }
    }
}
