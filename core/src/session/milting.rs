//! The milters' part in a session: one after the other they are told all about a message that is complete, and see it as
//! the one before left it. What they want changed is changed in the message's file before it is made durable.

use super::Session;
use super::state::{Resume, Seen};
use crate::config::choices::MilterFailure;
use crate::mail::envelope::{Recipient, Sender};
use crate::mail::transaction::Message;
use crate::now::Now;
use crate::policy::evaluate::Place;
use crate::policy::{Question, Verdict, by_milter};
use crate::refusal::{Refusal, Trouble};
use crate::reply::{Words, catalog};
use crate::spool::{DraftPath, FieldChange, Order, Revision, control};
use crate::subserver::milter::{Change, Facts, Outcome};
use crate::wire::params::{Notify, RcptParams};
use crate::wire::path::{Address, ForwardPath, ReversePath};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;

impl Session {
    /// The message lies in this file: a milter is told of it.
    pub(super) fn ask_milter(&mut self, now: Now, seen: Seen, draft: DraftPath) {
        let facts = self.facts(&seen, draft);
        self.ask(now, Question::Milter(Box::new(facts)), Resume::Milter(Box::new(seen)));
    }

    /// What the milter concluded.
    pub(super) fn milted(&mut self, now: Now, seen: Seen, verdict: Verdict) {
        // Nobody else is asked here: any other word is no answer.
        let refusal = catalog::verdict_refusal(&verdict).unwrap_or(Refusal::Trouble(Trouble::Milter));
        let Verdict::Milted(outcome) = verdict else {
            return self.unmilted(now, seen, refusal);
        };
        match *outcome {
            Outcome::Refused(words) => {
                self.refuse_message(now, seen.hello, seen.message, Refusal::Condemned(words));
            }
            Outcome::Discarded => {
                self.discard(now, seen.hello, seen.message, &catalog::message_discarded(&Words::default()));
            }
            Outcome::Taken(changes) => match self.revision(&seen.message, changes) {
                Some((revision, frozen)) => self.take_over(now, seen, revision, frozen),
                None => self.unmilted(now, seen, refusal),
            },
        }
    }

    fn take_over(&mut self, now: Now, mut seen: Seen, revision: Revision, frozen: bool) {
        if frozen {
            seen.message.freeze();
        }
        if !revision.is_empty() {
            self.order(Order::Revise(Box::new(revision)));
        }
        seen.milter += 1;
        self.show_next(now, seen);
    }

    /// A milter has not seen the message, or wants what cannot be done.
    fn unmilted(&mut self, now: Now, mut seen: Seen, refusal: Refusal) {
        match self.settings.helpers.milter_failure {
            MilterFailure::Tempfail => self.refuse_message(now, seen.hello, seen.message, refusal),
            MilterFailure::Accept => {
                seen.milter += 1;
                self.show_next(now, seen);
            }
        }
    }

    /// What is to be written anew, and whether the message goes to the freezer; `None` for an address that is none.
    fn revision(&self, message: &Message, changes: vec::Vec<Change>) -> Option<(Revision, bool)> {
        let mut revision = Revision { text_at: message.text_at(), ..Revision::default() };
        let mut frozen = false;
        for change in changes {
            match change {
                Change::AddField(name, value) => revision.fields.push(FieldChange::Add(name, value)),
                Change::InsertField(number, name, value) => {
                    revision.fields.push(FieldChange::Insert(number, name, value));
                }
                Change::ChangeField(number, name, value) => {
                    revision.fields.push(FieldChange::Change(number, name, value));
                }
                Change::AddRecipient(address) => {
                    let sender = &message.addressed.opened.sender;
                    revision.added.push_str(&control::recipient(sender, &added(&address)?));
                }
                Change::DropRecipient(address) => revision.dropped.push(address),
                Change::Sender(address) if address.is_empty() => {
                    revision.sender = Some(control::sender(&ReversePath::Null))
                }
                Change::Sender(address) => {
                    let path = ReversePath::Address(Address::parse(&address).ok()?);
                    revision.sender = Some(control::sender(&path));
                }
                Change::Quarantine => frozen = true,
            }
        }
        Some((revision, frozen))
    }

    fn facts(&self, seen: &Seen, draft: DraftPath) -> Facts {
        let sender: &Sender = &seen.message.addressed.opened.sender;
        let id = seen.message.addressed.opened.id.to_string();
        let mut macros = vec![
            (b'C', "j", self.settings.host.clone()),
            (b'C', "{daemon_name}", String::from("smtpserver")),
            (b'C', "{daemon_addr}", self.peer.local.ip().to_string()),
            (b'C', "{daemon_port}", self.peer.local.port().to_string()),
            (b'C', "{client_addr}", self.peer.client.ip().to_string()),
            (b'C', "{client_port}", self.peer.client.port().to_string()),
        ];
        if let Some(facts) = self.secured.as_ref().map(|secured| secured.facts()) {
            macros.push((b'H', "{tls_version}", facts.version.name().into()));
            macros.push((b'H', "{cipher}", facts.cipher.clone()));
            macros.push((b'H', "{cipher_bits}", facts.bits.to_string()));
        }
        if let Some(certificate) = self.secured.as_ref().and_then(|secured| secured.client()) {
            macros.push((b'H', "{cert_subject}", certificate.subject.clone()));
        }
        macros.push((b'M', "i", id.clone()));
        macros.push((b'M', "{mail_addr}", sender.path.bare()));
        if let Some(login) = &self.login {
            macros.push((b'M', "{auth_type}", login.mechanism().name().into()));
            macros.push((b'M', "{auth_authen}", login.user().as_str().into()));
        }
        macros.push((b'E', "i", id));
        Facts {
            milter: seen.milter,
            draft,
            text_at: seen.message.text_at(),
            client: self.peer.client,
            hello: seen.hello.name.as_str().into(),
            sender: sender.path.bare(),
            macros,
        }
    }
}

/// A recipient that a milter adds. Nobody is told anything about it.
fn added(address: &str) -> Option<Recipient> {
    let path = ForwardPath::Address(Address::parse(address).ok()?);
    let params = RcptParams { notify: Some(Notify::never()), ..RcptParams::default() };
    Some(Recipient::new(path, params, by_milter(), Place::Router))
}
