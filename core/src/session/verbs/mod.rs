//! What each command does: a file per verb. A verb judges first and acts second; the parser has done with syntax
//! before it comes here.

mod auth;
mod bdat;
mod data;
mod debug;
mod delegated;
mod hello;
mod mail;
mod others;
mod rcpt;
mod report;
mod routed;
mod starttls;
mod xclient;

pub(in crate::session) use routed::routed;

use super::Session;
use super::state::State;
use crate::now::Now;
use crate::refusal::Refusal;
use crate::wire::command::{Command, Verb};

impl Session {
    /// Carries out a well-formed command.
    pub(super) fn obey(&mut self, now: Now, command: Command) {
        let state = self.leave_state();
        if matches!(state, State::Unwelcome) && !matches!(command, Command::Quit | Command::Bdat(_)) {
            //= rfc2821#3.1/5
            return self.refuse(now, None, Refusal::Unwelcome, state);
        }
        if let Some(verb) = self.lacks_tls(&command) {
            return self.refuse_in_clear_text(now, state, verb, &command);
        }
        match command {
            Command::Hello { verb, name } => self.hello(now, state, verb, name),
            Command::Mail { verb, path, params } => self.mail(now, state, verb, path, params),
            Command::Rcpt { path, params } => self.rcpt(now, state, path, params),
            Command::Data => self.data(now, state),
            Command::Bdat(chunk) => self.bdat(now, state, chunk),
            Command::Rset => self.reset(now, state),
            Command::Noop { verb } => self.noop(state, verb),
            Command::Help(topic) => self.help(state, topic.as_deref()),
            Command::Quit => self.quit(now, state),
            Command::Vrfy { verb, argument } => self.verify(now, state, verb, argument),
            Command::Expn(argument) => self.verify(now, state, Verb::Expn, argument),
            Command::Verbose => self.verbose(state),
            Command::Tick(argument) => self.tick_command(state, &argument),
            Command::Turn => self.not_offered(now, state, Verb::Turn),
            Command::Etrn(_) => self.not_offered(now, state, Verb::Etrn),
            Command::Auth(words) => self.auth(now, state, words),
            Command::Xclient(told) => self.xclient(now, state, told),
            Command::Debug(_) => self.debug(now, state),
            Command::Report(wish) => self.report(now, state, *wish),
            Command::Ident => self.ident(now, state),
            Command::StartTls => self.start_tls(now, state),
        }
    }

    /// Says that TLS must come first; what belongs to the command is thrown away.
    fn refuse_in_clear_text(&mut self, now: Now, state: State, verb: Verb, command: &Command) {
        if let Command::Bdat(chunk) = command {
            return self.refuse_chunk(now, *chunk, Refusal::TlsFirst, 1, state);
        }
        self.refuse(now, Some(verb), Refusal::TlsFirst, state);
    }

    fn not_offered(&mut self, now: Now, state: State, verb: Verb) {
        self.refuse(now, Some(verb), Refusal::NotOffered(verb), state);
    }
}

impl State {
    /// A recipient was refused in this transaction.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(super) fn count_refused(mut self) -> State {
        match &mut self {
            State::Opened(inside) => inside.transaction.count_refused(),
            State::Addressed(inside) => inside.transaction.opened.count_refused(),
            _ => {}
        }
        self
    }

    /// Why a command that needs `Opened` or `Addressed` cannot be obeyed here.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    fn wants_mail_first(&self, verb: Verb) -> Refusal {
        match self {
            //= rfc2821#4.1.4/16 rfc2821#4.1.4/1
            State::Ready(None) => Refusal::HelloFirst,
            State::Chunking(_) => Refusal::ChunksUnfinished(verb),
            State::ChunksRefused(..) => Refusal::ChunkAfterRefusal,
            State::Opened(_) => Refusal::RecipientFirst,
            _ => Refusal::MailFirst,
        }
    }
}
