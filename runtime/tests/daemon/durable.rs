//! What the server asks of the operating system before it says 250, as strace sees it; and what it says when the
//! system cannot do it. A server that forgets a sync passes every other test.

use crate::server::{PROGRAM, Server, postoffice, spool};
use std::path::Path;
use std::process::Command;

/// Starts a server under strace, which writes to `log` and makes calls fail as `inject` says.
fn traced(postoffice: &Path, log: &Path, inject: &[&str]) -> Server {
    let mut command = Command::new("strace");
    // -D: the server is our child and strace its grandchild, so that to kill our child kills the server.
    command.args(["-D", "-f", "-q", "-s", "64", "-o"]).arg(log);
    command.args(["-e", "trace=sync_file_range,fdatasync,fsync,linkat,renameat2,sendto,statfs"]).args(inject);
    command.args([PROGRAM, "--foreground", "-p", "0", "--param", "localnames local.example", "-P"]);
    Server::run(command.arg(postoffice))
}

/// Ends the server and returns what it was seen to do.
fn seen(mut server: Server, log: &Path) -> Vec<String> {
    server.signal("TERM");
    assert!(server.end().success());
    // strace ends after the server does; it has said all when it has told of the server's end.
    for _ in 0..500 {
        let text = std::fs::read_to_string(log).expect("a log");
        if text.trim_end().ends_with("+++ exited with 0 +++") {
            return text.lines().map(Into::into).collect();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("strace does not end");
}

/// Whether this line tells of a successful end of the call.
fn is_done(line: &str, call: &str) -> bool {
    (line.contains(&format!(" {call}(")) || line.contains(&format!("<... {call} resumed>")))
        && line.ends_with("= 0")
}

/// Whether this line tells of the begin of the call.
fn is_begun(line: &str, call: &str) -> bool {
    line.contains(&format!(" {call}("))
}

/// How far a message has come. Its octets reach the disk before it gets its name; then that is synced. Where order is kept
/// this makes the octets durable, too; elsewhere they were synced before.
#[derive(Debug, Default)]
struct Kept {
    /// It is being waited for that its octets are written out; before, that was only begun.
    waited_for: bool,
    written_out: bool,
    named: bool,
    /// The directory's sync has begun, after that.
    syncing: bool,
    name: bool,
}

impl Kept {
    /// One line may tell of both a call's begin and its end.
    fn see(&mut self, line: &str) {
        self.waited_for |= line.contains("SYNC_FILE_RANGE_WAIT_AFTER");
        self.written_out |=
            is_done(line, "fdatasync") || (self.waited_for && is_done(line, "sync_file_range"));
        let names = ["linkat", "renameat2"];
        // A server that starts tries whether it can name files.
        if names.iter().any(|call| is_begun(line, call))
            && !line.contains("/.probe.")
            && !line.contains(".try\"")
        {
            assert!(self.written_out, "named too early: {line}");
        }
        self.named |= self.written_out && names.iter().any(|call| is_done(line, call));
        self.syncing |= self.named && is_begun(line, "fsync");
        self.name |= self.syncing && is_done(line, "fsync");
    }
}

#[test]
fn every_message_is_written_out_then_named_and_both_are_synced() {
    if !crate::is_here("strace") {
        return;
    }
    let postoffice = postoffice();
    let log = postoffice.path().join("calls");
    let server = traced(postoffice.path(), &log, &[]);
    let mut client = server.session();
    let large = b"a line of a message that is written in pieces\r\n".repeat(10_000);
    let messages = [&b"Subject: small\r\n"[..], &large, b"", b"Subject: last\r\n"];
    for message in messages {
        assert_eq!(client.data(message).code, 250);
    }
    drop(client);
    let mut accepted = 0;
    let mut message = Kept::default();
    for line in seen(server, &log) {
        message.see(&line);
        if is_begun(&line, "sendto") && line.contains("message accepted") {
            assert!(message.name, "too early: {line}");
            (accepted, message) = (accepted + 1, Kept::default());
        }
    }
    assert_eq!(accepted, messages.len());
}

#[test]
fn a_sync_that_fails_is_final_and_the_message_is_not_kept() {
    if !crate::is_here("strace") {
        return;
    }
    let mut tried = Vec::new();
    // Which of two is called depends on what the file system can do.
    for (call, error, code) in [
        ("fdatasync", "EIO", 451),
        ("fsync", "EIO", 451),
        ("renameat2", "ENOSPC", 452),
        ("linkat", "ENOSPC", 452),
        ("fdatasync", "EDQUOT", 452),
        ("sync_file_range", "EIO", 451),
    ] {
        let postoffice = postoffice();
        let log = postoffice.path().join("calls");
        let (router, elsewhere) = (postoffice.path().join("router"), postoffice.path().join("elsewhere"));
        std::fs::create_dir(&elsewhere).expect("made");
        let inject = format!("inject={call}:error={error}");
        // Only what is done to the router's directory once the server has started: to fail at the start is another test.
        let elsewhere_path = elsewhere.to_string_lossy().into_owned();
        let whole = ["-e", &inject, "-P", &elsewhere_path];
        let of_files = ["fdatasync", "sync_file_range"].contains(&call);
        let server = traced(postoffice.path(), &log, if of_files { &whole[..2] } else { &whole });
        std::fs::remove_dir(&router).expect("removed");
        std::os::unix::fs::symlink(&elsewhere, &router).expect("linked");
        let mut client = server.session();
        let codes: Vec<u16> = (0..3).map(|_| client.data(b"Subject: x\r\n").code).collect();
        assert_eq!(client.ask("NOOP").code, 250);
        drop(client);
        // What it keeps for its successor when it stops is no message.
        let lines = seen(server, &log);
        let serving = lines.iter().take_while(|line| !line.contains("--- SIGTERM "));
        let tries = serving.filter(|line| is_begun(line, call)).count();
        if call != "fsync" && tries == 0 {
            continue;
        }
        tried.push(call);
        assert_eq!(codes, [code; 3], "{call} {error}");
        assert!(spool(&postoffice).is_empty(), "{call} {error} left something");
        // The name that could not be made durable is taken away, and that is synced, too.
        let expected = if call == "fsync" { 6 } else { 3 };
        assert_eq!(tries, expected, "{call} was tried again");
    }
    let either = |one, other| tried.contains(&one) || tried.contains(&other);
    assert!(either("fdatasync", "sync_file_range") && either("renameat2", "linkat"), "{tried:?}");
}

#[test]
fn the_first_message_is_measured_against_the_free_space() {
    if !crate::is_here("strace") {
        return;
    }
    let postoffice = postoffice();
    let log = postoffice.path().join("calls");
    // A measurement takes a while: one that is asked for by the first client would come too late for it.
    let server = traced(postoffice.path(), &log, &["-e", "inject=statfs:delay_enter=500000"]);
    let reply = server.session().ask("MAIL FROM:<ann@client.example> SIZE=999999999999999999");
    assert_eq!((reply.code, &reply.text[..6]), (452, "4.3.1 "), "{reply:?}");
}

/// Runs a server under strace that is expected to refuse; returns its exit code, what it said, and what it did.
fn refused(args: &[&str], inject: &[&str]) -> (Option<i32>, String, String) {
    let folder = crate::server::postoffice();
    let log = folder.path().join("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-y", "-e", "trace=mkdir,mkdirat,fsync,renameat2,listen", "-o"]).arg(&log);
    let output = command.args(inject).arg(PROGRAM).args(args).output().expect("strace starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said, std::fs::read_to_string(&log).expect("a log"))
}

#[test]
fn a_file_system_that_cannot_publish_is_refused_before_anybody_listens() {
    if !crate::is_here("strace") {
        return;
    }
    for (inject, words) in [
        ("inject=renameat2:error=EINVAL", "cannot rename without replacing"),
        ("inject=renameat2:error=EXDEV", "different file systems"),
        ("inject=renameat2:retval=0", "replaces files"),
        ("inject=fsync:error=EIO", "cannot be used"),
    ] {
        let postoffice = postoffice();
        let here = postoffice.path().to_string_lossy().into_owned();
        let (code, said, did) = refused(&["--foreground", "-p", "0", "-P", &here], &["-e", inject]);
        assert_eq!(code, Some(2), "{inject}: {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{inject}: {said}");
        assert!(!did.contains("listen("), "{inject}: {did}");
        let left = crate::spool::files(&postoffice.path().join("router"));
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_directory_that_was_made_is_in_stable_storage_before_mail_comes() {
    if !crate::is_here("strace") {
        return;
    }
    let postoffice = postoffice();
    let above = postoffice.path().canonicalize().expect("a path");
    let new = above.join("new/spool");
    // To listen is forbidden, so that it ends by itself.
    let args = ["demo", "--listen", "127.0.0.1:0", "-P", &new.to_string_lossy()];
    let (code, said, did) = refused(&args, &["-e", "inject=listen:error=EPERM"]);
    assert_eq!(code, Some(2), "{said}");
    let mut rest = did.as_str();
    for (call, path, end) in [
        ("mkdir(\"", &above.join("new"), "\""),
        ("fsync(", &above, ">"),
        ("mkdir(\"", &new, "\""),
        ("fsync(", &above.join("new"), ">"),
        ("mkdir(\"", &new.join("router"), "\""),
        ("fsync(", &new, ">"),
        ("listen(", &std::path::PathBuf::new(), ""),
    ] {
        // A descriptor has its number before its path.
        let found = rest.lines().position(|line| {
            line.contains(call) && (call == "listen(" || line.contains(&format!("{}{end}", path.display())))
        });
        let found = found.unwrap_or_else(|| panic!("{call}{} does not follow in\n{did}", path.display()));
        rest = rest.splitn(found + 2, '\n').last().unwrap_or_default();
    }
}
