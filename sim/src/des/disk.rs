//! A disk that keeps its promises to the letter and not one more: what was not synced is pending, and a power cut
//! decides octet range by octet range, name by name, what of it is left. Contents and names are kept apart: a synced
//! file without a synced name is lost, a synced name of an unsynced file leads to an empty file, or to holes.
//!
//! A disk that keeps order promises one thing more, as ext4 and XFS do: what was written out and the changes of names
//! become durable in the order in which they happened. What was only written is not part of that.
//!
//! Files only grow, as a spool writes them. It knows two directories, `public` and `router`, and no paths.

use crate::dice::{Dice, Purpose};
use crate::trace::{Errno, Fingerprint, Found, Operation};
use std::collections::BTreeMap;

/// What a disk writes in one go: a power cut tears writes between such sectors, never inside one.
pub const SECTOR: usize = 512;

/// Which operations fail with an input/output error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failing {
    /// A write; part of it may have been taken.
    Write,
    /// The sync of a file: its pages are dropped, and the next sync would find nothing to do and say that all is well.
    Sync,
    /// The sync of the router's directory: its pending names stay pending.
    SyncRouter,
    /// The making of a file.
    Create,
    /// A rename.
    Rename,
}

#[derive(Debug, Default)]
struct File {
    octets: Vec<u8>,
    /// The first of them that are on the disk, but for `holes`.
    synced: usize,
    /// The first of them that the device has.
    pushed: usize,
    /// Ranges that the system believes to be on the disk, after a sync that failed.
    holes: Vec<(usize, usize)>,
    mtime: (i64, u32),
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Link(u64),
    Unlink(u64),
}

/// Names (which are inode numbers) as the running system sees them, and as they are on the disk.
#[derive(Debug, Default)]
struct Directory {
    seen: BTreeMap<u64, ()>,
    durable: BTreeMap<u64, ()>,
    /// Each with its place in the order of all changes.
    pending: Vec<(u64, Change)>,
}

impl Directory {
    fn change(&mut self, place: u64, change: Change) {
        Directory::apply(&mut self.seen, change);
        self.pending.push((place, change));
    }

    /// Everything before this place becomes durable.
    fn sync(&mut self, end: u64) {
        let later = self.pending.partition_point(|(place, _)| *place < end);
        for (_, change) in self.pending.drain(..later) {
            Directory::apply(&mut self.durable, change);
        }
    }

    /// What is pending is lost.
    fn forget(&mut self) {
        self.pending.clear();
        self.seen = self.durable.clone();
    }

    fn apply(names: &mut BTreeMap<u64, ()>, change: Change) {
        match change {
            Change::Link(inode) => names.insert(inode, ()),
            Change::Unlink(inode) => names.remove(&inode),
        };
    }

    /// What is left after a power cut: with a journal the first of the pending changes, without one any of them.
    fn lose(&mut self, dice: &mut Dice, journal: bool) {
        let pending = std::mem::take(&mut self.pending);
        let kept = usize::try_from(dice.below(u64::try_from(pending.len()).expect("few") + 1)).expect("few");
        for (index, (_, change)) in pending.into_iter().enumerate() {
            if if journal { index < kept } else { dice.chance(500) } {
                Directory::apply(&mut self.durable, change);
            }
        }
        self.seen = self.durable.clone();
    }
}

/// How much fits, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// As everybody can see.
    pub capacity: u64,
    /// As shows when it is reached.
    pub quota: u64,
}

/// In which order changes become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each name on its own.
    None,
    /// The names of a directory in order.
    Names,
    /// Names, and what was written out, in order.
    All,
}

/// The disk.
#[derive(Debug)]
pub struct Disk {
    files: BTreeMap<u64, File>,
    public: Directory,
    router: Directory,
    next_inode: u64,
    used: u64,
    room: Room,
    order: Order,
    /// How many changes there were, of names and of what was written out.
    changes: u64,
    /// What was written out, in order: the place among all changes, the file, and how many of its octets.
    grown: Vec<(u64, u64, usize)>,
    /// Every operation that writes fails.
    pub read_only: bool,
    /// Nothing more fits.
    pub full: bool,
    failing: BTreeMap<Failing, Vec<u64>>,
    done: u64,
    dice: Dice,
}

impl Disk {
    /// An empty disk. `failing` says which operations fail: the first of its kind that is the
    /// n-th of all or later.
    pub fn new(seed: u64, room: Room, order: Order, failing: &[(u64, Failing)]) -> Disk {
        let mut by_kind: BTreeMap<Failing, Vec<u64>> = BTreeMap::new();
        for (number, kind) in failing {
            by_kind.entry(*kind).or_default().push(*number);
        }
        by_kind.values_mut().for_each(|numbers| numbers.sort_unstable_by(|a, b| b.cmp(a)));
        Disk {
            files: BTreeMap::new(),
            public: Directory::default(),
            router: Directory::default(),
            next_inode: 1000,
            used: 0,
            room,
            order,
            changes: 0,
            grown: Vec::new(),
            read_only: false,
            full: false,
            failing: by_kind,
            done: 0,
            dice: Dice::new(seed, Purpose::Disk, 1),
        }
    }

