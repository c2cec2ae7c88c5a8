//! A login under way: the client's lines, the answers about it, and its end (RFC 4954). The exchange itself is
//! `crate::auth`'s; here it meets the session's states and replies.

use super::state::{LoggingIn, Resume, State};
use super::{Flow, Session};
use crate::auth::{
    Advice, Attempt, Channel, Inquiry, LoginFault, Means, Mechanism, Nonce, Prompts, Request, Step, Terms,
    UserName, begin,
};
use crate::config::bind::Service;
use crate::event::Event;
use crate::limits::AUTH_LINE_MAX;
use crate::mail::envelope::Hello;
use crate::now::Now;
use crate::output::Output;
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::tls::Secured;
use crate::wire::line::{self, Found, LineFault};
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Session {
    /// What is known of the channel to the client.
    pub(super) fn channel(&self) -> Channel {
        let secured = self.secured.as_ref();
        let names =
            secured.and_then(Secured::client).map(|client| client.names.as_slice()).unwrap_or_default();
        // Who has a mail address is known by it.
        let name = names.iter().find(|name| name.contains('@')).or(names.first());
        Channel {
            is_private: secured.is_some() || self.settings.auth.without_tls,
            certificate: name.and_then(|name| UserName::new(name)),
            exporter: secured
                .and_then(|secured| secured.facts().binding.as_ref())
                .map(|bound| bound.0.to_vec()),
            end_point: None,
        }
    }

    /// Whether AUTH has a place here; if not, why.
    pub(super) fn takes_logins(&self) -> Result<(), Refusal> {
        let auth = &self.settings.auth;
        if !auth.offered || self.batch().is_some() {
            Err(Refusal::NotOffered(Verb::Auth))
        } else if auth.not_on_smtp && self.settings.service == Service::Smtp {
            Err(Refusal::LoginElsewhere)
        } else if !self.channel().is_private {
            Err(Refusal::LoginNeedsTls)
        } else {
            Ok(())
        }
    }

    /// The mechanisms that the client may use, if the back end can do so much.
    fn mechanisms(&self, means: Means) -> Vec<Mechanism> {
        self.settings.auth.wanted().offered(&self.channel(), means)
    }

    /// An answer about a login is here.
    pub(super) fn go_on_logging_in(&mut self, now: Now, resume: Resume, advice: Advice) {
        match (resume, advice) {
            (Resume::Offer { state, hello, styles }, Advice::Terms(means, _)) => {
                let mechanisms = self.mechanisms(means);
                self.hello_offered(now, state, hello, styles, mechanisms);
            }
            (Resume::Auth { hello, request }, Advice::Terms(means, nonce)) => {
                self.begin_login(now, hello, &request, means, nonce);
            }
            (Resume::Login { hello, asking }, Advice::Found(finding)) => {
                // The server has counted it if it was a guess.
                self.login_step(now, hello, asking.answered(finding), true);
            }
            // An answer of another kind is none.
            (resume, Advice::Terms(..) | Advice::Found(_)) => self.unanswered(now, resume),
        }
    }

    fn begin_login(&mut self, now: Now, hello: Hello, request: &Request, means: Means, nonce: Nonce) {
        let offered = self.mechanisms(means);
        let step = match request.mechanism.filter(|mechanism| offered.contains(mechanism)) {
            None => Step::Failed(LoginFault::NoSuchMechanism),
            Some(mechanism) => {
                let auth = &self.settings.auth;
                let prompts =
                    Prompts { user: auth.username_prompt.clone(), password: auth.password_prompt.clone() };
                begin(mechanism, request, Terms { prompts, channel: self.channel(), nonce })
            }
        };
        self.login_step(now, hello, step, false);
    }

    /// Obeys what the exchange wants next. `counted`: the server knows whether it was a guess.
    fn login_step(&mut self, now: Now, hello: Hello, step: Step, counted: bool) {
        match step {
            Step::Challenge(text, awaiting) => {
                self.say(&catalog::challenge(text));
                self.send();
                self.state = State::Login(Box::new(LoggingIn { hello, awaiting }));
            }
            Step::Ask(check, asking) => {
                let source = self.peer.source();
                self.inquire(now, Inquiry::Check { source, check }, Resume::Login { hello, asking });
            }
            Step::AskLeave(user, asking) => {
                let source = self.peer.source();
                self.inquire(now, Inquiry::Certified { source, user }, Resume::Login { hello, asking });
            }
            Step::Passed(logged_in) => {
                self.event(Event::LoggedIn(logged_in.clone()));
                self.outputs.push_back(Output::Attempt(Attempt::Passed(logged_in.clone())));
                self.login = Some(logged_in);
                self.say(&catalog::logged_in());
                self.send();
                self.state = State::Ready(Some(hello));
            }
            Step::Failed(fault) => {
                if fault.is_guess() && !counted {
                    self.login_untried();
                }
                self.login_failed(now, hello, fault);
            }
        }
    }

    /// Somebody tried to log in, and no back end will be asked.
    pub(super) fn login_untried(&mut self) {
        let source = self.peer.source();
        self.outputs.push_back(Output::Attempt(Attempt::Untried(source)));
    }

    /// Says that it was no login.
    pub(super) fn login_failed(&mut self, now: Now, hello: Hello, fault: LoginFault) {
        self.since = now.instant;
        self.refuse(now, Some(Verb::Auth), Refusal::Login(fault), State::Ready(Some(hello)));
    }

    /// The client's next line.
    pub(super) fn take_login_line(&mut self, now: Now, rest: &mut &[u8]) -> Flow {
        let octets = *rest;
        //= rfc4954#4/16
        // Lines of an exchange may be far longer than commands.
        let found = line::find(octets, AUTH_LINE_MAX + 2);
        if found == Found::Incomplete {
            return Flow::Wait;
        }
        let State::Login(login) = self.leave_state() else {
            unreachable!("the state was looked at by the caller")
        };
        let LoggingIn { hello, awaiting } = *login;
        self.since = now.instant;
        self.heard(b"...");
        match found {
            Found::Incomplete => unreachable!("just seen not to be"),
            Found::Line { text, used } => {
                *rest = &octets[used..];
                self.is_secret(|| awaiting.harmless(text));
                let decided = awaiting.is_decided();
                let step = awaiting.line(text);
                self.login_step(now, hello, step, decided);
            }
            Found::Broken { fault, used } => {
                *rest = &octets[used..];
                let fault = match fault {
                    LineFault::TooLong => LoginFault::TooLong,
                    LineFault::BareCr | LineFault::BareLf | LineFault::Nul => LoginFault::NotBase64,
                };
                let then = State::Skipping { dropped: 0, then: Box::new(State::Ready(Some(hello))) };
                self.refuse(now, Some(Verb::Auth), Refusal::Login(fault), then);
            }
        }
        Flow::Again
    }
}
