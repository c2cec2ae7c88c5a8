//! A disk that keeps what is durable and what is pending apart, and loses the pending part when the power is cut: any
//! part of it, not always all. It knows files and names, not messages.
//!
//! Why not turmoil's own file system: its faults are fixed when the world is built, so nothing can heal; it has no
//! inode numbers, which spool ids are made of; and it knows files by path alone, so a name that became durable before
//! its octets cannot happen there, and that is what a forgotten sync looks like.

use crate::dice::Dice;
use smtpserver_core::spool::{SpoolFault, Stored};
use std::collections::BTreeMap;
use std::time::Duration;

/// Octets that reach the disk together or not at all.
const SECTOR: usize = 512;
/// Before 2001 there were no such files, so a time of zero would look like a defect.
const FIRST_SECOND: i64 = 1_795_392_000;

/// A directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dir {
    /// Unfinished messages.
    Public,
    /// Whole messages: what the router sees.
    Router,
}

type Name = (Dir, String);

/// What goes wrong at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// No octet can be added.
    pub(crate) full: bool,
    /// Of so many writes one fails; 0 for none.
    pub(crate) write_fails_once_in: u64,
    /// Of so many syncs, of files or of the directory, one fails; 0 for none.
    pub(crate) sync_fails_once_in: u64,
}

/// Defects that are put in on purpose, to see that they are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plants {
    /// Files are not synced.
    pub(crate) no_file_sync: bool,
    /// The router's directory is not synced.
    pub(crate) no_directory_sync: bool,
    /// Where order is kept, files get their names before their octets were written out.
    pub(crate) no_push: bool,
}

#[derive(Debug, Default)]
struct File {
    octets: Vec<u8>,
    /// So many of them are durable.
    durable: usize,
    changed: Duration,
}

/// A change of names. All its effects become durable together.
type Change = Vec<(Name, Option<u64>)>;

/// What is not durable yet.
#[derive(Clone, Debug)]
enum Pending {
    Names(Change),
    /// So many octets of a file have reached the device.
    Grown(u64, usize),
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Disk {
    files: BTreeMap<u64, File>,
    names: BTreeMap<Name, u64>,
    durable: BTreeMap<Name, u64>,
    /// In the order in which it happened.
    pending: Vec<Pending>,
    /// It becomes durable in that order.
    ordered: bool,
    inode: u64,
    dice: Dice,
    faults: Faults,
    plants: Plants,
    powered: bool,
}

impl Disk {
    /// An empty disk. Chance decides whether it keeps order, as ext4 and XFS do.
    pub(crate) fn new(mut dice: Dice, plants: Plants) -> Disk {
        Disk {
            ordered: dice.once_in(2),
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            inode: 100,
            dice,
            faults: Faults::default(),
            plants,
            powered: true,
        }
    }

    /// From now on this goes wrong, and nothing else.
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Makes an empty file in `Public`, and gives its inode number.
    pub(super) fn create(&mut self, now: Duration) -> Result<u64, SpoolFault> {
        self.ready(0)?;
        self.inode += 1;
        self.files.insert(self.inode, File { changed: now, ..File::default() });
        self.change(vec![((Dir::Public, temporary(self.inode)), Some(self.inode))]);
        Ok(self.inode)
    }

    /// Whether what was written out and the changes of names become durable in the order in which they happened.
    pub(super) fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Hands a file's octets to the device, where they are not durable yet.
    pub(super) fn push(&mut self, inode: u64) -> Result<(), SpoolFault> {
        if !self.powered || self.dice.once_in(self.faults.sync_fails_once_in) {
            return Err(SpoolFault::Broken);
        }
        if !self.plants.no_push {
            let octets = self.file(inode).octets.len();
            self.pending.push(Pending::Grown(inode, octets));
        }
        Ok(())
    }

    /// Adds octets at a file's end.
    pub(super) fn write(&mut self, inode: u64, octets: &[u8], now: Duration) -> Result<(), SpoolFault> {
        self.ready(self.faults.write_fails_once_in)?;
        let file = self.file(inode);
        file.octets.extend_from_slice(octets);
        file.changed = now;
        Ok(())
    }

    /// Makes a file's octets durable.
    pub(super) fn sync(&mut self, inode: u64) -> Result<(), SpoolFault> {
        if !self.powered || self.dice.once_in(self.faults.sync_fails_once_in) {
            return Err(SpoolFault::Broken);
        }
        if !self.plants.no_file_sync {
            let file = self.file(inode);
            file.durable = file.octets.len();
        }
        Ok(())
    }

    /// How a file is known from now on.
    pub(super) fn stored(&mut self, inode: u64) -> Stored {
        let changed = self.file(inode).changed;
        let seconds = i64::try_from(changed.as_secs()).expect("a world ends before that");
        Stored { inode, mtime_seconds: FIRST_SECOND + seconds, mtime_nanos: changed.subsec_nanos() }
    }

    /// Gives a file its name in `Router`.
    pub(super) fn publish(&mut self, inode: u64) -> Result<(), SpoolFault> {
        if !self.powered {
            return Err(SpoolFault::Broken);
        }
        self.change(vec![
            ((Dir::Public, temporary(inode)), None),
            ((Dir::Router, inode.to_string()), Some(inode)),
        ]);
        Ok(())
    }

