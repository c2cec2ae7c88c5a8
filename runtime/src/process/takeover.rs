//! How a successor takes the sockets over: it asks at a Unix socket beside the pid file, gets the listening sockets
//! themselves, makes everything ready, and says when it can go on. Up to that word the server before it goes on as if
//! nothing had been asked, and connections that wait in a socket's queue are never lost, as it is the same queue.
//!
//! ```text
//! successor                      predecessor
//!    connect             ->      is it root, or who I am? else: close
//!                        <-      "smtpserver takes over 1\n" with the sockets
//!    (makes itself ready)
//!    "go\n"              ->      stops accepting, lets go of the pid file
//!    locks the pid file  <-      "gone\n"
//!    accepts                     drains
//! ```

use crate::limits::{
    ACCEPT_RETRY, HANDED_OVER_MAX, RELIEF_MAX, SUCCESSOR_READY_MAX, TAKEOVER_ANSWER_MAX, TAKEOVER_BACKLOG,
    TAKEOVER_STACK_OCTETS,
};
use rustix::cmsg_space;
use rustix::net::{self, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer};
use rustix::net::{SendAncillaryMessage, SendFlags, SocketType, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const GREETING: &[u8] = b"smtpserver takes over 1\n";
const GO: &[u8] = b"go\n";
const GONE: &[u8] = b"gone\n";

/// The server that serves until we do.
#[derive(Debug)]
pub(super) struct Predecessor {
    stream: UnixStream,
    /// Its other sockets that listen.
    pub(super) sockets: Inherited,
    /// Where it listens for successors.
    pub(super) listener: Option<UnixListener>,
}

/// Sockets that listen, from the server before us or from whoever started us.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// For clients, or for whoever reads the counters.
    pub(crate) tcp: Vec<TcpListener>,
    /// For whoever reads the counters.
    pub(crate) unix: Vec<UnixListener>,
}

impl Predecessor {
    /// Asks the server that listens at this path. It goes on serving.
    pub(super) fn ask(path: &Path) -> io::Result<Predecessor> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TAKEOVER_ANSWER_MAX))?;
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(HANDED_OVER_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut octets = [0; GREETING.len()];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
        let got = net::recvmsg(&stream, &mut [IoSliceMut::new(&mut octets)], &mut ancillary, flags)?;
        if got.bytes == 0 {
            return Err(io::Error::other("it does not hand over to us"));
        }
        if octets != GREETING {
            return Err(io::Error::other("what is there speaks otherwise"));
        }
        let mut predecessor = Predecessor { stream, sockets: Inherited::default(), listener: None };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                descriptors.for_each(|descriptor| predecessor.receive(descriptor, path));
            }
        }
        Ok(predecessor)
    }

    /// Keeps what listens; anything else is closed.
    fn receive(&mut self, descriptor: OwnedFd, path: &Path) {
        let listens = sockopt::socket_acceptconn(&descriptor) == Ok(true)
            && sockopt::socket_type(&descriptor) == Ok(SocketType::STREAM);
        if !listens {
            return;
        }
        match sockopt::socket_domain(&descriptor) {
            Ok(net::AddressFamily::INET | net::AddressFamily::INET6) => {
                self.sockets.tcp.push(descriptor.into());
            }
            Ok(net::AddressFamily::UNIX) => {
                let listener = UnixListener::from(descriptor);
                if listener.local_addr().is_ok_and(|own| own.as_pathname() == Some(path)) {
                    self.listener = Some(listener);
                } else {
                    self.sockets.unix.push(listener);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// We are ready: it lets go. When this returns well, the duty is ours.
    pub(super) fn relieve(mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(TAKEOVER_ANSWER_MAX))?;
        self.stream.write_all(GO)?;
        let mut answer = [0; GONE.len()];
        self.stream.read_exact(&mut answer)?;
        if answer == GONE { Ok(()) } else { Err(io::Error::other("it speaks otherwise")) }
    }
}

/// The sockets that a successor gets: those on which we accept. Copies, so they must go when accepting ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    sockets: Arc<Mutex<Vec<OwnedFd>>>,
}

impl Offer {
    /// Offers these from now on, and no others.
    pub(super) fn set(&self, sockets: Vec<OwnedFd>) {
        *self.lock() = sockets;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The word that a successor is ready.
#[derive(Debug)]
pub(crate) struct HandOver {
    /// Its pid.
    pub(crate) successor: i32,
    done: SyncSender<()>,
}

impl HandOver {
    /// We have let go of everything.
    pub(super) fn done(self) {
        // The thread waits; if it does not any more, the successor was told that it took too long.
        let _ = self.done.try_send(());
    }
}

/// Makes the place where successors ask; nobody listens there yet. To be called by whoever holds the pid file: what was
/// there is of the dead.
pub(super) fn make(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Nobody else may write to it, and so connect, by our umask; who does is looked at all the same. Its mode is not
    // changed by name: where the directory is another's, that name may be something else by now.
    Ok(UnixListener::from(OwnedFd::from(socket)))
}

/// Waits for successors, in a thread of its own. `tell` brings the word of one that is ready to the server; it says
/// whether there still is one.
pub(super) fn stand_by(
    listener: UnixListener,
    offer: Offer,
    tell: impl Fn(HandOver) -> bool + Send + 'static,
) -> io::Result<()> {
    net::listen(&listener, TAKEOVER_BACKLOG)?;
    let wait = move || {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                std::thread::sleep(ACCEPT_RETRY);
                continue;
            };
            match hand_over(stream, &listener, &offer, &tell) {
                // The successor has the listener now.
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!("nothing handed over: {error}"),
            }
        }
    };
    std::thread::Builder::new().name("takeover".into()).stack_size(TAKEOVER_STACK_OCTETS).spawn(wait)?;
    Ok(())
}

/// Deals with one that asks. Returns whether it has taken over.
fn hand_over(
    mut stream: UnixStream,
    listener: &UnixListener,
    offer: &Offer,
    tell: &impl Fn(HandOver) -> bool,
) -> io::Result<bool> {
    let peer = sockopt::socket_peercred(&stream)?;
    if !peer.uid.is_root() && peer.uid != rustix::process::geteuid() {
        return Err(io::Error::other(format!(
            "pid {} asks as user {}, which is neither root nor ours",
            peer.pid,
            peer.uid.as_raw()
        )));
    }
    stream.set_write_timeout(Some(TAKEOVER_ANSWER_MAX))?;
    stream.set_read_timeout(Some(SUCCESSOR_READY_MAX))?;
    send(&stream, listener, offer)?;
    let mut word = [0; GO.len()];
    match stream.read_exact(&mut word) {
        Ok(()) if word == GO => {}
        Ok(()) => return Err(io::Error::other(format!("pid {} speaks otherwise", peer.pid))),
        Err(error) => {
            return Err(io::Error::other(format!("pid {} asked and was not ready: {error}", peer.pid)));
        }
    }
    let (done, relieved) = sync_channel(1);
    if !tell(HandOver { successor: peer.pid.as_raw_nonzero().get(), done }) {
        return Err(io::Error::other("we end already"));
    }
    match relieved.recv_timeout(RELIEF_MAX) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            return Err(io::Error::other("we could not let go in time"));
        }
    }
    // From here on it is the successor's, whether it hears that or not.
    stream.write_all(GONE).map_or_else(|_| Ok(true), |()| Ok(true))
}

