//! The network process's end: carries the errands of farms to the host, or to a named socket, and what helpers say back. A
//! host that ends is replaced by another one.

use super::Foreman;
use super::frame::{Frame, Kind};
use super::host::HostArgs;
use super::kept::Host;
use super::socket::{self, Tell};
use crate::Stop;
use crate::args::DaemonArgs;
use crate::config_file::Loaded;
use crate::process::keeper::Keeper;
use smtpserver_core::server::{News, Staff as Kinds};
use smtpserver_core::spool::DraftPath;
use smtpserver_core::subserver::{Address, Errand, HelperId, Trade};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as Socket;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Which helpers the configuration asks for, looked at before anything is started. What it names holds until a new start: a
/// running server cannot reach other programs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    host: HostArgs,
    socket: Option<Address>,
}

impl Plan {
    /// What the settings ask for. An error is a sentence about what cannot be.
    pub(crate) fn of(args: &DaemonArgs, loaded: &Loaded, postoffice: &Path) -> Result<Plan, Stop> {
        let (settings, zenv) = (loaded.configuration.global(), &loaded.configuration.zenv);
        let (zenv_file, router) = (loaded.zenv.as_deref(), args.router.as_deref());
        let mut plan = Plan::default();
        plan.host.postoffice = postoffice.to_path_buf();
        plan.host.zenv = zenv_file.map(Path::to_path_buf);
        plan.host.path = zenv.get("PATH").filter(|path| !path.is_empty()).map(Into::into);
        if settings.helpers.router {
            let usual = || Path::new(zenv.get("MAILBIN").unwrap_or_default()).join("router");
            let program = router.map_or_else(usual, Path::to_path_buf);
            let unfit = |why| loaded.blame("enable-router", format!("{}: {why}", program.display()));
            check_program(&program).map_err(unfit)?;
            plan.host.router = Some(program);
        }
        if let Some(name) = &settings.helpers.filter {
            let filter = PathBuf::from(name);
            if filter.metadata().is_ok_and(|stat| stat.file_type().is_socket()) {
                plan.socket = Some(Address::Unix(name.clone()));
            } else {
                let unfit = |why| loaded.blame("contentfilter", format!("{}: {why}", filter.display()));
                check_program(&filter).map_err(unfit)?;
                plan.host.filter = Some(filter);
            }
        }
        Ok(plan)
    }

    /// The program of the interactive router, if there is one.
    pub(crate) fn router(&self) -> Option<&Path> {
        self.host.router.as_deref()
    }

    fn wants_host(&self) -> bool {
        self.host.router.is_some() || self.host.filter.is_some()
    }

    /// Starts the host, with the rights of now: so after those that it shall not have were given up, and before the fence.
    pub(crate) fn hire(&self) -> Result<Hired, String> {
        let cannot = |error| format!("the host of helpers cannot be started: {error}");
        let host = if self.wants_host() { Some(self.start().map_err(cannot)?) } else { None };
        Ok(Hired { plan: self.clone(), host })
    }

    fn start(&self) -> std::io::Result<(Keeper, Socket)> {
        // Our own program, even when another one has taken its place on disk since.
        let keeper = Keeper::start(Path::new("/proc/self/exe"), &self.host.words())?;
        let line = keeper.helper()?;
        Ok((keeper, line))
    }
}

/// Whether this can be started by the server, as far as its file tells.
pub(crate) fn check_program(program: &Path) -> Result<(), String> {
    let stat = program.metadata().map_err(|error| error.to_string())?;
    if !stat.is_file() {
        return Err("it is no program".into());
    }
    if stat.permissions().mode() & 0o111 == 0 {
        return Err("it is not executable".into());
    }
    Ok(())
}

/// Helpers that can be started.
#[derive(Debug, Default)]
pub(crate) struct Hired {
    plan: Plan,
    /// The host's line, and who starts another one.
    host: Option<(Keeper, Socket)>,
}

/// Helpers of these trades can be started.
pub(crate) type Open = Vec<(Trade, Kinds)>;

impl Hired {
    /// Puts them to work: `tell` hears what they say, and is to be told that they are open. Needs a tokio runtime around it.
    pub(crate) fn begin(self, tell: Tell) -> std::io::Result<(Arc<Staff>, Open)> {
        let Hired { plan, host } = self;
        let postoffice = plan.host.postoffice.clone();
        let mut staff = Staff { host: None, socket: plan.socket, talks: Mutex::default(), postoffice, tell };
        let mut open = Vec::new();
        if let Some((keeper, socket)) = host {
            open.extend(plan.host.router.map(|_| (Trade::Router, Kinds::Processes)));
            open.extend(plan.host.filter.map(|_| (Trade::Filter, Kinds::Processes)));
            let trades = open.iter().map(|(trade, _)| *trade).collect();
            staff.host = Some(Host::begin(keeper, socket, trades, staff.tell.clone())?);
        }
        open.extend(staff.socket.as_ref().map(|_| (Trade::Filter, Kinds::Connections)));
        Ok((Arc::new(staff), open))
    }
}

