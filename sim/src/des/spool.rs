//! A spool on the simulated disk, step for step what `runtime/src/spool_fs` does: a draft stays in memory until it is
//! large or to be kept; then a file is made in `public`, written, synced, renamed into `router`, and that directory is
//! synced once for a batch. On a disk that keeps order the file is not synced but only written out before it is renamed.
//! Each step is an operation of its own on the event queue, so a crash falls between any two. Here every file has a name
//! from the start, as on file systems that know no other: so there is more for a crash to leave behind.

mod steps;

use super::disk::Disk;
use super::plant::Plant;
use crate::played;
use crate::trace::{ConnectionId, Errno, Fingerprint, Operation};
use smtpserver_core::SessionId;
use smtpserver_core::server::commit::Publication;
use smtpserver_core::spool::{DraftPath, Revision, SpoolFault, Stored};
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;

/// Octets kept in memory before they are written.
const PIECE: usize = 65_536;

/// A draft's number, counted over the spool's life.
pub(super) type DraftId = u64;

/// A job's number.
pub(super) type JobId = u64;

/// A message that is being received or kept.
#[derive(Debug, Default)]
struct Draft {
    connection: ConnectionId,
    pending: Vec<u8>,
    file: Option<u64>,
    fault: Option<SpoolFault>,
    /// A job writes its pieces.
    writing: bool,
    /// Nobody wants it any more.
    abandoned: bool,
    /// To be synced for this session as soon as no job writes.
    sync_for: Option<SessionId>,
    /// To be shown as soon as no job writes.
    show: bool,
    written: Fingerprint,
}

/// Work for the disk: a chain of operations, one after the other.
#[derive(Debug)]
enum Job {
    /// Some octets of a draft; or all that are left, which helpers are to read then.
    Write {
        draft: DraftId,
        octets: Vec<u8>,
        shows: bool,
    },
    Finish {
        session: SessionId,
        draft: DraftId,
        left: Vec<u8>,
        stage: Stage,
    },
    Publish(Publishing),
    Remove {
        inode: u64,
    },
    Measure,
}

/// A publication and how far it has come.
#[derive(Debug)]
struct Publishing {
    publication: Publication,
    batch: Vec<(SessionId, Stored, Option<u64>)>,
    next: usize,
    /// The next one was written out.
    pushed: bool,
    results: Results,
    /// What is to be withdrawn, as the directory could not be synced.
    failed: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Create,
    Write,
    Sync,
}

/// What became of the drafts of a publication.
pub(super) type Results = Vec<(SessionId, Result<Stored, SpoolFault>)>;

/// What the spool has to say.
#[derive(Debug)]
pub(super) enum Word {
    /// Octets are off a draft's account.
    Room(ConnectionId, DraftId, usize),
    /// All octets of a draft are in this file.
    Shown(ConnectionId, DraftId, DraftPath),
    /// A draft cannot be kept; its commit was not ordered yet.
    Lost(ConnectionId, DraftId, SpoolFault),
    /// A draft was synced, or not.
    Synced(SessionId, DraftId, Result<Stored, SpoolFault>),
    /// A publication was carried out.
    Published(Publication, Results),
    /// Free space was measured.
    Measured(Option<u64>),
}

/// The spool of one life of the server.
#[derive(Debug)]
pub(super) struct Spool {
    drafts: BTreeMap<DraftId, Draft>,
    next_draft: DraftId,
    next_job: JobId,
    jobs: BTreeMap<JobId, (Job, Operation)>,
    waiting: VecDeque<Job>,
    threads: usize,
    started: Vec<(JobId, Operation)>,
    words: VecDeque<Word>,
    /// The disk keeps order.
    ordered: bool,
    plant: Option<Plant>,
}

impl Spool {
    /// A spool that does so many things at a time.
    pub(super) fn new(threads: u32, ordered: bool, plant: Option<Plant>) -> Spool {
        Spool {
            drafts: BTreeMap::new(),
            next_draft: 0,
            next_job: 0,
            jobs: BTreeMap::new(),
            waiting: VecDeque::new(),
            threads: usize::try_from(threads.max(1)).expect("few"),
            started: Vec::new(),
            words: VecDeque::new(),
            ordered,
            plant,
        }
    }

    /// Operations that began since the last call; each is to be followed by [`Spool::done`] in its time.
    pub(super) fn started(&mut self) -> Vec<(JobId, Operation)> {
        std::mem::take(&mut self.started)
    }

    /// The next word for the desk.
    pub(super) fn word(&mut self) -> Option<Word> {
        self.words.pop_front()
    }

    /// Drafts and jobs that are there.
    pub(super) fn burden(&self) -> (usize, usize) {
        (self.drafts.len(), self.jobs.len() + self.waiting.len())
    }

    /// Opens a draft.
    pub(super) fn begin(&mut self, connection: ConnectionId) -> DraftId {
        self.next_draft += 1;
        self.drafts.insert(self.next_draft, Draft { connection, ..Draft::default() });
        self.next_draft
    }

    /// Octets and fingerprint of a draft so far.
    pub(super) fn digest(&self, draft: DraftId) -> (u64, u64) {
        self.drafts.get(&draft).map_or((0, 0), |draft| (draft.written.length(), draft.written.finish()))
    }

    /// Adds octets to a draft.
    pub(super) fn append(&mut self, id: DraftId, octets: &[u8]) {
        let draft = self.drafts.get_mut(&id).expect("a session appends to its own draft");
        if draft.fault.is_some() {
            self.words.push_back(Word::Room(draft.connection, id, octets.len()));
            return;
        }
        draft.written.write(octets);
        draft.pending.extend_from_slice(octets);
        if !draft.writing && draft.pending.len() > PIECE {
            draft.writing = true;
            let octets = std::mem::take(&mut draft.pending);
            self.submit(Job::Write { draft: id, octets, shows: false });
        }
    }