    /// Operations so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// No fault is left, and there is room.
    pub fn heal(&mut self) {
        self.failing.clear();
        self.read_only = false;
        self.full = false;
        self.room = Room { capacity: u64::MAX, quota: u64::MAX };
    }

    /// The inode that the next file will have.
    pub fn fresh_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    /// Carries out an operation; `octets` are those of a write.
    pub fn carry_out(&mut self, operation: Operation, octets: &[u8], mtime: (i64, u32)) -> Result<(), Errno> {
        self.done += 1;
        match operation {
            Operation::Create(inode) => {
                self.writable(Failing::Create)?;
                self.files.insert(inode, File { mtime, ..File::default() });
                let place = self.place();
                self.public.change(place, Change::Link(inode));
            }
            Operation::Push(inode) => {
                let broken = self.fails(Failing::Sync);
                let place = self.place();
                let file = self.files.get_mut(&inode).ok_or(Errno::Missing)?;
                file.write_out(broken)?;
                self.grown.push((place, inode, file.pushed));
            }
            Operation::Write(inode, _) => {
                let broken = self.writable(Failing::Write);
                let most = self.room.capacity.min(self.room.quota);
                let free = if self.full { 0 } else { most.saturating_sub(self.used) };
                let taken = match broken {
                    Ok(()) => octets.len().min(usize::try_from(free).unwrap_or(usize::MAX)),
                    Err(Errno::Broken) => octets.len() / 2,
                    Err(Errno::Full | Errno::ReadOnly | Errno::Missing) => 0,
                };
                self.used += u64::try_from(taken).expect("a length fits");
                let file = self.files.get_mut(&inode).ok_or(Errno::Missing)?;
                file.octets.extend_from_slice(&octets[..taken]);
                file.mtime = mtime;
                broken?;
                if taken < octets.len() {
                    return Err(Errno::Full);
                }
            }
            Operation::Sync(inode) => {
                let broken = self.fails(Failing::Sync);
                let place = self.place();
                let file = self.files.get_mut(&inode).ok_or(Errno::Missing)?;
                let new = file.pushed < file.octets.len();
                file.write_out(broken)?;
                if self.order == Order::All {
                    if new {
                        self.grown.push((place, inode, file.pushed));
                    }
                    let last = self.grown.iter().rev().find(|(_, grown, _)| *grown == inode);
                    if let Some((place, ..)) = last.copied() {
                        self.commit(place + 1);
                    }
                } else {
                    file.synced = file.pushed;
                }
            }
            Operation::Rename(inode) => {
                self.writable(Failing::Rename)?;
                if !self.public.seen.contains_key(&inode) {
                    return Err(Errno::Missing);
                }
                let place = self.place();
                self.public.change(place, Change::Unlink(inode));
                self.router.change(place, Change::Link(inode));
            }
            Operation::SyncRouter => {
                if self.fails(Failing::SyncRouter) {
                    return Err(Errno::Broken);
                }
                match self.order {
                    Order::None => self.router.sync(u64::MAX),
                    Order::Names => {
                        self.router.sync(u64::MAX);
                        self.public.sync(u64::MAX);
                    }
                    Order::All => {
                        if let Some((place, _)) = self.router.pending.last() {
                            self.commit(place + 1);
                        }
                    }
                }
            }
            Operation::Remove(inode) => {
                self.may_write()?;
                let place = self.place();
                self.public.change(place, Change::Unlink(inode));
                self.forget_if_nameless(inode);
            }
            Operation::Withdraw(inode) => {
                self.may_write()?;
                let place = self.place();
                self.router.change(place, Change::Unlink(inode));
                self.forget_if_nameless(inode);
            }
            Operation::Measure => {}
        }
        Ok(())
    }

    /// Free space in kibibytes.
    pub fn free_kib(&self) -> u64 {
        if self.full { 0 } else { self.room.capacity.saturating_sub(self.used) / 1024 }
    }

    /// A file's octets, as whoever reads it finds them.
    pub fn octets(&self, inode: u64) -> &[u8] {
        self.files.get(&inode).map_or(&[], |file| &file.octets)
    }

    /// The time of a file's last change: seconds and nanoseconds.
    pub fn mtime(&self, inode: u64) -> (i64, u32) {
        self.files.get(&inode).map_or((0, 0), |file| file.mtime)
    }

