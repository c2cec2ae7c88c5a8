//! The fence: from here on this process, and all that it starts, can reach only the files that it was configured to
//! use, whatever the permissions of others are. The kernel's Landlock does it; an older kernel does less, or nothing.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// What every server reads of its system: how many processors it may use, how busy the machine is, whether a file system
/// keeps order, and where names of
/// the net are looked up.
const READ_BY_ALL: [&str; 6] =
    ["/proc/self", "/proc/loadavg", "/proc/fs/ext4", "/sys/fs/cgroup", "/etc/resolv.conf", "/etc/hosts"];

/// The newest rights that we know of; a kernel that knows fewer gets those that it knows.
const NEWEST: ABI = ABI::V6;

/// What lies within the fence.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    writes: Vec<PathBuf>,
    reads: Vec<PathBuf>,
    sockets: Vec<PathBuf>,
}

impl Ground {
    /// This folder, with all that is in it, may be read, written, made and removed. Links to elsewhere lead nowhere.
    pub(crate) fn folder(&mut self, folder: &Path) {
        self.writes.push(folder.to_path_buf());
    }

    /// This file may be written, and others of its folder as well: it is made anew there after it was renamed. A
    /// device or a pipe is never made anew.
    pub(crate) fn log(&mut self, file: &Path) {
        let real = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        if real.metadata().is_ok_and(|stat| !stat.is_file()) {
            self.writes.push(real);
            return;
        }
        self.writes.extend(folders_of(file));
    }

    /// This file may be read, and others of its folder as well: it is another one after it was changed.
    pub(crate) fn source(&mut self, file: &Path) {
        self.reads.extend(folders_of(file));
    }

    /// The socket of this name may be made and removed.
    pub(crate) fn socket(&mut self, socket: &Path) {
        self.sockets.extend(folders_of(socket));
    }

    /// Puts the fence up. There must be one thread only. Returns what the kernel made of it.
    pub(crate) fn close(self) -> Result<Fence, String> {
        self.restrict().map_err(|error| format!("cannot restrict ourselves to our own files: {error}"))
    }

    fn restrict(self) -> Result<Fence, RulesetError> {
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let never = AccessFs::Execute | AccessFs::IoctlDev | AccessFs::MakeChar | AccessFs::MakeBlock;
        let write = AccessFs::from_all(NEWEST) & !never;
        let bind = AccessFs::MakeSock | AccessFs::RemoveFile;
        let status = Ruleset::default()
            // Messages are renamed from one directory to another. A kernel whose Landlock would forbid that cannot
            // fence us in at all.
            .set_compatibility(CompatLevel::SoftRequirement)
            .handle_access(AccessFs::Refer)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(READ_BY_ALL, read))?
            .add_rules(path_beneath_rules(&self.reads, read))?
            .add_rules(path_beneath_rules(&self.sockets, bind))?
            .add_rules(path_beneath_rules(&self.writes, write))?
            .restrict_self()?;
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Fence::Whole,
            RulesetStatus::PartiallyEnforced => Fence::Part,
            RulesetStatus::NotEnforced => Fence::None,
        })
    }
}

/// The folder of a file; and where the file is a link to elsewhere, the folder there as well.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let absolute = [file, &real].into_iter().flat_map(std::path::absolute);
    absolute.filter_map(|path| path.parent().map(Path::to_path_buf)).collect()
}

/// How much of the fence there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// All of it.
    Whole,
    /// What this kernel knows.
    Part,
    /// None: this kernel has no Landlock that serves, or it is switched off.
    None,
}

impl Fence {
    /// Says in the log what there is.
    pub(crate) fn tell(self) {
        match self {
            Fence::Whole => {
                tracing::debug!("only the spool and the configured files can be reached (Landlock)")
            }
            Fence::Part => {
                tracing::info!(
                    "this kernel knows a part of Landlock only: other files are less well protected"
                );
            }
            Fence::None => {
                tracing::warn!(
                    "this kernel has no Landlock that serves: only permissions protect other files from us"
                );
            }
        }
    }
}
