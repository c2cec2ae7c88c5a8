//! What an idle connection costs: many are opened, greeted and introduced, and then say nothing.

use super::load::dial;
use super::subject::{self, Memory};
use super::wire::{Replies, Script, Step};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// So many may be under way at once: fewer than any sensible backlog.
const AT_ONCE: usize = 64;
/// Opening them all may take this long.
const LIMIT: Duration = Duration::from_secs(60);
/// How long the server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(700);

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    pub(super) asked: usize,
    /// So many got through EHLO.
    pub(super) greeted: usize,
    pub(super) before: Memory,
    pub(super) after: Memory,
}

impl Idle {
    /// KiB for each connection: resident, and proportional.
    pub(super) fn per_connection(&self) -> (f64, f64) {
        let each = |from: u64, to: u64| {
            let grown = u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX);
            f64::from(grown) / f64::from(u32::try_from(self.greeted.max(1)).unwrap_or(u32::MAX))
        };
        (each(self.before.rss_kib, self.after.rss_kib), each(self.before.pss_kib, self.after.pss_kib))
    }
}

/// Opens that many and reads the memory before and after.
pub(super) fn measure(
    address: SocketAddr,
    pid: u32,
    connections: usize,
    script: &Script,
) -> Result<Idle, String> {
    let before = subject::memory(pid);
    let crowd = gather(address, connections, script)?;
    std::thread::sleep(SETTLE);
    let after = subject::memory(pid);
    Ok(Idle { asked: connections, greeted: crowd.len(), before, after })
}

/// Those that got through EHLO within the limit.
fn gather(address: SocketAddr, wanted: usize, script: &Script) -> Result<Vec<TcpStream>, String> {
    let text = |err: std::io::Error| err.to_string();
    let mut poll = Poll::new().map_err(text)?;
    let mut events = Events::with_capacity(AT_ONCE * 2);
    let mut coming: Vec<Option<(TcpStream, Replies, Step)>> = (0..AT_ONCE).map(|_| None).collect();
    let mut ready = Vec::with_capacity(wanted);
    let (mut opened, mut lost) = (0, 0);
    let end = Instant::now() + LIMIT;
    while ready.len() + lost < wanted && Instant::now() < end {
        for (slot, place) in coming.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
            if opened == wanted {
                break;
            }
            let mut stream = dial(address, opened)?;
            opened += 1;
            poll.registry().register(&mut stream, Token(slot), Interest::READABLE).map_err(text)?;
            *place = Some((stream, Replies::default(), Step::Greeting));
        }
        match poll.poll(&mut events, Some(Duration::from_millis(500))) {
            Ok(()) => {}
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(err) => return Err(err.to_string()),
        }
        for event in &events {
            let place = &mut coming[event.token().0];
            let Some(connection) = place else { continue };
            match advance(connection, script) {
                Some(Step::Mail) => ready.extend(place.take().map(|(stream, ..)| stream)),
                Some(_) => {}
                None => {
                    lost += 1;
                    *place = None;
                }
            }
        }
    }
    Ok(ready)
}

/// Hears what came and goes on; `None`: this one was turned away. MAIL is not said: there it stops.
fn advance((stream, replies, step): &mut (TcpStream, Replies, Step), script: &Script) -> Option<Step> {
    let mut buffer = [0; 4096];
    let got = match stream.read(&mut buffer) {
        Ok(0) => return None,
        Ok(got) => got,
        Err(err) if err.kind() == ErrorKind::WouldBlock => return Some(*step),
        Err(_) => return None,
    };
    for heard in replies.hear(&buffer[..got]) {
        if heard.code != step.wanted() {
            return None;
        }
        *step = step.next(true);
        if *step == Step::Hello {
            stream.write_all(script.says(*step)).ok()?;
        }
    }
    Some(*step)
}
