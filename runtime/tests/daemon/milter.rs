//! Milters: a real one that signs, one of our own that changes all there is to change, and none at all.

use crate::client::Client;
use crate::server::{Server, postoffice, spool, wait_until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Nobody is asked for the name of a client: port 9 of this machine has no name server.
const NO_NAMES: [&str; 2] = ["--param", "resolver 127.0.0.1:9"];

fn start(folder: &Path, milters: &[&str], more: &[&str]) -> Server {
    let milters: Vec<String> = milters.iter().map(|milter| format!("milter {milter}")).collect();
    let mut args: Vec<&str> = milters.iter().flat_map(|milter| ["--param", milter]).collect();
    args.extend(NO_NAMES);
    args.extend(more);
    Server::start(folder, &args)
}

fn envelope(client: &mut Client) {
    assert_eq!(client.ask("MAIL FROM:<ann@client.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<bob@local.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<cyd@local.example>").code, 250);
}

fn send(client: &mut Client, body: &str) -> (u16, String) {
    envelope(client);
    assert_eq!(client.ask("DATA").code, 354);
    let message = format!("From: <ann@client.example>\r\nSubject: x\r\nX-Old: y\r\n\r\n{body}\r\n.");
    let reply = client.ask(&message);
    (reply.code, reply.text)
}

/// What openssl makes of octets.
fn piped(args: &[&str], octets: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    openssl.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = openssl.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(octets).expect("written");
    drop(stdin);
    child.wait_with_output().expect("it ends").stdout
}

/// A program that is ended with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn opendkim_signs_what_is_sent() {
    if !crate::is_here("opendkim") || !crate::is_here("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let key = Command::new("openssl").args(["genrsa", "-out"]).arg(path("key")).arg("2048").output();
    assert!(key.expect("it starts").status.success());
    let configuration = format!(
        "Socket local:{}\nDomain client.example\nSelector test\nKeyFile {}\nMode s\nRequireSafeKeys no\n\
         Canonicalization simple/simple\nSyslog no\n",
        path("socket").display(),
        path("key").display()
    );
    std::fs::write(path("conf"), configuration).expect("written");
    let milter = Command::new("opendkim")
        .args(["-f", "-x"])
        .arg(path("conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let _milter = Running(milter);
    wait_until("opendkim listens", || std::os::unix::net::UnixStream::connect(path("socket")).is_ok());
    let postoffice = postoffice();
    let server = start(postoffice.path(), &[&format!("unix:{}", path("socket").display())], &[]);
    let mut client = server.session();
    let body = "a line of the body\r\n".repeat(20_000);
    let (code, text) = send(&mut client, &body);
    assert_eq!(code, 250, "{text}");
    let stored = spool(&postoffice).all();
    assert_eq!(stored.len(), 1);
    let sent = String::from_utf8(stored[0].as_sent()).expect("text");
    assert!(sent.starts_with("DKIM-Signature: v=1; a=rsa-sha256;"), "{}", &sent[..200]);
    assert!(sent.contains(" d=client.example;") && sent.ends_with(&format!("\r\n\r\n{body}\r\n")));
    assert_eq!(stored[0].envelope.iter().filter(|line| line.starts_with("to ")).count(), 2);
    // Empty lines at the end do not count (RFC 6376 §3.4.3).
    let digest = piped(&["dgst", "-sha256", "-binary"], body.as_bytes());
    let tag: String = sent
        .split_once("bh=")
        .expect("a hash")
        .1
        .chars()
        .take_while(|c| *c != ';')
        .filter(|c| !c.is_whitespace())
        .collect();
    assert_eq!(tag.as_bytes(), piped(&["base64", "-A"], &digest));
}

/// A packet.
fn packet(what: u8, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 1).expect("short");
    [&length.to_be_bytes()[..], &[what], rest].concat()
}

/// Answers one conversation: a `c` to each stage, and this at the end. What was told, by its letters.
fn converse(mut stream: TcpStream, end: &[u8]) -> String {
    let mut told = String::new();
    loop {
        let mut length = [0; 4];
        if stream.read_exact(&mut length).is_err() {
            return told;
        }
        let mut packet = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("short")];
        stream.read_exact(&mut packet).expect("whole");
        told.push(char::from(packet[0]));
        let answer = match packet[0] {
            b'O' => self::packet(b'O', &[&packet[1..9], &[0, 0x10, 0, 0]].concat()),
            b'D' | b'Q' => continue,
            b'E' => end.to_vec(),
            _ => self::packet(b'c', &[]),
        };
        stream.write_all(&answer).expect("answered");
    }
}

#[test]
fn what_a_milter_wants_changed_is_changed_in_the_file_and_the_next_one_sees_it() {
    let first = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let second = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = |listener: &TcpListener| format!("inet:{}", listener.local_addr().expect("an address"));
    let addresses = [address(&first), address(&second)];
    let changes = [
        packet(b'h', b"X-Added\0 a\n\tb\0"),
        packet(b'i', b"\0\0\0\x01X-Top\0 c\0"),
        packet(b'm', b"\0\0\0\x01X-Old\0\0"),
        packet(b'm', b"\0\0\0\x01Subject\0 changed\0"),
        packet(b'-', b"<cyd@local.example>\0"),
        packet(b'+', b"<dan@archive.example>\0"),
        packet(b'e', b"<eve@client.example>\0"),
        packet(b'a', b""),
    ]
    .concat();
    let milters = std::thread::spawn(move || {
        let told = converse(first.accept().expect("asked").0, &changes);
        let refusal = packet(b'y', b"550 5.7.1 not here\0");
        let more = converse(second.accept().expect("asked").0, &packet(b'c', &[]));
        converse(first.accept().expect("asked").0, &packet(b'c', &[]));
        converse(second.accept().expect("asked").0, &refusal);
        (told, more)
    });
    let postoffice = postoffice();
    let server = start(postoffice.path(), &[&addresses[0], &addresses[1]], &[]);
    let mut client = server.session();
    assert_eq!(send(&mut client, "text").0, 250);
    let stored = spool(&postoffice).all();
    let text = String::from_utf8(stored[0].message.clone()).expect("text");
    assert_eq!(text, "X-Top: c\nFrom: <ann@client.example>\nSubject: changed\nX-Added: a\n\tb\n\ntext\n");
    let lines: Vec<&str> = stored[0]
        .envelope
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with("to ") || line.starts_with("from "))
        .collect();
    assert_eq!(lines, ["from <eve@client.example>", "to <bob@local.example>", "to <dan@archive.example>"]);
    assert_eq!(send(&mut client, "text"), (550, "5.7.1 not here".into()));
    let (told, more) = milters.join().expect("they ended well");
    assert_eq!(told, "ODCHDMDRDRTLLLNBDEQ");
    assert_eq!(
        more, "ODCHDMDRDRTLLLLNBDEQ",
        "what the first has left: one field and one recipient more, and less"
    );
    assert_eq!(spool(&postoffice).all().len(), 1);
    wait_until("nothing is left", || crate::spool::files(&postoffice.path().join("public")).is_empty());
}

#[test]
fn where_no_milter_is_nothing_is_taken_unless_the_operator_wants_it() {
    let postoffice = postoffice();
    let nobody = format!("unix:{}/nobody", postoffice.path().display());
    let server = start(postoffice.path(), &[&nobody], &[]);
    let (code, text) = send(&mut server.session(), "text");
    assert_eq!((code, text.starts_with("4.7.1 ")), (451, true), "{text}");
    wait_until("nothing is left", || spool(&postoffice).is_empty());
    drop(server);
    let server = start(postoffice.path(), &[&nobody], &["--param", "milter-failure accept"]);
    assert_eq!(send(&mut server.session(), "text").0, 250);
}
