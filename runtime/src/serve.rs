//! Puts the parts together, in an order that keeps promises: everything that can be refused is refused before the
//! first connection, sockets are open before the program detaches, and at the end every session has had its say.

use crate::Stop;
use crate::args::DaemonArgs;
use crate::clock::SystemClock;
use crate::desk::Desk;
use crate::journal::{self, Journal, Logbook};
use crate::limits::{LAST_WORDS_MAX, LAST_WRITES_MAX, LINGER_MAX, STOP_GRACE, THREADS_MAX};
use crate::lines::Lines;
use crate::pid_file::PidFile;
use crate::recorder::{Recorder, Wish};
use crate::session_log::{LogFile, SessionLog};
use crate::signals::{self, Signals};
use crate::spool_fs::{self, FileSpool};
use crate::{listen, single};
use smtpserver_core::Settings;
use smtpserver_core::limits::{Limits, TURN_AWAY_MARGIN};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

/// The daemon, from its options to its end.
pub(crate) fn daemon(args: DaemonArgs) -> Result<(), Stop> {
    let mut settings = args.settings()?;
    settings.transcript = args.session_log.is_some() || args.verbose > 1;
    if args.inetd {
        return single::inetd(&args, settings);
    }
    if args.batch {
        return single::batch(&args, settings);
    }
    ready_process(&settings.limits)?;

    let postoffice = spool_fs::prepare(&args.postoffice).map_err(Stop::unfit)?;
    let mut pid_file = PidFile::lock(&postoffice.join(&args.pid_file)).map_err(Stop::unfit)?;
    // Written twice: what forbids it is said while somebody reads that, and the pid changes when we detach.
    pid_file.write().map_err(Stop::unfit)?;
    let log_file = args.session_log.as_deref().map(open_log).transpose()?;
    let wish = args.record.wish()?;
    let sockets = listen::open(&args.listen, args.port).map_err(Stop::unfit)?;
    //= rfc2033#5/1 rfc2033#1/1
    // LMTP where SMTP is expected would be taken for a broken server.
    if settings.lmtp && sockets.iter().flat_map(TcpListener::local_addr).any(|own| own.port() == 25) {
        return Err(Stop::unfit(
            "lmtp-mode is not for port 25, where everybody expects SMTP: choose another with -p",
        ));
    }
    for line in listening_lines(&sockets) {
        eprintln!("{line}");
    }

    if !args.foreground {
        if log_file.is_none() {
            eprintln!(
                "smtpserver: detached, it logs nothing: give -l FILE for the dialogues, or --foreground"
            );
        }
        // From here on nobody reads stderr. There is one thread so far: only that survives.
        nix::unistd::daemon(false, false).map_err(|error| Stop::failed(format!("cannot detach: {error}")))?;
    }
    pid_file.write().map_err(Stop::unfit)?;
    let stderr = Lines::to(|| Ok(Box::new(std::io::stderr()))).map_err(Stop::failed)?;
    journal::trace_to(stderr.clone(), journal::level(args.verbose));
    let session_log = log_file.map(SessionLog::keep).transpose().map_err(Stop::failed)?;
    let session_lines = session_log.as_ref().map(SessionLog::lines);
    let spool = FileSpool::open(&postoffice, &settings.host);
    let recorder = start_recorder(wish.as_ref())?;
    let ended = serve(settings, spool, sockets, Arc::new(Logbook::new(session_log)), recorder);
    for lines in session_lines.into_iter().chain([stderr]) {
        lines.flush(LAST_WRITES_MAX);
    }
    ended
}

/// Serves until it is told to stop, and then until the sessions have ended or their time is over.
pub(crate) fn serve(
    settings: Settings,
    spool: FileSpool,
    sockets: Vec<TcpListener>,
    journal: Arc<dyn Journal>,
    recorder: Option<Recorder>,
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
        let mut signals = Signals::catch().map_err(fault)?;
        let mut doors = Vec::new();
        for socket in sockets {
            let listener = tokio::net::TcpListener::from_std(socket).map_err(fault)?;
            doors.push(tokio::spawn(listen::accept(listener, desk.clone())));
        }
        signals.stop().await;
        match desk.sessions() {
            0 => tracing::info!("stopping: no session is open"),
            n => tracing::info!("stopping: {} may end, within {drain:?}", sessions(n)),
        }
        for door in doors {
            door.abort();
            // When it is gone its socket is closed, and new connections are refused.
            let _ = door.await;
        }
        desk.stop();
        tokio::spawn(async move {
            signals.stop().await;
            // Whoever says it twice does not want to wait.
            std::process::exit(1);
        });
        // A session that ends at the last moment has its last words still before it.
        let limit = drain + LAST_WORDS_MAX + LINGER_MAX + STOP_GRACE;
        if tokio::time::timeout(limit, desk.emptied()).await.is_err() {
            tracing::warn!("cut off, as time is over: {}", sessions(desk.sessions()));
        }
        Ok(())
    });
    // Sessions that are still there end here, and their drafts with them.
    runtime.shutdown_timeout(LAST_WRITES_MAX);
    desk.spool().wait_for_rest(LAST_WRITES_MAX);
    if let Some(recorder) = recorder {
        recorder.flush(LAST_WRITES_MAX);
    }
    ended
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
