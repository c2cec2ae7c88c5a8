//! What a process that has given up its rights can still reach. The change cannot be taken back, so it is made in a
//! process of its own: this very program of tests, which is told to run one of them.

use super::fence::{Fence, Ground};
use super::privileges::{self, Account};
use smtpserver_core::config::RunAs;
use std::fs::{OpenOptions, Permissions, read, write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// The name of the variable that tells the test that it is the process to change.
const INSIDE: &str = "SMTPSERVER_TEST_INSIDE";

fn nobody() -> Option<Account> {
    let wish = RunAs { user: "nobody".into(), group: None };
    privileges::account(Some(&wish), Path::new("/")).ok().flatten()
}

#[test]
fn nothing_but_its_own_ground_can_be_reached() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    // Open to everybody: what keeps it out is not the permission.
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["spool", "elsewhere", "logs"] {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).expect("made");
        write(path.join("file"), "x").expect("written");
        std::fs::set_permissions(path.join("file"), Permissions::from_mode(0o666)).expect("ours");
        std::fs::set_permissions(&path, Permissions::from_mode(0o777)).expect("ours");
    }
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("ours");
    if nix::unistd::Uid::effective().is_root() {
        chown(folder.path().join("spool"), Some(65_534), None).expect("root may");
    }
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "process::tests::nothing_but_its_own_ground_can_be_reached", "--nocapture"])
        .env(INSIDE, folder.path())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn inside(folder: &Path) {
    let [spool, elsewhere, logs] = ["spool", "elsewhere", "logs"].map(|name| folder.join(name));
    if nix::unistd::Uid::effective().is_root() {
        assert!(read("/etc/shadow").is_ok(), "root could, up to here");
        let nobody = nobody().expect("every system has it");
        privileges::become_account(&nobody).expect("root may");
        assert!(nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).is_err());
        assert!(privileges::become_account(&nobody).is_err(), "it has no right any more to become anybody");
    }
    privileges::give_up().expect("everybody may");
    assert_eq!(rustix::thread::no_new_privs(), Ok(true));
    assert_eq!(
        rustix::thread::capabilities(None).expect("readable").permitted,
        rustix::thread::CapabilitySet::empty()
    );
    assert!(read(elsewhere.join("file")).is_ok(), "by permission it may");
    let mut ground = Ground::default();
    ground.folder(&spool);
    ground.log(&logs.join("file"));
    let fence = ground.close().expect("no error");

    assert!(read("/etc/shadow").is_err());
    assert!(read(spool.join("file")).is_ok());
    write(spool.join("new"), "x").expect("its own ground");
    std::fs::rename(spool.join("new"), spool.join("newer")).expect("its own ground");
    std::fs::remove_file(spool.join("newer")).expect("its own ground");
    std::fs::rename(logs.join("file"), logs.join("old")).expect("a log may be rotated");
    write(logs.join("file"), "x").expect("and be made anew");
    if fence == Fence::None {
        println!("SKIPPED: this kernel has no Landlock");
        return;
    }
    for path in [&elsewhere.join("file"), Path::new("/etc/passwd"), Path::new("/proc/1/status")] {
        assert!(read(path).is_err(), "{}", path.display());
    }
    assert!(OpenOptions::new().append(true).open(elsewhere.join("file")).is_err());
    assert!(write(elsewhere.join("new"), "x").is_err());
    assert!(std::fs::remove_file(elsewhere.join("file")).is_err());
    assert!(std::fs::rename(spool.join("file"), elsewhere.join("moved")).is_err());
    std::os::unix::fs::symlink(elsewhere.join("file"), spool.join("link")).expect("its own ground");
    assert!(read(spool.join("link")).is_err(), "a link leads nowhere");
    assert!(Command::new("/bin/true").status().is_err(), "no program can be started");
}
