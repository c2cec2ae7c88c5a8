//! The bench top: a scratch folder, a server that we started, and a plain SMTP client to poke it with.
//!
//! Loopback only. What is started here is stopped here, by its own process id, whatever happens.

use crate::cargo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to say where it listens.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long it may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How long one reply may take in a dialogue.
const REPLY_LIMIT: Duration = Duration::from_secs(20);

/// A folder that is gone when its owner is.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder beneath `target`, or beneath `parent` if one is given.
    pub(crate) fn new(name: &str, parent: Option<&Path>) -> Result<Scratch, String> {
        let parent = parent.map_or_else(|| cargo::target().join("scratch"), Path::to_path_buf);
        let path = parent.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(err) = std::fs::remove_dir_all(&self.0) {
            eprintln!("left behind: {}: {err}", self.0.display());
        }
    }
}

/// A server process of ours.
pub(crate) struct Server {
    child: Child,
    /// Where it said that it listens.
    pub(crate) address: SocketAddr,
    /// Its spool.
    pub(crate) postoffice: PathBuf,
}

impl Server {
    /// `smtpserver demo`: takes any recipient from loopback. `extra` are further arguments.
    pub(crate) fn demo(binary: &Path, postoffice: &Path, extra: &[String]) -> Result<Server, String> {
        let mut command = Command::new(binary);
        command.args(["demo", "--listen", "127.0.0.1:0", "--postoffice"]).arg(postoffice).args(extra);
        Server::start(command, postoffice)
    }

    /// The server as a service would run it, with the rules that are built in; `extra` are further arguments.
    pub(crate) fn foreground(binary: &Path, postoffice: &Path, extra: &[String]) -> Result<Server, String> {
        let mut command = Command::new(binary);
        command.args(["--foreground", "-p", "0", "-P"]).arg(postoffice).args(extra);
        Server::start(command, postoffice)
    }

    fn start(mut command: Command, postoffice: &Path) -> Result<Server, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|err| format!("{}: {err}", command.get_program().to_string_lossy()))?;
        let (lines, heard) = mpsc::channel();
        // Both streams are read to their end, so that a talkative server never blocks on a full pipe.
        if let Some(stdout) = child.stdout.take() {
            listen(stdout, lines.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, lines);
        }
        let begun = Instant::now();
        let mut said = Vec::new();
        while let Ok(line) = heard.recv_timeout(START_LIMIT.saturating_sub(begun.elapsed())) {
            if let Some(address) = listening(&line) {
                return Ok(Server { child, address, postoffice: postoffice.to_path_buf() });
            }
            said.push(line);
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(format!("the server did not say where it listens; it said:\n{}", said.join("\n")))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, then its end; one that does not end in time is killed, which is an error.
    pub(crate) fn stop(mut self) -> Result<ExitStatus, String> {
        let pid = i32::try_from(self.child.id()).map_err(|err| err.to_string())?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(|err| format!("SIGTERM: {err}"))?;
        let begun = Instant::now();
        while begun.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait().map_err(|err| err.to_string())? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!("still alive {} s after SIGTERM", STOP_LIMIT.as_secs()))
    }

    /// The message in the spool whose text holds `mark`, if there is one.
    pub(crate) fn stored(&self, mark: &str) -> Option<PathBuf> {
        find(&self.postoffice.join("router"), mark.as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn listen(from: impl Read + Send + 'static, to: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|got| got > 0) {
            // Nobody listens any more once the address is known: read on all the same.
            let _ = to.send(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
}

/// The address in a line such as `smtpserver: listening on 127.0.0.1:2525 for SMTP`.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    rest.split_whitespace().next()?.trim_end_matches(['.', ',', ';']).parse().ok()
}

fn find(folder: &Path, mark: &[u8]) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, mark) {
                return Some(found);
            }
        } else if std::fs::read(&path).is_ok_and(|text| text.windows(mark.len()).any(|part| part == mark)) {
            return Some(path);
        }
    }
    None
}

/// A client in lock step: says a line, hears a reply.
pub(crate) struct Dialogue {
    reader: BufReader<TcpStream>,
    show: bool,
}

impl Dialogue {
    /// Connects; with `show` all that is said is printed.
    pub(crate) fn open(to: SocketAddr, show: bool) -> Result<Dialogue, String> {
        let stream =
            TcpStream::connect_timeout(&to, REPLY_LIMIT).map_err(|err| format!("connect {to}: {err}"))?;
        stream.set_read_timeout(Some(REPLY_LIMIT)).map_err(|err| err.to_string())?;
        stream.set_nodelay(true).map_err(|err| err.to_string())?;
        Ok(Dialogue { reader: BufReader::new(stream), show })
    }

    /// Sends text as it is.
    pub(crate) fn send(&mut self, text: &str) -> Result<(), String> {
        if self.show {
            text.lines().for_each(|line| println!("      C: {line}"));
        }
        self.reader.get_mut().write_all(text.as_bytes()).map_err(|err| format!("sending: {err}"))
    }

    /// Hears one whole reply, which must have this code.
    pub(crate) fn hear(&mut self, code: &str) -> Result<(), String> {
        loop {
            let mut line = String::new();
            let got = self.reader.read_line(&mut line).map_err(|err| format!("waiting for {code}: {err}"))?;
            if got == 0 {
                return Err(format!("the server closed instead of saying {code}"));
            }
            let line = line.trim_end();
            if self.show {
                println!("      S: {line}");
            }
            if !line.starts_with(code) {
                return Err(format!("wanted {code}, heard: {line}"));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    /// A command and its reply.
    pub(crate) fn say(&mut self, command: &str, code: &str) -> Result<(), String> {
        self.send(&format!("{command}\r\n"))?;
        self.hear(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_line() {
        assert_eq!(
            listening("smtpserver: listening on 127.0.0.1:2525, 2 services"),
            "127.0.0.1:2525".parse().ok()
        );
        assert_eq!(listening("listening on [::1]:25"), "[::1]:25".parse().ok());
        assert_eq!(listening("not yet"), None);
    }

    #[test]
    fn a_mark_is_found_in_a_nested_folder() {
        let scratch = Scratch::new("find", None).unwrap();
        let deep = scratch.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("1-2"), "one mark three").unwrap();
        assert_eq!(find(scratch.path(), b"mark"), Some(deep.join("1-2")));
        assert_eq!(find(scratch.path(), b"absent"), None);
    }
}