    /// Nobody wants this draft any more.
    pub(super) fn abandon(&mut self, id: DraftId) {
        let Some(draft) = self.drafts.get_mut(&id) else { return };
        draft.abandoned = true;
        if !draft.writing && draft.sync_for.is_none() {
            let draft = self.drafts.remove(&id).expect("it is there");
            if let Some(inode) = draft.file {
                self.submit(Job::Remove { inode });
            }
        }
    }

    /// Writes what is left of a draft, for helpers to read.
    pub(super) fn show(&mut self, id: DraftId) {
        let draft = self.drafts.get_mut(&id).expect("a session shows its own draft");
        if draft.writing {
            draft.show = true;
            return;
        }
        if let Some(fault) = draft.fault {
            self.words.push_back(Word::Lost(draft.connection, id, fault));
            return;
        }
        draft.writing = true;
        let octets = std::mem::take(&mut draft.pending);
        self.submit(Job::Write { draft: id, octets, shows: true });
    }

    /// Writes a draft anew, after it was shown. Its octets are new ones, which have not met the disk.
    pub(super) fn revise(&mut self, id: DraftId, revision: &Revision, disk: &Disk) {
        let draft = self.drafts.get_mut(&id).expect("a session revises its own draft");
        let Some(inode) = draft.file.take() else { return };
        draft.pending = played::revised(disk.octets(inode), revision);
        draft.written = Fingerprint::default();
        draft.written.write(&draft.pending);
        self.submit(Job::Remove { inode });
    }

    /// Writes what is left of a draft and makes it durable.
    pub(super) fn sync(&mut self, session: SessionId, id: DraftId) {
        let draft = self.drafts.get_mut(&id).expect("a draft that is committed is there");
        draft.sync_for = Some(session);
        if !draft.writing {
            self.finish(id);
        }
    }

    /// Renames these drafts' files and syncs the directory.
    pub(super) fn publish(&mut self, publication: Publication, batch: Vec<(SessionId, Stored, DraftId)>) {
        let batch: Vec<_> = batch
            .into_iter()
            .map(|(session, stored, draft)| {
                (session, stored, self.drafts.remove(&draft).unwrap_or_default().file)
            })
            .collect();
        if self.plant == Some(Plant::Early250) {
            let early = batch.iter().map(|(session, stored, _)| (*session, Ok(*stored))).collect();
            self.words.push_back(Word::Published(publication, early));
        }
        self.submit(Job::Publish(Publishing {
            publication,
            batch,
            next: 0,
            pushed: false,
            results: Vec::new(),
            failed: Vec::new(),
        }));
    }

    fn published(&mut self, publishing: Publishing) {
        if self.plant != Some(Plant::Early250) {
            self.words.push_back(Word::Published(publishing.publication, publishing.results));
        }
    }

    /// Measures free space.
    pub(super) fn measure(&mut self) {
        self.submit(Job::Measure);
    }

    /// The operation of a job is to be carried out now. What follows is in [`Spool::started`] and [`Spool::word`].
    pub(super) fn done(
        &mut self,
        id: JobId,
        disk: &mut Disk,
        mtime: (i64, u32),
    ) -> Option<(Operation, Option<Errno>)> {
        let (job, operation) = self.jobs.remove(&id)?;
        let octets: &[u8] = match &job {
            Job::Write { octets, .. } | Job::Finish { left: octets, .. } => octets,
            Job::Publish(_) | Job::Remove { .. } | Job::Measure => &[],
        };
        let result = disk.carry_out(operation, octets, mtime);
        if let Some(job) = self.next_step(job, operation, result, disk) {
            self.begin_operation(id, job, disk);
        }
        self.start(disk);
        Some((operation, result.err()))
    }

    /// Jobs that wait for a hand get one. To be called after anything that may have made jobs.
    pub(super) fn start(&mut self, disk: &mut Disk) {
        while self.jobs.len() < self.threads
            && let Some(job) = self.waiting.pop_front()
        {
            self.next_job += 1;
            self.begin_operation(self.next_job, job, disk);
        }
    }

    fn submit(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    fn finish(&mut self, id: DraftId) {
        let draft = self.drafts.get_mut(&id).expect("it is to be synced");
        let session = draft.sync_for.expect("it is to be synced");
        if let Some(fault) = draft.fault {
            self.synced(session, id, Err(fault));
            return;
        }
        let left = std::mem::take(&mut draft.pending);
        let stage = if draft.file.is_some() { Stage::Write } else { Stage::Create };
        self.submit(Job::Finish { session, draft: id, left, stage });
    }

    fn synced(&mut self, session: SessionId, id: DraftId, result: Result<Stored, SpoolFault>) {
        let draft = self.drafts.get_mut(&id).expect("it was synced");
        draft.sync_for = None;
        if result.is_err() {
            draft.abandoned = true;
        }
        self.words.push_back(Word::Synced(session, id, result));
        if self.drafts.get(&id).is_some_and(|draft| draft.abandoned) {
            self.abandon(id);
        }
    }
}

fn fault(errno: Errno) -> SpoolFault {
    match errno {
        Errno::Full => SpoolFault::Full,
        Errno::ReadOnly | Errno::Missing => SpoolFault::Unusable,
        Errno::Broken => SpoolFault::Broken,
    }
}
