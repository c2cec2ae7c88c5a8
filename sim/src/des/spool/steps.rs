//! The steps of the spool's jobs: which operation of the disk comes next, and what follows from how it went.

use super::{DraftId, Job, JobId, PIECE, Publishing, Spool, Stage, Word, fault};
use crate::des::disk::Disk;
use crate::des::plant::Plant;
use crate::trace::{Errno, Operation};
use smtpserver_core::spool::{DraftPath, Stored};

impl Spool {
    /// Begins a job's next operation.
    pub(super) fn begin_operation(&mut self, id: JobId, job: Job, disk: &mut Disk) {
        let operation = match &job {
            Job::Write { draft, octets, .. } => match self.file_of(*draft) {
                Some(inode) => Operation::Write(inode, length(octets)),
                None => Operation::Create(disk.fresh_inode()),
            },
            Job::Finish { draft, left, stage, .. } => match (stage, self.file_of(*draft)) {
                (Stage::Write, Some(inode)) => Operation::Write(inode, length(left)),
                (Stage::Sync, Some(inode)) => Operation::Sync(inode),
                (Stage::Create | Stage::Write | Stage::Sync, _) => Operation::Create(disk.fresh_inode()),
            },
            Job::Publish(Publishing { batch, next, pushed, failed, .. }) => {
                match (failed.last(), batch.get(*next)) {
                    (Some(inode), _) => Operation::Withdraw(*inode),
                    (None, Some((_, _, Some(inode)))) if self.ordered && !pushed && !self.names_early() => {
                        Operation::Push(*inode)
                    }
                    (None, Some((_, _, Some(inode)))) => Operation::Rename(*inode),
                    // Without a file there is nothing to rename: it fails like one that is not there.
                    (None, Some((_, _, None))) => Operation::Rename(0),
                    (None, None) => Operation::SyncRouter,
                }
            }
            Job::Remove { inode } => Operation::Remove(*inode),
            Job::Measure => Operation::Measure,
        };
        self.jobs.insert(id, (job, operation));
        self.started.push((id, operation));
    }

    fn file_of(&self, draft: DraftId) -> Option<u64> {
        self.drafts.get(&draft).and_then(|draft| draft.file)
    }

    /// What a job does after an operation; `None` when it is over.
    pub(super) fn next_step(
        &mut self,
        job: Job,
        operation: Operation,
        result: Result<(), Errno>,
        disk: &Disk,
    ) -> Option<Job> {
        match job {
            Job::Write { draft, octets, shows } => {
                self.after_writing(draft, (octets, shows), operation, result)
            }
            Job::Finish { session, draft, left, stage } => {
                self.keep_file(draft, operation, result);
                if let Err(errno) = result {
                    self.synced(session, draft, Err(fault(errno)));
                    return None;
                }
                let Some(next) = self.after(stage) else {
                    let inode = self.file_of(draft).expect("it was written");
                    let (mtime_seconds, mtime_nanos) = disk.mtime(inode);
                    self.synced(session, draft, Ok(Stored { inode, mtime_seconds, mtime_nanos }));
                    return None;
                };
                let left = if stage == Stage::Write { Vec::new() } else { left };
                Some(Job::Finish { session, draft, left, stage: next })
            }
            Job::Publish(publishing) => self.after_publishing(publishing, operation, result),
            Job::Remove { .. } => None,
            Job::Measure => {
                self.words.push_back(Word::Measured(Some(disk.free_kib())));
                None
            }
        }
    }

    /// What comes after a stage of a draft that is finished.
    fn after(&self, stage: Stage) -> Option<Stage> {
        let skipped = self.ordered || self.plant == Some(Plant::SkippedFsync);
        match stage {
            Stage::Create => Some(Stage::Write),
            Stage::Write => (!skipped).then_some(Stage::Sync),
            Stage::Sync => None,
        }
    }

