//! It detaches when it serves, and not before; what keeps it from serving is said to whoever started it.

use super::{Daemon, command, eventually, is_ours, pid, pid_file};
use crate::client::Client;
use crate::server::{postoffice, signal};
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;

#[test]
fn when_the_caller_returns_the_daemon_is_there_and_on_its_own() {
    let postoffice = postoffice();
    let daemon = Daemon::start(postoffice.path(), "0", &[]);
    // No wait: the pid file is right already.
    assert_eq!(pid(postoffice.path()), daemon.pid);
    assert!(is_ours(daemon.pid));
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid)).expect("it lives");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_ascii_whitespace().collect();
    // Its own session, and no terminal.
    assert_eq!((fields[3], fields[4]), (daemon.pid.to_string().as_str(), "0"), "{stat}");
    let of = |name: &str| std::fs::read_link(format!("/proc/{}/{name}", daemon.pid)).expect("readable");
    for (name, wanted) in [("fd/0", "/dev/null"), ("fd/1", "/dev/null"), ("fd/2", "/dev/null"), ("cwd", "/")]
    {
        assert_eq!(of(name), std::path::Path::new(wanted), "{name}");
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid)).expect("readable");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    let files: Vec<&str> = files.split_ascii_whitespace().collect();
    assert_eq!(files[3], files[4], "the soft limit is the hard one");

    let mut client = Client::connect(daemon.address);
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(client.data(b"Subject: x\r\n").code, 250);
    let takeover = postoffice.path().join(".pid.smtpserver.takeover");
    assert!(takeover.metadata().expect("a socket").file_type().is_socket());
    signal(daemon.pid, "TERM");
    assert_eq!(client.reply().code, 421);
    drop(client);
    eventually("its end", || !is_ours(daemon.pid));
    assert!(!pid_file(postoffice.path()).exists() && !takeover.exists());
}

#[test]
fn an_error_at_the_start_is_shown_and_ends_with_its_code() {
    let postoffice = postoffice();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for (port, more, wanted) in [
        (port.as_str(), &[][..], "is in use"),
        ("0", &["--param", "nonsense"], "there is no parameter"),
        ("0", &["-l", "/no/such/folder/log"], "session log"),
        ("0", &["-I", "/dev/null"], "not a regular file"),
        ("0", &["--param", "user nobody-at-all"], "no such user"),
    ] {
        let output = command(postoffice.path(), port, more).output().expect("the program starts");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted) && crate::server::is_one_reason(&said), "{wanted}: {said}");
        assert!(!pid_file(postoffice.path()).exists());
        assert!(!postoffice.path().join(".pid.smtpserver.takeover").exists());
    }
}
