//! What clients say that may be a password is in no log of the real program, whatever it was answered.

use crate::server::Server;
use crate::submission::users;

/// Each of them stands only in lines that are no business of a log.
const SECRETS: [&str; 6] = ["YW5u", "cGVuY2ls", "AGFubgBwZW5jaWw", "pencil", "crayon", "brush"];

#[test]
fn lines_behind_a_refused_login_are_in_no_log() {
    let (folder, file) = users("sha512");
    let file = format!("smtp-auth-file {}", file.display());
    let dialogue = folder.path().join("dialogue");
    let path = dialogue.to_string_lossy().into_owned();
    // AUTH is offered within TLS only, and this client does not wait for what it is told.
    let more = [
        "-l",
        &path,
        "-v",
        "-v",
        "--param",
        "smtp-auth",
        "--param",
        &file,
        "--param",
        "max-unknown-commands 100",
    ];
    let mut server = Server::start(folder.path(), &more);
    let mut client = server.session();
    let mut codes = Vec::new();
    client.send(b"AUTH LOGIN\r\nYW5u\r\ncGVuY2ls\r\nAUTH PLAIN AGFubgBwZW5jaWw=\n\r\n");
    (0..4).for_each(|_| codes.push(client.reply().code));
    for line in [
        "AUTHPLAIN AGFubgBwZW5jaWw=",
        " AUTH PLAIN AGFubgBwZW5jaWw=",
        "ZREPORT ann pencil DUMP",
        "Z-REPORTX ann crayon DUMP",
        "Z-REPORT ann brush DUMP",
        "QUIT",
    ] {
        codes.push(client.ask(line).code);
    }
    assert_eq!(codes, [538, 500, 500, 500, 500, 500, 500, 500, 500, 221]);
    assert!(client.is_closed());
    server.signal("TERM");
    assert!(server.end().success());
    let said: String = server.lines.iter().collect();
    let dialogue = std::fs::read_to_string(dialogue).expect("it is there");
    assert!(dialogue.contains("EHLO client.example") && dialogue.contains("AUTH ..."), "{dialogue}");
    assert!(dialogue.contains("QUIT"), "{dialogue}");
    for secret in SECRETS {
        assert!(!dialogue.contains(secret), "{secret}: {dialogue}");
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}
