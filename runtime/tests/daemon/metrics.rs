//! The counters of the real program, read while mail flows: in the end they agree with what the clients did, exactly.

use crate::client::Client;
use crate::server::{PATIENCE, Server, postoffice, spool};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where a server shows its counters.
pub(crate) struct Page(SocketAddr);

impl Page {
    /// The page that a server has said to be at.
    pub(crate) fn said(line: &str) -> Page {
        let address = line.strip_prefix("metrics at http://").and_then(|rest| rest.strip_suffix("/metrics"));
        Page(address.expect("an address").parse().expect("an address"))
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0
    }

    /// The page of a server that was started with `metrics 127.0.0.1:0`.
    pub(crate) fn of(server: &Server) -> Page {
        Page::said(&server.wait_for("metrics at "))
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0).expect("open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// All numbers, by series, as they are now.
    pub(crate) fn read(&self) -> BTreeMap<String, f64> {
        numbers(&get(self.connect(), "/metrics"))
    }

    /// Waits until a series has this value.
    pub(crate) fn wait_for(&self, series: &str, value: u32) {
        let mut last = None;
        for _ in 0..1000 {
            last = self.read().get(series).copied();
            if last == Some(f64::from(value)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{series} is {last:?}, never {value}");
    }
}

fn get(mut stream: impl Read + Write, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("taken");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answered");
    text
}

/// The numbers of an answer, without their common prefix.
fn numbers(answer: &str) -> BTreeMap<String, f64> {
    let (head, page) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", page.len())), "{head}");
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let series = series.strip_prefix("smtpserver_").expect("our name");
        (series.to_string(), value.parse().expect("a number"))
    };
    page.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

/// What clients did, all together.
#[derive(Default)]
struct Done {
    sent: AtomicU64,
    received: AtomicU64,
}

/// One session, all at once: says `words`, and reads what comes until the server closes.
fn session(address: SocketAddr, words: &[u8], done: &Done) -> String {
    let mut stream = TcpStream::connect(address).expect("open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(words).expect("taken");
    stream.shutdown(Shutdown::Write).expect("connected");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answered");
    done.sent.fetch_add(words.len() as u64, Ordering::SeqCst);
    done.received.fetch_add(text.len() as u64, Ordering::SeqCst);
    text
}

const GROUP: &[u8] = b"MAIL FROM:<ann@client.example>\r\nRCPT TO:<x@elsewhere.example>\r\n\
    RCPT TO:<bob@local.example>\r\nDATA\r\nSubject: x\r\n\r\nbody\r\n.\r\n";

#[test]
fn numbers_add_up_while_mail_flows() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &["--param", "metrics 127.0.0.1:0"]);
    let (page, address) = (Page::of(&server), server.address);
    let done = Done::default();
    let (clients, sessions, messages) = (4, 5, 5);
    let words =
        [b"EHLO client.example\r\n", &GROUP.repeat(messages)[..], b"NOOP\r\nXYZZY\r\nQUIT\r\n"].concat();
    std::thread::scope(|scope| {
        let mail: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..sessions {
                        let text = session(address, &words, &done);
                        assert_eq!(text.matches("250 2.0.0 message accepted").count(), messages, "{text}");
                    }
                })
            })
            .collect();
        let mut before = page.read();
        while mail.iter().any(|client| !client.is_finished()) {
            let now = page.read();
            for (series, value) in before.iter().filter(|(series, _)| !series.ends_with("_open")) {
                assert!(now.get(series).is_some_and(|now| now >= value), "{series} went down");
            }
            before = now;
        }
    });
    page.wait_for("sessions_open", 0);
    let numbers = page.read();
    let sessions = clients * sessions;
    let messages = sessions * messages;
    let phase = |part: &str, phase: &str| format!("phase_seconds_{part}{{phase=\"{phase}\"}}");
    for (series, wanted) in [
        ("connections_total{fate=\"welcomed\"}".to_string(), sessions),
        ("connections_total{fate=\"dropped\",why=\"total\"}".into(), 0),
        ("sessions_total{why=\"quit\"}".into(), sessions),
        ("session_seconds_count".into(), sessions),
        ("commands_total{verb=\"EHLO\"}".into(), sessions),
        ("commands_total{verb=\"QUIT\"}".into(), sessions),
        ("commands_total{verb=\"NOOP\"}".into(), sessions),
        ("commands_total{verb=\"other\"}".into(), sessions),
        ("commands_total{verb=\"MAIL\"}".into(), messages),
        ("commands_total{verb=\"RCPT\"}".into(), 2 * messages),
        ("commands_total{verb=\"DATA\"}".into(), messages),
        ("commands_total{verb=\"BDAT\"}".into(), 0),
        ("replies_total{code=\"220\"}".into(), sessions),
        ("replies_total{code=\"221\"}".into(), sessions),
        ("replies_total{code=\"500\"}".into(), sessions),
        ("replies_total{code=\"354\"}".into(), messages),
        ("replies_total{code=\"550\"}".into(), messages),
        // EHLO and NOOP; MAIL, RCPT and the message.
        ("replies_total{code=\"250\"}".into(), 2 * sessions + 3 * messages),
        ("refusals_total{why=\"not-admitted\"}".into(), messages),
        ("refusals_total{why=\"unknown-verb\"}".into(), sessions),
        ("transactions_total{outcome=\"stored\"}".into(), messages),
        ("transactions_total{outcome=\"refused\"}".into(), 0),
        ("transactions_total{outcome=\"reset\"}".into(), 0),
        ("transactions_total{outcome=\"cut\"}".into(), 0),
        ("recipients_total{verdict=\"admitted\"}".into(), messages),
        ("recipients_total{verdict=\"refused\"}".into(), messages),
        ("stored_octets_total".into(), messages * "Subject: x\r\n\r\nbody\r\n".len()),
        (phase("count", "envelope"), messages),
        (phase("count", "store"), messages),
        ("spool_commit_seconds_count".into(), messages),
        ("spool_commit_seconds_bucket{le=\"+Inf\"}".into(), messages),
        ("spool_commits_failed_total".into(), 0),
        ("spool_sync_seconds_count".into(), messages),
        ("spool_batch_messages_sum".into(), messages),
        ("octets_total{direction=\"in\"}".into(), done.sent.load(Ordering::SeqCst) as usize),
        ("octets_total{direction=\"out\"}".into(), done.received.load(Ordering::SeqCst) as usize),
        ("log_lines_lost_total{log=\"events\"}".into(), 0),
        ("defects_total".into(), 0),
    ] {
        assert_eq!(numbers.get(&series).copied(), Some(wanted as f64), "{series} of {numbers:#?}");
    }
    assert_eq!(spool(&postoffice).all().len(), messages);
}

