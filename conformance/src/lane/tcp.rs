//! The lane to our own binary: starts it, speaks to it over loopback, reads its spool, stops it.
//! It knows the program by its command line alone.

use std::collections::VecDeque;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tempfile::TempDir;

use super::names::NameServer;
use super::sockets::Sockets;
use super::{Abilities, Clock, End, Lane, Message, Refused, Stage, Taken, Trouble, spool};
use crate::script::World;

const STARTING_MAX: Duration = Duration::from_secs(10);
const STOPPING_MAX: Duration = Duration::from_secs(5);
/// Whom a server knows to which users may log in: ann with the password pencil.
const USERS: &str = "%secret AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
ann:$6$saltsalt$rD9fW1BwIrjB90WCgCTdIQc3phTBhf04I6Iw/XlgKD9E9aEbzqGZipjiFxGo/4wWXDA6jV6/vZO.kKdDSfUJb0
";
/// Who may have reports: ann with the password pencil, and not bob.
const REPORTERS: &str = "ann:pencil:SMTPIP:\nbob:paper:QQ:\n";
/// A certificate that nobody has signed but itself, good for a hundred years, and its key: worth nothing.
const CERTIFICATE: &str = include_str!("certificate.pem");
const KEY: &str = include_str!("key.pem");
/// Whose connections a load balancer passes on, and to whom: the ends that every script's names speak of.
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n";
/// What makes the second of them the server's own.
const ZENV: &str = "SELFADDRESSES='[192.0.2.1]'\n";
/// Lines of the server's own talk kept for a complaint.
const TALK_KEPT: usize = 20;

/// Our binary, a process for each world. A world without settings keeps its process for all its scripts;
/// one with settings gets a fresh process each time, so that what it counts (rates, failures) starts at zero.
#[derive(Debug)]
pub struct Tcp {
    program: PathBuf,
    plain: Option<Server>,
}

impl Tcp {
    /// The binary at `program`, or the one found beside the running program or under `target`.
    ///
    /// # Errors
    /// [`Trouble`] if there is none.
    pub fn new(program: Option<PathBuf>) -> Result<Self, Trouble> {
        let program = match program {
            Some(program) if program.is_file() => program,
            Some(program) => return Err(Trouble(format!("there is no program {}", program.display()))),
            None => find().ok_or_else(|| {
                Trouble("no smtpserver beside this program or under target: build it first".to_string())
            })?,
        };
        Ok(Self { program, plain: None })
    }
}

fn find() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok();
    let beside = beside.iter().flat_map(|exe| exe.ancestors().skip(1).take(2)).map(Path::to_path_buf);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    beside
        .chain([target.join("release"), target.join("debug")])
        .map(|folder| folder.join("smtpserver"))
        .find(|program| program.is_file())
}

impl Lane for Tcp {
    fn name(&self) -> &str {
        "tcp"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            clock: Clock::Real,
            writes: false,
            texts: true,
            spool: true,
            events: false,
            tls: true,
            helpers: Vec::new(),
        }
    }

    fn open(&mut self, world: &World) -> Result<Box<dyn Stage + '_>, Refused> {
        if world.base != "plain" {
            return Err(Refused::NotHere(format!("this lane knows no world `{}`", world.base)));
        }
        if !world.settings.is_empty() || !world.policy.is_empty() || !world.zone.is_empty() {
            let server = Server::start(&self.program, world).map_err(Refused::Trouble)?;
            let sockets = match server.names {
                // Names speak of addresses: client and server have those of the simulated lanes.
                Some(_) => Sockets::passing_on(server.address, HEADER),
                None => Sockets::new(server.address),
            };
            return Ok(Box::new(Running { sockets, server: Held::Own(server) }));
        }
        if self.plain.as_mut().is_none_or(|server| !server.lives()) {
            self.plain = Some(Server::start(&self.program, world).map_err(Refused::Trouble)?);
        }
        match &mut self.plain {
            Some(server) => {
                spool::clear(server.postoffice.path()).map_err(Refused::Trouble)?;
                let sockets = Sockets::new(server.address);
                Ok(Box::new(Running { sockets, server: Held::Shared(server) }))
            }
            None => Err(Refused::Trouble(Trouble("no server".to_string()))),
        }
    }
}

struct Running<'l> {
    sockets: Sockets,
    server: Held<'l>,
}

enum Held<'l> {
    Own(Server),
    Shared(&'l mut Server),
}

impl Running<'_> {
    fn server(&mut self) -> &mut Server {
        match &mut self.server {
            Held::Own(server) => server,
            Held::Shared(server) => server,
        }
    }
}

impl Stage for Running<'_> {
    fn connect(&mut self) -> Result<usize, Trouble> {
        if !self.server().lives() {
            return Err(Trouble(format!("the server is gone; it said:\n{}", self.server().talk())));
        }
        self.sockets.connect()
    }

    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble> {
        self.sockets.send(connection, segment)
    }

    fn take(&mut self, connection: usize, at_most: Duration) -> Result<Taken, Trouble> {
        self.sockets.take(connection, at_most)
    }

    fn now(&self) -> Duration {
        self.sockets.now()
    }

    fn rest(&mut self, time: Duration) -> Result<(), Trouble> {
        self.sockets.rest(time)
    }

    fn end(&mut self, connection: usize, how: End) -> Result<(), Trouble> {
        self.sockets.end(connection, how)
    }

    fn start_tls(&mut self, connection: usize) -> Result<(), Trouble> {
        self.sockets.start_tls(connection)
    }

    fn spool(&mut self) -> Result<Option<Vec<Message>>, Trouble> {
        spool::read(self.server().postoffice.path()).map(Some)
    }
}

