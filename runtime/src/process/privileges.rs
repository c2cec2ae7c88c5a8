//! Who the daemon is. Started as root it opens its ports, then becomes somebody else for good and sees to it that there
//! is no way back. Whatever is made or opened for that somebody is made so that nobody else can have a hand in it.

use nix::unistd::{Gid, Group, Uid, User, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::fs::Mode;
use rustix::thread::{CapabilitySet, CapabilitySets};
use smtpserver_core::config::RunAs;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::Path;

/// A user and a group that we can become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// The user, as it is called.
    pub(crate) name: String,
    uid: Uid,
    gid: Gid,
}

/// Whom we are to become, if we are to become anybody. Without a wish root becomes the owner of the spool directory.
pub(crate) fn account(wish: Option<&RunAs>, postoffice: &Path) -> Result<Option<Account>, String> {
    let own = Uid::effective();
    match wish {
        None if !own.is_root() => Ok(None),
        None => owner(postoffice),
        Some(wish) => {
            let account = named(wish)?;
            if account.uid == own {
                return Ok(None);
            }
            if !own.is_root() {
                return Err(format!("user {}: only root can become another user", wish.user));
            }
            Ok(Some(account))
        }
    }
}

/// Says whether whom we are to become is there.
pub(crate) fn exists(wish: Option<&RunAs>) -> Result<(), String> {
    wish.map_or(Ok(()), |wish| named(wish).map(drop))
}

/// The account of this name.
fn named(wish: &RunAs) -> Result<Account, String> {
    let fault = |error: nix::Error| format!("user {}: {error}", wish.user);
    let number = wish.user.parse().ok().map(Uid::from_raw);
    let user = match User::from_name(&wish.user).map_err(fault)? {
        Some(user) => user,
        None => number
            .map(User::from_uid)
            .transpose()
            .map_err(fault)?
            .flatten()
            .ok_or_else(|| format!("user {}: there is no such user", wish.user))?,
    };
    let gid = match &wish.group {
        None => user.gid,
        Some(name) => match Group::from_name(name).map_err(fault)? {
            Some(group) => group.gid,
            None => name
                .parse()
                .map(Gid::from_raw)
                .map_err(|_| format!("user {}:{name}: there is no such group", wish.user))?,
        },
    };
    Ok(Account { name: user.name, uid: user.uid, gid })
}

/// The owner of a folder, unless that is root.
fn owner(folder: &Path) -> Result<Option<Account>, String> {
    let fault = |why: &str| {
        format!("whom to become is not known: {}: {why}; set --param 'user NAME'", folder.display())
    };
    let uid = Uid::from_raw(folder.metadata().map_err(|error| fault(&error.to_string()))?.uid());
    if uid.is_root() {
        return Ok(None);
    }
    let user = User::from_uid(uid).map_err(|error| fault(&error.to_string()))?;
    let user = user.ok_or_else(|| fault(&format!("its owner {uid} has no account")))?;
    Ok(Some(Account { name: user.name, uid, gid: user.gid }))
}

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A folder.
    Folder,
    /// An empty file.
    File,
}

/// Makes something that is missing, for the account, where the account could not do so itself. Only where root alone
/// could have a hand in any part of the path: elsewhere it could be led to make things in foreign places.
pub(crate) fn provide(path: &Path, kind: Kind, account: &Account) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    // Whatever it is, it will be tried by the account itself.
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let above = std::path::absolute(path)?.parent().map(Path::canonicalize);
    let Some(Ok(above)) = above else { return Ok(()) };
    if !is_roots_alone(&above)? {
        return Ok(());
    }
    let path = above.join(name);
    let (uid, gid) = (Some(account.uid.as_raw()), Some(account.gid.as_raw()));
    match kind {
        Kind::Folder => {
            DirBuilder::new().mode(0o700).create(&path)?;
            lchown(&path, uid, gid)
        }
        Kind::File => {
            fchown(OpenOptions::new().append(true).create_new(true).mode(0o640).open(&path)?, uid, gid)
        }
    }
}

