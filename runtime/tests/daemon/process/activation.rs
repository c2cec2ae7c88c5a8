//! Sockets from systemd, and the words to it. A shell stands in for systemd: it puts the sockets at their numbers.

use super::eventually;
use crate::client::Client;
use crate::server::{PATIENCE, PROGRAM, Server, postoffice};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program with two sockets and their names, as systemd would start it; its standard output is lost.
pub(super) fn activated(postoffice: &Path, sockets: [TcpListener; 2], names: &str, more: &[&str]) -> Child {
    let [first, second] = sockets.map(OwnedFd::from).map(Stdio::from);
    Command::new("sh")
        .args(["-c", r#"exec 3<&0 4<&1 0</dev/null 1>/dev/null; LISTEN_PID=$$ exec "$0" "$@""#, PROGRAM])
        .args(["--foreground", "--param", "localnames local.example", "-P"])
        .arg(postoffice)
        .args(more)
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", names)
        .stdin(first)
        .stdout(second)
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell")
}

pub(super) fn sockets() -> ([TcpListener; 2], [SocketAddr; 2]) {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let addresses = [0, 1].map(|index: usize| sockets[index].local_addr().expect("an address"));
    (sockets, addresses)
}

#[test]
fn sockets_that_were_passed_are_served_instead_of_the_default_ones() {
    let postoffice = postoffice();
    let (sockets, addresses) = sockets();
    // Clients may connect before the server is there.
    let early = std::thread::spawn(move || Client::connect(addresses[0]).reply().code);
    let mut server = activated(postoffice.path(), sockets, "smtp:smtpserver.socket", &["-p", "1"]);
    assert_eq!(early.join().expect("no panic"), 220);
    for address in addresses {
        let mut client = Client::connect(address);
        assert_eq!(client.reply().code, 220);
        assert_eq!(client.ask("EHLO client.example").code, 250);
        assert_eq!(client.data(b"Subject: x\r\n").code, 250);
    }
    crate::server::signal(server.id(), "TERM");
    assert_eq!(server.wait().expect("ours").code(), Some(0));
}

#[test]
fn an_address_that_is_wanted_is_taken_from_what_was_passed() {
    let postoffice = postoffice();
    let (sockets, addresses) = sockets();
    let wanted = addresses[1].to_string();
    let mut server = activated(postoffice.path(), sockets, "smtp:smtp", &["--listen", &wanted]);
    for address in addresses {
        assert_eq!(Client::connect(address).reply().code, 220);
    }
    crate::server::signal(server.id(), "TERM");
    assert_eq!(server.wait().expect("ours").code(), Some(0));
}

#[test]
fn a_socket_for_something_else_is_refused() {
    for (names, wanted) in [("smtp:http", "none of smtp"), ("smtps:smtp", "needs TLS")] {
        let postoffice = postoffice();
        let mut server = activated(postoffice.path(), sockets().0, names, &[]);
        let mut said = String::new();
        server.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(server.wait().expect("ours").code(), Some(2), "{said}");
        assert!(said.contains(wanted) && crate::server::is_one_reason(&said), "{said}");
    }
}

#[test]
fn sockets_that_were_meant_for_another_are_left_alone() {
    let postoffice = postoffice();
    let mut command = Command::new(PROGRAM);
    command.args(["--foreground", "-p", "0", "-P"]).arg(postoffice.path());
    let server = Server::run(command.env("LISTEN_PID", "1").env("LISTEN_FDS", "7"));
    assert_eq!(Client::connect(server.address).reply().code, 220);
}

/// The fields of the next datagram.
pub(super) fn word(socket: &UnixDatagram) -> BTreeMap<String, String> {
    let mut octets = [0; 4096];
    let length = socket.recv(&mut octets).expect("a word");
    let text = std::str::from_utf8(&octets[..length]).expect("text");
    text.lines()
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line:?} is no field")))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn the_service_manager_is_told_how_it_is() {
    let postoffice = postoffice();
    let path = postoffice.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = Command::new(PROGRAM);
    command.args(["--foreground", "-p", "0", "-P"]).arg(postoffice.path());
    let mut server = Server::run(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "40000"));
    let is =
        |word: &BTreeMap<String, String>, name: &str, value: &str| word.get(name).is_some_and(|v| v == value);
    let next = || loop {
        let word = word(&socket);
        if !is(&word, "WATCHDOG", "1") {
            return word;
        }
    };
    let ready = next();
    assert!(is(&ready, "READY", "1") && is(&ready, "MAINPID", &server.child.id().to_string()), "{ready:?}");
    // Twice in the time that is given, and again.
    for _ in 0..5 {
        assert!(is(&word(&socket), "WATCHDOG", "1"));
    }
    server.signal("HUP");
    let reloading = next();
    assert!(is(&reloading, "RELOADING", "1"), "{reloading:?}");
    assert!(reloading["MONOTONIC_USEC"].parse::<u64>().is_ok_and(|time| time > 0), "{reloading:?}");
    assert!(is(&next(), "READY", "1"));
    let idle = server.client();
    server.signal("TERM");
    let stopping = next();
    assert!(
        is(&stopping, "STOPPING", "1") && stopping["STATUS"].contains("1 session may end"),
        "{stopping:?}"
    );
    drop(idle);
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_server_that_does_not_run_says_nothing() {
    let postoffice = postoffice();
    let path = postoffice.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = Command::new(PROGRAM);
    command.args(["--foreground", "-p", "0", "-P"]).arg(postoffice.path());
    let server = Server::run(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "40000"));
    assert!(word(&socket).contains_key("READY"));
    server.signal("STOP");
    let stopped = || super::status(server.child.id(), "State").first().is_some_and(|state| state == "T");
    eventually("its stop", stopped);
    socket.set_nonblocking(true).expect("an option");
    let mut octets = [0; 4096];
    while socket.recv(&mut octets).is_ok() {}
    // Much longer than the time that is given.
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(socket.recv(&mut octets).is_err());
    server.signal("CONT");
    socket.set_nonblocking(false).expect("an option");
    assert!(word(&socket).contains_key("WATCHDOG"));
}

#[test]
fn the_unit_starts_what_can_be_started() {
    let unit = include_str!("../../../../dist/smtpserver.service");
    let line =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/sbin/smtpserver ")).expect("a line");
    let postoffice = postoffice();
    let words = line.replace("/var/spool/postoffice", &postoffice.path().to_string_lossy());
    assert_ne!(words, line);
    let mut command = Command::new("sh");
    let mut server = Server::run(command.args(["-c", &format!(r#"exec "$0" {words} -p 0"#), PROGRAM]));
    assert_eq!(Client::connect(server.address).reply().code, 220);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    // What systemd passes has a name that we know, and as many ports as there are families.
    let socket = include_str!("../../../../dist/smtpserver.socket");
    let with = |name: &str| socket.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((with("FileDescriptorName=smtp"), with("ListenStream=")), (1, 2));
}
