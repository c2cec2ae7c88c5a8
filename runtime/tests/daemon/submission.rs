//! Logins as clients that other people wrote do them, and back ends that hang, die or are not there.
#![expect(clippy::disallowed_methods, reason = "real waits are bounded")]

use crate::client::Client;
use crate::server::{PATIENCE, PROGRAM, Server, output, postoffice, refusal, spool};
use base64ct::{Base64, Encoding};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// `\0ann\0pencil`.
const RIGHT: &str = "AUTH PLAIN AGFubgBwZW5jaWw=";
/// `\0ann\0crayon`.
const WRONG: &str = "AUTH PLAIN AGFubgBjcmF5b24=";

/// A folder with a password file in which ann has the password pencil.
pub(crate) fn users(scheme: &str) -> (TempDir, PathBuf) {
    let folder = postoffice();
    let file = folder.path().join("users");
    let mut child = Command::new(PROGRAM)
        .args(["passwd", "--scheme", scheme])
        .args([file.as_os_str(), "ann".as_ref()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(b"pencil\n").expect("written");
    assert!(child.wait().expect("it ends").success());
    (folder, file)
}

/// A program for SMTP-auth-pipe.
fn program(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    path
}

/// A server that takes logins in clear text, by this parameter.
fn server(postoffice: &Path, users: &str, more: &[&str]) -> Server {
    let mut words = vec!["--param", "smtp-auth", "--param", "AUTH-LOGIN-also-without-TLS"];
    words.extend(["--param", "smtp-auth-sasl", "--param", users]);
    words.extend(more);
    Server::start(postoffice, &words)
}

fn file(path: &Path) -> String {
    format!("smtp-auth-file {}", path.display())
}

#[test]
fn clients_of_others_log_in() {
    let (folder, path) = users("argon2id");
    let server = server(folder.path(), &file(&path), &["--param", "MSA-mode"]);
    let address = server.address.to_string();
    let mut messages = 0;
    let mut log_in = |command: &mut Command, fits: bool| {
        let output = command.stdin(Stdio::null()).output().expect("it starts");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert_eq!(output.status.success(), fits, "{command:?}: {said}");
        messages += usize::from(fits);
    };
    for (mechanism, password) in [("PLAIN", "pencil"), ("LOGIN", "pencil"), ("PLAIN", "crayon")] {
        if crate::is_here("swaks") {
            let mut swaks = Command::new("swaks");
            swaks.args(["--server", &address, "--to", "x@elsewhere.example", "--auth", mechanism]);
            log_in(swaks.args(["--auth-user", "ann", "--auth-password", password]), password == "pencil");
        }
        if crate::is_here("curl") {
            let letter = folder.path().join("letter");
            std::fs::write(&letter, "Subject: hi\r\n\r\nhi\r\n").expect("written");
            let mut curl = Command::new("curl");
            curl.args(["-sS", &format!("smtp://{address}"), "--mail-from", "ann@local.example"]);
            curl.args(["--mail-rcpt", "x@elsewhere.example", "-T"]).arg(letter);
            curl.args(["--login-options", &format!("AUTH={mechanism}"), "-u"]).arg(format!("ann:{password}"));
            log_in(&mut curl, password == "pencil");
        }
        if crate::is_here("python3") {
            let text = format!(
                "import smtplib\nwith smtplib.SMTP('127.0.0.1', {}) as s:\n    s.ehlo()\n    s.user, s.password = 'ann', '{password}'\n    \
                 s.auth('{mechanism}', s.auth_{})\n    s.sendmail('ann@local.example', ['x@elsewhere.example'], b'hi')\n",
                server.address.port(),
                mechanism.to_lowercase(),
            );
            log_in(Command::new("python3").args(["-c", &text]), password == "pencil");
        }
    }
    let stored = spool(&folder).all();
    assert_eq!(stored.len(), messages);
    assert!(stored.iter().all(|stored| stored.envelope.contains(&"with ESMTPA".to_string())));
}

#[test]
fn msmtp_proves_its_password_without_telling_it() {
    if !crate::is_here("msmtp") {
        return;
    }
    let (folder, path) = users("scram");
    let server = server(folder.path(), &file(&path), &[]);
    let methods = if String::from_utf8_lossy(
        &Command::new("msmtp").arg("--version").output().expect("it starts").stdout,
    )
    .contains("SCRAM-SHA-256")
    {
        ["scram-sha-256", "plain"]
    } else {
        ["plain", "login"]
    };
    for (password, fits) in [("pencil", true), ("crayon", false)] {
        for method in methods {
            let mut child = Command::new("msmtp")
                .args(["--host=127.0.0.1", &format!("--port={}", server.address.port()), "--tls=off"])
                .args([&format!("--auth={method}"), "--user=ann", &format!("--passwordeval=echo {password}")])
                .args(["--from=ann@local.example", "x@elsewhere.example"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts");
            let _ = child.stdin.take().expect("a pipe").write_all(b"Subject: hi\n\nhi\n");
            let output = child.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), fits, "{method}: {said}");
        }
    }
    assert_eq!(spool(&folder).all().len(), 2);
}

#[test]
fn a_program_that_hangs_or_dies_lets_nobody_in_and_holds_nobody_up() {
    let folder = postoffice();
    let path = program(
        &folder,
        "read -r password\ncase \"$1\" in slow) sleep 1000;; dead) kill -9 $$;; *) [ \"$password\" = pencil ];; esac",
    );
    let server = server(
        folder.path(),
        &format!("SMTP-auth-pipe {}", path.display()),
        &["--param", "timeout-answer 3"],
    );
    let mut hanging = server.session();
    // \0slow\0pencil
    hanging.send(b"AUTH PLAIN AHNsb3cAcGVuY2ls\r\n");
    let began = Instant::now();
    let mut client = server.session();
    assert_eq!(client.ask(WRONG).code, 535);
    assert_eq!(client.ask(RIGHT).code, 235);
    let mut other = server.session();
    assert_eq!(other.ask("MAIL FROM:<a@client.example>").code, 250);
    assert!(began.elapsed() < PATIENCE / 4, "others waited for the one that hangs");
    let mut client = server.session();
    // \0dead\0pencil
    assert_eq!(client.ask("AUTH PLAIN AGRlYWQAcGVuY2ls").code, 454);
    assert_eq!(hanging.reply().code, 454);
    assert_eq!(hanging.ask("NOOP").code, 250);
    std::fs::remove_file(&path).expect("there");
    assert_eq!(client.ask(RIGHT).code, 454, "one that cannot start is no yes");
}

#[test]
fn a_helper_that_was_killed_is_there_again_behind_the_fence() {
    let (folder, path) = users("sha512");
    let server = server(folder.path(), &file(&path), &[]);
    let mut client = server.session();
    assert_eq!(client.ask(WRONG).code, 535);
    let wanted = path.display().to_string();
    let helpers = || -> Vec<String> {
        let all = std::fs::read_dir("/proc").expect("proc").flatten();
        all.map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|pid| pid.bytes().all(|octet| octet.is_ascii_digit()))
            .filter(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).into_owned();
                line.contains("auth-worker") && line.contains(&wanted) && !line.contains("--keep")
            })
            .collect()
    };
    let old = helpers();
    assert_eq!(old.len(), 1);
    crate::server::signal(old[0].parse().expect("a pid"), "KILL");
    server.wait_for("has ended");
    let began = Instant::now();
    while client.ask(RIGHT).code != 235 {
        assert!(began.elapsed() < PATIENCE, "nobody can log in any more");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_ne!(helpers(), old);
    drop(server);
    let began = Instant::now();
    while !helpers().is_empty() {
        assert!(began.elapsed() < PATIENCE, "a helper outlives its server");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_program_judges_tokens() {
    let folder = postoffice();
    let path = program(&folder, "read -r secret\n[ \"$SMTP_AUTH_KIND:$1:$secret\" = token:ann:abc ]");
    let server = server(folder.path(), &format!("smtp-auth-pipe-tokens {}", path.display()), &[]);
    let bearer = |token: &str| {
        let text = format!("n,a=ann,\u{1}host=mx.example\u{1}auth=Bearer {token}\u{1}\u{1}");
        format!("AUTH OAUTHBEARER {}", Base64::encode_string(text.as_bytes()))
    };
    let mut client = server.session();
    // The bad news is a challenge, and what the client answers to it ends the login (RFC 7628).
    assert_eq!(client.ask(&bearer("xyz")).code, 334);
    assert_eq!(client.ask("AQ==").code, 535);
    assert_eq!(client.ask(&bearer("abc")).code, 235);
    assert_eq!(server.session().ask(RIGHT).code, 535, "a token is no password");
}

#[test]
fn inetd_hands_over_somebody_who_logs_in() {
    let (folder, path) = users("sha512");
    let (door, users) = (TcpListener::bind("127.0.0.1:0").expect("a port"), file(&path));
    let address = door.local_addr().expect("an address");
    let serve = |users: &str| {
        let client = TcpStream::connect(address).expect("it listens");
        let theirs = OwnedFd::from(door.accept().expect("a connection").0);
        let child = Command::new(PROGRAM)
            .args(["-n", "--param", "smtp-auth", "--param", "AUTH-LOGIN-also-without-TLS", "--param", users])
            .arg("-P")
            .arg(folder.path())
            .stdin(theirs.try_clone().expect("a copy"))
            .stdout(theirs.try_clone().expect("a copy"))
            .stderr(theirs)
            .spawn()
            .expect("it starts");
        (Client::over(client), child)
    };
    let (mut client, mut child) = serve(&users);
    assert_eq!(client.reply().code, 220);
    assert!(client.ask("EHLO client.example").text.contains("AUTH PLAIN LOGIN"));
    assert_eq!(client.ask(WRONG).code, 535);
    assert_eq!(client.ask(RIGHT).code, 235);
    assert_eq!(client.ask("MAIL FROM:<ann@local.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<x@elsewhere.example>").code, 250);
    assert_eq!(client.ask("DATA").code, 354);
    client.send(b"Subject: x\r\n\r\nx\r\n.\r\n");
    assert_eq!(client.reply().code, 250);
    assert_eq!(client.ask("QUIT").code, 221);
    // Whoever checks passwords holds the connection no longer than the session does.
    assert!(client.is_closed());
    assert!(child.wait().expect("it ends").success());
    assert_eq!(spool(&folder).all().len(), 1);
    // Users that nobody can read: the client is not told why.
    let (mut client, mut child) = serve("smtp-auth-file /missing/users");
    assert!(client.is_closed());
    assert_eq!(child.wait().expect("it ends").code(), Some(2));
}

#[test]
fn a_submitted_message_gets_what_it_lacks() {
    let (folder, path) = users("sha512");
    let more = ["--param", "MSA-mode", "--param", "add-missing-fields"];
    let server = server(folder.path(), &file(&path), &more);
    let mut client = server.session();
    assert_eq!(client.ask(RIGHT).code, 235);
    let mut send = |octets: &[u8]| {
        let id = client.data(octets).id();
        String::from_utf8(spool(&folder).stored(&id).as_sent()).expect("text")
    };
    let added = send(b"Subject: x\r\n\r\nDate: in the body\r\n");
    let (header, body) = added.split_once("\r\n\r\n").expect("both");
    assert_eq!(body, "Date: in the body\r\n");
    let lines: Vec<&str> = header.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "Subject: x"), "{header}");
    assert!(lines[1].starts_with("Date: ") && lines[1].ends_with(" +0000"), "{header}");
    assert!(
        lines[2].starts_with("Message-ID: <") && lines[2].contains('@') && lines[2].ends_with('>'),
        "{header}"
    );
    let whole = "Date: Tue, 1 Dec 2026 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nx\r\n";
    assert_eq!(send(whole.as_bytes()), whole);
}

