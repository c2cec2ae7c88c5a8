//! Puts the parts together, in an order that keeps promises: everything that can be refused is refused before the
//! first connection and before rights are given up or a server that runs already is relieved, and at the end every session has had its say.

use crate::Stop;
use crate::args::{self, DaemonArgs};
use crate::clock::SystemClock;
use crate::desk::Desk;
use crate::journal::{self, Journal, Logbook};
use crate::limits::{LAST_WORDS_MAX, LAST_WRITES_MAX, LINGER_MAX, STOP_GRACE, THREADS_MAX};
use crate::lines::Lines;
use crate::listen;
use crate::process::detach::{self, Caller};
use crate::process::fence::{Fence, Ground};
use crate::process::privileges::{Account, Kind};
use crate::process::systemd::{Passed, Service};
use crate::process::{Duty, HandOver, OnDuty, privileges, systemd};
use crate::recorder::{Recorder, Wish};
use crate::session_log::{LogFile, SessionLog};
use crate::signals::{self, Signals, Word};
use crate::spool_fs::{self, FileSpool};
use smtpserver_core::Settings;
use smtpserver_core::limits::{Limits, TURN_AWAY_MARGIN};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The daemon, from its options to its end.
pub(crate) fn daemon(args: DaemonArgs) -> Result<(), Stop> {
    if !args.foreground && !args.detached {
        return detach::away();
    }
    // First of all, as these sockets are known by their numbers only.
    let passed = systemd::passed().map_err(Stop::unfit)?;
    let mut settings = args::settings(&args.params)?;
    if let Some(octets) = args.message_octets_max {
        settings.limits.message_octets_max = octets;
    }
    settings.transcript = args.session_log.is_some() || args.verbose > 1;
    let caller = args.detached.then(Caller::leave).transpose()?;
    ready_process(&settings.limits)?;
    privileges::keep_others_out();

    // What needs the rights with which we were started: the pid file, the ports.
    let postoffice = spool_fs::find(&args.postoffice).map_err(Stop::unfit)?;
    let account = privileges::account(settings.run_as.as_ref(), &postoffice).map_err(Stop::unfit)?;
    let replace = args.replace || args.detached;
    let mut duty = Duty::claim(&postoffice.join(&args.pid_file), replace).map_err(Stop::unfit)?;
    let sockets = open_sockets(&args, passed, duty.inherited())?;

    // What must be possible without them.
    let whose = |fault: Stop| match &account {
        Some(account) => Stop::unfit(format!("{} (as {}, whom we become)", fault.line, account.name)),
        None => fault,
    };
    let (fence, wish) = give_up_rights(&args, &postoffice, account.as_ref()).map_err(whose)?;
    let prepared = spool_fs::prepare(&postoffice).map_err(Stop::unfit);
    let postoffice = prepared.map_err(whose)?;
    let log_file = args.session_log.as_deref().map(open_log).transpose().map_err(whose)?;
    listen::start(&sockets).map_err(Stop::unfit)?;
    for line in listening_lines(&sockets) {
        eprintln!("{line}");
    }
    if args.detached && log_file.is_none() {
        eprintln!("smtpserver: detached, it logs nothing: give -l FILE for the dialogues, or --foreground");
    }

    let stderr = Lines::to(|| Ok(Box::new(std::io::stderr()))).map_err(Stop::failed)?;
    journal::trace_to(stderr.clone(), journal::level(args.verbose));
    fence.tell();
    if nix::unistd::Uid::effective().is_root() && settings.run_as.is_none() {
        tracing::warn!("stays root, as nobody says whom to become: set the parameter user");
    }
    let session_log = log_file.map(SessionLog::keep).transpose().map_err(Stop::failed)?;
    let session_lines = session_log.as_ref().map(SessionLog::lines);
    let spool = FileSpool::open(&postoffice, &settings.host);
    let recorder = start_recorder(wish.as_ref())?;
    if let Some(caller) = caller {
        duty.told_to(caller, stderr.clone());
    }
    let journal = Arc::new(Logbook::new(session_log));
    let ended = serve(settings, spool, sockets, journal, recorder, Some(duty));
    for lines in session_lines.into_iter().chain([stderr]) {
        lines.flush(LAST_WRITES_MAX);
    }
    ended
}

