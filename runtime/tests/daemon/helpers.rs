//! Real helpers: the samples that are shipped, programs that die, a socket, and many sessions that wait for few helpers.

use crate::server::{PATIENCE, Server, postoffice};
use crate::spool::Spool;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const FILTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/contentfilter.sh");
const ROUTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/router.sh");

/// A program made of these lines of a shell.
fn script(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    path
}

fn param(name: &str, path: &Path) -> String {
    format!("{name} {}", path.display())
}

/// A connection on which lines are said and replies heard.
struct Talk(BufReader<TcpStream>);

impl Talk {
    fn with(server: &Server) -> Talk {
        let stream = TcpStream::connect(server.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut talk = Talk(BufReader::new(stream));
        assert!(talk.hear().starts_with("220 "));
        talk
    }

    /// The last line of the next reply.
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("a reply") > 0, "the server left");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    fn say(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    fn tell(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("sent");
    }

    /// Says a message to its end, and does not wait for the reply to that.
    fn send(&mut self, header: &str) {
        for line in ["EHLO c.example", "MAIL FROM:<a@c.example>", "RCPT TO:<b@local.example>"] {
            assert!(self.say(line).starts_with("250 "), "{line}");
        }
        assert!(self.say("DATA").starts_with("354 "));
        self.tell(&format!("Subject: x\r\n{header}\r\n\r\ntext\r\n."));
    }
}

fn frozen(postoffice: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(postoffice.join("freezer")).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_sample_filter_keeps_destroys_and_freezes() {
    let folder = postoffice();
    let server = Server::start(folder.path(), &["--param", &param("contentfilter", Path::new(FILTER))]);
    for (verdict, reply) in [
        ("none", "250 2.6.0 looks fine (S"),
        ("reject", "550 5.7.1 this message is not wanted here"),
        ("swallow", "250 2.0.0 thank you"),
        ("freeze", "250 2.0.0 message accepted as S"),
    ] {
        let mut talk = Talk::with(&server);
        talk.send(&format!("X-Sample-Verdict: {verdict}"));
        let heard = talk.hear();
        assert!(heard.starts_with(reply), "{verdict}: {heard}");
    }
    let spool = Spool::at(folder.path());
    assert_eq!(spool.all().len(), 1);
    let frozen = frozen(folder.path());
    assert!(frozen.len() == 1 && frozen[0].ends_with("policy-1"), "{frozen:?}");
    let inode = frozen[0].strip_suffix("policy-1").expect("as was seen");
    let freezer = |words: &[&str]| {
        let mut command = Command::new(crate::server::PROGRAM);
        let output =
            command.arg("freezer").args(words).arg("-P").arg(folder.path()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, list) = freezer(&["list"]);
    assert!(code == Some(0) && list.contains("a@c.example"), "{list}");
    let (code, shown) = freezer(&["show", inode]);
    assert!(code == Some(0) && shown.contains("X-Sample-Verdict: freeze"), "{shown}");
    assert_eq!(freezer(&["delete", "1"]).0, Some(1));
    assert_eq!(freezer(&["release", inode]).0, Some(0));
    assert_eq!(spool.all().len(), 2);
    assert_eq!(freezer(&["release", inode]).0, Some(1), "it is not there any more");
    let mut talk = Talk::with(&server);
    talk.send("X-Sample-Verdict: freeze");
    talk.hear();
    let frozen = self::frozen(folder.path());
    let inode = frozen[0].strip_suffix("policy-1").expect("as before");
    assert_eq!(freezer(&["delete", inode]).0, Some(0));
    assert!(self::frozen(folder.path()).is_empty() && spool.all().len() == 2);
}

#[test]
fn the_sample_router_judges_and_verifies() {
    let folder = postoffice();
    let more = ["-R", ROUTER, "--param", "enable-router", "--param", "VRFYcmd"];
    let server = Server::start(folder.path(), &more);
    let mut talk = Talk::with(&server);
    talk.say("EHLO c.example");
    assert_eq!(talk.say("MAIL FROM:<a@b.invalid>"), "550 5.1.8 no mail from there");
    assert_eq!(talk.say("MAIL FROM:<`reboot`@c.example>"), "250 2.1.0 sender ok");
    assert_eq!(talk.say("RCPT TO:<nobody@local.example>"), "550 5.1.1 nobody by that name");
    assert_eq!(talk.say("RCPT TO:<\"`reboot` $(s)\"@local.example>"), "250 2.1.5 recipient ok");
    assert_eq!(talk.say("VRFY postmaster"), "250 2.1.5 <postmaster>");
}

#[test]
fn a_filter_that_dies_or_is_out_of_order_accepts_nothing_unseen() {
    for (lines, failure, reply) in [
        ("echo '#hungry'; read file; exit 1", "freeze", "250 2.0.0 message accepted as S"),
        ("exit 1", "freeze", "250 2.0.0 message accepted as S"),
        ("echo '#hungry'; read file; echo fine; echo '#hungry'; cat", "defer", "451 4.7.1 "),
    ] {
        let folder = postoffice();
        let filter = script(folder.path(), "filter", lines);
        let failure = format!("contentfilter-failure {failure}");
        let more = ["--param", &param("contentfilter", &filter), "--param", &failure];
        let server = Server::start(folder.path(), &more);
        let mut talk = Talk::with(&server);
        talk.send("X: y");
        let heard = talk.hear();
        assert!(heard.starts_with(reply), "{lines}: {heard}");
        assert!(Spool::at(folder.path()).all().is_empty(), "{lines}");
        assert_eq!(frozen(folder.path()).len(), usize::from(reply.starts_with('2')), "{lines}");
    }
}

#[test]
fn a_filter_may_be_behind_a_socket() {
    let folder = postoffice();
    let path = folder.path().join("filter.socket");
    let listener = UnixListener::bind(&path).expect("bound");
    let root = folder.path().to_path_buf();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            stream.write_all(b"#hungry\n").expect("said");
            let mut lines = BufReader::new(stream.try_clone().expect("a copy"));
            let mut file = String::new();
            while lines.read_line(&mut file).is_ok_and(|octets| octets > 0) {
                let text = std::fs::read_to_string(root.join(file.trim_end())).expect("the message");
                let verdict = if text.contains("\nspam: yes\n") { "-1 554 5.6.0 no" } else { "0" };
                stream.write_all(format!("{verdict}\n#hungry\n").as_bytes()).expect("said");
                file.clear();
            }
        }
    });
    let server = Server::start(folder.path(), &["--param", &param("contentfilter", &path)]);
    for (header, reply) in [("spam: no", "250 2.0.0 "), ("spam: yes", "554 5.6.0 no")] {
        let mut talk = Talk::with(&server);
        talk.send(header);
        let heard = talk.hear();
        assert!(heard.starts_with(reply), "{heard}");
    }
}

