//! A daemon with a configuration file: it is replaced and told to read again at the same time, by whoever it has become
//! and from behind its fence, and sockets that were passed find the binds that name them.

use super::activation::{activated, sockets, word};
use super::privileges::{assert_powerless, postoffice_of, user};
use super::replace::send;
use super::{Daemon, eventually, is_ours};
use crate::client::Client;
use crate::config::Site;
use crate::metrics::Page;
use crate::server::{PATIENCE, PROGRAM, Server, postoffice, signal, spool};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

impl Site {
    fn detached(&self, more: &[&str]) -> Daemon {
        let path = self.path();
        let words = [&["-C", path.to_str().expect("text")], more].concat();
        Daemon::start(self.folder.path(), "0", &words)
    }
}

impl Daemon {
    /// The rest of each line that begins so.
    fn said(&self, words: &str) -> Vec<&str> {
        self.said.lines().filter_map(|line| line.strip_prefix(words)).collect()
    }
}

/// The size that a server at this place announces.
fn size(address: SocketAddr) -> String {
    let mut client = Client::connect(address);
    assert_eq!(client.reply().code, 220);
    let hello = client.ask("EHLO client.example").text;
    hello.lines().find_map(|line| line.strip_prefix("SIZE ")).expect("a size").into()
}

fn contains(log: &Path, words: &str) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.contains(words))
}

/// How many reloads a log tells of.
fn reloads(log: &Path) -> usize {
    std::fs::read_to_string(log).map_or(0, |text| text.matches("the new configuration holds").count())
}

/// The last place that the last reload names.
fn last_place(log: &Path) -> SocketAddr {
    let text = std::fs::read_to_string(log).expect("a log");
    let line = text.lines().rfind(|line| line.contains("the new configuration holds")).expect("said");
    let (_, place) = line.rsplit_once(' ').expect("places");
    place.trim_end_matches('"').parse().unwrap_or_else(|_| panic!("no place: {line}"))
}

/// Says that it is over when it is dropped.
struct EndsWith<'a>(&'a AtomicBool);

impl Drop for EndsWith<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_server_is_replaced_and_reloaded_under_load() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\nPARAM metrics 127.0.0.1:0\n");
    let log = site.folder.path().join("events");
    let more = ["--log-file", log.to_str().expect("text")];
    let mut daemon = site.detached(&more);
    let first = daemon.address;
    let page = Page::said(daemon.said.lines().find(|line| line.starts_with("metrics at ")).expect("said"));
    let text = |size: usize, second: u16| {
        let (port, metrics) = (first.port(), page.address());
        format!(
            "PARAM maxsize {size}\nPARAM metrics {metrics}\nPARAM BindSmtp [127.0.0.1] {port}\n\
             PARAM newgroup\nPARAM BindSmtp [127.0.0.1] {second}\n"
        )
    };
    let (over, accepted, stopped) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // Also when this thread fails: the others would go on for ever.
        let end = EndsWith(&over);
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    send(first, &accepted, &stopped);
                }
            });
        }
        let scrapes = scope.spawn(|| {
            let mut reads = 0;
            while !over.load(Ordering::SeqCst) {
                assert!(page.read().contains_key("start_time_seconds"));
                reads += 1;
            }
            reads
        });
        for turn in 1..=4 {
            let before = accepted.load(Ordering::SeqCst);
            eventually("mail", || accepted.load(Ordering::SeqCst) > before + 20);
            // A place that a reload has opened is handed over like those that were there from the beginning.
            site.write(&text(10_000 + turn, 0));
            signal(daemon.pid, "HUP");
            eventually("a reload", || reloads(&log) == turn);
            let second = last_place(&log);
            site.write(&text(20_000 + turn, second.port()));
            let next = site.detached(&more);
            assert_eq!(next.said("listening on "), [first.to_string(), second.to_string()]);
            for place in [first, second] {
                assert_eq!(size(place), (20_000 + turn).to_string());
            }
            eventually("the end of the old server", || !is_ours(daemon.pid));
            daemon = next;
        }
        drop(end);
        assert!(scrapes.join().expect("every caller was answered") > 4);
    });
    let stored = spool(&site.folder).all().len();
    assert_eq!(u64::try_from(stored).expect("small"), accepted.load(Ordering::SeqCst));
}

