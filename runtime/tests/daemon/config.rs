//! The configuration file in a running server: groups, new settings under way, and files that are not fit.

use crate::client::Client;
use crate::server::{PATIENCE, PROGRAM, Server, output, postoffice, refusal, spool};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A folder with a spool and a configuration file.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new(text: &str) -> Site {
        let site = Site { folder: postoffice() };
        site.write(text);
        site
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("t.conf")
    }

    /// Replaced at once, so that nobody reads half of it.
    pub(crate) fn write(&self, text: &str) {
        let new = self.folder.path().join("new.conf");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, self.path()).expect("renamed");
    }

    pub(crate) fn args<'a>(&self, more: &'a [&'a str]) -> Vec<String> {
        let (conf, folder) = (self.path(), self.folder.path());
        let text = |path: &Path| path.to_str().expect("text").to_string();
        let mut args = vec!["-C".into(), text(&conf), "-P".into(), text(folder)];
        args.extend(more.iter().map(ToString::to_string));
        args
    }

    pub(crate) fn start(&self) -> Server {
        Server::run(Command::new(PROGRAM).args(self.args(&["--foreground"])))
    }

    /// Starts it with these options as well.
    pub(crate) fn start_with(&self, more: &[&str]) -> Server {
        Server::run(Command::new(PROGRAM).args(self.args(&["--foreground"])).args(more))
    }

    /// What it says when it does not start.
    pub(crate) fn output(&self) -> std::process::Output {
        Command::new(PROGRAM).args(self.args(&["--foreground"])).output().expect("it runs")
    }

    fn reload(&self, server: &Server) -> String {
        server.signal("HUP");
        server.wait_for("the new configuration ")
    }
}

/// The place of the next `listening on` line.
fn next_place(server: &Server) -> SocketAddr {
    server.wait_for("listening on ")["listening on ".len()..].parse().expect("an address")
}

fn greeted(address: SocketAddr) -> Client {
    let mut client = Client::connect(address);
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    client
}

/// What RCPT for this domain is answered.
fn rcpt(client: &mut Client, domain: &str) -> u16 {
    client.ask("MAIL FROM:<ann@client.example>");
    let code = client.ask(&format!("RCPT TO:<bob@{domain}>")).code;
    assert_eq!(client.ask("RSET").code, 250);
    code
}

#[test]
fn each_group_has_its_own_settings() {
    let site = Site::new(
        "PARAM localnames one.example\nPARAM maxsize 100000\nPARAM NoDSN\nPARAM BindSmtp [127.0.0.1] 0\n\
         PARAM newgroup\nPARAM localnames two.example\nPARAM DSN-OK\nPARAM BindSmtp [127.0.0.1] 0\n",
    );
    let server = site.start();
    let (one, two) = (server.address, next_place(&server));
    for (place, own, dsn) in [(one, 550, false), (two, 250, true)] {
        let mut client = Client::connect(place);
        assert_eq!(client.reply().code, 220);
        let hello = client.ask("EHLO client.example").text;
        assert!(hello.contains("SIZE 100000"), "{hello}");
        assert_eq!(hello.contains("DSN"), dsn, "{hello}");
        assert_eq!(rcpt(&mut client, "one.example"), 250);
        assert_eq!(rcpt(&mut client, "two.example"), own);
    }
}

#[test]
fn sessions_under_way_keep_what_they_began_with() {
    let site = Site::new("PARAM localnames one.example\nPARAM BindSmtp [127.0.0.1] 0\n");
    let server = site.start();
    let mut old = greeted(server.address);
    old.ask("MAIL FROM:<ann@client.example>");
    site.write("PARAM localnames two.example\nPARAM maxsize 5000\nPARAM BindSmtp [127.0.0.1] 0\n");
    let said = site.reload(&server);
    assert!(said.contains("0 opened, 0 closed, 1 kept"), "{said}");
    assert_eq!(old.ask("RCPT TO:<bob@one.example>").code, 250);
    assert_eq!(old.ask("RSET").code, 250);
    assert_eq!(rcpt(&mut old, "two.example"), 550);
    let mut new = greeted(server.address);
    assert_eq!((rcpt(&mut new, "one.example"), rcpt(&mut new, "two.example")), (550, 250));
    assert!(new.ask("EHLO client.example").text.contains("SIZE 5000"));
}

