//! The one place that names turmoil: two hosts, the network between them, and their time. It knows no SMTP.
//!
//! What is known of turmoil 0.7.2 and dealt with here or in [`super::wire`]:
//!
//! - Every host costs at every tick, so all clients live on one host, and say themselves which address they come from.
//! - A full backlog panics, and a stream takes as many segments, whatever their size: the bound is set high, and
//!   octets are counted by [`super::wire`] instead.
//! - A connection to a host that is down hangs, so whoever connects has to set a limit.
//! - The epoch and the seed come from outside unless they are given.
//! - Its clients run before its server in every tick, because they are registered first.

use std::future::Future;
use std::io;
use std::time::{Duration, SystemTime};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

const SERVER: &str = "server";
const CLIENTS: &str = "clients";
const PORT: u16 = 25;
/// Segments that a stream holds, and connections that wait to be accepted.
const SEGMENTS_MAX: usize = 4096;
/// No world lasts that long: each has its own end.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A connection.
pub(super) type Stream = TcpStream;

/// What the network is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Where latencies come from.
    pub(crate) seed: u64,
    /// The least step of time, in whole milliseconds.
    pub(crate) tick: Duration,
    /// The least time a segment travels.
    pub(crate) latency_min: Duration,
    /// The longest time a segment travels.
    pub(crate) latency_max: Duration,
}

/// Two hosts and the network between them.
pub(crate) struct Fabric {
    sim: Sim<'static>,
}

impl Fabric {
    /// Runs `clients` on one host and `server` on the other, where it is started anew after each bounce.
    pub(crate) fn new<C, S, F>(shape: &Shape, clients: C, server: S) -> Fabric
    where
        C: Future<Output = ()> + 'static,
        S: Fn() -> F + 'static,
        F: Future<Output = io::Result<()>> + 'static,
    {
        let mut sim = Builder::new()
            .epoch(SystemTime::UNIX_EPOCH)
            .rng_seed(shape.seed)
            .tick_duration(shape.tick)
            .min_message_latency(shape.latency_min)
            .max_message_latency(shape.latency_max)
            .tcp_capacity(SEGMENTS_MAX)
            .simulation_duration(LONGEST)
            .build();
        sim.client(CLIENTS, async move {
            clients.await;
            Ok(())
        });
        sim.host(SERVER, move || {
            let software = server();
            async move { Ok(software.await?) }
        });
        Fabric { sim }
    }

    /// Lets one tick pass. An error is the end of the world: software that panicked or failed.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        self.sim.step().map(|_| ()).map_err(|error| error.to_string())
    }

    /// How much time has passed, in ticks.
    pub(crate) fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Whether the server's software runs.
    pub(crate) fn is_up(&mut self) -> bool {
        self.sim.is_host_running(SERVER)
    }

    /// Ends the server's software wherever it is. Its clients see their connections end.
    pub(crate) fn crash(&mut self) {
        self.sim.crash(SERVER);
    }

    /// Starts the server's software anew.
    pub(crate) fn bounce(&mut self) {
        self.sim.bounce(SERVER);
    }

    /// From now on what travels is lost, both ways, and with it the connections: nothing is sent twice.
    pub(crate) fn partition(&mut self) {
        self.sim.partition(SERVER, CLIENTS);
    }

    /// Ends a partition.
    pub(crate) fn repair(&mut self) {
        self.sim.repair(SERVER, CLIENTS);
    }

    /// From now on what travels waits.
    pub(crate) fn hold(&mut self) {
        self.sim.hold(SERVER, CLIENTS);
    }

    /// What was held arrives.
    pub(crate) fn release(&mut self) {
        self.sim.release(SERVER, CLIENTS);
    }
}

/// Where the server accepts connections.
pub(super) struct Door(TcpListener);

impl Door {
    /// Opens it, on the host of whoever asks.
    pub(super) async fn open() -> io::Result<Door> {
        TcpListener::bind(("0.0.0.0", PORT)).await.map(Door)
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        self.0.accept().await.map(|(stream, _)| stream)
    }
}

/// Connects to the server.
pub(super) async fn connect() -> io::Result<Stream> {
    TcpStream::connect((SERVER, PORT)).await
}