#[test]
fn behind_its_fence_the_user_reads_again_what_it_may_read() {
    let Some(uid) = user() else { return };
    let (spool_folder, logs, elsewhere) = (postoffice_of(uid), postoffice_of(uid), postoffice());
    std::fs::set_permissions(elsewhere.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    let site = Site::new("");
    std::fs::set_permissions(site.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    // A link, as those make it who keep their files in another place.
    let real = elsewhere.path().join("real.conf");
    let write = |text: &str| {
        let new = elsewhere.path().join("new");
        std::fs::write(&new, format!("PARAM user nobody\nPARAM BindSmtp [127.0.0.1] 0\n{text}"))
            .expect("ours");
        std::fs::rename(new, &real).expect("ours");
    };
    write("");
    std::fs::remove_file(site.path()).expect("ours");
    std::os::unix::fs::symlink(&real, site.path()).expect("ours");
    let (events, path) = (logs.path().join("events"), site.path());
    let metrics = format!("metrics unix:{}", logs.path().join("metrics").display());
    let more = ["-C", path.to_str().expect("text"), "--log-file", events.to_str().expect("text")];
    let more = [&more[..], &["--param", &metrics]].concat();
    let daemon = Daemon::start(spool_folder.path(), "0", &more);
    assert_powerless(daemon.pid, uid);

    write("PARAM maxsize 10001\n");
    std::fs::rename(&events, logs.path().join("old")).expect("renamed");
    signal(daemon.pid, "HUP");
    eventually("a reload, said in a new log", || reloads(&events) == 1);
    assert_eq!(size(daemon.address), "10001");

    // Its rights do not come back for a reload.
    let first: u16 = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .map_or(1024, |text| text.trim().parse().expect("a port"));
    if first > 1 {
        write("PARAM maxsize 10002\nPARAM BindSmtp [127.0.0.1] 1\n");
        signal(daemon.pid, "HUP");
        eventually("a refusal", || {
            contains(&events, "ports below 1024 are opened when the server is started")
        });
        eventually("the last word", || contains(&events, "the old one goes on"));
        assert_eq!(size(daemon.address), "10001");
    }
    write("PARAM maxsize 10003\n");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).expect("ours");
    signal(daemon.pid, "HUP");
    eventually("a refusal", || contains(&events, "cannot read"));
    assert_eq!(size(daemon.address), "10001");

    // Who starts it learns that at once; and the counters' socket goes from one to the other, and with the last.
    let port = daemon.address.port().to_string();
    write(&format!("PARAM BindSmtp [127.0.0.1] {port}\n"));
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).expect("ours");
    let next = Daemon::start(spool_folder.path(), &port, &more);
    assert!(next.said.contains("cannot be read by the running server"), "{}", next.said);
    assert!(next.said("listening on ").contains(&daemon.address.to_string().as_str()), "{}", next.said);
    eventually("the end of the old server", || !is_ours(daemon.pid));
    let counters = logs.path().join("metrics");
    drop(std::os::unix::net::UnixStream::connect(&counters).expect("the next one answers"));
    signal(next.pid, "TERM");
    eventually("its end", || !is_ours(next.pid));
    assert!(!counters.exists());
}

#[test]
fn a_reload_begins_and_ends_with_a_word_to_the_service_manager() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\n");
    let path = site.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = Command::new(PROGRAM);
    command.arg("--foreground").arg("-C").arg(site.path()).arg("-P").arg(site.folder.path());
    let server = Server::run(command.env("NOTIFY_SOCKET", &path));
    assert!(word(&socket).contains_key("READY"));
    for (text, said) in [("PARAM maxsize 10001\nPARAM BindSmtp [127.0.0.1] 0\n", "holds"), ("x\n", "goes on")]
    {
        site.write(text);
        server.signal("HUP");
        assert!(word(&socket).contains_key("RELOADING"));
        // When it is ready again, it has been done, or refused.
        assert!(word(&socket).contains_key("READY"));
        assert_eq!(size(server.address), "10001");
        server.wait_for(said);
    }
}

#[test]
fn passed_sockets_are_for_the_binds_that_name_them_and_outlive_a_reload() {
    let (sockets, [named, unnamed]) = sockets();
    let text =
        |size: u32, bind: &str| format!("PARAM maxsize 1000{size}\n{bind}PARAM BindSmtp [127.0.0.1] 0\n");
    let group = format!(
        "PARAM BindSmtp [127.0.0.1] 0\nPARAM newgroup\nPARAM localnames two.example\nPARAM BindSmtp [127.0.0.1] {}\n",
        named.port()
    );
    let site = Site::new(&text(1, &group));
    let log = site.folder.path().join("events");
    let more = ["-C", site.path().to_str().expect("text"), "--log-file", log.to_str().expect("text")]
        .map(String::from);
    let more = more.each_ref().map(String::as_str);
    let mut server = activated(site.folder.path(), sockets, "smtp:smtp", &more);
    let admits = |place: SocketAddr| {
        let mut client = Client::connect(place);
        assert_eq!(client.reply().code, 220);
        assert_eq!(client.ask("EHLO client.example").code, 250);
        assert_eq!(client.ask("MAIL FROM:<ann@client.example>").code, 250);
        client.ask("RCPT TO:<bob@two.example>").code == 250
    };
    assert!(admits(named) && !admits(unnamed));
    // Nobody names either of them any more; clients can still connect there, and the default group serves them.
    site.write(&text(2, ""));
    signal(server.id(), "HUP");
    eventually("a reload", || reloads(&log) == 1);
    assert!(!admits(named) && !admits(unnamed));
    assert_eq!((size(named), size(unnamed)), ("10002".into(), "10002".into()));
    signal(server.id(), "TERM");
    assert_eq!(server.wait().expect("ours").code(), Some(0));
}

#[test]
fn what_is_for_standard_output_does_not_say_that_it_serves() {
    let postoffice = postoffice();
    let daemon = Daemon::start(postoffice.path(), "0", &["--log-file", "-", "-v"]);
    assert_eq!(Client::connect(daemon.address).reply().code, 220);
    assert!(daemon.said.contains("it logs nothing"), "{}", daemon.said);
}
