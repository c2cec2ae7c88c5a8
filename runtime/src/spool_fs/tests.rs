//! The spool with its real files and threads, without sessions.

use super::place::{Complaint, FREEZER, PUBLIC};
use super::*;
use crate::desk::Admission;
use crate::drive::{Hands, Letter};
use crate::mailbox::{DraftNumber, Mailbox};
use crate::spool::Draft;
use rustix::io::Errno;
use smtpserver_core::spool::{Destination, Order, Report};
use smtpserver_core::{Event, Now, Peer, Settings};
use std::task::{Context, Poll, Waker};

struct Try {
    folder: tempfile::TempDir,
    spool: FileSpool,
    mailbox: Arc<Mailbox>,
}

impl Try {
    fn new() -> Try {
        Try::on(false, false)
    }

    /// On a file system that is taken for one that keeps order, or for another; with files that have no name before they
    /// are whole, or with others.
    fn on(ordered: bool, nameless: bool) -> Try {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::default();
        let postoffice = prepare(folder.path(), &layout).expect("usable");
        let mut spool = FileSpool::open(&postoffice, "mx", layout);
        Arc::get_mut(&mut spool.place).expect("nobody else has it yet").pretend(ordered, nameless);
        Try { spool, folder, mailbox: Arc::default() }
    }

    fn draft(&self) -> FileDraft {
        self.spool.begin(Account::new(self.mailbox.clone(), DraftNumber::default()))
    }

    fn files(&self, directory: &str) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path().join(directory)).expect("a directory");
        entries.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file")).collect()
    }

    fn reports(&self) -> Vec<Report> {
        let mut context = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(letter) = self.mailbox.poll(&mut context, DraftNumber::default()) {
            if let Letter::Reported(report) = letter {
                all.push(report);
            }
        }
        all
    }

    fn room(&self) -> usize {
        let room = |report: &Report| if let Report::Room(octets) = report { *octets } else { 0 };
        self.reports().iter().map(room).sum()
    }

    /// Finishes a draft on this thread, or on the one that is still at work on it.
    fn finish(&self, draft: FileDraft) -> Result<(Stored, FileDraft), SpoolFault> {
        let (tell, told) = std::sync::mpsc::channel();
        draft.when_quiet(move |draft| {
            let stored = draft.finish();
            let _ = tell.send(stored.map(|stored| (stored, draft)));
        });
        told.recv_timeout(Duration::from_secs(30)).expect("it becomes quiet")
    }
}

fn session(serial: u64) -> SessionId {
    SessionId { began: 0, serial }
}

#[test]
fn a_small_draft_touches_no_disk_before_it_is_finished() {
    let the = Try::new();
    let mut draft = the.draft();
    draft.append(b"one ".to_vec());
    draft.append(b"two".to_vec());
    the.spool.wait_for_rest(Duration::from_secs(10));
    assert!(the.files(PUBLIC).is_empty());
    let (stored, draft) = the.finish(draft).expect("kept");
    assert_eq!(the.files(PUBLIC), [b"one two"]);
    assert!(the.files(ROUTER).is_empty());
    let results = the.spool.publish(vec![(session(1), stored, draft)]);
    assert_eq!(results, [(session(1), Ok(stored))]);
    let path = the.folder.path().join(ROUTER).join(stored.inode.to_string());
    assert_eq!(std::fs::read(path).expect("published"), b"one two");
    assert!(the.files(PUBLIC).is_empty());
}

#[test]
fn a_file_without_a_name_is_nowhere_until_it_is_published_shown_or_left() {
    for ordered in [false, true] {
        let the = Try::on(ordered, true);
        let finished = |text: &str| {
            let mut draft = the.draft();
            draft.append(text.as_bytes().to_vec());
            the.finish(draft).expect("kept")
        };
        let ((stored, kept), (_, dropped)) = (finished("kept"), finished("dropped"));
        drop(dropped);
        the.spool.wait_for_rest(Duration::from_secs(10));
        assert!(the.files(PUBLIC).is_empty() && the.files(ROUTER).is_empty());
        let theirs = the.folder.path().join(ROUTER).join(stored.inode.to_string());
        std::fs::write(&theirs, "theirs").expect("written");
        assert_eq!(the.spool.publish(vec![(session(1), stored, kept)]), [(session(1), Ok(stored))]);
        assert_eq!(std::fs::read(&theirs).expect("there"), b"theirs");
        let second = the.folder.path().join(ROUTER).join(format!("{}-1", stored.inode));
        assert_eq!(std::fs::read(second).expect("there"), b"kept");
        assert!(the.files(PUBLIC).is_empty());
        let mut left = the.draft();
        left.append(b"left".to_vec());
        left.leave("D");
        the.spool.wait_for_rest(Duration::from_secs(10));
        assert_eq!(the.files(PUBLIC), [b"left"]);
    }
}

