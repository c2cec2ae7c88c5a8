//! The back ends that know users: who asks them, and how long they may take. Whether a login succeeds is decided in
//! `smtpserver_core::auth`; here a [`Check`] is carried to whoever can answer it, never on a network thread.
//!
//! Files with hashes, programs and PAM are asked by a helper process ([`worker`]), as the process that talks to clients has
//! no right to any of them; [`Remote`] is its end of the line. [`Dovecot`] is asked over its own socket. [`Door`] stands
//! before each of them.

mod back_ends;
mod door;
mod dovecot;
mod frame;
mod fresh;
#[cfg(feature = "pam")]
mod pam;
mod passwords;
mod program;
mod remote;
pub mod worker;

use smtpserver_core::auth::{Check, Finding, Means};
use std::future::Future;
use std::pin::Pin;

pub(crate) use back_ends::ready;
pub use back_ends::{BackEnds, Ready, Whom};
pub use door::Door;
pub use dovecot::Dovecot;
pub use fresh::nonce;
pub(crate) use fresh::octets as fresh_octets;
pub use passwords::{Passwords, Scheme};
pub(crate) use passwords::{SECRET_OCTETS, SECRET_WORD};
pub use remote::{Remote, Started, WorkerCommand};

/// An answer that is being found.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// Somebody who knows users. To drop the answer is to give the question up, with all that was begun for it.
pub trait BackEnd: Send + Sync + 'static {
    /// What it can check at the moment.
    fn means(&self) -> Means;

    /// Finds the answer. It may take for ever: [`Door`] sets the deadline.
    fn check(&self, check: Check) -> Pending<'_>;
}