    /// The power fails: pending sectors and names survive or not; the rest of the system forgets everything.
    pub fn power_cut(&mut self) {
        // Everything, nothing and some of it are different worlds: which one is drawn first.
        let survival = *self.dice.pick(&[0, 500, 1000]);
        if self.order == Order::All {
            let kept = self.dice.below(self.changes + 1);
            self.commit(kept);
            self.grown.clear();
            self.public.forget();
            self.router.forget();
        }
        for file in self.files.values_mut() {
            file.lose(&mut self.dice, survival);
        }
        let in_order = self.order != Order::None;
        self.public.lose(&mut self.dice, in_order);
        self.router.lose(&mut self.dice, in_order);
        let (public, router) = (&self.public.seen, &self.router.seen);
        self.files.retain(|inode, _| public.contains_key(inode) || router.contains_key(inode));
        self.used = self.files.values().map(|file| u64::try_from(file.octets.len()).expect("fits")).sum();
    }

    /// What an earlier process has left in `public` is removed, as a daemon does when it starts.
    pub fn tidy_up(&mut self) {
        if self.read_only {
            return;
        }
        let left: Vec<u64> = self.public.seen.keys().copied().collect();
        for inode in left {
            let place = self.place();
            self.public.change(place, Change::Unlink(inode));
            self.forget_if_nameless(inode);
        }
    }

    /// What a router would see.
    pub fn scan(&self) -> Vec<Found> {
        let found = |(inode, octets): (u64, &[u8])| Found {
            inode,
            length: u64::try_from(octets.len()).expect("a length fits"),
            digest: Fingerprint::of(octets),
        };
        self.published().map(found).collect()
    }

    /// Files in `router`, with what they hold.
    pub fn published(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.router.seen.keys().map(|inode| {
            (*inode, self.files.get(inode).map(|file| file.octets.as_slice()).unwrap_or_default())
        })
    }

    /// The files in `router`, taken off the disk.
    pub fn into_published(mut self) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let names = std::mem::take(&mut self.router.seen);
        names.into_keys().map(move |inode| {
            let octets = self.files.remove(&inode).map(|file| file.octets);
            (inode, octets.unwrap_or_default())
        })
    }

    /// Files in `public`.
    pub fn unfinished(&self) -> usize {
        self.public.seen.len()
    }

    /// The place of a change among all of them.
    fn place(&mut self) -> u64 {
        self.changes += 1;
        self.changes - 1
    }

    /// Where order is kept: all changes before this place become durable.
    fn commit(&mut self, end: u64) {
        self.public.sync(end);
        self.router.sync(end);
        let later = self.grown.partition_point(|(place, ..)| *place < end);
        for (_, inode, octets) in self.grown.drain(..later) {
            if let Some(file) = self.files.get_mut(&inode) {
                file.synced = file.synced.max(octets);
            }
        }
    }

    fn forget_if_nameless(&mut self, inode: u64) {
        let named = |directory: &Directory| {
            directory.seen.contains_key(&inode)
                || directory.durable.contains_key(&inode)
                || directory
                    .pending
                    .iter()
                    .any(|(_, change)| matches!(change, Change::Link(link) if *link == inode))
        };
        if !named(&self.public)
            && !named(&self.router)
            && let Some(file) = self.files.remove(&inode)
        {
            self.used = self.used.saturating_sub(u64::try_from(file.octets.len()).expect("a length fits"));
        }
    }

    fn may_write(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::ReadOnly) } else { Ok(()) }
    }

    fn writable(&mut self, kind: Failing) -> Result<(), Errno> {
        self.may_write()?;
        if self.fails(kind) { Err(Errno::Broken) } else { Ok(()) }
    }

    fn fails(&mut self, kind: Failing) -> bool {
        let Some(numbers) = self.failing.get_mut(&kind) else { return false };
        numbers.pop_if(|number| *number <= self.done).is_some()
    }
}

impl File {
    /// The device has all octets, or the system believes so.
    fn write_out(&mut self, broken: bool) -> Result<(), Errno> {
        if broken && self.pushed < self.octets.len() {
            self.holes.push((self.pushed, self.octets.len()));
        }
        self.pushed = self.octets.len();
        if broken { Err(Errno::Broken) } else { Ok(()) }
    }

    fn lose(&mut self, dice: &mut Dice, survival: u32) {
        for (start, end) in std::mem::take(&mut self.holes) {
            self.octets[start..end].fill(0);
        }
        let mut kept = self.synced;
        let mut start = self.synced;
        while start < self.octets.len() {
            let end = ((start / SECTOR + 1) * SECTOR).min(self.octets.len());
            if dice.chance(survival) {
                kept = end;
            } else {
                self.octets[start..end].fill(0);
            }
            start = end;
        }
        self.octets.truncate(kept);
        self.synced = kept;
        self.pushed = kept;
    }
}

#[cfg(test)]
mod tests;