#[test]
fn limits_are_of_the_whole_process_and_counts_outlive_a_reload() {
    let text = |most: u32| {
        format!(
            "PARAM BindSmtp [127.0.0.1] 0\nPARAM newgroup\nPARAM MaxSameIpSource {most}\nPARAM BindSmtp [127.0.0.1] 0\n"
        )
    };
    let site = Site::new(&text(2));
    let server = site.start();
    let places = [server.address, next_place(&server)];
    let inside = places.map(greeted);
    let answers = || places.map(|place| Client::connect(place).reply().code);
    assert_eq!(answers(), [450, 450], "two are inside, by whatever door");
    site.write(&text(3));
    assert!(site.reload(&server).contains("2 kept"));
    assert_eq!(Client::connect(places[0]).reply().code, 220);
    site.write(&text(1));
    site.reload(&server);
    assert_eq!(answers(), [450, 450], "those who came before count");
    drop(inside);
}

#[test]
fn places_come_and_go() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\n");
    let server = site.start();
    // A second place at port 0 is another one; the first stays as it is.
    site.write("PARAM BindSmtp [127.0.0.1] 0\nPARAM BindSmtp [127.0.0.1] 0\n");
    let said = site.reload(&server);
    assert!(said.contains("1 opened, 0 closed, 1 kept"), "{said}");
    let (_, places) = said.split_once("listening on ").expect("places");
    let places: Vec<SocketAddr> = places.split(' ').map(|place| place.parse().expect("an address")).collect();
    assert_eq!(places[0], server.address);
    let mut old = greeted(places[1]);
    site.write("PARAM BindSmtp [127.0.0.1] 0\n");
    assert!(site.reload(&server).contains("0 opened, 1 closed, 1 kept"));
    assert!(std::net::TcpStream::connect(places[1]).is_err(), "closed");
    assert_eq!(old.ask("NOOP").code, 250, "whoever is inside stays");
    drop(greeted(places[0]));
}

#[test]
fn a_file_that_is_not_fit_changes_nothing() {
    let site = Site::new("PARAM localnames one.example\nPARAM BindSmtp [127.0.0.1] 0\n");
    let server = site.start();
    site.write("PARAM maxsiz 5\nPARAM localnames -\nnonsense\n");
    server.signal("HUP");
    for words in ["t.conf:1:7: there is no parameter", "t.conf:2:18: localnames", "t.conf:3:9: a pattern"] {
        server.wait_for(words);
    }
    server.wait_for("the old one goes on");
    // A place that cannot be had is no reason to close another.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    site.write(&format!(
        "PARAM BindSmtp [127.0.0.1] {port}\nPARAM BindSmtp [127.0.0.1] 0\nPARAM maxsize 5\n"
    ));
    server.signal("HUP");
    server.wait_for(&format!("cannot listen on 127.0.0.1:{port}"));
    server.wait_for("the old one goes on");
    let mut client = greeted(server.address);
    assert_eq!(rcpt(&mut client, "one.example"), 250);
    assert!(!client.ask("EHLO client.example").text.contains("SIZE 5\n"));
}

