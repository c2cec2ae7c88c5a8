//! Certificates change while sessions go on.

use super::*;
use crate::server::output;

fn subject(site: &Site) -> String {
    let said = site.openssl(false, &[], "QUIT\r\n");
    let line =
        said.lines().find(|line| line.contains("s:CN = ") || line.contains("s:CN=")).unwrap_or_default();
    line.rsplit(['=', ' ']).next().unwrap_or_default().to_string()
}

#[test]
fn a_new_certificate_serves_newcomers_and_a_bad_one_nobody() {
    if !crate::is_here("openssl") {
        return;
    }
    let site = Site::new("");
    assert_eq!(subject(&site), "mx.example");
    let mut old = site.server().session();
    let made = site.authority.server("server0", "new.example", Kind::Rsa, 10);
    site.server().signal("HUP");
    site.server().wait_for("expires in 10 days");
    site.server().wait_for("the new configuration holds");
    assert_eq!(subject(&site), "new.example");
    // A session that began before goes on, with what it began with.
    assert_eq!(old.ask("NOOP").code, 250);
    assert_eq!(old.ask("STARTTLS").code, 220);
    // The key of another certificate.
    let other = site.authority.server("other", "other.example", Kind::Rsa, 400);
    std::fs::copy(other.certificate, &made.certificate).expect("copied");
    site.server().signal("HUP");
    site.server().wait_for("belongs to another certificate than");
    site.server().wait_for("the old one goes on");
    assert_eq!(subject(&site), "new.example");
    // No certificate at all.
    std::fs::write(&made.certificate, "none\n").expect("written");
    site.server().signal("HUP");
    site.server().wait_for("has no certificate");
    site.server().wait_for("the old one goes on");
    assert_eq!(subject(&site), "new.example");
}

#[test]
fn what_is_wrong_with_certificates_is_said_where_they_are_named() {
    let site = Site::new("");
    let folder = site.folder.path().display().to_string();
    let check = |lines: &str| {
        site.configure(lines);
        let config = format!("{folder}/t.conf");
        let output = output(&["check-config", "-C", &config, "-P", &folder]);
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    for (lines, wanted) in [
        ("".to_string(), "t.conf:3:7: use-tls needs tls-cert-file and tls-key-file"),
        (format!("PARAM tls-cert-file {folder}/none.pem"), "t.conf:4:7: cannot read "),
        (
            format!("PARAM tls-cert-file {folder}/server0.pem\nPARAM tls-key-file {folder}/a {folder}/b"),
            "t.conf:5:7: 1 certificates and 2 keys: each needs one",
        ),
        (
            format!("PARAM tls-cert-file {folder}/server0.pem {folder}/server0.key"),
            "server0.pem: there is no key in it",
        ),
    ] {
        let (code, said) = check(&lines);
        assert!(code == Some(2) && said.contains(wanted), "{wanted}: {said}");
    }
    site.authority.server("soon", "soon.example", Kind::Ecdsa, 3);
    let both = format!("PARAM tls-cert-file {folder}/soon.pem\nPARAM tls-key-file {folder}/soon.key");
    let (code, said) = check(&both);
    assert!(code == Some(0) && said.contains("soon.pem expires in 3 days"), "{said}");
    assert!(said.contains("CN=soon.example"), "{said}");
    let (code, said) = check(&format!("{both}\nPARAM tls-cipher-list RC4-SHA"));
    assert!(code == Some(2) && said.contains("RC4-SHA is not among"), "{said}");
    let (code, said) = check(&format!("{both}\nPARAM tls-require-cert 1"));
    assert!(code == Some(2) && said.contains("tls-require-cert needs tls-CAfile"), "{said}");
}
