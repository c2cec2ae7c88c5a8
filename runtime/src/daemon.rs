//! The daemon from its options to its end. The order keeps promises: everything that can be refused is refused before the
//! first connection, and before a server that runs already is relieved; ports are opened with the rights with which we
//! were started, and everything else is opened by whom we become.

use crate::args::DaemonArgs;
use crate::auth::{self, BackEnds};
use crate::clock::{Clock, SystemClock};
use crate::config_file::{self, Loaded, Source};
use crate::journal::Logbook;
use crate::listen;
use crate::log;
use crate::metrics::door::Door as MetricsDoor;
use crate::metrics::{Farms, Metrics};
use crate::places::Passed;
use crate::policy_tools::dialogue;
use crate::process::detach::{self, Caller};
use crate::process::fence::{Fence, Ground};
use crate::process::privileges::{self, Account, Kind};
use crate::process::{Duty, systemd};
use crate::rate_file::RateFile;
use crate::recorder::Wish;
use crate::serve::{self, Office};
use crate::spool_fs::{self, FileSpool, Layout};
use crate::stats::door::Door as StatsDoor;
use crate::subserver::{Hired, Plan};
use crate::{Stop, signals, single, stats};
use smtpserver_core::Settings;
use smtpserver_core::config::choices::StatsSocket;
use smtpserver_core::config::logs::MetricsPlace;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The daemon, from its options to its end.
pub(crate) fn run(args: DaemonArgs) -> Result<(), Stop> {
    if let Some(fault) = args.lonely() {
        return Err(Stop::unfit(fault));
    }
    if args.inetd || args.interactive || args.test_address.is_some() {
        return alone(args);
    }
    if !args.foreground && !args.detached {
        return detach::away();
    }
    // A terminal that is closed meanwhile is no reason to end.
    signals::keep_away()?;
    // Before anything is opened, as these sockets are known by their numbers only.
    let sockets = systemd::passed().map_err(Stop::unfit)?;
    let caller = args.detached.then(Caller::leave).transpose()?;
    let args = args.anchored().map_err(|error| Stop::failed(format!("where are we? {error}")))?;
    let passed = sockets.iter().map(systemd::Passed::place).collect::<Result<Vec<Passed>, _>>();
    let source = Source { args, passed: passed.map_err(Stop::unfit)? };
    let args = &source.args;
    let mut loaded = source.load().map_err(config_file::LoadFault::tell)?;
    loaded.tell();
    let settings = Arc::new(loaded.configuration.global().clone());
    serve::raise_limits(&settings.limits);
    privileges::keep_others_out();

    // What needs the rights with which we were started: the pid file, the ports.
    let postoffice = spool_fs::find(&loaded.postoffice).map_err(Stop::unfit)?;
    let account = privileges::account(settings.run_as.as_ref(), &postoffice)
        .map_err(|why| loaded.blame("user", why))?;
    let replace = args.replace || args.detached;
    let layout = Layout::read(&loaded.configuration.zenv, &postoffice);
    let plan = Plan::of(args, &loaded, &postoffice)?;
    let mut duty = Duty::claim(&postoffice.join(&args.pid_file), replace).map_err(Stop::unfit)?;
    let mut given = duty.inherited();
    given.tcp.splice(0..0, sockets.into_iter().map(|passed| passed.socket));
    let wanted = std::mem::take(&mut loaded.wanted);
    let doors = listen::open(wanted, &mut given.tcp).map_err(Stop::unfit)?;

    // What must be possible without them.
    let whose = |fault: Stop| match &account {
        Some(account) => Stop::unfit(format!("{} (as {}, whom we become)", fault.line, account.name)),
        None => fault,
    };
    let groups = loaded.configuration.groups.iter().map(|group| &group.settings);
    let logins = auth::ready(groups, &BackEnds::default(), false).map_err(Stop::unfit)?;
    let (fence, wish, hired) =
        give_up_rights(args, &loaded, &postoffice, &layout, &plan, account.as_ref()).map_err(whose)?;
    let prepared = spool_fs::prepare(&postoffice, &layout).map_err(Stop::unfit);
    let postoffice = prepared.map_err(whose)?;
    let logs = log::open::open(&args.log, &settings).map_err(whose)?;
    let place = settings.logs.metrics.as_ref();
    let door = place.map(|place| MetricsDoor::open(place, &mut given)).transpose();
    let door = door.map_err(|fault| loaded.blame("metrics", whose(fault).line))?;
    let stats = stats_door(&settings, &postoffice)
        .map_err(|fault| loaded.blame("stats-socket", whose(fault).line))?;
    // What we have not taken of it is the other server's alone, and goes with that.
    drop(given);
    listen::start(&doors).map_err(Stop::unfit)?;
    for line in serve::listening_lines(&doors) {
        eprintln!("{line}");
    }
    if let Some(door) = &door {
        eprintln!("metrics at {}", door.name());
    }
    loaded.tell_what_is_out_of_reach();
    if args.detached && !args.log.reaches_somebody() {
        eprintln!(
            "smtpserver: detached, it logs nothing: give -l FILE or -l SYSLOG, --log-file FILE, or --foreground"
        );
    }

    let log::open::Started { log, session_log, writers } =
        logs.start(log::level(args.verbose)).map_err(Stop::failed)?;
    log.trace();
    fence.tell();
    if args.log.is_kept_elsewhere(settings.logs.events_to_syslog) {
        for note in loaded.short_notes() {
            tracing::warn!("{note}");
        }
    }
    if nix::unistd::Uid::effective().is_root() && settings.run_as.is_none() {
        tracing::warn!("stays root, as nobody says whom to become: set the parameter user");
    }
    let metrics = Arc::new(Metrics::new(SystemClock::default().now().wall));
    let farms = Farms::default();
    if let Some(door) = door {
        let (counted, writing, farms) = (metrics.clone(), writers.clone(), farms.clone());
        let page = move || counted.page(writing.lost(), &farms.get().map(|look| look()).unwrap_or_default());
        duty.shown_at(door, Arc::new(page));
    }
    let rates = RateFile::in_folder(&postoffice);
    let spool = FileSpool::open(&postoffice, &settings.host, layout);
    let recorder = serve::start_recorder(wish.as_ref())?;
    if let Some(caller) = caller {
        duty.told_to(caller, writers.clone());
    }
    let logbook = Arc::new(Logbook::new(log, session_log, metrics, writers.clone()));
    let office = Some(Office { source, duty, stats, hired, rates, farms });
    let ended = serve::serve(settings, spool, doors, logbook, recorder, logins, office);
    writers.flush();
    ended
}

