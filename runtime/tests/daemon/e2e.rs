//! What is stored is what was sent, octet for octet; what cannot be stored so is refused, and nothing of it stays.

use crate::server::{Server, postoffice, spool, wait_until};

/// Messages written for the purpose: a name, and octets with CRLF line ends.
fn messages() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = [
        ("empty", &b""[..]),
        ("one empty line", b"\r\n"),
        ("two empty lines", b"\r\n\r\n"),
        ("header only", b"Subject: x\r\n"),
        ("header and no body", b"Subject: x\r\n\r\n"),
        ("no header", b"\r\nbody\r\n"),
        ("a line that is no field", b"this is not a header\r\n\r\nbody\r\n"),
        ("mbox line first", b"From ann Mon Nov 23 05:40:39 2026\r\nSubject: x\r\n\r\nbody\r\n"),
        ("continuation first", b" folded\r\nSubject: x\r\n\r\nbody\r\n"),
        ("field folded over blank-only lines", b"Subject: a\r\n \r\n\t\r\n b\r\n\r\nbody\r\n"),
        ("field without a value", b"Subject:\r\nX-Empty: \r\n\r\nbody\r\n"),
        ("line that begins with a colon", b": odd\r\n\r\nbody\r\n"),
        (
            "received fields of others",
            b"Received: from a by b; Mon, 23 Nov 2026 05:40:39 +0000\r\n\r\nbody\r\n",
        ),
        ("a line like the end of an envelope", b"env-end\r\n\r\nenv-end\r\n"),
        ("lines like envelope lines", b"from <mallory@client.example>\r\nto <victim@local.example>\r\n\r\n"),
        ("one dot", b".\r\n"),
        ("dots", b"..\r\n...\r\n.\r\n.x\r\n..x\r\n"),
        ("dot lines between empty ones", b"\r\n.\r\n\r\n.\r\n\r\n"),
        ("dot at the end of a line", b"Subject: x\r\n\r\nends.\r\n.\r\nends.\r\n"),
        ("what looks like commands", b"Subject: x\r\n\r\nQUIT\r\n.QUIT\r\nRSET\r\n"),
        (
            "eight-bit text",
            "Subject: Gr\u{fc}\u{df}e\r\n\r\n\u{e4}\u{f6}\u{fc} \u{65e5}\u{672c}\r\n".as_bytes(),
        ),
        ("eight-bit octets that are no text", b"Subject: \xff\xfe\r\n\r\n\x80\x81\xfe\xff\r\n"),
        ("all control characters but the forbidden", b"\r\n\x01\x02\x07\x08\x0b\x0c\x0e\x1a\x1b[2J\x7f\r\n"),
        ("tabs and blanks at line ends", b"Subject: x \t\r\n\r\n \t \r\nword \r\n\t\r\n"),
        ("broken multipart", b"Content-Type: multipart/mixed; boundary=\"\r\n\r\n--\r\n--\"--\r\n"),
        (
            "quoted printable with soft breaks",
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\na=\r\n.=\r\n",
        ),
        ("base64 with junk", b"Content-Transfer-Encoding: base64\r\n\r\n....\r\n====\r\n"),
    ]
    .map(|(name, octets)| (name.to_string(), octets.to_vec()))
    .into();
    // A dot line on either side of the borders at which buffers end.
    for border in [4096usize, 16_384, 65_536, 131_072] {
        for offset in [-3isize, -2, -1, 0, 1, 2] {
            let place = border.checked_add_signed(offset).expect("above zero");
            let mut octets = filler(place - 2);
            octets.extend_from_slice(b"\r\n.\r\n..\r\nrest\r\n");
            all.push((format!("dots at {place}"), octets));
        }
    }
    all.push(("a line of 998".into(), line(998)));
    all.push(("a line of 100,000".into(), line(100_000)));
    all.push(("a line of 100,000 dots".into(), [vec![b'.'; 100_000], b"\r\n".to_vec()].concat()));
    all.push(("many short lines".into(), b"a\r\n".repeat(100_000)));
    all.push(("1 MiB".into(), [filler(1 << 20), b"\r\n".to_vec()].concat()));
    all.push(("20 MiB".into(), [filler(20 << 20), b"\r\n".to_vec()].concat()));
    all
}

fn line(length: usize) -> Vec<u8> {
    [vec![b'x'; length], b"\r\n".to_vec()].concat()
}

