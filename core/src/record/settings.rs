//! The settings that a session looks at, as lines and back. What only the server looks at (policy, admission, free
//! space) is left out: its conclusions are in the log, as answers. Every field is named here, so that the compiler asks
//! whoever adds one where it belongs.

use super::print::Print;
use super::{logins, manners, tls};
use crate::config::choices::{Helpers, MilterFailure, ReceivedParts};
use crate::config::{Extensions, Settings};
use crate::limits::{Limits, Timeouts};
use crate::now::{Duration, micros};
use crate::policy::Policy;
use crate::subserver::Address;
use crate::wire::text::BareNewline;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Stands for whatever filter there is.
const SOME_FILTER: &str = "/";

/// A policy service, whichever it was.
fn some_service() -> Address {
    Address::Unix("/".into())
}

/// The settings without what no session looks at.
fn seen_by_a_session(settings: &Settings) -> Settings {
    let Settings {
        host,
        limits,
        timeouts,
        tarpit,
        extensions,
        policy: _,
        rules: _,
        submit_rules: _,
        own_addresses: _,
        explain_token: _,
        reasons: _,
        bare_newline,
        help,
        run_as: _,
        transcript,
        logs: _,
        service: _,
        received,
        sockets: _,
        auth: _, // In `logins`.
        tls,
        spf: _,
        helpers,
        sources: _,
        host_access: _,
        report_auth: _,
        cluster: _,
        greeting,
        contact,
        multiline_replies,
        notify_never,
        source_routes,
        lmtp,
        style,
        patterns,
        verbs,
        manners,
    } = settings;
    let Limits {
        message_octets_max,
        free_kib_min: _,
        recipients_max,
        error_recipients_max,
        unknown_commands_max,
        same_source_max: _,
        connections_max: _,
        handshakes_max: _,
        parallel_syncs_max: _,
    } = limits;
    Settings {
        host: host.clone(),
        limits: Limits {
            message_octets_max: *message_octets_max,
            recipients_max: *recipients_max,
            error_recipients_max: *error_recipients_max,
            unknown_commands_max: *unknown_commands_max,
            ..Limits::default()
        },
        received: ReceivedParts { auth_user: received.auth_user, ..tls::received(*received) },
        tls: tls::seen_by_a_session(tls),
        timeouts: timeouts.clone(),
        tarpit: *tarpit,
        extensions: Extensions { ehlo: true, etrn: true, ..*extensions },
        policy: Policy::default(),
        bare_newline: *bare_newline,
        help: help.clone(),
        run_as: None,
        transcript: *transcript,
        greeting: greeting.clone(),
        contact: contact.clone(),
        multiline_replies: *multiline_replies,
        notify_never: *notify_never,
        source_routes: *source_routes,
        lmtp: *lmtp,
        style: *style,
        patterns: patterns.clone(),
        verbs: *verbs,
        // Whether they are there; who they are and what they say is the server's affair.
        helpers: Helpers {
            router: helpers.router,
            filter: helpers.filter.as_ref().map(|_| SOME_FILTER.to_string()),
            filter_debug: helpers.filter_debug,
            milters: helpers.milters.iter().map(|_| some_service()).collect(),
            milter_failure: helpers.milter_failure,
            policy_service: helpers.policy_service.as_ref().map(|_| some_service()),
            ..Helpers::default()
        },
        auth: logins::seen_by_a_session(settings),
        manners: manners::seen_by_a_session(manners),
        ..Settings::new("")
    }
}

/// The fingerprint of the settings that a session looks at.
pub(super) fn print(settings: &Settings) -> u64 {
    Print::of(format_args!("{:?}", seen_by_a_session(settings)))
}

/// What a session looks at and is not the default, as lines `NAME VALUE` of parameters. The host's name and whether
/// there is a transcript are no parameters and are not among them.
pub(super) fn lines(settings: &Settings) -> Vec<String> {
    let plain = Settings::new("");
    let mut lines = Vec::new();
    let mut number = |name: &str, value: u64, default: u64| {
        if value != default {
            lines.push(format!("{name} {value}"));
        }
    };
    let (own, default) = (&settings.limits, &plain.limits);
    number("maxsize", own.message_octets_max, default.message_octets_max);
    number("RcptLimitCount", own.recipients_max.into(), default.recipients_max.into());
    number("max-error-recipients", own.error_recipients_max.into(), default.error_recipients_max.into());
    number("max-unknown-commands", own.unknown_commands_max.into(), default.unknown_commands_max.into());
    number("data-rate-min", settings.timeouts.data_rate_min, plain.timeouts.data_rate_min);
    waits(&mut lines, &settings.timeouts, &plain.timeouts);
    if settings.tarpit != plain.tarpit {
        let rule = settings.tarpit;
        let parts = [rule.initial_micros, rule.exponent_millionths, rule.top_micros].map(decimal);
        lines.push(format!("tarpit {}", parts.join(" ")));
    }
    if settings.bare_newline == BareNewline::Normalize {
        lines.push("bare-newline normalize".to_string());
    }
    extensions(&mut lines, &settings.extensions);
    let helpers = &settings.helpers;
    lines.extend(helpers.router.then(|| "enable-router".to_string()));
    lines.extend(helpers.filter.as_ref().map(|_| format!("contentfilter {SOME_FILTER}")));
    lines.extend(helpers.policy_service.as_ref().map(|_| format!("policy-service {}", some_service())));
    lines.extend(helpers.milters.iter().map(|_| format!("milter {}", some_service())));
    if helpers.milter_failure == MilterFailure::Accept {
        lines.push("milter-failure accept".into());
    }
    lines.extend(helpers.filter_debug.then(|| "debug-contentfilter".to_string()));
    logins::lines(&mut lines, settings);
    manners::lines(&mut lines, settings);
    tls::lines(&mut lines, settings);
    lines.extend(settings.help.iter().map(|line| format!("help {line}")));
    lines
}

