//! HELO and EHLO: who the client says it is, and what we offer (RFC 2821 §4.1.1.1).

use crate::auth::{Inquiry, Mechanism};
use crate::config::patterns::{PatternAction, Styles};
use crate::event::Outcome;
use crate::mail::envelope::Hello;
use crate::now::Now;
use crate::policy::Question;
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::session::Session;
use crate::session::state::{Resume, State};
use crate::wire::client_name::ClientName;
use crate::wire::command::Verb;
use crate::wire::xclient::ATTRIBUTES;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

/// The most that a LIMITS value may say (RFC 9422 §4: six digits).
const LIMIT_SAID_MAX: u32 = 999_999;

impl Session {
    pub(in crate::session) fn hello(&mut self, now: Now, state: State, verb: Verb, name: ClientName) {
        let settings = &self.settings;
        //= rfc2033#4.1/1
        // Each side must notice when the other one speaks another protocol.
        let known = if settings.lmtp {
            verb == Verb::Lhlo
        } else {
            verb == Verb::Helo || (verb == Verb::Ehlo && settings.extensions.ehlo)
        };
        if !known {
            return self.refuse_unknown_verb(now, state);
        }
        if settings.manners.hello_syntax && !name.is_well_formed() {
            return self.refuse(now, Some(verb), Refusal::HelloSyntax, state);
        }
        let (styles, load_max) = match settings.patterns.find(name.as_str()) {
            None => (settings.style, None),
            Some(line) => match &line.action {
                PatternAction::Style(styles) => (*styles, line.load_max),
                PatternAction::Refuse(text) => {
                    let refusal = Refusal::HelloRefused(text.clone());
                    // Whoever may leave the greeting out otherwise is not served without one after this.
                    self.styles = Styles::NONE;
                    return self.refuse(now, Some(verb), refusal, state);
                }
            },
        };
        let hello = Hello { verb, name };
        match load_max {
            Some(most) => self.ask(now, Question::Load { most }, Resume::HelloLoad { state, hello, styles }),
            None => self.introduce(now, state, hello, styles),
        }
    }

    /// Policy hears the client's name; what it concludes shows when there is a sender.
    pub(in crate::session) fn introduce(&mut self, now: Now, state: State, hello: Hello, styles: Styles) {
        let name = hello.name.as_str().into();
        self.ask(now, Question::Hello { name }, Resume::Hello { state, hello, styles });
    }

    /// Nobody is against a client of this name.
    pub(in crate::session) fn hello_proceed(&mut self, now: Now, state: State, hello: Hello, styles: Styles) {
        //= rfc4954#3/1 rfc4954#6/7
        // What can be offered depends on who knows the users, and may change.
        if hello.is_extended() && self.login.is_none() && self.takes_logins().is_ok() {
            return self.inquire(now, Inquiry::Terms, Resume::Offer { state, hello, styles });
        }
        self.hello_offered(now, state, hello, styles, Vec::new());
    }

    /// It is known with which mechanisms the client may log in.
    pub(in crate::session) fn hello_offered(
        &mut self,
        now: Now,
        state: State,
        hello: Hello,
        styles: Styles,
        mechanisms: Vec<Mechanism>,
    ) {
        //= rfc2821#4.1.4/4
        // A greeting in the middle ends whatever was open, exactly as RSET does.
        self.give_up(now.instant, state, Outcome::Reset);
        self.styles = styles;
        let reply = if hello.is_extended() {
            catalog::extended_hello(&self.settings.host, hello.name.as_str(), self.keywords(&mechanisms))
        } else {
            catalog::hello(&self.settings.host, hello.name.as_str())
        };
        self.say(&reply);
        //= rfc2920#3.2/5
        self.send();
        self.state = State::Ready(Some(hello));
    }

    /// The extensions on offer, told from the running settings and nothing else.
    fn keywords(&self, mechanisms: &[Mechanism]) -> Vec<Cow<'static, str>> {
        let extensions = &self.settings.extensions;
        let limits = &self.settings.limits;
        let mut keywords: Vec<Cow<'static, str>> = Vec::with_capacity(12);
        keywords.push(format!("SIZE {}", self.octets_max()).into());
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
        if self.offers_tls() {
            keywords.push("STARTTLS".into());
        }
        if self.believes_xclient() {
            keywords.push(format!("XCLIENT {ATTRIBUTES}").into());
        }
        if !mechanisms.is_empty() {
            let names: Vec<&str> = mechanisms.iter().map(|mechanism| mechanism.name()).collect();
            keywords.push(format!("AUTH {}", names.join(" ")).into());
            if self.settings.auth.equals_login && mechanisms.contains(&Mechanism::Login) {
                // Clients from before there was a standard look for this.
                keywords.push("AUTH=LOGIN".into());
            }
        }
        keywords.push("HELP".into());
        keywords
    }
}
