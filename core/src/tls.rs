//! What a session knows of its TLS. The hands do the handshake and say what came of it; nothing here knows a key, an
//! octet of a record or a file.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// A version of the protocol. Older ones are never spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// `TLSv1.3`.
    pub fn name(self) -> &'static str {
        match self {
            TlsVersion::V1_2 => "TLSv1.2",
            TlsVersion::V1_3 => "TLSv1.3",
        }
    }
}

/// What came of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite by its registered name, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// Bits of the cipher's key.
    pub bits: u16,
    /// The server name that the client asked for (RFC 6066 §3), in lower case.
    pub server_name: Option<String>,
    /// The client went on with an earlier TLS session.
    pub resumed: bool,
    /// The channel binding `tls-exporter` (RFC 9266); `None` in TLS 1.2 without the extended master secret, where
    /// it would bind nothing.
    pub binding: Option<ChannelBinding>,
    /// The certificate that the client showed, if it showed one.
    pub certificate: Option<ClientCertificate>,
}

/// Octets that only the two ends of this connection know.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding(pub [u8; 32]);

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBinding(..)")
    }
}

/// The certificate of a client, who has shown that it holds the key. All texts are printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject, such as `CN=client.example,O=Example`.
    pub subject: String,
    /// The common name, then the mail addresses and domains among the alternative names.
    pub names: Vec<String>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Whether one whom we trust has signed it and it is in its time; otherwise why it counts for nothing.
    pub trust: Result<(), Distrust>,
}

/// Why a client's certificate counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody whom we trust has signed it.
    UnknownIssuer,
    /// Its time is over, or has not come.
    OutOfTime,
    /// It is not for clients.
    WrongPurpose,
    /// The chain is longer than the operator allows.
    TooDeep,
    /// Anything else that is wrong with it.
    Unfit,
}

impl Distrust {
    /// One word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Distrust::UnknownIssuer => "unknown-issuer",
            Distrust::OutOfTime => "out-of-time",
            Distrust::WrongPurpose => "wrong-purpose",
            Distrust::TooDeep => "too-deep",
            Distrust::Unfit => "unfit",
        }
    }
}

/// `TLSv1.3 TLS_AES_256_GCM_SHA384`, and what else there is to tell.
impl fmt::Display for TlsFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version.name(), self.cipher)?;
        if self.resumed {
            f.write_str(" resumed")?;
        }
        match &self.certificate {
            None => Ok(()),
            Some(ClientCertificate { trust: Ok(()), .. }) => f.write_str(" certificate"),
            Some(ClientCertificate { trust: Err(why), .. }) => write!(f, " certificate-{}", why.name()),
        }
    }
}

/// Why there was no TLS in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// The client left in the middle of it.
    Gone,
    /// What came was no handshake, or broke the protocol.
    Garbled,
    /// The two have no version, cipher or key exchange in common.
    NothingInCommon,
    /// The client ended it with an alert: it does not like our certificate, mostly.
    Alert,
    /// Octets had come before it that nobody may act on any more.
    SentAhead,
    /// It was not done in time.
    TimedOut,
    /// We have no certificate to show.
    Unavailable,
}

impl HandshakeFault {
    /// All of them.
    pub const ALL: [HandshakeFault; 7] = [
        HandshakeFault::Gone,
        HandshakeFault::Garbled,
        HandshakeFault::NothingInCommon,
        HandshakeFault::Alert,
        HandshakeFault::SentAhead,
        HandshakeFault::TimedOut,
        HandshakeFault::Unavailable,
    ];

    /// One word for logs.
    pub fn name(self) -> &'static str {
        match self {
            HandshakeFault::Gone => "gone",
            HandshakeFault::Garbled => "garbled",
            HandshakeFault::NothingInCommon => "nothing-in-common",
            HandshakeFault::Alert => "alert",
            HandshakeFault::SentAhead => "sent-ahead",
            HandshakeFault::TimedOut => "timed-out",
            HandshakeFault::Unavailable => "unavailable",
        }
    }
}

/// How a handshake begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The client asked for it in clear text. Whatever has come from it and was not brought to the session was said
    /// too soon: the handshake fails with [`HandshakeFault::SentAhead`].
    Asked,
    /// The connection begins with it. These octets were brought to the session and are the first of the handshake;
    /// what has come and was not brought follows them.
    First(Vec<u8>),
}

/// Proof that all that is said in this session is said within TLS. Made when the session hears of its handshake, and
/// nowhere else.
#[derive(Debug)]
pub struct Secured {
    facts: Arc<TlsFacts>,
}

impl Secured {
    pub(crate) fn by(facts: Arc<TlsFacts>) -> Secured {
        Secured { facts }
    }

    /// What came of the handshake.
    pub fn facts(&self) -> &TlsFacts {
        &self.facts
    }

    /// The client's certificate, if it counts.
    pub fn client(&self) -> Option<&ClientCertificate> {
        self.facts.certificate.as_ref().filter(|certificate| certificate.trust.is_ok())
    }
}
