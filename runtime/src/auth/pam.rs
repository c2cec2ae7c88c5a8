//! PAM, service `smtpauth-login`: one short process for each login, as modules may hang, crash and keep what they like. The
//! helper process starts it as it starts any program that checks passwords.

use crate::Stop;
use nonstick::{
    AuthnFlags, ConversationAdapter, ErrorCode, Result as PamResult, Transaction, TransactionBuilder,
};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, Read};
use std::os::unix::ffi::OsStringExt;
use zeroize::Zeroizing;

/// The name of the service, and so of its file in `/etc/pam.d`.
const SERVICE: &str = "smtpauth-login";
/// Octets of a password that are read: more than any has.
const PASSWORD_MAX: u64 = 2_048;

/// Answers what a module asks for: what may be shown by the name, what may not by the password.
struct Answers {
    user: String,
    password: Zeroizing<Vec<u8>>,
}

impl ConversationAdapter for Answers {
    fn prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(&self.user))
    }

    fn masked_prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from_vec(self.password.to_vec()))
    }

    fn error_msg(&self, _: impl AsRef<OsStr>) {}

    fn info_msg(&self, _: impl AsRef<OsStr>) {}
}

/// Checks the password on standard input: yes, or no as exit code 1, or 2 when PAM could not say.
pub(super) fn run(user: &str) -> Result<(), Stop> {
    let mut password = Zeroizing::new(Vec::with_capacity(2_048));
    let read = std::io::stdin().lock().take(PASSWORD_MAX).read_until(b'\n', &mut password);
    if read.is_err() || password.pop() != Some(b'\n') {
        return Err(Stop::unfit("no password came"));
    }
    check(user, password).map_err(|error| match error {
        // Who they are is not right, or they may not come in (an account that has expired, pam_nologin).
        ErrorCode::AuthenticationError
        | ErrorCode::UserUnknown
        | ErrorCode::MaxTries
        | ErrorCode::PermissionDenied
        | ErrorCode::AccountExpired
        | ErrorCode::CredentialsExpired
        | ErrorCode::NewAuthTokRequired => Stop::failed(error),
        error => Stop::unfit(format!("PAM: {error}")),
    })
}

fn check(user: &str, password: Zeroizing<Vec<u8>>) -> PamResult<()> {
    let answers = Answers { user: user.to_owned(), password };
    let mut login =
        TransactionBuilder::new_with_service(SERVICE).username(user).build(answers.into_conversation())?;
    login.authenticate(AuthnFlags::empty())?;
    login.account_management(AuthnFlags::empty())
}