    /// Files get their names before they are written out: the defect.
    fn names_early(&self) -> bool {
        matches!(self.plant, Some(Plant::SkippedFsync | Plant::EarlyName))
    }

    fn keep_file(&mut self, draft: DraftId, operation: Operation, result: Result<(), Errno>) {
        if let (Operation::Create(inode), Ok(()), Some(draft)) =
            (operation, result, self.drafts.get_mut(&draft))
        {
            draft.file = Some(inode);
        }
    }

    /// A file was made for a draft, or its octets were written into it.
    fn after_writing(
        &mut self,
        id: DraftId,
        (octets, shows): (Vec<u8>, bool),
        operation: Operation,
        result: Result<(), Errno>,
    ) -> Option<Job> {
        self.keep_file(id, operation, result);
        let draft = self.drafts.get_mut(&id).expect("its job is at work");
        let connection = draft.connection;
        match result {
            Ok(()) if matches!(operation, Operation::Create(_)) => {
                return Some(Job::Write { draft: id, octets, shows });
            }
            Ok(()) => {
                self.words.push_back(Word::Room(connection, id, octets.len()));
                if shows {
                    let inode = draft.file.expect("it was written to");
                    let path = DraftPath::new(&format!("public/{inode}")).expect("it is short");
                    self.words.push_back(Word::Shown(connection, id, path));
                } else if !draft.abandoned && draft.sync_for.is_none() && draft.pending.len() > PIECE {
                    let octets = std::mem::take(&mut draft.pending);
                    return Some(Job::Write { draft: id, octets, shows });
                }
            }
            Err(errno) => {
                draft.fault = Some(fault(errno));
                let dropped = octets.len() + std::mem::take(&mut draft.pending).len();
                self.words.push_back(Word::Room(connection, id, dropped));
                if draft.sync_for.is_none() {
                    self.words.push_back(Word::Lost(connection, id, fault(errno)));
                }
            }
        }
        self.rest(id);
        None
    }

    /// No job writes to this draft any more: whoever waited for that goes on.
    fn rest(&mut self, id: DraftId) {
        let draft = self.drafts.get_mut(&id).expect("its job was at work");
        draft.writing = false;
        if draft.sync_for.is_some() {
            self.finish(id);
        } else if draft.abandoned {
            self.abandon(id);
        } else if std::mem::take(&mut draft.show) {
            self.show(id);
        }
    }

    fn after_publishing(
        &mut self,
        mut publishing: Publishing,
        operation: Operation,
        result: Result<(), Errno>,
    ) -> Option<Job> {
        let Publishing { batch, next, pushed, results, failed, .. } = &mut publishing;
        match operation {
            Operation::Push(_) if result.is_ok() => {
                *pushed = true;
                return Some(Job::Publish(publishing));
            }
            Operation::Push(_) | Operation::Rename(_) => {
                *pushed = false;
                let (session, stored, file) = batch[*next];
                if let (Err(_), Some(inode)) = (result, file) {
                    self.submit(Job::Remove { inode });
                }
                results.push((session, result.map(|()| stored).map_err(fault)));
                *next += 1;
                if *next < batch.len() || results.iter().any(|(_, result)| result.is_ok()) {
                    return Some(Job::Publish(publishing));
                }
            }
            Operation::SyncRouter => {
                if let Err(errno) = result {
                    // The names are not safe, so they are not kept.
                    *failed = results.iter().filter_map(|(_, result)| result.ok()).map(|s| s.inode).collect();
                    failed.reverse();
                    results.iter_mut().for_each(|(_, result)| *result = Err(fault(errno)));
                }
            }
            Operation::Withdraw(_) => {
                failed.pop();
            }
            Operation::Create(_)
            | Operation::Write(..)
            | Operation::Sync(_)
            | Operation::Remove(_)
            | Operation::Measure => unreachable!("a publication does nothing of the kind"),
        }
        if !failed.is_empty() {
            return Some(Job::Publish(publishing));
        }
        self.published(publishing);
        None
    }
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).expect("a length fits")
}
