//! From a configuration to terms: the certificates of each group are read and checked when the configuration is, with the
//! rights that there are then. What is unfit is a fault of the configuration, so that a running server goes on with what
//! it has.

use super::chooser::{Chooser, Ours};
use super::client::Trust;
use super::terms::{Terms, Time};
use super::tickets::{SECRET_OCTETS_MIN, Tickets};
use super::{backend, der, files};
use crate::clock::Clock;
use crate::limits::CERTIFICATE_WARNING;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use smtpserver_core::config::choices::Tls;
use smtpserver_core::config::file::Configuration;
use smtpserver_core::config::file::remark::{Remark, Spot};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds for which a TLS session may be resumed when nobody says.
const RESUMED_SECONDS: u32 = 3_600;

/// Other names of suites, as OpenSSL has them and operators write them.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

/// The terms of all groups.
#[derive(Debug, Default)]
pub(crate) struct Shop {
    made: Vec<(Tls, Arc<Terms>)>,
    /// Files that were read.
    pub(crate) files: Vec<PathBuf>,
    /// What the operator should know.
    pub(crate) notes: Vec<String>,
}

/// What is wrong, and which parameter says so.
struct Fault(&'static str, String);

impl Shop {
    /// Makes the terms of every group that offers TLS; also all that is wrong.
    pub(crate) fn open(configuration: &Configuration, clock: &Arc<dyn Clock>) -> (Shop, Vec<Remark>) {
        let (mut shop, mut faults) = (Shop::default(), Vec::new());
        for (index, group) in configuration.groups.iter().enumerate() {
            let tls = &group.settings.tls;
            let mut blame = |Fault(param, what): Fault| {
                let spot = configuration.set_by(index, param).cloned();
                let spot = spot.unwrap_or_else(|| Spot::whole(param));
                faults.push(spot.error(what, ""));
            };
            if !tls.offered {
                for (param, set) in
                    [("tls-enforce-tls", tls.enforced), ("tls-require-cert", tls.require_client)]
                {
                    if set {
                        blame(Fault(param, format!("{param} needs use-tls in its group")));
                    }
                }
            } else if shop.terms(tls).is_none() {
                match shop.make(tls, clock) {
                    Ok(terms) => shop.made.push((tls.clone(), Arc::new(terms))),
                    Err(fault) => blame(fault),
                }
            }
        }
        faults.dedup();
        (shop, faults)
    }

    /// The terms for these settings, if there is TLS.
    pub(crate) fn terms(&self, tls: &Tls) -> Option<Arc<Terms>> {
        self.made.iter().find(|(own, _)| own == tls).map(|(_, terms)| terms.clone())
    }

    /// The terms for these settings alone; otherwise what is wrong.
    pub(crate) fn one(tls: &Tls, clock: &Arc<dyn Clock>) -> Result<Arc<Terms>, String> {
        Shop::default().make(tls, clock).map(Arc::new).map_err(|Fault(_, what)| what)
    }

    /// All terms.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Terms>> {
        self.made.iter().map(|(_, terms)| terms)
    }

    fn make(&mut self, tls: &Tls, clock: &Arc<dyn Clock>) -> Result<Terms, Fault> {
        let provider = Arc::new(provider(&tls.ciphers)?);
        let (ours, certificates) = self.certificates(tls, &provider, clock)?;
        let builder = ServerConfig::builder_with_details(provider.clone(), Arc::new(Time(clock.clone())))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| Fault("tls-cipher-list", error.to_string()))?;
        let trust = self.trust(tls, &provider)?;
        let builder = match &trust {
            Some(trust) => builder.with_client_cert_verifier(trust.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Chooser(ours)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        if tls.resumption {
            config.ticketer = Arc::new(self.tickets(tls, &provider, clock)?);
            config.send_tls13_tickets = 1;
        }
        config.max_early_data_size = 0;
        Ok(Terms {
            config: Arc::new(config),
            trust,
            log_level: tls.log_level,
            certificates,
            clock: clock.clone(),
        })
    }

    #[expect(clippy::type_complexity, reason = "the two halves of one thing")]
    fn certificates(
        &mut self,
        tls: &Tls,
        provider: &CryptoProvider,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Vec<Ours>, Vec<(PathBuf, String, i64)>), Fault> {
        let (own, keys) = match (tls.cert_files.as_slice(), tls.key_files.as_slice()) {
            ([], []) => return Err(Fault("use-tls", "use-tls needs tls-cert-file and tls-key-file".into())),
            // Each may be in the file of the other.
            ([], both) | (both, []) => (both, both),
            (own, keys) => (own, keys),
        };
        if own.len() != keys.len() {
            let what = format!("{} certificates and {} keys: each needs one", own.len(), keys.len());
            return Err(Fault("tls-key-file", what));
        }
        let key_param = if tls.key_files.is_empty() { "tls-cert-file" } else { "tls-key-file" };
        let own_param = if tls.cert_files.is_empty() { "tls-key-file" } else { "tls-cert-file" };
        let (mut ours, mut certificates) = (Vec::new(), Vec::new());
        for (own, key) in own.iter().map(Path::new).zip(keys.iter().map(Path::new)) {
            self.files.extend([own.to_path_buf(), key.to_path_buf()]);
            let chain = files::chain(own).map_err(|what| Fault(own_param, what))?;
            let secret = files::key(key).map_err(|what| Fault(key_param, what))?;
            let holder = der::holder(&chain[0])
                .ok_or_else(|| Fault("tls-cert-file", format!("{} is no certificate", own.display())))?;
            // Both ways to find out compare the two.
            let unfit = |error: rustls::Error| {
                let (own, key) = (own.display(), key.display());
                let mismatch = error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch);
                let what = if mismatch {
                    format!("the key {key} belongs to another certificate than {own}")
                } else {
                    format!("the key {key} is not fit for the certificate {own}: {error}")
                };
                Fault(key_param, what)
            };
            let pair = CertifiedKey::from_der(chain, secret, provider).map_err(unfit)?;
            pair.keys_match().map_err(unfit)?;
            self.notes.extend(expiry(own, holder.ends, clock.now().wall.seconds()));
            certificates.push((own.to_path_buf(), holder.subject.clone(), holder.ends));
            let mut names = holder.domains;
            if names.is_empty() {
                names.extend(holder.common_name.map(|name| name.to_ascii_lowercase()));
            }
            ours.push(Ours { key: Arc::new(pair), names });
        }
        Ok((ours, certificates))
    }

    fn trust(&mut self, tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<Trust>>, Fault> {
        if !tls.ask_client && !tls.require_client {
            return Ok(None);
        }
        let param = if tls.ca_file.is_some() { "tls-CAfile" } else { "tls-CApath" };
        let fault = |what| Fault(param, what);
        let (file, folder) = (tls.ca_file.as_deref().map(Path::new), tls.ca_path.as_deref().map(Path::new));
        let (roots, files, notes) = files::roots(file, folder).map_err(fault)?;
        if tls.require_client && roots.is_empty() {
            let what = "tls-require-cert needs tls-CAfile or tls-CApath with at least one certificate";
            return Err(Fault("tls-require-cert", what.into()));
        }
        self.files.extend(files);
        self.notes.extend(notes);
        Trust::new(roots, tls.client_depth, provider).map(|trust| Some(Arc::new(trust))).map_err(fault)
    }

    fn tickets(
        &mut self,
        tls: &Tls,
        provider: &CryptoProvider,
        clock: &Arc<dyn Clock>,
    ) -> Result<Tickets, Fault> {
        let fault = |what: String| Fault("tls-scache-name", what);
        let path = tls.cache_name.as_deref().map(Path::new).filter(|path| path.is_absolute());
        let secret = path.map(files::slurp).transpose().map_err(fault)?;
        if let (Some(path), Some(secret)) = (path, &secret) {
            self.files.push(path.to_path_buf());
            if secret.len() < SECRET_OCTETS_MIN {
                let octets = secret.len();
                let what = format!(
                    "{} has {octets} octets: at least {SECRET_OCTETS_MIN} are wanted",
                    path.display()
                );
                return Err(fault(what));
            }
        }
        let seconds = if tls.cache_seconds == 0 { RESUMED_SECONDS } else { tls.cache_seconds };
        Tickets::new(secret, seconds, clock.clone(), provider.secure_random)
            .ok_or_else(|| Fault("tls-use-scache", "the system gives no random numbers".into()))
    }
}

/// What TLS is made of, with no other suites than these, if any are named.
fn provider(ciphers: &[String]) -> Result<CryptoProvider, Fault> {
    let mut provider = backend::provider();
    if ciphers.is_empty() {
        return Ok(provider);
    }
    let known = |name: &String| {
        let name = OTHER_NAMES.iter().find(|(other, _)| other == name).map_or(name.as_str(), |(_, own)| own);
        let named = |suite: &&rustls::SupportedCipherSuite| {
            suite.suite().as_str().is_some_and(|own| own == name || own.replacen("TLS13_", "TLS_", 1) == name)
        };
        provider.cipher_suites.iter().find(named).copied()
    };
    let mut suites = Vec::new();
    for name in ciphers {
        let suite = known(name).ok_or_else(|| {
            Fault(
                "tls-cipher-list",
                format!("{name} is not among the cipher suites that are safe and spoken here"),
            )
        })?;
        suites.push(suite);
    }
    provider.cipher_suites = suites;
    Ok(provider)
}

/// What to say of a certificate that is over, or soon will be.
pub(crate) fn expiry(file: &Path, ends: i64, now: i64) -> Option<String> {
    let left = ends - now;
    let days = left.div_euclid(86_400);
    let file = file.display();
    if left < 0 {
        Some(format!("the certificate {file} has expired: clients will not trust it"))
    } else if left < CERTIFICATE_WARNING {
        Some(format!("the certificate {file} expires in {days} days"))
    } else {
        None
    }
}
