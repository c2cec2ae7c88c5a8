//! A running server is replaced: nobody is refused, no connection and no message is lost, and a replacement that fails
//! changes nothing.

use super::{Daemon, command, eventually, is_ours, pid, pid_file};
use crate::client::Client;
use crate::server::{Server, postoffice, refusal, signal, spool};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const CLIENTS: usize = 8;
const REPLACEMENTS: usize = 5;

/// Sends one message over a connection of its own. A server that stops may say so between two commands (421), and then
/// the client comes again; anything else but success is a loss.
pub(super) fn send(address: SocketAddr, accepted: &AtomicU64, stopped: &AtomicU64) {
    let mut client = Client::connect(address);
    for (command, wanted) in [
        ("", 220),
        ("EHLO client.example\r\n", 250),
        ("MAIL FROM:<ann@client.example>\r\n", 250),
        ("RCPT TO:<bob@local.example>\r\n", 250),
        ("DATA\r\n", 354),
        ("Subject: x\r\n\r\nbody\r\n.\r\n", 250),
    ] {
        // Our octets may meet a connection that the server has ended already: what it said is there all the same.
        let _ = client.try_send(command.as_bytes());
        let reply = client.reply();
        if reply.code == 421 {
            stopped.fetch_add(1, Ordering::SeqCst);
            return;
        }
        assert_eq!(reply.code, wanted, "{reply:?}");
    }
    accepted.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn under_load_nobody_is_refused_and_nothing_is_lost() {
    let postoffice = postoffice();
    let mut daemon = Daemon::start(postoffice.path(), "0", &[]);
    let (address, port) = (daemon.address, daemon.address.port().to_string());
    let over = Arc::new(AtomicBool::new(false));
    let (accepted, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (over, accepted, stopped) = (over.clone(), accepted.clone(), stopped.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    send(address, &accepted, &stopped);
                }
            })
        })
        .collect();
    for _ in 0..REPLACEMENTS {
        let before = accepted.load(Ordering::SeqCst);
        eventually("mail", || accepted.load(Ordering::SeqCst) > before + 20);
        let next = Daemon::start(postoffice.path(), &port, &[]);
        assert_ne!(next.pid, daemon.pid);
        assert_eq!(next.address, address);
        eventually("the end of the old server", || !is_ours(daemon.pid));
        daemon = next;
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("no client was refused or cut off");
    }
    let stored = spool(&postoffice).all().len();
    assert_eq!(u64::try_from(stored).expect("small"), accepted.load(Ordering::SeqCst));
    assert!(stopped.load(Ordering::SeqCst) < accepted.load(Ordering::SeqCst));
    assert_eq!(pid(postoffice.path()), daemon.pid);
}

#[test]
fn a_message_under_way_is_finished_at_the_old_server() {
    let postoffice = postoffice();
    let daemon = Daemon::start(postoffice.path(), "0", &[]);
    let mut busy = Client::connect(daemon.address);
    assert_eq!(busy.reply().code, 220);
    busy.send(b"EHLO client.example\r\n");
    assert_eq!(busy.reply().code, 250);
    busy.open_transaction("");
    assert_eq!(busy.ask("DATA").code, 354);
    let next = Daemon::start(postoffice.path(), &daemon.address.port().to_string(), &[]);
    // The new one has the port and the pid file.
    let mut other = Client::connect(daemon.address);
    assert_eq!(other.reply().code, 220);
    assert!(is_ours(daemon.pid) && is_ours(next.pid));
    assert_eq!(pid(postoffice.path()), next.pid);
    busy.send(b"Subject: under way\r\n.\r\n");
    assert_eq!(busy.reply().code, 250);
    assert_eq!(busy.reply().code, 421);
    drop(busy);
    eventually("the end of the old server", || !is_ours(daemon.pid));
    // It has left the next one's files alone.
    assert_eq!(pid(postoffice.path()), next.pid);
    assert_eq!(other.ask("EHLO client.example").code, 250);
}