/// The sockets to accept on: those that were passed to us, those that the options name, and without either those that
/// are the default. Sockets of the server before us are used where they fit; the others go with it.
fn open_sockets(
    args: &DaemonArgs,
    passed: Vec<Passed>,
    inherited: Vec<TcpListener>,
) -> Result<Vec<TcpListener>, Stop> {
    let mut given = Vec::new();
    for Passed { service, socket } in passed {
        match service {
            Service::Smtp => given.push(socket),
            Service::SmtpS | Service::Submission => {
                let address = socket.local_addr().map_err(Stop::unfit)?;
                return Err(Stop::unfit(format!(
                    "the socket {address} was passed for {service:?}, which cannot be served yet"
                )));
            }
        }
    }
    if args.listen.is_empty() && !given.is_empty() {
        return Ok(given);
    }
    let passed: Vec<_> = given.iter().map(AsRawFd::as_raw_fd).collect();
    given.extend(inherited);
    let mut sockets = listen::open(&args.listen, args.port, &mut given).map_err(Stop::unfit)?;
    // What was passed is served in any case: clients can connect there already.
    sockets.extend(given.into_iter().filter(|socket| passed.contains(&socket.as_raw_fd())));
    Ok(sockets)
}

/// Becomes whom we are to be, with the rights and the files that are needed, and no others.
fn give_up_rights(
    args: &DaemonArgs,
    postoffice: &Path,
    account: Option<&Account>,
) -> Result<(Fence, Option<Wish>), Stop> {
    let folders = spool_fs::folders(postoffice);
    if let Some(account) = account {
        let provide = |path: &Path, kind| {
            let fault = |error| Stop::unfit(format!("{} cannot be made: {error}", path.display()));
            privileges::provide(path, kind, account).map_err(fault)
        };
        for folder in folders.iter().map(PathBuf::as_path).chain(args.record.folder.as_deref()) {
            provide(folder, Kind::Folder)?;
        }
        if let Some(log) = &args.session_log {
            provide(log, Kind::File)?;
        }
        privileges::become_account(account).map_err(Stop::failed)?;
    }
    privileges::give_up().map_err(Stop::failed)?;
    // It makes its folder, which must be there to be fenced in.
    let wish = args.record.wish()?;
    let mut ground = Ground::default();
    ground.folder(postoffice);
    for folder in &folders {
        ground.folder(folder);
    }
    if let Some(wish) = &wish {
        ground.folder(&wish.folder);
    }
    if let Some(log) = &args.session_log {
        ground.log(log);
    }
    Ok((ground.close().map_err(Stop::failed)?, wish))
}

/// Serves until it is told to stop, and then until the sessions have ended or their time is over. With a duty, it
/// begins that when everything is ready, and may be relieved of it.
pub(crate) fn serve(
    settings: Settings,
    spool: FileSpool,
    sockets: Vec<TcpListener>,
    journal: Arc<dyn Journal>,
    recorder: Option<Recorder>,
    duty: Option<Duty>,
) -> Result<(), Stop> {
    spool.tidy_up();
    let drain = settings.timeouts.drain;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::failed(format!("cannot start threads: {error}")))?;
    let clock = Arc::new(SystemClock::default());
    let desk = Desk::recording(Arc::new(settings), spool, clock, journal, recorder.clone());
    // Known before the first client asks for more than there is; nobody waits yet, so there is nothing to do next.
    drop(desk.measured(desk.spool().free_kib()));
    let ended = runtime.block_on(async {
        let fault = |error| Stop::failed(format!("cannot serve: {error}"));
        let (orders, successors) = mpsc::channel(1);
        let mut signals = Signals::catch(successors, on_hangup).map_err(fault)?;
        let copies: Vec<_> =
            sockets.iter().map(TcpListener::try_clone).collect::<Result<_, _>>().map_err(fault)?;
        let listeners: Vec<_> = sockets
            .into_iter()
            .map(tokio::net::TcpListener::from_std)
            .collect::<Result<_, _>>()
            .map_err(fault)?;
        let duty = duty.map(|duty| duty.begin(copies, orders)).transpose().map_err(Stop::failed)?;
        let duty = Arc::new(Mutex::new(duty));
        let doors: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::spawn(listen::accept(listener, desk.clone())))
            .collect();
        if let Some(wait) = systemd::heartbeat() {
            tokio::spawn(beat(desk.clone(), wait));
        }
        let word = signals.next().await;
        for door in doors {
            door.abort();
            // When it is gone its socket is closed, and new connections are refused, or are the successor's.
            let _ = door.await;
        }
        match word {
            Word::Stop => {
                systemd::stopping(&sessions(desk.sessions()));
                if let Some(duty) = &*lock(&duty) {
                    duty.close();
                }
            }
            Word::HandOver(to) => hand_over(&duty, to),
        }
        match desk.sessions() {
            0 => tracing::info!("stopping: no session is open"),
            n => tracing::info!("stopping: {} may end, within {drain:?}", sessions(n)),
        }
        desk.stop();
        tokio::spawn(last_words(signals, duty.clone()));
        // A session that ends at the last moment has its last words still before it.
        let limit = drain + LAST_WORDS_MAX + LINGER_MAX + STOP_GRACE;
        if tokio::time::timeout(limit, desk.emptied()).await.is_err() {
            tracing::warn!("cut off, as time is over: {}", sessions(desk.sessions()));
        }
        Ok(duty)
    });
    // Sessions that are still there end here, and their drafts with them.
    runtime.shutdown_timeout(LAST_WRITES_MAX);
    desk.spool().wait_for_rest(LAST_WRITES_MAX);
    if let Some(recorder) = recorder {
        recorder.flush(LAST_WRITES_MAX);
    }
    // The duty, and with it the pid file, goes last.
    ended.map(drop)
}

