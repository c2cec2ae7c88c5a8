//! What others want to tell a session: answers, reports, the order to stop. Written to from any thread, read by the
//! session's own task. It knows nothing of what the letters mean, save that a report belongs to one draft.
//!
//! It needs no limit of its own: a session has few questions and one draft under way, a draft's room is bounded by the
//! credit window, and the order to stop comes once. An empty mailbox holds no memory but itself.

use crate::drive::Letter;
use smtpserver_core::auth::Advice;
use smtpserver_core::policy::{Answer, Ticket};
use smtpserver_core::spool::Report;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Which of a session's drafts, counted from 1. A report that speaks of an earlier draft must never be taken for one
/// about the present draft: it could be a false proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DraftNumber(u64);

impl DraftNumber {
    /// The number after this one.
    pub fn next(self) -> DraftNumber {
        DraftNumber(self.0 + 1)
    }
}

/// One thing to tell a session.
#[derive(Debug)]
pub enum Post {
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// The answer to a question about logins.
    Advice(Ticket, Advice),
    /// A report about this draft.
    Report(DraftNumber, Report),
    /// The server is about to stop.
    ShuttingDown,
}

/// A session's mailbox.
#[derive(Debug, Default)]
pub struct Mailbox {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    posts: VecDeque<Post>,
    reader: Option<Waker>,
}

impl Mailbox {
    /// Puts something in and wakes the reader.
    pub fn put(&self, post: Post) {
        let reader = {
            let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
            inside.posts.push_back(post);
            inside.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Takes the oldest letter out. Reports on other drafts than `current` are thrown away unread.
    pub fn poll(&self, context: &mut Context<'_>, current: DraftNumber) -> Poll<Letter> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(post) = inside.posts.pop_front() {
            match post {
                Post::Answer(ticket, answer) => return Poll::Ready(Letter::Answered(ticket, answer)),
                Post::Advice(ticket, advice) => return Poll::Ready(Letter::Advised(ticket, advice)),
                Post::Report(draft, report) if draft == current => {
                    return Poll::Ready(Letter::Reported(report));
                }
                Post::Report(..) => {}
                Post::ShuttingDown => return Poll::Ready(Letter::ShuttingDown),
            }
        }
        if !inside.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            inside.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::spool::SpoolFault;

    #[test]
    fn a_report_about_an_earlier_draft_is_never_delivered() {
        let mailbox = Mailbox::default();
        let mut context = Context::from_waker(Waker::noop());
        let first = DraftNumber::default().next();
        let second = first.next();
        mailbox.put(Post::Report(first, Report::Room(1)));
        mailbox.put(Post::Report(second, Report::Failed(SpoolFault::Full)));
        let letter = mailbox.poll(&mut context, second);
        assert!(matches!(letter, Poll::Ready(Letter::Reported(Report::Failed(SpoolFault::Full)))));
        assert!(mailbox.poll(&mut context, second).is_pending());
    }
}
