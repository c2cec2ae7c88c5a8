//! The program of `SMTP-auth-pipe`: the user on its command line, the password on its standard input, exit status 0 for
//! yes. Whatever is not an exit status (it cannot be started, it is killed, it hangs) is no answer.

use super::{BackEnd, Pending};
use crate::limits::PROGRAM_MAX;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use smtpserver_core::auth::{Check, Finding, Means};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// A program that checks passwords. Tokens of OAUTHBEARER too, when it is told to: then `SMTP_AUTH_KIND=token` stands in
/// its environment.
#[derive(Clone, Debug)]
pub(super) struct Program {
    path: PathBuf,
    /// Words before the user's name.
    words: &'static [&'static str],
    /// The exit status that is no answer, if there is one.
    trouble: Option<i32>,
    takes_tokens: bool,
}

impl Program {
    /// The operator's program.
    pub(super) fn new(path: PathBuf, takes_tokens: bool) -> Program {
        Program { path, words: &[], trouble: None, takes_tokens }
    }

    /// Ourselves, to ask PAM.
    #[cfg(feature = "pam")]
    pub(super) fn pam() -> Program {
        let path = PathBuf::from("/proc/self/exe");
        Program { path, words: &["auth-worker", "--pam-check"], trouble: Some(2), takes_tokens: false }
    }

