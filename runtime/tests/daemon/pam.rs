//! Users of PAM log in, where the program was built with it. What PAM reads in `/etc` is a folder of the test, in a mount
//! namespace of its own: nothing of this machine is changed or asked.

use crate::server::{PROGRAM, Server, as_myself, postoffice};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A program that a module starts.
fn program(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("executable");
}

#[test]
fn users_of_pam_log_in() {
    let folder = postoffice();
    let (secrets, accounts) = (folder.path().join("secrets"), folder.path().join("accounts"));
    program(
        &secrets,
        "read -r password || :\ncase \"$PAM_USER:$(echo $password | tr -d '\\000')\" in ann:pencil|old:pencil) exit 0;; esac\nexit 1",
    );
    program(&accounts, "[ \"$PAM_USER\" != old ]");
    let services = folder.path().join("pam.d");
    std::fs::create_dir(&services).expect("made");
    let service = services.join("smtpauth-login");
    let lines = |kind: &str, options: &str, program: &Path| {
        let program = program.display();
        format!(
            "{kind} [success=1 default=ignore] pam_exec.so quiet {options} {program}\n{kind} requisite pam_deny.so\n{kind} required pam_permit.so\n"
        )
    };
    let text = lines("auth", "expose_authtok", &secrets) + &lines("account", "", &accounts);
    std::fs::write(&service, text).expect("written");

    let own = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
    let mut command = Command::new("unshare");
    command.args([own, "sh", "-c", "mount --bind \"$0\" /etc/pam.d && exec \"$@\""]).arg(&services);
    if !Command::new("unshare").args([own, "true"]).status().is_ok_and(|status| status.success()) {
        // Containers may forbid it, and no program that could be installed helps.
        let _ = writeln!(std::io::stderr(), "SKIPPED: PAM: there can be no mount namespace here");
        return;
    }
    command.args([PROGRAM, "--foreground", "-p", "0", "--param", &as_myself(), "-P"]).arg(folder.path());
    for line in ["smtp-auth", "AUTH-LOGIN-also-without-TLS", "smtp-auth-pam"] {
        command.args(["--param", line]);
    }
    let server = Server::run(&mut command);
    let mut client = server.session();
    for (response, code) in [
        // ann with crayon, bob with pencil, old with pencil: the last one's account does not count any more.
        ("AGFubgBjcmF5b24=", 535),
        ("AGJvYgBwZW5jaWw=", 535),
        ("AG9sZABwZW5jaWw=", 535),
        // ann with pencil.
        ("AGFubgBwZW5jaWw=", 235),
    ] {
        assert_eq!(client.ask(&format!("AUTH PLAIN {response}")).code, code, "{response}");
    }
    assert_eq!(client.ask("MAIL FROM:<ann@local.example>").code, 250);
    // A service that is not there says neither yes nor no.
    std::fs::remove_file(&service).expect("it was there");
    assert_eq!(server.session().ask("AUTH PLAIN AGFubgBwZW5jaWw=").code, 454);
}
