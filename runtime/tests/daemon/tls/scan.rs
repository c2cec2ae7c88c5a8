//! What a scanner of other people's finds: versions, ciphers, renegotiation, compression and the attacks that have names.

use super::*;
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn testssl_finds_nothing() {
    // Debian calls it by its first name, its authors by both.
    let Some(program) = ["testssl", "testssl.sh"].into_iter().find(|name| crate::is_installed(name)) else {
        return crate::skipped("testssl.sh is not installed");
    };
    // Two certificates, so that ciphers for both kinds of keys are met.
    let site = Site::with(
        &["mx.example", "mx.example"],
        "PARAM tls-use-scache\nPARAM tls-handshakes-max 0\nPARAM timeout-command 3",
    );
    let report = site.folder.path().join("report.json");
    let output = Command::new(program)
        .args(["-t", "smtp", "--quiet", "--color", "0", "--warnings", "batch", "-p", "-s", "-f", "-U"])
        .arg("--jsonfile")
        .args([report.as_os_str(), site.smtp().to_string().as_ref()])
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = std::fs::read_to_string(&report).unwrap_or_else(|error| panic!("{error}: {said}"));
    let found: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let found: BTreeMap<String, (String, String)> = found
        .iter()
        .map(|finding| (word(finding, "id"), (word(finding, "severity"), word(finding, "finding"))))
        .collect();
    for (id, (severity, finding)) in &found {
        assert!(matches!(severity.as_str(), "OK" | "INFO" | "DEBUG"), "{severity} {id}: {finding}");
    }
    // It has really looked.
    for (id, wanted) in [
        ("SSLv2", "not offered"),
        ("SSLv3", "not offered"),
        ("TLS1", "not offered"),
        ("TLS1_1", "not offered"),
        ("TLS1_2", "offered"),
        ("TLS1_3", "offered"),
        ("cipherlist_NULL", "not offered"),
        ("cipherlist_aNULL", "not offered"),
        ("cipherlist_EXPORT", "not offered"),
        ("cipherlist_LOW", "not offered"),
        ("cipherlist_3DES_IDEA", "not offered"),
        ("cipherlist_AVERAGE", "not offered"),
        ("cipherlist_STRONG", "offered"),
        ("PFS", "offered"),
        ("secure_renego", "supported"),
        ("secure_client_renego", "not vulnerable"),
        ("CRIME_TLS", "not vulnerable"),
        ("heartbleed", "not vulnerable"),
        ("ROBOT", "not vulnerable"),
        ("LUCKY13", "not vulnerable"),
    ] {
        let finding = found.get(id).map(|(_, finding)| finding.as_str()).unwrap_or_default();
        assert!(finding.starts_with(wanted), "{id}: {finding:?}");
    }
}
