//! A client, played: what happens at its end of a connection is told to the machine, and what the machine wants is
//! done. It knows no SMTP.

use super::trace::{Octets, Trace};
use super::wire::{ClientEnd, Heard, Wires};
use crate::clients::{Client, Deed, Happened};
use crate::tls::Seal;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How long a client waits for a connection. What it said to a host that is down is not said again.
const CONNECTING_MAX: Duration = Duration::from_secs(10);
/// The shortest wait: not even a client whose hour stands still can make the loop spin.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// Without an hour: longer than any world.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// A client's ports count from here.
const PORT_FIRST: u16 = 1024;

/// A client that others look at, too.
pub(super) type Role = Rc<RefCell<Box<dyn Client>>>;

type Connecting = Pin<Box<dyn Future<Output = io::Result<ClientEnd>>>>;

/// What a client has in hand.
struct Actor {
    name: String,
    wires: Arc<Wires>,
    trace: Arc<Trace>,
    connecting: Option<Connecting>,
    end: Option<ClientEnd>,
    /// Each connection begins with a handshake.
    sealed: bool,
    seal: Option<Seal>,
    port: u16,
}

enum News {
    Connected,
    Refused,
    Heard(Heard),
    Woke,
}

/// Plays a client until it is done.
pub(super) async fn play(role: Role, number: usize, sealed: bool, wires: Arc<Wires>, trace: Arc<Trace>) {
    let name = format!("client {number}");
    let mut actor =
        Actor { name, wires, trace, connecting: None, end: None, sealed, seal: None, port: PORT_FIRST };
    loop {
        let wake = role.borrow().wake();
        let mut news = actor.wait(wake).await;
        if let News::Heard(Heard::Octets(octets)) = &mut news {
            *octets = actor.unseal(std::mem::take(octets));
            if octets.is_empty() {
                continue;
            }
        }
        let happened = match &news {
            News::Connected => Happened::Connected,
            News::Refused => Happened::Refused,
            News::Heard(Heard::Octets(octets)) => Happened::Heard(octets),
            News::Heard(Heard::End) => Happened::HeardEnd,
            News::Heard(Heard::Reset) => Happened::Reset,
            News::Woke => Happened::Woke,
        };
        let deeds = role.borrow_mut().on(actor.trace.now(), happened);
        for deed in deeds {
            if deed == Deed::Done {
                actor.trace.note(&actor.name, format_args!("done"));
                return;
            }
            actor.act(deed);
        }
        if actor.end.as_ref().is_some_and(ClientEnd::is_over) {
            actor.end = None;
        }
    }
}

impl Actor {
    async fn wait(&mut self, wake: Option<Duration>) -> News {
        let now = self.trace.now();
        let wait = wake.map_or(WAIT_MAX, |wake| wake.saturating_sub(now)).max(WAIT_MIN);
        let mut timer = pin!(tokio::time::sleep(wait));
        let news = poll_fn(|context| {
            if let Some(connecting) = &mut self.connecting
                && let Poll::Ready(connected) = connecting.as_mut().poll(context)
            {
                self.connecting = None;
                return Poll::Ready(match connected {
                    Ok(end) => {
                        self.end = Some(end);
                        self.seal = self.sealed.then(Seal::client);
                        self.send_sealed();
                        News::Connected
                    }
                    Err(_) => News::Refused,
                });
            }
            if let Some(end) = &mut self.end
                && let Poll::Ready(heard) = end.poll(context)
            {
                return Poll::Ready(News::Heard(heard));
            }
            timer.as_mut().poll(context).map(|()| News::Woke)
        })
        .await;
        match &news {
            News::Connected => self.trace.note(&self.name, format_args!("connected")),
            News::Refused => self.trace.note(&self.name, format_args!("cannot connect")),
            News::Heard(Heard::Octets(octets)) => {
                self.trace.note(&self.name, format_args!("heard {}", Octets(octets)));
            }
            News::Heard(Heard::End) => self.trace.note(&self.name, format_args!("heard the end")),
            News::Heard(Heard::Reset) => {
                self.trace.note(&self.name, format_args!("was cut off"));
                self.end = None;
            }
            News::Woke => {}
        }
        news
    }

    fn act(&mut self, deed: Deed) {
        match &deed {
            Deed::Say(octets) => {
                self.trace.note(&self.name, format_args!("says {}", Octets(octets)));
            }
            Deed::Connect { .. }
            | Deed::StopReading
            | Deed::StartReading
            | Deed::CloseWrite
            | Deed::Reset
            | Deed::Done => self.trace.note(&self.name, format_args!("{deed:?}")),
        }
        match deed {
            Deed::Connect { source } => {
                self.end = None;
                self.connect(source);
            }
            Deed::Say(octets) => match &mut self.seal {
                None => self.on_end(|end| end.say(octets)),
                Some(seal) => {
                    seal.say(&octets);
                    self.send_sealed();
                }
            },
            Deed::StopReading => self.on_end(|end| end.read(false)),
            Deed::StartReading => self.on_end(|end| end.read(true)),
            Deed::CloseWrite => {
                if let Some(seal) = &mut self.seal {
                    seal.end();
                    self.send_sealed();
                }
                self.on_end(ClientEnd::close_write);
            }
            Deed::Reset => {
                self.connecting = None;
                if let Some(end) = self.end.take() {
                    end.reset();
                }
            }
            Deed::Done => {}
        }
    }

    /// What the client's TLS has for the wire.
    fn send_sealed(&mut self) {
        let octets = self.seal.as_mut().map(Seal::leaves).unwrap_or_default();
        if !octets.is_empty() {
            self.on_end(|end| end.say(octets));
        }
    }

    /// What octets of the wire say.
    fn unseal(&mut self, octets: Vec<u8>) -> Vec<u8> {
        let Some(seal) = &mut self.seal else { return octets };
        let came = seal.came(&octets);
        self.send_sealed();
        came.plain
    }

    fn connect(&mut self, source: IpAddr) {
        self.port = self.port.checked_add(1).unwrap_or(PORT_FIRST);
        let connecting = ClientEnd::connect(self.wires.clone(), (source, self.port));
        self.connecting = Some(Box::pin(async move {
            tokio::time::timeout(CONNECTING_MAX, connecting).await.map_err(io::Error::from).flatten()
        }));
    }

    fn on_end(&mut self, change: impl FnOnce(&mut ClientEnd)) {
        if let Some(end) = &mut self.end {
            change(end);
        }
    }
}
