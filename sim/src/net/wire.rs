//! Both ends of a connection, with what the network itself does not model: who the client says it is, a send buffer
//! counted in octets, and resets.
//!
//! A client's first segment names the connection and the address that the client comes from, as a proxy would: so one
//! host can be many sources. It is taken off before the connection is shown to the server.

use super::fabric::{self, Stream};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Octets that a client's end reads at a time: no segment of the server is larger, so a read is a write.
const READ: usize = 32_768;

/// All connections of a world.
#[derive(Debug)]
pub(crate) struct Wires {
    /// Connections by number, as long as the client has its end.
    open: Mutex<BTreeMap<u64, Arc<Wire>>>,
    serial: AtomicU64,
    activity: AtomicU64,
    /// Octets of the server that a client may leave untaken before the server cannot send more.
    window: usize,
}

impl Wires {
    pub(crate) fn new(window: usize) -> Arc<Wires> {
        let (open, serial, activity) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Wires { open, serial, activity, window })
    }

    /// A number that grows whenever an end of a connection does something.
    pub(crate) fn activity(&self) -> u64 {
        self.activity.load(Ordering::Relaxed)
    }

    /// Breaks the connections that the server knows nothing of any more, as the client's system does when nobody
    /// answers it for long. Without this a client that only listens would listen for ever after a silent crash.
    pub(crate) fn break_dead(&self) {
        for wire in self.open().values() {
            let dead = !wire.shared().served;
            if dead {
                wire.change(|shared| shared.dead = true);
            }
        }
    }

    /// Something happened.
    pub(crate) fn stir(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Wire>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the two ends of a connection share beside the network.
#[derive(Debug, Default)]
struct Wire(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Octets sent by the server and not taken by the client.
    untaken: usize,
    /// The server has its end.
    served: bool,
    /// Nobody is at the other end, and the client is to know it.
    dead: bool,
    /// Whoever waits: the server's task for room, the client's to be told that the connection is dead.
    writer: Option<Waker>,
    reader: Option<Waker>,
    /// The client broke the connection.
    torn: bool,
    /// The client's end is gone.
    gone: bool,
}

impl Wire {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Shared)) {
        let wakers = {
            let mut shared = self.shared();
            change(&mut shared);
            [shared.writer.take(), shared.reader.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// The server's end.
#[derive(Debug)]
pub(super) struct ServerEnd {
    stream: Stream,
    wire: Arc<Wire>,
    wires: Arc<Wires>,
}

impl ServerEnd {
    /// Takes the first segment off. `None` when the client left before it had said who it is.
    pub(super) async fn greet(mut stream: Stream, wires: Arc<Wires>) -> Option<(ServerEnd, SocketAddr)> {
        let mut first = [0; 128];
        let length = stream.read(&mut first).await.ok().filter(|length| *length > 0)?;
        let text = std::str::from_utf8(&first[..length]).expect("a first segment is text");
        let (number, client) = text.split_once(' ').expect("a number and an address");
        let number: u64 = number.parse().expect("the number of a connection");
        let client = client.parse().expect("an address and a port");
        let wire = wires.open().get(&number).cloned()?;
        wire.shared().served = true;
        wires.stir();
        Some((ServerEnd { stream, wire, wires }, client))
    }
}

impl AsyncRead for ServerEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.wires.stir();
        if buffer.filled().len() == before && self.wire.shared().torn {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = {
            let mut shared = self.wire.shared();
            let room = if shared.gone { octets.len() } else { self.wires.window - shared.untaken };
            if room == 0 && !octets.is_empty() {
                shared.writer = Some(context.waker().clone());
                return Poll::Pending;
            }
            room.min(octets.len())
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, &octets[..room]));
        self.wires.stir();
        if let Ok(written) = written {
            let mut shared = self.wire.shared();
            shared.untaken = (shared.untaken + written).min(self.wires.window);
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wires.stir();
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.wire.shared().served = false;
        self.wires.stir();
    }
}

/// What a client's end has noticed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Octets(Vec<u8>),
    /// The server will send nothing more.
    End,
    /// The connection is broken.
    Reset,
}

/// The client's end.
#[derive(Debug)]
pub(super) struct ClientEnd {
    stream: Stream,
    number: u64,
    wire: Arc<Wire>,
    wires: Arc<Wires>,
    buffer: Vec<u8>,
    unsaid: VecDeque<Vec<u8>>,
    /// The end of what is said was asked for.
    closing: bool,
    /// It was said.
    closed: bool,
    reading: bool,
    ended: bool,
}

impl ClientEnd {
    /// Connects, and says which address it comes from.
    pub(super) async fn connect(wires: Arc<Wires>, client: (IpAddr, u16)) -> io::Result<ClientEnd> {
        wires.stir();
        let stream = fabric::connect().await?;
        wires.stir();
        let number = wires.serial.fetch_add(1, Ordering::Relaxed);
        let wire = Arc::<Wire>::default();
        wires.open().insert(number, wire.clone());
        let first = format!("{number} {}", SocketAddr::from(client)).into_bytes();
        let unsaid = VecDeque::from([first]);
        let buffer = vec![0; READ];
        let (closing, closed, reading, ended) = (false, false, true, false);
        Ok(ClientEnd { stream, number, wire, wires, buffer, unsaid, closing, closed, reading, ended })
    }

