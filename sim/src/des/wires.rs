//! Between the ends: parcels on their way, and the server's end of a connection as its system keeps it. It follows
//! `runtime/src/pipe.rs`: what the client does not take waits, for five minutes; a close lingers for a second.

use super::clients::usize_of;
use super::link::Parcel;
use super::parts::Stage;
use super::world::{Happening, World};
use crate::plan::{self, Cutting};
use crate::trace::{ConnectionId, What};
use bytes::Bytes;
use smtpserver_core::record::Ending;
use smtpserver_core::server;
use smtpserver_core::{Peer, Session};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// How long a client may leave our words untaken, in microseconds.
const UNTAKEN_MAX: u64 = 300_000_000;
/// On a way that joins segments, octets wait so long for others, in microseconds.
const JOINED_US: u64 = 50_000;
/// How long the last words and the rest of the client's may take, in microseconds.
const LINGER_MAX: u64 = 1_000_000;
const LAST_WORDS_MAX: u64 = 5_000_000;

impl World<'_> {
    /// Sends something from the client to the server.
    pub(super) fn send_up(&mut self, id: ConnectionId, parcel: Parcel) {
        let connection = &mut self.connections[usize_of(id)];
        let link = self.customers[connection.customer].link;
        let queue = &mut self.queue;
        let ending = connection.up.send(self.now, &link, &mut connection.dice, parcel, |at, parcel| {
            queue.put(at, Happening::AtServer(id, parcel));
        });
        self.cut(id, ending);
    }

    /// Sends something from the server to the client.
    pub(super) fn send_down(&mut self, id: ConnectionId, parcel: Parcel) {
        let connection = &mut self.connections[usize_of(id)];
        let link = self.customers[connection.customer].link;
        let queue = &mut self.queue;
        let ending = connection.down.send(self.now, &link, &mut connection.dice, parcel, |at, parcel| {
            queue.put(at, Happening::AtClient(id, parcel));
        });
        self.cut(id, ending);
    }

    fn cut(&mut self, id: ConnectionId, ending: Option<plan::Ending>) {
        match ending {
            // The lane that ended has fallen silent by itself.
            None | Some(plan::Ending::OneWay) => return,
            Some(plan::Ending::Reset) => {
                self.send_down(id, Parcel::Reset);
                self.send_up(id, Parcel::Reset);
            }
            Some(plan::Ending::End) => {
                self.send_down(id, Parcel::End);
                self.send_up(id, Parcel::End);
            }
            Some(plan::Ending::Silence) => {}
        }
        let connection = &mut self.connections[usize_of(id)];
        connection.up.silent = true;
        connection.down.silent = true;
    }

    /// A parcel has come to the server's end.
    pub(super) fn at_server(&mut self, id: ConnectionId, parcel: Parcel) {
        let connection = &mut self.connections[usize_of(id)];
        match connection.stage {
            Stage::Coming => {
                if parcel == Parcel::Open {
                    self.accept(id);
                }
            }
            Stage::Open => match parcel {
                Parcel::Octets(octets) => {
                    let joined = self.customers[connection.customer].link.cut == Cutting::Joined;
                    if connection.seal.is_some() {
                        self.unseal(id, &octets);
                    } else {
                        connection.arrived.push_back(octets);
                    }
                    if joined {
                        // What comes shortly afterwards is read with it.
                        self.put(self.now + JOINED_US, Happening::Readable(id));
                        return;
                    }
                }
                Parcel::End => {
                    connection.ended = true;
                    self.shaken_off(id);
                }
                Parcel::Reset => {
                    connection.arrived.clear();
                    connection.broken = true;
                    self.shaken_off(id);
                }
                Parcel::Open | Parcel::Refusal => {}
            },
            Stage::Parting => match parcel {
                Parcel::End | Parcel::Reset => self.release(id),
                Parcel::Octets(_) | Parcel::Open | Parcel::Refusal => {}
            },
            Stage::Over => {
                // The machine is there, the connection is not.
                if self.host.is_some() && matches!(parcel, Parcel::Octets(_)) {
                    self.send_down(id, Parcel::Reset);
                }
            }
        }
        self.ready.push_back(id);
    }

    fn accept(&mut self, id: ConnectionId) {
        let now = self.clock();
        let connection = &mut self.connections[usize_of(id)];
        let Some(host) = self.host.as_mut().filter(|host| !host.stopping) else {
            connection.stage = Stage::Over;
            self.note(What::Unheard(id));
            self.send_down(id, Parcel::Refusal);
            return;
        };
        let port = u16::try_from(1024 + id % 60_000).expect("below 61,024");
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 250)), 25);
        let peer = Arc::new(Peer::new(SocketAddr::new(connection.source, port), local));
        host.server.handle(now, server::Input::Connected(peer.clone()));
        let entry = host.server.poll().expect("a connection is judged at once");
        match entry {
            server::Output::Welcome(session) => {
                connection.stage = Stage::Open;
                connection.id = Some(session);
                let settings = host.server.settings().clone();
                connection.session = Some(Box::new(Session::new(settings, session, peer)));
                if self.plant == Some(super::Plant::UnreadChunk) {
                    connection.chunk_eater = Some(super::chunk_eater::ChunkEater::default());
                }
                host.by_session.insert(session, id);
                host.open += 1;
                self.begin_recording(id);
                self.note(What::Welcomed { connection: id, serial: session.serial });
                self.send_down(id, Parcel::Open);
                self.open_session(id);
            }
            server::Output::TurnAway(session, words, _) => {
                connection.stage = Stage::Open;
                connection.id = Some(session);
                host.open += 1;
                self.note(What::TurnedAway(id));
                self.send_down(id, Parcel::Open);
                // A client that begins with a handshake would not understand them.
                if !self.plan.sealed {
                    let words = Bytes::from(words);
                    self.note(What::Wrote(id, words.clone()));
                    self.write(id, &words);
                }
                self.part(id);
            }
            server::Output::Drop(_) => {
                connection.stage = Stage::Over;
                self.note(What::Dropped(id));
                self.send_down(id, Parcel::Open);
                self.send_down(id, Parcel::End);
            }
            server::Output::Answer(..)
            | server::Output::Look { .. }
            | server::Output::Helper(..)
            | server::Output::HelperNote(..)
            | server::Output::Reasoned(..)
            | server::Output::Check(..)
            | server::Output::Advise(..)
            | server::Output::Sync(_)
            | server::Output::Publish(..)
            | server::Output::Report(..)
            | server::Output::MeasureSpace => unreachable!("a connection was judged"),
        }
    }

    /// Writes octets, as many as the client's window takes; the rest waits.
    pub(super) fn write(&mut self, id: ConnectionId, octets: &Bytes) {
        let connection = &mut self.connections[usize_of(id)];
        if connection.broken {
            return;
        }
        if connection.waiting_since.is_some() {
            connection.unsent.extend(octets);
            return;
        }
        let room = self.room(id).min(octets.len());
        self.send_octets(id, octets.slice(..room));
        if room < octets.len() {
            let connection = &mut self.connections[usize_of(id)];
            connection.unsent.extend(&octets[room..]);
            connection.waiting_since = Some(self.now);
        }
    }

    /// Sends what waits, as far as there is room now.
    pub(super) fn flush(&mut self, id: ConnectionId) {
        let room = self.room(id);
        let connection = &mut self.connections[usize_of(id)];
        let window = usize::try_from(self.customers[connection.customer].link.window).expect("few octets");
        // A window that is hardly open is not used: octets would trickle for ever (RFC 1122 §4.2.3.4).
        if room < connection.unsent.len() && room < window / 2 {
            return;
        }
        let take = room.min(connection.unsent.len());
        let octets: Bytes = connection.unsent.drain(..take).collect();
        if connection.unsent.is_empty() {
            connection.waiting_since = None;
        }
        self.send_octets(id, octets);
        let connection = &self.connections[usize_of(id)];
        if connection.stage == Stage::Parting && take > 0 && connection.unsent.is_empty() {
            self.send_down(id, Parcel::End);
        }
    }

    fn room(&self, id: ConnectionId) -> usize {
        let connection = &self.connections[usize_of(id)];
        let window = self.customers[connection.customer].link.window;
        usize::try_from(window).expect("few octets").saturating_sub(connection.in_flight)
    }

    fn send_octets(&mut self, id: ConnectionId, octets: Bytes) {
        if !octets.is_empty() {
            self.connections[usize_of(id)].in_flight += octets.len();
            self.send_down(id, Parcel::Octets(octets));
        }
    }

    /// When the client will have had enough time to take what was sent.
    pub(super) fn pipe_deadline(&self, id: ConnectionId) -> Option<u64> {
        self.connections[usize_of(id)].waiting_since.map(|since| since + UNTAKEN_MAX)
    }

    /// The client is not to be reached any more.
    pub(super) fn give_up(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[usize_of(id)];
        connection.broken = true;
        connection.unsent.clear();
        connection.waiting_since = None;
    }

    /// Says the last words and closes, without waiting long for anything.
    pub(super) fn part(&mut self, id: ConnectionId) {
        self.end_recording(id, Ending::Closed);
        self.end_seal(id);
        let connection = &mut self.connections[usize_of(id)];
        connection.session = None;
        connection.stage = Stage::Parting;
        if connection.broken {
            self.release(id);
            return;
        }
        let all_said = connection.unsent.is_empty();
        let gone = connection.ended;
        let wait = if all_said { LINGER_MAX } else { LAST_WORDS_MAX + LINGER_MAX };
        if all_said {
            self.send_down(id, Parcel::End);
        }
        if gone && all_said {
            self.release(id);
        } else {
            self.put(self.now + wait, Happening::Lingered(id));
        }
    }
}
