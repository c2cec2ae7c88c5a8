//! A session's seat at the desk: the hands of the loop in production. It holds what the session has acquired and
//! gives all of it back when it is dropped, whether the session ended well, panicked or was cut off.

use crate::auth::{self, Door};
use crate::desk::{Desk, Presence};
use crate::drive::{Hands, Letter};
use crate::journal::Work;
use crate::load;
use crate::mailbox::{DraftNumber, Mailbox, Post};
use crate::recorder::Tape;
use crate::spool::{Account, Draft, Spool};
use crate::tls::{Side, Terms};
use smtpserver_core::auth::{Advice, Attempt, Finding, Inquiry, Means};
use smtpserver_core::policy::{Answer, Question, Ticket, judge_load};
use smtpserver_core::spool::{Order, Report, SpoolFault};
use smtpserver_core::{Event, Instant, Now, Peer, Session, SessionId};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// A session's seat.
pub struct Seat<S: Spool> {
    presence: Presence<S>,
    peer: Arc<Peer>,
    mailbox: Arc<Mailbox>,
    draft: Option<S::Draft>,
    number: DraftNumber,
    /// When a commit was ordered for the draft of this number, if it was.
    committing: Option<Instant>,
    /// A refusal waits in the tarpit.
    tarpitted: bool,
    tls: Option<Arc<Terms>>,
    /// Who knows the users, if there is anybody.
    door: Option<Arc<Door>>,
    /// The last question to it. It is given up when it is not wanted any more.
    checking: Option<Checking>,
}

/// A task that ends when this goes.
struct Checking(JoinHandle<()>);

impl Drop for Checking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S: Spool> Seat<S> {
    pub(crate) fn new(
        presence: Presence<S>,
        peer: Arc<Peer>,
        mailbox: Arc<Mailbox>,
        door: Option<Arc<Door>>,
    ) -> Seat<S> {
        Seat {
            presence,
            peer,
            mailbox,
            draft: None,
            number: DraftNumber::default(),
            committing: None,
            tarpitted: false,
            door,
            checking: None,
            tls: None,
        }
    }

    /// Its session does TLS handshakes on these terms.
    pub fn does_tls(&mut self, terms: Option<Arc<Terms>>) {
        self.tls = terms;
    }

    /// Whose seat it is.
    pub fn session(&self) -> SessionId {
        self.presence.session()
    }

    fn desk(&self) -> &Arc<Desk<S>> {
        self.presence.desk()
    }

    /// From here on whatever is still said about the present draft speaks of the past.
    fn give_up_draft(&mut self) {
        self.draft = None;
        self.number = self.number.next();
        if self.committing.take().is_some() {
            self.desk().cancel(self.session());
        }
    }

    fn count(&self, work: Work) {
        self.desk().journal().count(work);
    }

    /// Whether a refusal waits in the tarpit from now on.
    fn tarpit(&mut self, waits: bool) {
        if self.tarpitted != waits {
            self.tarpitted = waits;
            self.count(Work::Tarpit(waits));
        }
    }
}

impl<S: Spool> Drop for Seat<S> {
    fn drop(&mut self) {
        self.tarpit(false);
        self.count(Work::Left);
    }
}

impl<S: Spool> Hands for Seat<S> {
    fn now(&self) -> Now {
        self.desk().now()
    }

    fn ask(&mut self, now: Now, ticket: Ticket, question: Question) -> Option<Answer> {
        if let Question::Load { most } = question {
            // Only the hands can know it.
            return Some(Answer { verdict: judge_load(most, load::average()) });
        }
        if let Question::Client { peer } = &question {
            // What is written down from here on is about the client behind the proxy.
            self.peer = peer.clone();
            self.desk().journal().opened(now, self.session(), peer);
        }
        self.desk().ask(now, self.session(), ticket, question)
    }

