//! All that can happen to a session.

use crate::auth::Advice;
use crate::policy::{Answer, Ticket};
use crate::spool::Report;
use crate::tls::{HandshakeFault, TlsFacts};
use alloc::sync::Arc;

/// One thing that happened, brought by the hands together with the time.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection is open; nothing was said yet. Comes first, and once.
    Opened,
    /// Octets from the client, as many as came, at most [`crate::Session::wants_bytes`] of them.
    Bytes(&'a [u8]),
    /// The deadline is here.
    Tick,
    /// The answer to a question.
    Answered(Ticket, Answer),
    /// The answer to a question about logins.
    Advised(Ticket, Advice),
    /// A report from the spool.
    Reported(Report),
    /// The handshake that [`crate::Output::Secure`] asked for is done: from here on octets come and go within TLS.
    Secured(Arc<TlsFacts>),
    /// It failed. Nothing can be said to the client any more.
    Unsecured(HandshakeFault),
    /// All that was written so far has left: the client takes our replies. Wanted when
    /// [`crate::Session::awaits_sent`] says so, harmless otherwise.
    Sent,
    /// The client will send nothing more (end of stream), or the connection broke.
    PeerClosed,
    /// The server is about to stop: end at the next command boundary.
    ShuttingDown,
}
