//! The verbs that change little: RSET, NOOP, HELP, QUIT, VRFY and EXPN, and what old sendmails said.

use crate::event::Outcome;
use crate::limits::REPLY_LINES_MAX;
use crate::now::Now;
use crate::output::Reason;
use crate::refusal::Refusal;
use crate::reply::catalog;
use crate::session::Session;
use crate::session::state::State;
use crate::wire::command::Verb;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Session {
    pub(in crate::session) fn reset(&mut self, now: Now, state: State) {
        //= rfc2821#4.1.1.5/1 rfc2821#4.1.1.5/2
        let hello = self.give_up(now.instant, state, Outcome::Reset);
        self.say(&catalog::reset_ok());
        self.state = State::Ready(hello);
    }

    pub(in crate::session) fn noop(&mut self, state: State, verb: Verb) {
        self.say(&catalog::noop_ok(verb));
        //= rfc2920#3.2/5
        self.send();
        self.state = state;
    }

    pub(in crate::session) fn verbose(&mut self, state: State) {
        self.say(&catalog::verbose_ok());
        self.send();
        self.state = state;
    }

    /// TICK marks a batch; from the network it changes nothing, or a client could falsify the trace.
    pub(in crate::session) fn tick_command(&mut self, state: State, argument: &str) {
        self.marked |= self.batch().is_some();
        self.say(&catalog::tick_ok(argument));
        self.send();
        self.state = state;
    }

    pub(in crate::session) fn not_verified(&mut self, state: State, verb: Verb) {
        //= rfc2821#7.3/2 rfc2821#4.1.4/11
        // Disabled is neither "exists" nor "does not exist"; it needs no greeting before it.
        let verbs = self.settings.verbs;
        let enabled = if verb == Verb::Expn { verbs.expn } else { verbs.vrfy };
        self.say(&catalog::not_verified(verb, enabled));
        self.send();
        self.state = state;
    }

    pub(in crate::session) fn quit(&mut self, now: Now, state: State) {
        //= rfc2821#4.1.1.10/1
        // What is not complete is given up: QUIT is no end of data.
        self.give_up(now.instant, state, Outcome::Cut(Reason::Quit));
        self.say(&catalog::closing(&self.settings.host));
        self.state = State::Ready(None);
        self.end(now, Reason::Quit);
    }

    pub(in crate::session) fn help(&mut self, state: State, topic: Option<&str>) {
        let named = topic.and_then(|topic| Verb::named(topic.as_bytes()));
        let mut lines: Vec<String> = match named {
            Some(verb) => alloc::vec![format!("{}: {}", verb.name(), self.purpose(verb))],
            None => {
                let verbs: Vec<&str> =
                    SPOKEN.into_iter().filter(|verb| self.speaks(*verb)).map(Verb::name).collect();
                let first = match topic {
                    Some(_) => String::from("there is no such verb here"),
                    None => format!("smtpserver at {}", self.settings.host),
                };
                let verbs = format!("verbs: {}", verbs.join(" "));
                if self.settings.multiline_replies {
                    alloc::vec![first, verbs, String::from("HELP with a verb says what it is for")]
                } else {
                    // The first line is all that is said.
                    alloc::vec![verbs]
                }
            }
        };
        if topic.is_none() {
            let room = REPLY_LINES_MAX - lines.len() - 1;
            lines.extend(self.settings.help.iter().take(room).cloned());
            lines.push(format!("write to postmaster@{} for help by a person", self.settings.host));
        }
        self.say(&catalog::help(lines));
        self.send();
        self.state = state;
    }

    /// Whether the verb does something in this session, as far as it is up to the operator.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other verbs are always there")]
    fn speaks(&self, verb: Verb) -> bool {
        match verb {
            Verb::Ehlo => self.settings.extensions.ehlo,
            Verb::Bdat => self.settings.extensions.chunking,
            Verb::Vrfy => self.settings.verbs.vrfy,
            Verb::Expn => self.settings.verbs.expn,
            Verb::Auth => self.takes_logins().is_ok(),
            Verb::StartTls => self.offers_tls(),
            _ => true,
        }
    }

    fn purpose(&self, verb: Verb) -> &'static str {
        let asks_router = self.settings.verbs;
        if matches!(verb, Verb::Vrfy | Verb::Evfy) && asks_router.vrfy {
            "VRFY text; ask about an address"
        } else if verb == Verb::Expn && asks_router.expn {
            "EXPN text; ask who is on a list"
        } else if verb == Verb::Auth && self.takes_logins() == Err(Refusal::LoginNeedsTls) {
            "AUTH mechanism [response]; log in, after STARTTLS"
        } else if self.speaks(verb) || matches!(verb, Verb::Vrfy | Verb::Expn) {
            purpose(verb)
        } else {
            "not offered here"
        }
    }
}

/// The verbs that this server may speak.
const SPOKEN: [Verb; 14] = [
    Verb::Helo,
    Verb::Ehlo,
    Verb::Mail,
    Verb::Rcpt,
    Verb::Data,
    Verb::Bdat,
    Verb::Rset,
    Verb::Noop,
    Verb::Quit,
    Verb::Help,
    Verb::Vrfy,
    Verb::Expn,
    Verb::Auth,
    Verb::StartTls,
];

fn purpose(verb: Verb) -> &'static str {
    match verb {
        Verb::Helo => "HELO name; say who you are, without extensions",
        Verb::Ehlo => "EHLO name; say who you are and hear what is offered",
        Verb::Mail => "MAIL FROM:<address> [SIZE= BODY= RET= ENVID= BY= AUTH=]; begin a transaction",
        Verb::Rcpt => "RCPT TO:<address> [NOTIFY= ORCPT=]; name a recipient",
        Verb::Data => "DATA; send the message, end with CRLF.CRLF",
        Verb::Bdat => "BDAT octets [LAST]; send a chunk of the message",
        Verb::Rset => "RSET; give up the transaction",
        Verb::Noop | Verb::Onex => "does nothing",
        Verb::Quit => "QUIT; end the session",
        Verb::Help => "HELP [verb]; this text",
        Verb::Vrfy | Verb::Evfy => "VRFY text; addresses are not verified here",
        Verb::Expn => "EXPN text; lists are not expanded here",
        Verb::Send | Verb::Soml | Verb::Saml | Verb::Emal | Verb::Esnd | Verb::Esom | Verb::Esam => {
            "an old name, understood as MAIL"
        }
        Verb::Auth => "AUTH mechanism [response]; log in, where EHLO offers it",
        Verb::Verb_ => "VERB; accepted, changes nothing",
        Verb::Tick => "TICK text; accepted, changes nothing",
        Verb::ZIdent => "Z-IDENT; tells what your ident service said, where that is allowed",
        Verb::Debug | Verb::ZDebug => "DEBUG; tells what is known of this session, where that is allowed",
        Verb::StartTls => "STARTTLS; go on within TLS, where it is offered",
        Verb::Lhlo | Verb::ZReport | Verb::Xclient | Verb::Turn | Verb::Etrn => "not offered here",
    }
}