    fn inquire(&mut self, now: Now, ticket: Ticket, inquiry: Inquiry) -> Option<Advice> {
        let (source, check) = match inquiry {
            Inquiry::Terms => {
                let means = self.door.as_ref().map_or_else(Means::default, |door| door.means());
                // Without a nonce there is no login, and without an answer the session says so in time.
                return auth::nonce().ok().map(|nonce| Advice::Terms(means, nonce));
            }
            Inquiry::Certified { source, user } => {
                self.desk().certified(now, self.session(), ticket, (source, user));
                return None;
            }
            Inquiry::Check { source, check } => (source, check),
        };
        let (desk, session) = (self.desk().clone(), self.session());
        let check = desk.inquire(now, session, ticket, (source, check))?;
        let door = self.door.clone();
        self.checking = Some(Checking(tokio::spawn(async move {
            let finding = match door {
                Some(door) => door.ask(check).await,
                None => Finding::Trouble,
            };
            desk.checked(session, ticket, finding);
        })));
        None
    }

    fn attempted(&mut self, now: Now, attempt: Attempt) {
        self.desk().attempted(now, self.session(), attempt);
    }

    fn order(&mut self, now: Now, order: Order) {
        match order {
            Order::Begin => {
                self.give_up_draft();
                let account = Account::new(self.mailbox.clone(), self.number);
                self.draft = Some(self.desk().spool().begin(account));
            }
            Order::Append(octets) => {
                if let Some(draft) = &mut self.draft {
                    draft.append(octets);
                }
            }
            Order::Show => match &mut self.draft {
                Some(draft) => draft.show(),
                None => self.mailbox.put(Post::Report(self.number, Report::Failed(SpoolFault::Broken))),
            },
            Order::Revise(revision) => {
                if let Some(draft) = &mut self.draft {
                    draft.revise(revision);
                }
            }
            Order::Commit(destination) => match self.draft.take() {
                Some(mut draft) => {
                    draft.bound_for(destination);
                    self.committing = Some(now.instant);
                    self.desk().commit(now, self.session(), self.number, draft);
                }
                None => self.mailbox.put(Post::Report(self.number, Report::Failed(SpoolFault::Broken))),
            },
            Order::Abandon => self.give_up_draft(),
            Order::Leave(leftover) => {
                if let Some(draft) = self.draft.take() {
                    draft.leave(leftover.suffix());
                }
                self.give_up_draft();
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only these two say where a refusal is")]
    fn note(&mut self, now: Now, event: Event) {
        match event {
            Event::TarpitDelayed(_) => self.tarpit(true),
            Event::Secured(ref facts) if self.tls.as_ref().is_some_and(|tls| tls.logs(1)) => {
                tracing::info!(session = %self.session(), peer = %self.peer.client, "TLS: {facts}");
            }
            // What waits in the tarpit is the next thing that the session says.
            Event::Reply(_) => self.tarpit(false),
            _ => {}
        }
        self.desk().journal().note(now, self.session(), &self.peer, &event);
    }

    fn carried(&mut self, heard: usize, said: usize) {
        if heard > 0 {
            self.count(Work::Heard(heard));
        }
        if said > 0 {
            self.count(Work::Said(said));
        }
    }

    fn poll_letter(&mut self, context: &mut Context<'_>) -> Poll<Letter> {
        let letter = self.mailbox.poll(context, self.number);
        if let Poll::Ready(Letter::Reported(report @ (Report::Committed(_) | Report::Failed(_)))) = &letter
            && let Some(ordered) = self.committing.take()
        {
            let took = self.now().instant.since(ordered);
            self.count(Work::Committed(matches!(report, Report::Committed(_)), took));
        }
        letter
    }

    fn panicked(&mut self) {
        self.desk().count_panic();
        self.count(Work::Defect);
        tracing::error!(session = %self.session(), peer = %self.peer.client, "a session broke an assertion of ours: ended");
    }
    fn tls(&mut self) -> Option<Side> {
        let who = format!("{} ({})", self.peer.client, self.session());
        Some(Side { terms: self.tls.clone()?, turns: self.desk().handshakes().clone(), who })
    }

    fn tape(&mut self, session: &mut Session) -> Option<Tape> {
        let now = self.now();
        self.desk().recorder().map(|recorder| recorder.tape(session, now))
    }
}