fn waits(lines: &mut Vec<String>, own: &Timeouts, default: &Timeouts) {
    let Timeouts {
        command,
        data_block,
        answer,
        store,
        handshake,
        session,
        drain,
        data_rate_min: _,
        data_grace,
    } = own;
    for (name, value, default) in [
        ("timeout-command", command, default.command),
        ("timeout-data", data_block, default.data_block),
        ("timeout-answer", answer, default.answer),
        ("timeout-store", store, default.store),
        ("timeout-handshake", handshake, default.handshake),
        ("timeout-session", session, default.session),
        ("timeout-drain", drain, default.drain),
        ("data-grace", data_grace, default.data_grace),
    ] {
        if *value != default {
            lines.push(format!("{name} {}", seconds(*value)));
        }
    }
}

fn extensions(lines: &mut Vec<String>, own: &Extensions) {
    let Extensions {
        ehlo,
        eightbitmime,
        pipelining,
        chunking,
        enhanced_status_codes,
        dsn,
        deliverby,
        etrn: _,
    } = own;
    for (name, on) in [
        ("NoEHLO", ehlo),
        ("No8BITMIME", eightbitmime),
        ("NoPIPELINING", pipelining),
        ("NoCHUNKING", chunking),
        ("NoENHANCEDSTATUSCODES", enhanced_status_codes),
        ("NoDSN", dsn),
    ] {
        if !on {
            lines.push(name.to_string());
        }
    }
    match deliverby {
        None => lines.push("NoDELIVERBY".to_string()),
        Some(0) => {}
        Some(least) => lines.push(format!("deliverby {least}")),
    }
}

pub(super) fn seconds(span: Duration) -> String {
    decimal(micros(span))
}

/// Millionths as a decimal number.
fn decimal(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::param;

    fn made_of(lines: &[String]) -> Settings {
        let mut settings = Settings::new("mx.example");
        for line in lines {
            param::apply(&mut settings, line).expect("a parameter");
        }
        settings
    }

    #[test]
    fn what_was_set_can_be_set_again() {
        assert_eq!(lines(&Settings::new("mx.example")), [""; 0]);
        let given: Vec<String> = [
            "maxsize 1000000",
            "RcptLimitCount 101",
            "max-error-recipients 1",
            "max-unknown-commands 2",
            "data-rate-min 0",
            "timeout-command 0.25",
            "timeout-data 7",
            "timeout-answer 8",
            "timeout-store 9",
            "timeout-handshake 10",
            "timeout-session 100.000001",
            "timeout-drain 0.5",
            "data-grace 3",
            "tarpit 20 0.1 300",
            "bare-newline normalize",
            "No8BITMIME",
            "NoPIPELINING",
            "NoCHUNKING",
            "NoENHANCEDSTATUSCODES",
            "NoDSN",
            "NoDELIVERBY",
            "NoEHLO",
            "style SR",
            "helo-pattern *.example 40 !go away",
            "helo-pattern * * ve",
            "max-loadaverage 20",
            "hdr220 %H first",
            "hdr220 %H second",
            "contact-pointer-message \"see http://www.example/\"",
            "greet-pause 2.5",
            "xclient-from 192.0.2.0/24 ::1",
            "helo-syntax-check",
            "lmtp-mode",
            "no-multiline-replies",
            "force-rcpt-notify-never",
            "allowsourceroute",
            "DEBUGcmd",
            "EXPNcmd",
            "VRFYcmd",
            "check-pipelining",
            "smtp-auth",
            "no-smtp-auth-on-25",
            "AUTH-LOGIN-also-without-TLS",
            "no-auth-equals-login",
            "smtp-auth-username-prompt \"  Who? \"",
            "smtp-auth-password-prompt \"\"",
            "smtp-auth-sasl",
            "sasl-mechanisms \"PLAIN SCRAM-SHA-256\"",
            "sender-login-match local.example other.example",
            "MSA-mode",
            "add-missing-fields",
            "rcvd-auth-user",
            "use-tls",
            "tls-enforce-tls 1",
            "tls-require-cert 1",
            "outlook-tls-bug",
            "rcvd-tls-mode",
            "rcvd-tls-peer",
            "help one line",
            "help",
        ]
        .map(str::to_string)
        .to_vec();
        let settings = made_of(&given);
        let again = made_of(&lines(&settings));
        assert_eq!(again, settings);
        assert_eq!(print(&again), print(&settings));
        let strict = made_of(&["style strict".to_string()]);
        assert_eq!(made_of(&lines(&strict)), strict);
        assert_eq!(made_of(&lines(&made_of(&["deliverby 60".to_string()]))).extensions.deliverby, Some(60));
    }

    #[test]
    fn only_what_a_session_sees_is_in_the_fingerprint() {
        let plain = Settings::new("mx.example");
        let mut other = plain.clone();
        other.policy.local_domains.insert("local.example".to_string());
        other.limits.connections_max = 1;
        assert_eq!(print(&other), print(&plain));
        other.limits.recipients_max = 123;
        assert_ne!(print(&other), print(&plain));
    }
}