#[test]
fn names_wait_for_a_sync_that_begins_after_them() {
    let the = Try::new();
    let names = the.spool.place.names(Destination::Router, 0);
    let give = || names.give(|_| Ok(())).expect("given");
    let sync = |round: &Arc<names::Round>| names.sync(round, |complaint| panic!("{complaint}"));
    let ((), one) = give();
    let ((), same) = give();
    assert!(Arc::ptr_eq(&one, &same));
    assert_eq!(sync(&one), Ok(()));
    let ((), other) = give();
    assert!(!Arc::ptr_eq(&one, &other));
    // It was done; to ask again changes nothing for those that wait for the next.
    assert_eq!(sync(&same), Ok(()));
    assert!(Arc::ptr_eq(&other, &give().1));
    assert_eq!(sync(&other), Ok(()));
    // A name that could not be given waits for nothing.
    assert!(names.give(|_| Err::<(), _>(Complaint::new("name", names.path(), Errno::IO))).is_err());
    let ((), after) = give();
    // A sync that begins while a name is given may be too early for it.
    let ((), later) = names.give(|_| sync(&after).map_err(|_| unreachable!())).expect("given");
    assert!(!Arc::ptr_eq(&after, &later));
    // What was named in a directory that was moved away meanwhile is synced there.
    let router = the.folder.path().join(ROUTER);
    let moved = names.give(|_| {
        std::fs::rename(&router, the.folder.path().join("moved")).expect("moved");
        std::fs::create_dir(&router).expect("made");
        sync(&later).map_err(|_| unreachable!())
    });
    let (((), moved), ((), new)) = (moved.expect("given"), give());
    let inode = |round: &names::Round| rustix::fs::fstat(round.directory()).expect("a directory").st_ino;
    assert_ne!(inode(&moved), inode(&new));
    assert_eq!((sync(&moved), sync(&new)), (Ok(()), Ok(())));
}

#[test]
fn a_large_draft_is_written_in_order_and_gives_its_room_back() {
    let the = Try::new();
    let mut draft = the.draft();
    let mut sent = Vec::new();
    let mut debt = 0;
    for number in 0..300_u32 {
        let piece = number.to_be_bytes().repeat(2000);
        sent.extend_from_slice(&piece);
        debt += piece.len();
        draft.append(piece);
        // As a session does: above its window it waits for room.
        while debt > smtpserver_core::limits::BODY_WINDOW {
            debt -= the.room();
            std::thread::yield_now();
        }
    }
    let (_, draft) = the.finish(draft).expect("kept");
    assert_eq!(the.files(PUBLIC), [sent]);
    drop(draft);
    the.spool.wait_for_rest(Duration::from_secs(10));
    assert!(the.files(PUBLIC).is_empty(), "a draft that was dropped is still there");
}

#[test]
fn a_draft_is_shown_whole_and_published_where_it_is_bound_for() {
    for nameless in [false, true] {
        shown_and_published(&Try::on(true, nameless));
    }
}

fn shown_and_published(the: &Try) {
    for octets in [10, 200_000] {
        let mut draft = the.draft();
        draft.append(vec![b'x'; octets]);
        draft.show();
        the.spool.wait_for_rest(Duration::from_secs(10));
        let reports = the.reports();
        let Some(Report::Shown(path)) = reports.last() else { panic!("not shown: {reports:?}") };
        assert!(path.as_str().starts_with("public/mx:"), "{path:?}");
        let file = the.folder.path().join(path.as_str());
        assert_eq!(std::fs::read(file).expect("shown").len(), octets);
        draft.bound_for(Destination::Freezer(7));
        let (stored, draft) = the.finish(draft).expect("kept");
        assert_eq!(the.spool.publish(vec![(session(1), stored, draft)]), [(session(1), Ok(stored))]);
        let frozen = the.folder.path().join(FREEZER).join(format!("{}policy-7", stored.inode));
        assert_eq!(std::fs::read(&frozen).expect("frozen").len(), octets);
        std::fs::remove_file(frozen).expect("there");
        assert!(the.files(PUBLIC).is_empty() && the.files(ROUTER).is_empty());
    }
    let mut draft = the.draft();
    draft.append(vec![b'x'; 10]);
    draft.show();
    drop(draft);
    the.spool.wait_for_rest(Duration::from_secs(10));
    assert!(the.files(PUBLIC).is_empty(), "what was shown and given up is still there");
}

