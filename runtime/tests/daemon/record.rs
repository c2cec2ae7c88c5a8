//! Sessions with clients of every kind are recorded by the real program, several at a time on two threads, and come out
//! the same when they are replayed; what is secret is not in the files.

use crate::client::Client;
use crate::server::{PROGRAM, Server, output, postoffice, refusal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SECRET: &[u8] = b"Subject: Geheimnis\r\n\r\nDas Passwort ist sesam.\r\n.\r\n..\xfc\xdf\r\n";

/// What a kind of client is, and what it does.
type Kind = (&'static str, fn(Client));

/// The kinds of clients. Each takes a client that was greeted.
const KINDS: [Kind; 12] = [
    ("good", |mut client| {
        assert_eq!(client.ask("EHLO good.example").code, 250);
        for _ in 0..3 {
            assert_eq!(client.data(SECRET).code, 250);
        }
        assert_eq!(client.ask("QUIT").code, 221);
        assert!(client.is_closed());
    }),
    ("pipelining", |mut client| {
        let mut group = b"EHLO hasty.example\r\n".to_vec();
        for _ in 0..3 {
            group.extend_from_slice(
                b"MAIL FROM:<>\r\nRCPT TO:<bob@local.example>\r\nRCPT TO:<x@y.example>\r\n",
            );
            group.extend_from_slice(b"DATA\r\nGeheimnis\r\n.\r\n");
        }
        client.send(&group);
        client.send(b"QUIT\r\n");
        client.is_closed();
    }),
    ("chunking", |mut client| {
        assert_eq!(client.ask("EHLO chunks.example").code, 250);
        assert_eq!(client.bdat(&SECRET.repeat(3000), 70_001, " BODY=8BITMIME").code, 250);
        assert_eq!(client.bdat(&[0, 13, 10, 46, 200], 2, " BODY=BINARYMIME").code, 250);
        client.send(b"BDAT 9\r\nGeheimnisBDAT 4 LAST\r\nxx\r\nQUIT\r\n");
        client.is_closed();
    }),
    ("big", |mut client| {
        assert_eq!(client.ask("EHLO big.example").code, 250);
        assert_eq!(client.data(&b"Geheimnis, immer wieder\r\n".repeat(20_000)).code, 250);
    }),
    ("too big", |mut client| {
        assert_eq!(client.ask("EHLO big.example").code, 250);
        assert_eq!(client.data(&b"Geheimnis, immer wieder\r\n".repeat(30_000)).code, 552);
    }),
    ("broken", |mut client| {
        client.send(b"EHLO broken.example\nNOOP\r\n\xff\xfe\0\r\nAUTH PLAIN AGFubgBzZXNhbQ==\r\n");
        client.send(b"c2VzYW0=\r\nSubject: Geheimnis\r\nBDAT x\r\n");
        client.is_closed();
    }),
    ("tarpitted", |mut client| {
        assert_eq!(client.ask("EHLO guesser.example").code, 250);
        assert_eq!(client.ask("MAIL FROM:<ann@client.example>").code, 250);
        assert_eq!(client.ask("RCPT TO:<nobody@elsewhere.example>").code, 550);
    }),
    ("half-closing", |mut client| {
        client
            .send(b"EHLO half.example\r\nMAIL FROM:<ann@client.example>\r\nRCPT TO:<bob@local.example>\r\n");
        client.send(b"BDAT 11 LAST\r\nGeheimnis\r\n");
        client.close_write();
        for code in [250, 250, 250, 250] {
            assert_eq!(client.reply().code, code);
        }
        assert!(client.is_closed());
    }),
    ("gone in the message", |mut client| {
        assert_eq!(client.ask("EHLO gone.example").code, 250);
        client.open_transaction("");
        assert_eq!(client.ask("DATA").code, 354);
        client.send(b"Subject: Geheimnis\r\n\r\nhalf");
        client.reset();
    }),
    ("gone in a line", |mut client| {
        client.send(b"AUTH LOGIN sesam");
        client.close_write();
        assert!(client.is_closed());
    }),
    ("dribbling", |mut client| {
        for octet in
            b"HELO drib.example\r\nMAIL FROM:<>\r\nRCPT TO:<bob@local.example>\r\nDATA\r\n.\r\nQUIT\r\n"
        {
            client.send(&[*octet]);
        }
        client.is_closed();
    }),
    ("bare newlines", |mut client| {
        assert_eq!(client.ask("EHLO bare.example").code, 250);
        assert_eq!(client.data(b"Subject: Geheimnis\n\n.\nx\r\n").code, 550);
    }),
];

/// A server on two threads that records into `folder`.
fn recording(postoffice: &Path, folder: &Path, more: &[&str]) -> Server {
    let mut command = Command::new(PROGRAM);
    command.env("TOKIO_WORKER_THREADS", "2");
    command.args(["--foreground", "-p", "0", "--param", "localnames local.example", "-P"]).arg(postoffice);
    command.args(["--param", "tarpit 1 0.1 1.1", "--param", "maxsize 600000", "--param", "help a line"]);
    Server::run(command.arg("--record").arg(folder).args(more))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder was made");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn replay(files: &[PathBuf]) -> Output {
    Command::new(PROGRAM).arg("replay").args(files).output().expect("the program starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Clients of every kind, `times` over, all at once; then the server stops while one is still there.
fn day(folder: &Path, times: usize, more: &[&str]) -> Vec<PathBuf> {
    let postoffice = postoffice();
    let mut server = recording(postoffice.path(), folder, more);
    std::thread::scope(|scope| {
        for (_, kind) in KINDS.iter().cycle().take(KINDS.len() * times) {
            let address = server.address;
            scope.spawn(move || {
                let mut client = Client::connect(address);
                assert_eq!(client.reply().code, 220);
                kind(client);
            });
        }
    });
    let mut last = server.session();
    last.open_transaction("");
    server.signal("TERM");
    assert_eq!(last.reply().code, 421);
    assert!(last.is_closed());
    assert_eq!(server.end().code(), Some(0));
    files(folder)
}

#[test]
fn recorded_sessions_come_out_the_same_and_tell_no_secrets() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("recordings");
    let files = day(&folder, 3, &["-l", "/dev/null"]);
    assert_eq!(files.len(), KINDS.len() * 3 + 1);
    let output = replay(&files);
    let text = said(&output);
    assert_eq!(text.lines().filter(|line| line.contains(": equal: ")).count(), files.len(), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains('('), "a recording is not whole: {text}");
    for file in &files {
        let mode = std::fs::metadata(file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        let octets = std::fs::read(file).expect("readable");
        for secret in ["Geheimnis", "sesam", "AGFubgBzZXNhbQ", "c2VzYW0"] {
            let found = octets.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", file.display());
        }
    }
}

#[test]
fn messages_are_kept_when_asked_for_but_never_passwords() {
    let place = tempfile::tempdir().expect("a folder");
    let files = day(place.path(), 1, &["--record-bodies"]);
    let output = replay(&files);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let all: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).expect("readable")).collect();
    let holds = |text: &str| all.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("Das Passwort ist sesam.") && !holds("AGFubgBzZXNhbQ") && !holds("LOGIN sesam"));
}

#[test]
fn a_difference_is_shown_with_its_dialogue_and_damage_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let postoffice = postoffice();
    let folder = place.path().join("recordings");
    let server = recording(postoffice.path(), &folder, &[]);
    let mut client = server.session();
    assert_eq!(client.ask("QUIT").code, 221);
    assert!(client.is_closed());
    drop(server.client());
    server.signal("TERM");
    let mut server = server;
    assert_eq!(server.end().code(), Some(0));
    let first = files(&folder).swap_remove(0);
    let octets = std::fs::read(&first).expect("readable");

    let write = |name: &str, octets: &[u8]| {
        let path = place.path().join(name);
        std::fs::write(&path, octets).expect("written");
        vec![path]
    };
    let cut = replay(&write("cut", &octets[..octets.len() - 3]));
    assert_eq!(cut.status.code(), Some(0));
    assert!(said(&cut).contains(": equal: ") && said(&cut).contains("cut off: the end is missing"));
    for (name, octets, words) in [
        ("foreign", &b"From ann@client.example\n"[..], "not a recording of smtpserver"),
        ("newer", b"smtpserver recording 9\n", "a recording of format 9; this program knows format 2"),
        ("damaged", &[&octets[..octets.len() - 1], &[octets[octets.len() - 1] ^ 1]].concat(), "damaged: "),
    ] {
        let output = replay(&write(name, octets));
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(said(&output).contains(words), "{}", said(&output));
    }

    // As if the program of today offered less: the host's name is another one, and the end is missing.
    let text = octets.windows(5).position(|window| window == b"host ").expect("a header");
    let mut other = octets[..octets.len() - 3].to_vec();
    other.splice(text + 5..text + 5, *b"other-");
    let output = replay(&write("other", &other));
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for words in [
        ": NOT equal: ",
        "settings that this program does not know",
        ">>> recorded  \"",
        ">>> replayed  \"",
        "C: QUIT",
    ] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
}

