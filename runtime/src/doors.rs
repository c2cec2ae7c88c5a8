//! Doors: the sockets that we listen on, each with the settings of the sessions that begin there. A connection is
//! admitted before anything is set aside for it; what it says is not looked at here. Doors may be opened, closed and
//! given new settings while sessions go on.

use crate::desk::{Admission, Desk};
use crate::drive::{arrive, drive_on, turn_away};
use crate::journal::Work;
use crate::limits::{PAUSE_MAX, PAUSE_MIN};
use crate::listen::{self, CannotListen, Wanted};
use crate::spool::Spool;
use crate::tls::Terms;
use smtpserver_core::{Arrival, Arrived, Peer, Session, Settings};
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What holds for the sessions that begin at a door now.
#[derive(Clone)]
pub(crate) struct Sign {
    /// Their settings.
    pub(crate) settings: Arc<Settings>,
    /// On which terms they do TLS handshakes.
    pub(crate) tls: Option<Arc<Terms>>,
}

impl Sign {
    fn of(wanted: &Wanted) -> Sign {
        Sign { settings: wanted.settings.clone(), tls: wanted.tls.clone() }
    }
}

/// An open door.
struct Door {
    wanted: Wanted,
    listener: Arc<TcpListener>,
    sign: Arc<Mutex<Sign>>,
    task: JoinHandle<()>,
}

/// All doors of a server.
pub(crate) struct Doors<S: Spool> {
    desk: Arc<Desk<S>>,
    open: Vec<Door>,
}

/// What became of the doors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// How many were opened.
    pub(crate) opened: usize,
    /// How many were closed.
    pub(crate) closed: usize,
    /// How many stayed.
    pub(crate) kept: usize,
}

impl<S: Spool> Doors<S> {
    /// Lets clients in.
    pub(crate) fn start(desk: &Arc<Desk<S>>, doors: Vec<Ready>) -> Doors<S> {
        let open = doors.into_iter().map(|door| door.start(desk)).collect();
        Doors { desk: desk.clone(), open }
    }

    /// Opens what is wanted and not there, closes what is there and not wanted, and gives the others their new settings.
    /// When something cannot be opened, nothing is changed.
    pub(crate) async fn swap(&mut self, wanted: Vec<Wanted>) -> Result<Changes, CannotListen> {
        let mut there: Vec<Option<Wanted>> = wanted.into_iter().map(Some).collect();
        // Each door takes the first wish for its address that no other has taken: for the address that it has, or else
        // for that by which it was asked for, which differs where any free port would do.
        let mut take = |address: SocketAddr| {
            let same = |wish: &&mut Option<Wanted>| wish.as_ref().is_some_and(|wish| wish.address == address);
            there.iter_mut().find(same).and_then(Option::take)
        };
        let wishes: Vec<Option<Wanted>> =
            self.open.iter().map(|door| take(door.address()).or_else(|| take(door.wanted.address))).collect();
        let missing: Vec<Wanted> = there.into_iter().flatten().collect();
        for wish in &missing {
            let in_the_way = |door: &&Door| listen::overlap(door.address(), wish.address);
            if let Some(door) = self.open.iter().find(in_the_way) {
                let reason = format!("we listen on {} already; this change needs a restart", door.address());
                return Err(CannotListen::ours(wish.address, reason));
            }
        }
        let opened = listen::open(missing, &mut Vec::new()).map_err(CannotListen::in_a_running_server)?;
        listen::start(&opened)?;
        let opened = ready(opened)?;
        let mut changes = Changes { opened: opened.len(), ..Changes::default() };
        for (mut door, wish) in std::mem::take(&mut self.open).into_iter().zip(wishes) {
            match wish {
                Some(wish) => {
                    door.adopt(wish);
                    changes.kept += 1;
                    self.open.push(door);
                }
                None => {
                    door.close(&self.desk).await;
                    changes.closed += 1;
                }
            }
        }
        self.open.extend(opened.into_iter().map(|door| door.start(&self.desk)));
        Ok(changes)
    }

    /// Where we listen.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(Door::address).collect()
    }

    /// The settings of the sessions to come, of each door.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &Arc<Settings>> {
        self.open.iter().map(|door| &door.wanted.settings)
    }

    /// Gives the sessions to come other settings, where `change` makes any.
    pub(crate) fn renew(&mut self, change: impl Fn(&Settings) -> Option<Settings>) {
        for door in &mut self.open {
            if let Some(settings) = change(&door.wanted.settings) {
                door.wanted.settings = Arc::new(settings);
                *door.sign.lock().unwrap_or_else(PoisonError::into_inner) = Sign::of(&door.wanted);
            }
        }
    }

    /// The terms on which TLS handshakes are done.
    pub(crate) fn terms(&self) -> Vec<Arc<Terms>> {
        self.open.iter().filter_map(|door| door.wanted.tls.clone()).collect()
    }

    /// Copies of the sockets.
    pub(crate) fn copies(&self) -> io::Result<Vec<OwnedFd>> {
        self.open.iter().map(|door| door.listener.as_fd().try_clone_to_owned()).collect()
    }

    /// Closes all doors: from here on connections are refused.
    pub(crate) async fn close(&mut self) {
        for door in std::mem::take(&mut self.open) {
            door.task.abort();
            // When it is gone its socket is closed with the last reference, which is ours.
            let _ = door.task.await;
        }
    }
}

