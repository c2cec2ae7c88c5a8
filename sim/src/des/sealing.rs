//! TLS at the server's end of a connection, as `runtime/src/tls/wire.rs` has it: from the moment at which a session asks for
//! it nothing is read or written in clear text any more.

use super::clients::usize_of;
use super::world::World;
use crate::tls::{self, Seal};
use crate::trace::{ConnectionId, News};
use bytes::Bytes;
use smtpserver_core::Input;
use smtpserver_core::tls::{HandshakeFault, Opening};
use std::sync::Arc;

impl World<'_> {
    /// A session wants to go on within TLS.
    pub(super) fn secure(&mut self, id: ConnectionId, opening: Opening) {
        let connection = &mut self.connections[usize_of(id)];
        let mut came: Vec<u8> = match opening {
            Opening::First(octets) => octets,
            Opening::Asked => Vec::new(),
        };
        for octets in connection.arrived.drain(..) {
            came.extend_from_slice(&octets);
        }
        connection.seal = Some(Seal::server());
        if connection.ended || connection.broken {
            return self.shaken_off(id);
        }
        self.unseal(id, &came);
    }

    /// Octets came for TLS.
    pub(super) fn unseal(&mut self, id: ConnectionId, octets: &[u8]) {
        let connection = &mut self.connections[usize_of(id)];
        let Some(seal) = &mut connection.seal else { return };
        let shaking = seal.is_shaking();
        let came = seal.came(octets);
        let out = seal.leaves();
        let done = shaking && !seal.is_shaking();
        if !came.plain.is_empty() {
            connection.arrived.push_back(Bytes::from(came.plain));
        }
        connection.ended |= came.ended;
        connection.broken |= came.broken && !shaking;
        self.write(id, &Bytes::from(out));
        if done {
            self.tell(id, self.clock(), Input::Secured(Arc::new(tls::facts())), News::Secured);
        } else if shaking && came.broken {
            self.tell(id, self.clock(), Input::Unsecured(HandshakeFault::Garbled), News::Unsecured);
        }
    }

    /// The client has ended the connection: if it was in the middle of a handshake, that has failed.
    pub(super) fn shaken_off(&mut self, id: ConnectionId) {
        let connection = &self.connections[usize_of(id)];
        if connection.session.is_some() && connection.seal.as_ref().is_some_and(Seal::is_shaking) {
            self.tell(id, self.clock(), Input::Unsecured(HandshakeFault::Gone), News::Unsecured);
        }
    }

    /// Writes what a session said.
    pub(super) fn write_sealed(&mut self, id: ConnectionId, octets: &Bytes) {
        match &mut self.connections[usize_of(id)].seal {
            None => self.write(id, octets),
            Some(seal) => {
                seal.say(octets);
                let out = Bytes::from(seal.leaves());
                self.write(id, &out);
            }
        }
    }

    /// Nothing more will be said within TLS.
    pub(super) fn end_seal(&mut self, id: ConnectionId) {
        if let Some(seal) = &mut self.connections[usize_of(id)].seal
            && !seal.is_shaking()
        {
            seal.end();
            let out = Bytes::from(seal.leaves());
            self.write(id, &out);
        }
    }
}
