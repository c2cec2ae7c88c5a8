//! What policy concludes, and `Admitted`: the proof that a recipient may receive mail here.

use super::evaluate::{No, Place, Why};
use crate::reply::Words;
use crate::subserver::Trade;
use crate::subserver::filter::Sentence;
use crate::subserver::milter::Outcome;
use crate::subserver::policy_service::Action;
use crate::wire::text::BareNewline;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// The conclusion to a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Accept,
    /// The client is welcome, on these conditions.
    Welcome(Conditions),
    /// Go on; this field belongs at the head of the message, in stored form.
    Traced(String),
    /// Mail may go to this recipient, and the message to this place, as far as it is up to it and its sender; the proof
    /// is inside.
    Admit(Admitted, Place),
    /// Not now: there is too little free space in the spool.
    NoSpace,
    /// Not now: the machine is too busy.
    Busy,
    /// Not now: too many connections from there, or in all.
    TurnAway,
    /// Not here: hosts.allow and hosts.deny keep the client out.
    KeptOut,
    /// The lines of a report; none for whoever may have none.
    Report(Option<Vec<String>>),
    /// The content filter's sentence about a message.
    Judged(Box<Sentence>),
    /// What the interactive router said.
    Routed(Box<Words>),
    /// What the policy service wants done.
    Action(Box<Action>),
    /// What a milter decided about a message.
    Milted(Box<Outcome>),
    /// Not now: no helper of this trade has answered.
    NoHelper(Trade),
    /// The operator's rules are against it.
    Refuse(Box<Denial>),
    /// Not before the client has logged in.
    LoginFirst,
}

impl Verdict {
    /// Whether the message goes to the freezer by it.
    pub fn is_freezing(&self) -> bool {
        matches!(self, Verdict::Admit(_, Place::Freezer))
            || matches!(self, Verdict::Action(action) if **action == Action::Hold)
    }

    /// No, for this reason, without a word about how it came to be.
    pub fn refuse(why: Why) -> Verdict {
        Verdict::Refuse(Box::new(Denial { no: No { why, text: None }, chain: None }))
    }
}

/// On what conditions a client is welcome. What is `None` is as configured otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The largest message in octets (`maxinsize`).
    pub message_octets_max: Option<u64>,
    /// What becomes of bare newlines (`bare-newline`).
    pub bare_newline: Option<BareNewline>,
    /// Whether the content filter does not see what it sends (`filtering -`).
    pub skips_filter: bool,
}

/// A refusal by the operator's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why, and what the operator has to say about it.
    pub no: No,
    /// What led to it, a line for each step, where the operator wants to be able to look it up (`explain-token`).
    pub chain: Option<Vec<String>>,
}

/// Proof that policy admitted a recipient. Only [`super::evaluate`] makes one, and only a holder can add
/// a recipient to an envelope: the server cannot become an open relay by omission.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted(pub(super) ());

/// The proof for a recipient whom a milter adds: who gets copies is the operator's to say, and so is which milter is asked.
pub(crate) fn by_milter() -> Admitted {
    Admitted(())
}

/// The proof for the postmaster, who is admitted whatever the rules say (RFC 2821 §4.5.1). A replay admits by it, as it
/// keeps no message.
pub(crate) fn postmaster() -> Admitted {
    Admitted(())
}
