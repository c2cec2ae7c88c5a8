//! Behind a balancer: who the client is comes from the PROXY header or from XCLIENT, and everything else from that.

use crate::client::Client;
use crate::server::{Server, postoffice, spool};

const TRUSTED: [&str; 4] = ["--param", "proxy-from 127.0.0.0/8", "--param", "DEBUGcmd"];

/// A client whose connection begins with these octets.
fn passed_on(server: &Server, header: &[u8]) -> Client {
    let mut client = Client::connect(server.address);
    client.send(header);
    client
}

#[test]
fn the_client_is_the_one_in_the_header() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &TRUSTED);
    let mut client = passed_on(&server, b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 25\r\n");
    assert_eq!(client.reply().code, 220);
    assert!(client.ask("DEBUG").text.contains("client 203.0.113.9:4711 to 198.51.100.1:25"));
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(client.data(b"Subject: hi\r\n\r\n").code, 250);
    let received = &spool(&postoffice).all()[0].received;
    assert!(String::from_utf8_lossy(received).contains("client.example ([203.0.113.9])"));

    let mut six = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24".to_vec();
    six.extend_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    six.extend_from_slice(&[0; 16]);
    six.extend_from_slice(&[0x12, 0x67, 0, 25]);
    let mut client = passed_on(&server, &six);
    assert_eq!(client.reply().code, 220);
    assert!(client.ask("DEBUG").text.contains("client [2001:db8::7]:4711 "));
}

#[test]
fn what_comes_right_behind_the_header_is_heard() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &TRUSTED);
    let mut client = passed_on(&server, b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00NOOP\r\nNO");
    assert_eq!(client.reply().code, 220);
    assert!(client.reply().text.contains("NOOP ok"));
    client.send(b"OP\r\n");
    assert_eq!(client.reply().code, 250);
    assert!(
        client.ask("DEBUG").text.contains("client 127.0.0.1:"),
        "a check of health is the balancer's own"
    );
}

#[test]
fn a_header_cut_into_octets_is_a_header() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &TRUSTED);
    let mut client = Client::connect(server.address);
    for octet in b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 25\r\n" {
        client.send(&[*octet]);
    }
    assert_eq!(client.reply().code, 220);
}

#[test]
fn what_is_no_header_is_closed_without_a_word() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &TRUSTED);
    for octets in [
        &b"EHLO client.example\r\n"[..],
        b"PROXY TCP4 203.0.113.9 198.51.100.1 4711\r\n",
        b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 25\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04\x01\x02\x03\x04",
        &[b'P'; 5_000],
    ] {
        let mut client = Client::connect(server.address);
        // It may be gone before all is said.
        let _ = client.try_send(octets);
        assert!(client.try_reply().is_err(), "{}", octets.escape_ascii());
    }
    let mut client = passed_on(&server, b"PROXY UNKNOWN\r\n");
    assert_eq!(client.reply().code, 220, "the server goes on");
}

#[test]
fn limits_count_the_clients_and_not_the_balancer() {
    let postoffice = postoffice();
    let more = [&TRUSTED[..], &["--param", "MaxSameIpSource 1"]].concat();
    let server = Server::start(postoffice.path(), &more);
    let from = |last: u8| {
        let mut client = Client::connect(server.address);
        client.send(format!("PROXY TCP4 203.0.113.{last} 198.51.100.1 4711 25\r\n").as_bytes());
        (client.reply().code, client)
    };
    let (one, _held) = from(1);
    let (two, _held_too) = from(2);
    let (again, mut told) = from(1);
    assert_eq!((one, two, again), (220, 220, 450));
    assert!(told.is_closed());
}

#[test]
fn a_stranger_is_a_client_whatever_it_says() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &["--param", "proxy-from 203.0.113.0/24"]);
    let mut client = passed_on(&server, b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 25\r\n");
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.reply().code, 500);
}

#[test]
fn xclient_moves_a_connection_to_its_client() {
    let postoffice = postoffice();
    let log = postoffice.path().join("log");
    let mut server = Server::start(
        postoffice.path(),
        &[
            "--param",
            "xclient-from 127.0.0.0/8",
            "--param",
            "MaxSameIpSource 1",
            "-l",
            log.to_str().expect("text"),
        ],
    );
    let mut held = Vec::new();
    for (last, code) in [(1, 220), (2, 220), (1, 450)] {
        // Before it is said, the proxy's own address counts for nothing.
        let mut client = server.client();
        assert_eq!(client.ask(&format!("XCLIENT ADDR=203.0.113.{last} PORT=25")).code, code);
        held.push(client);
    }
    drop(held);
    server.signal("TERM");
    assert!(server.end().success());
    let log = std::fs::read_to_string(log).expect("the session log");
    assert!(log.contains("connection from [203.0.113.2]"), "{log}");
}
