//! Logins behind the real helper process, and the password tool that feeds it. The network process's side is the
//! library's, as there is no session in these tests.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use smtpserver::auth::worker::WorkerArgs;
use smtpserver::auth::{BackEnd, Remote, WorkerCommand};
use smtpserver_core::auth::{Check, Finding, Secret, UserName};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_smtpserver");

fn passwd(words: &[&str], file: &Path, input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .arg("passwd")
        .arg(file)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // It may end without having read.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn name(name: &str) -> UserName {
    UserName::new(name).expect("a name")
}

fn password(user: &str, password: &str) -> Check {
    Check::Password { user: name(user), password: Secret::from(password.as_bytes()) }
}

fn command(args: WorkerArgs) -> WorkerCommand {
    WorkerCommand::of(PathBuf::from(PROGRAM), args)
}

fn with_file(path: &Path) -> WorkerCommand {
    command(WorkerArgs { passwords: Some(path.to_owned()), ..WorkerArgs::default() })
}

fn with_program(path: &Path) -> WorkerCommand {
    command(WorkerArgs { program: Some(path.to_owned()), ..WorkerArgs::default() })
}

#[test]
fn the_password_tool_sets_changes_and_deletes() {
    let folder = tempfile::tempdir().expect("directory");
    let file = folder.path().join("passwords");
    assert!(passwd(&["ann"], &file, "pencil\n").status.success());
    let text = fs::read_to_string(&file).expect("made");
    assert!(text.starts_with("%secret ") && text.contains("\nann:$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    assert_eq!(file.metadata().expect("there").mode() & 0o7777, 0o600);

    fs::write(&file, text.clone() + "# remark\nbob:!\n").expect("written");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o646)).expect("set");
    assert!(passwd(&["bob", "--scheme", "scram"], &file, "crayon").status.success());
    assert!(passwd(&["ann", "--scheme", "sha512"], &file, "brush\r\n").status.success());
    let changed = fs::read_to_string(&file).expect("there");
    let lines: Vec<&str> = changed.lines().collect();
    assert_eq!(lines[0], text.lines().next().expect("a secret"), "the secret stays");
    assert!(lines[1].starts_with("ann:$6$rounds=100000$"), "{changed}");
    assert_eq!(lines[2], "# remark");
    assert!(lines[3].starts_with("bob:SCRAM-SHA-256$16384:"), "{changed}");
    assert_eq!(lines.len(), 4);

    assert_eq!(file.metadata().expect("there").mode() & 0o7777, 0o640, "its group still may read it");

    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    assert!(passwd(&["ann", "--delete"], &link, "").status.success());
    assert!(link.symlink_metadata().expect("there").is_symlink(), "a link stays one");
    let missing = passwd(&["ann", "--delete"], &file, "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("has no user ann"), "{}", said(&missing));
    assert_eq!(fs::read_to_string(&file).expect("there").lines().count(), 3);
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2, "nothing is left beside it");
}

#[test]
fn the_password_tool_refuses_in_one_line_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("directory");
    let file = folder.path().join("passwords");
    for (words, input, wanted) in [
        (&["ann"][..], "\n", "a password has 1 to 1024 octets"),
        (&["ann"], "", "a password has"),
        (&["ann"], "tab\ttab", "a password has"),
        (&["a:b"], "pencil\n", "user's name"),
        (&["#ann"], "pencil\n", "user's name"),
        (&[" ann"], "pencil\n", "user's name"),
        (&[""], "pencil\n", "user's name"),
        (&["ann", "--scheme", "md5"], "pencil\n", "argon2id, scram, sha512"),
        (&["ann", "--scheme", "scram"], "\u{ad}\n", "SASLprep"),
        (&["ann", "--delete"], "", "No such file"),
    ] {
        let output = passwd(words, &file, input);
        assert!(!output.status.success());
        assert!(said(&output).contains(wanted) && said(&output).lines().count() == 1, "{}", said(&output));
        assert!(!file.exists());
    }
    // Not a password file: a slip of the hand must not cost it.
    for other in ["root:x:0:0:root:/root:/bin/sh\n", "hello\n", "\u{0}\n"] {
        fs::write(&file, other).expect("written");
        let output = passwd(&["ann"], &file, "pencil\n");
        assert!(said(&output).contains("left as it is"), "{}", said(&output));
        assert_eq!(fs::read_to_string(&file).expect("there"), other);
    }
}

