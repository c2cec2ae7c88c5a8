//! What policy concludes, and `Admitted`: the proof that a recipient may receive mail here.

/// The conclusion to a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Accept,
    /// Mail may go to this recipient; the proof is inside.
    Admit(Admitted),
    /// Not now: there is too little free space in the spool.
    NoSpace,
    /// Not now: the machine is too busy.
    Busy,
    /// Not now: too many connections from there, or in all.
    TurnAway,
    /// Not before the client has logged in.
    LoginFirst,
    /// Not here: no rule admits this recipient.
    NotAdmitted,
}

/// Proof that policy admitted a recipient. Only [`super::decide`] makes one, and only a holder can add
/// a recipient to an envelope: the server cannot become an open relay by omission.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted(pub(super) ());
