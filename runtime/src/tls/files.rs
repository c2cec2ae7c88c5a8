//! Files with certificates, keys and secrets, read whole and understood. What is wrong is said with the file's name.

use crate::limits::TLS_FILE_OCTETS_MAX;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The octets of a file; what is wrong with it otherwise.
pub(super) fn slurp(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let read = || {
        let file = File::open(path)?;
        let mut octets = Zeroizing::new(Vec::new());
        file.take(TLS_FILE_OCTETS_MAX + 1).read_to_end(&mut octets)?;
        Ok::<_, std::io::Error>(octets)
    };
    let octets = read().map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if u64::try_from(octets.len()).is_ok_and(|octets| octets > TLS_FILE_OCTETS_MAX) {
        return Err(format!("{} has more than {TLS_FILE_OCTETS_MAX} octets", path.display()));
    }
    Ok(octets)
}

/// A chain of certificates, ours first.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let octets = slurp(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    let chain = chain.map_err(|error| format!("{} is no PEM: {error}", path.display()))?;
    if chain.is_empty() {
        return Err(format!(
            "{} has no certificate (a block that begins with BEGIN CERTIFICATE)",
            path.display()
        ));
    }
    Ok(chain)
}

/// A key. Its octets are not said in any fault.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let octets = slurp(path)?;
    let encrypted = octets.windows(9).any(|window| window == b"ENCRYPTED");
    PrivateKeyDer::from_pem_slice(&octets).map_err(|_| {
        let why = if encrypted {
            "the key in it is encrypted, and nobody is there to type the password"
        } else {
            "there is no key in it (a block that begins with BEGIN PRIVATE KEY)"
        };
        format!("{}: {why}", path.display())
    })
}

/// Those who may sign clients' certificates, of a file and of all files of a folder; also the files that were read, and what
/// the operator should know of them.
pub(super) fn roots(
    file: Option<&Path>,
    folder: Option<&Path>,
) -> Result<(RootCertStore, Vec<PathBuf>, Vec<String>), String> {
    let mut files: Vec<PathBuf> = file.map(Path::to_path_buf).into_iter().collect();
    let mut of_folder = Vec::new();
    if let Some(folder) = folder {
        let cannot = |error| format!("cannot read the folder {}: {error}", folder.display());
        for entry in std::fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.is_file() {
                of_folder.push(path);
            }
        }
        of_folder.sort();
    }
    let (mut roots, mut notes) = (RootCertStore::empty(), Vec::new());
    for path in &files {
        let (_, unfit) = roots.add_parsable_certificates(chain(path)?);
        if unfit > 0 {
            notes.push(format!("{}: {unfit} certificates in it are not fit and not trusted", path.display()));
        }
    }
    for path in &of_folder {
        // Other things lie in such folders, too.
        if let Ok(certificates) = chain(path) {
            roots.add_parsable_certificates(certificates);
        }
    }
    files.extend(of_folder);
    Ok((roots, files, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_its_octets() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let missing = folder.path().join("missing.pem");
        assert!(chain(&missing).expect_err("missing").starts_with("cannot read "));
        assert!(chain(&file("empty.pem", "")).expect_err("empty").contains("has no certificate"));
        let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
        assert!(chain(&cut).expect_err("cut").contains("is no PEM"));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(key(&file("locked.pem", encrypted)).expect_err("locked").contains("is encrypted"));
        let words = key(&file("secret.pem", "geheim")).expect_err("no key");
        assert!(words.contains("there is no key in it") && !words.contains("geheim"), "{words}");
    }

    #[test]
    fn a_folder_gives_what_certificates_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["ca.example".into()]).expect("a certificate");
        std::fs::write(folder.path().join("a.pem"), made.cert.pem()).expect("written");
        std::fs::write(folder.path().join("README"), "what is here").expect("written");
        let (roots, files, notes) = roots(None, Some(folder.path())).expect("readable");
        assert_eq!((roots.len(), files.len(), notes.len()), (1, 2, 0));
        let (none, _, _) = super::roots(None, None).expect("nothing");
        assert!(none.is_empty());
    }
}
