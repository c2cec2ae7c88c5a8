//! A certificate that nobody signed but ourselves: for the demonstration, whose clients are told not to look.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use smtpserver_core::config::choices::Tls;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Names that a client on this machine may use.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The year in which it ends: it is worth nothing to anybody else.
const LAST_YEAR: i32 = 2099;

/// Settings with a certificate in this folder, which is made when it is not there.
pub(crate) fn settings(folder: &Path) -> Result<Tls, String> {
    let (certificate, key) = (folder.join("demo-cert.pem"), folder.join("demo-key.pem"));
    if !certificate.exists() || !key.exists() {
        make(&certificate, &key)
            .map_err(|error| format!("no certificate can be made in {}: {error}", folder.display()))?;
    }
    let word = |path: PathBuf| path.to_string_lossy().into_owned();
    Ok(Tls {
        offered: true,
        resumption: true,
        client_depth: 1,
        cert_files: vec![word(certificate)],
        key_files: vec![word(key)],
        ..Tls::default()
    })
}

fn make(certificate: &Path, key: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(NAMES.map(String::from))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAMES[0]);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 12, 31);
    let pair = KeyPair::generate()?;
    let own = params.self_signed(&pair)?;
    write(key, 0o600, &pair.serialize_pem())?;
    write(certificate, 0o644, &own.pem())?;
    Ok(())
}

/// Writes a file that was not there.
fn write(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    File::options().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}
