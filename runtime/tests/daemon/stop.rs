//! How the server stops: nobody new, a word to whoever waits, time for whoever is in the middle of a message.

use crate::server::{PATIENCE, PROGRAM, Server, postoffice, signal, spool};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn sessions_end_well_when_the_server_stops() {
    let postoffice = postoffice();
    let mut server = Server::start(postoffice.path(), &[]);
    let mut idle = server.session();
    let mut busy = server.session();
    busy.open_transaction("");
    assert_eq!(busy.ask("DATA").code, 354);
    busy.send(b"Subject: under way\r\n");
    server.signal("TERM");
    assert_eq!(idle.reply().code, 421);
    assert!(idle.is_closed());
    // By now the doors are closed.
    assert!(TcpStream::connect(server.address).is_err());
    busy.send(b"\r\nfinished\r\n.\r\n");
    let id = busy.reply().id();
    assert_eq!(busy.reply().code, 421);
    assert!(busy.is_closed());
    assert_eq!(server.end().code(), Some(0));
    assert_eq!(spool(&postoffice).stored(&id).as_sent(), b"Subject: under way\r\n\r\nfinished\r\n");
    assert!(!postoffice.path().join(".pid.smtpserver").exists());
}

#[test]
fn a_session_that_does_not_end_is_cut_off_in_time() {
    let postoffice = postoffice();
    let mut server = Server::start(postoffice.path(), &["--param", "timeout-drain 1"]);
    let mut busy = server.session();
    busy.open_transaction("");
    assert_eq!(busy.ask("DATA").code, 354);
    busy.send(&b"a line\r\n".repeat(20_000));
    server.signal("INT");
    assert_eq!(server.end().code(), Some(0));
    assert!(spool(&postoffice).is_empty());
}

#[test]
fn every_session_reads_why_it_is_cut_off_and_is_written_down() {
    let postoffice = postoffice();
    let mut server = Server::start(postoffice.path(), &["--param", "timeout-drain 1", "-v"]);
    let mut idle: Vec<_> = (0..8)
        .map(|_| {
            let mut client = server.session();
            client.open_transaction("");
            assert_eq!(client.ask("DATA").code, 354);
            client.send(b"Subject: never finished\r\n");
            client
        })
        .collect();
    server.signal("TERM");
    assert!(server.wait_for("stopping").contains("8 sessions may end, within 1s"));
    for client in &mut idle {
        assert_eq!(client.reply().code, 421);
        assert!(client.is_closed());
    }
    // Nobody hangs up: the server has to wait for that as long as it allows, and no longer.
    assert_eq!(server.end().code(), Some(0));
    drop(idle);
    let lines: Vec<_> = server.lines.iter().collect();
    let with = |words| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(with("transaction_cut"), 8, "{lines:#?}");
    assert_eq!(with(" closed session="), 8, "{lines:#?}");
    // Of each session, and of its transaction.
    assert_eq!(with("why=shutting-down"), 16, "{lines:#?}");
    assert_eq!(with("cut off"), 0, "{lines:#?}");
    assert!(spool(&postoffice).is_empty());
}

#[test]
fn a_daemon_that_will_be_heard_by_nobody_says_so_first() {
    let postoffice = postoffice();
    let output = Command::new(PROGRAM)
        .args(["-p", "0", "-P"])
        .arg(postoffice.path())
        .stdin(Stdio::null())
        .output()
        .expect("it starts and detaches");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("logs nothing: give -l FILE"), "{said}");
    let pid_file = postoffice.path().join(".pid.smtpserver");
    let address = said.lines().find_map(|line| line.strip_prefix("listening on ")).expect("an address");
    // Greeted: the pid in the file is the daemon's.
    let mut client = crate::client::Client::connect(address.parse().expect("an address"));
    assert_eq!(client.reply().code, 220);
    let pid = std::fs::read_to_string(&pid_file).expect("a pid file").trim().parse().expect("a pid");
    signal(pid, "TERM");
    assert_eq!(client.reply().code, 421);
    assert!(client.is_closed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let postoffice = postoffice();
    let mut server = Server::start(postoffice.path(), &[]);
    let mut busy = server.session();
    busy.open_transaction("");
    assert_eq!(busy.ask("DATA").code, 354);
    server.signal("TERM");
    server.wait_for("stopping");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(1));
}

#[test]
fn a_daemon_detaches_when_it_listens() {
    let postoffice = postoffice();
    let log = postoffice.path().join("session.log");
    let events = postoffice.path().join("events.log");
    let output = Command::new(PROGRAM)
        .args(["-p", "0", "--param", "localnames local.example", "-P"])
        .arg(postoffice.path())
        .arg("-l")
        .arg(&log)
        .arg("--log-file")
        .arg(&events)
        .stdin(Stdio::null())
        .output()
        .expect("it starts and detaches");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).expect("text");
    let address = said.lines().find_map(|line| line.strip_prefix("listening on ")).expect("an address");
    let mut client = crate::client::Client::connect(address.parse().expect("an address"));
    assert_eq!(client.reply().code, 220);
    let pid_file = postoffice.path().join(".pid.smtpserver");
    let pid: u32 = std::fs::read_to_string(&pid_file).expect("a pid file").trim().parse().expect("a pid");
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(client.data(b"Subject: detached\r\n").code, 250);
    signal(pid, "TERM");
    assert_eq!(client.reply().code, 421);
    drop(client);
    let step = Duration::from_millis(20);
    let gone = (0..PATIENCE.as_millis() / step.as_millis()).any(|_| {
        std::thread::sleep(step);
        !pid_file.exists()
    });
    assert!(gone, "the daemon {pid} did not end");
    let log = std::fs::read_to_string(log).expect("a session log");
    for words in
        ["#\tconnection from [127.0.0.1]:", "r\tEHLO client.example", "w\t250 2.0.0 message accepted as S"]
    {
        assert!(log.contains(words), "{words} is not in\n{log}");
    }
    assert!(!log.contains("detached"), "the log has a part of a message");
    let events = std::fs::read_to_string(events).expect("events");
    assert!(events.contains(" message_stored ") && events.contains(" closed "), "{events}");
}
