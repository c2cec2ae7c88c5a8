//! Dovecot's authentication server, asked over its socket (the client's side of its auth protocol, version 1). Each question
//! has a connection of its own, so a hanging one holds up nobody else.

use super::{BackEnd, Pending, fresh_octets};
use crate::limits::DOVECOT_LINE_MAX;
use base64ct::{Base64, Encoding};
use smtpserver_core::auth::{Check, Finding, Means};
use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

/// Dovecot behind a socket, such as `/var/run/dovecot/auth-client`.
#[derive(Clone, Debug)]
pub struct Dovecot {
    path: PathBuf,
    takes_tokens: bool,
}

impl Dovecot {
    /// The server behind this socket; with `takes_tokens`, OAUTHBEARER is passed on, too.
    pub fn new(path: PathBuf, takes_tokens: bool) -> Dovecot {
        Dovecot { path, takes_tokens }
    }

    async fn ask(&self, mechanism: &str, message: &[u8]) -> Result<Finding> {
        let stream = UnixStream::connect(&self.path).await?;
        let (reader, mut writer) = tokio::io::split(stream);
        let mut lines = BufReader::new(reader);
        // It wants a number that no other client of the moment has, and takes a second connection with the same one for a
        // defect: so not our pid.
        let number = u32::from_be_bytes(fresh_octets()?) >> 1 | 1;
        writer.write_all(format!("VERSION\t1\t1\nCPID\t{number}\n").as_bytes()).await?;
        handshake(&mut lines, mechanism).await?;
        let response = Zeroizing::new(Base64::encode_string(message));
        // `resp` must be the last one; `secured` says that the client's connection is private.
        let request =
            Zeroizing::new(format!("AUTH\t1\t{mechanism}\tservice=smtp\tsecured\tresp={}\n", *response));
        writer.write_all(request.as_bytes()).await?;
        answer(&mut lines).await
    }
}

/// Reads until DONE: the version, and whether the mechanism is there.
async fn handshake(lines: &mut (impl AsyncBufReadExt + Unpin), mechanism: &str) -> Result<()> {
    let (mut version, mut offered) = (false, false);
    loop {
        let line = next(lines).await?;
        let mut words = line.split('\t');
        match words.next().unwrap_or_default() {
            "VERSION" if words.next() == Some("1") => version = true,
            "VERSION" => return Err(Error::other("another version of the auth protocol")),
            "MECH" => offered |= words.next() == Some(mechanism),
            "DONE" if version && offered => return Ok(()),
            "DONE" => return Err(Error::other(format!("no version, or {mechanism} is not offered"))),
            // SPID, CUID, COOKIE, and what newer ones add.
            _ => {}
        }
    }
}

