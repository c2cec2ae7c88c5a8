//! Law 1: what was answered with 250 survives. The server is killed in the middle of a load, again and again, and
//! nothing that it has promised may be missing, and nothing half-done may be visible.

use crate::client::Client;
use crate::server::{PATIENCE, Server, postoffice, spool};
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};

const ROUNDS: u32 = 20;
const SESSIONS: u32 = 6;

/// A message that says how long it is and whose it is, so that a part of it can be told from the whole.
fn message(name: &str, lines: u32) -> Vec<u8> {
    let mut out = format!("Subject: {name}\r\nX-Lines: {lines}\r\n\r\n").into_bytes();
    for number in 0..lines {
        out.extend_from_slice(
            format!("{name} line {number} of {lines}, and some more to fill it up\r\n").as_bytes(),
        );
    }
    out
}

/// Sends messages until the server is gone; tells of each that was accepted.
fn load(address: SocketAddr, round: u32, session: u32, accepted: &Sender<(String, Vec<u8>)>) {
    let mut client = Client::connect(address);
    let _ = client.try_reply();
    let _ = client.try_send(b"EHLO client.example\r\n").and_then(|()| client.try_reply().map(drop));
    let mut send = |number: u32| -> std::io::Result<()> {
        // From under one write to several pieces: all the ways that a draft can take.
        let lines = [3, 60, 900, 4000][usize::try_from((number + session) % 4).expect("small")];
        let octets = message(&format!("r{round}-s{session}-n{number}"), lines);
        for command in ["MAIL FROM:<ann@client.example>", "RCPT TO:<bob@local.example>"] {
            client.try_send(format!("{command}\r\n").as_bytes())?;
            client.try_reply()?;
        }
        client.try_send(format!("BDAT {} LAST\r\n", octets.len()).as_bytes())?;
        client.try_send(&octets)?;
        let reply = client.try_reply()?;
        assert_eq!(reply.code, 250, "{reply:?}");
        let _ = accepted.send((reply.id(), octets));
        Ok(())
    };
    let mut number = 0;
    while number < 10_000 && send(number).is_ok() {
        number += 1;
    }
}

#[test]
fn nothing_that_was_accepted_is_lost() {
    let postoffice = postoffice();
    let mut promises = Vec::new();
    for round in 0..ROUNDS {
        let mut server = Server::start(postoffice.path(), &[]);
        // When it greets, it has tidied up what the one before has left.
        drop(server.client());
        assert_eq!(crate::spool::files(&spool(&postoffice).public).len(), 0, "left over");
        let (accepted, ids) = channel();
        let address = server.address;
        let clients: Vec<_> = (0..SESSIONS)
            .map(|session| {
                let accepted = accepted.clone();
                std::thread::spawn(move || load(address, round, session, &accepted))
            })
            .collect();
        drop(accepted);
        // A different number each time, so that the blow falls at different places.
        for _ in 0..5 + round * 3 {
            promises.push(ids.recv_timeout(PATIENCE).expect("messages are accepted"));
        }
        server.child.kill().expect("the child is ours");
        server.end();
        for client in clients {
            client.join().expect("the client ends well");
        }
        promises.extend(ids.try_iter());
    }
    let spool = spool(&postoffice);
    for (id, octets) in &promises {
        assert!(spool.stored(id).as_sent() == *octets, "{id} is not what was sent");
    }
    for stored in spool.all() {
        let sent = stored.as_sent();
        let text = String::from_utf8(sent.clone()).expect("text");
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).expect("a field").to_string();
        let whole = message(&field("Subject: "), field("X-Lines: ").parse().expect("a number"));
        assert!(sent == whole, "a part of a message is visible");
    }
}
