//! The lane to any server that listens somewhere. It cannot be asked for a world, so its replies are judged by code alone.

use std::net::{SocketAddr, ToSocketAddrs as _};

use super::sockets::Sockets;
use super::{Abilities, Clock, Lane, Refused, Stage, Trouble};
use crate::script::World;

/// A foreign server.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
}

impl Peer {
    /// A server at `host:port`.
    ///
    /// # Errors
    /// [`Trouble`] if the name has no address.
    pub fn new(at: &str) -> Result<Self, Trouble> {
        let found =
            at.to_socket_addrs().map_err(|error| Trouble(format!("{at}: {error} (write HOST:PORT)")))?;
        let address = found.into_iter().next().ok_or_else(|| Trouble(format!("{at} has no address")))?;
        Ok(Self { address })
    }
}

impl Lane for Peer {
    fn name(&self) -> &str {
        "peer"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            clock: Clock::Unjudged,
            writes: false,
            texts: false,
            spool: false,
            events: false,
            tls: false,
            helpers: Vec::new(),
        }
    }

    fn open(&mut self, world: &World) -> Result<Box<dyn Stage + '_>, Refused> {
        if world.base != "plain" {
            return Err(Refused::NotHere(format!("a foreign server is no world `{}`", world.base)));
        }
        if !world.policy.is_empty() || !world.zone.is_empty() {
            return Err(Refused::NotHere("a foreign server has a policy of its own".to_string()));
        }
        if let Some(setting) = world.settings.first() {
            return Err(Refused::NotHere(format!("a foreign server cannot be set to `{setting}`")));
        }
        Ok(Box::new(Sockets::new(self.address)))
    }
}
