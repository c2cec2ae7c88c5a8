//! The door at which counters are shown: a loopback address or a socket file, and a few threads that answer there, one caller
//! at a time each. They are apart from the threads of mail, so that the counters can be read however busy those are, and
//! whoever calls all the time costs mail nothing but the processor.

use super::http::{self, Caller};
use crate::Stop;
use crate::clock::SystemClock;
use crate::limits::{PAUSE_MAX, SCRAPE_STACK_OCTETS, SCRAPE_THREADS};
use smtpserver_core::config::logs::MetricsPlace;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// An open door, at which nobody answers yet.
pub(crate) enum Door {
    /// At an address.
    Tcp(TcpListener),
    /// At a socket file.
    Unix(UnixListener, SocketFile),
}

/// Removes the socket file when it is dropped.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Door {
    /// Opens the door, or says why it cannot be opened.
    pub(crate) fn open(place: &MetricsPlace) -> Result<Door, Stop> {
        let (opened, name) = match place {
            MetricsPlace::Tcp(address) => (TcpListener::bind(address).map(Door::Tcp), address.to_string()),
            MetricsPlace::Unix(path) => (open_file(Path::new(path)), path.clone()),
        };
        opened.map_err(|error| Stop::unfit(format!("metrics cannot be shown at {name}: {error}")))
    }

    /// Where it is, for people and for curl.
    pub(crate) fn name(&self) -> String {
        match self {
            Door::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("http://{address}/metrics"),
                Err(error) => format!("an address that is not known: {error}"),
            },
            Door::Unix(_, SocketFile(path)) => format!("unix:{}", path.display()),
        }
    }

    /// Answers at the door from now on. What comes back is to be kept as long as that is wanted.
    pub(crate) fn answer(
        self,
        page: impl Fn() -> String + Send + Sync + 'static,
    ) -> io::Result<Option<SocketFile>> {
        let page = Arc::new(page);
        match self {
            Door::Tcp(listener) => {
                for _ in 0..SCRAPE_THREADS {
                    let (listener, page) = (listener.try_clone()?, page.clone());
                    start(move || listener.accept().map(|(caller, _)| caller), move || page())?;
                }
                Ok(None)
            }
            Door::Unix(listener, file) => {
                for _ in 0..SCRAPE_THREADS {
                    let (listener, page) = (listener.try_clone()?, page.clone());
                    start(move || listener.accept().map(|(caller, _)| caller), move || page())?;
                }
                Ok(Some(file))
            }
        }
    }
}

/// Makes the socket file. One that is there is replaced if nobody answers at it.
fn open_file(path: &Path) -> io::Result<Door> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "something else is there, which is no socket",
            ));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(ErrorKind::AddrInUse, "somebody else answers there"));
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.into());
    // Owner and group may read; more is the business of the folder.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(Door::Unix(listener, file))
}

/// Starts a thread that answers callers for ever.
fn start<C: Caller>(
    accept: impl Fn() -> io::Result<C> + Send + 'static,
    page: impl Fn() -> String + Send + 'static,
) -> io::Result<()> {
    let clock = SystemClock::default();
    let forever = move || {
        loop {
            match accept() {
                // Whoever hangs up early has had its answer.
                Ok(mut caller) => drop(http::answer(&mut caller, &clock, &page)),
                // Out of descriptors, most likely: never a spin.
                Err(_) => std::thread::sleep(PAUSE_MAX),
            }
        }
    };
    let thread = std::thread::Builder::new().name("metrics".into()).stack_size(SCRAPE_STACK_OCTETS);
    thread.spawn(forever).map(drop)
}

impl Caller for TcpStream {
    fn be_patient(&self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait))?;
        self.set_write_timeout(Some(wait))
    }
    fn hang_up(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Caller for UnixStream {
    fn be_patient(&self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait))?;
        self.set_write_timeout(Some(wait))
    }
    fn hang_up(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn ask(mut stream: impl Read + Write) -> String {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("taken");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text
    }

    #[test]
    fn an_address_and_a_socket_file_answer_alike() {
        let door = Door::open(&MetricsPlace::Tcp(([127, 0, 0, 1], 0).into())).expect("free");
        let Door::Tcp(listener) = &door else { panic!("an address") };
        let address = listener.local_addr().expect("known");
        assert_eq!(door.name(), format!("http://{address}/metrics"));
        let none = door.answer(|| "numbers\n".into()).expect("threads");
        assert!(none.is_none());
        assert!(ask(TcpStream::connect(address).expect("open")).ends_with("numbers\n"));

        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics");
        let place = MetricsPlace::Unix(path.to_string_lossy().into_owned());
        let file = Door::open(&place).expect("free").answer(|| "numbers\n".into()).expect("threads");
        // More at a time than there are threads: they wait for their turn.
        let callers: Vec<_> = (0..10).map(|_| UnixStream::connect(&path).expect("open")).collect();
        for caller in callers {
            assert!(ask(caller).ends_with("numbers\n"));
        }
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics");
        let place = MetricsPlace::Unix(path.to_string_lossy().into_owned());
        let refused = |place| Door::open(place).err().expect("refused").line;
        std::fs::write(&path, "mail").expect("written");
        assert!(refused(&place).contains("no socket"));
        std::fs::remove_file(&path).expect("removed");
        let living = UnixListener::bind(&path).expect("bound");
        assert!(refused(&place).contains("somebody else"));
        drop(living);
        assert!(path.exists());
        drop(Door::open(&place).expect("replaced"));
        let nowhere = MetricsPlace::Unix(path.join("x/y").to_string_lossy().into_owned());
        assert!(refused(&nowhere).contains("cannot be shown"));
    }
}
