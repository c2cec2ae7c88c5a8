//! Serves: puts desk, doors, signals and the duty together, from the first connection to the last word of the last session.

use crate::Stop;
use crate::auth::{self, Whom};
use crate::clock::SystemClock;
use crate::config_file::Source;
use crate::desk::Desk;
use crate::doors::{self, Doors};
use crate::journal::Journal;
use crate::limits::{
    CERTIFICATE_LOOK, LAST_WORDS_MAX, LAST_WRITES_MAX, LINGER_MAX, POLICY_LOOK, RATE_SAVE, STOP_GRACE,
    THREADS_MAX,
};
use crate::listen::Door;
use crate::metrics::Farms;
use crate::policy_watch::Seen;
use crate::process::{Duty, HandOver, OnDuty, systemd};
use crate::rate_file::RateFile;
use crate::recorder::{Recorder, Wish};
use crate::reload::{Outcome, Reloader};
use crate::resolver::Resolver;
use crate::signals::{Signals, Word};
use crate::spool::Spool;
use crate::spool_fs::FileSpool;
use crate::stats::door::{Door as StatsDoor, Reload};
use crate::subserver::{self, Hired};
use smtpserver_core::Settings;
use smtpserver_core::limits::{Limits, TURN_AWAY_MARGIN};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a daemon has, and the demonstration has not.
pub(crate) struct Office {
    /// Where settings come from when they are read again.
    pub(crate) source: Source,
    /// The duty, which begins when everything is ready.
    pub(crate) duty: Duty,
    /// Where an operator is told what is counted.
    pub(crate) stats: Option<StatsDoor>,
    /// Where rates outlive the process.
    pub(crate) rates: RateFile,
    /// Helpers that can be started.
    pub(crate) hired: Hired,
    /// Who counts them is asked how many there are.
    pub(crate) farms: Farms,
}

/// The duty, as all who deal with it share it.
type Shared = Arc<Mutex<Option<OnDuty>>>;

/// Serves until it is told to stop, and then until the sessions have ended or their time is over. With an office, it may
/// be relieved of its duty by a successor.
pub(crate) fn serve(
    settings: Arc<Settings>,
    spool: FileSpool,
    doors: Vec<Door>,
    journal: Arc<dyn Journal>,
    recorder: Option<Recorder>,
    logins: Vec<(Whom, Option<auth::Ready>)>,
    office: Option<Office>,
) -> Result<(), Stop> {
    spool.tidy_up();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::failed(format!("cannot start threads: {error}")))?;
    let clock = Arc::new(SystemClock::default());
    let names = resolver(&settings, doors.iter().map(|door| &*door.wanted.settings))?;
    let desk = Desk::recording(settings, spool, clock, journal, recorder.clone());
    if let Some(names) = names {
        desk.asks(names);
    }
    // Known before the first client asks for more than there is; nobody waits yet, so there is nothing to do next.
    drop(desk.measured(desk.spool().free_kib()));
    let (source, duty, stats, hired, rates) = match office {
        Some(Office { source, duty, stats, hired, rates, farms }) => {
            let told = Arc::downgrade(&desk);
            let _ = farms.set(Box::new(move || told.upgrade().map(|desk| desk.farms()).unwrap_or_default()));
            (Some(source), Some(duty), stats, hired, Some(rates))
        }
        None => (None, None, None, Hired::default(), None),
    };
    let saving = rates.clone();
    let relieved = Arc::new(AtomicBool::new(false));
    let was_relieved = relieved.clone();
    let ended = runtime.block_on(async {
        let fault = |error| Stop::failed(format!("cannot serve: {error}"));
        subserver::employ(&desk, hired).map_err(fault)?;
        let (orders, successors) = mpsc::channel(1);
        let mut signals = Signals::catch(successors).map_err(fault)?;
        let mut hangups = Signals::hangup().map_err(fault)?;
        let copies = copies(&doors).map_err(fault)?;
        let ready = doors::ready(doors).map_err(Stop::failed)?;
        let duty = duty.map(|duty| duty.begin(copies, orders)).transpose().map_err(Stop::failed)?;
        // Whoever served before us has written down the last of it by now.
        if let Some(rates) = &saving {
            rates.restore(&desk);
        }
        desk.back_ends().set(logins);
        let duty: Shared = Arc::new(Mutex::new(duty));
        let offered = duty.clone();
        let offer = move |copies| {
            if let Some(duty) = &*lock(&offered) {
                duty.offer(copies);
            }
        };
        let doors = Doors::start(&desk, ready);
        let reloader = Arc::new(Reloader::new(source, doors, &desk, Box::new(offer)));
        // Its name is kept until the end: who has asked is answered.
        let _stats = stats.and_then(|door| match door.answer(&desk, on_request(&desk, &reloader)) {
            Ok(named) => Some(named),
            Err(error) => {
                tracing::warn!("statistics are told to nobody: {error}");
                None
            }
        });
        let (journal, reloads) = (desk.journal().clone(), reloader.clone());
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                on_hangup(&*journal, &reloads).await;
            }
        });
        let reloads = reloader.clone();
        tokio::spawn(async move {
            loop {
                reloads.look_at_certificates().await;
                tokio::time::sleep(CERTIFICATE_LOOK).await;
            }
        });
        if let Some(rates) = saving {
            tokio::spawn(save_rates(rates, desk.clone(), relieved.clone()));
        }
        let reloads = reloader.clone();
        tokio::spawn(async move {
            let mut seen = Seen::default();
            loop {
                reloads.look_at_policies(&mut seen).await;
                tokio::time::sleep(POLICY_LOOK).await;
            }
        });
        if let Some(wait) = systemd::heartbeat() {
            tokio::spawn(beat(desk.clone(), wait));
        }
        let word = signals.next().await;
        // From here on new connections are refused, or are the successor's.
        reloader.close().await;
        match word {
            Word::Stop => {
                systemd::stopping(&sessions(desk.sessions()));
                if let Some(duty) = &*lock(&duty) {
                    duty.close();
                }
            }
            Word::HandOver(to) => {
                if let Some(rates) = &rates {
                    let _ = rates.save(&desk);
                }
                // From here on the file is the successor's.
                relieved.store(true, Ordering::Relaxed);
                hand_over(&duty, to);
            }
        }
        let drain = desk.settings().timeouts.drain;
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
    if let Some(rates) = rates.filter(|_| !was_relieved.load(Ordering::Relaxed)) {
        let _ = rates.save(&desk);
    }
    // Sessions that are still there end here, and their drafts with them.
    runtime.shutdown_timeout(LAST_WRITES_MAX);
    desk.spool().wait_for_rest(LAST_WRITES_MAX);
    if let Some(recorder) = recorder {
        recorder.flush(LAST_WRITES_MAX);
    }
    // The duty, and with it the pid file, goes last.
    ended.map(drop)
}

