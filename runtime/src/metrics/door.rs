//! The door at which counters are shown: a loopback address or a socket file, and a few threads that answer there, one caller
//! at a time each. They are apart from the threads of mail, so that the counters can be read however busy those are, and
//! whoever calls all the time costs mail nothing but the processor.

use super::http::{self, Caller};
use crate::Stop;
use crate::clock::SystemClock;
use crate::limits::{LAST_WRITES_MAX, PAUSE_MAX, SCRAPE_STACK_OCTETS, SCRAPE_THREADS};
use crate::process::Inherited;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use smtpserver_core::config::logs::MetricsPlace;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Makes the page that is shown.
pub(crate) type Page = Arc<dyn Fn() -> String + Send + Sync>;

/// An open door, at which nobody answers yet.
pub(crate) enum Door {
    /// At an address.
    Tcp(TcpListener),
    /// At a socket file.
    Unix(UnixListener, SocketFile),
}

/// A socket file; removed when this is dropped, if it is ours by then.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    ours: bool,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A door at which we answer, until this is dropped.
#[derive(Debug)]
pub(crate) struct Answering {
    /// The socket, and what keeps the threads awake: they end when nobody can write to that any more.
    open: Option<(OwnedFd, PipeWriter)>,
    file: Option<SocketFile>,
    /// Says nothing; closed when all threads have ended.
    ended: Receiver<()>,
}

impl Answering {
    /// A copy of the socket, for a successor.
    pub(crate) fn copy(&self) -> Option<io::Result<OwnedFd>> {
        self.open.as_ref().map(|(socket, _)| socket.try_clone())
    }

    /// Answers nobody else. The door is another's, who has a copy of the socket.
    pub(crate) fn give_away(&mut self) {
        if let Some(file) = &mut self.file {
            file.ours = false;
        }
        self.open = None;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.open = None;
        // Who has begun to read gets the rest.
        let _ = self.ended.recv_timeout(LAST_WRITES_MAX);
    }
}

impl Door {
    /// Opens the door, or finds it among what the server before us had open; or says why it cannot be opened.
    pub(crate) fn open(place: &MetricsPlace, given: &mut Inherited) -> Result<Door, Stop> {
        let (opened, name) = match place {
            MetricsPlace::Tcp(address) => {
                let same = |socket: &TcpListener| socket.local_addr().is_ok_and(|own| own == *address);
                let opened = match given.tcp.iter().position(same) {
                    Some(index) => Ok(given.tcp.remove(index)),
                    None => TcpListener::bind(address),
                };
                (opened.map(Door::Tcp), address.to_string())
            }
            MetricsPlace::Unix(path) => (open_file(Path::new(path), &mut given.unix), path.clone()),
        };
        let ready = opened.and_then(|door| door.never_wait().map(|()| door));
        ready.map_err(|error| Stop::unfit(format!("metrics cannot be shown at {name}: {error}")))
    }

    /// Several threads, and maybe two servers, are woken for one caller.
    fn never_wait(&self) -> io::Result<()> {
        match self {
            Door::Tcp(listener) => listener.set_nonblocking(true),
            Door::Unix(listener, _) => listener.set_nonblocking(true),
        }
    }

    /// Where it is, for people and for curl.
    pub(crate) fn name(&self) -> String {
        match self {
            Door::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("http://{address}/metrics"),
                Err(error) => format!("an address that is not known: {error}"),
            },
            Door::Unix(_, SocketFile { path, .. }) => format!("unix:{}", path.display()),
        }
    }

    /// Answers at the door from now on, as long as what comes back is kept.
    pub(crate) fn answer(self, page: Page) -> io::Result<Answering> {
        let (end, awake) = io::pipe()?;
        let (lives, ended) = sync_channel(0);
        let life = Life { end: Arc::new(end), _lives: lives };
        let (socket, file) = match self {
            Door::Tcp(listener) => {
                for _ in 0..SCRAPE_THREADS {
                    let accept = |listener: &TcpListener| listener.accept().map(|(caller, _)| caller);
                    start(listener.try_clone()?, accept, page.clone(), life.clone())?;
                }
                (listener.into(), None)
            }
            Door::Unix(listener, mut file) => {
                for _ in 0..SCRAPE_THREADS {
                    let accept = |listener: &UnixListener| listener.accept().map(|(caller, _)| caller);
                    start(listener.try_clone()?, accept, page.clone(), life.clone())?;
                }
                file.ours = true;
                (listener.into(), Some(file))
            }
        };
        Ok(Answering { open: Some((socket, awake)), file, ended })
    }
}

