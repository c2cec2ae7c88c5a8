//! The desk with a spool that does nothing by itself: each test carries the tasks out in the order it wants to try.

use super::*;
use crate::drive::{Hands, Letter};
use crate::spool::{Account, Draft};
use smtpserver_core::spool::{Destination, Order, Report, Revision};
use smtpserver_core::{Event, Instant, Wall};
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct Tasks {
    waiting: Mutex<Vec<Task<Octets>>>,
    drafts: Arc<AtomicUsize>,
}

/// A draft that is counted as long as it lives.
struct Octets {
    octets: Vec<u8>,
    drafts: Arc<AtomicUsize>,
}

impl Draft for Octets {
    fn append(&mut self, octets: Vec<u8>) {
        self.octets.extend_from_slice(&octets);
    }
    fn revise(&mut self, _revision: Box<Revision>) {}

    fn show(&mut self) {}
    fn bound_for(&mut self, _destination: Destination) {}
}

impl Drop for Octets {
    fn drop(&mut self) {
        self.drafts.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Spool for Tasks {
    type Draft = Octets;
    fn begin(&self, _account: Account) -> Octets {
        self.drafts.fetch_add(1, Ordering::SeqCst);
        Octets { octets: Vec::new(), drafts: self.drafts.clone() }
    }
    fn start(&self, _desk: &Arc<Desk<Self>>, task: Task<Octets>) {
        self.waiting.lock().expect("unpoisoned").push(task);
    }
}

struct Noon;
impl Clock for Noon {
    fn now(&self) -> Now {
        Now { instant: Instant::from_micros(12), wall: Wall::from_seconds(12) }
    }
}

struct Nobody;
impl Journal for Nobody {
    fn opened(&self, _now: Now, _session: SessionId, _peer: &Peer) {}
    fn note(&self, _now: Now, _session: SessionId, _peer: &Peer, _event: &Event) {}
}

fn desk() -> Arc<Desk<Tasks>> {
    let mut settings = Settings::new("mx.example");
    settings.limits.same_source_max = 2;
    Desk::new(Arc::new(settings), Tasks::default(), Arc::new(Noon), Arc::new(Nobody))
}

fn seat(desk: &Arc<Desk<Tasks>>) -> Seat<Tasks> {
    let end = SocketAddr::from(([127, 0, 0, 1], 25));
    match desk.admit(&Arc::new(Peer::new(end, end))) {
        Admission::Welcome(_, seat) => seat,
        Admission::TurnAway(..) | Admission::Drop => panic!("not welcome"),
    }
}

fn order_message(seat: &mut Seat<Tasks>, octets: &[u8]) {
    let now = seat.now();
    seat.order(now, Order::Begin);
    seat.order(now, Order::Append(octets.to_vec()));
    seat.order(now, Order::Commit(Destination::Router));
}

/// The task that waits, which must be the only one.
fn only_task(desk: &Desk<Tasks>) -> Task<Octets> {
    let mut waiting = desk.spool().waiting.lock().expect("unpoisoned");
    assert_eq!(waiting.len(), 1, "tasks");
    waiting.remove(0)
}

fn to_sync(task: Task<Octets>) -> (SessionId, Octets) {
    match task {
        Task::Sync(session, draft) => (session, draft),
        Task::Publish(..) | Task::Measure => panic!("not a sync"),
    }
}

fn to_publish(mut tasks: Vec<Task<Octets>>) -> (Publication, Vec<(SessionId, Stored, Octets)>) {
    assert_eq!(tasks.len(), 1, "tasks");
    match tasks.remove(0) {
        Task::Publish(publication, batch) => (publication, batch),
        Task::Sync(..) | Task::Measure => panic!("not a publication"),
    }
}

fn letter(seat: &mut Seat<Tasks>) -> Option<Letter> {
    match seat.poll_letter(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(letter) => Some(letter),
        Poll::Pending => None,
    }
}

const STORED: Stored = Stored { inode: 7, mtime_seconds: 8, mtime_nanos: 9 };

#[test]
fn a_message_is_synced_then_published_then_reported() {
    let desk = desk();
    let mut seat = seat(&desk);
    order_message(&mut seat, b"whole");
    let (session, draft) = to_sync(only_task(&desk));
    assert_eq!(draft.octets, b"whole");
    assert!(letter(&mut seat).is_none());
    let (publication, batch) = to_publish(desk.synced(session, Ok((STORED, draft))));
    assert!(letter(&mut seat).is_none(), "reported before it was published");
    let results = batch.iter().map(|(session, stored, _)| (*session, Ok(*stored))).collect();
    assert!(desk.published(publication, results).is_empty());
    assert!(matches!(letter(&mut seat), Some(Letter::Reported(Report::Committed(STORED)))));
    drop((batch, seat));
    assert_eq!(desk.spool().drafts.load(Ordering::SeqCst), 0);
}

#[test]
fn a_commit_that_was_given_up_is_not_published_and_never_proves_another() {
    let desk = desk();
    let mut seat = seat(&desk);
    order_message(&mut seat, b"given up");
    let (session, draft) = to_sync(only_task(&desk));
    let now = seat.now();
    seat.order(now, Order::Abandon);

    // Another message while the first is still being synced: it cannot be kept, and says so.
    order_message(&mut seat, b"another");
    assert!(matches!(letter(&mut seat), Some(Letter::Reported(Report::Failed(SpoolFault::Broken)))));

    assert!(desk.synced(session, Ok((STORED, draft))).is_empty(), "it goes on");
    assert_eq!(desk.spool().drafts.load(Ordering::SeqCst), 0, "a draft is left");
    assert!(letter(&mut seat).is_none(), "a report about a draft that is no more");

    order_message(&mut seat, b"third");
    let (session, draft) = to_sync(only_task(&desk));
    assert_eq!(draft.octets, b"third");
    let (_, batch) = to_publish(desk.synced(session, Ok((STORED, draft))));
    assert_eq!(batch.len(), 1);
}

#[test]
fn a_publication_that_comes_too_late_to_be_stopped_is_not_taken_for_the_next_message() {
    let desk = desk();
    let mut seat = seat(&desk);
    order_message(&mut seat, b"first");
    let (session, draft) = to_sync(only_task(&desk));
    let (publication, batch) = to_publish(desk.synced(session, Ok((STORED, draft))));
    let now = seat.now();
    seat.order(now, Order::Abandon);
    seat.order(now, Order::Begin);
    assert!(
        desk.published(
            publication,
            batch.iter().map(|(session, stored, _)| (*session, Ok(*stored))).collect()
        )
        .is_empty()
    );
    assert!(letter(&mut seat).is_none(), "a false proof");
}

#[test]
fn a_session_that_is_gone_leaves_nothing_behind() {
    let desk = desk();
    let (mut one, mut other) = (seat(&desk), seat(&desk));
    order_message(&mut one, b"one");
    let (session, draft) = to_sync(only_task(&desk));
    let now = other.now();
    other.order(now, Order::Begin);
    drop((one, other));
    assert_eq!(desk.sessions(), 0);
    assert!(desk.synced(session, Ok((STORED, draft))).is_empty());
    assert_eq!(desk.spool().drafts.load(Ordering::SeqCst), 0);
    // Both places are free again.
    let _both = (seat(&desk), seat(&desk));
}

#[test]
fn one_too_many_is_turned_away_and_counts_until_it_is_gone() {
    let desk = desk();
    let _both = (seat(&desk), seat(&desk));
    let end = SocketAddr::from(([127, 0, 0, 1], 25));
    let peer = Arc::new(Peer::new(end, end));
    let leaving: Vec<_> = (0..6).map(|_| desk.admit(&peer)).collect();
    assert!(leaving.iter().all(|admission| matches!(admission, Admission::TurnAway(..))));
    assert!(matches!(desk.admit(&peer), Admission::Drop));
    drop(leaving);
    assert!(matches!(desk.admit(&peer), Admission::TurnAway(..)));
}

#[test]
fn the_order_to_stop_reaches_everybody_now_and_later() {
    let desk = desk();
    let mut before = seat(&desk);
    desk.stop();
    let mut after = seat(&desk);
    for seat in [&mut before, &mut after] {
        assert!(matches!(letter(seat), Some(Letter::ShuttingDown)));
        assert!(letter(seat).is_none());
    }
}
