//! The host of helpers (`smtpserver helper-host`): starts the operator's programs, carries lines to and from them, and
//! ends them, each with all that it has started. It is started before the fence is up, with the rights that the server has
//! then, and goes when the server goes.

use super::frame::{Frame, Kind};
use super::{First, first};
use crate::Stop;
use crate::limits::{
    COMPLAINT_OCTETS_MAX, HELPER_FRAMES_WAITING_MAX, HELPER_PARTING_MAX, HELPER_READ_OCTETS,
    PROGRAM_LOOK_WAIT,
};
use crate::process::keeper;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use smtpserver_core::subserver::{HelperId, Trade};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What the host is to know.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct HostArgs {
    /// The spool directory, in which helpers run
    #[arg(long, value_name = "DIR")]
    pub postoffice: PathBuf,
    /// Program of the interactive router
    #[arg(long, value_name = "FILE")]
    pub router: Option<PathBuf>,
    /// Program of the content filter
    #[arg(long, value_name = "FILE")]
    pub filter: Option<PathBuf>,
    /// The ZENV file
    #[arg(long, value_name = "FILE")]
    pub zenv: Option<PathBuf>,
    /// Start hosts, one after the other
    #[arg(long)]
    pub keep: bool,
    /// PATH for helpers
    #[arg(long, value_name = "PATH")]
    pub path: Option<OsString>,
}

impl HostArgs {
    /// The words that make these arguments.
    pub(super) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["helper-host".into()];
        let files = [
            ("--postoffice", Some(&self.postoffice)),
            ("--router", self.router.as_ref()),
            ("--filter", self.filter.as_ref()),
            ("--zenv", self.zenv.as_ref()),
        ];
        for (option, file) in files {
            if let Some(file) = file {
                words.extend([option.into(), file.clone().into_os_string()]);
            }
        }
        if let Some(path) = &self.path {
            words.extend(["--path".into(), path.clone()]);
        }
        words
    }

    fn program(&self, trade: Trade) -> Option<&Path> {
        match trade {
            Trade::Router => self.router.as_deref(),
            Trade::Filter => self.filter.as_deref(),
            // Whoever has processes of his own.
            Trade::Policy(_) | Trade::Milter => None,
        }
    }

    /// The command that starts a helper: a clean environment, and a group of its own.
    fn command(&self, trade: Trade, program: &Path) -> Command {
        let mut command = Command::new(program);
        if trade == Trade::Router {
            if let Some(zenv) = &self.zenv {
                command.arg("-Z").arg(zenv);
            }
            // As the ancestor starts it: interactive, on standard input and output.
            command.args(["-io-i", "-Ismtpserver"]);
        }
        command
            .env_clear()
            .env("SMTPSERVER", "y")
            .env("POSTOFFICE", &self.postoffice)
            .env("PATH", self.path.clone().unwrap_or_else(|| "/usr/bin:/bin:/usr/sbin:/sbin".into()))
            .envs(self.zenv.iter().map(|zenv| ("ZCONFIG", zenv)))
            .current_dir(&self.postoffice)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }
}

/// Serves until the other end goes.
pub(crate) fn run(args: HostArgs) -> Result<(), Stop> {
    let fault = |error: std::io::Error| Stop::unfit(format!("helper-host: {error}"));
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(fault)?;
    let stream = std::os::unix::net::UnixStream::from(socket);
    if stream.local_addr().is_err() {
        return Err(Stop::unfit("helper-host is started by the server, which talks to it over a socket"));
    }
    if args.keep {
        return keeper::keep(stream, &args.words()).map_err(fault);
    }
    stream.set_nonblocking(true).map_err(fault)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fault)?;
    runtime.block_on(async {
        // What is meant for the server and comes to all of its processes: helpers go on until it closes the line.
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let _unheeded = kinds.map(signal);
        serve(UnixStream::from_std(stream).map_err(fault)?, args).await;
        Ok(())
    })
}

/// What one helper's task is told.
enum Word {
    Say(Vec<u8>),
    LetGo,
    End,
}

async fn serve(stream: UnixStream, args: HostArgs) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (says, mut said) = mpsc::channel::<Frame>(HELPER_FRAMES_WAITING_MAX);
    tokio::spawn(async move {
        while let Some(frame) = said.recv().await {
            if writer.write_all(&frame.encode()).await.is_err() {
                return;
            }
        }
    });
    for trade in [Trade::Router, Trade::Filter] {
        if let Some(program) = args.program(trade) {
            tokio::spawn(watch(trade, program.to_path_buf(), says.clone()));
        }
    }
    let mut helpers: BTreeMap<(Trade, HelperId), mpsc::Sender<Word>> = BTreeMap::new();
    while let Ok(Some(Frame { kind, trade, helper, octets })) = Frame::read(&mut reader).await {
        helpers.retain(|_, helper| !helper.is_closed());
        let word = match kind {
            Kind::Start => {
                let started = args.program(trade).map(|program| args.command(trade, program).spawn());
                match started {
                    Some(Ok(child)) => {
                        let (tell, told) = mpsc::channel(HELPER_FRAMES_WAITING_MAX);
                        helpers.insert((trade, helper), tell);
                        tokio::spawn(tend(Group(child), trade, helper, told, says.clone()));
                    }
                    Some(Err(error)) => {
                        refuse(trade, helper, &format!("cannot be started: {error}"), &says).await
                    }
                    None => refuse(trade, helper, "no program of this trade", &says).await,
                }
                continue;
            }
            Kind::Say => Word::Say(octets),
            Kind::LetGo => Word::LetGo,
            Kind::End => Word::End,
            Kind::Said | Kind::Ended | Kind::Complained | Kind::Renewed => return,
        };
        if let Some(tell) = helpers.get(&(trade, helper)) {
            // A helper that takes nothing is full of lines that it was not asked to take: it is one that was ended.
            let _ = tell.try_send(word);
        }
    }
    // The server is gone. Each task ends its helper when nobody can tell it anything any more.
    drop(helpers);
    tokio::task::yield_now().await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