/// Whether nobody but root can make, remove or rename anything in this folder, or lead it or one above it elsewhere.
fn is_roots_alone(folder: &Path) -> io::Result<bool> {
    for above in folder.ancestors() {
        let stat = above.metadata()?;
        let (others_write, sticky) = (stat.mode() & 0o022 != 0, stat.mode() & 0o1000 != 0);
        // In a sticky folder nobody can touch what is root's; but names that are free are free for all.
        if stat.uid() != 0 || (others_write && (!sticky || above == folder)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Becomes the account, for good. There must be one thread only.
pub(crate) fn become_account(account: &Account) -> Result<(), String> {
    let Account { name, uid, gid } = account;
    let change = || -> nix::Result<bool> {
        setgroups(&[])?;
        setresgid(*gid, *gid, *gid)?;
        setresuid(*uid, *uid, *uid)?;
        let (users, groups) = (getresuid()?, getresgid()?);
        let changed = [users.real, users.effective, users.saved] == [*uid; 3]
            && [groups.real, groups.effective, groups.saved] == [*gid; 3]
            && getgroups()?.is_empty();
        let root = Uid::from_raw(0);
        Ok(changed && setresuid(root, root, root).is_err())
    };
    match change() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("cannot become {name}: the system leaves a way back")),
        Err(error) => Err(format!("cannot become {name}: {error}")),
    }
}

/// From here on what we make can be written by us alone. To be called before anything is made.
pub(crate) fn keep_others_out() {
    rustix::process::umask(Mode::from_raw_mode(0o022));
}

/// Gives up what an ordinary process does not need: programs that we start cannot get more rights than we have, and
/// whoever is not root has no capabilities.
pub(crate) fn give_up() -> Result<(), String> {
    let fault = |error: rustix::io::Errno| format!("cannot give up rights: {error}");
    rustix::thread::set_no_new_privs(true).map_err(fault)?;
    if Uid::effective().is_root() {
        return Ok(());
    }
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    if rustix::thread::capabilities(None).map_err(fault)? == none {
        return Ok(());
    }
    rustix::thread::set_capabilities(None, none).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn wish(user: &str, group: Option<&str>) -> RunAs {
        RunAs { user: user.into(), group: group.map(Into::into) }
    }

    #[test]
    fn accounts_are_found_by_name_and_by_number() {
        let root = named(&wish("root", None)).expect("everybody has it");
        assert_eq!((root.uid.as_raw(), root.gid.as_raw()), (0, 0));
        assert_eq!(named(&wish("0", Some("0"))), Ok(root));
        for (user, group, wanted) in
            [("nobody-at-all", None, "no such user"), ("root", Some("nobody-at-all"), "no such group")]
        {
            let refused = named(&wish(user, group)).expect_err("not there");
            assert!(refused.contains(wanted), "{refused}");
        }
        assert!(named(&wish("4294967290", None)).is_err());
    }

    #[test]
    fn whoever_is_somebody_already_becomes_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = Uid::effective().to_string();
        assert_eq!(account(Some(&wish(&own, None)), folder.path()), Ok(None));
        // The folder is ours: root stays root, everybody else stays who he is.
        assert_eq!(account(None, folder.path()), Ok(None));
    }

    #[test]
    fn nothing_is_made_where_others_have_a_hand_in_it() {
        if !Uid::effective().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let nobody = Account { name: "x".into(), uid: Uid::from_raw(65_534), gid: Gid::from_raw(65_534) };
        let made = |name: &str, kind| {
            let path = folder.path().join(name);
            provide(&path, kind, &nobody).expect("no error");
            path.symlink_metadata().ok().map(|stat| (stat.uid(), stat.mode() & 0o7777))
        };
        assert_eq!(made("folder", Kind::Folder), Some((65_534, 0o700)));
        assert_eq!(made("file", Kind::File), Some((65_534, 0o640)));
        // Below a folder that is the account's own, it can do so itself.
        assert_eq!(made("folder/below", Kind::File), None);
        std::os::unix::fs::symlink("folder", folder.path().join("link")).expect("made");
        assert_eq!(made("link/below", Kind::File), None);
        assert_eq!(made("link", Kind::File).map(|(uid, _)| uid), Some(0));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).expect("changed");
        assert_eq!(made("other", Kind::File), None);
    }
}
