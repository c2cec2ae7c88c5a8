//! TLS that is the same each time: both ends of it, without sockets, with all chance drawn from a seed. What of TLS is
//! chance is the random numbers of its hellos and the keys of its key exchange; the signature of our key is none (Ed25519),
//! and the time stands still.

use crate::dice::{Dice, Purpose};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup,
    aws_lc_rs,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, NamedGroup, ServerConfig, ServerConnection,
    SignatureScheme,
};
use smtpserver_conformance::lane::Trusting;
use smtpserver_core::tls::{TlsFacts, TlsVersion};
use std::cell::RefCell;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Whose certificate it is.
const NAME: &str = "mx.local.example";
/// A certificate that nobody has signed but itself, good for a hundred years, and its key: worth nothing.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
const KEY: &[u8] = include_bytes!("key.der");
/// What time it is in every world of TLS, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

thread_local! {
    /// The chance of the world that runs in this thread.
    static CHANCE: RefCell<Dice> = RefCell::new(Dice::new(0, Purpose::Tls, 0));
}

/// From here on all chance in this thread's TLS is that of a seed.
pub fn seed(seed: u64) {
    CHANCE.set(Dice::new(seed, Purpose::Tls, 0));
}

fn fill(octets: &mut [u8]) {
    CHANCE.with_borrow_mut(|chance| {
        for octet in octets {
            *octet = u8::try_from(chance.below(256)).expect("an octet");
        }
    });
}

#[derive(Debug)]
struct Chance;

impl SecureRandom for Chance {
    fn fill(&self, octets: &mut [u8]) -> Result<(), GetRandomFailed> {
        fill(octets);
        Ok(())
    }
}

#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut secret = [0; 32];
        fill(&mut secret);
        let public = x25519_dalek::x25519(secret, x25519_dalek::X25519_BASEPOINT_BYTES);
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Exchange {
    secret: [u8; 32],
    public: [u8; 32],
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, theirs: &[u8]) -> Result<SharedSecret, Error> {
        let theirs: [u8; 32] = theirs.try_into().map_err(|_| Error::General("no key of X25519".into()))?;
        Ok(SharedSecret::from(&x25519_dalek::x25519(self.secret, theirs)[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

#[derive(Debug)]
struct StandingStill;

impl TimeProvider for StandingStill {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    let usual = aws_lc_rs::default_provider();
    Arc::new(CryptoProvider { secure_random: &Chance, kx_groups: vec![&X25519], ..usual })
}

static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(StandingStill))
        .with_protocol_versions(&[&TLS13])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .expect("a certificate and its key");
    config.send_tls13_tickets = 0;
    Arc::new(config)
});

static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(StandingStill))
        .with_protocol_versions(&[&TLS13])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(vec![SignatureScheme::ED25519])))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
});

/// The server's settings.
pub fn server_config() -> Arc<ServerConfig> {
    SERVER.clone()
}

/// One end of TLS.
pub struct Seal(Connection);

/// What octets of the wire were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// What the other end said.
    pub plain: Vec<u8>,
    /// The other end will say nothing more, and has said so.
    pub ended: bool,
    /// It was no TLS, or broke its rules.
    pub broken: bool,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_handshaking() { "Seal(shaking)" } else { "Seal(done)" })
    }
}

impl Seal {
    /// A client's end; its hello waits to leave.
    pub fn client() -> Seal {
        let name = ServerName::try_from(NAME).expect("a name");
        Seal(Connection::Client(ClientConnection::new(CLIENT.clone(), name).expect("a client")))
    }

    /// The server's.
    pub fn server() -> Seal {
        Seal(Connection::Server(ServerConnection::new(SERVER.clone()).expect("a server")))
    }

    /// Whether the handshake is under way.
    pub fn is_shaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Octets came by the wire.
    pub fn came(&mut self, mut octets: &[u8]) -> Came {
        let mut came = Came::default();
        while !octets.is_empty() && !came.broken && !came.ended {
            let read = self.0.read_tls(&mut octets).unwrap_or(0);
            came.broken = read == 0 || self.0.process_new_packets().is_err();
            self.read(&mut came);
        }
        came
    }

    fn read(&mut self, came: &mut Came) {
        let mut piece = [0; 4096];
        loop {
            match self.0.reader().read(&mut piece) {
                Ok(0) => {
                    came.ended = true;
                    return;
                }
                Ok(length) => came.plain.extend_from_slice(&piece[..length]),
                Err(error) => {
                    came.broken |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    /// Says octets, once the handshake is done. They leave by [`Seal::leaves`].
    pub fn say(&mut self, octets: &[u8]) {
        self.0.set_buffer_limit(None);
        self.0.writer().write_all(octets).expect("memory takes all");
    }

    /// Says that nothing more will be said.
    pub fn end(&mut self) {
        self.0.send_close_notify();
    }

    /// What is to be given to the wire.
    pub fn leaves(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut out).expect("memory takes all");
        }
        out
    }
}

/// What every handshake comes to here.
pub fn facts() -> TlsFacts {
    TlsFacts {
        version: TlsVersion::V1_3,
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        bits: 256,
        server_name: Some(NAME.into()),
        resumed: false,
        binding: None,
        certificate: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that both ends give to the wire in a talk.
    fn talk(chance: u64) -> Vec<u8> {
        seed(chance);
        let (mut client, mut server) = (Seal::client(), Seal::server());
        client.say(b"EHLO client.example\r\n");
        let mut wire = Vec::new();
        let mut heard = (Vec::new(), Vec::new());
        for round in 0..4 {
            let up = client.leaves();
            heard.0.extend(server.came(&up).plain);
            if round == 2 {
                server.say(b"250 hello\r\n");
                server.end();
            }
            let down = server.leaves();
            let came = client.came(&down);
            assert!(!came.broken);
            heard.1.extend(came.plain);
            wire.extend([up, down].concat());
        }
        assert_eq!(
            (heard.0.as_slice(), heard.1.as_slice()),
            (&b"EHLO client.example\r\n"[..], &b"250 hello\r\n"[..])
        );
        wire
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        let once = talk(7);
        assert_eq!(once, talk(7));
        assert_ne!(once, talk(8));
    }
}
