//! Before a session: a connection that a load balancer passes on begins with a header that tells whose it is. Nothing
//! is said to anybody here, and nobody is let in: who the client is comes first, limits and policy come after.

use crate::config::Settings;
use crate::limits::PROXY_WAIT_MAX;
use crate::now::Instant;
use crate::peer::Peer;
use crate::wire::proxy::{self, Ends, Found, HEADER_OCTETS_MAX, ProxyFault};
use alloc::vec::Vec;

/// A connection that is expected to begin with a PROXY header.
#[derive(Debug)]
pub struct Arrival {
    peer: Peer,
    heard: Vec<u8>,
    deadline: Instant,
}

/// Whose connection it is, and what came behind the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The client and our own end, as the balancer sees them.
    pub peer: Peer,
    /// Octets that the client said already.
    pub heard: Vec<u8>,
}

impl Arrival {
    /// The arrival of a connection from one of the networks that must send a header (`proxy-from`); `None` for a client
    /// that comes by itself.
    pub fn expected(settings: &Settings, peer: &Peer, now: Instant) -> Option<Arrival> {
        let trusted = settings.manners.proxy_from.contain(peer.client.ip());
        trusted.then(|| Arrival { peer: peer.clone(), heard: Vec::new(), deadline: now + PROXY_WAIT_MAX })
    }

    /// How many octets to read at most; never 0.
    pub fn wants_bytes(&self) -> usize {
        HEADER_OCTETS_MAX - self.heard.len()
    }

    /// When the connection is to be closed.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Takes octets. `None` while the header is not whole; after anything else this value is of no more use. A header
    /// that is none means: close the connection, for nobody knows who would be told.
    pub fn hear(&mut self, octets: &[u8]) -> Option<Result<Arrived, ProxyFault>> {
        self.heard.extend_from_slice(octets);
        match proxy::find(&self.heard) {
            Found::Incomplete if self.heard.len() >= HEADER_OCTETS_MAX => Some(Err(ProxyFault::TooLong)),
            Found::Incomplete => None,
            Found::Broken(fault) => Some(Err(fault)),
            Found::Header { ends, used } => {
                let peer = match ends {
                    Ends::Told { client, local } => Peer::new(client, local),
                    Ends::Own => self.peer.clone(),
                };
                Some(Ok(Arrived { peer, heard: self.heard.split_off(used) }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::param;

    fn arrival(from: &str) -> Option<Arrival> {
        let mut settings = Settings::new("mx.example");
        param::apply(&mut settings, "proxy-from 192.0.2.0/24").expect("a parameter");
        let end = |text: &str| text.parse().expect("an address");
        Arrival::expected(&settings, &Peer::new(end(from), end("192.0.2.1:25")), Instant::ZERO)
    }

    #[test]
    fn who_is_not_trusted_is_a_client_like_others() {
        assert!(arrival("203.0.113.9:1000").is_none());
        assert!(arrival("[::ffff:192.0.2.9]:1000").is_some());
    }

    #[test]
    fn the_client_is_the_one_that_was_told() {
        let mut arrival = arrival("192.0.2.9:1000").expect("trusted");
        assert_eq!(arrival.deadline(), Instant::ZERO + PROXY_WAIT_MAX);
        assert_eq!(arrival.hear(b"PROXY TCP4 203.0.113.9 192.0.2.1 4000"), None);
        let arrived = arrival.hear(b" 587\r\nEHLO x\r\n").expect("whole").expect("fit");
        assert_eq!(arrived.peer.client, "203.0.113.9:4000".parse().expect("an address"));
        assert_eq!(arrived.peer.local.port(), 587);
        assert_eq!(arrived.heard, b"EHLO x\r\n");
    }

    #[test]
    fn a_balancer_that_speaks_for_itself_is_itself() {
        let mut arrival = arrival("192.0.2.9:1000").expect("trusted");
        let arrived = arrival.hear(b"PROXY UNKNOWN\r\n").expect("whole").expect("fit");
        assert_eq!(arrived.peer.client, "192.0.2.9:1000".parse().expect("an address"));
    }

    #[test]
    fn anything_else_is_refused() {
        let mut talker = arrival("192.0.2.9:1000").expect("trusted");
        assert_eq!(talker.hear(b"EHLO client.example\r\n"), Some(Err(ProxyFault::Foreign)));
        let mut endless = arrival("192.0.2.9:1000").expect("trusted");
        let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xf0"[..], &[0; 4080]].concat();
        let mut outcome = None;
        for octet in header {
            assert!(outcome.is_none() && endless.wants_bytes() > 0);
            outcome = endless.hear(&[octet]);
        }
        // The last octet that is taken ends it, one way or the other.
        assert!(outcome.is_some());
    }
}
