//! Sockets that listen, and the loop that accepts from one. A connection is admitted before anything is set aside for
//! it; what it says is not looked at here.

use crate::desk::{Admission, Desk};
use crate::drive::{drive, turn_away};
use crate::limits::{BACKLOG, PAUSE_MAX, PAUSE_MIN};
use crate::port_holder;
use crate::spool::Spool;
use smtpserver_core::{Peer, Session};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// An address as an operator writes it: `127.0.0.1`, `127.0.0.1:25`, `[::1]:25`, `::1`, `any`, `any6:25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub ip: IpAddr,
    /// The port, when it was written.
    pub port: Option<u16>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        if let Ok(full) = text.parse::<SocketAddr>() {
            return Ok(Place { ip: full.ip(), port: Some(full.port()) });
        }
        if let Some(ip) = ip(text) {
            return Ok(Place { ip, port: None });
        }
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        match (ip(host), port.parse()) {
            (Some(ip), Ok(port)) => Ok(Place { ip, port: Some(port) }),
            _ => Err(format!("{text:?} is not an address such as 127.0.0.1:25, [::1]:25, any or any6")),
        }
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    match text {
        "any" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "any6" => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => text.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    }
}

/// A socket that cannot be had.
#[derive(Debug)]
pub struct CannotListen {
    address: SocketAddr,
    error: io::Error,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.address.port();
        write!(f, "cannot listen on {}: ", self.address)?;
        if self.error.kind() == ErrorKind::AddrInUse {
            return match port_holder::find(self.address) {
                Some(holder) => write!(f, "port {port} is in use, held by {holder}"),
                None => write!(f, "port {port} is in use; `ss -ltnp` as root shows by whom"),
            };
        }
        if self.error.kind() == ErrorKind::PermissionDenied && port < 1024 {
            return write!(f, "ports below 1024 need root or CAP_NET_BIND_SERVICE");
        }
        write!(f, "{}", self.error)
    }
}

/// Opens the sockets, or finds them among `given`, which somebody has opened already. What is left of these afterwards
/// nobody wanted. With no places, the loopback addresses that this machine has. To open a port may need rights; clients
/// can connect only from [`start`] on.
pub fn open(
    places: &[Place],
    port: u16,
    given: &mut Vec<TcpListener>,
) -> Result<Vec<TcpListener>, CannotListen> {
    if places.is_empty() {
        return open_loopback(port, given);
    }
    let addresses: Vec<_> =
        places.iter().map(|place| SocketAddr::new(place.ip, place.port.unwrap_or(port))).collect();
    for (index, address) in addresses.iter().copied().enumerate() {
        if let Some(other) = addresses[..index].iter().find(|other| overlap(**other, address)) {
            let reason = if *other == address {
                "--listen names it twice".into()
            } else {
                format!("--listen names {other} as well, and one holds the other")
            };
            return Err(CannotListen { address, error: io::Error::new(ErrorKind::InvalidInput, reason) });
        }
    }
    addresses.into_iter().map(|address| open_one(address, given)).collect()
}

/// Whether the system would refuse to listen on both, so that the second one is our own fault. Port 0 never clashes.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    let same_ip = one.ip() == other.ip() || (any && one.is_ipv4() == other.is_ipv4());
    one.port() == other.port() && one.port() != 0 && same_ip
}

fn open_loopback(port: u16, given: &mut Vec<TcpListener>) -> Result<Vec<TcpListener>, CannotListen> {
    let four = open_one(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), given)?;
    // With port 0 the system has chosen one, and IPv6 follows it if it can.
    let chosen = four.local_addr().map_or(port, |address| address.port());
    let six = open_one(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), chosen), given);
    match six {
        Ok(six) => Ok(vec![four, six]),
        Err(refused) if port != 0 && refused.error.kind() == ErrorKind::AddrInUse => Err(refused),
        // This machine has no IPv6: which addresses we listen on is said anyway.
        Err(_) => Ok(vec![four]),
    }
}

/// The socket among those given that has this address, or else a new one.
fn open_one(address: SocketAddr, given: &mut Vec<TcpListener>) -> Result<TcpListener, CannotListen> {
    match given.iter().position(|socket| socket.local_addr().is_ok_and(|own| own == address)) {
        Some(index) => Ok(given.swap_remove(index)),
        None => bind(address),
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, CannotListen> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|error| CannotListen { address, error })
}