/// Makes the socket file, or finds the socket of the server before us that answers there. One at which nobody answers is
/// replaced.
fn open_file(path: &Path, given: &mut Vec<UnixListener>) -> io::Result<Door> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "something else is there, which is no socket",
            ));
        }
        Ok(_) if answers(path)? => {
            let same =
                |socket: &UnixListener| socket.local_addr().is_ok_and(|own| own.as_pathname() == Some(path));
            return match given.iter().position(same) {
                // It is the other server's as long as that one answers.
                Some(index) => {
                    let file = SocketFile { path: path.into(), ours: false };
                    Ok(Door::Unix(given.remove(index), file))
                }
                None => Err(io::Error::new(ErrorKind::AddrInUse, "somebody else answers there")),
            };
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile { path: path.into(), ours: true };
    open_to_group(path)?;
    Ok(Door::Unix(listener, file))
}

/// Whether somebody listens at a socket file. Never waits: whoever has a full queue listens, too.
fn answers(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    })
}

/// Owner and group may read; more is the business of the folder. The file is held while its mode is changed: where the
/// folder is another's, its name may be that of something else by now.
fn open_to_group(path: &Path) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind != rustix::fs::FileType::Socket {
        return Err(io::Error::other("something else has come there, which is no socket"));
    }
    let held = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::chmod(held, Mode::from_raw_mode(0o660))?)
}

/// How long a thread lives, and what says that it does.
#[derive(Clone)]
struct Life {
    /// It ends when the other end of this is closed.
    end: Arc<PipeReader>,
    _lives: SyncSender<()>,
}

/// Starts a thread that answers callers.
fn start<L: AsFd + Send + 'static, C: Stream>(
    listener: L,
    accept: impl Fn(&L) -> io::Result<C> + Send + 'static,
    page: Page,
    life: Life,
) -> io::Result<()> {
    let clock = SystemClock::default();
    let work = move || {
        loop {
            let mut ends = [PollFd::new(&listener, PollFlags::IN), PollFd::new(&*life.end, PollFlags::IN)];
            let waited = poll(&mut ends, None);
            if !ends[1].revents().is_empty() {
                return;
            }
            match waited.map_err(io::Error::from).and_then(|_| accept(&listener)) {
                // Whoever hangs up early has had its answer.
                Ok(stream) => drop(http::answer(&mut Guest { stream, door: &listener }, &clock, &*page)),
                // Another thread was faster.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // Out of descriptors, most likely: never a spin.
                Err(_) => std::thread::sleep(PAUSE_MAX),
            }
        }
    };
    let thread = std::thread::Builder::new().name("metrics".into()).stack_size(SCRAPE_STACK_OCTETS);
    thread.spawn(work).map(drop)
}

/// A connection, and the door at which others may wait.
struct Guest<'a, C, L> {
    stream: C,
    door: &'a L,
}

impl<C: Read, L> Read for Guest<'_, C, L> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }
}

impl<C: Write, L> Write for Guest<'_, C, L> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<C: Stream, L: AsFd> Caller for Guest<'_, C, L> {
    fn speaks(&self, wait: Duration, hurried: bool) -> io::Result<bool> {
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let mut ends = [PollFd::new(&self.stream, PollFlags::IN), PollFd::new(self.door, PollFlags::IN)];
        poll(if hurried { &mut ends } else { &mut ends[..1] }, Some(&wait))?;
        Ok(!ends[0].revents().is_empty())
    }

    fn be_patient(&self, wait: Duration) -> io::Result<()> {
        self.stream.set_timeouts(wait)
    }

    fn hang_up(&self) -> io::Result<()> {
        self.stream.end()
    }
}

