//! A stage over ordinary blocking sockets, for the lanes that speak to a real server.
//! The only place of this crate that reads a clock.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{End, Stage, Taken, Trouble, trusting};
use rustls::ClientConnection;

/// A server that does not take what it is sent within this time is given up.
const SENDING_MAX: Duration = Duration::from_secs(30);
const CONNECTING_MAX: Duration = Duration::from_secs(10);

pub(super) struct Sockets {
    address: SocketAddr,
    started: Instant,
    /// What every connection begins with, before the client says anything.
    header: &'static [u8],
    links: Vec<Link>,
}

/// One connection.
struct Link {
    socket: TcpStream,
    tls: Option<ClientConnection>,
}

impl Link {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match &mut self.tls {
            None => self.socket.write_all(octets),
            Some(tls) => rustls::Stream::new(tls, &mut self.socket).write_all(octets),
        }
    }

    fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(octets),
            Some(tls) => rustls::Stream::new(tls, &mut self.socket).read(octets),
        }
    }
}

impl Sockets {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, started: Instant::now(), header: b"", links: Vec::new() }
    }

    /// As a load balancer: every connection begins with this.
    pub(super) fn passing_on(address: SocketAddr, header: &'static [u8]) -> Self {
        Self { header, ..Self::new(address) }
    }

    fn link(&mut self, connection: usize) -> Result<&mut Link, Trouble> {
        self.links.get_mut(connection).ok_or_else(|| Trouble(format!("no connection {connection}")))
    }
}

impl Stage for Sockets {
    fn connect(&mut self) -> Result<usize, Trouble> {
        let failed = |error| Trouble(format!("cannot connect to {}: {error}", self.address));
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECTING_MAX).map_err(failed)?;
        // Without this the kernel would join our segments as it likes.
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_write_timeout(Some(SENDING_MAX)).map_err(failed)?;
        stream.write_all(self.header).map_err(failed)?;
        self.links.push(Link { socket: stream, tls: None });
        Ok(self.links.len() - 1)
    }

    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble> {
        match self.link(connection)?.write(segment) {
            Ok(()) => Ok(()),
            Err(error) if is_gone(error.kind()) => Ok(()),
            Err(error) => Err(Trouble(format!("cannot send: {error}"))),
        }
    }

    fn take(&mut self, connection: usize, at_most: Duration) -> Result<Taken, Trouble> {
        let link = self.link(connection)?;
        let failed = |error| Trouble(format!("cannot receive: {error}"));
        let at_once = at_most.is_zero();
        link.socket.set_nonblocking(at_once).map_err(failed)?;
        if !at_once {
            link.socket.set_read_timeout(Some(at_most)).map_err(failed)?;
        }
        let mut octets = vec![0; 64 * 1024];
        let taken = match link.read(&mut octets) {
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
        link.socket.set_nonblocking(false).map_err(failed)?;
        Ok(taken)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn rest(&mut self, time: Duration) -> Result<(), Trouble> {
        std::thread::sleep(time);
        Ok(())
    }

    fn start_tls(&mut self, connection: usize) -> Result<(), Trouble> {
        let link = self.link(connection)?;
        let mut tls = trusting::client().map_err(|error| Trouble(format!("no TLS here: {error}")))?;
        link.socket.set_read_timeout(Some(SENDING_MAX)).map_err(|error| Trouble(error.to_string()))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut link.socket).map_err(|error| Trouble(format!("no handshake: {error}")))?;
        }
        link.tls = Some(tls);
        Ok(())
    }

    fn end(&mut self, connection: usize, how: End) -> Result<(), Trouble> {
        let Link { socket: stream, tls } = self.link(connection)?;
        if let (End::Half, Some(tls)) = (how, tls) {
            tls.send_close_notify();
            // Who is gone already need not be told.
            let _ = tls.write_tls(stream);
        }
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
            | ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A client's stage with one connection, and the server's end of it.
    fn pair() -> (Sockets, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let mut sockets = Sockets::new(listener.local_addr().expect("an address"));
        assert_eq!(sockets.connect(), Ok(0));
        (sockets, listener.accept().expect("a client").0)
    }

    #[test]
    fn what_the_server_does_is_taken() {
        let (mut client, mut server) = pair();
        assert_eq!(client.take(0, Duration::ZERO), Ok(Taken::Nothing));
        server.write_all(b"220 hi\r\n").expect("written");
        assert_eq!(client.take(0, SECOND), Ok(Taken::Wrote(b"220 hi\r\n".to_vec())));
        assert_eq!(client.take(0, Duration::from_millis(1)), Ok(Taken::Nothing));
        drop(server);
        assert_eq!(client.take(0, SECOND), Ok(Taken::Closed));
        assert_eq!(client.take(0, SECOND), Ok(Taken::Closed));
    }

    #[test]
    fn the_three_ends_look_different_to_a_server() {
        let mut octets = Vec::new();
        let (mut client, mut server) = pair();
        client.send(0, b"QUIT\r\n").expect("sent");
        client.end(0, End::Half).expect("ended");
        server.read_to_end(&mut octets).expect("an orderly end");
        assert_eq!(octets, b"QUIT\r\n");
        server.write_all(b"221 bye\r\n").expect("the other half is open");
        assert_eq!(client.take(0, SECOND), Ok(Taken::Wrote(b"221 bye\r\n".to_vec())));

        let (mut client, mut server) = pair();
        client.end(0, End::Full).expect("ended");
        assert_eq!(server.read(&mut [0; 8]).map_err(|error| error.kind()), Ok(0));

        let (mut client, mut server) = pair();
        client.end(0, End::Reset).expect("ended");
        assert_eq!(server.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
        assert_eq!(client.take(0, SECOND), Ok(Taken::Closed));
        assert_eq!(client.send(0, b"NOOP\r\n"), Ok(()));
    }
}