/// One running process.
#[derive(Debug)]
struct Server {
    child: Child,
    address: SocketAddr,
    postoffice: TempDir,
    lines: Receiver<String>,
    talk: VecDeque<String>,
    /// Whom it asks for names.
    names: Option<NameServer>,
}

impl Server {
    fn start(program: &Path, world: &World) -> Result<Self, Trouble> {
        let failed = |error| Trouble(format!("cannot start {}: {error}", program.display()));
        let postoffice = tempfile::Builder::new().prefix("smtpserver-").tempdir().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["--foreground", "-p", "0", "-P"]).arg(postoffice.path());
        command.args(["--param", "localnames local.example"]);
        for setting in &world.settings {
            if setting.starts_with("report-auth-file ") {
                let path = postoffice.path().join("reporters");
                private(&path, REPORTERS).map_err(failed)?;
                command.args(["--param", &format!("report-auth-file {}", path.display())]);
            } else {
                command.args(["--param", setting]);
            }
        }
        if !world.policy.is_empty() {
            let policy = postoffice.path().join("policy");
            std::fs::write(&policy, world.policy.join("\n") + "\n").map_err(failed)?;
            command.args(["--param", &format!("policydb text {}", policy.display())]);
        }
        let names = if world.zone.is_empty() { None } else { Some(NameServer::start(&world.zone)?) };
        if let Some(names) = &names {
            let zenv = postoffice.path().join("zmailer.conf");
            std::fs::write(&zenv, ZENV).map_err(failed)?;
            command.arg("-Z").arg(zenv);
            command.args(["--param", &format!("resolver {}", names.address())]);
            command.args(["--param", "proxy-from 127.0.0.0/8"]);
        }
        if world.settings.iter().any(|setting| setting == "smtp-auth") {
            let users = postoffice.path().join("users");
            private(&users, USERS).map_err(failed)?;
            command.args(["--param", &format!("smtp-auth-file {}", users.display())]);
        }
        if world.settings.iter().any(|setting| setting == "use-tls") {
            for (param, name, text) in
                [("tls-cert-file", "certificate.pem", CERTIFICATE), ("tls-key-file", "key.pem", KEY)]
            {
                let path = postoffice.path().join(name);
                std::fs::write(&path, text).map_err(failed)?;
                command.args(["--param", &format!("{param} {}", path.display())]);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (sender, lines) = channel();
        child.stdout.take().into_iter().for_each(|pipe| forward(pipe, sender.clone()));
        child.stderr.take().into_iter().for_each(|pipe| forward(pipe, sender.clone()));
        drop(sender);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address: nowhere, postoffice, lines, talk: VecDeque::new(), names };
        server.address = server.announced()?;
        Ok(server)
    }

    /// Waits for the line that says where the server listens.
    fn announced(&mut self) -> Result<SocketAddr, Trouble> {
        loop {
            match self.lines.recv_timeout(STARTING_MAX) {
                Ok(line) => {
                    let address = listening(&line);
                    self.remember(line);
                    if let Some(address) = address {
                        return Ok(address);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let talk = self.talk();
                    return Err(Trouble(format!("the server never said `listening on`; it said:\n{talk}")));
                }
            }
        }
    }

    fn remember(&mut self, line: String) {
        self.talk.push_back(line);
        if self.talk.len() > TALK_KEPT {
            self.talk.pop_front();
        }
    }

    /// The last that the server said of itself.
    fn talk(&mut self) -> String {
        while let Ok(line) = self.lines.try_recv() {
            self.remember(line);
        }
        self.talk.iter().map(|line| format!("    {line}\n")).collect()
    }

    fn lives(&mut self) -> bool {
        while let Ok(line) = self.lines.try_recv() {
            self.remember(line);
        }
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    /// Asks it to stop, and kills it if it does not. Its pipes close when it is gone, which is how that is seen
    /// without a clock.
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        if asked.is_ok_and(|status| status.success()) {
            // Its last words are few; one that goes on talking is killed too.
            let _ = self.talk();
            let _ = (0..TALK_KEPT).take_while(|_| self.lines.recv_timeout(STOPPING_MAX).is_ok()).count();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file of passwords: those that others may read are none.
fn private(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Reads a pipe to its end, so that the server never waits for a reader.
fn forward(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
}

/// The address behind `listening on`, if the line has one.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, behind) = line.split_once("listening on ")?;
    let word = behind.split([' ', ',', ';', '\x1b', '"']).next()?;
    let mut address: SocketAddr = word.trim_end_matches('.').parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_its_line() {
        let at = |line| listening(line).map(|address| address.to_string());
        assert_eq!(at("INFO listening on 127.0.0.1:40001").as_deref(), Some("127.0.0.1:40001"));
        assert_eq!(at("listening on [::1]:25, service smtp").as_deref(), Some("[::1]:25"));
        assert_eq!(at("listening on 0.0.0.0:7").as_deref(), Some("127.0.0.1:7"));
        assert_eq!(at("not listening"), None);
    }

    #[test]
    fn a_program_that_ends_at_once_is_told_with_its_words() {
        let mut lane = Tcp { program: PathBuf::from("/bin/echo"), plain: None };
        let world = World { base: "plain".to_string(), ..World::default() };
        let Err(Refused::Trouble(Trouble(what))) = lane.open(&world).map(|_| ()) else {
            panic!("echo is no server")
        };
        assert!(what.contains("--foreground -p 0 -P"), "{what}");
    }
}
