//! HELO and EHLO: who the client says it is, and what we offer (RFC 2821 §4.1.1.1).

use crate::event::Outcome;
use crate::mail::envelope::Hello;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::session::Session;
use crate::session::state::State;
use crate::wire::client_name::ClientName;
use crate::wire::command::Verb;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

/// The most that a LIMITS value may say (RFC 9422 §4: six digits).
const LIMIT_SAID_MAX: u32 = 999_999;

impl Session {
    pub(in crate::session) fn hello(&mut self, now: Now, state: State, verb: Verb, name: ClientName) {
        if verb == Verb::Lhlo {
            return self.refuse(now, Some(verb), Refusal::NotOffered(verb), state);
        }
        //= rfc2821#4.1.4/4
        // A greeting in the middle ends whatever was open, exactly as RSET does.
        self.give_up(now.instant, state, Outcome::Reset);
        let hello = Hello { verb, name };
        let reply = if hello.is_extended() {
            catalog::extended_hello(&self.settings.host, hello.name.as_str(), self.keywords())
        } else {
            catalog::hello(&self.settings.host, hello.name.as_str())
        };
        self.say(&reply);
        //= rfc2920#3.2/5
        self.send();
        self.state = State::Ready(Some(hello));
    }

    /// The extensions on offer, told from the running settings and nothing else.
    fn keywords(&self) -> Vec<Cow<'static, str>> {
        let extensions = &self.settings.extensions;
        let limits = &self.settings.limits;
        let mut keywords: Vec<Cow<'static, str>> = Vec::with_capacity(12);
        keywords.push(format!("SIZE {}", limits.message_octets_max).into());
        let mut offer = |on: bool, keyword: &'static str| {
            if on {
                keywords.push(keyword.into());
            }
        };
        offer(extensions.eightbitmime, "8BITMIME");
        offer(extensions.pipelining, "PIPELINING");
        offer(extensions.chunking, "CHUNKING");
        offer(extensions.chunking, "BINARYMIME");
        offer(extensions.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        offer(extensions.dsn, "DSN");
        match extensions.deliverby {
            None => {}
            Some(0) => keywords.push("DELIVERBY".into()),
            Some(least) => keywords.push(format!("DELIVERBY {least}").into()),
        }
        keywords.push(format!("X-RCPTLIMIT {}", limits.recipients_max).into());
        keywords.push(format!("LIMITS RCPTMAX={}", limits.recipients_max.min(LIMIT_SAID_MAX)).into());
        keywords.push("HELP".into());
        keywords
    }
}
