//! What the server counts, told to an operator: at the socket, and by Z-REPORT; and hosts.allow with hosts.deny.

use crate::client::Client;
use crate::server::{PATIENCE, PROGRAM, Server, output, postoffice, refusal};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("text")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a place to write");
    path.to_str().expect("text").to_owned()
}

/// What the server says of all sources, or of one.
fn told(postoffice: &Path, words: &[&str]) -> Vec<Value> {
    let place = postoffice.to_str().expect("text");
    let output = output(&[&["stats", "--json", "-P", place], words].concat());
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A server takes the socket's name a moment after it says that it listens.
fn wait_for(socket: &Path) {
    let pause = std::time::Duration::from_millis(10);
    let mut left = PATIENCE.as_millis() / pause.as_millis();
    while !socket.exists() {
        left = left.checked_sub(1).unwrap_or_else(|| panic!("{} does not come", socket.display()));
        std::thread::sleep(pause);
    }
}

/// One message from this client, which stays.
fn send(client: &mut Client) {
    assert_eq!(client.ask("MAIL FROM:<a@b.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<u@local.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<v@local.example>").code, 250);
    assert_eq!(client.ask("DATA").code, 354);
    client.send(b"Subject: x\r\n\r\nx\r\n");
    assert_eq!(client.ask(".").code, 250);
}

#[test]
fn an_operator_on_the_machine_asks_at_the_socket() {
    let spool = postoffice();
    let mut server = Server::start(spool.path(), &[]);
    let place = spool.path().to_str().expect("text");
    let socket = spool.path().join(".stats.smtpserver");
    wait_for(&socket);
    let nobody = output(&["stats", "-P", place]);
    assert_eq!(text(&nobody.stdout), "nothing is known of anybody\n");
    send(&mut server.session());
    let all = told(spool.path(), &["--dump"]);
    assert_eq!(all.len(), 1, "{all:?}");
    let known = &all[0];
    assert_eq!(
        (&known["key"], &known["mails"], &known["connects"]),
        (&"127.0.0.1".into(), &1.into(), &1.into())
    );
    assert_eq!((&known["messages"][0], &known["recipients"][0]), (&1.into(), &2.into()), "{known}");
    assert_eq!(told(spool.path(), &["127.0.0.1"])[0]["mails"], 1);
    assert_eq!(told(spool.path(), &["192.0.2.1"])[0]["age"], Value::Null, "of him nothing is known");
    assert_eq!(told(spool.path(), &["--user", "ann"])[0]["mails"], 0);
    let table = text(&output(&["stats", "-P", place]).stdout);
    assert!(table.lines().nth(1).is_some_and(|line| line.starts_with("127.0.0.1 ")), "{table}");

    let mode = std::fs::metadata(&socket).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Whoever takes over takes the name over, and what the other leaves is his.
    let mut successor = Server::start(spool.path(), &["--replace"]);
    server.end();
    wait_for(&socket);
    assert_eq!(told(spool.path(), &["127.0.0.1"]).len(), 1);
    successor.signal("TERM");
    assert!(successor.end().success());
    assert!(!socket.exists());
    assert!(refusal(&["stats", "-P", place]).contains("no server answers"), "it is gone");
    let off = Server::start(spool.path(), &["--param", "stats-socket off"]);
    assert!(!socket.exists());
    drop(off);
    assert!(refusal(&["stats", "--param", "stats-socket off"]).contains("stats-socket is off"));
    let unfit =
        output(&["--foreground", "-P", place, "-p", "0", "--param", "stats-socket /no/such/folder/s"]);
    assert_eq!(unfit.status.code(), Some(2));
    assert!(text(&unfit.stderr).contains("at /no/such/folder/s: "), "{unfit:?}");
}

#[test]
fn an_operator_elsewhere_asks_by_z_report() {
    let folder = postoffice();
    let auth = write(folder.path(), "scheduler.auth", "ann:pencil:SMTPIP:[127.0.0.0]/8\nbob:paper:QQ:\n");
    std::fs::set_permissions(&auth, PermissionsExt::from_mode(0o600)).expect("ours");
    let spool = postoffice();
    let param = format!("report-auth-file {auth}");
    let log = write(folder.path(), "session.log", "");
    let more = ["--param", &param, "-l", &log, "--param", "DEBUGcmd", "--param", "auth-failrate 4"];
    let mut server = Server::start(spool.path(), &more);
    wait_for(&spool.path().join(".stats.smtpserver"));
    let mut client = server.session();
    send(&mut client);
    let reply = client.ask("Z-REPORT ann pencil IP 127.0.0.1");
    assert_eq!(reply.code, 200);
    assert!(reply.text.starts_with("Slot-ages: "), "{}", reply.text);
    assert!(reply.text.contains("\nSlot-IPv4-data: 1 0 0 0 0 0 0 0 0 MAILs: 1 "), "{}", reply.text);
    let reply = client.ask("z-report ann pencil dump");
    assert_eq!((reply.code, reply.text.lines().count()), (200, 3), "{}", reply.text);
    assert!(reply.text.starts_with("DUMP BEGINS; cnt=1 ") && reply.text.ends_with("\nDUMP ENDS; cnt=1"));
    let unknown = client.ask("FOO");
    for command in
        ["Z-REPORT ann wrong DUMP", "Z-REPORT bob paper DUMP", "Z-REPORT ann pencil ALL", "Z-REPORT"]
    {
        assert_eq!(client.ask(command), unknown, "{command}");
    }
    assert_eq!(client.ask("Z-IDENT").code, 200);
    assert_eq!(told(spool.path(), &[])[0]["auth_failures"], 2, "those who knew how to ask");
    // Too many failures: from here on the right password is as good as a wrong one.
    let mut guesser = server.session();
    for number in 0..3 {
        assert_eq!(guesser.ask(&format!("Z-REPORT ann guess{number} DUMP")).code, 500);
    }
    assert_eq!(guesser.ask("Z-REPORT ann pencil DUMP").code, 500);
    server.signal("TERM");
    server.end();
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("Z-REPORT ...") && !log.contains("pencil") && !log.contains("guess"), "{log}");
}