#[test]
fn a_program_that_is_none_is_said_before_anybody_listens() {
    let folder = postoffice();
    let output = Command::new(crate::server::PROGRAM)
        .args(["--foreground", "-p", "0", "--param", "contentfilter /no/such/filter", "-P"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/no/such/filter"), "{said}");
    let output = Command::new(crate::server::PROGRAM)
        .args(["check-config", "--param", "contentfilter /no/such/filter"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

/// All processes that have come from this one, with the words that they were started with.
fn descendants(of: u32) -> Vec<(u32, String)> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("a folder").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let read = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
        let words = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        parents.extend(parent.map(|parent| (pid, parent, words)));
    }
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut next = vec![of];
    while let Some(at) = next.pop() {
        for (pid, _, words) in parents.iter().filter(|(_, parent, _)| *parent == at) {
            found.push((*pid, words.clone()));
            next.push(*pid);
        }
    }
    found
}

/// The host of a server's helpers, and its filters.
fn host_and_filters(server: &Server) -> (Option<u32>, Vec<u32>) {
    let all = descendants(server.child.id());
    let host = all.iter().find(|(_, words)| words.contains("helper-host") && !words.contains("--keep"));
    let filters = all.iter().filter(|(_, words)| words.starts_with("/bin/sh ") && words.contains("/filter"));
    (host.map(|(pid, _)| *pid), filters.map(|(pid, _)| *pid).collect())
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    const STEP: Duration = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    while !is_so() {
        assert!(waited < PATIENCE, "{what} does not come");
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

#[test]
fn a_host_of_helpers_that_dies_is_replaced_and_leaves_nothing_behind() {
    let folder = postoffice();
    let lines = "echo '#hungry'; while read -r file; do echo 0; echo '#hungry'; done; exec sleep 1000";
    let filter = script(folder.path(), "filter", lines);
    let server = Server::start(folder.path(), &["--param", &param("contentfilter", &filter)]);
    for round in 0..3 {
        let mut talk = Talk::with(&server);
        talk.send("X: y");
        let heard = talk.hear();
        assert!(heard.starts_with("250 2.0.0 "), "{heard}");
        assert_eq!(Spool::at(folder.path()).all().len(), round + 1, "it was frozen");
        let (host, filters) = host_and_filters(&server);
        let host = host.expect("a host");
        assert!(!filters.is_empty());
        assert!(Command::new("kill").args(["-9", &host.to_string()]).status().expect("it runs").success());
        eventually("another host with a filter", || {
            let (next, others) = host_and_filters(&server);
            next.is_some_and(|next| next != host) && others.iter().any(|pid| !filters.contains(pid))
        });
        let lives = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
        eventually("the end of what it left behind", || !filters.iter().any(lives));
    }
}

#[test]
fn helpers_have_three_descriptors() {
    let folder = postoffice();
    let lines = "ls /proc/$$/fd >seen; echo '#hungry'; while read -r file; do echo 0; echo '#hungry'; done";
    let filter = script(folder.path(), "filter", lines);
    // One that whoever starts the server has forgotten to close.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 7</dev/null; exec \"$@\"", "sh", crate::server::PROGRAM])
        .args(["--foreground", "-p", "0", "--param", "localnames local.example", "-P"])
        .arg(folder.path())
        .args(["--param", &param("contentfilter", &filter)]);
    let server = Server::run(&mut command);
    let mut talk = Talk::with(&server);
    talk.send("X: y");
    assert!(talk.hear().starts_with("250 2.0.0 "));
    let seen = std::fs::read_to_string(folder.path().join("seen")).expect("what it has seen");
    // The shell reads its script by a descriptor of its own, at 10 or above.
    let numbers: Vec<u32> = seen.lines().map(|line| line.parse().expect("a number")).collect();
    assert!(numbers.iter().all(|number| *number < 3 || *number >= 10), "{numbers:?}");
}

/// The bound is the filter, and sessions that wait for it cost no thread.
#[test]
fn a_thousand_sessions_wait_for_two_filters() {
    const SESSIONS: usize = 1_000;
    let folder = postoffice();
    let lines = "echo '#hungry'; while read -r file; do sleep 0.01; echo 0; echo '#hungry'; done";
    let filter = script(folder.path(), "filter", lines);
    let filter = param("contentfilter", &filter);
    let more =
        ["--param", &filter, "--param", "MaxSameIpSource 2000", "--param", "MaxParallelConnections 2000"];
    let server = Server::start(folder.path(), &more);
    let mut talks: Vec<Talk> = Vec::new();
    for _ in 0..SESSIONS {
        let mut talk = Talk::with(&server);
        talk.send("X: y");
        talks.push(talk);
    }
    let mut status = String::new();
    let path = format!("/proc/{}/status", server.child.id());
    std::fs::File::open(path).expect("it runs").read_to_string(&mut status).expect("readable");
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).expect("a number");
    let threads: usize = threads.trim().parse().expect("a number");
    assert!(threads < 100, "{threads} threads for {SESSIONS} sessions");
    let patience = Duration::from_secs(150);
    for talk in &mut talks {
        talk.0.get_ref().set_read_timeout(Some(patience)).expect("set");
        let heard = talk.hear();
        assert!(heard.starts_with("250 2.0.0 "), "{heard}");
    }
    assert_eq!(Spool::at(folder.path()).all().len(), SESSIONS, "frozen: {:?}", frozen(folder.path()).len());
}