fn piece(path: &Path, from: u64, most: usize) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut octets = Vec::with_capacity(most);
    file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Connections, each with who tells it what to say.
type Talks = BTreeMap<(Trade, HelperId), mpsc::Sender<Vec<u8>>>;

/// All helpers of the server.
pub struct Staff {
    host: Option<Arc<Host>>,
    socket: Option<Address>,
    /// The connections.
    talks: Mutex<Talks>,
    postoffice: PathBuf,
    tell: Tell,
}

impl Foreman for Staff {
    fn run(&self, trade: Trade, errand: Errand) {
        match (trade, &self.socket, errand) {
            (Trade::Filter, Some(address), Errand::Start(helper)) => {
                self.connect(address.clone(), trade, helper)
            }
            (_, _, Errand::Connect(helper, address)) => self.connect(address, trade, helper),
            (_, _, Errand::Read(helper, draft, from, most)) => self.read(trade, helper, draft, (from, most)),
            (Trade::Filter, Some(_), errand) | (Trade::Policy(_) | Trade::Milter, _, errand) => {
                self.run_there(trade, errand);
            }
            (Trade::Filter | Trade::Router, _, errand) => self.run_in_host(trade, errand),
        }
    }
}

impl Staff {
    fn run_in_host(&self, trade: Trade, errand: Errand) {
        let (kind, helper, octets) = match errand {
            Errand::Start(helper) | Errand::Connect(helper, _) => (Kind::Start, helper, Vec::new()),
            Errand::Say(helper, octets) => (Kind::Say, helper, octets),
            Errand::LetGo(helper) => (Kind::LetGo, helper, Vec::new()),
            Errand::Read(helper, ..) | Errand::End(helper) => (Kind::End, helper, Vec::new()),
        };
        let frame = Frame::new(kind, trade, helper, octets);
        let sent = self.host.as_ref().is_some_and(|host| host.send(frame));
        if !sent && matches!(kind, Kind::Start | Kind::Say) {
            self.ended(trade, helper);
        }
    }

    fn connect(&self, address: Address, trade: Trade, helper: HelperId) {
        let mut talks = self.talks.lock().unwrap_or_else(PoisonError::into_inner);
        // One thing is said at a time.
        let (words, told) = mpsc::channel(1);
        talks.retain(|_, words| !words.is_closed());
        talks.insert((trade, helper), words);
        tokio::spawn(socket::tend(address, trade, helper, told, self.tell.clone()));
    }

    /// Does an errand with a connection.
    fn run_there(&self, trade: Trade, errand: Errand) {
        let mut talks = self.talks.lock().unwrap_or_else(PoisonError::into_inner);
        match errand {
            Errand::Say(helper, octets) => {
                let sent = talks.get(&(trade, helper)).is_some_and(|words| words.try_send(octets).is_ok());
                drop(talks);
                if !sent {
                    self.ended(trade, helper);
                }
            }
            Errand::LetGo(helper) | Errand::End(helper) => {
                talks.remove(&(trade, helper));
            }
            // No program is one of these, and files are read elsewhere.
            Errand::Start(helper) | Errand::Connect(helper, _) | Errand::Read(helper, ..) => {
                self.ended(trade, helper)
            }
        }
    }

    /// Reads so many octets of a draft's file from there on.
    fn read(&self, trade: Trade, helper: HelperId, draft: DraftPath, (from, most): (u64, usize)) {
        let (path, tell) = (self.postoffice.join(draft.as_str()), self.tell.clone());
        tokio::task::spawn_blocking(move || {
            let piece = piece(&path, from, most);
            if let Err(error) = &piece {
                tracing::warn!("{}: {} cannot be read: {error}", trade.name(), path.display());
            }
            tell(trade, News::Piece(helper, piece.ok()));
        });
    }

    /// Not at once: whoever gives errands is in the middle of something.
    fn ended(&self, trade: Trade, helper: HelperId) {
        let tell = self.tell.clone();
        tokio::spawn(async move { tell(trade, News::Ended(helper)) });
    }
}
