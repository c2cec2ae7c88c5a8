//! A stage over ordinary blocking sockets, for the lanes that speak to a real server.
//! The only place of this crate that reads a clock.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{End, Stage, Taken, Trouble};

/// A server that does not take what it is sent within this time is given up.
const SENDING_MAX: Duration = Duration::from_secs(30);
const CONNECTING_MAX: Duration = Duration::from_secs(10);

pub(super) struct Sockets {
    address: SocketAddr,
    started: Instant,
    streams: Vec<TcpStream>,
}

impl Sockets {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, started: Instant::now(), streams: Vec::new() }
    }

    fn stream(&mut self, connection: usize) -> Result<&mut TcpStream, Trouble> {
        self.streams.get_mut(connection).ok_or_else(|| Trouble(format!("no connection {connection}")))
    }
}

impl Stage for Sockets {
    fn connect(&mut self) -> Result<usize, Trouble> {
        let failed = |error| Trouble(format!("cannot connect to {}: {error}", self.address));
        let stream = TcpStream::connect_timeout(&self.address, CONNECTING_MAX).map_err(failed)?;
        // Without this the kernel would join our segments as it likes.
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_write_timeout(Some(SENDING_MAX)).map_err(failed)?;
        self.streams.push(stream);
        Ok(self.streams.len() - 1)
    }

    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble> {
        match self.stream(connection)?.write_all(segment) {
            Ok(()) => Ok(()),
            Err(error) if is_gone(error.kind()) => Ok(()),
            Err(error) => Err(Trouble(format!("cannot send: {error}"))),
        }
    }

    fn take(&mut self, connection: usize, at_most: Duration) -> Result<Taken, Trouble> {
        let stream = self.stream(connection)?;
        let failed = |error| Trouble(format!("cannot receive: {error}"));
        let at_once = at_most.is_zero();
        stream.set_nonblocking(at_once).map_err(failed)?;
        if !at_once {
            stream.set_read_timeout(Some(at_most)).map_err(failed)?;
        }
        let mut octets = vec![0; 64 * 1024];
        let taken = match stream.read(&mut octets) {
            Ok(0) => Taken::Closed,
            Ok(length) => {
                octets.truncate(length);
                Taken::Wrote(octets)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Taken::Nothing
            }
            Err(error) if is_gone(error.kind()) => Taken::Closed,
            Err(error) => return Err(failed(error)),
        };
        stream.set_nonblocking(false).map_err(failed)?;
        Ok(taken)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn rest(&mut self, time: Duration) -> Result<(), Trouble> {
        std::thread::sleep(time);
        Ok(())
    }

    fn end(&mut self, connection: usize, how: End) -> Result<(), Trouble> {
        let stream = self.stream(connection)?;
        let ended = match how {
            End::Half => stream.shutdown(Shutdown::Write),
            End::Full => stream.shutdown(Shutdown::Both),
            End::Reset => reset(stream),
        };
        match ended {
            Err(error) if !is_gone(error.kind()) => Err(Trouble(format!("cannot end: {error}"))),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Closing with no linger time left makes the kernel send a reset; std cannot set that time, hence socket2.
/// Another stream takes the place of the closed one: a socket that was never connected.
fn reset(stream: &mut TcpStream) -> std::io::Result<()> {
    socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
    let unconnected = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    *stream = unconnected.into();
    Ok(())
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
    )
}
