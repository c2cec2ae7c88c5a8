//! The network process's end of the line to its helper process: many questions under way at a time, each with a number.
//! When the helper dies, all of them are in trouble, and it is started again.

use super::frame::{self, Notice, Octets};
use super::worker::WorkerArgs;
use super::{BackEnd, Pending};
use crate::limits::{CHECKS_AT_ONCE, WORKER_PAUSE_MAX, WORKER_PAUSE_MIN, WORKER_START_MAX};
use crate::process::keeper::{Buried, Keeper};
use smtpserver_core::auth::{Check, Finding, Means};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How the helper process is started.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The program; our own.
    pub program: PathBuf,
    /// What it is to know.
    pub args: WorkerArgs,
    /// Who starts it, when we cannot any more; otherwise we do.
    keeper: Option<Arc<Keeper>>,
}

impl WorkerCommand {
    /// Our own program, even when another one has taken its place on disk since.
    pub fn own(args: WorkerArgs) -> WorkerCommand {
        WorkerCommand::of(PathBuf::from("/proc/self/exe"), args)
    }

    /// This program.
    pub fn of(program: PathBuf, args: WorkerArgs) -> WorkerCommand {
        WorkerCommand { program, args, keeper: None }
    }

    /// The same, by a keeper that has the rights of now for as long as the command is there.
    pub fn kept(mut self) -> Result<WorkerCommand, String> {
        let keeper = Keeper::start(&self.program, &self.args.words()).map_err(cannot_start)?;
        self.keeper = Some(Arc::new(keeper));
        Ok(self)
    }

    /// Starts it and waits until it is ready: with the rights of now, so before they are given up. The error is what the
    /// helper itself says about why it cannot work.
    pub fn start(&self) -> Result<Started, String> {
        let fault = cannot_start;
        let (mut ours, mut child) = match &self.keeper {
            Some(keeper) => (keeper.helper().map_err(fault)?, None),
            None => {
                let (ours, its) = Socket::pair().map_err(fault)?;
                let child = Command::new(&self.program)
                    .args(self.args.words())
                    .stdin(OwnedFd::from(its))
                    .stdout(Stdio::null())
                    .spawn()
                    .map_err(fault)?;
                (ours, Some(Buried(child)))
            }
        };
        ours.set_read_timeout(Some(WORKER_START_MAX)).map_err(fault)?;
        loop {
            let body = frame::read_body_now(&mut ours);
            match body.map(|body| frame::read_notice(&body)) {
                Ok(Some(Notice::Means(means))) => {
                    ours.set_read_timeout(None).map_err(fault)?;
                    return Ok(Started { child, socket: ours, means });
                }
                Ok(Some(Notice::Note(note))) => tracing::warn!("logins: {note}"),
                Ok(Some(Notice::Unfit(line))) => return Err(line),
                Ok(Some(Notice::Answer(..)) | None) => {
                    return Err("the helper process for logins speaks nonsense".into());
                }
                Err(error) => {
                    let status = child.as_mut().and_then(|child| child.0.try_wait().ok().flatten());
                    let ended = status.map_or(String::new(), |status| format!(" ({status})"));
                    return Err(format!("the helper process for logins did not get ready: {error}{ended}"));
                }
            }
        }
    }
}

fn cannot_start(error: std::io::Error) -> String {
    format!("cannot start the helper process for logins: {error}")
}

/// A helper process that is ready.
#[derive(Debug)]
pub struct Started {
    child: Option<Buried>,
    socket: Socket,
    means: Means,
}

/// The back end behind the helper process.
#[derive(Debug)]
pub struct Remote {
    shared: Arc<Shared>,
    number: AtomicU64,
    keeper: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    means: Means,
    /// Takes frames to the helper; nothing while there is none.
    line: Option<mpsc::Sender<Octets>>,
    /// Who waits for which answer.
    waiting: BTreeMap<u64, oneshot::Sender<Finding>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is a helper that can do this: from now on it is told what comes out here.
    fn open(&self, means: Means) -> mpsc::Receiver<Octets> {
        let (line, frames) = mpsc::channel(CHECKS_AT_ONCE);
        let mut state = self.lock();
        state.means = means;
        state.line = Some(line);
        frames
    }