#[test]
fn a_replacement_that_cannot_start_changes_nothing() {
    let postoffice = postoffice();
    let daemon = Daemon::start(postoffice.path(), "0", &[]);
    let port = daemon.address.port().to_string();
    let mut client = Client::connect(daemon.address);
    assert_eq!(client.reply().code, 220);
    let output =
        command(postoffice.path(), &port, &["-l", "/no/such/folder/log"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(pid(postoffice.path()), daemon.pid);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(Client::connect(daemon.address).reply().code, 220);
}

#[test]
fn in_the_foreground_only_who_is_told_to_takes_over() {
    let postoffice = postoffice();
    let mut first = Server::start(postoffice.path(), &[]);
    let path = postoffice.path().to_str().expect("text");
    let line = refusal(&["--foreground", "-p", "0", "-P", path]);
    assert!(line.contains(&format!("already running as pid {}", first.child.id())), "{line}");
    let second = Server::start(postoffice.path(), &["--replace", "--listen", &first.address.to_string()]);
    assert_eq!(second.address, first.address);
    assert!(first.wait_for("goes on where we stop").contains(&second.child.id().to_string()));
    assert_eq!(first.end().code(), Some(0));
    // Whoever is greeted finds the pid file right.
    let mut client = second.session();
    assert_eq!(pid(postoffice.path()), second.child.id());
    assert_eq!(client.data(b"Subject: x\r\n").code, 250);
}

#[test]
fn a_server_that_still_drains_gives_its_place_up() {
    let postoffice = postoffice();
    let first = Server::start(postoffice.path(), &[]);
    let mut busy = first.session();
    busy.open_transaction("");
    assert_eq!(busy.ask("DATA").code, 354);
    first.signal("TERM");
    first.wait_for("stopping");
    let next = Daemon::start(postoffice.path(), &first.address.port().to_string(), &[]);
    assert_eq!(Client::connect(next.address).reply().code, 220);
    busy.send(b"Subject: under way\r\n.\r\n");
    assert_eq!(busy.reply().code, 250);
}

/// A process that holds the lock of the pid file and is no server.
fn holder(postoffice: &std::path::Path, says: impl FnOnce(u32) -> u32) -> Child {
    let path = pid_file(postoffice);
    std::fs::write(&path, "").expect("written");
    let mut child = Command::new("flock")
        .arg("--close")
        .arg(&path)
        .args(["sh", "-c", "echo held; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flock is installed");
    let mut held = [0; 5];
    std::io::Read::read_exact(&mut child.stdout.take().expect("a pipe"), &mut held).expect("it says so");
    std::fs::write(path, format!("{}\n", says(child.id()))).expect("written");
    child
}

#[test]
fn a_server_that_does_not_answer_is_told_to_stop() {
    let postoffice = postoffice();
    let mut holder = holder(postoffice.path(), |pid| pid);
    let waited = std::thread::spawn({
        // It is reaped while it is waited for, as any daemon's parent would.
        move || {
            let input = holder.stdin.take();
            let status = holder.wait();
            drop(input);
            status
        }
    });
    let daemon = Daemon::start(postoffice.path(), "0", &[]);
    assert!(daemon.said.contains("does not hand over"), "{}", daemon.said);
    assert!(!waited.join().expect("no panic").expect("ours").success());
    assert_eq!(Client::connect(daemon.address).reply().code, 220);
}

#[test]
fn whose_number_stands_in_the_file_is_not_enough_to_be_told() {
    let postoffice = postoffice();
    // The lock is the one's, the number the other's.
    let mut bystander = Command::new("sleep").arg("60").spawn().expect("sleep is installed");
    let mut holder = holder(postoffice.path(), |_| bystander.id());
    let output = command(postoffice.path(), "0", &[]).output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("not its own"), "{said}");
    assert!(bystander.try_wait().expect("ours").is_none() && holder.try_wait().expect("ours").is_none());
    for child in [&mut bystander, &mut holder] {
        child.kill().and_then(|()| child.wait()).expect("ended");
    }
}

#[test]
fn what_speaks_otherwise_at_the_socket_is_not_trusted() {
    let postoffice = postoffice();
    let mut bystander = Command::new("sleep").arg("60").spawn().expect("sleep is installed");
    let mut holder = holder(postoffice.path(), |_| bystander.id());
    let listener = UnixListener::bind(postoffice.path().join(".pid.smtpserver.takeover")).expect("a place");
    let liar = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("asked");
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n").expect("sent");
    });
    let output = command(postoffice.path(), "0", &[]).output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("speaks otherwise"), "{said}");
    liar.join().expect("no panic");
    for child in [&mut bystander, &mut holder] {
        child.kill().and_then(|()| child.wait()).expect("ended");
    }
}

#[test]
fn what_a_killed_server_left_is_in_nobodys_way() {
    let postoffice = postoffice();
    let first = Daemon::start(postoffice.path(), "0", &[]);
    signal(first.pid, "KILL");
    eventually("its end", || !is_ours(first.pid));
    let second = Daemon::start(postoffice.path(), &first.address.port().to_string(), &[]);
    let third = Daemon::start(postoffice.path(), &first.address.port().to_string(), &[]);
    assert_eq!(third.address, second.address);
    eventually("the end of the old server", || !is_ours(second.pid));
}
