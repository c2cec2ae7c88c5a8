//! The exchange itself: whose turn it is, and what each turn leads to. The mechanisms' own words are read in the files
//! beside this one.
//!
//! A state is consumed by its step: nothing can be said to an exchange that is over, and no answer of the back end
//! reaches one that did not ask.

use super::check::{Check, Finding};
use super::fault::LoginFault;
use super::filler::{self, Line};
use super::mechanism::Mechanism;
use super::name::UserName;
use super::scram::server::{Challenged, First};
use super::secret::Secret;
use super::terms::Terms;
use super::{base64, bearer, plain};
use crate::limits::AUTH_LINE_MAX;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What AUTH asks for: the words behind the verb. Not yet looked up, as a mechanism that is not offered counts as a
/// failure. Holds what may be a password, and does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The mechanism, when there is one of that name.
    pub mechanism: Option<Mechanism>,
    /// The initial response as typed, base64 or `=`.
    initial: Option<Secret>,
}

impl Request {
    /// Reads `MECHANISM` or `MECHANISM INITIAL-RESPONSE`; nothing when there are more words or none.
    pub fn parse(words: &str) -> Option<Request> {
        let mut words = words.split([' ', '\t']).filter(|word| !word.is_empty());
        let mechanism = Mechanism::parse(words.next()?);
        let initial = words.next().map(|word| Secret::from(word.as_bytes()));
        words.next().is_none().then_some(Request { mechanism, initial })
    }

    /// The words behind AUTH as they may be written down: of the same length, and asking for the same.
    pub fn harmless(words: &[u8]) -> Vec<u8> {
        let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t');
        let shape = || {
            let filled = |octet: &u8| match octet {
                0..=b' ' | 0x7f => *octet,
                0x80.. => 0xf8,
                _ => b'x',
            };
            words.iter().map(filled).collect()
        };
        let end = words.iter().rposition(|octet| !is_blank(octet)).map_or(0, |at| at + 1);
        let (asked, behind) = words.split_at(end);
        let name_end = asked.iter().position(is_blank).unwrap_or(asked.len());
        let (name, response) = asked.split_at(name_end);
        let (blanks, response) =
            response.split_at(response.iter().take_while(|octet| is_blank(octet)).count());
        let mechanism = core::str::from_utf8(name).ok().and_then(Mechanism::parse);
        match mechanism {
            Some(_) if response.is_empty() || response == b"=" => words.to_vec(),
            Some(mechanism) if response.iter().all(u8::is_ascii_graphic) => {
                [name, blanks, &filler::line(Line::First(mechanism), response), behind].concat()
            }
            // No mechanism, or more words than there are: nothing is understood of it.
            Some(_) | None => shape(),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let initial = if self.initial.is_some() { " with an initial response" } else { "" };
        write!(f, "Request({:?}{initial})", self.mechanism)
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// Say this challenge (base64, perhaps empty) in a reply that asks for more, then bring the client's next line.
    Challenge(String, Awaiting),
    /// Ask the back end, then bring its finding.
    Ask(Check, Asking),
    /// A certificate names this user: ask whether too many logins have failed, then bring that as [`Finding::Right`] or
    /// [`Finding::Wrong`].
    AskLeave(UserName, Asking),
    /// The client is who it says.
    Passed(LoggedIn),
    /// The exchange is over without a login.
    Failed(LoginFault),
}

/// Proof that a client has logged in. Only this file makes one: after a back end's word, or from a certificate that TLS has
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    user: UserName,
    mechanism: Mechanism,
}

impl LoggedIn {
    /// Who.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// How.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }
}

/// It is the client's turn: a line is awaited.
pub struct Awaiting {
    mechanism: Mechanism,
    terms: Terms,
    turn: ClientTurn,
}

enum ClientTurn {
    /// The response that the mechanism begins with.
    First,
    LoginPassword {
        user: UserName,
    },
    ScramFinal(Challenged),
    /// An empty response to the server's own proof; then the login is complete.
    ScramDone(LoggedIn),
    /// Whatever the client says to the bad news (RFC 7628 §3.2.3).
    BearerDone,
}

/// It is the back end's turn: a finding is awaited.
pub struct Asking {
    mechanism: Mechanism,
    terms: Terms,
    turn: BackEndTurn,
}

enum BackEndTurn {
    Password { user: UserName },
    Token { user: UserName },
    Salt(First),
    Proof { user: UserName },
    Certificate { user: UserName },
}

/// Begins an exchange with a mechanism that is offered. A mechanism without initial response gets its first challenge.
pub fn begin(mechanism: Mechanism, request: &Request, terms: Terms) -> Step {
    let awaiting = Awaiting { mechanism, terms, turn: ClientTurn::First };
    let Some(initial) = &request.initial else {
        let text = match mechanism {
            Mechanism::Login => base64::encode(awaiting.terms.prompts.user.as_bytes()),
            // RFC 4422 §5.1: an empty challenge asks for the response that could have come at once.
            Mechanism::Plain
            | Mechanism::External
            | Mechanism::OAuthBearer
            | Mechanism::ScramSha256
            | Mechanism::ScramSha256Plus => String::new(),
        };
        return Step::Challenge(text, awaiting);
    };
    // A single equals sign is an initial response of no octets (RFC 4954 §4).
    let response =
        if initial.reveal() == b"=" { Some(Secret::default()) } else { base64::decode(initial.reveal()) };
    response.map_or(Step::Failed(LoginFault::NotBase64), |response| awaiting.response(response))
}

impl Awaiting {
    /// The client's line, without its line end. A longer line than [`AUTH_LINE_MAX`] may be cut before it comes here.
    pub fn line(self, line: &[u8]) -> Step {
        if line.len() > AUTH_LINE_MAX {
            return Step::Failed(LoginFault::TooLong);
        }
        if line == b"*" {
            return Step::Failed(LoginFault::Cancelled);
        }
        base64::decode(line).map_or(Step::Failed(LoginFault::NotBase64), |response| self.response(response))
    }

