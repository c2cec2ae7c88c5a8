//! A client's TLS that trusts whatever it is shown: what a server says is judged here, not who it is.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;

/// Takes every certificate whose signature is of one of these kinds.
#[derive(Debug)]
pub struct Trusting(
    /// The kinds that the client says it knows.
    pub Vec<SignatureScheme>,
);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// A client's end, before its first word.
pub(super) fn client() -> Result<ClientConnection, Error> {
    let provider = aws_lc_rs::default_provider();
    let trusting = Trusting(provider.signature_verification_algorithms.supported_schemes());
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trusting))
        .with_no_client_auth();
    config.enable_sni = false;
    let name = ServerName::try_from("mx.local.example").map_err(|_| Error::General("a name".into()))?;
    ClientConnection::new(Arc::new(config), name)
}
