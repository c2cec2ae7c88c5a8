//! What goes wrong around the server: disks, directories, ports, options. It says what is wrong, keeps nothing
//! half-done, lives on, and works again when the fault is healed.

use crate::client::{Client, Reply};
use crate::server::{Server, output, postoffice, refusal, spool, wait_until};
use crate::spool::{Spool, files};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_router_directory_that_is_away_refuses_mail_until_it_is_back() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let spool = spool(&postoffice);
    let away = postoffice.path().join("elsewhere");
    let mut client = server.session();
    assert_eq!(client.data(b"Subject: before\r\n").code, 250);
    for directory in [&spool.router, &spool.public] {
        std::fs::rename(directory, &away).expect("renamed");
        for message in [b"Subject: during\r\n".to_vec(), b"a line\r\n".repeat(50_000)] {
            let reply = client.data(&message);
            assert_eq!((reply.code, &reply.text[..6]), (451, "4.3.0 "), "{reply:?}");
        }
        // Another in its place is as good as the old one.
        std::fs::create_dir(directory).expect("made");
        assert_eq!(client.data(b"Subject: another\r\n").code, 250);
        files(directory).iter().for_each(|path| std::fs::remove_file(path).expect("removed"));
        std::fs::remove_dir(directory).expect("removed");
        std::fs::rename(&away, directory).expect("renamed");
        assert_eq!(client.data(b"Subject: after\r\n").code, 250);
    }
    wait_until("nothing is left", || files(&spool.public).is_empty());
    assert_eq!(spool.all().iter().filter(|stored| stored.message.starts_with(b"Subject: during")).count(), 0);
    assert_eq!(client.ask("QUIT").code, 221);
}

/// A file system of 3 MiB; unmounted when it is dropped.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None`, said loudly, where it cannot be had.
    fn mount() -> Option<SmallDisk> {
        let folder = postoffice();
        let mount =
            |options: &str| run("mount", &["-t", "tmpfs", "-o", options, "smtpserver-test"], folder.path());
        if !mount("size=3m") {
            crate::skipped("a full disk: no right to mount a small one");
            return None;
        }
        Some(SmallDisk { folder })
    }

    fn remount(&self, options: &str) {
        assert!(run("mount", &["-o", &format!("remount,{options}")], self.folder.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["-l"], self.folder.path());
    }
}

fn run(program: &str, args: &[&str], last: &Path) -> bool {
    Command::new(program).args(args).arg(last).output().is_ok_and(|output| output.status.success())
}

/// Sends a message again and again until the answer is `code`: free space is measured now and then only.
fn until(client: &mut Client, code: u16) {
    let mut last = 0;
    for _ in 0..100 {
        last = client.ask("MAIL FROM:<ann@client.example>").code;
        if last == 250 {
            assert_eq!(client.ask("RCPT TO:<bob@local.example>").code, 250);
            client.send(b"BDAT 8 LAST\r\na line\r\n");
            last = client.reply().code;
        }
        if last == code {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never {code}, but {last}");
}

#[test]
fn a_full_disk_and_a_read_only_one_are_survived() {
    let Some(disk) = SmallDisk::mount() else { return };
    // The pid file lies elsewhere: a file that is open for writing forbids to make its disk read-only.
    let elsewhere = postoffice();
    let pid_file = elsewhere.path().join("pid").to_string_lossy().into_owned();
    let options = ["--param", "min-availspace 1000", "-I", &pid_file];
    let server = Server::start(disk.folder.path(), &options);
    let spool = Spool::at(disk.folder.path());
    let mut client = server.session();
    assert_eq!(client.data(b"Subject: before\r\n").code, 250);

    // More than there is: the disk is full in the middle of the message.
    let huge = b"a line that fills the disk up, octet by octet, until it is full\r\n".repeat(80_000);
    for reply in [client.data(&huge), client.bdat(&huge, 1_000_003, "")] {
        assert_eq!((reply.code, &reply.text[..6]), (452, "4.3.1 "), "{reply:?}");
    }
    assert_eq!(client.ask("RSET").code, 250);
    // The removal is nobody's wait, so it is looked for with some patience.
    wait_until("the unfinished message is removed", || files(&spool.public).is_empty());
    assert_eq!(spool.all().len(), 1);

    // Less than must stay free: refused before the message is sent.
    std::fs::write(disk.folder.path().join("filler"), vec![0; 2_300_000]).expect("room for the filler");
    until(&mut client, 452);
    std::fs::remove_file(disk.folder.path().join("filler")).expect("removed");
    until(&mut client, 250);

    disk.remount("ro");
    let reply: Reply = client.data(b"Subject: read-only\r\n");
    assert_eq!((reply.code, &reply.text[..6]), (451, "4.3.0 "), "{reply:?}");
    disk.remount("rw");
    assert_eq!(client.data(b"Subject: after\r\n").code, 250);
    wait_until("nothing is left", || files(&spool.public).is_empty());
    assert_eq!(client.ask("QUIT").code, 221);
}

#[test]
fn a_port_in_use_is_named_with_its_holder() {
    let (one, other) = (postoffice(), postoffice());
    let server = Server::start(one.path(), &[]);
    let port = server.address.port().to_string();
    let line = refusal(&["-p", &port, "-P", &other.path().to_string_lossy()]);
    assert!(line.contains(&format!("port {port} is in use")), "{line}");
    assert!(line.contains(&format!("held by smtpserver (pid {})", server.child.id())), "{line}");
}

#[test]
fn a_second_server_for_the_same_spool_is_refused() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    // Greeted: the pid file is written.
    drop(server.client());
    let line = refusal(&["--foreground", "-p", "0", "-P", &postoffice.path().to_string_lossy()]);
    assert!(line.contains(&format!("already running as pid {}", server.child.id())), "{line}");
}

#[test]
fn what_cannot_work_is_said() {
    let postoffice = postoffice();
    let here = postoffice.path().to_string_lossy().into_owned();
    let file = postoffice.path().join("file");
    std::fs::write(&file, "").expect("written");
    let nowhere = postoffice.path().join("nowhere").to_string_lossy().into_owned();
    for (args, word) in [
        (&["-P", &nowhere][..], nowhere.as_str()),
        (&["-P", &file.to_string_lossy()], "file"),
        (&["-P", "/proc"], "/proc"),
        (&["-P", &here, "-l", &format!("{nowhere}/log")], "log"),
        (&["-P", &here, "-I", &format!("{nowhere}/pid")], "pid"),
        (&["-P", &here, "-p", "99999"], "99999"),
        (&["-P", &here, "--listen", "192.0.2.1"], "192.0.2.1"),
        (&["-P", &here, "--listen", "mail.example"], "mail.example"),
        (&["-P", &here, "--param", "maxsiez 1"], "maxsize"),
        (&["-P", &here, "--param", "maxsize -1"], "maxsize"),
        (&["--no-such-option"], "--no-such-option"),
        (&["demo", "--listen", "0.0.0.0:0"], "loopback"),
    ] {
        let line = refusal(args);
        assert!(line.contains(word), "{args:?}: {line}");
    }
}

#[test]
fn an_unknown_message_is_said_so() {
    let postoffice = postoffice();
    drop(Server::start(postoffice.path(), &[]));
    let output = output(&["spool", "show", "4711", "-P", &postoffice.path().to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no message 4711"));
}
