//! The demonstration says what it does, and the lines that it prints for pasting work.

use crate::server::{PROGRAM, Server, postoffice};
use std::process::Command;

#[test]
fn the_printed_line_works_when_it_is_pasted() {
    let folder = postoffice();
    let mut command = Command::new(PROGRAM);
    // The spool's folder is made by the demonstration itself.
    command.args(["demo", "--listen", "127.0.0.1:0", "-P", "new/postoffice"]).current_dir(folder.path());
    let mut server = Server::run(&mut command);
    let curl = server.wait_for("curl");
    let swaks = server.wait_for("swaks");
    let (within, from_the_first) = (server.wait_for("--ssl-reqd"), server.wait_for("smtps://"));
    let login = server.wait_for("-u demo:");
    server.wait_for("Ctrl-C");
    assert!(swaks.contains(&server.address.to_string()), "{swaks}");
    let router = folder.path().canonicalize().expect("a path").join("new/postoffice/router");
    let mut messages = 1;
    if crate::is_here("curl") {
        let pasted = Command::new("sh").args(["-c", curl.trim()]).status().expect("a shell");
        assert!(pasted.success(), "{curl}");
        let line = server.wait_for("octets from");
        let file = line.rsplit_once(": ").expect("a file").1;
        assert!(line.contains("from ann@example.org to bob@example.net"), "{line}");
        assert!(std::path::Path::new(file).starts_with(&router), "{line}");
        assert!(std::fs::read_to_string(file).expect("the file").ends_with("Subject: hello\n\nIt works.\n"));
        messages += 1;
    }
    for tls in [&within, &from_the_first] {
        if crate::is_here("curl") {
            let pasted = Command::new("sh").args(["-c", tls.trim()]).status().expect("a shell");
            assert!(pasted.success(), "{tls}");
            server.wait_for("octets from");
            messages += 1;
        }
    }
    if crate::is_here("curl") {
        let pasted = Command::new("sh").args(["-c", login.trim()]).output().expect("a shell");
        assert!(pasted.status.success(), "{login}: {}", String::from_utf8_lossy(&pasted.stdout));
        server.wait_for("octets from");
        messages += 1;
    }
    let mut client = server.session();
    assert_eq!(client.ask("MAIL FROM:<>").code, 250);
    assert_eq!(client.ask("RCPT TO:<anybody@anywhere.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<else@anywhere.example>").code, 250);
    assert_eq!(client.ask("DATA").code, 354);
    client.send(b"Subject: report\r\n.\r\n");
    assert_eq!(client.reply().code, 250);
    let line = server.wait_for("octets from");
    assert!(line.contains("nobody (a report) to anybody@anywhere.example and 1 more"), "{line}");
    drop(client);
    server.signal("INT");
    let last = server.wait_for("Stopped.");
    let wanted = if messages == 1 { "One message".into() } else { format!("{messages} messages") };
    assert!(last.contains(&wanted), "{last}");
    assert_eq!(server.end().code(), Some(0));
}
