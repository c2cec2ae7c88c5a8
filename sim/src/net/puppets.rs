//! Clients without a will of their own: a script says from outside what they do, and asks what they heard. It knows
//! no SMTP.

use super::wire::{ClientEnd, Heard, Wires};
use crate::tls::Seal;
use smtpserver_conformance::lane::{End, Taken};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Where scripted clients come from; each has a port of its own.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const PORT_FIRST: u16 = 40_000;

/// All puppets of a world.
pub(crate) struct Puppets {
    wires: Arc<Wires>,
    inside: RefCell<Inside>,
}

#[derive(Default)]
struct Inside {
    connections: Vec<Strings>,
    /// Connections that were opened so far.
    opened: usize,
    waker: Option<Waker>,
}

/// What one puppet hangs on.
#[derive(Default)]
struct Strings {
    deeds: VecDeque<Deed>,
    heard: VecDeque<Taken>,
    closed: bool,
    seal: Option<Seal>,
    waker: Option<Waker>,
}

enum Deed {
    Say(Vec<u8>),
    StartTls,
    End(End),
}

impl Puppets {
    pub(crate) fn new(wires: Arc<Wires>) -> Rc<Puppets> {
        Rc::new(Puppets { wires, inside: RefCell::default() })
    }

    /// Opens one more connection and returns its number.
    pub(crate) fn connect(&self) -> usize {
        let mut inside = self.inside.borrow_mut();
        inside.connections.push(Strings::default());
        inside.waker.take().into_iter().for_each(Waker::wake);
        self.wires.stir();
        inside.connections.len() - 1
    }

    /// Says a segment.
    pub(crate) fn say(&self, connection: usize, segment: &[u8]) {
        self.order(connection, Deed::Say(segment.to_vec()));
    }

    /// Begins a handshake.
    pub(crate) fn start_tls(&self, connection: usize) {
        self.order(connection, Deed::StartTls);
    }

    /// Whether all that is said now is said within TLS.
    pub(crate) fn is_sealed(&self, connection: usize) -> bool {
        let inside = self.inside.borrow();
        inside.connections[connection].seal.as_ref().is_some_and(|seal| !seal.is_shaking())
    }

    /// Ends the connection.
    pub(crate) fn end(&self, connection: usize, how: End) {
        self.order(connection, Deed::End(how));
    }

    /// Whether there is something to take.
    pub(crate) fn has_news(&self, connection: usize) -> bool {
        let inside = self.inside.borrow();
        let strings = &inside.connections[connection];
        strings.closed || !strings.heard.is_empty()
    }

    /// What the server did next. Closed stays closed.
    pub(crate) fn take(&self, connection: usize) -> Taken {
        let mut inside = self.inside.borrow_mut();
        let strings = &mut inside.connections[connection];
        let nothing = if strings.closed { Taken::Closed } else { Taken::Nothing };
        strings.heard.pop_front().unwrap_or(nothing)
    }

    fn order(&self, connection: usize, deed: Deed) {
        let mut inside = self.inside.borrow_mut();
        let strings = &mut inside.connections[connection];
        strings.deeds.push_back(deed);
        strings.waker.take().into_iter().for_each(Waker::wake);
        self.wires.stir();
    }

    /// The clients' software.
    pub(crate) async fn play(self: Rc<Self>) {
        loop {
            let connection = poll_fn(|context| {
                let mut inside = self.inside.borrow_mut();
                if inside.opened < inside.connections.len() {
                    inside.opened += 1;
                    return Poll::Ready(inside.opened - 1);
                }
                inside.waker = Some(context.waker().clone());
                Poll::Pending
            })
            .await;
            tokio::task::spawn_local(self.clone().dance(connection));
        }
    }

    async fn dance(self: Rc<Self>, connection: usize) {
        let port = PORT_FIRST + u16::try_from(connection).expect("a script has few connections");
        let mut end = match ClientEnd::connect(self.wires.clone(), (SOURCE, port)).await {
            Ok(end) => end,
            Err(_) => {
                self.inside.borrow_mut().connections[connection].closed = true;
                return;
            }
        };
        let torn = poll_fn(|context| {
            let mut inside = self.inside.borrow_mut();
            let strings = &mut inside.connections[connection];
            loop {
                match strings.deeds.pop_front() {
                    Some(Deed::Say(segment)) => match &mut strings.seal {
                        None => end.say(segment),
                        Some(seal) => {
                            seal.say(&segment);
                            end.say(seal.leaves());
                        }
                    },
                    Some(Deed::StartTls) => {
                        let seal = strings.seal.insert(Seal::client());
                        end.say(seal.leaves());
                    }
                    Some(Deed::End(End::Half)) => {
                        if let Some(seal) = &mut strings.seal {
                            seal.end();
                            end.say(seal.leaves());
                        }
                        end.close_write();
                    }
                    Some(Deed::End(End::Full)) => return Poll::Ready(false),
                    Some(Deed::End(End::Reset)) => return Poll::Ready(true),
                    None => match end.poll(context) {
                        Poll::Ready(Heard::Octets(octets)) => match &mut strings.seal {
                            None => strings.heard.push_back(Taken::Wrote(octets)),
                            Some(seal) => {
                                let came = seal.came(&octets);
                                let out = seal.leaves();
                                if !out.is_empty() {
                                    end.say(out);
                                }
                                if !came.plain.is_empty() {
                                    strings.heard.push_back(Taken::Wrote(came.plain));
                                }
                            }
                        },
                        Poll::Ready(Heard::End | Heard::Reset) => strings.closed = true,
                        Poll::Pending => break,
                    },
                }
            }
            strings.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        if torn {
            end.reset();
        }
    }
}
