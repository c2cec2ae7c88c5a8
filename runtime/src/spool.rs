//! The words between the desk and a spool: what a spool must be able to do. `spool_fs` keeps messages in files; a
//! simulator puts its own in this place. Nothing here touches a file.

use crate::desk::Desk;
use crate::mailbox::{DraftNumber, Mailbox, Post};
use smtpserver_core::peer::SessionId;
use smtpserver_core::server::commit::Publication;
use smtpserver_core::spool::{Destination, DraftPath, Report, Revision, SpoolFault, Stored};
use std::sync::Arc;

/// Where messages are kept.
pub trait Spool: Sized + Send + Sync + 'static {
    /// A message that is not published yet. Dropping it throws the message away, wherever it is.
    type Draft: Draft;

    /// Opens an empty draft.
    fn begin(&self, account: Account) -> Self::Draft;

    /// Sees to it that `task` is carried out, and returns without waiting for that. The outcome is said to the desk:
    /// [`Desk::synced`], [`Desk::published`] or [`Desk::measured`], exactly once.
    fn start(&self, desk: &Arc<Desk<Self>>, task: Task<Self::Draft>);
}

/// A message that is being received.
pub trait Draft: Send + 'static {
    /// Adds octets at its end. Never waits and never fails: a draft that cannot be kept says so on its account.
    fn append(&mut self, octets: Vec<u8>);

    /// Brings all octets that were added into a file that others of our account can read, and says on its account where
    /// that is. Never waits. Nothing is added afterwards.
    fn show(&mut self);

    /// Writes it anew, after it was shown. Never waits; what cannot be done is a draft that cannot be kept.
    fn revise(&mut self, revision: Box<Revision>);

    /// Where it goes when it is published; to the router when nothing is said.
    fn bound_for(&mut self, destination: Destination);

    /// Keeps what is there for a person to look at, under a name with this end and where no router takes it, if that can
    /// be done; never waits.
    fn leave(self, _suffix: &'static str)
    where
        Self: Sized,
    {
        drop(self);
    }
}

/// Work that the desk gives to the spool.
#[derive(Debug)]
pub enum Task<D> {
    /// Write what is left of the draft and make its octets durable.
    Sync(SessionId, D),
    /// Give each draft its name in the directory that it is bound for, then make the directories with new names durable, once for all.
    Publish(Publication, Vec<(SessionId, Stored, D)>),
    /// Find out how much space is free.
    Measure,
}

/// What became of the drafts of one publication.
pub type Published = Vec<(SessionId, Result<Stored, SpoolFault>)>;

/// The way from a draft back to its session.
#[derive(Clone, Debug)]
pub struct Account {
    mailbox: Arc<Mailbox>,
    draft: DraftNumber,
}

impl Account {
    /// The account of a session's draft.
    pub fn new(mailbox: Arc<Mailbox>, draft: DraftNumber) -> Account {
        Account { mailbox, draft }
    }

    /// This many octets are off the session's account.
    pub fn room(&self, octets: usize) {
        if octets > 0 {
            self.mailbox.put(Post::Report(self.draft, Report::Room(octets)));
        }
    }

    /// All octets are in this file.
    pub fn shown(&self, path: DraftPath) {
        self.mailbox.put(Post::Report(self.draft, Report::Shown(path)));
    }

    /// The draft cannot be kept; said once, and before its commit was ordered.
    pub fn failed(&self, fault: SpoolFault) {
        self.mailbox.put(Post::Report(self.draft, Report::Failed(fault)));
    }
}
