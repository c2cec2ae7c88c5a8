//! Limits of connections: whoever is one too many is told so, and whatever ends gives its place back.

use crate::client::Client;
use crate::server::{Server, postoffice};
use std::time::Duration;

#[test]
fn one_connection_too_many_is_told_so() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &["--param", "MaxSameIpSource 2"]);
    let first = server.session();
    let _second = server.session();
    let mut third = Client::connect(server.address);
    assert_eq!(third.reply().code, 450);
    assert!(third.is_closed());
    drop(first);
    assert!(comes_in(&server), "the place of the first was not given back");
}

#[test]
fn every_way_to_leave_gives_the_place_back() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &["--param", "MaxSameIpSource 1"]);
    let ways: [fn(Client); 5] = [
        Client::reset,
        drop,
        |mut client| assert_eq!(client.ask("QUIT").code, 221),
        |mut client| {
            client.open_transaction("");
            assert_eq!(client.ask("DATA").code, 354);
            client.send(&b"a line\r\n".repeat(30_000));
            client.reset();
        },
        |mut client| {
            // Gone before the answer to a message comes.
            client.open_transaction("");
            client.send(b"BDAT 8 LAST\r\na line\r\n");
            client.reset();
        },
    ];
    for leave in ways.iter().cycle().take(25) {
        assert!(comes_in(&server), "a place was not given back");
        let mut client = entered(&server).expect("the place is free");
        assert_eq!(client.ask("EHLO client.example").code, 250);
        leave(client);
    }
}

/// A client that was let in.
fn entered(server: &Server) -> Option<Client> {
    for _ in 0..500 {
        let mut client = Client::connect(server.address);
        match client.try_reply() {
            Ok(reply) if reply.code == 220 => return Some(client),
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    None
}

fn comes_in(server: &Server) -> bool {
    entered(server).is_some()
}

#[test]
fn without_descriptors_clients_wait_and_it_is_said_once() {
    let postoffice = crate::server::postoffice();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", r#"ulimit -n 40; exec "$0" "$@""#, crate::server::PROGRAM])
        .args(["--foreground", "-p", "0", "-P"])
        .arg(postoffice.path());
    let mut server = Server::run(&mut command);
    let mut clients: Vec<_> = (0..60).map(|_| Client::connect(server.address)).collect();
    server.wait_for("cannot accept connections for now");
    // It tries again at least twice.
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(clients[0].reply().code, 220);
    // Whoever goes makes room for whoever waits; everybody is served in the end.
    for mut client in clients.drain(1..) {
        assert_eq!(client.reply().code, 220);
        assert_eq!(client.ask("QUIT").code, 221);
    }
    server.wait_for("accepted again");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    assert!(server.lines.iter().filter(|line| line.contains("cannot accept")).count() < 10);
}
