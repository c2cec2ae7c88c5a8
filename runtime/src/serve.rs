//! Puts the parts together, in an order that keeps promises: everything that can be refused is refused before the
//! first connection, sockets are open before the program detaches, and at the end every session has had its say.

use crate::Stop;
use crate::args::{self, DaemonArgs};
use crate::clock::SystemClock;
use crate::desk::Desk;
use crate::journal::{self, Journal, Logbook};
use crate::lines::Lines;
use crate::listen;
use crate::pid_file::PidFile;
use crate::recorder::{Recorder, Wish};
use crate::session_log::SessionLog;
use crate::signals::Signals;
use crate::spool_fs::{self, FileSpool};
use smtpserver_core::Settings;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the last writes to disk and log may take when the server ends.
pub(crate) const LAST_WRITES_MAX: Duration = Duration::from_secs(2);

/// How much later than a session's own deadline it is cut off: time for its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The daemon, from its options to its end.
pub(crate) fn daemon(args: DaemonArgs) -> Result<(), Stop> {
    let mut settings = args::settings(&args.params)?;
    if let Some(octets) = args.message_octets_max {
        settings.limits.message_octets_max = octets;
    }
    settings.transcript = args.session_log.is_some() || args.verbose > 1;
    raise_descriptor_limit();

    let postoffice = spool_fs::prepare(&args.postoffice).map_err(Stop::unfit)?;
    let mut pid_file = PidFile::lock(&postoffice.join(&args.pid_file)).map_err(Stop::unfit)?;
    let log_path = args.session_log.map(std::path::absolute).transpose().map_err(Stop::unfit)?;
    if let Some(path) = &log_path {
        // Tried now, while somebody reads what is wrong; opened for good when there may be threads.
        SessionLog::try_open(path).map_err(|error| Stop::unfit(cannot_log(path, &error)))?;
    }
    let wish = args.record.wish()?;
    let sockets = listen::open(&args.listen, args.port).map_err(Stop::unfit)?;
    for line in listening_lines(&sockets) {
        eprintln!("{line}");
    }

    if !args.foreground {
        // From here on nobody reads stderr. There is one thread so far: only that survives.
        nix::unistd::daemon(false, false).map_err(|error| Stop::failed(format!("cannot detach: {error}")))?;
    }
    pid_file.write().map_err(Stop::unfit)?;
    let stderr = Lines::to(|| Some(Box::new(std::io::stderr()))).map_err(Stop::failed)?;
    journal::trace_to(stderr.clone(), journal::level(args.verbose));
    let session_log = match &log_path {
        Some(path) => Some(SessionLog::open(path).map_err(|error| Stop::failed(cannot_log(path, &error)))?),
        None => None,
    };
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
    let ended = runtime.block_on(async {
        let fault = |error| Stop::failed(format!("cannot serve: {error}"));
        let mut signals = Signals::catch().map_err(fault)?;
        let mut doors = Vec::new();
        for socket in sockets {
            let listener = tokio::net::TcpListener::from_std(socket).map_err(fault)?;
            doors.push(tokio::spawn(listen::accept(listener, desk.clone())));
        }
        signals.stop().await;
        tracing::info!("stopping: {} sessions may end, within {drain:?}", desk.sessions());
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
        if tokio::time::timeout(drain + LAST_WORDS, desk.emptied()).await.is_err() {
            tracing::warn!("{} sessions did not end in time and are cut off", desk.sessions());
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

/// As many descriptors as we may have: each connection needs one.
pub(crate) fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        let _ = writeln!(std::io::stderr(), "smtpserver: cannot raise the limit of open files: {error}");
    }
}

fn cannot_log(path: &Path, error: &std::io::Error) -> String {
    format!("the session log {} cannot be written: {error}", path.display())
}