/// The socket for statistics. Where nobody has asked for it in so many words, it is done without if need be.
fn stats_door(settings: &Settings, postoffice: &Path) -> Result<Option<StatsDoor>, Stop> {
    let Some(path) = stats::place(settings, postoffice) else { return Ok(None) };
    match StatsDoor::open(&path) {
        Ok(door) => Ok(Some(door)),
        Err(fault) if settings.sources.stats_socket == StatsSocket::InPostoffice => {
            eprintln!("smtpserver: {}", fault.line);
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// One session, and no daemon.
fn alone(args: DaemonArgs) -> Result<(), Stop> {
    if single::handed_over().is_ok() {
        // Whoever is there has no business with our paths and settings; check-config tells them to the operator.
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").map_err(Stop::failed)?;
        rustix::stdio::dup2_stderr(&null).map_err(Stop::failed)?;
    }
    let args = args.anchored().map_err(|error| Stop::failed(format!("where are we? {error}")))?;
    let source = Source { args, passed: Vec::new() };
    let loaded = source.load().map_err(config_file::LoadFault::tell)?;
    if !source.args.inetd {
        loaded.tell();
    }
    if let Some(address) = source.args.test_address {
        dialogue::run(&source.args, &loaded, address)
    } else if source.args.inetd {
        single::inetd(&source.args, &loaded)
    } else {
        single::batch(&source.args, &loaded)
    }
}

/// Becomes whom we are to be, with the rights and the files that are needed, and no others.
pub(crate) fn give_up_rights(
    args: &DaemonArgs,
    loaded: &Loaded,
    postoffice: &Path,
    layout: &Layout,
    plan: &Plan,
    account: Option<&Account>,
) -> Result<(Fence, Option<Wish>, Hired), Stop> {
    let folders = spool_fs::folders(postoffice, layout);
    if let Some(account) = account {
        let provide = |path: &Path, kind| {
            let fault = |error| Stop::unfit(format!("{} cannot be made: {error}", path.display()));
            privileges::provide(path, kind, account).map_err(fault)
        };
        for folder in folders.iter().map(PathBuf::as_path).chain(args.record.folder.as_deref()) {
            provide(folder, Kind::Folder)?;
        }
        for log in args.log.files() {
            provide(log, Kind::File)?;
        }
        privileges::become_account(account).map_err(Stop::failed)?;
    }
    privileges::give_up().map_err(Stop::failed)?;
    // It must start programs, and so stays outside the fence.
    let hired = plan.hire().map_err(Stop::failed)?;
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
    for log in args.log.files() {
        ground.log(log);
    }
    for file in &loaded.files {
        ground.source(file);
    }
    match &loaded.configuration.global().logs.metrics {
        Some(MetricsPlace::Unix(path)) => ground.socket(Path::new(path)),
        Some(MetricsPlace::Tcp(_)) | None => {}
    }
    if let StatsSocket::At(path) = &loaded.configuration.global().sources.stats_socket {
        ground.socket(Path::new(path));
    }
    Ok((ground.close().map_err(Stop::failed)?, wish, hired))
}