    /// There is no helper: who waits for it is in trouble, and who comes is at once.
    fn hang_up(&self) {
        let mut state = self.lock();
        state.line = None;
        state.waiting.clear();
    }
}

impl Remote {
    /// Takes over a helper process that is ready, and keeps one there from now on. Needs a tokio runtime around it.
    pub fn new(started: Started, command: WorkerCommand) -> Remote {
        let state = State { means: started.means, line: None, waiting: BTreeMap::new() };
        let shared = Arc::new(Shared(Mutex::new(state)));
        // Before anybody can ask, and not when the keeping has begun: the first client is not to be in trouble.
        let frames = shared.open(started.means);
        let keeper = tokio::spawn(keep(shared.clone(), started, frames, command));
        Remote { shared, number: AtomicU64::new(1), keeper }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Whoever asked and left is not waited for any more.
struct Asked<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.number);
    }
}

impl BackEnd for Remote {
    fn means(&self) -> Means {
        self.shared.lock().means
    }

    fn check(&self, check: Check) -> Pending<'_> {
        Box::pin(async move {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let Some(frame) = frame::question(number, &check) else { return Finding::Trouble };
            let (answers, answer) = oneshot::channel();
            let _asked = Asked { shared: &self.shared, number };
            let line = {
                let mut state = self.shared.lock();
                let Some(line) = state.line.clone() else { return Finding::Trouble };
                state.waiting.insert(number, answers);
                line
            };
            if line.send(frame).await.is_err() {
                return Finding::Trouble;
            }
            answer.await.unwrap_or(Finding::Trouble)
        })
    }
}

/// Serves one helper process after the other.
async fn keep(
    shared: Arc<Shared>,
    mut started: Started,
    mut frames: mpsc::Receiver<Octets>,
    command: WorkerCommand,
) {
    loop {
        let child = talk(&shared, started, frames).await;
        shared.hang_up();
        // To end a process and to wait for it is short, and yet not for a network thread.
        let _ = tokio::task::spawn_blocking(move || drop(child)).await;
        tracing::error!("the helper process for logins has ended; another one is started");
        let mut pause = WORKER_PAUSE_MIN;
        started = loop {
            tokio::time::sleep(pause).await;
            pause = WORKER_PAUSE_MAX.min(pause * 2);
            let command = command.clone();
            match tokio::task::spawn_blocking(move || command.start()).await {
                Ok(Ok(started)) => break started,
                Ok(Err(line)) => tracing::error!("logins: {line}"),
                Err(_) => {
                    tracing::error!("starting the helper process for logins broke an assertion of ours")
                }
            }
        };
        frames = shared.open(started.means);
    }
}

/// Talks to one helper process until its end.
async fn talk(shared: &Shared, started: Started, frames: mpsc::Receiver<Octets>) -> Option<Buried> {
    let Started { child, socket, means: _ } = started;
    let stream = match socket.set_nonblocking(true).and_then(|()| UnixStream::from_std(socket)) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::error!("the line to the helper process for logins cannot be used: {error}");
            return child;
        }
    };
    let (mut reader, writer) = tokio::io::split(stream);
    let writer = Ends(tokio::spawn(write(writer, frames)));
    listen(shared, &mut reader).await;
    drop(writer);
    child
}

/// A task that ends when this goes.
struct Ends(JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(shared: &Shared, reader: &mut ReadHalf<UnixStream>) {
    while let Ok(Some(body)) = frame::read_body(reader).await {
        match frame::read_notice(&body) {
            Some(Notice::Answer(number, finding)) => {
                let asked = shared.lock().waiting.remove(&number);
                if let Some(answers) = asked {
                    // Whoever asked may have left at this moment.
                    let _ = answers.send(finding);
                }
            }
            Some(Notice::Means(means)) => shared.lock().means = means,
            Some(Notice::Note(note)) => tracing::warn!("logins: {note}"),
            Some(Notice::Unfit(_)) | None => return,
        }
    }
}

async fn write(mut writer: WriteHalf<UnixStream>, mut frames: mpsc::Receiver<Octets>) {
    while let Some(frame) = frames.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}
