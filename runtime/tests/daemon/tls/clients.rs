//! Clients that other people wrote, and what they are told of certificates, versions and ciphers.

use super::*;
use crate::server::spool;

/// A message after [`MAIL`].
const MESSAGE: &str = "DATA\r\nSubject: x\r\n\r\nwithin TLS\r\n.\r\nQUIT\r\n";

#[test]
fn curl_sends_by_both_ways() {
    if !crate::is_here("curl") {
        return;
    }
    let site = Site::new("PARAM rcvd-tls-mode");
    let message = site.folder.path().join("message");
    std::fs::write(&message, "Subject: curl\r\n\r\nhi\r\n").expect("written");
    for (scheme, address) in [("smtp", site.smtp()), ("smtps", site.smtps)] {
        let output = Command::new("curl")
            .args(["-sS", "--ssl-reqd", "--cacert"])
            .arg(site.authority.file())
            .args(["--resolve", &format!("mx.example:{}:127.0.0.1", address.port())])
            .arg(format!("{scheme}://mx.example:{}", address.port()))
            .args(["--mail-from", "ann@client.example", "--mail-rcpt", "bob@local.example", "-T"])
            .arg(&message)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{scheme}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let stored = spool(&site.folder).all();
    assert_eq!(stored.len(), 2);
    for one in stored {
        assert!(one.envelope.contains(&"with ESMTPS".to_string()), "{:?}", one.envelope);
        let rcvdfrom = one.envelope.iter().find(|line| line.starts_with("rcvdfrom ")).expect("a line");
        assert!(rcvdfrom.contains("TLS-CIPHER: \"TLS_AES_256_GCM_SHA384 keybits 256 version TLSv1.3\""));
    }
}

#[test]
fn swaks_sends_by_both_ways_and_logs_in() {
    if !crate::is_here("swaks") {
        return;
    }
    let able = Command::new("swaks").arg("--support").output().expect("it starts");
    if !String::from_utf8_lossy(&able.stdout).contains("TLS supported") {
        return crate::skipped("swaks has no TLS: libnet-ssleay-perl is not installed");
    }
    let (_folder, users) = crate::submission::users("sha512");
    let site = Site::new(&format!("PARAM smtp-auth\nPARAM smtp-auth-file {}", users.display()));
    for (how, address) in [("--tls", site.smtp()), ("--tlsc", site.smtps)] {
        for (mechanism, password, to) in [
            ("PLAIN", "pencil", "x@elsewhere.example"),
            ("LOGIN", "pencil", "x@elsewhere.example"),
            ("PLAIN", "crayon", "bob@local.example"),
        ] {
            let output = Command::new("swaks")
                .args(["--server", "127.0.0.1", "--port", &address.port().to_string(), how])
                .args(["--to", to, "--auth", mechanism, "--auth-user", "ann", "--auth-password", password])
                .output()
                .expect("it starts");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert_eq!(output.status.success(), password == "pencil", "{how} {mechanism}: {said}");
            assert!(said.contains("TLS started with cipher TLSv1.3"), "{how}: {said}");
        }
        // Nobody logs in outside it.
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", &site.smtp().to_string(), "--to", "bob@local.example", "--auth", "PLAIN"]);
        swaks.args(["--auth-user", "ann", "--auth-password", "pencil"]);
        assert!(!swaks.output().expect("it starts").status.success());
    }
    let stored = spool(&site.folder).all();
    assert_eq!(stored.len(), 4);
    for one in stored {
        assert!(one.envelope.contains(&"with ESMTPSA".to_string()), "{:?}", one.envelope);
    }
}

#[test]
fn python_forgets_nothing_that_it_must_say_again() {
    if !crate::is_here("python3") {
        return;
    }
    let site = Site::new("PARAM tls-enforce-tls 1");
    let program = format!(
        "import smtplib, ssl\n\
         context = ssl.create_default_context(cafile='{}')\n\
         with smtplib.SMTP('127.0.0.1', {}) as s:\n\
         \x20   s.ehlo()\n\
         \x20   assert s.has_extn('starttls'), s.esmtp_features\n\
         \x20   assert s.docmd('MAIL FROM:<ann@client.example>')[0] == 530\n\
         \x20   s._host = 'mx.example'\n\
         \x20   s.starttls(context=context)\n\
         \x20   assert s.docmd('MAIL FROM:<ann@client.example>')[0] == 503\n\
         \x20   s.ehlo()\n\
         \x20   assert not s.has_extn('starttls'), s.esmtp_features\n\
         \x20   s.sendmail('ann@client.example', ['bob@local.example'], 'Subject: x\\r\\n\\r\\n' + 'x' * 70000)\n\
         \x20   assert s.sock.version() == 'TLSv1.3', s.sock.version()\n",
        site.authority.file().display(),
        site.smtp().port()
    );
    let output = Command::new("python3").args(["-c", &program]).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(site.messages(), 1);
}

#[test]
fn each_name_has_its_certificate_and_each_kind_of_key_works() {
    if !crate::is_here("openssl") {
        return;
    }
    let site = Site::with(&["ecdsa.example", "rsa.example", "ed25519.example"], "");
    for name in ["ecdsa.example", "rsa.example", "ed25519.example"] {
        for version in ["-tls1_2", "-tls1_3"] {
            let said =
                site.openssl(false, &["-servername", name, "-verify_hostname", name, version], "QUIT\r\n");
            assert!(said.contains("Verify return code: 0 (ok)") && said.contains("\n221 2.0.0 "), "{said}");
        }
    }
    // A client that understands one kind only is shown that, whatever name it asks for; RSA cannot do without it.
    let said =
        site.openssl(true, &["-servername", "ecdsa.example", "-sigalgs", "rsa_pss_rsae_sha256"], "QUIT\r\n");
    assert!(said.contains("CN = rsa.example"), "{said}");
}

#[test]
fn old_versions_weak_ciphers_and_renegotiation_are_refused() {
    if !crate::is_here("openssl") {
        return;
    }
    let site = Site::with(&["mx.example", "mx.example"], "");
    for old in ["-tls1", "-tls1_1"] {
        let said = site.openssl(false, &[old, "-cipher", "ALL:@SECLEVEL=0"], "QUIT\r\n");
        assert!(!said.contains("221 2.0.0"), "{old}: {said}");
    }
    for weak in ["AES128-SHA", "AES256-GCM-SHA384", "DHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA256"] {
        let said = site.openssl(false, &["-tls1_2", "-cipher", &format!("{weak}:@SECLEVEL=0")], "QUIT\r\n");
        assert!(!said.contains("221 2.0.0"), "{weak}: {said}");
    }
    for good in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
        let said = site.openssl(false, &["-tls1_2", "-cipher", good], "QUIT\r\n");
        assert!(said.contains("221 2.0.0"), "{good}: {said}");
    }
    // R at the beginning of a line asks for a renegotiation.
    let hasty = Site::new("PARAM timeout-command 1");
    let address = hasty.smtps.to_string();
    let said = said(Command::new("openssl").args(["s_client", "-tls1_2", "-connect", &address]), "R\n");
    // Where the greeting comes after the request, openssl does not read on to our answer.
    let refused = ["no renegotiation", "unexpected record"].iter().any(|words| said.contains(words));
    assert!(said.contains("RENEGOTIATING") && refused, "{said}");
    let listed = Site::new("PARAM tls-cipher-list TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256");
    let said = listed.openssl(false, &[], "QUIT\r\n");
    assert!(said.contains("Cipher is TLS_AES_128_GCM_SHA256"), "{said}");
}

