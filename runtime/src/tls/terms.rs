//! The terms on which handshakes are done for the sessions of a door: our certificates, whom we trust, how much is
//! logged. Immutable: a reload makes others, and sessions keep those that they began with.

use super::client::Trust;
use crate::clock::Clock;
use rustls::pki_types::UnixTime;
use rustls::server::ServerConnection;
use rustls::time_provider::TimeProvider;
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig};
use smtpserver_core::limits::TLS_TEXT_MAX;
use smtpserver_core::tls::{ChannelBinding, TlsFacts, TlsVersion};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The terms.
pub struct Terms {
    pub(super) config: Arc<ServerConfig>,
    pub(super) trust: Option<Arc<Trust>>,
    pub(super) log_level: u8,
    /// Our certificates: the file, whose it is, and when its time is over, in seconds since 1970.
    pub(super) certificates: Vec<(PathBuf, String, i64)>,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terms({:?})", self.certificates)
    }
}

/// The same terms are one value in memory.
impl PartialEq for Terms {
    fn eq(&self, other: &Terms) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Terms {
    /// Terms that somebody made elsewhere: a simulator.
    pub fn of(config: Arc<ServerConfig>, clock: Arc<dyn Clock>) -> Terms {
        Terms { config, trust: None, log_level: 0, certificates: Vec::new(), clock }
    }

    /// What came of a handshake.
    pub(super) fn facts(&self, connection: &ServerConnection) -> TlsFacts {
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        // TLS 1.3 has its names with another beginning there.
        let cipher = cipher.unwrap_or("unknown").replacen("TLS13_", "TLS_", 1);
        let newest = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let binding = newest.then(|| {
            let label = b"EXPORTER-Channel-Binding";
            connection.export_keying_material([0; 32], label, Some(b"")).ok().map(ChannelBinding)
        });
        let shown = connection.peer_certificates().unwrap_or_default();
        TlsFacts {
            version: if newest { TlsVersion::V1_3 } else { TlsVersion::V1_2 },
            bits: if cipher.contains("AES_128") { 128 } else { 256 },
            cipher,
            server_name: connection.server_name().map(|name| {
                let mut name = name.to_ascii_lowercase();
                name.truncate(TLS_TEXT_MAX);
                name
            }),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            binding: binding.flatten(),
            certificate: self.trust.as_ref().and_then(|trust| trust.judge(shown, unix_time(&*self.clock))),
        }
    }

    /// Whether the log wants as much as this level has.
    pub(crate) fn logs(&self, level: u8) -> bool {
        self.log_level >= level
    }

    /// Our certificates, as `check-config` shows them.
    pub(crate) fn certificates(&self) -> &[(PathBuf, String, i64)] {
        &self.certificates
    }
}

fn unix_time(clock: &dyn Clock) -> UnixTime {
    let seconds = u64::try_from(clock.now().wall.seconds()).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// The clock as the TLS library wants it.
pub(super) struct Time(pub(super) Arc<dyn Clock>);

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(&*self.0))
    }
}

/// Our side of one connection's handshake.
#[derive(Clone, Debug)]
pub struct Side {
    /// On which terms.
    pub terms: Arc<Terms>,
    /// Whose turn it is to compute: handshakes must leave others their processors.
    pub turns: Arc<Semaphore>,
    /// Who it is, for logs.
    pub who: String,
}
