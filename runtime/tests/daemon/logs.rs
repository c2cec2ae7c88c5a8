//! Logs of the real program: files that are rotated under load, syslog, JSON, and places that take nothing.

use crate::client::Client;
use crate::server::{PATIENCE, Server, as_myself, postoffice, refusal, spool};
use serde_json::Value;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// The objects of a log of JSON, each of which must be whole and harmless.
fn objects(text: &str) -> Vec<Value> {
    let harmless = |line: &str| line.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    let object = |line: &str| {
        assert!(harmless(line), "{line:?}");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    text.lines().map(object).collect()
}

fn count(objects: &[Value], event: &str) -> usize {
    objects.iter().filter(|object| object["event"] == event).count()
}

/// Sends so many messages in one session.
fn send(address: SocketAddr, messages: usize) {
    let mut client = Client::connect(address);
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    for _ in 0..messages {
        assert_eq!(client.data(b"Subject: secret\r\n\r\nhush\r\n").code, 250);
    }
    assert_eq!(client.ask("QUIT").code, 221);
    assert!(client.is_closed());
}

#[test]
fn rotation_under_load_loses_no_line() {
    let postoffice = postoffice();
    let path = |name: &str| postoffice.path().join(name);
    let (dialogue, events) = (path("dialogue"), path("events"));
    let words = [&dialogue, &events].map(|path| path.to_string_lossy().into_owned());
    let options = ["-l", &words[0], "--log-file", &words[1], "--log-format", "json"];
    let mut server = Server::start(postoffice.path(), &options);
    let address = server.address;
    let done = AtomicBool::new(false);
    let mut rotations = 0;
    std::thread::scope(|scope| {
        let senders: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..10).for_each(|_| send(address, 5)))).collect();
        scope.spawn(|| {
            senders.into_iter().for_each(|sender| sender.join().expect("sent"));
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            rotations += 1;
            for log in [&dialogue, &events] {
                // Missing when nothing was written since the last time.
                let _ = std::fs::rename(log, log.with_extension(rotations.to_string()));
            }
            // Files are found again with and without it.
            if rotations % 2 == 0 {
                server.signal("HUP");
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let all = |log: &Path| -> String {
        let rotated = (1..=rotations).map(|number| log.with_extension(number.to_string()));
        rotated.chain([log.to_path_buf()]).filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    };
    let seen = objects(&all(&events));
    assert_eq!((count(&seen, "message_stored"), count(&seen, "closed")), (200, 40));
    let lines = all(&dialogue);
    let with = |words: &str| lines.lines().filter(|line| line.ends_with(words)).count();
    assert_eq!((with("r\tQUIT"), with("r\tDATA")), (40, 200));
    assert_eq!(lines.matches("lost").count() + lines.matches("hush").count(), 0);
    assert!(rotations > 2, "there was no time to rotate");
}

#[test]
fn json_has_all_that_is_known_and_nothing_that_harms() {
    let postoffice = postoffice();
    let mut server = Server::start(postoffice.path(), &["--log-file", "-", "--log-format", "json", "-vv"]);
    let mut client = server.session();
    client.send(b"MAIL FROM:<\"a\\\"b \\\\\"@client.example>\r\n");
    assert_eq!(client.reply().code, 250);
    assert_eq!(client.ask("RCPT TO:<x@elsewhere.example>").code, 550);
    assert_eq!(client.ask("RCPT TO:<bob@local.example>").code, 250);
    assert_eq!(client.ask("DATA").code, 354);
    client.send(b"Subject: x\r\n.\r\n");
    let id = client.reply().id();
    client.send(b"\x1b[2J\xff\xfe\x00 {\"event\":\"message_stored\"}\r\n");
    assert_eq!(client.reply().code, 500);
    assert_eq!(client.ask("QUIT").code, 221);
    assert!(client.is_closed());
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let lines: Vec<_> = server.lines.iter().filter(|line| line.starts_with('{')).collect();
    let seen = objects(&lines.join("\n"));
    let one = |event: &str| {
        assert_eq!(count(&seen, event), 1, "{event}");
        seen.iter().find(|object| object["event"] == event).expect("counted")
    };
    let (stored, closed) = (one("message_stored"), one("closed"));
    assert_eq!(stored["spool"], id);
    assert_eq!(stored["from"], "\"a\\\"b \\\\\"@client.example");
    assert_eq!(stored["to"], serde_json::json!(["bob@local.example"]));
    assert_eq!(stored["verdicts"], serde_json::json!(["RCPT:not-admitted"]));
    assert_eq!((&stored["recipients"], &stored["refused"]), (&1.into(), &1.into()));
    assert_eq!(stored["session"], closed["session"]);
    for key in ["envelope_ms", "data_ms", "store_ms"] {
        assert!(stored[key].as_f64().is_some_and(|time| time >= 0.0), "{key}");
    }
    assert_eq!(
        (&closed["why"], &closed["refused"], &closed["stored"]),
        (&"quit".into(), &2.into(), &1.into())
    );
    assert!(closed["last_refusal"].as_str().expect("a word").starts_with("-:"));
    assert_eq!(count(&seen, "refused"), 2);
    assert!(count(&seen, "heard") >= 7);
}

/// The datagrams up to the one with these words.
fn datagrams(syslog: &UnixDatagram, last: &str) -> Vec<String> {
    syslog.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut all = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let octets = syslog.recv(&mut buffer).unwrap_or_else(|error| panic!("{error} after {all:#?}"));
        all.push(String::from_utf8(buffer[..octets].to_vec()).expect("text"));
        if all.last().is_some_and(|line| line.contains(last)) {
            return all;
        }
    }
}

#[test]
fn syslog_and_a_file_have_the_same_dialogue_and_mail_goes_on_without_syslog() {
    let postoffice = postoffice();
    let (socket, file) = (postoffice.path().join("syslog"), postoffice.path().join("dialogue"));
    let syslog = UnixDatagram::bind(&socket).expect("a socket");
    let param = format!("syslog-socket {}", socket.display());
    let file_word = file.to_string_lossy().into_owned();
    let mut options = vec!["-l", "SYSLOG", "-l", &file_word, "--param", &param];
    let user = as_myself();
    options.extend(["--param", "syslog-format rfc5424", "--param", "syslog-facility local3"]);
    options.extend(["--param", &user]);
    let mut server = Server::start(postoffice.path(), &options);
    send(server.address, 1);
    let lines = datagrams(&syslog, " closed - ");
    // The header: local3 is 19, debug 7 and info 6.
    let head = format!(" smtpserver {} ", server.child.id());
    let dialogue: Vec<_> = lines.iter().filter(|line| line.starts_with("<159>1 ")).collect();
    let events: Vec<_> = lines.iter().filter(|line| line.starts_with("<158>1 ")).collect();
    assert_eq!(dialogue.len() + events.len(), lines.len(), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains(&head)), "{lines:#?}");
    assert!(events[0].contains(" message_stored - message_stored session="), "{events:#?}");
    assert!(dialogue.iter().any(|line| line.ends_with(" r DATA")), "{dialogue:#?}");

    // Nobody is there: mail does not mind, and what is missing is said.
    drop(syslog);
    std::fs::remove_file(&socket).expect("removed");
    send(server.address, 2);
    server.wait_for("has lost lines");
    let syslog = UnixDatagram::bind(&socket).expect("a socket");
    send(server.address, 1);
    let again = datagrams(&syslog, " closed - ");
    let lost = again.iter().find(|line| line.ends_with(" lines were lost")).expect("said so");
    assert!(lost.contains(" lines_lost - "), "{lost}");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));

    let written = std::fs::read_to_string(&file).expect("the file");
    let texts: Vec<_> = dialogue.iter().filter_map(|line| line.split_once(" - ")).collect();
    for ((_, text), line) in texts.iter().zip(written.lines()) {
        let (head, words) = line.split_once('\t').expect("a tab");
        let (head, letter) = head.split_at(head.len() - 1);
        assert_eq!(*text, format!("{head} {letter} {words}"));
    }
    assert_eq!(spool(&postoffice).all().len(), 4);
}

