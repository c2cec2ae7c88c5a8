//! The foreign mail programs that tests speak with: whether they are here.
//!
//! The tests themselves use them; this only says beforehand, and loudly, what will be skipped for want of them.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use std::path::{Path, PathBuf};

/// Tells the tests that a missing foreign program is a failure.
pub(crate) const REQUIRE_ENV: &str = "SMTPSERVER_REQUIRE_PEERS";

/// `.ci/run` installs them all.
const PROGRAMS: [&str; 8] =
    ["swaks", "curl", "smtp-source", "python3", "strace", "openssl", "msmtp", "testssl"];

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

/// One step: the daemon built with PAM, and a login by it.
pub(crate) fn pam(steps: &mut Steps, required: bool) {
    steps.step("logins by PAM", || {
        if !Path::new(PAM).is_file() {
            let why = "libpam0g-dev is not installed; .ci/run installs it".to_owned();
            return if required { Outcome::Failed(why) } else { Outcome::Skipped(why) };
        }
        let cargo = ["test", "--quiet", "--package", "smtpserver", "--features", "pam", "--test", "daemon"];
        Outcome::of(cargo::run(&[&cargo[..], &["--", "--nocapture", "pam::"]].concat()))
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