async fn refuse(trade: Trade, helper: HelperId, why: &str, says: &mpsc::Sender<Frame>) {
    let _ = says.send(Frame::new(Kind::Complained, trade, helper, why.as_bytes().to_vec())).await;
    let _ = says.send(Frame::new(Kind::Ended, trade, helper, Vec::new())).await;
}

/// A helper with all that it has started; they end with this.
struct Group(Child);

impl Group {
    fn kill(&self) {
        // Not waited for yet: its number is nobody else's.
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        let _ = self.0.wait();
    }
}

/// Carries what one helper is told and says, to its end.
async fn tend(
    mut group: Group,
    trade: Trade,
    helper: HelperId,
    mut told: mpsc::Receiver<Word>,
    says: mpsc::Sender<Frame>,
) {
    let streams = streams(&mut group.0);
    let Ok((stdin, mut stdout, stderr, exit)) = streams else {
        drop(group);
        return refuse(trade, helper, "cannot be talked to", &says).await;
    };
    let mut stdin = Some(stdin);
    let complaints = tokio::spawn(complain(stderr, trade, helper, says.clone()));
    let mut octets = vec![0; HELPER_READ_OCTETS];
    loop {
        let talk = first(stdout.read(&mut octets), exit.readable());
        match first(told.recv(), talk).await {
            First::One(Some(Word::Say(line))) => {
                let Some(stdin) = &mut stdin else { continue };
                // The line is short and the pipe empty: who does not take it has no room for anything.
                if !matches!(timeout(HELPER_PARTING_MAX, stdin.write_all(&line)).await, Ok(Ok(()))) {
                    break;
                }
            }
            First::One(Some(Word::LetGo)) => {
                drop(stdin.take());
                let _ = timeout(HELPER_PARTING_MAX, exit.readable()).await;
                break;
            }
            First::One(Some(Word::End) | None) => break,
            First::Other(First::One(Ok(count @ 1..))) => {
                let frame = Frame::new(Kind::Said, trade, helper, octets[..count].to_vec());
                if says.send(frame).await.is_err() {
                    break;
                }
            }
            First::Other(First::One(Ok(0) | Err(_))) => break,
            // It has ended, and perhaps left others behind that hold its pipes.
            First::Other(First::Other(_)) => {
                drain(&mut stdout, &mut octets, trade, helper, &says).await;
                break;
            }
        }
    }
    drop(exit);
    // To end a process and to wait for it is short.
    drop(group);
    let _ = timeout(HELPER_PARTING_MAX, complaints).await;
    let _ = says.send(Frame::new(Kind::Ended, trade, helper, Vec::new())).await;
}

/// What a helper that has ended said before.
async fn drain(
    stdout: &mut ChildStdout,
    octets: &mut [u8],
    trade: Trade,
    helper: HelperId,
    says: &mpsc::Sender<Frame>,
) {
    let now = std::time::Duration::ZERO;
    while let Ok(Ok(count @ 1..)) = timeout(now, stdout.read(octets)).await {
        let _ = says.send(Frame::new(Kind::Said, trade, helper, octets[..count].to_vec())).await;
    }
}

type Streams = (ChildStdin, ChildStdout, ChildStderr, AsyncFd<OwnedFd>);

fn streams(child: &mut Child) -> std::io::Result<Streams> {
    let missing = || std::io::Error::other("a pipe is missing");
    let stdin = ChildStdin::from_std(child.stdin.take().ok_or_else(missing)?)?;
    let stdout = ChildStdout::from_std(child.stdout.take().ok_or_else(missing)?)?;
    let stderr = ChildStderr::from_std(child.stderr.take().ok_or_else(missing)?)?;
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or_else(missing)?;
    let exit = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
    #[expect(
        deprecated,
        reason = "what it says of descriptors closed too early cannot be: this one is owned"
    )]
    let exit = AsyncFd::new(exit)?;
    Ok((stdin, stdout, stderr, exit))
}

/// Carries what a helper says to an operator, a line at a time.
async fn complain(
    mut stderr: impl AsyncRead + Unpin,
    trade: Trade,
    helper: HelperId,
    says: mpsc::Sender<Frame>,
) {
    let mut line = Vec::new();
    let mut octets = [0; 512];
    while let Ok(count @ 1..) = stderr.read(&mut octets).await {
        for octet in &octets[..count] {
            if *octet != b'\n' {
                line.push(*octet);
            }
            if (*octet == b'\n' || line.len() >= COMPLAINT_OCTETS_MAX) && !line.is_empty() {
                let frame = Frame::new(Kind::Complained, trade, helper, std::mem::take(&mut line));
                let _ = says.send(frame).await;
            }
        }
    }
    if !line.is_empty() {
        let _ = says.send(Frame::new(Kind::Complained, trade, helper, line)).await;
    }
}

/// Looks from time to time whether the program is another one than before.
async fn watch(trade: Trade, program: PathBuf, says: mpsc::Sender<Frame>) {
    let look = || {
        let stat = program.metadata().ok()?;
        Some((stat.ino(), stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec()))
    };
    let mut known = look();
    loop {
        tokio::time::sleep(PROGRAM_LOOK_WAIT).await;
        let now = look();
        // While it is away there is nothing to change to.
        if now.is_some() && std::mem::replace(&mut known, now) != now {
            let frame = Frame::new(Kind::Renewed, trade, HelperId(0), Vec::new());
            if says.send(frame).await.is_err() {
                return;
            }
        }
    }
}
