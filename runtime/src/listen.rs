//! Sockets that listen: where an operator wants them, and how they are opened. What comes by them is not looked at
//! here.

use crate::port_holder;
use crate::tls::Terms;
use smtpserver_core::Settings;
use smtpserver_core::config::choices::Sockets;
use smtpserver_core::config::file::remark::{Remark, Spot};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;

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

/// A place to listen, and for whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Where; with port 0 any that is free.
    pub address: SocketAddr,
    /// What holds for the sessions that begin there.
    pub settings: Arc<Settings>,
    /// On which terms they do TLS handshakes; none where they do none.
    pub tls: Option<Arc<Terms>>,
    /// Who asks for it: `--listen`, `smtpserver.conf:12`.
    pub asked_by: Spot,
    /// It is done without where this machine cannot have it: IPv6, where nobody named it. With port 0 it gets the port
    /// of the place before it.
    pub optional: bool,
}

/// A place where we listen.
#[derive(Debug)]
pub struct Door {
    /// What was asked for.
    pub wanted: Wanted,
    /// The socket.
    pub socket: TcpListener,
}

/// A socket that cannot be had.
#[derive(Debug)]
pub struct CannotListen {
    address: SocketAddr,
    error: io::Error,
}

impl CannotListen {
    /// It was asked for by a server that runs already, and that may have given up rights since it was started.
    pub(crate) fn in_a_running_server(self) -> CannotListen {
        if self.error.kind() == ErrorKind::PermissionDenied && self.address.port() < 1024 {
            let reason =
                "ports below 1024 are opened when the server is started, and not later: start it again";
            return CannotListen::ours(self.address, reason.into());
        }
        self
    }

    /// The address is taken by ourselves, and this is how.
    pub(crate) fn ours(address: SocketAddr, reason: String) -> CannotListen {
        CannotListen { address, error: io::Error::new(ErrorKind::InvalidInput, reason) }
    }
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

/// Opens the sockets, or finds them among `given`, which somebody has opened already: all that are not optional, or none.
/// What is left of `given` afterwards nobody wanted. To open a port may need rights; clients can connect only from
/// [`start`] on.
pub fn open(wanted: Vec<Wanted>, given: &mut Vec<TcpListener>) -> Result<Vec<Door>, CannotListen> {
    let mut doors: Vec<Door> = Vec::new();
    for one in wanted {
        let mut address = one.address;
        if one.optional
            && address.port() == 0
            && let Some(before) = doors.last()
        {
            address.set_port(before.socket.local_addr().map_or(0, |before| before.port()));
        }
        match open_one(address, one.settings.sockets, given) {
            Ok(socket) => doors.push(Door { wanted: one, socket }),
            // This machine has no IPv6: which addresses we listen on is said anyway.
            Err(refused)
                if one.optional
                    && (one.address.port() == 0 || refused.error.kind() != ErrorKind::AddrInUse) => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(doors)
}

/// Says of each of these places that cannot be together with one before it why it cannot.
pub(crate) fn clashes(wanted: &[Wanted]) -> Vec<Remark> {
    let clash = |(index, one): (usize, &Wanted)| {
        let other = wanted[..index].iter().find(|other| overlap(other.address, one.address))?;
        let (what, hint) = match (other.asked_by == one.asked_by, other.address == one.address) {
            (true, true) => ("it is named twice".into(), "each address and port can be given once"),
            (false, true) => {
                (format!("{} names it, too", other.asked_by), "each address and port can be given once")
            }
            (_, false) => (
                format!("{} names {}", other.asked_by, other.address),
                "one holds the other: name the addresses one by one, or all of them together",
            ),
        };
        Some(one.asked_by.clone().error(format!("{} cannot be had: {what}", one.address), hint))
    };
    wanted.iter().enumerate().filter_map(clash).collect()
}

/// Whether the system would refuse to listen on both, so that the second one is our own fault. Port 0 never clashes.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    let same_ip = one.ip() == other.ip() || (any && one.is_ipv4() == other.is_ipv4());
    one.port() == other.port() && one.port() != 0 && same_ip
}

/// The first socket among those given that has this address, or else a new one.
fn open_one(
    address: SocketAddr,
    options: Sockets,
    given: &mut Vec<TcpListener>,
) -> Result<TcpListener, CannotListen> {
    match given.iter().position(|socket| socket.local_addr().is_ok_and(|own| own == address)) {
        Some(index) => Ok(given.remove(index)),
        None => bind(address, options),
    }
}

fn bind(address: SocketAddr, options: Sockets) -> Result<TcpListener, CannotListen> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        set_buffers(&SockRef::from(&socket), options)?;
        socket.bind(&address.into())?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|error| CannotListen { address, error })
}