/// Listens. A port that another has taken may show itself only here.
pub fn start(sockets: &[TcpListener]) -> Result<(), CannotListen> {
    for socket in sockets {
        let address = socket.local_addr().unwrap_or_else(|_| (Ipv4Addr::UNSPECIFIED, 0).into());
        SockRef::from(socket).listen(BACKLOG).map_err(|error| CannotListen { address, error })?;
    }
    Ok(())
}

/// Accepts connections and starts their sessions, until it is dropped.
pub async fn accept<S: Spool>(listener: tokio::net::TcpListener, desk: Arc<Desk<S>>) {
    let mut pause = PAUSE_MIN;
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                if pause > PAUSE_MIN {
                    tracing::info!("connections are accepted again");
                    pause = PAUSE_MIN;
                }
                welcome(stream, client, &desk);
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

fn welcome<S: Spool>(stream: TcpStream, client: SocketAddr, desk: &Arc<Desk<S>>) {
    // Replies are grouped by the session; the system must not hold them back to group them once more.
    let ready = stream.set_nodelay(true).and_then(|()| stream.local_addr());
    let Ok(local) = ready else { return };
    let peer = Arc::new(Peer::new(client, local));
    match desk.admit(&peer) {
        Admission::Welcome(settings, seat) => {
            let session = Session::new(settings, seat.session(), peer);
            tokio::spawn(drive(stream, session, seat));
        }
        Admission::TurnAway(words, presence) => {
            tracing::debug!(peer = %client, "turned away: too many connections");
            tokio::spawn(turn_away(stream, words, presence));
        }
        Admission::Drop => tracing::debug!(peer = %client, "dropped: far too many connections"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_in_many_ways() {
        let table = [
            ("127.0.0.1", "127.0.0.1", None),
            ("127.0.0.1:25", "127.0.0.1", Some(25)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:25", "::1", Some(25)),
            ("any", "0.0.0.0", None),
            ("any:2525", "0.0.0.0", Some(2525)),
            ("any6:25", "::", Some(25)),
        ];
        for (text, ip, port) in table {
            let place: Place = text.parse().expect(text);
            assert_eq!((place.ip.to_string().as_str(), place.port), (ip, port), "{text}");
        }
        for text in ["", "localhost", "127.0.0.1:", "127.0.0.1:99999", "any6:x", "1.2.3"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_given_twice_is_not_blamed_on_another() {
        // Nothing is bound: this is seen before.
        let place = Place { ip: Ipv4Addr::LOCALHOST.into(), port: None };
        let same = Place { port: Some(2526), ..place };
        let refused = open(&[place, same], 2526, &mut Vec::new()).expect_err("twice").to_string();
        assert_eq!(refused, "cannot listen on 127.0.0.1:2526: --listen names it twice");
        let any = Place { ip: Ipv4Addr::UNSPECIFIED.into(), ..same };
        let refused = open(&[place, any], 2526, &mut Vec::new()).expect_err("covered").to_string();
        assert!(refused.contains("--listen names 127.0.0.1:2526 as well"), "{refused}");
        // Each gets a port of its own.
        assert_eq!(open(&[place, place], 0, &mut Vec::new()).expect("free ports").len(), 2);
    }

    #[test]
    fn what_is_open_already_is_not_opened_again() {
        let mut given = open(&[], 0, &mut Vec::new()).expect("a free port");
        let address = given[0].local_addr().expect("address");
        given.push(bind(SocketAddr::new(address.ip(), 0)).expect("a free port"));
        let place = Place { ip: address.ip(), port: Some(address.port()) };
        let taken = open(&[place], 25, &mut given).expect("it is among them");
        assert_eq!(taken[0].local_addr().expect("address"), address);
        assert!(given.iter().all(|socket| socket.local_addr().expect("address") != address));
        assert!(!given.is_empty());
    }

    #[test]
    fn a_port_in_use_is_named_with_its_holder() {
        let first = open(&[], 0, &mut Vec::new()).expect("a free port");
        start(&first).expect("nobody else has it");
        let taken = first[0].local_addr().expect("address").port();
        let refused = open(&[], taken, &mut Vec::new()).expect_err("taken");
        let line = refused.to_string();
        assert!(line.contains(&format!("127.0.0.1:{taken}")), "{line}");
        assert!(line.contains(&format!("pid {}", std::process::id())), "{line}");
    }
}