    fn command(&self, user: &str, kind: Option<&str>) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(self.words)
            .arg(user)
            .env_clear()
            .envs([("SHELL", "/bin/sh"), ("IFS", " \t\n"), ("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")])
            .envs(["TZ", "ZCONFIG"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(kind.map(|kind| ("SMTP_AUTH_KIND", kind)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A group of its own, so that what it has started ends with it.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    async fn ask(&self, user: &str, secret: &[u8], kind: Option<&str>) -> Finding {
        let mut child = match self.command(user, kind).spawn() {
            Ok(child) => Group(child),
            Err(error) => {
                eprintln!("smtpserver: {} cannot be started: {error}", self.path.display());
                return Finding::Trouble;
            }
        };
        let answer = timeout(PROGRAM_MAX, async {
            if let Some(mut stdin) = child.0.stdin.take() {
                let mut line = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
                line.extend_from_slice(secret);
                line.push(b'\n');
                // It may know its answer without having read a password.
                let _ = stdin.write_all(&line).await;
            }
            child.0.wait().await
        });
        match answer.await {
            Ok(Ok(status)) => match status.code() {
                Some(0) => Finding::Right,
                code if code.is_some() && code == self.trouble => Finding::Trouble,
                Some(_) => Finding::Wrong,
                None => {
                    eprintln!("smtpserver: {} was killed: {status}", self.path.display());
                    Finding::Trouble
                }
            },
            Ok(Err(error)) => {
                eprintln!("smtpserver: {} has no exit status: {error}", self.path.display());
                Finding::Trouble
            }
            Err(_) => {
                eprintln!("smtpserver: {} did not end in {} s", self.path.display(), PROGRAM_MAX.as_secs());
                Finding::Trouble
            }
        }
    }
}

/// A program with all that it has started; they end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // No id: it has ended and was waited for, and its number may be another's by now.
        if let Some(pid) = self.0.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl BackEnd for Program {
    fn means(&self) -> Means {
        Means { passwords: true, proofs: false, tokens: self.takes_tokens }
    }

    fn check(&self, check: Check) -> Pending<'_> {
        Box::pin(async move {
            let (user, secret, kind) = match &check {
                Check::Password { user, password } => (user, password, None),
                Check::Token { user, token } if self.takes_tokens => (user, token, Some("token")),
                Check::Token { .. } | Check::Salt { .. } | Check::Proof { .. } => return Finding::Trouble,
            };
            // It would be taken for an option.
            if user.as_str().starts_with('-') {
                return Finding::Wrong;
            }
            self.ask(user.as_str(), secret.reveal(), kind).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::auth::{Secret, UserName};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn script(folder: &Path, text: &str) -> Program {
        let path = folder.join("check");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
        Program::new(path, true)
    }

    fn password(user: &str, password: &str) -> Check {
        Check::Password {
            user: UserName::new(user).expect("a name"),
            password: Secret::from(password.as_bytes()),
        }
    }

    #[tokio::test]
    async fn the_exit_status_is_the_answer() {
        let folder = tempfile::tempdir().expect("directory");
        let program = script(
            folder.path(),
            "read -r password || exit 9\nread -r more && exit 9\n[ $# = 1 ] && [ \"$1\" = 'a b' ] && [ \"$password\" = ' pen $x ' ] && [ -z \"$HOME$SMTP_AUTH_KIND\" ]",
        );
        // Blanks at both ends belong to a password; `read` without IFS would eat them.
        let program = Program::new(program.path, false);
        assert_eq!(program.check(password("a b", "pen $x")).await, Finding::Wrong);
        assert_eq!(program.check(password("ann", "pen $x")).await, Finding::Wrong);
        assert_eq!(program.check(password("-a", "x")).await, Finding::Wrong);
        let token = Check::Token { user: UserName::new("ann").expect("a name"), token: Secret::default() };
        assert_eq!(program.check(token).await, Finding::Trouble);
        let program = script(folder.path(), "IFS= read -r password; [ \"$1:$password\" = 'a b: pen $x ' ]");
        assert_eq!(program.check(password("a b", " pen $x ")).await, Finding::Right);
        let program = script(folder.path(), "read -r token; [ \"$SMTP_AUTH_KIND:$token\" = token:abc ]");
        let token = Secret::from(&b"abc"[..]);
        let check = Check::Token { user: UserName::new("ann").expect("a name"), token };
        assert_eq!(program.check(check).await, Finding::Right);
        let program = script(folder.path(), "exit 0 </dev/null");
        assert_eq!(
            program.check(password("ann", &"x".repeat(1024))).await,
            Finding::Right,
            "unread is no fault"
        );
    }

    #[tokio::test]
    async fn what_cannot_start_or_is_killed_lets_nobody_in() {
        let folder = tempfile::tempdir().expect("directory");
        let missing = Program::new(folder.path().join("missing"), false);
        assert_eq!(missing.check(password("ann", "x")).await, Finding::Trouble);
        let program = script(folder.path(), "kill -9 $$");
        assert_eq!(program.check(password("ann", "x")).await, Finding::Trouble);
        std::fs::set_permissions(&program.path, PermissionsExt::from_mode(0o644))
            .expect("no more executable");
        assert_eq!(program.check(password("ann", "x")).await, Finding::Trouble);
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_ended_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().expect("directory");
        let pid_file = folder.path().join("pid");
        // The clock is ours: the half minute passes as soon as nobody has anything to do, so first wait for the pid.
        let program = script(
            folder.path(),
            &format!("sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", pid_file.display()),
        );
        let asking = program.check(password("ann", "x"));
        tokio::pin!(asking);
        let early = timeout(PROGRAM_MAX / 2, &mut asking).await;
        assert!(early.is_err(), "it hangs");
        let pid = tokio::task::spawn_blocking(move || {
            loop {
                if let Ok(text) = std::fs::read_to_string(&pid_file) {
                    return text.trim().parse::<i32>().expect("a pid");
                }
                std::thread::yield_now();
            }
        })
        .await
        .expect("a pid");
        assert_eq!(asking.await, Finding::Trouble);
        let child = Pid::from_raw(pid);
        let gone = tokio::task::spawn_blocking(move || {
            // It ends soon, and whoever inherits it must first bury it.
            (0..20_000).any(|_| {
                std::thread::yield_now();
                let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
                stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ")
            })
        });
        assert!(gone.await.expect("no panic"), "its child lives on");
    }
}