/// Listens, with the options of the settings. A port that another has taken may show itself only here.
pub fn start(doors: &[Door]) -> Result<(), CannotListen> {
    for Door { wanted, socket } in doors {
        let address = socket.local_addr().unwrap_or(wanted.address);
        adjust(&SockRef::from(socket), wanted.settings.sockets)
            .map_err(|error| CannotListen { address, error })?;
    }
    Ok(())
}

/// Gives a socket, which may listen already, the options of settings.
pub(crate) fn adjust(socket: &SockRef<'_>, options: Sockets) -> io::Result<()> {
    set_buffers(socket, options)?;
    // To listen again only changes the length of the queue.
    socket.listen(i32::from(options.queue))
}

/// Connections inherit the buffers of the socket that they were accepted from.
fn set_buffers(socket: &SockRef<'_>, options: Sockets) -> io::Result<()> {
    let octets = |octets: u32| usize::try_from(octets).expect("32 bits fit");
    if options.receive_octets > 0 {
        socket.set_recv_buffer_size(octets(options.receive_octets))?;
    }
    if options.send_octets > 0 {
        socket.set_send_buffer_size(octets(options.send_octets))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(address: SocketAddr, asked_by: &str) -> Wanted {
        let settings = Arc::new(Settings::new("mx.example"));
        Wanted { address, settings, tls: None, asked_by: Spot::whole(asked_by), optional: false }
    }

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
        let one: SocketAddr = "127.0.0.1:2526".parse().expect("an address");
        let any: SocketAddr = "0.0.0.0:2526".parse().expect("an address");
        let refused = |doors: [Wanted; 2]| clashes(&doors)[0].short();
        assert_eq!(
            refused([wanted(one, "--listen"), wanted(one, "--listen")]),
            "--listen: 127.0.0.1:2526 cannot be had: it is named twice; each address and port can be given once"
        );
        assert!(
            refused([wanted(one, "t.conf:1"), wanted(one, "t.conf:2")])
                .starts_with("t.conf:2: 127.0.0.1:2526 cannot be had: t.conf:1 names it, too")
        );
        let covered = refused([wanted(one, "--listen"), wanted(any, "--listen")]);
        assert!(covered.contains("--listen names 127.0.0.1:2526"), "{covered}");
        // Each gets a port of its own.
        let free = SocketAddr::new(one.ip(), 0);
        assert!(clashes(&[wanted(free, "a"), wanted(free, "b")]).is_empty());
        assert_eq!(
            open(vec![wanted(free, "a"), wanted(free, "b")], &mut Vec::new()).expect("free ports").len(),
            2
        );
    }

    #[test]
    fn what_is_open_already_is_not_opened_again() {
        let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let doors = open(vec![wanted(free, "a"), wanted(free, "b")], &mut Vec::new()).expect("free ports");
        start(&doors).expect("nobody else has them");
        let mut given: Vec<_> = doors.into_iter().map(|door| door.socket).collect();
        let address = given[1].local_addr().expect("address");
        let taken = open(vec![wanted(address, "c")], &mut given).expect("it is among them");
        assert_eq!(taken[0].socket.local_addr().expect("address"), address);
        assert_eq!(given.len(), 1);
        assert_ne!(given[0].local_addr().expect("address"), address);
    }

    #[test]
    fn a_port_in_use_is_named_with_its_holder() {
        let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let first = open(vec![wanted(free, "a")], &mut Vec::new()).expect("a free port");
        start(&first).expect("nobody else has it");
        let taken = first[0].socket.local_addr().expect("address");
        let line = open(vec![wanted(taken, "b")], &mut Vec::new()).expect_err("taken").to_string();
        assert!(line.contains(&taken.to_string()), "{line}");
        assert!(line.contains(&format!("pid {}", std::process::id())), "{line}");
    }

    #[test]
    fn sockets_get_their_options_and_optional_ones_follow() {
        let mut settings = Settings::new("mx.example");
        settings.sockets = Sockets { receive_octets: 20_000, send_octets: 30_000, ..settings.sockets };
        let settings = Arc::new(settings);
        let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let six: SocketAddr = "[::1]:0".parse().expect("an address");
        let four = Wanted { settings: settings.clone(), ..wanted(free, "a") };
        let six = Wanted { settings, optional: true, ..wanted(six, "a") };
        let doors = open(vec![four, six], &mut Vec::new()).expect("free");
        let ports: Vec<u16> =
            doors.iter().map(|door| door.socket.local_addr().expect("address").port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        let socket = SockRef::from(&doors[0].socket);
        // Linux counts its own needs twice.
        assert!((20_000..=40_000).contains(&socket.recv_buffer_size().expect("an option")));
        let sockets = Sockets { receive_octets: 50_000, queue: 5, ..Sockets::default() };
        adjust(&socket, sockets).expect("adjusted");
        assert!((50_000..=100_000).contains(&socket.recv_buffer_size().expect("an option")));
    }
}
