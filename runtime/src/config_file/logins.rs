//! Whether logins can work where they are offered: somebody must know the users, and clients must get so far.

use crate::listen::Wanted;
use crate::subserver::check_program;
use smtpserver_core::config::bind::Service;
use smtpserver_core::config::choices::Users;
use smtpserver_core::config::file::Configuration;
use smtpserver_core::config::file::remark::Remark;
use std::path::Path;

/// Logins need somebody who knows the users.
pub(super) fn that_nobody_knows(wanted: &[Wanted]) -> Vec<Remark> {
    let wrong =
        wanted.iter().filter(|place| place.settings.auth.offered && place.settings.auth.users.is_none());
    wrong
        .map(|place| {
            let hint = "set smtp-auth-file, SMTP-auth-pipe, smtp-auth-pam or smtp-auth-dovecot";
            place.asked_by.clone().error("smtp-auth is on here, and nobody knows the users", hint)
        })
        .collect()
}

/// A program that is to know the users, and cannot be started.
pub(super) fn that_no_program_checks(configuration: &Configuration) -> Vec<Remark> {
    let mut wrong = Vec::new();
    for (index, group) in configuration.groups.iter().enumerate() {
        let auth = &group.settings.auth;
        let Some(Users::Program { path, tokens }) = auth.users.as_ref().filter(|_| auth.offered) else {
            continue;
        };
        let param = if *tokens { "smtp-auth-pipe-tokens" } else { "SMTP-auth-pipe" };
        if let (Err(why), Some(spot)) = (check_program(Path::new(path)), configuration.set_by(index, param)) {
            wrong.push(spot.clone().error(format!("{path}: {why}"), ""));
        }
    }
    wrong
}

/// What is fit, and yet serves nobody as it was probably meant.
pub(super) fn that_nobody_reaches(wanted: &[Wanted]) -> impl Iterator<Item = Remark> {
    wanted.iter().filter_map(|place| {
        let (auth, tls) = (&place.settings.auth, &place.settings.tls);
        let wants = auth.msa_mode || place.settings.service == Service::Submit;
        let (what, hint) = if wants && !auth.offered {
            let what = "mail is taken here after a login only, and none is offered: who is not trusted by the policy cannot send";
            (what, "set smtp-auth and who knows the users")
        } else if auth.offered && !tls.offered && !auth.without_tls {
            let what = "logins are taken within TLS only, and there is no TLS here: nobody can log in";
            (what, "set use-tls, or AUTH-LOGIN-also-without-TLS")
        } else {
            return None;
        };
        Some(place.asked_by.clone().warning(what, hint))
    })
}