impl Door {
    /// Where it is.
    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.wanted.address)
    }

    fn adopt(&mut self, wish: Wanted) {
        let options = wish.settings.sockets;
        if options != self.wanted.settings.sockets
            && let Err(error) = listen::adjust(&SockRef::from(&*self.listener), options)
        {
            tracing::warn!("{}: its socket keeps its old options: {error}", wish.address);
        }
        *self.sign.lock().unwrap_or_else(PoisonError::into_inner) = Sign::of(&wish);
        self.wanted = wish;
    }

    async fn close<S: Spool>(self, desk: &Arc<Desk<S>>) {
        self.task.abort();
        let _ = self.task.await;
        // Whoever stands before the door already is let in; only newcomers are not.
        // The system is asked itself: it knows of connections that nobody has told us about yet.
        while let Ok((stream, client)) = SockRef::from(&*self.listener).accept() {
            let Some(client) = client.as_socket() else { continue };
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream.into())
            {
                drop(welcome(stream, client, desk, read(&self.sign)));
            }
        }
    }
}

/// A door that can be opened, whatever happens from here on.
pub(crate) struct Ready {
    wanted: Wanted,
    listener: TcpListener,
}

/// Makes doors ready: all, or none. Nobody is let in yet.
pub(crate) fn ready(doors: Vec<listen::Door>) -> Result<Vec<Ready>, CannotListen> {
    let ready = |listen::Door { wanted, socket }| match TcpListener::from_std(socket) {
        Ok(listener) => Ok(Ready { wanted, listener }),
        Err(error) => Err(CannotListen::ours(wanted.address, error.to_string())),
    };
    doors.into_iter().map(ready).collect()
}

impl Ready {
    fn start<S: Spool>(self, desk: &Arc<Desk<S>>) -> Door {
        let Ready { wanted, listener } = self;
        let listener = Arc::new(listener);
        let sign = Arc::new(Mutex::new(Sign::of(&wanted)));
        let task = tokio::spawn(accept(listener.clone(), desk.clone(), sign.clone()));
        Door { wanted, listener, sign, task }
    }
}

/// What holds for the sessions that begin now.
fn read(sign: &Mutex<Sign>) -> Sign {
    sign.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Accepts connections and starts their sessions, until it is dropped.
async fn accept<S: Spool>(listener: Arc<TcpListener>, desk: Arc<Desk<S>>, sign: Arc<Mutex<Sign>>) {
    let mut pause = PAUSE_MIN;
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                if pause > PAUSE_MIN {
                    tracing::info!("connections are accepted again");
                    pause = PAUSE_MIN;
                }
                drop(welcome(stream, client, &desk, read(&sign)));
            }
            // The client left before we came to it.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of descriptors or memory: try again when some may have come back, and never spin. Whoever
                // connects meanwhile waits in the queue of the socket.
                if pause == PAUSE_MIN {
                    tracing::warn!("cannot accept connections for now: {error}");
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Starts what follows from a connection, if anything does.
pub(crate) fn welcome<S: Spool>(
    mut stream: TcpStream,
    client: SocketAddr,
    desk: &Arc<Desk<S>>,
    sign: Sign,
) -> Option<JoinHandle<()>> {
    // Replies are grouped by the session; the system must not hold them back to group them once more.
    let ready = stream.set_nodelay(true).and_then(|()| stream.local_addr());
    let peer = Peer::new(client, ready.ok()?);
    let now = desk.now().instant;
    let Some(arrival) = Arrival::expected(&sign.settings, &peer, now) else {
        return let_in(stream, Vec::new(), peer, desk, sign).map(tokio::spawn);
    };
    // Limits are for clients, and who this one is must be heard first; what waits for that has a limit of its own.
    let Some(place) = desk.arriving() else {
        desk.journal().count(Work::HeadersAwaited);
        tracing::warn!(peer = %client, "dropped: too many connections wait for their PROXY header");
        return None;
    };
    let wait = arrival.deadline().since(now);
    let desk = desk.clone();
    Some(tokio::spawn(async move {
        let arrived = arrive(&mut stream, arrival, wait).await;
        drop(place);
        match arrived {
            Ok(Arrived { peer, heard }) => {
                if let Some(life) = let_in(stream, heard, peer, &desk, sign) {
                    life.await;
                }
            }
            Err(why) => {
                desk.journal().count(Work::NoHeader);
                tracing::warn!(peer = %client, "closed: {why}");
            }
        }
    }))
}

/// Admits a client, or not. What comes back is the rest of the connection's life.
fn let_in<S: Spool>(
    stream: TcpStream,
    heard: Vec<u8>,
    peer: Peer,
    desk: &Arc<Desk<S>>,
    sign: Sign,
) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let peer = Arc::new(peer);
    let first = sign.settings.tls.first;
    match desk.admit_to(&peer, sign.settings) {
        Admission::Welcome(settings, mut seat) => {
            seat.does_tls(sign.tls);
            let session = Session::new(settings, seat.session(), peer);
            Some(Box::pin(drive_on(stream, heard, session, seat)))
        }
        // Clients that begin with a handshake would not understand the words.
        Admission::TurnAway(_, presence) if first => Some(Box::pin(turn_away(stream, Vec::new(), presence))),
        Admission::TurnAway(words, presence) => {
            tracing::debug!(peer = %peer.client, "turned away: too many connections");
            Some(Box::pin(turn_away(stream, words, presence)))
        }
        Admission::Drop => {
            tracing::debug!(peer = %peer.client, "dropped: far too many connections");
            None
        }
    }
}
