//! Group commit: many sessions' drafts become durable with few waits for the disk. A machine without a timer:
//! the disk's own pace makes the groups. It touches no file; the hands sync and publish, and say so.
//!
//! A draft goes `Queued -> Syncing -> Synced -> Publishing` and then gets exactly one report. Syncs run side by
//! side up to a bound; so do a few publications, each with all drafts that were synced meanwhile. Whatever the hands do
//! in which order, a report of success comes after both: octets synced, name synced.

use super::Output;
use crate::limits::{BATCH_MAX, PUBLICATIONS_MAX};
use crate::peer::SessionId;
use crate::spool::{Report, SpoolFault, Stored};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// How far a draft has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Queued,
    Syncing,
    Synced,
    Publishing,
}

/// All drafts between the order to commit and the report. At most one for each session.
#[derive(Debug)]
pub struct Commits {
    parallel_max: u32,
    stages: BTreeMap<SessionId, Stage>,
    queued: VecDeque<SessionId>,
    syncing: u32,
    synced: VecDeque<(SessionId, Stored)>,
    /// What is being published, by the number of its publication.
    publications: BTreeMap<Publication, Vec<SessionId>>,
    next: u64,
}

/// Which of the publications under way: numbered from 0 in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publication(u64);

impl Commits {
    /// No drafts yet. `parallel_max` files are synced at the same moment, at least one.
    pub fn new(parallel_max: u32) -> Self {
        Commits {
            parallel_max: parallel_max.max(1),
            stages: BTreeMap::new(),
            queued: VecDeque::new(),
            syncing: 0,
            synced: VecDeque::new(),
            publications: BTreeMap::new(),
            next: 0,
        }
    }

    /// Another bound for the syncs that start from now on; those under way are not disturbed. A raised bound is
    /// used when the next draft is ordered or synced.
    pub fn set_parallel_max(&mut self, parallel_max: u32) {
        self.parallel_max = parallel_max.max(1);
    }

    /// A session's draft is complete and is to be committed.
    pub fn order(&mut self, session: SessionId, outputs: &mut VecDeque<Output>) {
        let before = self.stages.insert(session, Stage::Queued);
        assert!(before.is_none(), "a session has one draft at a time");
        self.queued.push_back(session);
        self.start_syncs(outputs);
    }

    /// The hands have synced a draft, or failed to. Ignored for a session whose draft is not being synced.
    pub fn synced(
        &mut self,
        session: SessionId,
        result: Result<Stored, SpoolFault>,
        outputs: &mut VecDeque<Output>,
    ) {
        if self.stages.get(&session) != Some(&Stage::Syncing) {
            return;
        }
        self.syncing -= 1;
        match result {
            Ok(stored) => {
                self.stages.insert(session, Stage::Synced);
                self.synced.push_back((session, stored));
            }
            Err(fault) => self.report(session, Report::Failed(fault), outputs),
        }
        self.start_syncs(outputs);
        self.start_publication(outputs);
    }

    /// The hands have carried out a publication. A draft of its batch that `results` does not name has failed; a
    /// session that is named and not in the batch is ignored; of two results the first counts. A publication that is
    /// not under way is ignored.
    pub fn published(
        &mut self,
        publication: Publication,
        results: Vec<(SessionId, Result<Stored, SpoolFault>)>,
        outputs: &mut VecDeque<Output>,
    ) {
        let mut named = BTreeMap::new();
        for (session, result) in results {
            named.entry(session).or_insert(result);
        }
        for session in self.publications.remove(&publication).unwrap_or_default() {
            let report = match named.remove(&session).unwrap_or(Err(SpoolFault::Broken)) {
                Ok(stored) => Report::Committed(stored),
                Err(fault) => Report::Failed(fault),
            };
            self.report(session, report, outputs);
        }
        self.start_publication(outputs);
    }

    /// Drafts between order and report.
    pub fn under_way(&self) -> usize {
        self.stages.len()
    }

    fn start_syncs(&mut self, outputs: &mut VecDeque<Output>) {
        while self.syncing < self.parallel_max {
            let Some(session) = self.queued.pop_front() else { return };
            self.syncing += 1;
            self.stages.insert(session, Stage::Syncing);
            outputs.push_back(Output::Sync(session));
        }
    }

    fn start_publication(&mut self, outputs: &mut VecDeque<Output>) {
        if self.publications.len() >= PUBLICATIONS_MAX || self.synced.is_empty() {
            return;
        }
        let batch: Vec<_> = self.synced.drain(..self.synced.len().min(BATCH_MAX)).collect();
        for (session, _) in &batch {
            self.stages.insert(*session, Stage::Publishing);
        }
        let publication = Publication(self.next);
        self.next += 1;
        self.publications.insert(publication, batch.iter().map(|(session, _)| *session).collect());
        outputs.push_back(Output::Publish(publication, batch));
    }

    fn report(&mut self, session: SessionId, report: Report, outputs: &mut VecDeque<Output>) {
        let stage = self.stages.remove(&session);
        assert!(stage.is_some(), "a draft is reported once");
        outputs.push_back(Output::Report(session, report));
    }
}

#[cfg(test)]
mod tests;
