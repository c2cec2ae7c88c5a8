//! What a group of services does, in a few lines for the page of `check-config`: whom it takes mail for, TLS, logins, the
//! tarpit. And the helpers, which are those of the whole process.

use smtpserver_core::config::choices::{Auth, FilterFailure, Helpers, PolicyDb, Tls, Users};
use smtpserver_core::config::file::Group;
use smtpserver_core::server::tarpit::TarpitRule;
use std::path::Path;

/// The lines about one group; the first names it.
pub(super) fn lines(number: usize, group: &Group) -> Vec<String> {
    let settings = &group.settings;
    let binds =
        group.binds.iter().map(|bind| format!("{} {} port {}", bind.service, bind.address, bind.port));
    let binds: Vec<String> = binds.collect();
    let at = if binds.is_empty() { String::new() } else { format!(" ({})", binds.join(", ")) };
    let limits = &settings.limits;
    let mut lines = vec![
        format!("group {number}{at}"),
        format!("  mail for: {}", admitted(group)),
        format!(
            "  recipients: {}, {} of an error message",
            limits.recipients_max, limits.error_recipients_max
        ),
        format!("  TLS: {}", tls(&settings.tls)),
        format!("  AUTH: {}", auth(&settings.auth)),
        format!("  tarpit: {}", tarpit(&settings.tarpit)),
    ];
    if settings.auth.msa_mode {
        lines.push("  MSA-mode: mail only after a login, but from trusted networks".into());
    }
    if settings.lmtp {
        lines.push("  speaks LMTP".into());
    }
    lines
}

/// The lines about helpers.
pub(super) fn helpers(helpers: &Helpers, router: Option<&Path>) -> Vec<String> {
    let filter = match &helpers.filter {
        Some(filter) => {
            let failure = match helpers.filter_failure {
                FilterFailure::Freeze => "freezes",
                FilterFailure::Defer => "refuses for now",
            };
            format!("{filter}, up to {} at a time; {failure} what it does not judge", helpers.filters_max)
        }
        None => "none".into(),
    };
    let router = match router {
        Some(router) => format!("{}, up to {} at a time", router.display(), helpers.routers_max),
        None => "none".into(),
    };
    vec![format!("  content filter: {filter}"), format!("  interactive router: {router}")]
}

/// `1 domain`.
fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn admitted(group: &Group) -> String {
    let settings = &group.settings;
    let of = |db: &Option<PolicyDb>| {
        db.as_ref().map_or_else(String::new, |db| format!(" of {} {}", db.kind, db.path))
    };
    let entries = |rules: &smtpserver_core::policy::Rules| counted(rules.entries(), "entry", "entries");
    let mut said = match &settings.rules {
        Some(rules) => {
            format!("as a policy of {} says{}", entries(rules), of(&settings.sources.policydb))
        }
        None => counted(settings.policy.local_domains.len(), "domain", "domains") + " and our own postmaster",
    };
    if let Some(rules) = &settings.submit_rules {
        said += &format!(
            "; on SUBMIT as one of {} says{}",
            entries(rules),
            of(&settings.sources.policydb_submit)
        );
    }
    said
}

fn tls(tls: &Tls) -> String {
    if !tls.offered {
        return "none".into();
    }
    let mut said = String::from("offered");
    if tls.enforced {
        said += ", no mail without it";
    }
    if tls.require_client {
        said += ", no mail without a certificate that we trust";
    } else if tls.ask_client {
        said += ", clients are asked for a certificate";
    }
    if tls.resumption {
        said += match tls.cache_name.as_deref().map(Path::new) {
            Some(path) if path.is_absolute() => {
                ", sessions are resumed, by other servers with the same secret too"
            }
            Some(_) | None => ", sessions are resumed",
        };
    }
    said
}

fn auth(auth: &Auth) -> String {
    if !auth.offered {
        return "none".into();
    }
    let users = match &auth.users {
        Some(Users::File(path)) => format!("the file {path}"),
        Some(Users::Program { path, .. }) => format!("the program {path}"),
        Some(Users::Pam) => "PAM".into(),
        Some(Users::Dovecot(path)) => format!("Dovecot at {path}"),
        None => "nobody".into(),
    };
    let mut said = format!("{}, users are known to {users}", auth.wanted().names());
    said += if auth.without_tls { ", without TLS too" } else { ", within TLS only" };
    if auth.not_on_smtp {
        said += ", not on the service SMTP";
    }
    said + &format!("; {} failed logins of a source in an hour", auth.failures_max)
}

fn tarpit(rule: &TarpitRule) -> String {
    // Below a second there is none.
    if rule.initial_micros.min(rule.top_micros) < 1_000_000 {
        return "none".into();
    }
    let seconds = |micros: u64| format!("{}.{:03}", micros / 1_000_000, micros / 1_000 % 1_000);
    let short = |micros: u64| seconds(micros).trim_end_matches('0').trim_end_matches('.').to_owned();
    let growth = rule.exponent_millionths;
    format!(
        "{} s, each next one {}.{:02} % longer, up to {} s",
        short(rule.initial_micros),
        growth / 10_000,
        growth / 100 % 100,
        short(rule.top_micros)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::Settings;
    use smtpserver_core::config::file;
    use smtpserver_core::config::zenv::Zenv;

    #[test]
    fn a_group_is_told_in_full() {
        let text = "PARAM BindSmtp any 25\nPARAM localnames a.example\nPARAM newgroup\nPARAM BindSubmit [192.0.2.1]\n\
                    PARAM use-tls\nPARAM tls-enforce-tls 1\nPARAM tls-ask-cert 1\nPARAM tls-use-scache\n\
                    PARAM smtp-auth\nPARAM smtp-auth-file /users\nPARAM no-smtp-auth-on-25\nPARAM tarpit 20 0.1 300\n";
        let plain = Settings::new("mx.example");
        let configuration = file::read("t", text.as_bytes(), Zenv::default(), &plain, None).expect("fit");
        assert_eq!(
            lines(1, &configuration.groups[0]),
            [
                "group 1 (SMTP any port 25)",
                "  mail for: 1 domain and our own postmaster",
                "  recipients: 10000, 3 of an error message",
                "  TLS: none",
                "  AUTH: none",
                "  tarpit: none",
            ]
        );
        assert_eq!(
            lines(2, &configuration.groups[1])[3..],
            [
                "  TLS: offered, no mail without it, clients are asked for a certificate, sessions are resumed",
                "  AUTH: PLAIN LOGIN, users are known to the file /users, within TLS only, not on the service SMTP; \
                 20 failed logins of a source in an hour",
                "  tarpit: 20 s, each next one 10.00 % longer, up to 300 s",
            ]
        );
    }

    #[test]
    fn helpers_are_told() {
        let some = Helpers { filter: Some("/f".into()), filters_max: 5, ..Helpers::default() };
        assert_eq!(
            helpers(&some, Some(Path::new("/r"))),
            [
                "  content filter: /f, up to 5 at a time; freezes what it does not judge",
                "  interactive router: /r, up to 2 at a time"
            ]
        );
        assert_eq!(
            helpers(&Helpers::default(), None),
            ["  content filter: none", "  interactive router: none"]
        );
    }
}
