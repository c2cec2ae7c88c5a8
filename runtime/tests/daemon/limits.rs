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
