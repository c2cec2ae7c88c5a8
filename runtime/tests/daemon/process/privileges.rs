//! Started as root, the server becomes somebody who can do little, and does all its work all the same. These tests need
//! root, as the change is what they look at.

use super::{Daemon, eventually, is_ours, pid, status};
use crate::client::Client;
use crate::config::Site;
use crate::server::{Server, postoffice, refusal, signal, spool};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The user that every system has for this.
const USER: &str = "nobody";

/// The number of that user, and whether we may become it; otherwise says loudly that nothing was tested.
pub(super) fn user() -> Option<u32> {
    let own = Command::new("id").arg("-u").output().expect("id is installed");
    if own.stdout != b"0\n" {
        crate::skipped("the tests of privileges need root");
        return None;
    }
    let other = Command::new("id").args(["-u", USER]).output().expect("id is installed");
    Some(String::from_utf8(other.stdout).expect("text").trim().parse().expect("a number"))
}

/// A spool that is the user's.
pub(super) fn postoffice_of(uid: u32) -> TempDir {
    let postoffice = postoffice();
    chown(postoffice.path(), Some(uid), None).expect("root may");
    postoffice
}

const AS_USER: [&str; 2] = ["--param", "user nobody"];

pub(super) fn assert_powerless(pid: u32, uid: u32) {
    let uid = uid.to_string();
    assert_eq!(status(pid, "Uid"), vec![uid.clone(); 4]);
    assert!(status(pid, "Gid").iter().all(|gid| gid != "0"));
    assert_eq!(status(pid, "Groups"), Vec::<String>::new());
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(pid, set), ["0000000000000000"], "{set}");
    }
    assert_eq!(status(pid, "NoNewPrivs"), ["1"]);
    assert_eq!(status(pid, "Umask"), ["0022"]);
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives") {
        let status =
            std::fs::read_to_string(task.expect("a thread").path().join("status")).expect("it lives");
        assert!(status.lines().any(|line| line.starts_with("Uid:") && line.ends_with(&uid)), "{status}");
    }
}

#[test]
fn root_becomes_the_user_and_still_receives_rotates_and_is_replaced() {
    let Some(uid) = user() else { return };
    let postoffice = postoffice_of(uid);
    let logs = postoffice_of(uid);
    let log = logs.path().join("session.log");
    let more = [AS_USER[0], AS_USER[1], "-l", log.to_str().expect("text")];
    let daemon = Daemon::start(postoffice.path(), "0", &more);
    assert_powerless(daemon.pid, uid);

    let mut client = Client::connect(daemon.address);
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    let id = client.data(b"Subject: x\r\n").id();
    assert_eq!(spool(&postoffice).stored(&id).as_sent(), b"Subject: x\r\n");

    // The log is rotated, and made anew by the user.
    eventually("a log", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains(&id)));
    std::fs::rename(&log, logs.path().join("old")).expect("renamed");
    assert_eq!(client.ask("NOOP").code, 250);
    eventually("a new log", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("NOOP")));
    assert_eq!(log.metadata().expect("there").uid(), uid);

    let next = Daemon::start(postoffice.path(), &daemon.address.port().to_string(), &more);
    assert_eq!(next.address, daemon.address);
    assert_powerless(next.pid, uid);
    drop(client);
    eventually("the end of the old server", || !is_ours(daemon.pid));
    assert_eq!(pid(postoffice.path()), next.pid);
    // What it leaves behind says nothing wrong, though the file was root's.
    signal(next.pid, "TERM");
    eventually("its end", || !is_ours(next.pid));
    let pid_file = super::pid_file(postoffice.path());
    assert!(std::fs::read_to_string(pid_file).map_or(true, |text| text.is_empty()));
}

#[test]
fn what_is_missing_is_made_where_root_alone_has_a_hand() {
    let Some(uid) = user() else { return };
    let postoffice = postoffice();
    std::fs::set_permissions(postoffice.path(), std::fs::Permissions::from_mode(0o755)).expect("root may");
    let log = postoffice.path().join("session.log");
    let daemon =
        Daemon::start(postoffice.path(), "0", &[AS_USER[0], AS_USER[1], "-l", log.to_str().expect("text")]);
    for path in [&spool(&postoffice).public, &spool(&postoffice).router, &log] {
        assert_eq!(path.metadata().expect("made").uid(), uid, "{}", path.display());
    }
    let mut client = Client::connect(daemon.address);
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(client.data(b"Subject: x\r\n").code, 250);
}