/// Sends the greeting with the sockets. The lock is held meanwhile: who stops accepting waits until they are on their way.
fn send(stream: &UnixStream, listener: &UnixListener, offer: &Offer) -> io::Result<()> {
    let sockets = offer.lock();
    let descriptors: Vec<_> = std::iter::once(listener.as_fd())
        .chain(sockets.iter().map(AsFd::as_fd))
        // What is beyond is closed by us when we go, and the successor opens it anew.
        .take(HANDED_OVER_MAX)
        .collect();
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(HANDED_OVER_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("there are too many sockets"));
    }
    match net::sendmsg(stream, &[IoSlice::new(GREETING)], &mut ancillary, SendFlags::NOSIGNAL)? {
        sent if sent == GREETING.len() => Ok(()),
        _ => Err(io::Error::other("it takes nothing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::sync::mpsc::{Receiver, channel};

    fn waiting(path: &Path) -> (Offer, Receiver<HandOver>, TcpListener) {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let offer = Offer::default();
        offer.set(vec![socket.try_clone().expect("a copy").into()]);
        let (tell, told) = channel();
        let listener = make(path).expect("a place");
        stand_by(listener, offer.clone(), move |hand_over| tell.send(hand_over).is_ok()).expect("a thread");
        (offer, told, socket)
    }

    #[test]
    fn connections_in_the_queue_survive_both_servers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let (offer, told, socket) = waiting(&path);
        let address = socket.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).expect("it listens");
        let mut predecessor = Predecessor::ask(&path).expect("it answers");
        let own = predecessor.sockets.tcp.pop().expect("a socket");
        assert!(predecessor.listener.is_some());
        let first = std::thread::spawn(move || {
            let word = told.recv().expect("a word");
            assert_eq!(u32::try_from(word.successor), Ok(std::process::id()));
            offer.set(Vec::new());
            drop(socket);
            word.done();
        });
        predecessor.relieve().expect("it lets go");
        first.join().expect("no panic");
        own.accept().expect("the client is still there").0.write_all(b"hello").expect("sent");
        let mut words = [0; 5];
        client.read_exact(&mut words).expect("greeted");
        assert_eq!(&words, b"hello");
    }

    #[test]
    fn a_successor_that_gives_up_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let (_offer, told, socket) = waiting(&path);
        for _ in 0..3 {
            let predecessor = Predecessor::ask(&path).expect("it answers");
            assert_eq!(predecessor.sockets.tcp.len(), 1);
            assert_eq!(
                predecessor.sockets.tcp[0].local_addr().expect("an address"),
                socket.local_addr().expect("an address")
            );
        }
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn what_does_not_listen_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).expect("a place");
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let plain = std::fs::File::open("/dev/null").expect("a file");
            let fds = [plain.as_fd(), stream.as_fd()];
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(2))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
            net::sendmsg(&stream, &[IoSlice::new(GREETING)], &mut ancillary, SendFlags::empty())
                .expect("sent");
        });
        let predecessor = Predecessor::ask(&path).expect("it speaks");
        assert!(predecessor.sockets.tcp.is_empty() && predecessor.sockets.unix.is_empty());
        assert!(predecessor.listener.is_none());
        server.join().expect("no panic");
    }
}