#[test]
fn a_letter_in_zenv_sends_events_and_no_dialogue_to_syslog() {
    let postoffice = postoffice();
    let (socket, zenv) = (postoffice.path().join("syslog"), postoffice.path().join("zmailer.conf"));
    let syslog = UnixDatagram::bind(&socket).expect("a socket");
    std::fs::write(&zenv, "SYSLOGFLG=rtS\n").expect("written");
    let param = format!("syslog-socket {}", socket.display());
    let zenv = zenv.to_string_lossy().into_owned();
    let server = Server::start(postoffice.path(), &["-Z", &zenv, "--param", &param, "--param", &as_myself()]);
    send(server.address, 1);
    let lines = datagrams(&syslog, "closed");
    // The facility mail is 2, info is 6.
    assert!(lines.iter().all(|line| line.starts_with("<22>")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("message_stored")), "{lines:#?}");
}

#[test]
fn a_full_disk_under_the_logs_stops_no_mail_and_is_counted() {
    let postoffice = postoffice();
    let options = ["--log-file", "/dev/full", "--param", "metrics 127.0.0.1:0", "--param", &as_myself()];
    let server = Server::start(postoffice.path(), &options);
    let metrics = crate::metrics::Page::of(&server);
    send(server.address, 3);
    // Three transactions and a session.
    metrics.wait_for("log_lines_lost_total{log=\"events\"}", 4);
    send(server.address, 1);
    metrics.wait_for("log_lines_lost_total{log=\"events\"}", 6);
    assert_eq!(spool(&postoffice).all().len(), 4);
}