#[test]
fn connections_and_the_tarpit_are_seen_while_they_last() {
    let postoffice = postoffice();
    let params = ["metrics 127.0.0.1:0", "MaxSameIpSource 1", "tarpit 1 0 1"];
    let options: Vec<_> = params.iter().flat_map(|param| ["--param", param]).collect();
    let server = Server::start(postoffice.path(), &options);
    let page = Page::of(&server);
    let mut client = server.session();
    let mut other = Client::connect(server.address);
    assert_eq!(other.reply().code, 450);
    page.wait_for("connections_total{fate=\"turned-away\",why=\"same-source\"}", 1);
    page.wait_for("sessions_open", 1);
    assert_eq!(client.ask("MAIL FROM:<ann@client.example>").code, 250);
    client.send(b"RCPT TO:<x@elsewhere.example>\r\n");
    page.wait_for("tarpitted_sessions", 1);
    assert_eq!(client.reply().code, 550);
    page.wait_for("tarpitted_sessions", 0);
    page.wait_for("tarpit_delay_seconds_total", 1);
    // Whoever leaves the tarpit before its time is counted out as well.
    client.send(b"RCPT TO:<x@elsewhere.example>\r\n");
    page.wait_for("tarpitted_sessions", 1);
    client.reset();
    page.wait_for("tarpitted_sessions", 0);
    page.wait_for("sessions_open", 0);
    page.wait_for("transactions_total{outcome=\"cut\"}", 1);
    page.wait_for("sessions_total{why=\"peer-closed\"}", 1);
}

