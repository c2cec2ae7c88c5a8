//! RCPT: one more recipient, if policy admits it (RFC 2821 §4.1.1.3). Its envelope lines go to the draft at once.

use crate::mail::envelope::Recipient;
use crate::now::Now;
use crate::policy::evaluate::Why;
use crate::policy::{Question, Verdict};
use crate::refusal::{Refusal, Trouble};
use crate::reply::{Words, catalog};
use crate::session::Session;
use crate::session::state::{InTransaction, Resume, State};
use crate::spool::{Order, control};
use crate::wire::command::Verb;
use crate::wire::params::{Notify, RcptParams};
use crate::wire::path::{ForwardPath, ReversePath};
use alloc::boxed::Box;

impl Session {
    pub(in crate::session) fn rcpt(&mut self, now: Now, state: State, path: ForwardPath, params: RcptParams) {
        if !matches!(state, State::Opened(_) | State::Addressed(_)) {
            let refusal = state.wants_mail_first(Verb::Rcpt);
            return self.refuse(now, Some(Verb::Rcpt), refusal, state);
        }
        if let Err(refusal) = self.check_rcpt(&state) {
            return self.refuse(now, Some(Verb::Rcpt), refusal, state.count_refused());
        }
        let question = Question::Recipient { path: path.clone() };
        self.ask(now, question, Resume::Rcpt { state, path, params });
    }

    fn check_rcpt(&self, state: &State) -> Result<(), Refusal> {
        let State::Addressed(inside) = state else { return Ok(()) };
        let count = inside.transaction.recipients();
        let limits = &self.settings.limits;
        if count >= limits.recipients_max {
            //= rfc2821#4.5.3.1/10 rfc2821#4.5.3.1/13
            // Those already admitted stay; the client sends the others in another transaction.
            Err(Refusal::Trouble(Trouble::TooManyRecipients))
        } else if inside.transaction.opened.sender.path == ReversePath::Null
            && count >= limits.error_recipients_max
        {
            Err(Refusal::TooManyErrorRecipients)
        } else {
            Ok(())
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a verdict that is not named refuses")]
    pub(in crate::session) fn rcpt_judged(
        &mut self,
        now: Now,
        state: State,
        path: ForwardPath,
        params: RcptParams,
        verdict: Verdict,
    ) {
        match verdict {
            Verdict::Admit(admitted, place) => {
                let mut params = params;
                if self.settings.notify_never {
                    params.notify = Some(Notify::never());
                }
                self.route_recipient(now, state, Recipient::new(path, params, admitted, place));
            }
            refused => {
                // A plain "accept" is no proof that policy looked at a recipient.
                let refusal = catalog::verdict_refusal(&refused)
                    .or_else(|| catalog::verdict_refusal(&Verdict::refuse(Why::NotAdmitted)))
                    .expect("a refusal");
                self.refuse(now, Some(Verb::Rcpt), refusal, state.count_refused());
            }
        }
    }

    /// Adds the recipient; the router's words, if it has any, are said.
    #[expect(clippy::wildcard_enum_match_arm, reason = "in no other state is anybody asked")]
    pub(in crate::session) fn rcpt_proceed(&mut self, state: State, recipient: Recipient, words: &Words) {
        self.say(&catalog::recipient_ok(recipient.path(), words));
        self.state = match state {
            State::Opened(inside) => {
                let InTransaction { hello, transaction } = *inside;
                self.order(Order::Begin);
                let client = control::Client {
                    hello: &hello,
                    peer: &self.peer,
                    batch: self.batch(),
                    protocol: self.protocol(&hello),
                    login: self.login.as_ref(),
                    told: &self.told_of_tls(),
                };
                let head = control::head(client, &transaction.sender, transaction.id);
                self.order(Order::Append(head.into_bytes()));
                self.append_recipient(&transaction.sender, &recipient);
                let transaction = transaction.admit(&recipient);
                State::Addressed(Box::new(InTransaction { hello, transaction }))
            }
            State::Addressed(mut inside) => {
                self.append_recipient(&inside.transaction.opened.sender, &recipient);
                inside.transaction.admit(&recipient);
                State::Addressed(inside)
            }
            other => unreachable!("RCPT was asked about in state {}", other.name()),
        };
    }

    fn append_recipient(&mut self, sender: &crate::mail::envelope::Sender, recipient: &Recipient) {
        self.order(Order::Append(control::recipient(sender, recipient).into_bytes()));
    }
}
