//! The seam between clear text and TLS, and connections that end where they should not.
#![expect(clippy::disallowed_methods, reason = "real waits are measured")]

use super::*;
use crate::server::PATIENCE;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) type Stream = StreamOwned<ClientConnection, TcpStream>;

pub(super) fn connection(site: &Site) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_file(site.authority.file()).expect("a certificate");
    roots.add(own).expect("fit");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("mx.example").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

pub(super) fn ask(stream: &mut Stream, octets: &[u8]) -> String {
    stream.write_all(octets).expect("written");
    let mut reply = [0; 4096];
    let length = stream.read(&mut reply).expect("a reply");
    String::from_utf8_lossy(&reply[..length]).into_owned()
}

/// A client of SMTPS with a recipient admitted.
fn addressed(site: &Site) -> Stream {
    let socket = TcpStream::connect(site.smtps).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    let mut stream = StreamOwned::new(connection(site), socket);
    assert!(ask(&mut stream, b"").starts_with("220 "));
    for command in ["EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@local.example>"] {
        assert!(ask(&mut stream, format!("{command}\r\n").as_bytes()).starts_with("250"), "{command}");
    }
    stream
}

#[test]
fn an_end_in_the_middle_of_a_message_stores_nothing() {
    let mut site = Site::new("");
    let messages: [&[&[u8]]; 4] = [
        &[b"DATA\r\n", b"Subject: x\r\n\r\nx\r\n.\r"],
        &[b"DATA\r\n", b"Subject: x\r\n\r\nx\r\n"],
        &[b"BDAT 12\r\nSubject: x\r\n", b"BDAT 100 LAST\r\nx"],
        &[b"BDAT 12\r\nSubject: x\r\n"],
    ];
    let rest = b"\n\r\n.\r\nMAIL FROM:<eve@client.example>\r\nQUIT\r\n";
    for message in messages {
        for orderly in [true, false] {
            let mut stream = addressed(&site);
            for (index, part) in message.iter().enumerate() {
                if index == 0 {
                    ask(&mut stream, part);
                } else {
                    stream.write_all(part).expect("written");
                    stream.flush().expect("written");
                }
            }
            if orderly {
                stream.conn.send_close_notify();
                let _ = stream.conn.write_tls(&mut stream.sock);
            }
            // In clear text, and in another direction than any key.
            let _ = stream.sock.write_all(rest);
            let _ = stream.sock.shutdown(Shutdown::Write);
            // No reply that says yes comes back, within TLS or without.
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard);
            assert!(!String::from_utf8_lossy(&heard).contains("250"), "{}", heard.escape_ascii());
        }
    }
    site.server().signal("TERM");
    assert!(site.server.as_mut().expect("it runs").end().success());
    assert_eq!(site.messages(), 0);
}

#[test]
fn what_was_sent_ahead_of_the_handshake_is_never_obeyed() {
    let site = Site::new("");
    let mut client = site.server().session();
    client.send(b"STARTTLS\r\nMAIL FROM:<eve@client.example>\r\n");
    assert_eq!(client.reply().code, 554);
    assert!(client.is_closed());
    // What comes where the handshake is due is no command either.
    let mut client = turned(&site);
    client.send(b"MAIL FROM:<eve@client.example>\r\nQUIT\r\n");
    let heard = client.rest();
    assert!(!String::from_utf8_lossy(&heard).contains("250 "), "{}", heard.escape_ascii());
}

#[test]
fn a_handshake_has_its_time() {
    let site = Site::new("PARAM timeout-handshake 0.5");
    for mut client in [turned(&site), Client::connect(site.smtps)] {
        let before = Instant::now();
        assert!(client.is_closed());
        assert!(before.elapsed() < PATIENCE);
    }
}

#[test]
fn many_handshakes_leave_others_their_server() {
    let site = Site::new("PARAM tls-handshakes-max 0");
    let address = site.smtps;
    let mut hello = Vec::new();
    connection(&site).write_tls(&mut hello).expect("a hello");
    let stop = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..8)
        .map(|_| {
            let (stop, hello) = (stop.clone(), hello.clone());
            std::thread::spawn(move || {
                let mut count = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    // It costs us a signature, and nothing follows it.
                    let mut stream = TcpStream::connect(address).expect("a connection");
                    stream.write_all(&hello).expect("written");
                    let _ = stream.read(&mut [0; 256]);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut client = site.server().session();
    let mut waits: Vec<Duration> = (0..200)
        .map(|_| {
            let before = Instant::now();
            assert_eq!(client.ask("NOOP").code, 250);
            before.elapsed()
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    let begun: u32 = flood.into_iter().map(|one| one.join().expect("it ends")).sum();
    waits.sort();
    // Nine of ten, so that a machine that is busy with other things changes nothing.
    assert!(
        begun > 0 && waits[180] < Duration::from_secs(1),
        "{begun} handshakes, NOOP took {:?}",
        waits[180]
    );
}

#[test]
fn a_source_has_so_many_handshakes() {
    let site = Site::new("PARAM tls-handshakes-max 2");
    for _ in 0..2 {
        turned(&site);
    }
    let mut client = site.server().session();
    assert_eq!(client.ask("STARTTLS").code, 454);
    assert_eq!(client.ask("NOOP").code, 250, "in clear text it goes on");
    assert!(Client::connect(site.smtps).is_closed());
}
