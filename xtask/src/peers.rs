//! The foreign mail programs that tests speak with: whether they are here.
//!
//! The tests themselves use them; this only says beforehand, and loudly, what will be skipped for want of them.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use std::path::{Path, PathBuf};

/// Tells the tests that a missing foreign program is a failure.
pub(crate) const REQUIRE_ENV: &str = "SMTPSERVER_REQUIRE_PEERS";

/// `.ci/run` installs them all.
const PROGRAMS: [&str; 10] = [
    "swaks",
    "curl",
    "smtp-source",
    "python3",
    "strace",
    "openssl",
    "msmtp",
    "testssl",
    "postgrey",
    "opendkim",
];

/// One step: all of them are here, or some are missing.
pub(crate) fn step(steps: &mut Steps, required: bool) {
    steps.step("foreign programs", || {
        let missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| locate(program).is_none()).collect();
        match missing.join(", ") {
            none if none.is_empty() => Outcome::Passed,
            some if required => Outcome::Failed(format!("not installed: {some}; .ci/run installs them")),
            some => Outcome::Skipped(format!("not installed, and the tests that need them skip: {some}")),
        }
    });
}

/// The header without which nothing can be built with PAM.
const PAM: &str = "/usr/include/security/pam_appl.h";

/// One step: the daemon as it is not built by default, with PAM and with the other library of cryptography. Logins and the
/// seam of TLS are tried.
pub(crate) fn features(steps: &mut Steps, required: bool) {
    steps.step("the daemon's other features: ring, pam", || {
        let with_pam = Path::new(PAM).is_file();
        if !with_pam && required {
            return Outcome::Failed("libpam0g-dev is not installed; .ci/run installs it".to_owned());
        }
        let features = if with_pam { "ring,pam" } else { "ring" };
        let cargo = ["test", "--quiet", "--package", "smtpserver", "--no-default-features", "--features"];
        let names = ["--test", "daemon", "--", "--nocapture", "pam::", "tls::teardown", "tls::logins"];
        if let Err(why) = cargo::run(&[&cargo[..], &[features], &names].concat()) {
            return Outcome::Failed(why);
        }
        if with_pam {
            Outcome::Passed
        } else {
            Outcome::Skipped("pam: libpam0g-dev is not installed; ring passed".to_owned())
        }
    });
}

/// Looks along PATH, and in the folder for system programs, which is not on everybody's PATH.
fn locate(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_along_the_path() {
        assert!(locate("sh").is_some());
        assert_eq!(locate("no-such-program-anywhere"), None);
    }
}
