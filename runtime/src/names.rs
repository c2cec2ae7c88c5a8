//! Who is asked for names: whatever answers questions to the domain name system. The daemon asks name servers; a
//! simulator puts a world of its own in this place.

use crate::desk::Desk;
use crate::resolver::Resolver;
use crate::spool::Spool;
use smtpserver_core::dns::{Answer, Question, Trouble};
use smtpserver_core::server::judge::LookUp;
use smtpserver_core::{Instant, Now};
use std::pin::Pin;
use std::sync::Arc;

/// An answer that is on its way.
pub type Awaited = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Somebody who can be asked.
pub trait Names: Send + Sync + 'static {
    /// Asks. How long it takes is bounded by whoever waits.
    fn ask(self: Arc<Self>, question: Question) -> Awaited;
}

impl Names for Resolver {
    fn ask(self: Arc<Self>, question: Question) -> Awaited {
        Box::pin(async move { Resolver::ask(&self, &question).await })
    }
}

/// A question that the server wants asked.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) look_up: LookUp,
    pub(crate) question: Question,
    pub(crate) until: Instant,
}

/// Asks, in a task of its own, and brings the answer to the desk; at the latest when nobody waits for it any more. There
/// are never more of these than sessions, as each has one question open.
pub(crate) fn look<S: Spool>(desk: &Arc<Desk<S>>, now: Now, look: Look) {
    let Look { look_up, question, until } = look;
    let (desk, names) = (desk.clone(), desk.names());
    let wait = until.since(now.instant);
    let session = look_up.session();
    desk.journal().looked(now, session, format_args!("D> {question}"));
    tokio::spawn(async move {
        let answer = match names {
            Some(names) => tokio::time::timeout(wait, names.ask(question)).await,
            None => Ok(Answer::Trouble(Trouble::Unreachable)),
        };
        let answer = answer.unwrap_or(Answer::Trouble(Trouble::Timeout));
        desk.journal().looked(desk.now(), session, format_args!("D< {answer}"));
        desk.looked(look_up, answer);
    });
}