#[test]
fn dovecot_is_asked_over_its_socket() {
    let folder = postoffice();
    let path = folder.path().join("auth");
    let listener = UnixListener::bind(&path).expect("a place");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines().map_while(Result::ok);
            let say = |text: &str| (&stream).write_all(text.as_bytes()).expect("said");
            say("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tabc\nDONE\n");
            let asked = lines.find(|line| line.starts_with("AUTH\t")).unwrap_or_default();
            let yes = asked.contains("resp=AGFubgBwZW5jaWw=");
            say(if yes { "OK\t1\tuser=ann\n" } else { "FAIL\t1\tuser=ann\n" });
        }
    });
    let server = server(folder.path(), &format!("smtp-auth-dovecot {}", path.display()), &[]);
    let mut client = server.session();
    assert_eq!(client.ask(WRONG).code, 535);
    assert_eq!(client.ask(RIGHT).code, 235);
    std::fs::remove_file(&path).expect("there");
    assert_eq!(server.session().ask(RIGHT).code, 454);
}

#[test]
fn above_the_limit_all_logins_of_a_source_fail_and_only_they() {
    let (folder, path) = users("sha512");
    let server = server(folder.path(), &file(&path), &["--param", "auth-failrate 3"]);
    for _ in 0..4 {
        assert_eq!(server.session().ask(WRONG).code, 535);
    }
    let mut client: Client = server.session();
    let reply = client.ask(RIGHT);
    assert_eq!((reply.code, reply.text.trim()), (535, "5.7.8 AUTH: name or password is wrong"));
    assert_eq!(client.ask("MAIL FROM:<a@client.example>").code, 250);
}

#[test]
fn logins_that_nobody_can_check_are_refused_before_anything_listens() {
    let folder = postoffice();
    let spool = folder.path().to_str().expect("a path");
    let start = ["--foreground", "-p", "0", "-P", spool, "--param", "smtp-auth"];
    assert!(String::from_utf8_lossy(&output(&start).stderr).contains("nobody knows the users"));
    let missing = format!("smtp-auth-file {spool}/missing");
    let line = refusal(&[&start[..], &["--param", &missing]].concat());
    assert!(line.contains("missing"), "{line}");
}
