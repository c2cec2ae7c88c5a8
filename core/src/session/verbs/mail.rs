//! MAIL and its seven old names: a sender opens a transaction (RFC 2821 §4.1.1.2).

use crate::limits::MESSAGE_OCTETS_EVER_MAX;
use crate::mail::envelope::{Hello, Sender};
use crate::mail::transaction::Opened;
use crate::now::Now;
use crate::policy::Question;
use crate::refusal::Refusal;
use crate::reply::{Words, catalog};
use crate::session::Session;
use crate::session::state::{InTransaction, Resume, State};
use crate::wire::command::Verb;
use crate::wire::params::{ByMode, MailParams};
use crate::wire::path::ReversePath;
use alloc::boxed::Box;
use alloc::string::String;

impl Session {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(in crate::session) fn mail(
        &mut self,
        now: Now,
        state: State,
        verb: Verb,
        path: ReversePath,
        params: MailParams,
    ) {
        let hello = match state {
            State::Ready(Some(hello)) => hello,
            State::Ready(None) if self.needs_no_hello() => self.own_hello(),
            state @ (State::Opened(_) | State::Addressed(_)) => {
                let then = self.after_refused_mail(now, state);
                return self.refuse(now, Some(verb), Refusal::NestedMail, then);
            }
            state => {
                let refusal = state.wants_mail_first(verb);
                return self.refuse(now, Some(verb), refusal, state);
            }
        };
        if let Err(refusal) = self.check_mail(&path, &params) {
            return self.refuse(now, Some(verb), refusal, State::Ready(Some(hello)));
        }
        let question = Question::Sender { path: path.clone(), size: params.size.unwrap_or(0) };
        let deliver_by = params.by.map(|by| (now.wall.seconds().saturating_add(i64::from(by.seconds)), by));
        let sender = Sender { path, params, deliver_by };
        self.ask(now, question, Resume::Mail { hello, sender });
    }

    fn check_mail(&self, path: &ReversePath, params: &MailParams) -> Result<(), Refusal> {
        if !self.may_send_as(path) {
            return Err(Refusal::SenderNotUser);
        }
        self.check_certificate()?;
        let octets_max = match self.octets_max() {
            0 => MESSAGE_OCTETS_EVER_MAX,
            octets_max => octets_max,
        };
        if params.size.is_some_and(|size| size > octets_max) {
            return Err(Refusal::DeclaredTooBig);
        }
        let least = self.settings.extensions.deliverby.unwrap_or(0);
        match params.by {
            Some(by) if by.mode == ByMode::Return && i64::from(by.seconds) < i64::from(least) => {
                Err(Refusal::DeliverByTooSoon)
            }
            _ => Ok(()),
        }
    }

    /// Whether this sender belongs to the user who has logged in, where that is asked for. A message without a sender is
    /// a notice, and nobody's.
    fn may_send_as(&self, path: &ReversePath) -> bool {
        let (Some(domains), Some(login), ReversePath::Address(address)) =
            (&self.settings.auth.sender_match, &self.login, path)
        else {
            return true;
        };
        let user = login.user().as_str();
        match user.rsplit_once('@') {
            Some((local, domain)) => {
                local == address.local() && domain.eq_ignore_ascii_case(&address.domain_lowercase())
            }
            None => user == address.local() && domains.contains(&address.domain_lowercase()),
        }
    }

    /// Opens the transaction; the router's words, if it has any, are said.
    pub(in crate::session) fn mail_proceed(
        &mut self,
        now: Now,
        hello: Hello,
        sender: Sender,
        trace: Option<String>,
        words: &Words,
    ) {
        self.record.transactions = self.record.transactions.saturating_add(1);
        // What was refused before is no part of this transaction.
        self.verdicts.clear();
        self.say(&catalog::sender_ok(&sender.path, words));
        let transaction = Opened::new(self.transaction_id(), sender, trace, now.instant);
        self.state = State::Opened(Box::new(InTransaction { hello, transaction }));
    }
}
