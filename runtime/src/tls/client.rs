//! Certificates of clients. Whatever a client shows is taken in the handshake, if only it holds the key: whether the
//! certificate counts is found out afterwards, so that a client can be told in words what is wrong with it.

use super::der;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use smtpserver_core::tls::{ClientCertificate, Distrust};
use std::sync::Arc;

/// Whose certificates count.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    /// `None` where nobody is named who may sign.
    roots: Option<Arc<dyn ClientCertVerifier>>,
    /// Certificates that a chain may have, the client's own not counted.
    depth: usize,
}

impl Trust {
    /// Trust in those who signed for these.
    pub(super) fn new(
        roots: RootCertStore,
        depth: u8,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Trust, String> {
        let verifier =
            |roots| WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let roots =
            (!roots.is_empty()).then(|| verifier(roots)).transpose().map_err(|error| error.to_string())?;
        Ok(Trust { provider: provider.clone(), roots, depth: usize::from(depth.max(1)) })
    }

    /// What a client has shown.
    pub(super) fn judge(&self, shown: &[CertificateDer<'_>], now: UnixTime) -> Option<ClientCertificate> {
        let (own, chain) = shown.split_first()?;
        let holder = der::holder(own).unwrap_or_default();
        let fingerprint = super::backend::sha256(own);
        Some(ClientCertificate {
            names: holder.names(),
            subject: holder.subject,
            fingerprint,
            trust: self.verdict(own, chain, now),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "there will be more, and none of them is trust")]
    fn verdict(
        &self,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Distrust> {
        let Some(roots) = &self.roots else { return Err(Distrust::UnknownIssuer) };
        // The one who signs the last of a chain is among the roots and is not counted as part of it.
        let allowed = &chain[..chain.len().min(self.depth - 1)];
        match roots.verify_client_cert(own, allowed, now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(why)) => Err(match why {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Distrust::OutOfTime,
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                    Distrust::WrongPurpose
                }
                CertificateError::UnknownIssuer if allowed.len() < chain.len() => Distrust::TooDeep,
                CertificateError::UnknownIssuer => Distrust::UnknownIssuer,
                _ => Distrust::Unfit,
            }),
            Err(_) => Err(Distrust::Unfit),
        }
    }
}

impl ClientCertVerifier for Trust {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.roots.as_ref().map_or(&[], |roots| roots.root_hint_subjects())
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
