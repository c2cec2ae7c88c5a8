//! STARTTLS and SMTPS, with clients that other people wrote and the certificates of a small world of our own.

mod authority;
mod clients;
mod logins;
mod measured;
mod reload;
mod scan;
mod teardown;

use crate::client::Client;
use crate::server::{PROGRAM, Server, as_myself, postoffice};
use authority::{Authority, Kind};
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A server with certificates, listening for SMTP and for SMTPS.
struct Site {
    folder: TempDir,
    authority: Authority,
    server: Option<Server>,
    smtps: SocketAddr,
}

impl Site {
    /// A server with these lines in its configuration besides.
    fn new(lines: &str) -> Site {
        Site::with(&["mx.example"], lines)
    }

    /// The same with a certificate for each of these names.
    fn with(names: &[&str], lines: &str) -> Site {
        let folder = postoffice();
        let authority = Authority::new(folder.path());
        let kinds = [Kind::Ecdsa, Kind::Rsa, Kind::Ed25519];
        let mut files = (String::new(), String::new());
        for (index, name) in names.iter().enumerate() {
            let made = authority.server(&format!("server{index}"), name, kinds[index % 3], 365);
            files.0 += &format!(" {}", made.certificate.display());
            files.1 += &format!(" {}", made.key.display());
        }
        let mut site = Site { folder, authority, server: None, smtps: SocketAddr::from(([127, 0, 0, 1], 0)) };
        site.configure(&format!(
            "PARAM tls-cert-file{}\nPARAM tls-key-file{}\nPARAM tls-CAfile {}\n{lines}",
            files.0,
            files.1,
            site.authority.file().display()
        ));
        let mut command = Command::new(PROGRAM);
        command.args(["--foreground", "-C"]).arg(site.folder.path().join("t.conf"));
        let server = Server::run(command.arg("-P").arg(site.folder.path()));
        let line = server.wait_for("listening on ");
        site.smtps = line["listening on ".len()..].parse().expect("an address");
        site.server = Some(server);
        site
    }

    fn configure(&self, lines: &str) {
        let text = format!(
            "PARAM localnames local.example\nPARAM {}\nPARAM use-tls\n{lines}\nPARAM BindSmtp [127.0.0.1] 0\n\
             PARAM BindSmtpS [127.0.0.1] 0\n",
            as_myself()
        );
        std::fs::write(self.folder.path().join("t.conf"), text).expect("written");
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn smtp(&self) -> SocketAddr {
        self.server().address
    }

    /// Says these lines by `openssl s_client` after a handshake; all that both said.
    fn openssl(&self, starttls: bool, options: &[&str], lines: &str) -> String {
        let address = if starttls { self.smtp() } else { self.smtps };
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address.to_string(), "-CAfile"]);
        command.arg(self.authority.file()).args(["-verify_return_error", "-ign_eof"]).args(options);
        if starttls {
            command.args(["-starttls", "smtp"]);
        }
        said(&mut command, lines)
    }

    fn messages(&self) -> usize {
        crate::server::spool(&self.folder).all().len()
    }
}

/// Runs a command with this on its standard input; all that it says.
fn said(command: &mut Command, lines: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // It may end before it has read all.
    let _ = child.stdin.take().expect("a pipe").write_all(lines.as_bytes());
    let Output { stdout, stderr, .. } = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
}

/// A client that has said STARTTLS and was told to go on.
fn turned(site: &Site) -> Client {
    let mut client = site.server().session();
    assert_eq!(client.ask("STARTTLS").code, 220);
    client
}

const MAIL: &str = "EHLO client.example\r\nMAIL FROM:<ann@client.example>\r\nRCPT TO:<bob@local.example>\r\n";
