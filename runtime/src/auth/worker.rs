//! The helper process (`smtpserver auth-worker`): it holds what the network process must not reach (a password file, the right
//! to start a program, PAM) and answers the questions that come over its standard input, a socket. It never sees an octet
//! of the network but as a field of a question.

use super::door::Door;
use super::frame::{self, Notice, Octets};
use super::passwords::PasswordFile;
use super::program::Program;
use super::{BackEnd, Pending};
use crate::Stop;
use crate::limits::{CHECK_MAX, CHECKS_AT_ONCE, HASHES_AT_ONCE};
use crate::process::keeper;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{User, setgid, setgroups, setuid};
use smtpserver_core::auth::{Check, Finding, Means};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};

/// What the helper process is to know. Exactly one source.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["passwords", "program", "pam", "pam_check"])))]
pub struct WorkerArgs {
    /// Password file
    #[arg(long, value_name = "FILE")]
    pub passwords: Option<PathBuf>,
    /// Program of SMTP-auth-pipe
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// The program checks tokens of OAUTHBEARER, too
    #[arg(long, requires = "program")]
    pub tokens: bool,
    /// PAM, service smtpauth-login
    #[arg(long)]
    pub pam: bool,
    /// Ask PAM about this user, once; the password is on standard input
    #[arg(long, value_name = "USER")]
    pub pam_check: Option<String>,
    /// Start helpers, one after the other
    #[arg(long)]
    pub keep: bool,
    /// Run as this user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

impl WorkerArgs {
    /// The words that make these arguments.
    pub(super) fn words(&self) -> Vec<std::ffi::OsString> {
        let mut words = vec!["auth-worker".into()];
        for (option, path) in [("--passwords", &self.passwords), ("--program", &self.program)] {
            if let Some(path) = path {
                words.extend([option.into(), path.clone().into_os_string()]);
            }
        }
        words.extend(self.tokens.then(|| "--tokens".into()));
        words.extend(self.pam.then(|| "--pam".into()));
        if let Some(user) = &self.user {
            words.extend(["--user".into(), user.into()]);
        }
        words
    }
}

/// Serves until the other end goes.
pub(crate) fn run(args: WorkerArgs) -> Result<(), Stop> {
    let fault = |error: std::io::Error| Stop::unfit(format!("auth-worker: {error}"));
    if let Some(user) = &args.pam_check {
        return pam_check(user);
    }
    // Neither a core file nor a debugger of the same user shall show passwords.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(fault)?;
    let stream = std::os::unix::net::UnixStream::from(socket);
    if stream.local_addr().is_err() {
        return Err(Stop::unfit("auth-worker is started by the server, which talks to it over a socket"));
    }
    if args.keep {
        return keeper::keep(stream, &args.words()).map_err(fault);
    }
    stream.set_nonblocking(true).map_err(fault)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(HASHES_AT_ONCE)
        .build()
        .map_err(fault)?;
    runtime.block_on(async {
        // A stop or a hang-up that is meant for the server, and comes to all of its processes: logins go on until it closes
        // the line.
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let _unheeded = kinds.map(signal);
        let (reader, writer) = tokio::io::split(UnixStream::from_std(stream).map_err(fault)?);
        let (says, said) = mpsc::channel(CHECKS_AT_ONCE);
        let writer = tokio::spawn(write(writer, said));
        match become_user(&args).and_then(|()| source(args, says.clone())) {
            Ok(back_end) => serve(reader, back_end, says).await,
            // Whoever started us says it to the operator, and ends.
            Err(line) => {
                let _ = says.send(Notice::Unfit(line)).await;
                drop(says);
            }
        }
        let _ = writer.await;
        Ok(())
    })
}

/// Gives up what root may, for good. All threads of a process change together.
fn become_user(args: &WorkerArgs) -> Result<(), String> {
    let Some(name) = &args.user else { return Ok(()) };
    let fault = |error: nix::Error| format!("cannot become the user {name}: {error}");
    let user = User::from_name(name).map_err(fault)?.ok_or_else(|| format!("there is no user {name}"))?;
    setgroups(&[user.gid]).map_err(fault)?;
    setgid(user.gid).map_err(fault)?;
    setuid(user.uid).map_err(fault)?;
    if !user.uid.is_root() && setuid(nix::unistd::Uid::from_raw(0)).is_ok() {
        return Err(format!("the rights of root came back after becoming {name}"));
    }
    Ok(())
}

fn source(args: WorkerArgs, says: mpsc::Sender<Notice>) -> Result<Arc<dyn BackEnd>, String> {
    if let Some(path) = args.passwords {
        let file = Arc::new(PasswordFile::open(&path)?);
        if file.current().0.lacks_secret() {
            let _ = says.try_send(Notice::Note(format!(
                "password file {}: there is no line %secret, so it can be found out who has SCRAM keys; smtpserver passwd adds one",
                path.display()
            )));
        }
        return Ok(Arc::new(Hashes { file, says }));
    }
    if let Some(path) = args.program {
        return Ok(Arc::new(Program::new(path, args.tokens)));
    }
    #[cfg(feature = "pam")]
    return Ok(Arc::new(Program::pam()));
    #[cfg(not(feature = "pam"))]
    Err(NO_PAM.into())
}

#[cfg(feature = "pam")]
fn pam_check(user: &str) -> Result<(), Stop> {
    super::pam::run(user)
}

#[cfg(not(feature = "pam"))]
fn pam_check(_: &str) -> Result<(), Stop> {
    Err(Stop::unfit(NO_PAM))
}

#[cfg(not(feature = "pam"))]
const NO_PAM: &str = "PAM is not built into this program (cargo feature `pam`)";

/// The password file as a back end: looked at for each question, hashed on threads of their own.
struct Hashes {
    file: Arc<PasswordFile>,
    says: mpsc::Sender<Notice>,
}

impl BackEnd for Hashes {
    fn means(&self) -> Means {
        self.file.current().0.means()
    }

