//! A running server, and what it leaves behind.

use crate::client::Client;
use crate::spool::Spool;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_smtpserver");

/// How long a test waits for anything at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what somebody else does.
const LOOK_WAIT: Duration = Duration::from_millis(20);

/// A server; killed when it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// What it says, line by line.
    pub(crate) lines: Receiver<String>,
}

/// A folder for a spool, in the machine's folder for temporary files.
pub(crate) fn postoffice() -> TempDir {
    tempfile::Builder::new().prefix("smtpserver-test-").tempdir().expect("a temporary folder")
}

/// The parameter that keeps a server the user that it is, without a remark about it.
pub(crate) fn as_myself() -> String {
    let own = std::fs::metadata("/proc/self").expect("readable");
    format!("user {}", std::os::unix::fs::MetadataExt::uid(&own))
}

impl Server {
    /// Starts the daemon with a spool in `postoffice`, taking mail for `local.example`.
    pub(crate) fn start(postoffice: &Path, more: &[&str]) -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["--foreground", "-p", "0", "--param", "localnames local.example", "-P"]);
        Server::run(command.arg(postoffice).args(more))
    }

    /// Starts any command of the program that listens.
    pub(crate) fn run(command: &mut Command) -> Server {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (said, lines) = channel();
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
        for pipe in pipes {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let _ = said.send(line);
                }
            });
        }
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), lines };
        let line = server.wait_for("listening on ");
        server.address = line["listening on ".len()..].parse().expect("an address");
        server
    }

    /// Waits until it says a line with `words` in it.
    pub(crate) fn wait_for(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the server speaks");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// A client that was greeted.
    pub(crate) fn client(&self) -> Client {
        let mut client = Client::connect(self.address);
        assert_eq!(client.reply().code, 220);
        client
    }

    /// A client that said EHLO.
    pub(crate) fn session(&self) -> Client {
        let mut client = self.client();
        assert_eq!(client.ask("EHLO client.example").code, 250);
        client
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("the child is ours")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.expect("kill is installed").success());
}

/// Runs the program to its end.
pub(crate) fn output(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().expect("the program starts")
}

/// Runs the program, which must refuse to work with code 2 and say one reason. Returns what it said.
pub(crate) fn refusal(args: &[&str]) -> String {
    let output = output(args);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(is_one_reason(&said), "{args:?}: {said}");
    said
}

/// One line, with the octets that are wrong marked beneath it where there are any, and at most one line that is no
/// reason but counts them.
pub(crate) fn is_one_reason(said: &str) -> bool {
    said.lines().count() < 7 && said.lines().filter(|line| line.starts_with("smtpserver: ")).count() == 1
}

/// The spool of a postoffice.
pub(crate) fn spool(postoffice: &TempDir) -> Spool {
    Spool::at(postoffice.path())
}

/// Looks until it is so: a file that nobody wants any more is removed in its time.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let tries = PATIENCE.as_millis() / LOOK_WAIT.as_millis();
    let waited = (0..tries).any(|_| {
        is_so() || {
            std::thread::sleep(LOOK_WAIT);
            false
        }
    });
    assert!(waited, "never: {what}");
}
