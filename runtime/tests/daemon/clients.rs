//! Clients that other people wrote.

use crate::server::{PROGRAM, Server, postoffice, spool};
use std::process::{Command, Output};

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    let text = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&text));
    output
}

#[test]
fn swaks() {
    if !crate::is_here("swaks") {
        return;
    }
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let address = server.address.to_string();
    let to = ["--to", "bob@local.example", "--server", &address];
    for more in [&["--body", "It works."][..], &["--pipeline"], &["--ehlo", "[127.0.0.1]"]] {
        run(Command::new("swaks").args(to).args(more));
    }
    let elsewhere =
        Command::new("swaks").args(["--to", "x@elsewhere.example", "--server", &address]).output();
    assert!(!elsewhere.expect("it starts").status.success(), "an open relay");
    let stored = spool(&postoffice).all();
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().any(|stored| stored.as_sent().ends_with(b"\r\n\r\nIt works.\r\n\r\n\r\n")));
}

#[test]
fn curl() {
    if !crate::is_here("curl") {
        return;
    }
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let message = postoffice.path().join("message");
    let octets = b"Subject: curl\r\n\r\n.\r\n..\r\ndots\r\n";
    std::fs::write(&message, octets).expect("written");
    run(Command::new("curl")
        .arg("-sS")
        .arg(format!("smtp://{}", server.address))
        .args(["--mail-from", "ann@client.example", "--mail-rcpt", "bob@local.example", "-T"])
        .arg(&message));
    let stored = spool(&postoffice).all();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].as_sent(), octets);
}

#[test]
fn python_smtplib() {
    if !crate::is_here("python3") {
        return;
    }
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let program = format!(
        "import smtplib\n\
         with smtplib.SMTP('127.0.0.1', {}) as s:\n\
         \x20   s.ehlo()\n\
         \x20   assert s.has_extn('8bitmime') and s.has_extn('dsn'), s.esmtp_features\n\
         \x20   refused = s.sendmail('ann@client.example', ['bob@local.example', 'x@elsewhere.example'],\n\
         \x20       'Subject: h\\u00e9\\r\\n\\r\\n.\\r\\nlast\\r\\n'.encode(), mail_options=['BODY=8BITMIME'])\n\
         \x20   assert list(refused) == ['x@elsewhere.example'], refused\n",
        server.address.port()
    );
    run(Command::new("python3").args(["-c", &program]));
    let stored = spool(&postoffice).all();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].as_sent(), "Subject: h\u{e9}\r\n\r\n.\r\nlast\r\n".as_bytes());
    assert!(stored[0].envelope.contains(&"bodytype 8BITMIME".to_string()));
}

#[test]
fn smtp_source_sends_a_flood() {
    let program = ["/usr/sbin/smtp-source", "/usr/bin/smtp-source"]
        .into_iter()
        .find(|p| std::path::Path::new(p).is_file());
    let Some(program) = program else {
        return crate::skipped("smtp-source (Postfix) is not installed");
    };
    let postoffice = postoffice();
    let server = Server::start(postoffice.path(), &[]);
    let count = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    run(Command::new(program)
        .args(["-s", "50", "-l", "4000", "-m", &count.to_string()])
        .args(["-f", "ann@client.example", "-t", "bob@local.example"])
        .arg(server.address.to_string()));
    assert_eq!(spool(&postoffice).all().len(), count);
    assert!(crate::spool::files(&spool(&postoffice).public).is_empty());
    let list = run(Command::new(PROGRAM).args(["spool", "list", "-P"]).arg(postoffice.path()));
    assert_eq!(String::from_utf8(list.stdout).expect("text").lines().count(), count + 1);
}
