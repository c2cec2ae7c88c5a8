//! Puts the parts together, in an order that keeps promises: everything that can be refused is refused before the
//! first connection, sockets are open before the program detaches, and at the end every session has had its say.

use crate::args::DaemonArgs;
use crate::clock::{Clock, SystemClock};
use crate::config_file;
use crate::desk::Desk;
use crate::doors::Doors;
use crate::journal::{self, Journal, Logbook};
use crate::limits::{LAST_WORDS_MAX, LAST_WRITES_MAX, LINGER_MAX, STOP_GRACE, THREADS_MAX};
use crate::listen::{self, Door};
use crate::metrics::Metrics;
use crate::metrics::door::Door as MetricsDoor;
use crate::pid_file::PidFile;
use crate::recorder::{Recorder, Wish};
use crate::reload::Reloader;
use crate::signals::{self, Signals};
use crate::spool_fs::{self, FileSpool};
use crate::{Stop, log, single};
use smtpserver_core::Settings;
use smtpserver_core::limits::{Limits, TURN_AWAY_MARGIN};
use std::sync::Arc;

/// The daemon, from its options to its end.
pub(crate) fn daemon(args: DaemonArgs) -> Result<(), Stop> {
    args.refuse_what_is_missing()?;
    let args = args.anchored().map_err(|error| Stop::failed(format!("where are we? {error}")))?;
    let loaded = config_file::load(&args).map_err(config_file::LoadFault::tell)?;
    loaded.tell();
    let settings = Arc::new(loaded.configuration.global().clone());
    if args.inetd {
        return single::inetd(&args, &loaded);
    }
    if args.interactive {
        return single::batch(&args, &loaded);
    }
    ready_process(&settings.limits)?;

    let postoffice = spool_fs::prepare(&loaded.postoffice).map_err(Stop::unfit)?;
    let mut pid_file = PidFile::lock(&postoffice.join(&args.pid_file)).map_err(Stop::unfit)?;
    // Written twice: what forbids it is said while somebody reads that, and the pid changes when we detach.
    pid_file.write().map_err(Stop::unfit)?;
    let logs = log::open::open(&args.log, &settings)?;
    let door = settings.logs.metrics.as_ref().map(MetricsDoor::open).transpose()?;
    let wish = args.record.wish()?;
    let doors = listen::open(loaded.wanted).map_err(Stop::unfit)?;
    for line in listening_lines(&doors) {
        eprintln!("{line}");
    }
    if let Some(door) = &door {
        eprintln!("metrics at {}", door.name());
    }

    if !args.foreground {
        if !args.log.reaches_somebody() {
            eprintln!(
                "smtpserver: detached, it logs nothing: give -l FILE or -l SYSLOG, --log-file FILE, or --foreground"
            );
        }
        // From here on nobody reads stderr. There is one thread so far: only that survives.
        nix::unistd::daemon(false, false).map_err(|error| Stop::failed(format!("cannot detach: {error}")))?;
    }
    pid_file.write().map_err(Stop::unfit)?;
    let log::open::Started { log, session_log, writers } =
        logs.start(log::level(args.verbose)).map_err(Stop::failed)?;
    log.trace();
    let metrics = Arc::new(Metrics::new(SystemClock::default().now().wall));
    let (counted, writing) = (metrics.clone(), writers.clone());
    let door = door.map(|door| door.answer(move || counted.page(writing.lost()))).transpose();
    // The socket file goes when the server does.
    let _socket_file = door.map_err(Stop::failed)?;
    let spool = FileSpool::open(&postoffice, &settings.host);
    let recorder = start_recorder(wish.as_ref())?;
    let logbook = Logbook::new(log, session_log, metrics, writers.clone());
    let ended = serve(settings, spool, doors, Arc::new(logbook), recorder, Some(args));
    writers.flush();
    ended
}

/// Serves until it is told to stop, and then until the sessions have ended or their time is over. `args` are where new
/// settings come from, if they may be read again.
pub(crate) fn serve(
    settings: Arc<Settings>,
    spool: FileSpool,
    doors: Vec<Door>,
    journal: Arc<dyn Journal>,
    recorder: Option<Recorder>,
    args: Option<DaemonArgs>,
) -> Result<(), Stop> {
    spool.tidy_up();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::failed(format!("cannot start threads: {error}")))?;
    let clock = Arc::new(SystemClock::default());
    let desk = Desk::recording(settings, spool, clock, journal, recorder.clone());
    // Known before the first client asks for more than there is; nobody waits yet, so there is nothing to do next.
    drop(desk.measured(desk.spool().free_kib()));
    let ended = runtime.block_on(async {
        let fault = |error| Stop::failed(format!("cannot serve: {error}"));
        let mut signals = Signals::catch().map_err(fault)?;
        journal::reopen_on_hangup(desk.journal().clone()).map_err(fault)?;
        let hangups = Signals::hangup().map_err(fault)?;
        let reloader = Arc::new(Reloader::new(args, Doors::start(&desk, doors).map_err(fault)?, &desk));
        tokio::spawn(reloader.clone().obey(hangups));
        signals.stop().await;
        let drain = desk.settings().timeouts.drain;
        match desk.sessions() {
            0 => tracing::info!("stopping: no session is open"),
            n => tracing::info!("stopping: {} may end, within {drain:?}", sessions(n)),
        }
        reloader.close().await;
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
pub(crate) fn listening_lines(doors: &[Door]) -> Vec<String> {
    doors
        .iter()
        .flat_map(|door| door.socket.local_addr())
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