    fn check(&self, check: Check) -> Pending<'_> {
        Box::pin(async move {
            let (users, note) = self.file.current();
            if let Some(note) = note {
                let _ = self.says.try_send(Notice::Note(note));
            }
            let found = tokio::task::spawn_blocking(move || users.check(&check)).await;
            found.unwrap_or(Finding::Trouble)
        })
    }
}

async fn serve(mut reader: ReadHalf<UnixStream>, back_end: Arc<dyn BackEnd>, says: mpsc::Sender<Notice>) {
    let mut means = back_end.means();
    let door = Arc::new(Door::new(back_end.clone(), CHECKS_AT_ONCE, CHECK_MAX));
    // Questions that are known and not answered; beyond them nothing is read.
    let room = Arc::new(Semaphore::new(2 * CHECKS_AT_ONCE));
    let _ = says.send(Notice::Means(means)).await;
    while let Ok(Some(body)) = frame::read_body(&mut reader).await {
        let Some((number, check)) = frame::read_question(&body) else {
            eprintln!("smtpserver: auth-worker was asked what it does not understand, and ends");
            return;
        };
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let (door, says) = (door.clone(), says.clone());
        let changed = std::mem::replace(&mut means, back_end.means()) != means;
        tokio::spawn(async move {
            if changed {
                let _ = says.send(Notice::Means(door.means())).await;
            }
            let finding = door.ask(check).await;
            let _ = says.send(Notice::Answer(number, finding)).await;
            drop(place);
        });
    }
}

async fn write(mut writer: WriteHalf<UnixStream>, mut said: mpsc::Receiver<Notice>) {
    while let Some(said) = said.recv().await {
        let frame: Option<Octets> = frame::notice(&said);
        let Some(frame) = frame else { continue };
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}
