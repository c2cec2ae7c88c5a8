//! What a policy service is told of a recipient, when nobody else has anything against it, and what becomes of its answer.

use crate::mail::envelope::Recipient;
use crate::mail::transaction::Opened;
use crate::now::Now;
use crate::policy::evaluate::Place;
use crate::policy::{Question, Verdict};
use crate::refusal::{Refusal, Trouble};
use crate::reply::{Words, catalog};
use crate::session::Session;
use crate::session::state::{Resume, State};
use crate::subserver::policy_service::{Action, Attributes};
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

impl Session {
    /// The router has nothing against the recipient: the policy service is asked, or nobody is. Clients whose mail is not
    /// filtered are not delayed either.
    pub(in crate::session) fn delegate_recipient(
        &mut self,
        now: Now,
        state: State,
        recipient: Recipient,
        words: Words,
    ) {
        let is_asked = self.settings.helpers.policy_service.is_some() && !self.conditions.skips_filter;
        match is_asked.then(|| self.attributes(&state, &recipient)).flatten() {
            Some(attributes) => {
                let question = Question::Delegated(Box::new(attributes));
                self.ask(now, question, Resume::RcptDelegated { state, recipient, words });
            }
            None => self.rcpt_proceed(state, recipient, &words),
        }
    }

    /// The policy service has answered.
    pub(in crate::session) fn rcpt_delegated(
        &mut self,
        now: Now,
        mut state: State,
        recipient: Recipient,
        words: &Words,
        verdict: Verdict,
    ) {
        // Nobody else is asked here: any other word is no answer.
        let otherwise =
            catalog::verdict_refusal(&verdict).unwrap_or(Refusal::Trouble(Trouble::PolicyService));
        let Verdict::Action(action) = verdict else {
            return self.refuse(now, Some(Verb::Rcpt), otherwise, state.count_refused());
        };
        let opened = opened(&mut state).expect("RCPT is asked about in a transaction");
        let done = match *action {
            Action::Pass => true,
            Action::Refuse(_) => false,
            Action::Prepend(field) => opened.prepend(&field),
            Action::Hold => {
                opened.send_to(Place::Freezer);
                true
            }
            Action::Discard => {
                opened.send_to(Place::Nowhere);
                true
            }
        };
        if done {
            self.rcpt_proceed(state, recipient, words);
        } else {
            self.refuse(now, Some(Verb::Rcpt), otherwise, state.count_refused());
        }
    }

    /// All that is known, by the protocol's names; `None` outside a transaction.
    #[expect(clippy::wildcard_enum_match_arm, reason = "in no other state is anybody asked")]
    fn attributes(&self, state: &State, recipient: &Recipient) -> Option<Attributes> {
        let (hello, opened) = match state {
            State::Opened(inside) => (&inside.hello, &inside.transaction),
            State::Addressed(inside) => (&inside.hello, &inside.transaction.opened),
            _ => return None,
        };
        let facts = self.secured.as_ref().map(|secured| secured.facts());
        let certificate = self.secured.as_ref().and_then(|secured| secured.client());
        let known = |text: Option<&str>| text.unwrap_or_default().to_string();
        let protocol = match hello.verb {
            Verb::Lhlo => "LMTP",
            _ if hello.is_extended() => "ESMTP",
            _ => "SMTP",
        };
        Some(Attributes::new(vec![
            ("protocol_state", "RCPT".into()),
            ("protocol_name", protocol.into()),
            ("client_address", self.peer.client.ip().to_string()),
            ("client_port", self.peer.client.port().to_string()),
            ("server_address", self.peer.local.ip().to_string()),
            ("server_port", self.peer.local.port().to_string()),
            ("helo_name", hello.name.as_str().into()),
            ("queue_id", String::new()),
            ("instance", opened.id.to_string()),
            ("sender", opened.sender.path.bare()),
            ("recipient", recipient.path().bare()),
            ("recipient_count", "0".into()),
            ("size", opened.sender.params.size.unwrap_or_default().to_string()),
            ("sasl_method", known(self.login.as_ref().map(|login| login.mechanism().name()))),
            ("sasl_username", known(self.login.as_ref().map(|login| login.user().as_str()))),
            ("sasl_sender", String::new()),
            ("ccert_subject", known(certificate.map(|certificate| certificate.subject.as_str()))),
            (
                "ccert_fingerprint",
                certificate.map(|certificate| hexadecimal(&certificate.fingerprint)).unwrap_or_default(),
            ),
            ("encryption_protocol", known(facts.map(|facts| facts.version.name()))),
            ("encryption_cipher", known(facts.map(|facts| facts.cipher.as_str()))),
            ("encryption_keysize", facts.map_or(0, |facts| facts.bits).to_string()),
        ]))
    }
}

/// What MAIL opened, where a recipient may be added.
#[expect(clippy::wildcard_enum_match_arm, reason = "in no other state is anybody asked")]
fn opened(state: &mut State) -> Option<&mut Opened> {
    match state {
        State::Opened(inside) => Some(&mut inside.transaction),
        State::Addressed(inside) => Some(&mut inside.transaction.opened),
        _ => None,
    }
}

/// Octets with colons between them, as fingerprints are written.
fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect::<vec::Vec<_>>().join(":")
}
