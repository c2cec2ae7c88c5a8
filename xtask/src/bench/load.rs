//! The load generator: one thread, one epoll, no allocation per message.
//!
//! It speaks in lock step, as a careful client does, and knows nothing of the server but its replies. Everything is
//! bounded in time; only loopback is ever called.

use super::wire::{Heard, Replies, Script, Step};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// So many source addresses are used, so that neither limits per source nor the ports of one run out.
const SOURCES: usize = 64;
/// So many failures end a run: something is wrong, and hurrying on would measure nothing.
const FAILURES_MAX: u64 = 1000;

/// One run.
pub(super) struct Load<'a> {
    /// Where to.
    pub(super) address: SocketAddr,
    /// How many at once.
    pub(super) connections: usize,
    /// Many messages on a connection, or one.
    pub(super) reuse: bool,
    /// What is said, with the message.
    pub(super) script: &'a Script,
    /// Not counted.
    pub(super) warm_up: Duration,
    /// Counted.
    pub(super) window: Duration,
    /// The processor time that the server has used so far, in microseconds.
    pub(super) server_cpu: &'a dyn Fn() -> Option<u64>,
}

/// What one run measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Messages that were accepted within the window, per second.
    pub(super) per_second: f64,
    /// From the end of the data to its reply, in microseconds.
    pub(super) p50_us: f64,
    /// The same, exceeded by one message in a hundred.
    pub(super) p99_us: f64,
    /// Processor time of the server, in microseconds per message.
    pub(super) cpu_us: Option<f64>,
    /// Processor time of this generator, in microseconds per message.
    pub(super) own_cpu_us: f64,
    /// Messages or connections that did not end well.
    pub(super) failed: u64,
    /// The first thing that went wrong.
    pub(super) trouble: String,
}

struct Connection {
    stream: TcpStream,
    replies: Replies,
    step: Step,
    /// How much of what `step` says is still to be written: from here to its end.
    written: usize,
    /// When the last octet of the data was handed over.
    data_ended: Instant,
}

struct Run<'a> {
    load: &'a Load<'a>,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    opened: usize,
    latencies: Vec<u32>,
    counting: bool,
    failed: u64,
    trouble: String,
}

impl Load<'_> {
    /// Runs it to its end.
    pub(super) fn run(&self) -> Result<Sample, String> {
        let text = |err: std::io::Error| err.to_string();
        let mut run = Run {
            load: self,
            poll: Poll::new().map_err(text)?,
            connections: Vec::new(),
            buffer: vec![0; 64 * 1024],
            opened: 0,
            latencies: Vec::with_capacity(1 << 20),
            counting: false,
            failed: 0,
            trouble: String::new(),
        };
        for slot in 0..self.connections {
            run.connections.push(None);
            run.open(slot)?;
        }
        run.turn(self.warm_up)?;
        run.counting = true;
        let (cpu, own) = ((self.server_cpu)(), own_cpu());
        let begun = Instant::now();
        run.turn(self.window)?;
        let took = begun.elapsed();
        let (cpu_after, own_after) = ((self.server_cpu)(), own_cpu());
        Ok(run.sample(took, cpu.zip(cpu_after).map(|(from, to)| to.saturating_sub(from)), own_after - own))
    }
}