#[test]
fn a_full_disk_under_the_session_log_is_said() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &["-l", "/dev/full"]);
    send(server.address, 1);
    let warning = server.wait_for("has lost lines");
    assert!(warning.contains("the session log /dev/full"), "{warning}");
    let mut client: Client = server.session();
    assert_eq!(client.ask("NOOP").code, 250);
}

#[test]
fn readers_that_are_asleep_hold_up_neither_mail_nor_the_end() {
    let postoffice = postoffice();
    let fifos = ["dialogue", "events"].map(|name| postoffice.path().join(name));
    let asleep = fifos.each_ref().map(|fifo| {
        assert!(Command::new("mkfifo").arg(fifo).status().expect("mkfifo").success());
        // For writing as well, or it would wait for the other end.
        std::fs::File::options().read(true).write(true).open(fifo).expect("a pipe")
    });
    let words = fifos.each_ref().map(|fifo| fifo.to_string_lossy().into_owned());
    let mut server = Server::start(postoffice.path(), &["-l", &words[0], "--log-file", &words[1]]);
    // Several times what a pipe holds.
    for _ in 0..5 {
        send(server.address, 100);
    }
    assert_eq!(spool(&postoffice).all().len(), 500);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    for mut pipe in asleep {
        let mut octets = [0; 1000];
        pipe.read_exact(&mut octets).expect("what there was room for");
        assert!(octets.iter().all(|octet| matches!(octet, b'\n' | b'\t' | b' '..=b'~')));
    }
}

#[test]
fn logs_that_cannot_be_are_refused() {
    let postoffice = postoffice();
    let here = postoffice.path().to_string_lossy().into_owned();
    let nowhere = format!("{here}/nowhere/log");
    for (args, word) in [
        (&["--log-file", nowhere.as_str()][..], "event log"),
        (&["--log-file", &here], "event log"),
        (&["-l", "a", "-l", "b"], "-l may name one file"),
        (&["--log-format", "xml"], "xml"),
        (&["--param", "syslog-format 5424"], "rfc5424"),
        (&["--param", "metrics 0.0.0.0:9125"], "loopback"),
        (&["--param", &format!("metrics unix:{here}")], "no socket"),
    ] {
        let args = [&["-P", &here, "-p", "0"], args].concat();
        let line = refusal(&args);
        assert!(line.contains(word), "{args:?}: {line}");
    }
}
