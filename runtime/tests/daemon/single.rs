//! One session alone: on the connection that inetd hands over, and over a batch on standard input.

use crate::client::Client;
use crate::server::{PROGRAM, postoffice, spool};
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn program(postoffice: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("-P").arg(postoffice).args(more);
    command
}

/// Works off a batch.
fn batch(postoffice: &Path, more: &[&str], octets: &[u8]) -> (Option<i32>, String) {
    let mut command = program(postoffice, &[&["-i"], more].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    let octets = octets.to_vec();
    // It may end before it has read all.
    let writer = std::thread::spawn(move || drop(input.write_all(&octets)));
    let Output { status, stdout, .. } = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    (status.code(), String::from_utf8(stdout).expect("text"))
}

/// Starts the program on a connection of TCP, as inetd does.
fn handed_over(postoffice: &Path, option: &str) -> (Client, Child) {
    let door = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = Client::connect(door.local_addr().expect("an address"));
    let (theirs, _) = door.accept().expect("a connection");
    let mut command = program(postoffice, &[option, "--param", "localnames local.example", "-a"]);
    let theirs = OwnedFd::from(theirs);
    command
        .stdin(theirs.try_clone().expect("a copy"))
        .stdout(theirs.try_clone().expect("a copy"))
        .stderr(theirs);
    // The command holds the connection as well, and would keep it open; it is dropped here.
    (client, command.spawn().expect("the program starts"))
}

#[test]
fn a_batch_from_the_network_has_no_rights() {
    let postoffice = postoffice();
    let (mut client, mut child) = handed_over(postoffice.path(), "-i");
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(client.ask("MAIL FROM:<ann@client.example>").code, 250);
    assert_eq!(client.ask("RCPT TO:<eve@elsewhere.example>").code, 550);
    assert_eq!(client.ask("QUIT").code, 221);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn inetd_hands_over_a_connection() {
    let postoffice = postoffice();
    let (mut client, mut child) = handed_over(postoffice.path(), "-n");
    assert_eq!(client.reply().code, 220);
    assert_eq!(client.ask("EHLO client.example").code, 250);
    assert_eq!(client.data(b"Subject: hi\r\n\r\n").code, 250);
    assert_eq!(client.ask("QUIT").code, 221);
    assert!(client.is_closed(), "nothing but the dialogue");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(spool(&postoffice).all().len(), 1);
    assert!(!postoffice.path().join(".pid.smtpserver").exists());
}

#[test]
fn inetd_wants_a_connection() {
    let postoffice = postoffice();
    let output = program(postoffice.path(), &["-n"]).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}

const TWO: &str = "HELO host.example\nMAIL FROM:<ann@client.example>\nRCPT TO:<bob@anywhere.example>\nDATA\n\
                   Subject: one\n\n..dot\n.\nMAIL FROM:<>\nRCPT TO:<ann@client.example>\nDATA\nSubject: two\n\n.\nQUIT\n";

#[test]
fn a_batch_is_stored_and_its_success_is_the_exit_code() {
    for octets in [TWO.to_owned(), TWO.replace('\n', "\r\n")] {
        let postoffice = postoffice();
        let (code, said) = batch(postoffice.path(), &["-B"], octets.as_bytes());
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches("message accepted").count(), 2, "{said}");
        let stored = spool(&postoffice).all();
        assert_eq!(stored.len(), 2);
        for one in &stored {
            assert!(one.envelope.contains(&"with BSMTP".to_string()), "{:?}", one.envelope);
            assert!(one.envelope.iter().any(|line| line.starts_with("identinfo uid#")), "{:?}", one.envelope);
            assert!(!one.message.contains(&b'\r'));
        }
        assert!(stored.iter().any(|one| one.message == b"Subject: one\n\n.dot\n"));
    }
}

#[test]
fn commands_are_repeated_on_demand() {
    let postoffice = postoffice();
    let (code, said) = batch(postoffice.path(), &["-v"], b"NOOP\r\nQUIT\r\n");
    assert_eq!(code, Some(0));
    assert!(said.contains("\r\nNOOP\r\n250 "), "{said}");
    let (_, quiet) = batch(postoffice.path(), &[], b"NOOP\r\nQUIT\r\n");
    assert!(!quiet.contains("\r\nNOOP\r\n"), "{quiet}");
}

#[test]
fn whatever_is_refused_fails_the_batch_and_nothing_else() {
    let table: [(&[u8], usize); 5] = [
        (b"MAIL FROM:<a@b.example>\r\nRCPT TO:<bad\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\n", 1),
        (b"MAIL FROM:<a@b.example>\r\nDATA\r\nQUIT\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\n", 1),
        (b"MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\nno end\n", 0),
        (b"MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nBDAT 3 LAST\nx\n", 0),
        (b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nbare\nnewline\r\n.\r\n", 0),
    ];
    for (octets, stored) in table {
        let postoffice = postoffice();
        let (code, said) = batch(postoffice.path(), &[], octets);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(spool(&postoffice).all().len(), stored, "{said}");
    }
}

#[test]
fn a_refusal_in_the_tarpit_cuts_no_batch_off() {
    let postoffice = postoffice();
    let (code, said) =
        batch(postoffice.path(), &["--param", "tarpit 2 1 9"], format!("FOO\n{TWO}").as_bytes());
    assert_eq!((code, spool(&postoffice).all().len()), (Some(1), 2), "{said}");
}

#[test]
fn a_dot_that_ends_its_line_as_no_other_does_is_text() {
    let postoffice = postoffice();
    let octets =
        "MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\nx\n.\r\nMAIL FROM:<no@command.example>\n.\n";
    let (code, said) = batch(postoffice.path(), &[], octets.as_bytes());
    assert_eq!(code, Some(0), "{said}");
    let stored = spool(&postoffice).all();
    assert_eq!(stored[0].message, b"x\n.\nMAIL FROM:<no@command.example>\n");
}

#[test]
fn lines_that_are_no_commands_end_no_batch() {
    let postoffice = postoffice();
    let octets = format!("{}{TWO}", "what is this\n".repeat(50));
    let (code, said) = batch(postoffice.path(), &[], octets.as_bytes());
    assert_eq!((code, spool(&postoffice).all().len()), (Some(1), 2), "{said}");
}

#[test]
fn a_batch_that_is_cut_off_has_failed() {
    let postoffice = postoffice();
    let mut command = program(postoffice.path(), &["-i", "--param", "timeout-command 0.2"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    // Nothing comes by this pipe, and it stays open.
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"NOOP\n").expect("written");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_pipe_in_place_of_the_configuration_holds_nothing_up() {
    let postoffice = postoffice();
    let pipe = postoffice.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let output = Command::new(PROGRAM).args(["check-config", "-C"]).arg(&pipe).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_empty_batch_is_a_good_one() {
    let postoffice = postoffice();
    assert_eq!(batch(postoffice.path(), &[], b"").0, Some(0));
}

#[test]
fn a_long_batch_of_unix_lines_loses_no_octet() {
    let postoffice = postoffice();
    let body: String = (0..40_000).map(|line| format!("line {line}\n")).collect();
    let octets = format!("MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n{body}.\n");
    let (code, said) = batch(postoffice.path(), &[], octets.as_bytes());
    assert_eq!(code, Some(0), "{said}");
    let stored = spool(&postoffice).all();
    assert!(stored[0].message == body.as_bytes());
}

#[test]
fn the_beginning_of_a_message_is_left_for_debugging() {
    for size in [10, 300_000] {
        let postoffice = postoffice();
        let octets =
            format!("MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n{}", "begin\n".repeat(size));
        let (code, _) = batch(postoffice.path(), &["-s", "veD"], octets.as_bytes());
        assert_eq!(code, Some(1));
        let spool = spool(&postoffice);
        assert!(spool.all().is_empty());
        let left = crate::spool::files(&spool.public);
        assert_eq!(left.len(), 1, "{left:?}");
        let name = left[0].to_string_lossy().into_owned();
        assert!(name.ends_with(".DATA-EOF"), "{name}");
        assert!(std::fs::read(&left[0]).expect("a file").ends_with(b"begin\nbegin\n"));
    }
}
