//! What the wire carries of a handshake, for the log of a person who looks for a fault (`tls-loglevel` 3 and 4). What is
//! shown is what anybody between us and the client can see.

use std::fmt::Write;

/// Octets of one direction that are shown at a time.
const SHOWN_MAX: usize = 4_096;

/// Listens at one connection.
#[derive(Debug)]
pub(super) struct Tap {
    who: String,
    /// Also after the handshake: then sizes only.
    to_the_end: bool,
    shaking: bool,
}

impl Tap {
    /// A tap for this level, if the level wants one.
    pub(super) fn at(level: u8, who: String) -> Option<Box<Tap>> {
        (level >= 3).then(|| Box::new(Tap { who, to_the_end: level >= 4, shaking: true }))
    }

    /// The handshake is over.
    pub(super) fn shaken(&mut self) {
        self.shaking = false;
    }

    pub(super) fn came(&self, octets: &[u8]) {
        self.tell("from", octets);
    }

    pub(super) fn left(&self, octets: &[u8]) {
        self.tell("to", octets);
    }

    fn tell(&self, direction: &str, octets: &[u8]) {
        let Tap { who, .. } = self;
        if self.shaking && !octets.is_empty() {
            tracing::info!("TLS: {} octets {direction} {who}: {}", octets.len(), hex(octets));
        } else if self.to_the_end && !octets.is_empty() {
            tracing::info!("TLS: {} octets {direction} {who}", octets.len());
        }
    }
}

fn hex(octets: &[u8]) -> String {
    let mut out = String::new();
    for octet in octets.iter().take(SHOWN_MAX) {
        write!(out, "{octet:02x}").expect("writing to memory");
    }
    if octets.len() > SHOWN_MAX {
        out.push_str("...");
    }
    out
}