#[test]
fn a_file_that_is_not_fit_starts_nothing() {
    let site = Site::new("PARAM BindSmtp [127.0.0.1] 0\nPARAM maxsize many\nPARAM NoDSN yes\n");
    for command in [&["--foreground"][..], &[]] {
        let args = site.args(command);
        let output = output(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("t.conf:2:15: ") && said.contains("t.conf:3:13: "), "{said}");
        assert!(said.contains("    PARAM maxsize many\n                  ^^^^\n"), "{said}");
        assert!(said.lines().last().is_some_and(|line| line.contains("2 errors in ")), "{said}");
    }
    site.write("PARAM use-tls\nPARAM BindSmtpS [127.0.0.1] 0\n");
    let args = site.args(&["--foreground"]);
    let output = output(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(String::from_utf8_lossy(&output.stderr).contains("use-tls needs tls-cert-file"));
    // What is found out behind the parser has its place as well.
    site.write("PARAM BindSmtp [127.0.0.1] 0\nPARAM metrics unix:/proc/no\nPARAM user no-such-user\n");
    for (command, place) in
        [("check-config", "3:7: user no-such-user"), ("--foreground", "3:7: user no-such-user")]
    {
        let said = refused(&site, command);
        assert!(
            said.contains(&format!("t.conf:{place}: there is no such user\n    PARAM user no-such-user\n")),
            "{said}"
        );
    }
    site.write("PARAM BindSmtp [127.0.0.1] 0\nPARAM metrics unix:/proc/no\n");
    let said = refused(&site, "--foreground");
    assert!(said.contains("t.conf:2:7: metrics cannot be shown at "), "{said}");
    assert!(refusal(&["-C", "/no/such/file"]).contains("cannot read /no/such/file"));
}

/// What the program says when it refuses this site.
fn refused(site: &Site, command: &str) -> String {
    let args = site.args(&[]);
    let output = output(&std::iter::once(command).chain(args.iter().map(String::as_str)).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn the_commands_check_before_they_tell() {
    let site = Site::new("PARAM localnames one.example\nPARAM BindSmtp [127.0.0.1] 0\n");
    let run = |command: &str| {
        let mut args = vec![command.to_string()];
        args.extend(site.args(&[]));
        output(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let alone = run("reload");
    assert_eq!(alone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("no server is running"));
    let checked = run("check-config");
    assert_eq!(checked.status.code(), Some(0));
    let page = String::from_utf8(checked.stdout).expect("text");
    assert!(page.contains("is fit to serve") && page.contains("worst case"), "{page}");

    let server = site.start();
    site.write("PARAM localnames two.example\nPARAM BindSmtp [127.0.0.1] 0\n");
    let told = run("reload");
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    server.wait_for("the new configuration holds");
    assert_eq!(rcpt(&mut greeted(server.address), "two.example"), 250);
    site.write("PARAM localnames\n");
    for command in ["reload", "check-config"] {
        let refused = run(command);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("t.conf:1:17: localnames"));
    }
    assert_eq!(rcpt(&mut greeted(server.address), "two.example"), 250, "nothing was told");
}

/// Sends messages until it is enough, several over each connection. Gives the ids of those that were accepted.
fn sender(address: SocketAddr, enough: &Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    let enough = enough.clone();
    std::thread::spawn(move || {
        let mut ids = Vec::new();
        while !enough.load(Ordering::Relaxed) {
            let mut client = greeted(address);
            for _ in 0..3 {
                client.open_transaction("");
                assert_eq!(client.ask("DATA").code, 354);
                client.send(b"Subject: under load\r\n\r\nx\r\n.\r\n");
                ids.push(client.reply().id());
            }
            assert_eq!(client.ask("QUIT").code, 221);
        }
        ids
    })
}

#[test]
fn no_message_is_lost_while_settings_change() {
    let text = |size: u32, more: &str| {
        format!("PARAM localnames local.example\nPARAM maxsize {size}\nPARAM BindSmtp [127.0.0.1] 0\n{more}")
    };
    let site = Site::new(&text(100_000, ""));
    let server = site.start();
    let enough = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..4).map(|_| sender(server.address, &enough)).collect();
    for turn in 0..60 {
        let more = ["", "PARAM BindSmtp [127.0.0.1] 0\n", "broken\n"][turn % 3];
        site.write(&text(100_001, more));
        let said = site.reload(&server);
        assert_eq!(said.contains("holds"), turn % 3 < 2, "{said}");
    }
    enough.store(true, Ordering::Relaxed);
    let ids: Vec<String> = senders.into_iter().flat_map(|sender| sender.join().expect("no error")).collect();
    assert!(ids.len() >= 12);
    for id in &ids {
        spool(&site.folder).stored(id);
    }
}

#[test]
fn a_thousand_reloads_under_load_lose_nothing_and_leave_nothing_behind() {
    let text = |turn: u32| {
        let more = if turn % 2 == 1 { "PARAM BindSmtp [127.0.0.1] 0\n" } else { "" };
        let own = "PARAM localnames local.example\nPARAM BindSmtp [127.0.0.1] 0";
        format!("PARAM maxsize {}\n{own}\n{more}", 10_000 + turn)
    };
    let site = Site::new(&text(0));
    let server = site.start();
    let open_files = || {
        let folder = format!("/proc/{}/fd", server.child.id());
        std::fs::read_dir(folder).expect("a process").count()
    };
    let mut old = greeted(server.address);
    site.write(&text(2));
    assert!(site.reload(&server).contains("holds"));
    let before = open_files();
    let enough = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..2).map(|_| sender(server.address, &enough)).collect();
    for turn in 1..=1_000 {
        site.write(&text(turn));
        assert!(site.reload(&server).contains("holds"), "{turn}");
    }
    enough.store(true, Ordering::Relaxed);
    let ids: Vec<String> = senders.into_iter().flat_map(|sender| sender.join().expect("no error")).collect();
    assert!(ids.len() > 100, "{}", ids.len());
    for id in &ids {
        spool(&site.folder).stored(id);
    }
    // The sockets of those who have left are closed a moment later.
    let pause = std::time::Duration::from_millis(10);
    let mut left = PATIENCE.as_millis() / pause.as_millis();
    while open_files() != before {
        left = left.checked_sub(1).unwrap_or_else(|| panic!("{} open files, not {before}", open_files()));
        std::thread::sleep(pause);
    }
    assert!(old.ask("EHLO client.example").text.contains("SIZE 10000"), "it keeps what it began with");
    assert!(greeted(server.address).ask("EHLO client.example").text.contains("SIZE 11000"));
}