/// Text of exactly this many octets, in lines of 70 and one of another length at the end, without its line end.
fn filler(octets: usize) -> Vec<u8> {
    let mut out = b"Subject: filler\r\n\r\n".to_vec();
    out.truncate(octets);
    let mut number = 0;
    while out.len() + 72 < octets {
        number += 1;
        out.extend_from_slice(format!("{number:070}\r\n").as_bytes());
    }
    out.resize(octets, b'y');
    out
}

#[test]
fn every_octet_is_stored_as_it_was_sent() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let mut client = server.session();
    for (name, octets) in messages() {
        // Odd sizes; single octets only where that takes no minutes.
        let chunks: &[usize] = if octets.len() < 200 { &[1, 7] } else { &[4099, 65_537, 1_000_003] };
        let mut replies = vec![("DATA".to_string(), client.data(&octets))];
        for size in chunks.iter().filter(|size| octets.len() / **size < 1000) {
            replies.push((format!("BDAT by {size}"), client.bdat(&octets, *size, " BODY=8BITMIME")));
        }
        for (way, reply) in replies {
            assert_eq!(reply.code, 250, "{name} by {way}: {reply:?}");
            let stored = spool(&postoffice).stored(&reply.id());
            assert!(stored.as_sent() == octets, "{name} by {way} was changed");
            assert!(stored.received.starts_with(b"Received: from client.example ([127.0.0.1])"));
            assert!(stored.envelope.contains(&"from <ann@client.example>".to_string()));
            assert!(stored.envelope.contains(&"to <bob@local.example>".to_string()));
        }
    }
    assert!(crate::spool::files(&spool(&postoffice).public).is_empty());
}

#[test]
fn binary_messages_are_stored_untouched() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let mut client = server.session();
    let every_octet: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for octets in [&b"Subject: x\n\rbare\r\n\0\r\n.\r\n\n.\n"[..], &every_octet, b"no line end", b""] {
        for size in [1009, 65_536] {
            let reply = client.bdat(octets, size, " BODY=BINARYMIME");
            let stored = spool(&postoffice).stored(&reply.id());
            assert!(stored.message == octets, "changed: {:?}", octets.escape_ascii().to_string());
            assert!(stored.envelope.contains(&"bodytype BINARYMIME".to_string()));
        }
    }
}

#[test]
fn bare_line_ends_and_nul_are_refused_and_nothing_is_stored() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let mut client = server.session();
    let long = filler(200_000);
    for bad in [&b"\n"[..], b"\r", b"\0", b"\r\r\n", b"\n.\n", b"\r.\r", b"\n\r\n", b"\r\n.\n", b"\n.\r\n"] {
        for head in [&b""[..], b"Subject: x\r\n\r\n", &long] {
            for message in [[head, bad, b"rest\r\n"].concat(), [head, b"\r\n", bad, b"x\r\n"].concat()] {
                for reply in [client.data(&message), client.bdat(&message, 70_001, "")] {
                    assert_eq!(reply.code, 550, "{:?}: {reply:?}", bad.escape_ascii().to_string());
                    assert!(reply.text.starts_with("5.5.2 "), "{reply:?}");
                }
            }
        }
        // What was refused in a chunk ends with RSET.
        assert_eq!(client.ask("RSET").code, 250);
    }
    assert_eq!(client.ask("QUIT").code, 221);
    assert!(client.is_closed());
    assert!(crate::spool::files(&spool(&postoffice).router).is_empty());
    // What was begun is removed behind the reply.
    wait_until("nothing is left", || spool(&postoffice).is_empty());
}

#[test]
fn two_messages_of_one_group_are_two_messages() {
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let mut client = server.session();
    let group = "MAIL FROM:<>\r\nRCPT TO:<bob@local.example>\r\nBDAT 5 LAST\r\none\r\n\
                 MAIL FROM:<ann@client.example>\r\nRCPT TO:<bob@local.example>\r\nBDAT 5 LAST\r\ntwo\r\nQUIT\r\n";
    client.send(group.as_bytes());
    let replies: Vec<_> = (0..7).map(|_| client.reply()).collect();
    assert_eq!(
        replies.iter().map(|reply| reply.code).collect::<Vec<_>>(),
        [250, 250, 250, 250, 250, 250, 221]
    );
    let spool = spool(&postoffice);
    assert_eq!(spool.stored(&replies[2].id()).as_sent(), b"one\r\n");
    assert_eq!(spool.stored(&replies[5].id()).as_sent(), b"two\r\n");
    assert!(client.is_closed());
}
