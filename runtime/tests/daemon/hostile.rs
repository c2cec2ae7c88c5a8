//! What a slip or an enemy puts in the server's way: files that are none of ours, signals, limits of the system.

use crate::server::{PROGRAM, Server, output, postoffice, refusal, spool};
use std::path::Path;
use std::process::Command;

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo is installed").success());
}

#[test]
fn a_mistyped_pid_file_destroys_nothing_and_holds_nobody_up() {
    let postoffice = postoffice();
    let here = postoffice.path().to_string_lossy().into_owned();
    let path = |name: &str| postoffice.path().join(name);
    std::fs::write(path("letter"), "Dear Bob,\n").expect("written");
    std::os::unix::fs::symlink(path("letter"), path("link")).expect("a link");
    std::os::unix::fs::symlink(path("nothing"), path("dangling")).expect("a link");
    std::fs::write(path("one"), "").expect("written");
    std::fs::hard_link(path("one"), path("two")).expect("a link");
    make_pipe(&path("pipe"));
    for (file, word) in [
        ("letter", "something else than a pid"),
        ("link", "not a regular file"),
        ("dangling", "not a regular file"),
        ("one", "hard links"),
        ("pipe", "not a regular file"),
        ("/dev/null", "not a regular file"),
        (".", "not a regular file"),
    ] {
        let line = refusal(&["-p", "0", "-P", &here, "-I", file]);
        assert!(line.contains("pid file") && line.contains(word), "{file}: {line}");
    }
    assert_eq!(std::fs::read(path("letter")).expect("still there"), b"Dear Bob,\n");
    assert!(!path("nothing").exists());
}

#[test]
fn a_log_that_cannot_be_written_is_said_at_the_start() {
    let postoffice = postoffice();
    let here = postoffice.path().to_string_lossy().into_owned();
    let pipe = postoffice.path().join("pipe");
    make_pipe(&pipe);
    for log in [pipe.to_string_lossy().as_ref(), &here, "/proc/none"] {
        let line = refusal(&["-p", "0", "-P", &here, "-l", log]);
        assert!(line.contains(&format!("the session log {log} cannot be written: ")), "{line}");
    }
}

#[test]
fn a_pipe_with_a_reader_is_a_log() {
    let postoffice = postoffice();
    let pipe = postoffice.path().join("pipe");
    make_pipe(&pipe);
    let mut reader =
        Command::new("cat").arg(&pipe).stdout(std::process::Stdio::piped()).spawn().expect("cat");
    // It must be at its end of the pipe first; the server says so when it is not.
    let pipe = pipe.to_string_lossy().into_owned();
    let here = postoffice.path().to_string_lossy().into_owned();
    let mut server = None;
    for _ in 0..500 {
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
        let probe = rustix::fs::open(pipe.as_str(), flags, rustix::fs::Mode::empty());
        if probe.is_ok() {
            // Kept open, so that the reader does not end before the server writes.
            server = Some((Server::start(Path::new(&here), &["-l", &pipe]), probe));
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let (mut server, probe) = server.expect("cat reads");
    drop(server.session());
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    drop((server, probe));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut reader.stdout.take().expect("a pipe"), &mut said).expect("text");
    assert!(said.contains("r\tEHLO client.example\n"), "{said}");
    reader.wait().expect("cat ends");
}

#[test]
fn lines_of_a_log_that_is_full_are_missed_and_counted() {
    let postoffice = postoffice();
    let full = "/dev/full";
    if !Path::new(full).exists() {
        return crate::skipped("there is no /dev/full");
    }
    let server = Server::start(postoffice.path(), &["-l", full]);
    let mut client = server.session();
    let line = server.wait_for("has lost lines");
    assert!(line.contains(full) && line.contains("WARN"), "{line}");
    assert_eq!(client.ask("QUIT").code, 221);
}

#[test]
fn signals_that_say_nothing_to_us_do_not_end_us() {
    let postoffice = postoffice();
    let mut server = Server::start(postoffice.path(), &[]);
    let mut client = server.session();
    for signal in ["USR1", "USR2", "PIPE", "HUP", "XFSZ"] {
        server.signal(signal);
        assert_eq!(client.ask("NOOP").code, 250, "{signal}");
    }
    drop(client);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
}

/// Starts a server with a limit of the shell.
fn limited(postoffice: &Path, limit: &str) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\""), PROGRAM]);
    command.args(["--foreground", "-p", "0", "--param", "localnames local.example", "-P"]);
    Server::run(command.arg(postoffice))
}

#[test]
fn a_limit_of_file_sizes_is_a_full_disk_and_not_the_end() {
    let postoffice = postoffice();
    // 16 KiB or 32 KiB, as the shell counts.
    let server = limited(postoffice.path(), "-f 32");
    let mut client = server.session();
    for lines in [10_000, 100_000] {
        let reply = client.data(&b"a line\r\n".repeat(lines));
        assert_eq!((reply.code, &reply.text[..6]), (452, "4.3.1 "), "{reply:?}");
    }
    assert_eq!(client.data(b"Subject: small\r\n").code, 250);
    assert_eq!(spool(&postoffice).all().len(), 1);
}

#[test]
fn too_few_open_files_are_said_at_the_start() {
    let postoffice = postoffice();
    let here = postoffice.path().to_string_lossy().into_owned();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 300 && exec \"$0\" \"$@\"", PROGRAM, "-p", "0", "-P", &here]);
    let output = command.args(["--listen", "192.0.2.1"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("at most 300 open files are allowed"), "{said}");
    assert!(said.contains("MaxParallelConnections"), "{said}");
}

#[test]
fn the_spool_is_read_without_trust() {
    let postoffice = postoffice();
    let here = postoffice.path().to_string_lossy().into_owned();
    drop(Server::start(postoffice.path(), &[]));
    let router = postoffice.path().join("router");
    std::fs::write(router.join("17"), "from <a@b>\nto <c@d>\n").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", router.join("18")).expect("a link");
    make_pipe(&router.join("19"));
    let list = output(&["spool", "list", "-P", &here]);
    assert_eq!(list.status.code(), Some(0));
    let page = String::from_utf8(list.stdout).expect("text");
    assert_eq!(page.lines().count(), 2, "{page}");
    assert!(page.contains("DAMAGED"), "{page}");
    for (id, code, word) in [("17", 1, "damaged"), ("18", 1, "no message"), ("19", 1, "no message")] {
        let shown = output(&["spool", "show", id, "-P", &here]);
        assert_eq!(shown.status.code(), Some(code), "{id}");
        assert!(String::from_utf8_lossy(&shown.stderr).contains(word), "{id}");
    }
}
