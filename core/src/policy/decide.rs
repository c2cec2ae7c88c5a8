//! Question in, verdict out: a pure function of the question, the rules and the free space.

use super::question::Question;
use super::verdict::{Admitted, Verdict};
use crate::auth::LoggedIn;
use crate::wire::path::ForwardPath;
use alloc::collections::BTreeSet;
use alloc::string::String;

/// Who may receive mail here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Domains, in lower case, all of whose mailboxes are admitted (`localnames`).
    pub local_domains: BTreeSet<String>,
    /// Our own names, in lower case: `postmaster` is admitted there, and without a domain.
    pub own_names: BTreeSet<String>,
    /// Admit every recipient when the client is on a loopback address (`smtpserver demo`).
    pub open_to_loopback: bool,
}

/// Free space on the spool's file system, and what must stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Kibibytes free at the last measurement; `None` when it could not be measured.
    pub free_kib: Option<u64>,
    /// Kibibytes that must stay free.
    pub free_kib_min: u64,
}

impl Space {
    /// Whether `octets` more may be stored. An unknown amount of free space is no reason to refuse: the spool
    /// itself refuses when it cannot write.
    pub fn has_room_for(self, octets: u64) -> bool {
        self.free_kib.is_none_or(|free| free.saturating_sub(octets.div_ceil(1024)) >= self.free_kib_min)
    }
}

/// A client that has logged in may send to whom it likes.
pub fn admit_user(_: &LoggedIn) -> Verdict {
    Verdict::Admit(Admitted(()))
}

/// Answers a question from what is at hand.
pub fn decide(policy: &Policy, space: Space, question: &Question) -> Verdict {
    match question {
        // What only the hands (the load) or the server (who is there) can know is no reason to refuse elsewhere.
        Question::Connect | Question::Load { .. } | Question::Client { .. } | Question::Handshake { .. } => {
            Verdict::Accept
        }
        Question::Sender { size, .. } => room(space, *size),
        Question::Content { .. } => room(space, 0),
        Question::Recipient { peer, path } => {
            let admitted = (policy.open_to_loopback && peer.client.ip().is_loopback())
                || match path {
                    //= rfc2821#4.5.1/3
                    ForwardPath::Postmaster => true,
                    ForwardPath::Address(address) => {
                        let domain = address.domain_lowercase();
                        policy.local_domains.contains(&domain)
                            || (address.local().eq_ignore_ascii_case("postmaster")
                                && policy.own_names.contains(&domain))
                    }
                };
            if admitted { Verdict::Admit(Admitted(())) } else { Verdict::NotAdmitted }
        }
    }
}

/// Answers [`Question::Load`]: `load` is the load average of the last minute in hundredths, `None` when it cannot be
/// known, which is no reason to refuse.
pub fn judge_load(most: u32, load: Option<u64>) -> Verdict {
    if load.is_some_and(|load| load > u64::from(most) * 100) { Verdict::Busy } else { Verdict::Accept }
}

fn room(space: Space, octets: u64) -> Verdict {
    if space.has_room_for(octets) { Verdict::Accept } else { Verdict::NoSpace }
}