/// Who is asked for names. Not to know anybody is a fault only where a policy may want to know something.
fn resolver<'a>(
    settings: &Settings,
    mut doors: impl Iterator<Item = &'a Settings>,
) -> Result<Option<Arc<Resolver>>, Stop> {
    match Resolver::of(&settings.sources.resolvers) {
        Ok(resolver) => Ok(Some(Arc::new(resolver))),
        Err(fault) if doors.any(|settings| settings.rules.is_some()) => Err(Stop::unfit(fault)),
        Err(fault) => {
            tracing::debug!("{fault}");
            Ok(None)
        }
    }
}

fn copies(doors: &[Door]) -> std::io::Result<Vec<OwnedFd>> {
    doors.iter().map(|door| door.socket.as_fd().try_clone_to_owned()).collect()
}

/// What SIGHUP asks for: logs are found anew, then the configuration is read again.
async fn on_hangup<S: Spool>(journal: &dyn Journal, reloader: &Reloader<S>) -> Option<Outcome> {
    journal.reopen();
    // A server that only lets its last sessions end has nothing to say to the service manager any more.
    if reloader.is_open().await { Some(systemd::reloading(reloader.reload()).await) } else { None }
}

/// The same for who waits for what comes of it.
fn on_request<S: Spool>(desk: &Arc<Desk<S>>, reloader: &Arc<Reloader<S>>) -> Reload {
    let (journal, reloader) = (desk.journal().clone(), reloader.clone());
    Arc::new(move || {
        let (journal, reloader) = (journal.clone(), reloader.clone());
        // A task of its own, which ends well though nobody waits any more.
        let done = tokio::spawn(async move { on_hangup(&*journal, &reloader).await });
        Box::pin(async move {
            let outcome = done.await.ok().flatten();
            outcome.unwrap_or_else(|| Outcome::refused("the server stops")).json()
        })
    })
}

/// What is still heard while the last sessions end.
async fn last_words(mut signals: Signals, duty: Shared) {
    loop {
        match signals.next().await {
            // Whoever says it twice does not want to wait.
            Word::Stop => std::process::exit(1),
            // There are no sockets of mail left to hand over, but the pid file.
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

/// Writes rates down from time to time. Where that cannot be done it was said once, and is tried no more.
async fn save_rates(rates: RateFile, desk: Arc<Desk<FileSpool>>, relieved: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(RATE_SAVE).await;
        if relieved.load(Ordering::Relaxed) {
            return;
        }
        let (rates, desk) = (rates.clone(), desk.clone());
        let saved = tokio::task::spawn_blocking(move || rates.save(&desk)).await;
        if !matches!(saved, Ok(Ok(()))) {
            return;
        }
    }
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
pub(crate) fn listening_lines(doors: &[Door]) -> Vec<String> {
    doors
        .iter()
        .flat_map(|door| door.socket.local_addr())
        .map(|address| format!("listening on {address}"))
        .collect()
}

/// As many descriptors as this process may have; says so where they may not be enough.
pub(crate) fn raise_limits(limits: &Limits) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
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