    /// Which mechanism it is, for logs.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The client's line as it may be written down: of the same length, and leading to the same.
    pub fn harmless(&self, line: &[u8]) -> Vec<u8> {
        let which = match &self.turn {
            ClientTurn::First => Line::First(self.mechanism),
            ClientTurn::LoginPassword { .. } => Line::Password,
            ClientTurn::ScramFinal(challenged) => {
                let Some(message) = base64::decode(line) else { return filler::line(Line::Proof, line) };
                let message = challenged.without_channel(message.reveal());
                return filler::line(Line::Proof, base64::encode(&message).as_bytes());
            }
            ClientTurn::ScramDone(_) | ClientTurn::BearerDone => Line::Last,
        };
        filler::line(which, line)
    }

    /// Whether the back end has decided already; what follows is ceremony.
    pub fn is_decided(&self) -> bool {
        match &self.turn {
            ClientTurn::ScramDone(_) | ClientTurn::BearerDone => true,
            ClientTurn::First | ClientTurn::LoginPassword { .. } | ClientTurn::ScramFinal(_) => false,
        }
    }

    fn response(self, response: Secret) -> Step {
        let Awaiting { mechanism, terms, turn } = self;
        let result = match turn {
            ClientTurn::First => return first(mechanism, response, terms),
            ClientTurn::LoginPassword { user } => plain::password(response).map(|password| {
                let check = Check::Password { user: user.clone(), password };
                Step::Ask(check, Asking { mechanism, terms, turn: BackEndTurn::Password { user } })
            }),
            ClientTurn::ScramFinal(challenged) => {
                challenged.last(response.reveal()).map(|(user, transcript, proof)| {
                    let check = Check::Proof { user: user.clone(), transcript, proof };
                    Step::Ask(check, Asking { mechanism, terms, turn: BackEndTurn::Proof { user } })
                })
            }
            ClientTurn::ScramDone(logged_in) if response.reveal().is_empty() => Ok(Step::Passed(logged_in)),
            ClientTurn::ScramDone(_) => Err(LoginFault::Malformed),
            ClientTurn::BearerDone => Err(LoginFault::Wrong),
        };
        result.unwrap_or_else(Step::Failed)
    }
}

/// The first response of a mechanism.
fn first(mechanism: Mechanism, response: Secret, terms: Terms) -> Step {
    let asking = |check: Check, turn, terms| Ok(Step::Ask(check, Asking { mechanism, terms, turn }));
    let result = match mechanism {
        Mechanism::Plain => plain::message(response).and_then(|(user, password)| {
            let check = Check::Password { user: user.clone(), password };
            asking(check, BackEndTurn::Password { user }, terms)
        }),
        Mechanism::Login => {
            UserName::from_octets(response.reveal()).ok_or(LoginFault::Malformed).map(|user| {
                let text = base64::encode(terms.prompts.password.as_bytes());
                Step::Challenge(text, Awaiting { mechanism, terms, turn: ClientTurn::LoginPassword { user } })
            })
        }
        Mechanism::External => external(&response, &terms).map(|user| {
            let turn = BackEndTurn::Certificate { user: user.clone() };
            Step::AskLeave(user, Asking { mechanism, terms, turn })
        }),
        Mechanism::OAuthBearer => bearer::message(&response).and_then(|(user, token)| {
            let check = Check::Token { user: user.clone(), token };
            asking(check, BackEndTurn::Token { user }, terms)
        }),
        Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => {
            let bound = mechanism == Mechanism::ScramSha256Plus;
            First::read(response.reveal(), bound, &terms.channel).and_then(|first| {
                let check = Check::Salt { user: first.user().clone() };
                asking(check, BackEndTurn::Salt(first), terms)
            })
        }
    };
    result.unwrap_or_else(Step::Failed)
}

/// Whom the certificate names, if the client wants to be just that (RFC 4422 appendix A).
fn external(wanted: &Secret, terms: &Terms) -> Result<UserName, LoginFault> {
    let user = terms.channel.certificate.clone().ok_or(LoginFault::Wrong)?;
    let fits = wanted.reveal().is_empty() || wanted.reveal() == user.as_str().as_bytes();
    if fits { Ok(user) } else { Err(LoginFault::Wrong) }
}

impl Asking {
    /// The back end's finding. One that answers another question is no answer: the login fails as one that could not
    /// be checked.
    pub fn answered(self, finding: Finding) -> Step {
        let Asking { mechanism, terms, turn } = self;
        match (turn, finding) {
            (
                BackEndTurn::Password { user }
                | BackEndTurn::Token { user }
                | BackEndTurn::Certificate { user },
                Finding::Right,
            ) => Step::Passed(LoggedIn { user, mechanism }),
            (BackEndTurn::Salt(first), Finding::Salt { salt, iterations }) => {
                let (text, challenged) = first.challenge(&terms, &salt, iterations);
                let turn = ClientTurn::ScramFinal(challenged);
                Step::Challenge(base64::encode(text.as_bytes()), Awaiting { mechanism, terms, turn })
            }
            (BackEndTurn::Proof { user }, Finding::Proven(signature)) => {
                let text = alloc::format!("v={}", base64::encode(&signature));
                // SMTP has no place for it in the last reply (RFC 4954 §4), so it is one more challenge.
                let turn = ClientTurn::ScramDone(LoggedIn { user, mechanism });
                Step::Challenge(base64::encode(text.as_bytes()), Awaiting { mechanism, terms, turn })
            }
            (BackEndTurn::Token { .. }, Finding::Wrong) => Step::Challenge(
                base64::encode(bearer::BAD_NEWS),
                Awaiting { mechanism, terms, turn: ClientTurn::BearerDone },
            ),
            (
                BackEndTurn::Password { .. }
                | BackEndTurn::Salt(_)
                | BackEndTurn::Proof { .. }
                | BackEndTurn::Certificate { .. },
                Finding::Wrong,
            ) => Step::Failed(LoginFault::Wrong),
            (
                BackEndTurn::Password { .. }
                | BackEndTurn::Token { .. }
                | BackEndTurn::Salt(_)
                | BackEndTurn::Proof { .. }
                | BackEndTurn::Certificate { .. },
                Finding::Right | Finding::Proven(_) | Finding::Salt { .. } | Finding::Trouble,
            ) => Step::Failed(LoginFault::Trouble),
        }
    }

    /// Which mechanism it is, for logs.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }
}

impl fmt::Debug for Awaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Awaiting({})", self.mechanism)
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asking({})", self.mechanism)
    }
}
