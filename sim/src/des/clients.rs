//! The clients' ends: what happens to a client is brought to it, what it does is carried out.

use super::link::Parcel;
use super::parts::{Connection, Stage};
use super::world::{Happening, World};
use crate::clients::{Deed, Happened};
use crate::dice::{Dice, Purpose};
use crate::plan::Side;
use crate::tls::Seal;
use crate::trace::{ConnectionId, What};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

impl World<'_> {
    /// Puts the client's next hour into the queue.
    pub(super) fn set_alarm(&mut self, index: usize) {
        let customer = &self.customers[index];
        let Some(wake) = customer.machine.wake() else { return };
        let at = u64::try_from(wake.as_micros()).unwrap_or(u64::MAX / 2).max(customer.start).max(self.now);
        if customer.wakes.is_none_or(|wakes| at < wakes) {
            self.customers[index].wakes = Some(at);
            self.put(at, Happening::Wake(index));
        }
    }

    pub(super) fn wake(&mut self, index: usize) {
        // An hour that was moved leaves its old event behind: it rings early, and the alarm is set anew.
        if self.customers[index].wakes != Some(self.now) {
            return;
        }
        self.customers[index].wakes = None;
        let hour = self.customers[index].machine.wake();
        if hour.is_some_and(|hour| hour <= Duration::from_micros(self.now)) {
            self.bring(index, Happened::Woke);
        } else {
            self.set_alarm(index);
        }
    }

    /// Brings something to a client and does what it wants; then what waited for it to read, if it reads now.
    pub(super) fn bring(&mut self, index: usize, happened: Happened<'_>) {
        self.bring_one(index, happened);
        while let Some(id) = self.customers[index].connection
            && self.connections[usize_of(id)].client_reads
            && let Some(parcel) = self.connections[usize_of(id)].held.pop_front()
        {
            self.take_parcel(index, id, parcel);
        }
    }

    fn bring_one(&mut self, index: usize, happened: Happened<'_>) {
        let now = Duration::from_micros(self.now);
        let deeds = self.customers[index].machine.on(now, happened);
        for deed in deeds {
            self.do_deed(index, deed);
        }
        self.set_alarm(index);
    }

    fn do_deed(&mut self, index: usize, deed: Deed) {
        if let Deed::Connect { source } = deed {
            self.hang_up(index);
            self.connect(index, source);
            return;
        }
        let Some(id) = self.customers[index].connection else { return };
        let connection = &mut self.connections[usize_of(id)];
        match deed {
            Deed::Connect { .. } => unreachable!("done above"),
            Deed::Say(octets) => {
                if connection.client_writes {
                    let octets = Bytes::from(octets);
                    self.note(What::Said(id, octets.clone()));
                    match &mut self.connections[usize_of(id)].client_seal {
                        None => self.send_up(id, Parcel::Octets(octets)),
                        Some(seal) => {
                            seal.say(&octets);
                            self.send_sealed(id);
                        }
                    }
                }
            }
            Deed::StopReading => connection.client_reads = false,
            Deed::StartReading => connection.client_reads = true,
            Deed::CloseWrite => {
                if std::mem::take(&mut connection.client_writes) {
                    if let Some(seal) = &mut connection.client_seal {
                        seal.end();
                        self.send_sealed(id);
                    }
                    self.send_up(id, Parcel::End);
                }
            }
            Deed::Reset => {
                connection.client_writes = false;
                connection.client_gone = true;
                self.customers[index].connection = None;
                self.send_up(id, Parcel::Reset);
            }
            Deed::Done => self.hang_up(index),
        }
    }

    /// What the client's TLS has for the wire.
    fn send_sealed(&mut self, id: ConnectionId) {
        let Some(seal) = &mut self.connections[usize_of(id)].client_seal else { return };
        let octets = seal.leaves();
        if !octets.is_empty() {
            self.send_up(id, Parcel::Octets(Bytes::from(octets)));
        }
    }

    /// The client has nothing to do with its connection any more.
    fn hang_up(&mut self, index: usize) {
        let Some(id) = self.customers[index].connection.take() else { return };
        let connection = &mut self.connections[usize_of(id)];
        connection.client_gone = true;
        // A process that ends with octets unread breaks its connection, one that has read all of them ends it.
        let unread = !connection.held.is_empty();
        let writes = std::mem::take(&mut connection.client_writes);
        if unread {
            self.send_up(id, Parcel::Reset);
        } else if writes {
            self.send_up(id, Parcel::End);
        }
    }

    fn connect(&mut self, index: usize, source: std::net::IpAddr) {
        let id = ConnectionId::try_from(self.connections.len()).expect("fewer connections than that");
        let customer = &self.customers[index];
        let number = (u64::from(customer.id) << 24) | u64::from(customer.connections);
        let connection = Connection {
            customer: index,
            source,
            up: self.lane(index, Side::Up),
            down: self.lane(index, Side::Down),
            dice: Dice::new(self.plan.seed, Purpose::Link, number),
            client_writes: true,
            client_reads: true,
            client_gone: false,
            client_seal: self.plan.sealed.then(Seal::client),
            held: VecDeque::new(),
            in_flight: 0,
            stage: Stage::Coming,
            id: None,
            session: None,
            tape: None,
            arrived: VecDeque::new(),
            ended: false,
            broken: false,
            told_gone: false,
            seal: None,
            unsent: VecDeque::new(),
            waiting_since: None,
            due: None,
            letters: VecDeque::new(),
            asked: None,
            draft: None,
            current: None,
            committed: None,
            chunk_eater: None,
        };
        self.connections.push(connection);
        let customer = &mut self.customers[index];
        customer.connection = Some(id);
        customer.connections += 1;
        let client = customer.id;
        self.note(What::Connects { client, connection: id, source });
        self.send_up(id, Parcel::Open);
    }

    /// A parcel has come to the client's end.
    pub(super) fn at_client(&mut self, id: ConnectionId, parcel: Parcel) {
        let connection = &mut self.connections[usize_of(id)];
        if connection.client_gone {
            // Octets for a process that is gone are answered with a reset.
            if let Parcel::Octets(_) = parcel {
                self.send_up(id, Parcel::Reset);
            }
            return;
        }
        let index = connection.customer;
        match parcel {
            Parcel::Open => {
                // The hello leaves at once.
                self.send_sealed(id);
                self.bring(index, Happened::Connected);
            }
            Parcel::Octets(_) | Parcel::End if !connection.client_reads => connection.held.push_back(parcel),
            Parcel::Octets(_) | Parcel::End => {
                self.take_parcel(index, id, parcel);
            }
            Parcel::Refusal | Parcel::Reset => {
                self.forget(index, id);
                let refused = parcel == Parcel::Refusal;
                self.bring(index, if refused { Happened::Refused } else { Happened::Reset });
            }
        }
    }

    /// The client reads octets, or that there will be no more.
    fn take_parcel(&mut self, index: usize, id: ConnectionId, parcel: Parcel) {
        if let Parcel::Octets(octets) = parcel {
            let connection = &mut self.connections[usize_of(id)];
            connection.in_flight = connection.in_flight.saturating_sub(octets.len());
            if connection.waiting_since.is_some() {
                self.put(self.now, Happening::Writable(id));
            }
            let octets = match &mut self.connections[usize_of(id)].client_seal {
                None => octets,
                Some(seal) => {
                    let came = seal.came(&octets);
                    self.send_sealed(id);
                    Bytes::from(came.plain)
                }
            };
            if !octets.is_empty() {
                self.note(What::Heard(id, octets.clone()));
                self.bring_one(index, Happened::Heard(&octets));
            }
        } else {
            self.bring_one(index, Happened::HeardEnd);
            if !self.connections[usize_of(id)].client_writes {
                self.forget(index, id);
            }
        }
    }

    /// Both sides have ended, or the connection broke: it is not the client's any more.
    fn forget(&mut self, index: usize, id: ConnectionId) {
        let connection = &mut self.connections[usize_of(id)];
        connection.client_gone = true;
        connection.client_writes = false;
        connection.held.clear();
        if self.customers[index].connection == Some(id) {
            self.customers[index].connection = None;
        }
    }
}

/// A connection's place in the list.
pub(super) fn usize_of(id: ConnectionId) -> usize {
    usize::try_from(id).expect("the list holds it")
}