#[test]
fn a_hashed_queue_has_its_files_by_their_inodes() {
    let folder = tempfile::tempdir().expect("a folder");
    let zenv = smtpserver_core::config::zenv::Zenv::read("z", b"ROUTEDIRHASH=1").0;
    let layout = Layout::read(&zenv, folder.path());
    let postoffice = prepare(folder.path(), &layout).expect("usable");
    let the = Try { spool: FileSpool::open(&postoffice, "mx", layout), folder, mailbox: Arc::default() };
    let mut batch = Vec::new();
    for number in 0..30 {
        let mut draft = the.draft();
        draft.append(b"x".to_vec());
        let (stored, draft) = the.finish(draft).expect("kept");
        batch.push((session(number), stored, draft));
    }
    let inodes: Vec<u64> = batch.iter().map(|(_, stored, _)| stored.inode).collect();
    assert!(the.spool.publish(batch).iter().all(|(_, result)| result.is_ok()));
    for inode in inodes {
        let letter = char::from(b'A' + u8::try_from(inode % 26).expect("small"));
        let path = the.folder.path().join(format!("router/{letter}/{inode}"));
        assert_eq!(std::fs::read(path).expect("published"), b"x");
    }
}

#[test]
fn a_draft_dropped_at_any_moment_leaves_nothing() {
    let the = Try::new();
    for pieces in 0..20 {
        let mut draft = the.draft();
        for _ in 0..pieces {
            draft.append(vec![b'x'; 20_000]);
        }
        drop(draft);
    }
    the.spool.wait_for_rest(Duration::from_secs(10));
    assert!(the.files(PUBLIC).is_empty());
}

#[test]
fn a_draft_that_cannot_be_written_says_so_once_and_swallows_the_rest() {
    let the = Try::new();
    std::fs::remove_dir(the.folder.path().join(PUBLIC)).expect("removed");
    let mut draft = the.draft();
    for _ in 0..5 {
        draft.append(vec![b'x'; 40_000]);
        the.spool.wait_for_rest(Duration::from_secs(10));
    }
    let reports = the.reports();
    let failed: Vec<_> = reports.iter().filter(|report| !matches!(report, Report::Room(_))).collect();
    assert_eq!(failed, [&Report::Failed(SpoolFault::Unusable)]);
    let room = |report: &Report| if let Report::Room(octets) = report { *octets } else { 0 };
    assert_eq!(reports.iter().map(room).sum::<usize>(), 200_000);
    assert_eq!(the.finish(draft).err(), Some(SpoolFault::Unusable));
}

#[test]
fn a_name_that_is_taken_is_left_alone() {
    let the = Try::new();
    let mut draft = the.draft();
    draft.append(b"ours".to_vec());
    let (stored, draft) = the.finish(draft).expect("kept");
    let taken = the.folder.path().join(ROUTER).join(stored.inode.to_string());
    std::fs::write(&taken, "theirs").expect("written");
    assert_eq!(the.spool.publish(vec![(session(1), stored, draft)]), [(session(1), Ok(stored))]);
    assert_eq!(std::fs::read(&taken).expect("there"), b"theirs");
    let second = the.folder.path().join(ROUTER).join(format!("{}-1", stored.inode));
    assert_eq!(std::fs::read(second).expect("there"), b"ours");
}

#[test]
fn without_a_router_directory_a_publication_fails_whole() {
    let the = Try::new();
    let finished = |text: &str| {
        let mut draft = the.draft();
        draft.append(text.as_bytes().to_vec());
        the.finish(draft).expect("kept")
    };
    let (one, other) = (finished("one"), finished("other"));
    std::fs::remove_dir(the.folder.path().join(ROUTER)).expect("removed");
    let results = the.spool.publish(vec![(session(1), one.0, one.1), (session(2), other.0, other.1)]);
    let failed = Err(SpoolFault::Unusable);
    assert_eq!(results, [(session(1), failed), (session(2), failed)]);
    the.spool.wait_for_rest(Duration::from_secs(10));
    assert!(the.files(PUBLIC).is_empty());
}