impl Run<'_> {
    /// Serves events for this long.
    fn turn(&mut self, period: Duration) -> Result<(), String> {
        let end = Instant::now() + period;
        let mut events = Events::with_capacity(1024);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.poll.poll(&mut events, Some(left)) {
                Ok(()) => {}
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                Err(err) => return Err(err.to_string()),
            }
            for event in &events {
                let slot = event.token().0;
                if let Err(why) = self.serve(slot) {
                    self.failed += 1;
                    if self.trouble.is_empty() {
                        self.trouble = why;
                    }
                    if self.failed > FAILURES_MAX {
                        return Err(format!("{} failures, the first: {}", self.failed, self.trouble));
                    }
                    self.open(slot)?;
                }
            }
        }
    }

    /// A fresh connection in this slot; the old one, if any, is dropped.
    fn open(&mut self, slot: usize) -> Result<(), String> {
        let mut stream = dial(self.load.address, self.opened)?;
        self.opened += 1;
        self.poll
            .registry()
            .register(&mut stream, Token(slot), Interest::READABLE | Interest::WRITABLE)
            .map_err(|err| err.to_string())?;
        self.connections[slot] = Some(Connection {
            stream,
            replies: Replies::default(),
            step: Step::Greeting,
            written: 0,
            data_ended: Instant::now(),
        });
        Ok(())
    }

    /// Something happened to this connection: write what is left, hear what came, answer.
    fn serve(&mut self, slot: usize) -> Result<(), String> {
        let Some(connection) = &mut self.connections[slot] else { return Ok(()) };
        // Events come once for each change: whatever can be done must be done now.
        connection.write(self.load.script)?;
        loop {
            let got = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err(format!("the server closed in {:?}", connection.step)),
                Ok(got) => got,
                Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(err) => return Err(format!("{:?}: {err}", connection.step)),
            };
            for heard in connection.replies.hear(&self.buffer[..got]) {
                let Heard { code, line } = heard;
                if code != connection.step.wanted() {
                    return Err(format!("{:?}: {line}", connection.step));
                }
                if connection.step == Step::Body && self.counting {
                    let took = connection.data_ended.elapsed().as_micros();
                    self.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
                }
                if connection.step == Step::Quit {
                    return self.open(slot);
                }
                connection.step = connection.step.next(self.load.reuse);
                connection.written = 0;
                connection.write(self.load.script)?;
            }
            // A short read means that there is no more; asking again would cost a call for each reply.
            if got < self.buffer.len() {
                break;
            }
        }
        Ok(())
    }

    fn sample(mut self, took: Duration, cpu: Option<u64>, own: u64) -> Sample {
        self.latencies.sort_unstable();
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        let per_message = |micros: u64| micros_f64(micros) / f64::from(count.max(1));
        Sample {
            per_second: f64::from(count) / took.as_secs_f64(),
            p50_us: quantile(&self.latencies, 50),
            p99_us: quantile(&self.latencies, 99),
            cpu_us: cpu.map(per_message),
            own_cpu_us: per_message(own),
            failed: self.failed,
            trouble: self.trouble,
        }
    }
}

impl Connection {
    fn write(&mut self, script: &Script) -> Result<(), String> {
        let all = script.says(self.step);
        while self.written < all.len() {
            if self.step == Step::Body {
                // Before the call: on loopback the answer may be there when it returns.
                self.data_ended = Instant::now();
            }
            match self.stream.write(&all[self.written..]) {
                Ok(sent) => self.written += sent,
                Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(());
                }
                Err(err) => return Err(format!("{:?}: {err}", self.step)),
            }
        }
        Ok(())
    }
}

/// A connection that is under way, from the nth of our addresses.
pub(super) fn dial(to: SocketAddr, nth: usize) -> Result<TcpStream, String> {
    let text = |err: std::io::Error| format!("connecting to {to}: {err}");
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).map_err(text)?;
    socket.set_nonblocking(true).map_err(text)?;
    socket.set_tcp_nodelay(true).map_err(text)?;
    if to.is_ipv4() {
        let last = u8::try_from(1 + nth % SOURCES).expect("SOURCES is below 255");
        let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0);
        socket.set_reuse_address(true).map_err(text)?;
        socket.bind(&from.into()).map_err(text)?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(err) if err.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
        Err(err) => return Err(text(err)),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// The value below which this many percent lie.
fn quantile(sorted: &[u32], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().map_or(0.0, f64::from)
}

/// Processor time of this process, in microseconds.
fn own_cpu() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    u64::try_from(micros).unwrap_or(0)
}

/// As a number to divide; a run never lasts so long that a digit is lost.
fn micros_f64(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!((quantile(&sorted, 50), quantile(&sorted, 99)), (51.0, 100.0));
        assert_eq!(quantile(&[], 99), 0.0);
        assert_eq!(quantile(&[7], 99), 7.0);
    }
}