/// What SIGHUP asks for.
fn on_hangup() {
    // A log that was renamed is found anew by itself.
    systemd::reloading(|| tracing::info!("SIGHUP: there is no configuration file to read again"));
}

/// What is still heard while the last sessions end.
async fn last_words(mut signals: Signals, duty: Arc<Mutex<Option<OnDuty>>>) {
    loop {
        match signals.next().await {
            // Whoever says it twice does not want to wait.
            Word::Stop => std::process::exit(1),
            // There are no sockets left to hand over, but the pid file.
            Word::HandOver(to) => hand_over(&duty, to),
        }
    }
}

fn hand_over(duty: &Mutex<Option<OnDuty>>, to: HandOver) {
    if let Some(duty) = &mut *lock(duty) {
        tracing::info!("pid {} goes on where we stop", to.successor);
        duty.hand_over(to);
    }
}

fn lock(duty: &Mutex<Option<OnDuty>>) -> MutexGuard<'_, Option<OnDuty>> {
    duty.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that we live, as long as tasks are run and the desk answers.
async fn beat(desk: Arc<Desk<FileSpool>>, wait: Duration) {
    loop {
        desk.sessions();
        systemd::alive();
        tokio::time::sleep(wait).await;
    }
}

/// Starts to record what was wished for.
pub(crate) fn start_recorder(wish: Option<&Wish>) -> Result<Option<Recorder>, Stop> {
    wish.map(Recorder::start)
        .transpose()
        .map_err(|error| Stop::failed(format!("recordings cannot be written: {error}")))
}

/// `listening on ADDRESS:PORT` for each socket.
pub(crate) fn listening_lines(sockets: &[TcpListener]) -> Vec<String> {
    sockets
        .iter()
        .flat_map(TcpListener::local_addr)
        .map(|address| format!("listening on {address}"))
        .collect()
}

/// What every server wants of its process: signals that must not end it are kept away, and as many descriptors as it
/// may have.
pub(crate) fn ready_process(limits: &Limits) -> Result<(), Stop> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    signals::keep_away().map_err(|error| Stop::failed(format!("cannot keep signals away: {error}")))?;
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    match raised {
        Ok(files) => {
            let needed = files_needed(limits);
            if files < needed {
                eprintln!(
                    "smtpserver: at most {files} open files are allowed, {} connections may need {needed}: raise the \
                     limit (ulimit -n) or lower MaxParallelConnections",
                    limits.connections_max
                );
            }
        }
        Err(error) => eprintln!("smtpserver: cannot raise the limit of open files: {error}"),
    }
    Ok(())
}

/// Open files that the server needs when all connections are taken: those, those that are turned away, and what the
/// disk is busy with.
fn files_needed(limits: &Limits) -> u64 {
    let threads = u64::try_from(THREADS_MAX).expect("a small number");
    u64::from(limits.connections_max) + u64::from(TURN_AWAY_MARGIN) + threads
}

fn open_log(path: &Path) -> Result<LogFile, Stop> {
    LogFile::open(path).map_err(|error| {
        Stop::unfit(format!("the session log {} cannot be written: {error}", path.display()))
    })
}

/// How many sessions, in words.
fn sessions(count: usize) -> String {
    if count == 1 { "1 session".into() } else { format!("{count} sessions") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_words() {
        assert_eq!([1, 2].map(sessions), ["1 session", "2 sessions"]);
    }
}