/// Types into the tool's terminal what it asks for; returns what the terminal showed, what was said, and the exit code.
fn type_in(file: &Path, answers: [&str; 2]) -> (String, String, Option<i32>) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("ours");
    unlockpt(&terminal).expect("ours");
    let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("text");
    let keyboard = fs::OpenOptions::new().read(true).write(true).open(name).expect("its other end");
    let mut child = Command::new(PROGRAM)
        .arg("passwd")
        .arg(file)
        .args(["ann", "--scheme", "scram"])
        .stdin(keyboard)
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut errors = child.stderr.take().expect("piped");
    let mut terminal = fs::File::from(terminal);
    let mut said = String::new();
    for answer in answers {
        let mut octet = [0];
        while !said.ends_with(": ") && errors.read(&mut octet).expect("readable") == 1 {
            said.push(char::from(octet[0]));
        }
        said.push('|');
        terminal.write_all(format!("{answer}\n").as_bytes()).expect("typed");
    }
    errors.read_to_string(&mut said).expect("readable");
    let code = child.wait().expect("ends").code();
    let mut shown = Vec::new();
    // The last end is closed by now: the error is the end of file of a terminal.
    let _ = terminal.read_to_end(&mut shown);
    (String::from_utf8_lossy(&shown).into_owned(), said, code)
}

#[test]
fn a_terminal_does_not_show_the_password() {
    let folder = tempfile::tempdir().expect("directory");
    let file = folder.path().join("passwords");
    let (shown, said, code) = type_in(&file, ["pencil", "crayon"]);
    assert!(said.contains("not the same") && !file.exists() && code == Some(1), "{said}");
    assert!(!shown.contains("pencil") && !shown.contains("crayon"), "{shown}");
    let (shown, said, code) = type_in(&file, ["pencil", "pencil"]);
    assert_eq!((said.as_str(), code), ("New password: |Once more: |", Some(0)));
    assert!(!shown.contains("pencil"), "{shown}");
    assert!(fs::read_to_string(&file).expect("made").contains("\nann:SCRAM-SHA-256$"));
}

#[test]
fn many_tools_at_a_time_lose_no_user() {
    let folder = tempfile::tempdir().expect("directory");
    let file = folder.path().join("passwords");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || {
                let output = passwd(&[&format!("user{number}"), "--scheme", "scram"], file, "pencil\n");
                assert!(output.status.success(), "{}", said(&output));
            });
        }
    });
    let text = fs::read_to_string(&file).expect("made");
    assert_eq!(text.lines().filter(|line| line.contains(":SCRAM-SHA-256$")).count(), 8, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_helper_process_checks_passwords_sees_changes_and_is_started_again() {
    let folder = tempfile::tempdir().expect("directory");
    let file = folder.path().join("passwords");
    assert!(passwd(&["ann", "--scheme", "scram"], &file, "pencil\n").status.success());
    let command = with_file(&file);
    let remote = Remote::new(command.start().expect("ready"), command.clone());
    assert!(remote.means().passwords && remote.means().proofs);
    for (user, word, finding) in [
        ("ann", "pencil", Finding::Right),
        ("ann", "crayon", Finding::Wrong),
        ("bob", "pencil", Finding::Wrong),
    ] {
        // The line may be a moment younger than the helper.
        assert_eq!(eventually(&remote, password(user, word)).await, finding);
    }
    let salt = remote.check(Check::Salt { user: name("nobody") }).await;
    assert!(matches!(&salt, Finding::Salt { salt, iterations: 16_384 } if salt.len() == 16), "{salt:?}");

    let many = (0..40).map(|number| password("ann", if number % 2 == 0 { "pencil" } else { "crayon" }));
    let remote = std::sync::Arc::new(remote);
    let asked: Vec<_> = many
        .map(|check| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.check(check).await })
        })
        .collect();
    for (number, asked) in asked.into_iter().enumerate() {
        let finding = if number % 2 == 0 { Finding::Right } else { Finding::Wrong };
        assert_eq!(asked.await.expect("no panic"), finding, "answers find their questions");
    }

    assert!(passwd(&["bob"], &file, "crayon\n").status.success());
    assert_eq!(remote.check(password("bob", "crayon")).await, Finding::Right);
    assert!(!remote.means().proofs, "bob could not log in by proof");
    fs::write(&file, "damaged\n").expect("written");
    assert_eq!(remote.check(password("bob", "crayon")).await, Finding::Right, "the last good file holds");

    fs::remove_file(&file).expect("removed");
    assert!(passwd(&["eve"], &file, "brush\n").status.success());
    signal_helper(&file, Signal::SIGTERM);
    signal_helper(&file, Signal::SIGHUP);
    assert_eq!(remote.check(password("eve", "brush")).await, Finding::Right, "only the server stops it");
    signal_helper(&file, Signal::SIGKILL);
    assert_eq!(eventually(&remote, password("eve", "brush")).await, Finding::Right);
}

