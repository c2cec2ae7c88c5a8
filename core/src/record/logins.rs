//! The choices about logins that a session looks at, as lines of parameters. Every field is named here, so that the
//! compiler asks whoever adds one where it belongs.

use crate::config::Settings;
use crate::config::bind::Service;
use crate::config::choices::Auth;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a session sees: not who knows the users, nor what the server counts.
pub(super) fn seen_by_a_session(settings: &Settings) -> Auth {
    let Auth {
        offered,
        failures_max: _,
        not_on_smtp,
        without_tls,
        equals_login,
        username_prompt,
        password_prompt,
        sasl,
        mechanisms,
        users: _,
        run_as: _,
        msa_mode: _,
        sender_match,
        adds_fields: _,
    } = &settings.auth;
    Auth {
        offered: *offered,
        // On the other services it says nothing, and a session that is lived through again is on this one.
        not_on_smtp: *not_on_smtp && settings.service == Service::Smtp,
        without_tls: *without_tls,
        equals_login: *equals_login,
        username_prompt: username_prompt.clone(),
        password_prompt: password_prompt.clone(),
        sasl: *sasl,
        mechanisms: mechanisms.clone(),
        sender_match: sender_match.clone(),
        // A session that is lived through again is on the service SMTP, and there only `MSA-mode` makes a submission.
        msa_mode: settings.adds_fields(),
        adds_fields: settings.adds_fields(),
        ..Auth::default()
    }
}

/// What is not the default, as lines `NAME VALUE`.
pub(super) fn lines(lines: &mut Vec<String>, settings: &Settings) {
    let (own, default) = (seen_by_a_session(settings), Auth::default());
    for (name, on) in [
        ("smtp-auth", own.offered),
        ("no-smtp-auth-on-25", own.not_on_smtp),
        ("AUTH-LOGIN-also-without-TLS", own.without_tls),
        ("no-auth-equals-login", !own.equals_login),
        ("smtp-auth-sasl", own.sasl),
        ("MSA-mode", own.msa_mode),
        ("add-missing-fields", own.adds_fields),
        ("rcvd-auth-user", settings.received.auth_user),
    ] {
        if on {
            lines.push(name.to_string());
        }
    }
    for (name, text, default) in [
        ("smtp-auth-username-prompt", &own.username_prompt, &default.username_prompt),
        ("smtp-auth-password-prompt", &own.password_prompt, &default.password_prompt),
    ] {
        if text != default {
            lines.push(format!("{name} \"{text}\""));
        }
    }
    lines.extend(own.mechanisms.map(|named| format!("sasl-mechanisms \"{}\"", named.names())));
    lines.extend(own.sender_match.map(|domains| format!("sender-login-match {}", domains.join(" "))));
}