async fn answer(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Result<Finding> {
    loop {
        let line = next(lines).await?;
        let mut words = line.split('\t');
        let (verb, number) = (words.next().unwrap_or_default(), words.next());
        let finding = match verb {
            "OK" => Finding::Right,
            // It cannot say now: its own back end is away.
            "FAIL" if words.any(|word| word == "temp" || word == "code=temp_fail") => Finding::Trouble,
            "FAIL" => Finding::Wrong,
            // More is wanted: with one response only, that is a token's bad news.
            "CONT" => Finding::Wrong,
            _ => continue,
        };
        return if number == Some("1") {
            Ok(finding)
        } else {
            Err(Error::other("an answer to another question"))
        };
    }
}

async fn next(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Result<String> {
    let mut line = Vec::new();
    let most = u64::try_from(DOVECOT_LINE_MAX).unwrap_or(u64::MAX);
    lines.take(most).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(Error::new(ErrorKind::UnexpectedEof, "a line without end"));
    }
    String::from_utf8(line).map_err(|_| Error::new(ErrorKind::InvalidData, "a line that is not UTF-8"))
}

impl BackEnd for Dovecot {
    fn means(&self) -> Means {
        Means { passwords: true, proofs: false, tokens: self.takes_tokens }
    }

    fn check(&self, check: Check) -> Pending<'_> {
        Box::pin(async move {
            let user = check.user().as_str().as_bytes();
            let (mechanism, message) = match &check {
                Check::Password { password, .. } => {
                    ("PLAIN", [b"\0", user, b"\0", password.reveal()].concat())
                }
                Check::Token { token, .. } if self.takes_tokens => {
                    let name = check.user().as_str().replace('=', "=3D").replace(',', "=2C");
                    let head = format!("n,a={name},\x01auth=Bearer ");
                    ("OAUTHBEARER", [head.as_bytes(), token.reveal(), b"\x01\x01"].concat())
                }
                Check::Token { .. } | Check::Salt { .. } | Check::Proof { .. } => return Finding::Trouble,
            };
            let message = Zeroizing::new(message);
            self.ask(mechanism, &message).await.unwrap_or_else(|error| {
                tracing::warn!("logins: Dovecot at {}: {error}", self.path.display());
                Finding::Trouble
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Door;
    use smtpserver_core::auth::{Secret, UserName};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::net::UnixListener;

    const HELLO: &str =
        "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tOAUTHBEARER\nSPID\t7\nCUID\t1\nCOOKIE\tabc\nDONE\n";

    /// Says `hello` and then `reply` to every question, and keeps the line open; returns what it heard.
    async fn ask(hello: &'static str, reply: &'static str, check: Check) -> (Finding, Vec<String>) {
        let folder = tempfile::tempdir().expect("directory");
        let path = folder.path().join("auth-client");
        let listener = UnixListener::bind(&path).expect("a socket");
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            let (reader, mut writer) = tokio::io::split(stream);
            writer.write_all(hello.as_bytes()).await.expect("heard");
            let mut heard = Vec::new();
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("AUTH\t") {
                    writer.write_all(reply.as_bytes()).await.expect("heard");
                }
                heard.push(line);
            }
            heard
        });
        let door = Door::new(Arc::new(Dovecot::new(path, true)), 1, Duration::from_secs(10));
        let finding = door.ask(check).await;
        (finding, server.await.expect("no panic"))
    }

    fn password() -> Check {
        Check::Password {
            user: UserName::new("ann").expect("a name"),
            password: Secret::from(&b"pencil"[..]),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_as_its_protocol_says() {
        let (finding, heard) = ask(HELLO, "OK\t1\tuser=ann\n", password()).await;
        assert_eq!(finding, Finding::Right);
        assert_eq!(heard[0], "VERSION\t1\t1");
        let number: u32 = heard[1].strip_prefix("CPID\t").expect("a number").parse().expect("a number");
        assert!(number > 0 && i32::try_from(number).is_ok());
        assert_eq!(heard[2], "AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=AGFubgBwZW5jaWw=");
        let token =
            Check::Token { user: UserName::new("a=n").expect("a name"), token: Secret::from(&b"abc"[..]) };
        let (finding, heard) = ask(HELLO, "OK\t1\tuser=ann\n", token).await;
        assert_eq!(finding, Finding::Right);
        let response = Base64::encode_string(b"n,a=a=3Dn,\x01auth=Bearer abc\x01\x01");
        assert!(
            heard[2].ends_with(&format!("OAUTHBEARER\tservice=smtp\tsecured\tresp={response}")),
            "{heard:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_is_taken_for_what_it_is() {
        for (reply, finding) in [
            ("FAIL\t1\tuser=ann\n", Finding::Wrong),
            ("FAIL\t1\tuser=ann\tauthz\n", Finding::Wrong),
            ("FAIL\t1\tuser=ann\ttemp\n", Finding::Trouble),
            ("FAIL\t1\tcode=temp_fail\n", Finding::Trouble),
            ("CONT\t1\tabc\n", Finding::Wrong),
            ("NEWS\t1\nOK\t1\n", Finding::Right),
            ("OK\t2\n", Finding::Trouble),
            ("OK\n", Finding::Trouble),
            // Silence.
            ("", Finding::Trouble),
            ("OK\t1", Finding::Trouble),
        ] {
            assert_eq!(ask(HELLO, reply, password()).await.0, finding, "{reply:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_not_told_the_password() {
        for hello in [
            "VERSION\t2\t0\nMECH\tPLAIN\nDONE\n",
            "MECH\tPLAIN\nDONE\n",
            "VERSION\t1\t0\nMECH\tCRAM-MD5\nDONE\n",
            "VERSION\t1\t0\nMECH\tPLAIN\n",
            "220 mail ESMTP\n\n\n",
            "VERSION\t1\t0\nMECH\tPLAIN\n\u{0}",
        ] {
            let (finding, heard) = ask(hello, "OK\t1\n", password()).await;
            assert_eq!(finding, Finding::Trouble, "{hello:?}");
            assert!(heard.iter().all(|line| !line.starts_with("AUTH")), "{heard:?}");
        }
        let nobody = Dovecot::new("/nonexistent/auth-client".into(), false);
        assert_eq!(nobody.check(password()).await, Finding::Trouble);
    }
}