/// Asks until there is an answer: meanwhile a helper is started.
async fn eventually(remote: &Remote, check: Check) -> Finding {
    for _ in 0..400 {
        let finding = remote.check(check.clone()).await;
        if finding != Finding::Trouble {
            return finding;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Finding::Trouble
}

/// Sends a signal to the helper process that was started for this file, and to no other.
fn signal_helper(file: &Path, signal: Signal) {
    let mut found = 0;
    for entry in fs::read_dir("/proc").expect("proc").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|octet| *octet == 0).collect();
        if words.contains(&&b"auth-worker"[..]) && words.contains(&file.as_os_str().as_encoded_bytes()) {
            kill(Pid::from_raw(pid), signal).expect("ours");
            found += 1;
        }
    }
    assert_eq!(found, 1);
}

#[tokio::test]
async fn the_helper_process_asks_a_program() {
    let folder = tempfile::tempdir().expect("directory");
    let path = folder.path().join("check");
    fs::write(&path, "#!/bin/sh\nread -r password && [ \"$1:$password\" = ann:pencil ]\n").expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("set");
    let command = with_program(&path);
    let remote = Remote::new(command.start().expect("ready"), command);
    assert_eq!(eventually(&remote, password("ann", "pencil")).await, Finding::Right);
    assert_eq!(remote.check(password("ann", "crayon")).await, Finding::Wrong);
    assert_eq!(remote.check(Check::Salt { user: name("ann") }).await, Finding::Trouble);
    fs::remove_file(&path).expect("removed");
    assert_eq!(remote.check(password("ann", "pencil")).await, Finding::Trouble);
}

#[test]
fn a_helper_that_cannot_work_says_why() {
    let folder = tempfile::tempdir().expect("directory");
    let file = folder.path().join("passwords");
    let error = with_file(&file).start().expect_err("no file");
    assert!(error.contains("passwords") && error.contains("No such file"), "{error}");
    fs::write(&file, "ann:pencil\n").expect("written");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("set");
    let error = with_file(&file).start().expect_err("a bad line");
    assert!(error.contains("line 1") && !error.contains("pencil"), "{error}");
    let args = WorkerArgs {
        passwords: Some(file.clone()),
        user: Some("no-such-user".into()),
        ..WorkerArgs::default()
    };
    let error = command(args).start().expect_err("no user");
    assert!(error.contains("no-such-user"), "{error}");
    if nix::unistd::geteuid().is_root() {
        // The folder is root's own, so whoever is not root any more finds nothing in it.
        let args = WorkerArgs { passwords: Some(file), user: Some("nobody".into()), ..WorkerArgs::default() };
        let error = command(args).start().expect_err("no right");
        assert!(error.contains("Permission denied"), "{error}");
    } else {
        crate::skipped("only root can start a helper process as somebody else");
    }
    let mut missing = with_file(folder.path());
    missing.program = folder.path().join("missing");
    assert!(missing.start().expect_err("no program").contains("cannot start"));
    missing.program = PathBuf::from("/bin/true");
    assert!(missing.start().expect_err("another program").contains("did not get ready"));
    // Started by hand.
    let output = Command::new(PROGRAM)
        .args(["auth-worker", "--passwords", "x"])
        .stdin(Stdio::null())
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("started by the server"), "{}", said(&output));
}