    /// Sends a segment, behind those that wait.
    pub(super) fn say(&mut self, segment: Vec<u8>) {
        if !segment.is_empty() && !self.closing {
            self.unsaid.push_back(segment);
        }
    }

    /// Sends nothing more, once all has left.
    pub(super) fn close_write(&mut self) {
        self.closing = true;
    }

    /// Takes octets from the network, or does not.
    pub(super) fn read(&mut self, reading: bool) {
        self.reading = reading;
    }

    /// Whether both directions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.closed
    }

    /// Breaks the connection.
    pub(super) fn reset(self) {
        self.wire.change(|shared| shared.torn = true);
    }

    /// Sends what waits, and says what came. After an end nothing more comes.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        let dead = {
            let mut shared = self.wire.shared();
            shared.reader = Some(context.waker().clone());
            shared.dead
        };
        if (self.poll_say(context).is_err() || dead) && !self.ended {
            self.ended = true;
            return Poll::Ready(Heard::Reset);
        }
        if !self.reading || self.ended {
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
        let length = buffer.filled().len();
        self.wires.stir();
        Poll::Ready(match read {
            Ok(()) if length > 0 => {
                self.wire.change(|shared| shared.untaken = shared.untaken.saturating_sub(length));
                Heard::Octets(self.buffer[..length].to_vec())
            }
            Ok(()) => {
                self.ended = true;
                Heard::End
            }
            Err(_) => {
                self.ended = true;
                Heard::Reset
            }
        })
    }

    fn poll_say(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while let Some(segment) = self.unsaid.front() {
            match Pin::new(&mut self.stream).poll_write(context, segment) {
                Poll::Ready(Ok(taken)) => {
                    debug_assert_eq!(taken, segment.len(), "a segment is taken whole");
                    self.wires.stir();
                    self.unsaid.pop_front();
                }
                Poll::Ready(Err(error)) => {
                    self.unsaid.clear();
                    return Err(error);
                }
                Poll::Pending => return Ok(()),
            }
        }
        if self.closing && !self.closed {
            self.closed = true;
            self.wires.stir();
            // A stream that is broken already is closed enough.
            if let Poll::Ready(closed) = Pin::new(&mut self.stream).poll_shutdown(context) {
                drop(closed);
            }
        }
        Ok(())
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.wires.stir();
        self.wires.open().remove(&self.number);
        self.wire.change(|shared| shared.gone = true);
    }
}