/// A client that comes from another address of this machine.
fn from(local: [u8; 4], server: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(IpAddr::V4(Ipv4Addr::from(local)), 0).into()).expect("all of 127/8 is ours");
    socket.connect(&server.into()).expect("it listens");
    Client::over(socket.into())
}

#[test]
fn hosts_allow_and_hosts_deny_are_heeded_and_read_anew() {
    let folder = postoffice();
    let allow = write(folder.path(), "hosts.allow", "smtp-receiver: 127.0.0.1\nsshd: @admins\n");
    let deny = write(folder.path(), "hosts.deny", "ALL: ALL@ALL\n");
    let spool = postoffice();
    let conf = format!("PARAM use-tcp-wrapper {allow} {deny}\nPARAM BindSmtp 127.0.0.1 0\n");
    let conf = write(folder.path(), "smtpserver.conf", &conf);
    let check = |wanted: i32| {
        let output =
            Command::new(PROGRAM).args(["check-config", "-C", &conf, "-P"]).arg(spool.path()).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(wanted), "{output:?}");
        text(&output.stderr)
    };
    check(0);
    let mut command = Command::new(PROGRAM);
    command.args(["--foreground", "-C", &conf, "-P"]).arg(spool.path());
    let server = Server::run(&mut command);
    drop(server.session());
    let mut other = from([127, 0, 0, 2], server.address);
    assert_eq!(other.reply().code, 421);
    assert!(other.is_closed());
    // What is wrong changes nothing; what is right holds from now on.
    write(folder.path(), "hosts.allow", "smtp-receiver: 127.0.0.2 joe@127.0.0.1\n");
    assert!(check(2).contains("hosts.allow:1:26: joe@127.0.0.1: users"), "told with its place");
    server.signal("HUP");
    server.wait_for("joe@127.0.0.1");
    assert_eq!(from([127, 0, 0, 2], server.address).reply().code, 421);
    write(folder.path(), "hosts.allow", "smtp-receiver: 127.0.0.2\n");
    server.signal("HUP");
    server.wait_for("the new configuration holds");
    assert_eq!(from([127, 0, 0, 2], server.address).reply().code, 220);
    assert_eq!(from([127, 0, 0, 1], server.address).reply().code, 421);
}
