//! Rows about TLS.

use super::services::{absolute, named, number, path, small, words};
use crate::config::param::table::{narrow, row};
use crate::config::param::{Argument, CheckedWords, Param, Unfit};
use alloc::string::String;
use alloc::vec::Vec;

/// Certificates of one server.
const FILES_MAX: usize = 16;

fn paths(place: &mut Vec<String>, words: &[&str]) -> CheckedWords {
    let mut paths = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let mut path = None;
        absolute(&mut path, &[word]).map_err(|(_, unfit)| (index, unfit))?;
        paths.extend(path);
    }
    *place = paths;
    Ok(None)
}

/// The manual's form, a name alone, means nothing to another process: no file is meant by it.
fn cache_name(place: &mut Option<String>, words: &[&str]) -> CheckedWords {
    if words[0].contains('/') {
        return absolute(place, words);
    }
    named(place, words)?;
    Ok(Some(
        "a name alone is shared with nobody: write the absolute path of a file of 32 or more random octets",
    ))
}

fn ciphers(place: &mut Vec<String>, words: &[&str]) -> CheckedWords {
    let names: Vec<String> =
        words[0].split([':', ',']).filter(|name| !name.is_empty()).map(str::to_ascii_uppercase).collect();
    if names.is_empty() {
        return Err((0, Unfit::Missing));
    }
    if names.iter().flat_map(|name| name.bytes()).any(|octet| !octet.is_ascii_graphic()) {
        return Err((0, Unfit::Control));
    }
    *place = names;
    Ok(None)
}

/// The rows.
pub(in crate::config::param) const ROWS: &[Param] = &[
    row(
        "use-tls",
        &[],
        "",
        Argument::Switch(|s| s.tls.offered = true),
        "Offer STARTTLS, and let BindSmtpS work.",
    ),
    row("no-use-tls", &[], "", Argument::Switch(|s| s.tls.offered = false), "Do without TLS (the default)."),
    row(
        "tls-cert-file",
        &[],
        "",
        words("PATH ...", "absolute paths", (1, FILES_MAX), |s, w| paths(&mut s.tls.cert_files, w)),
        "Our certificate and its chain, PEM; of several a client is shown the one for the name it wants.",
    ),
    row(
        "tls-key-file",
        &[],
        "",
        words("PATH ...", "absolute paths", (1, FILES_MAX), |s, w| paths(&mut s.tls.key_files, w)),
        "The key of each certificate, PEM, in the same order; it may be the same file.",
    ),
    row(
        "tls-CAfile",
        &[],
        "",
        path("PATH", |s, w| absolute(&mut s.tls.ca_file, w)),
        "Certificates of those who may sign clients' certificates, PEM.",
    ),
    row(
        "tls-CApath",
        &[],
        "",
        path("PATH", |s, w| absolute(&mut s.tls.ca_path, w)),
        "A directory of such certificates.",
    ),
    row(
        "tls-cipher-list",
        &[],
        "",
        words("NAMES", "names of cipher suites, with colons between them", (1, 1), |s, w| {
            ciphers(&mut s.tls.ciphers, w)
        }),
        "The cipher suites to offer, by the registry's names or OpenSSL's; all that are safe if none is named.",
    ),
    row(
        "tls-loglevel",
        &[],
        "0",
        number(4, "levels", |s, n| s.tls.log_level = small(n)),
        "How much is logged of handshakes, 0 to 4; never anything secret.",
    ),
    row(
        "tls-ccert-vd",
        &[],
        "1",
        number(100, "certificates", |s, n| s.tls.client_depth = small(n)),
        "How deep a client's chain of certificates may be.",
    ),
    row(
        "tls-ask-cert",
        &[],
        "0",
        number(1, "switches (0 or 1)", |s, n| s.tls.ask_client = n == 1),
        "1: ask clients for a certificate.",
    ),
    row(
        "tls-require-cert",
        &[],
        "0",
        number(1, "switches (0 or 1)", |s, n| s.tls.require_client = n == 1),
        "1: refuse mail of clients without a certificate that we trust.",
    ),
    row(
        "tls-enforce-tls",
        &[],
        "0",
        number(1, "switches (0 or 1)", |s, n| s.tls.enforced = n == 1),
        "1: take no mail without TLS.",
    ),
    row(
        "outlook-tls-bug",
        &[],
        "",
        Argument::Switch(|s| s.tls.outlook_bug = true),
        "Wait two seconds for clients that begin TLS where a greeting is due; not on port 25.",
    ),
    row(
        "tls-use-scache",
        &[],
        "",
        Argument::Switch(|s| s.tls.resumption = true),
        "Let clients resume TLS sessions.",
    ),
    row(
        "tls-scache-name",
        &[],
        "",
        words("'NAME'", "an absolute path", (1, 1), |s, w| cache_name(&mut s.tls.cache_name, w)),
        "A file of 32 or more random octets; servers that share it let clients resume each other's sessions.",
    ),
    row(
        "tls-scache-timeout",
        &[],
        "0",
        number(86_400, "seconds", |s, n| s.tls.cache_seconds = narrow(n)),
        "How long a TLS session may be resumed; 0 for an hour.",
    ),
    row(
        "tls-handshakes-max",
        &[],
        "20000",
        number(4_294_967_295, "handshakes", |s, n| s.limits.handshakes_max = narrow(n)),
        "TLS handshakes that one source may begin within the hour; 0 for no limit.",
    )
    .global(),
    row("tls-dcert-file", &[], "", Argument::Obsolete, "Means nothing any more.")
        .instead("DSA certificates are gone: write tls-cert-file and tls-key-file"),
    row("tls-dkey-file", &[], "", Argument::Obsolete, "Means nothing any more.")
        .instead("DSA certificates are gone: write tls-cert-file and tls-key-file"),
    row("tls-dh512", &[], "", Argument::Obsolete, "Means nothing any more.")
        .instead("key exchange needs no parameters today: leave it out"),
    row("tls-dh1024", &[], "", Argument::Obsolete, "Means nothing any more.")
        .instead("key exchange needs no parameters today: leave it out"),
    row("tls-random-source", &[], "", Argument::Obsolete, "Means nothing any more.")
        .instead("the system's random numbers are used: leave it out"),
];