#[test]
fn a_temporary_name_that_is_taken_is_passed_over() {
    let the = Try::new();
    let public = the.folder.path().join(PUBLIC);
    let name = |serial: u32| public.join(format!("mx:{}.{serial:x}", std::process::id()));
    for serial in 0..20 {
        std::fs::write(name(serial), "theirs").expect("written");
    }
    let mut draft = the.draft();
    draft.append(b"ours".to_vec());
    let (_, draft) = the.finish(draft).expect("kept");
    assert_eq!(std::fs::read(name(20)).expect("made"), b"ours");
    drop(draft);
    // But not for ever.
    for serial in 21..200 {
        std::fs::write(name(serial), "theirs").expect("written");
    }
    let mut draft = the.draft();
    draft.append(b"ours".to_vec());
    assert_eq!(the.finish(draft).err(), Some(SpoolFault::Broken));
    assert!((0..20).all(|serial| std::fs::read(name(serial)).expect("there") == b"theirs"));
}

struct Nobody;
impl crate::journal::Journal for Nobody {
    fn opened(&self, _now: Now, _session: SessionId, _peer: &Peer) {}
    fn note(&self, _now: Now, _session: SessionId, _peer: &Peer, _event: &Event) {}
}

/// The next report that is not about room; the pool's threads bring it.
fn report(seat: &mut crate::seat::Seat<FileSpool>) -> Report {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..3000 {
        match seat.poll_letter(&mut context) {
            Poll::Ready(Letter::Reported(Report::Room(_))) => {}
            Poll::Ready(Letter::Reported(report)) => return report,
            Poll::Ready(Letter::Answered(..) | Letter::Advised(..) | Letter::ShuttingDown) => {
                panic!("another letter")
            }
            Poll::Pending => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("no report comes");
}

#[test]
fn an_assertion_that_breaks_in_a_job_is_a_report_like_any_other() {
    for ordered in [false, true] {
        assertions_that_break(&Try::on(ordered, ordered));
    }
}

fn assertions_that_break(the: &Try) {
    let clock = Arc::new(crate::clock::SystemClock::default());
    let settings = Arc::new(Settings::new("mx.example"));
    let desk = Desk::new(settings, the.spool.clone(), clock, Arc::new(Nobody));
    let end = std::net::SocketAddr::from(([127, 0, 0, 1], 25));
    let Admission::Welcome(_, mut seat) = desk.admit(&Arc::new(Peer::new(end, end))) else {
        panic!("not welcome")
    };
    let plant = |step| *the.spool.place.planted.lock().expect("unpoisoned") = step;
    for (step, octets) in [("create", 10), ("create", 200_000), ("publish", 10), ("publish", 200_000)] {
        for planted in [step, ""] {
            plant(planted);
            let now = seat.now();
            seat.order(now, Order::Begin);
            for _ in 0..octets / 10 {
                seat.order(now, Order::Append(vec![b'x'; 10]));
            }
            seat.order(now, Order::Commit(Destination::Router));
            match report(&mut seat) {
                Report::Committed(_) => assert_eq!(planted, ""),
                Report::Failed(fault) => assert_eq!((planted, fault), (step, SpoolFault::Broken)),
                Report::Room(_) | Report::Shown(_) => panic!("that is no end"),
            }
            seat.order(now, Order::Abandon);
            the.spool.wait_for_rest(Duration::from_secs(10));
        }
    }
    assert!(the.files(PUBLIC).is_empty());
    assert_eq!(the.files(ROUTER).len(), 4);
}

#[test]
fn a_measurement_that_breaks_is_no_measurement() {
    let the = Try::new();
    let clock = Arc::new(crate::clock::SystemClock::default());
    let desk = Desk::new(Arc::new(Settings::new("mx.example")), the.spool.clone(), clock, Arc::new(Nobody));
    *the.spool.place.planted.lock().expect("unpoisoned") = "measure";
    let measured = catch_unwind(AssertUnwindSafe(|| the.spool.carry_out(&desk, Task::Measure)));
    assert!(measured.is_ok(), "the desk waits for ever for this measurement");
}