/// What a connection over either kind of socket can do.
trait Stream: Read + Write + AsFd {
    fn set_timeouts(&self, wait: Duration) -> io::Result<()>;
    fn end(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_timeouts(&self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait))?;
        self.set_write_timeout(Some(wait))
    }
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn set_timeouts(&self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait))?;
        self.set_write_timeout(Some(wait))
    }
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock as _;
    use crate::limits::SCRAPE_WAIT_MAX;

    fn ask(mut stream: impl Read + Write) -> String {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("taken");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text
    }

    fn numbers() -> Page {
        Arc::new(|| "numbers\n".into())
    }

    fn open(place: &MetricsPlace) -> Result<Door, Stop> {
        Door::open(place, &mut Inherited::default())
    }

    #[test]
    fn a_door_is_handed_over_and_its_callers_find_one_server_at_a_time() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics");
        let place = MetricsPlace::Unix(path.to_string_lossy().into_owned());
        let of = |name: &'static str| -> Page { Arc::new(move || name.into()) };
        let mut first = open(&place).expect("free").answer(of("first\n")).expect("threads");
        let copy = |first: &Answering| Inherited {
            unix: vec![first.copy().expect("open").expect("a copy").into()],
            ..Inherited::default()
        };
        // One that does not come to answer leaves everything as it is.
        drop(Door::open(&place, &mut copy(&first)).expect("handed over"));
        assert!(ask(UnixStream::connect(&path).expect("open")).ends_with("first\n"));
        let second = Door::open(&place, &mut copy(&first)).expect("handed over");
        first.give_away();
        drop(first);
        let second = second.answer(of("second\n")).expect("threads");
        for _ in 0..10 {
            assert!(ask(UnixStream::connect(&path).expect("open")).ends_with("second\n"));
        }
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn an_address_and_a_socket_file_answer_alike() {
        let door = open(&MetricsPlace::Tcp(([127, 0, 0, 1], 0).into())).expect("free");
        let Door::Tcp(listener) = &door else { panic!("an address") };
        let address = listener.local_addr().expect("known");
        assert_eq!(door.name(), format!("http://{address}/metrics"));
        let answering = door.answer(numbers()).expect("threads");
        assert!(ask(TcpStream::connect(address).expect("open")).ends_with("numbers\n"));
        drop(answering);

        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics");
        let place = MetricsPlace::Unix(path.to_string_lossy().into_owned());
        let file = open(&place).expect("free").answer(numbers()).expect("threads");
        // More at a time than there are threads: they wait for their turn.
        let callers: Vec<_> = (0..10).map(|_| UnixStream::connect(&path).expect("open")).collect();
        for caller in callers {
            assert!(ask(caller).ends_with("numbers\n"));
        }
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn callers_that_say_nothing_keep_nobody_away() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics");
        let file = open(&MetricsPlace::Unix(path.to_string_lossy().into_owned())).expect("free");
        let answering = file.answer(numbers()).expect("threads");
        // Each is worth five seconds of a thread, were there nobody else: more than anybody would wait for the page.
        let mut idle: Vec<UnixStream> = (0..40).map(|_| UnixStream::connect(&path).expect("open")).collect();
        for caller in idle.iter_mut().step_by(2) {
            // Gone already, perhaps.
            let _ = caller.write_all(b"GET /metrics");
        }
        let clock = SystemClock::default();
        let began = clock.now().instant;
        assert!(ask(UnixStream::connect(&path).expect("open")).ends_with("numbers\n"));
        let took = clock.now().instant.since(began);
        assert!(took < SCRAPE_WAIT_MAX * 3, "it waited for them: {took:?}");
        drop((idle, answering));
    }

    #[test]
    fn only_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics");
        let place = MetricsPlace::Unix(path.to_string_lossy().into_owned());
        let refused = |place| open(place).err().expect("refused").line;
        std::fs::write(&path, "mail").expect("written");
        assert!(refused(&place).contains("no socket"));
        std::fs::remove_file(&path).expect("removed");
        let living = UnixListener::bind(&path).expect("bound");
        assert!(refused(&place).contains("somebody else"));
        drop(living);
        assert!(path.exists());
        drop(open(&place).expect("replaced"));
        let nowhere = MetricsPlace::Unix(path.join("x/y").to_string_lossy().into_owned());
        assert!(refused(&nowhere).contains("cannot be shown"));
    }
}