#[test]
fn the_oldest_recordings_make_room() {
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("0-1.smtprec"), vec![0; 900_000]).expect("written");
    std::fs::write(place.path().join("mine.txt"), vec![0; 900_000]).expect("written");
    let postoffice = postoffice();
    let mut server = recording(postoffice.path(), place.path(), &["--record-max", "1"]);
    // Each takes more than a tenth of the room.
    for _ in 0..12 {
        let mut client = server.session();
        assert_eq!(client.data(&b"a line of a message\r\n".repeat(6000)).code, 250);
        assert_eq!(client.ask("QUIT").code, 221);
        assert!(client.is_closed());
    }
    // Too much for one.
    let mut client = server.session();
    for _ in 0..3 {
        assert_eq!(client.data(&b"a line of a message\r\n".repeat(6000)).code, 250);
    }
    drop(client);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let mut left = files(place.path());
    let mine = left.iter().position(|file| file.ends_with("mine.txt")).expect("files of others stay");
    left.remove(mine);
    let octets: u64 = left.iter().map(|file| std::fs::metadata(file).expect("a file").len()).sum();
    assert!((300_000..=1 << 20).contains(&octets), "{octets} octets in {} files", left.len());
    let output = replay(&left);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("no room for more"), "{}", said(&output));
}

#[test]
fn what_cannot_be_recorded_is_said_before_anything_listens() {
    let postoffice = postoffice();
    let path = postoffice.path().to_str().expect("a path");
    let line = refusal(&["--foreground", "-p", "0", "-P", path, "--record", "/no/such/place"]);
    assert!(line.contains("recordings cannot be written to /no/such/place"), "{line}");
    for args in [
        &["--record-bodies"][..],
        &["--record-max", "5"],
        &["--record", "x", "--record-max", "0"],
        &["replay"],
    ] {
        refusal(args);
    }
    assert_eq!(output(&["replay", "/no/such/file"]).status.code(), Some(2));
}
