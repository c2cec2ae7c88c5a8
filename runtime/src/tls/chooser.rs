//! Which of our certificates a client is shown: one with the name that it asks for, or else any; and among those the
//! first whose signatures it understands, in the order in which the operator named them.

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// A certificate, and the names that it is for in lower case, of which the first label may be a star.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) names: Vec<String>,
}

/// All that we have.
#[derive(Debug)]
pub(super) struct Chooser(pub(super) Vec<Ours>);

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let understood = |ours: &&Ours| ours.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let asked = hello.server_name().map(str::to_ascii_lowercase);
        let fits = |ours: &&Ours| asked.as_deref().is_some_and(|asked| is_for(&ours.names, asked));
        let first = self.0.iter().filter(understood).find(fits);
        first.or_else(|| self.0.iter().find(understood)).map(|ours| ours.key.clone())
    }
}

/// Whether a certificate with these names is for this host (RFC 6125 §6.4).
fn is_for(names: &[String], host: &str) -> bool {
    let parent = host.split_once('.').map(|(_, parent)| parent);
    names.iter().any(|name| match name.strip_prefix("*.") {
        Some(domain) => parent == Some(domain),
        None => name == host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        let names = ["mx.example".to_string(), "*.local.example".to_string()];
        for (host, wanted) in [
            ("mx.example", true),
            ("a.local.example", true),
            ("a.b.local.example", false),
            ("local.example", false),
            ("other.example", false),
            ("example", false),
        ] {
            assert_eq!(is_for(&names, host), wanted, "{host}");
        }
    }
}
