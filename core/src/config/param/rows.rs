//! More rows, by what they are about. They are separate files only so that each can be read at once.

pub(super) mod dialogue;
pub(super) mod manners;
pub(super) mod places;
pub(super) mod services;
pub(super) mod tls;

/// Parameters that are read, checked and kept, and on which this version does not act yet. Whoever builds what a
/// parameter asks for takes its name out of here.
pub(super) const LATER: &[&str] =
    &["rcvd-ident", "rcvd-whoson", "perl-hook", "smtpserver-cluster", "etrn-cluster"];