    /// Makes all names of `Router` durable.
    pub(super) fn sync_router(&mut self) -> Result<(), SpoolFault> {
        if !self.powered || self.dice.once_in(self.faults.sync_fails_once_in) {
            return Err(SpoolFault::Broken);
        }
        if self.plants.no_directory_sync {
            return Ok(());
        }
        if self.ordered {
            while self.pending.iter().any(is_of_router) {
                self.commit_to(is_of_router);
            }
            return Ok(());
        }
        for pending in std::mem::take(&mut self.pending) {
            if is_of_router(&pending) {
                self.commit(pending);
            } else {
                self.pending.push(pending);
            }
        }
        Ok(())
    }

    /// Where order is kept: makes everything durable up to the first of these, if there is one.
    fn commit_to(&mut self, last: impl Fn(&Pending) -> bool) {
        let Some(index) = self.pending.iter().position(last) else { return };
        let rest = self.pending.split_off(index + 1);
        for pending in std::mem::replace(&mut self.pending, rest) {
            self.commit(pending);
        }
    }

    fn commit(&mut self, pending: Pending) {
        match pending {
            Pending::Names(change) => apply(&mut self.durable, change),
            Pending::Grown(inode, octets) => {
                if let Some(file) = self.files.get_mut(&inode) {
                    file.durable = file.durable.max(octets);
                }
            }
        }
    }

    /// Removes an unfinished file.
    pub(super) fn discard(&mut self, inode: u64) {
        if self.powered {
            self.change(vec![((Dir::Public, temporary(inode)), None)]);
        }
    }

    /// Removes a published file.
    pub(super) fn withdraw(&mut self, inode: u64) {
        if self.powered {
            self.change(vec![((Dir::Router, inode.to_string()), None)]);
        }
    }

    /// Removes all unfinished files, as a server does that starts. Returns how many there were.
    pub(super) fn tidy_up(&mut self) -> usize {
        let left = self.list(Dir::Public);
        for inode in &left {
            self.discard(*inode);
        }
        left.len()
    }

    /// The inode numbers of a directory's files, in order.
    pub(crate) fn list(&self, dir: Dir) -> Vec<u64> {
        self.names.iter().filter(|((its_dir, _), _)| *its_dir == dir).map(|(_, inode)| *inode).collect()
    }

    /// A file's octets.
    pub(crate) fn read(&self, inode: u64) -> &[u8] {
        &self.files[&inode].octets
    }

    /// Cuts the power: until it is back nothing reaches the disk any more.
    pub(crate) fn cut_power(&mut self) {
        self.powered = false;
    }

    /// The power is back: of what was pending, chance decides what survived. Either a journal kept the order of
    /// changes, or there was none; of octets that were not synced, whole sectors may be there, or zeros, or nothing.
    pub(crate) fn restore_power(&mut self) {
        self.powered = true;
        let pending = std::mem::take(&mut self.pending);
        let journal = self.ordered || self.dice.once_in(2);
        let kept = self.dice.between(0, u64::try_from(pending.len()).expect("few"));
        for (index, change) in (0_u64..).zip(pending) {
            let survives = if journal { index < kept } else { self.dice.once_in(2) };
            if survives {
                self.commit(change);
            }
        }
        self.names = self.durable.clone();
        for (inode, file) in &mut self.files {
            if !self.names.values().any(|named| named == inode) {
                continue;
            }
            let lost = file.octets.len() - file.durable;
            let sectors = u64::try_from(lost / SECTOR).expect("small files");
            let whole = usize::try_from(self.dice.between(0, sectors)).expect("few") * SECTOR;
            if self.dice.once_in(3) {
                // The file had its length before it had its octets.
                file.octets[file.durable + whole..].fill(0);
            } else {
                file.octets.truncate(file.durable + whole);
            }
            file.durable = file.octets.len();
        }
        let names = &self.names;
        self.files.retain(|inode, _| names.values().any(|named| named == inode));
    }

    fn ready(&mut self, fails_once_in: u64) -> Result<(), SpoolFault> {
        if !self.powered || self.dice.once_in(fails_once_in) {
            return Err(SpoolFault::Broken);
        }
        if self.faults.full { Err(SpoolFault::Full) } else { Ok(()) }
    }

    fn file(&mut self, inode: u64) -> &mut File {
        self.files.get_mut(&inode).expect("whoever has a file's number keeps the file")
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, change.clone());
        self.pending.push(Pending::Names(change));
    }
}

fn is_of_router(pending: &Pending) -> bool {
    match pending {
        Pending::Names(change) => change.iter().any(|((dir, _), _)| *dir == Dir::Router),
        Pending::Grown(..) => false,
    }
}

fn temporary(inode: u64) -> String {
    format!("mx:7.{inode}")
}

fn apply(names: &mut BTreeMap<Name, u64>, change: Change) {
    for (name, inode) in change {
        match inode {
            Some(inode) => names.insert(name, inode),
            None => names.remove(&name),
        };
    }
}