#[test]
fn the_queue_of_a_filter_and_the_reasons_of_refusals_are_seen() {
    let postoffice = postoffice();
    let filter = postoffice.path().join("filter");
    // It answers as soon as there is a file that says so.
    let script = "#!/bin/sh\necho '#hungry'\nwhile read -r job; do\n  until test -e ./answer; do sleep 0.05; done\n  \
                  echo '0 250 fine'; echo '#hungry'\ndone\n";
    std::fs::write(&filter, script).expect("written");
    std::fs::set_permissions(&filter, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let filter = format!("contentfilter {}", filter.display());
    let params = ["metrics 127.0.0.1:0", &filter, "contentfilter-maxpar 1"];
    let options: Vec<_> = params.iter().flat_map(|param| ["--param", param]).collect();
    let server = Server::start(postoffice.path(), &options);
    let page = Page::of(&server);
    page.wait_for("helpers{trade=\"contentfilter\"}", 1);
    page.wait_for("helpers_free{trade=\"contentfilter\"}", 1);
    let mut clients: Vec<_> = (0..3).map(|_| server.session()).collect();
    for client in &mut clients {
        client.open_transaction("");
        assert_eq!(client.ask("RCPT TO:<x@elsewhere.example>").code, 550);
        assert_eq!(client.ask("DATA").code, 354);
        client.send(b"Subject: x\r\n\r\n.\r\n");
    }
    page.wait_for("helper_queue{trade=\"contentfilter\"}", 2);
    page.wait_for("helpers_free{trade=\"contentfilter\"}", 0);
    page.wait_for("refusals_total{why=\"not-admitted\"}", 3);
    std::fs::write(postoffice.path().join("answer"), "").expect("written");
    for client in &mut clients {
        assert_eq!(client.reply().code, 250);
    }
    page.wait_for("helper_queue{trade=\"contentfilter\"}", 0);
    for phase in ["envelope", "data", "store"] {
        page.wait_for(&format!("phase_seconds_count{{phase=\"{phase}\"}}"), 3);
    }
}

#[test]
fn callers_who_say_nothing_keep_nobody_waiting() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &["--param", "metrics 127.0.0.1:0"]);
    let page = Page::of(&server);
    let mut silent: Vec<_> = (0..3).map(|_| page.connect()).collect();
    assert_eq!(page.read()["sessions_open"], 0.0);
    assert!(get(page.connect(), "/").starts_with("HTTP/1.1 404 "));
    let mut client = server.session();
    assert_eq!(client.ask("NOOP").code, 250);
    for stream in &mut silent {
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").expect("taken");
    }
    assert_eq!(page.read()["sessions_open"], 1.0);
}

#[test]
fn a_socket_file_serves_as_well_and_goes_with_the_server() {
    let postoffice = postoffice();
    let path = postoffice.path().join("metrics");
    let param = format!("metrics unix:{}", path.display());
    for _ in 0..2 {
        let mut server = Server::start(postoffice.path(), &["--param", &param]);
        server.wait_for("metrics at unix:");
        let read = || numbers(&get(UnixStream::connect(&path).expect("open"), "/metrics"));
        assert_eq!(read()["build_info{version=\"0.1.0\"}"], 1.0);
        server.session();
        assert_eq!(read()["connections_total{fate=\"welcomed\"}"], 1.0);
        server.signal("TERM");
        assert_eq!(server.end().code(), Some(0));
        assert!(!path.exists());
    }
}
