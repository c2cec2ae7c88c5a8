//! An authority that signs whatever a test needs.
#![expect(clippy::disallowed_methods, reason = "certificates are good from now on")]

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use std::path::{Path, PathBuf};

/// What a key is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ecdsa,
    Rsa,
    Ed25519,
}

/// Files of a certificate and its key.
pub(super) struct Made {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The authority.
pub(super) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, whose certificate is a file in this folder.
    pub(super) fn new(folder: &Path) -> Authority {
        Authority::named(folder, "authority")
    }

    /// The same under another name.
    pub(super) fn named(folder: &Path, name: &str) -> Authority {
        let mut params = params(name, 365);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.join("authority.pem"), certificate.pem()).expect("written");
        Authority { folder: folder.to_path_buf(), issuer: Issuer::new(params, key) }
    }

    /// Its certificate.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A server's certificate for a name, good for so many days (or since so many days over).
    pub(super) fn server(&self, file: &str, name: &str, kind: Kind, days: i64) -> Made {
        self.sign(file, name, kind, days, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's.
    pub(super) fn client(&self, file: &str, name: &str, days: i64) -> Made {
        self.sign(file, name, Kind::Ecdsa, days, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, file: &str, name: &str, kind: Kind, days: i64, purpose: ExtendedKeyUsagePurpose) -> Made {
        let key = match kind {
            Kind::Ecdsa => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Kind::Rsa => KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256),
            Kind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
        };
        let key = key.expect("a key");
        let mut params = params(name, days);
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let made = Made {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        std::fs::write(&made.certificate, certificate.pem()).expect("written");
        std::fs::write(&made.key, key.serialize_pem()).expect("written");
        made
    }
}

fn params(name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_string()]).expect("a name");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(24 * 3600);
    params.not_before = (now - day * 1_000).into();
    let span = day * u32::try_from(days.unsigned_abs()).expect("some days");
    // A little more than whole days, so that a test that takes its time sees as many.
    let end = if days < 0 { now - span } else { now + span + day / 24 };
    params.not_after = end.into();
    params
}