#[test]
fn without_a_user_it_becomes_the_owner_of_the_spool() {
    let Some(uid) = user() else { return };
    let postoffice = postoffice_of(uid);
    let server = Server::start(postoffice.path(), &[]);
    assert_eq!(server.session().data(b"Subject: x\r\n").code, 250);
    assert_powerless(server.child.id(), uid);
}

#[test]
fn who_stays_root_is_told() {
    let Some(_) = user() else { return };
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    server.wait_for("stays root");
    assert_eq!(status(server.child.id(), "NoNewPrivs"), ["1"]);
    // Said by the operator, it need not be said to him.
    let mut server = Server::start(self::postoffice().path(), &["--param", "user root"]);
    drop(server.session());
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    assert!(server.lines.iter().all(|line| !line.contains("stays root")));
}

#[test]
fn a_spool_that_the_user_cannot_use_is_refused() {
    let Some(uid) = user() else { return };
    let postoffice = postoffice();
    std::fs::set_permissions(postoffice.path(), std::fs::Permissions::from_mode(0o700)).expect("root may");
    let path = postoffice.path().to_str().expect("text");
    let line = refusal(&["--foreground", "-p", "0", "-P", path, AS_USER[0], AS_USER[1]]);
    assert!(line.contains("cannot be used") && line.contains("as nobody, whom we become"), "{line}");
    chown(postoffice.path(), Some(uid), None).expect("root may");
    // A log that is root's is not written to, and not given away.
    let log = tempfile::NamedTempFile::new().expect("a file");
    let name = log.path().to_str().expect("text");
    let line = refusal(&["--foreground", "-p", "0", "-P", path, AS_USER[0], AS_USER[1], "-l", name]);
    assert!(line.contains("cannot be written"), "{line}");
    assert_eq!(log.as_file().metadata().expect("there").uid(), 0);
}

/// What a path of the file system is to a process: opened there, by the process, through a link in its spool. A session
/// log is the only file that an operator names and the server opens again while it runs.
fn log_reaches(target: &Path, postoffice: &TempDir, more: &[&str]) -> bool {
    let logs = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(logs.path(), std::fs::Permissions::from_mode(0o777)).expect("ours");
    let log = logs.path().join("session.log");
    let mut words = vec!["-l", log.to_str().expect("text")];
    words.extend(more);
    let server = Server::start(postoffice.path(), &words);
    let mut client = server.session();
    eventually("a log", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("EHLO")));
    // From here on what the server opens is what the link leads to.
    std::fs::remove_file(&log).expect("removed");
    std::os::unix::fs::symlink(target, &log).expect("made");
    assert_eq!(client.ask("NOOP marked").code, 250);
    assert_eq!(client.ask("QUIT").code, 221);
    let mut server = server;
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    std::fs::read_to_string(target).is_ok_and(|text| text.contains("NOOP marked"))
}

#[test]
fn files_outside_are_out_of_reach_even_for_root() {
    let Some(_) = user() else { return };
    let outside = tempfile::tempdir().expect("a folder");
    let target = outside.path().join("target");
    std::fs::write(&target, "").expect("written");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o666)).expect("ours");
    // Anybody may write there, by permission. The fence forbids it, even to root.
    let landlock = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let reached = log_reaches(&target, &postoffice(), &[]);
    if reached && !landlock.contains("landlock") {
        crate::skipped("this kernel has no Landlock");
        return;
    }
    assert!(!reached, "{}", target.display());
}

/// What a server says that is told to read, while it runs, a file for root alone.
fn told_to_read_shadow(site: &Site, head: &str) -> String {
    site.write(&format!("{head}PARAM BindSmtp [127.0.0.1] 0\n"));
    std::fs::set_permissions(site.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    let server = site.start();
    site.write(&format!("{head}PARAM BindSmtp [127.0.0.1] 0\nPARAM report-auth-file /etc/shadow\n"));
    server.signal("HUP");
    server.wait_for("/etc/shadow")
}

#[test]
fn whoever_serves_cannot_read_what_is_for_root_alone() {
    let Some(uid) = user() else { return };
    let site = Site::new("");
    chown(site.folder.path(), Some(uid), None).expect("root may");
    let said = told_to_read_shadow(&site, "PARAM user nobody\n");
    assert!(said.contains("cannot read /etc/shadow: Permission denied"), "{said}");
    // Even root is kept out, where there is a fence.
    let landlock = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let said = told_to_read_shadow(&Site::new(""), "PARAM user root\n");
    if !said.contains("Permission denied") && !landlock.contains("landlock") {
        return crate::skipped("this kernel has no Landlock");
    }
    assert!(said.contains("cannot read /etc/shadow: Permission denied"), "{said}");
}
