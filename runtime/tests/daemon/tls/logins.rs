//! Logins within TLS: what is offered there, by certificate, and bound to the channel.

use super::teardown::{Stream, ask, connection};
use super::*;
use crate::server::PATIENCE;
use crate::submission::users;
use base64ct::{Base64, Encoding};
use std::net::TcpStream;

/// The client's part of a nonce.
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

/// Parameters of a site where the users of this file may log in.
fn lines(file: &std::path::Path, more: &str) -> String {
    format!("PARAM smtp-auth\nPARAM smtp-auth-sasl\nPARAM smtp-auth-file {}\n{more}", file.display())
}

#[test]
fn logins_are_offered_within_tls_only_and_what_was_said_before_is_no_login() {
    if !crate::is_here("openssl") {
        return;
    }
    let (_folder, file) = users("argon2id");
    let site = Site::new(&lines(&file, ""));
    let mut client = site.server().session();
    assert_eq!(client.ask("AUTH PLAIN AGFubgBwZW5jaWw=").code, 538);
    let said = site.openssl(
        true,
        &[],
        "EHLO client.example\r\nAUTH PLAIN AGFubgBwZW5jaWw=\r\nMAIL FROM:<ann@client.example>\r\nRCPT TO:<x@elsewhere.example>\r\nQUIT\r\n",
    );
    assert!(said.contains("AUTH PLAIN LOGIN") && said.contains("235 2.7.0"), "{said}");
    assert!(said.contains("250 2.1.5"), "{said}");
}

#[test]
fn a_certificate_is_a_login_if_somebody_trusted_has_signed_it() {
    if !crate::is_here("openssl") {
        return;
    }
    let (folder, file) = users("argon2id");
    let site = Site::new(&lines(&file, "PARAM tls-ask-cert 1"));
    let good = site.authority.client("good", "client.example", 10);
    let stranger = Authority::named(folder.path(), "stranger").client("stranger", "client.example", 10);
    for (made, wanted) in [(Some(&good), "235 2.7.0"), (Some(&stranger), "504 5.5.4"), (None, "504 5.5.4")] {
        let files = made.map(|made| (made.certificate.display().to_string(), made.key.display().to_string()));
        let options: Vec<&str> =
            files.iter().flat_map(|(own, key)| ["-cert", own.as_str(), "-key", key.as_str()]).collect();
        let said = site.openssl(false, &options, "EHLO client.example\r\nAUTH EXTERNAL =\r\nQUIT\r\n");
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

/// The proof of a password for all that was said, by arithmetic of somebody else's.
fn proof(password: &str, salt: &str, iterations: &str, said: &str) -> String {
    let program = "import sys, hashlib, hmac, base64 as b\n\
        p, s, i, m = sys.argv[1:]\n\
        k = hmac.new(hashlib.pbkdf2_hmac('sha256', p.encode(), b.b64decode(s), int(i)), b'Client Key', 'sha256').digest()\n\
        x = hmac.new(hashlib.sha256(k).digest(), m.encode(), 'sha256').digest()\n\
        print(b.b64encode(bytes(c ^ d for c, d in zip(k, x))).decode(), end='')";
    let output = Command::new("python3")
        .args(["-c", program, password, salt, iterations, said])
        .output()
        .expect("it starts");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_proof_is_bound_to_the_channel_and_worth_nothing_over_another() {
    if !crate::is_here("python3") {
        return;
    }
    let (_folder, file) = users("scram");
    let site = Site::new(&lines(&file, ""));
    for (spoiled, wanted) in [(false, "235 2.7.0"), (true, "535 5.7.8")] {
        let socket = TcpStream::connect(site.smtps).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        let mut stream = Stream::new(connection(&site), socket);
        assert!(ask(&mut stream, b"").starts_with("220 "));
        let offered = ask(&mut stream, b"EHLO client.example\r\n");
        assert!(offered.contains("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256"), "{offered}");
        let mut bound = [0_u8; 32];
        let label = b"EXPORTER-Channel-Binding";
        stream.conn.export_keying_material(&mut bound, label, Some(b"")).expect("exported");
        // As if somebody in between had another channel to us.
        bound[0] ^= u8::from(spoiled);
        let (header, bare) = ("p=tls-exporter,,", format!("n=ann,r={NONCE}"));
        let first = Base64::encode_string(format!("{header}{bare}").as_bytes());
        let challenge = ask(&mut stream, format!("AUTH SCRAM-SHA-256-PLUS {first}\r\n").as_bytes());
        let challenge = challenge.strip_prefix("334 ").expect("a challenge").trim();
        let challenge = String::from_utf8(Base64::decode_vec(challenge).expect("base64")).expect("text");
        let parts: Vec<&str> = challenge.split(',').map(|part| &part[2..]).collect();
        let binding = Base64::encode_string(&[header.as_bytes(), &bound].concat());
        let last = format!("c={binding},r={}", parts[0]);
        let proof = proof("pencil", parts[1], parts[2], &format!("{bare},{challenge},{last}"));
        let last = Base64::encode_string(format!("{last},p={proof}").as_bytes());
        let mut reply = ask(&mut stream, format!("{last}\r\n").as_bytes());
        if !spoiled {
            assert!(reply.starts_with("334 dj"), "{reply}");
            reply = ask(&mut stream, b"\r\n");
        }
        assert!(reply.starts_with(wanted), "{reply}");
    }
}
