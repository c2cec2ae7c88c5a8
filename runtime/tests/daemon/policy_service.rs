//! Policy services: a real greylister, one of our own that does each thing once, and none at all.

use crate::client::Client;
use crate::server::{Server, postoffice, spool, wait_until};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Nobody is asked for the name of a client: port 9 of this machine has no name server.
const NO_NAMES: [&str; 2] = ["--param", "resolver 127.0.0.1:9"];

fn start(folder: &Path, service: &str) -> Server {
    let service = format!("policy-service {service}");
    Server::start(folder, &["--param", &service, NO_NAMES[0], NO_NAMES[1]])
}

fn mail(client: &mut Client) {
    assert_eq!(client.ask("MAIL FROM:<ann@client.example>").code, 250);
}

fn send(client: &mut Client) {
    assert_eq!(client.ask("DATA").code, 354);
    assert_eq!(client.ask("Subject: x\r\n\r\ntext\r\n.").code, 250);
}

/// A greylister, ended with this.
struct Postgrey(Child);

impl Postgrey {
    fn start(folder: &Path) -> Option<Postgrey> {
        if !crate::is_here("postgrey") {
            return None;
        }
        let id = |option: &str| {
            let output = Command::new("id").arg(option).output().expect("id is everywhere");
            String::from_utf8(output.stdout).expect("a name").trim().to_owned()
        };
        let (user, group) = (id("-un"), id("-gn"));
        let socket = folder.join("postgrey.sock");
        let child = Command::new("postgrey")
            .arg(format!("--unix={}", socket.display()))
            .arg(format!("--dbdir={}", folder.display()))
            .args([format!("--user={user}"), format!("--group={group}")])
            .args(["--delay=1", "--greylist-text=come again in a second"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let postgrey = Postgrey(child);
        wait_until("postgrey listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Some(postgrey)
    }
}

impl Drop for Postgrey {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn postgrey_lets_a_stranger_come_again_and_then_marks_what_it_delayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(_postgrey) = Postgrey::start(folder.path()) else { return };
    let postoffice = postoffice();
    let server = start(postoffice.path(), &format!("unix:{}/postgrey.sock", folder.path().display()));
    let mut client = server.session();
    mail(&mut client);
    let reply = client.ask("RCPT TO:<bob@local.example>");
    assert_eq!((reply.code, reply.text.contains("come again in a second")), (450, true), "{}", reply.text);
    wait_until("it is let in", || client.ask("RCPT TO:<bob@local.example>").code == 250);
    send(&mut client);
    let stored = spool(&postoffice).all();
    assert_eq!(stored.len(), 1);
    let head = String::from_utf8_lossy(&stored[0].received).into_owned();
    assert!(head.starts_with("X-Greylist: delayed "), "{head}");
}

#[test]
fn a_service_on_a_port_is_asked_over_one_connection_and_found_again_when_it_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("an address");
    // What it answers, one connection after the other; then it hangs up.
    let connections: [&[&str]; 2] =
        [&["action=DUNNO", "action=REJECT not you"], &["action=PREPEND X-Seen: yes", "action=NONSENSE"]];
    let service = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answers in connections {
            let (mut stream, _) = listener.accept().expect("asked");
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            for answer in answers {
                let mut request = String::new();
                while !request.ends_with("\n\n") {
                    assert!(reader.read_line(&mut request).expect("read") > 0, "the connection is kept");
                }
                asked.push(request);
                stream.write_all(format!("{answer}\n\n").as_bytes()).expect("answered");
            }
        }
        asked
    });
    let postoffice = postoffice();
    let server = start(postoffice.path(), &format!("inet:{address}"));
    let mut client = server.session();
    mail(&mut client);
    assert_eq!(client.ask("RCPT TO:<bob@local.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<eve@local.example>").text, "5.7.1 not you");
    assert_eq!(client.ask("RCPT TO:<\"a b\"@local.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<cyd@local.example>").code, 451);
    server.wait_for("policy-service: answered with an action that is not known: NONSENSE");
    send(&mut client);
    let asked = service.join().expect("it ended well");
    assert!(asked[0].starts_with("request=smtpd_access_policy\nclient_name="), "{}", asked[0]);
    for line in ["client_address=127.0.0.1", "helo_name=client.example", "sender=ann@client.example"] {
        assert!(asked.iter().all(|asked| asked.contains(&format!("\n{line}\n"))), "{line}: {asked:?}");
    }
    assert!(spool(&postoffice).all()[0].received.starts_with(b"X-Seen: yes\nReceived: "));
}

#[test]
fn where_no_service_listens_the_client_comes_again() {
    let postoffice = postoffice();
    let server = start(postoffice.path(), &format!("unix:{}/nothing", postoffice.path().display()));
    let mut client = server.session();
    mail(&mut client);
    let reply = client.ask("RCPT TO:<bob@local.example>");
    assert_eq!((reply.code, reply.text.starts_with("4.3.0 ")), (451, true), "{}", reply.text);
    server.wait_for("cannot be reached");
}