#[test]
fn the_hybrid_key_exchange_is_spoken() {
    let site = Site::new("");
    let stream = teardown::addressed(&site);
    let group = stream.conn.negotiated_key_exchange_group().expect("it is agreed on");
    assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn certificates_of_clients_count_or_not_and_why_is_said() {
    if !crate::is_here("openssl") {
        return;
    }
    let site = Site::new("PARAM tls-ask-cert 1\nPARAM tls-require-cert 1\nPARAM rcvd-tls-peer");
    let folder = tempfile::tempdir().expect("a folder");
    let stranger = Authority::named(folder.path(), "stranger").client("stranger", "client.example", 10);
    let good = site.authority.client("good", "client.example", 10);
    let old = site.authority.client("old", "client.example", -2);
    let foreign = site.authority.server("foreign", "client.example", Kind::Ecdsa, 10);
    for (made, wanted) in [
        (None, "550 5.7.1 mail is taken only of clients with a certificate"),
        (Some(&stranger), "550 5.7.1 your certificate is not trusted here: its issuer is not known"),
        (Some(&old), "550 5.7.1 your certificate is not trusted here: it has expired"),
        (Some(&foreign), "550 5.7.1 your certificate is not trusted here: it is not for clients"),
        (Some(&good), "250 2.1.0 sender"),
    ] {
        let files = made.map(|made| (made.certificate.display().to_string(), made.key.display().to_string()));
        let options: Vec<&str> =
            files.iter().flat_map(|(own, key)| ["-cert", own.as_str(), "-key", key.as_str()]).collect();
        for version in ["-tls1_2", "-tls1_3"] {
            let said = site.openssl(true, &[&options[..], &[version]].concat(), &format!("{MAIL}QUIT\r\n"));
            assert!(said.contains(wanted), "{version} {wanted}: {said}");
        }
    }
    let (own, key) = (good.certificate.display().to_string(), good.key.display().to_string());
    site.openssl(false, &["-cert", &own, "-key", &key], &format!("{MAIL}{MESSAGE}"));
    let stored = spool(&site.folder).all();
    assert_eq!(stored.len(), 1);
    assert!(stored[0].envelope.iter().any(|line| line.contains("TLS-PEER-CN1: \"CN=client.example\"")));
}

#[test]
fn sessions_are_resumed_also_at_another_server_with_the_same_secret() {
    if !crate::is_here("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("tickets");
    std::fs::write(&secret, [7; 40]).expect("written");
    let kept = folder.path().join("session").display().to_string();
    let lines = format!("PARAM tls-use-scache\nPARAM tls-scache-name {}", secret.display());
    let (one, other) = (Site::new(&lines), Site::new(&lines));
    let stranger = Site::new("PARAM tls-use-scache");
    let plain = Site::new("");
    for version in ["-tls1_2", "-tls1_3"] {
        let said = one.openssl(false, &[version, "-sess_out", &kept], "NOOP\r\nQUIT\r\n");
        assert!(said.contains("\nNew, TLSv1"), "{said}");
        let again = |site: &Site| {
            let own = site.authority.file().display().to_string();
            site.openssl(false, &[version, "-sess_in", &kept, "-CAfile", &own], "QUIT\r\n")
        };
        assert!(again(&one).contains("\nReused, TLSv1"), "{version}");
        assert!(again(&other).contains("\nReused, TLSv1"), "{version}");
        assert!(again(&stranger).contains("\nNew, TLSv1"), "{version}");
        assert!(again(&plain).contains("\nNew, TLSv1"), "{version}");
    }
}

#[test]
fn inetd_hands_over_a_connection_that_begins_with_a_handshake() {
    if !crate::is_here("openssl") {
        return;
    }
    let site = Site::new("");
    let door = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = door.local_addr().expect("an address").to_string();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &address, "-ign_eof"]);
    let talk = std::thread::spawn(move || said(&mut openssl, &format!("{MAIL}{MESSAGE}")));
    let theirs = std::os::fd::OwnedFd::from(door.accept().expect("a connection").0);
    let spool = postoffice();
    let mut child = Command::new(PROGRAM)
        .args(["-n", "-t", "-C"])
        .arg(site.folder.path().join("t.conf"))
        .arg("-P")
        .arg(spool.path())
        .stdin(theirs.try_clone().expect("a copy"))
        .stdout(theirs)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = talk.join().expect("it ends");
    assert!(child.wait().expect("it ends").success());
    assert!(said.contains("250 2.0.0 message accepted"), "{said}");
    assert_eq!(crate::server::spool(&spool).all().len(), 1);
}
