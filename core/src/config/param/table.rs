//! The rows. Each setter puts a checked value into its one place.

use super::{Argument, Checked, Param, Scope, Unfit, whole};
use crate::config::logs;
use crate::config::{RunAs, Settings};
use crate::limits::REPLY_TEXT_MAX;
use crate::now::Duration;
use crate::server::tarpit::TarpitRule;
use crate::wire::text::BareNewline;

/// Greatest message that may be allowed: a petabyte, far beyond any file system in use.
const OCTETS_MOST: u64 = 1_000_000_000_000_000;
/// Greatest number of recipients, commands or connections that may be allowed.
const COUNT_MOST: u64 = 1_000_000;
/// [`crate::limits::RECIPIENTS_MIN`], in the width of a row.
pub(super) const RECIPIENTS_FLOOR: u64 = 100;
/// Least free space that may be asked for (the manual's ancestor raises smaller values).
const FREE_KIB_FLOOR: u64 = 1_000;
/// Greatest n of DELIVERBY: RFC 2852 §4 allows nine digits.
const BY_SECONDS_MOST: u64 = 999_999_999;
/// Longest wait that may be asked for.
const DAY: Duration = Duration::from_secs(86_400);
/// Shortest wait that has to end by itself.
const SHORTEST: Duration = Duration::from_millis(1);
/// Lines that an operator may add to the reply to HELP.
const HELP_LINES_MAX: usize = 41;
/// Domains that may be named one by one.
const LOCAL_DOMAINS_MAX: usize = 100_000;

pub(super) const fn row(
    name: &'static str,
    spellings: &'static [&'static str],
    default: &'static str,
    argument: Argument,
    doc: &'static str,
) -> Param {
    Param { name, spellings, argument, default, doc, scope: Scope::Group, raw: false, instead: "" }
}

pub(super) const fn count(
    floor: u64,
    most: u64,
    unit: &'static str,
    set: fn(&mut Settings, u64),
) -> Argument {
    Argument::Whole { least: 0, floor, most, unit, set }
}

pub(super) const fn wait(least: Duration, set: fn(&mut Settings, Duration)) -> Argument {
    Argument::Seconds { least, most: DAY, set }
}

/// A number whose row keeps it within 32 bits.
pub(super) fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("every row that uses this is bounded by a million or by nine digits")
}

fn tarpit(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    settings.tarpit = TarpitRule::parse(value).map_err(|fault| (fault.at, Unfit::Tarpit(fault.kind)))?;
    Ok(())
}

fn bare_newline(settings: &mut Settings, value: &str) -> Checked {
    settings.bare_newline = match value {
        word if word.eq_ignore_ascii_case("reject") => BareNewline::Reject,
        word if word.eq_ignore_ascii_case("normalize") => BareNewline::Normalize,
        "" => return Err((0, Unfit::Missing)),
        _ => return Err((0, Unfit::NotAChoice)),
    };
    Ok(())
}

fn deliverby(settings: &mut Settings, value: &str) -> Checked {
    let least =
        if value.is_empty() { 0 } else { whole(value, 0, BY_SECONDS_MOST).map_err(|unfit| (0, unfit))? };
    settings.extensions.deliverby = Some(narrow(least));
    Ok(())
}

fn help(settings: &mut Settings, value: &str) -> Checked {
    if let Some(at) = value.find(|c: char| c.is_control() && c != '\t') {
        return Err((at, Unfit::Control));
    }
    if value.len() > REPLY_TEXT_MAX {
        return Err((0, Unfit::TooLong));
    }
    if settings.help.len() >= HELP_LINES_MAX {
        return Err((0, Unfit::TooMany));
    }
    settings.help.push(value.into());
    Ok(())
}

fn localnames(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    if !is_domain(value) {
        return Err((0, Unfit::NotADomain));
    }
    let domain = value.to_ascii_lowercase();
    let domains = &mut settings.policy.local_domains;
    if domains.len() >= LOCAL_DOMAINS_MAX && !domains.contains(&domain) {
        return Err((0, Unfit::TooMany));
    }
    domains.insert(domain);
    Ok(())
}

fn user(settings: &mut Settings, value: &str) -> Checked {
    if value.is_empty() {
        return Err((0, Unfit::Missing));
    }
    let (user, group) = value.split_once(':').map_or((value, None), |(user, group)| (user, Some(group)));
    if !is_account(user) || !group.is_none_or(is_account) {
        return Err((0, Unfit::NotAnAccount));
    }
    settings.run_as = Some(RunAs { user: user.into(), group: group.map(Into::into) });
    Ok(())
}

/// Whether a word can be the name or the number of a user or a group, as systems write them.
fn is_account(word: &str) -> bool {
    (1..=256).contains(&word.len())
        && !word.starts_with('-')
        && word.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b':' | b'/' | b','))
}

/// Whether a word is a domain name as RFC 2821 §4.1.2 writes it, within the lengths of RFC 1035 §2.3.4.
pub(super) fn is_domain(word: &str) -> bool {
    word.len() <= 255
        && word.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        })
}

/// All parameters.
pub(super) const TABLE: &[Param] = &[
    row(
        "maxsize",
        &[],
        "0",
        count(0, OCTETS_MOST, "octets", |s, n| s.limits.message_octets_max = n),
        "Largest message in octets, as the option -M; 0 for no limit.",
    )
    .global(),
    row(
        "min-availspace",
        &[],
        "5000",
        count(FREE_KIB_FLOOR, OCTETS_MOST, "kibibytes", |s, n| s.limits.free_kib_min = n),
        "Free space, in kibibytes, that a message must leave on the spool's file system.",
    )
    .global(),
    row(
        "RcptLimitCount",
        &["RcptLimitCnt", "Rcpt-Limit-Count"],
        "10000",
        count(RECIPIENTS_FLOOR, COUNT_MOST, "recipients", |s, n| s.limits.recipients_max = narrow(n)),
        "Recipients of one message.",
    ),
    row(
        "max-error-recipients",
        &[],
        "3",
        Argument::Whole {
            least: 1,
            floor: 1,
            most: COUNT_MOST,
            unit: "recipients",
            set: |s, n| s.limits.error_recipients_max = narrow(n),
        },
        "Recipients of a message with the null reverse-path, which is an error message.",
    ),
    row(
        "max-unknown-commands",
        &[],
        "10",
        count(1, COUNT_MOST, "commands", |s, n| s.limits.unknown_commands_max = narrow(n)),
        "Unknown commands after which a session is closed.",
    )
    .global(),
    row(
        "MaxSameIpSource",
        &["same-ip-source-parallel-max"],
        "100",
        count(1, COUNT_MOST, "connections", |s, n| s.limits.same_source_max = narrow(n)),
        "Connections from one source at a time; more are answered 450, more than four times as many not at all.",
    )
    .global(),
    row(
        "MaxParallelConnections",
        &["max-parallel-connections"],
        "800",
        count(1, COUNT_MOST, "connections", |s, n| s.limits.connections_max = narrow(n)),
        "Connections in all at a time; a hundred more are answered 450, others not at all.",
    )
    .global(),
    row(
        "tarpit",
        &[],
        "0 0 0",
        Argument::Text {
            form: "initial exponent toplimit",
            wanted: "the first delay in seconds, its growth, and the longest delay in seconds, such as 20 0.1 300",
            set: tarpit,
        },
        "Delay before refusals: next = previous + previous * exponent, up to toplimit; initial below 1 is off.",
    ),
    row(
        "bare-newline",
        &[],
        "reject",
        Argument::Text { form: "reject|normalize", wanted: "reject or normalize", set: bare_newline },
        "What becomes of a bare CR or LF in a message: it is refused, or the bare newline becomes a line end.",
    ),
    row(
        "deliverby",
        &[],
        "0",
        Argument::Text {
            form: "[N]",
            wanted: "nothing, or a whole number of seconds up to 999999999",
            set: deliverby,
        },
        "Offer DELIVERBY, with N seconds as the least for mode R.",
    ),
    row(
        "NoDELIVERBY",
        &[],
        "",
        Argument::Switch(|s| s.extensions.deliverby = None),
        "Do not offer DELIVERBY.",
    ),
    row(
        "No8BITMIME",
        &[],
        "",
        Argument::Switch(|s| s.extensions.eightbitmime = false),
        "Do not offer 8BITMIME.",
    ),
    row(
        "8BITMIME-OK",
        &[],
        "",
        Argument::Switch(|s| s.extensions.eightbitmime = true),
        "Offer 8BITMIME (the default).",
    ),
    row("NoCHUNKING", &[], "", Argument::Switch(|s| s.extensions.chunking = false), "Do not offer CHUNKING."),
    row(
        "CHUNKING-OK",
        &[],
        "",
        Argument::Switch(|s| s.extensions.chunking = true),
        "Offer CHUNKING (the default).",
    ),
    row("NoDSN", &[], "", Argument::Switch(|s| s.extensions.dsn = false), "Do not offer DSN."),
    row("DSN-OK", &[], "", Argument::Switch(|s| s.extensions.dsn = true), "Offer DSN (the default)."),
    row(
        "NoPIPELINING",
        &[],
        "",
        Argument::Switch(|s| s.extensions.pipelining = false),
        "Do not offer PIPELINING.",
    ),
    row(
        "PIPELINING-OK",
        &[],
        "",
        Argument::Switch(|s| s.extensions.pipelining = true),
        "Offer PIPELINING (the default).",
    ),
    row(
        "NoENHANCEDSTATUSCODES",
        &["NoENHANCEDSTATUS", "NoENCHANCEDSTATUS", "NoENCHANCEDSTATUSCODES"],
        "",
        Argument::Switch(|s| s.extensions.enhanced_status_codes = false),
        "Do not offer ENHANCEDSTATUSCODES.",
    ),
    row(
        "ENHANCEDSTATUSCODES-OK",
        &["ENHANCEDSTATUS-OK", "ENCHANCEDSTATUS-OK", "ENCHANCEDSTATUSCODES-OK"],
        "",
        Argument::Switch(|s| s.extensions.enhanced_status_codes = true),
        "Offer ENHANCEDSTATUSCODES (the default).",
    ),
    row(
        "help",
        &[],
        "",
        Argument::Text {
            form: "[TEXT]",
            wanted: "a line of text; up to 41 lines of up to 480 octets may be given",
            set: help,
        },
        "Add a line to the reply to HELP.",
    )
    .global()
    .raw(),
    row(
        "localnames",
        &[],
        "",
        Argument::Text {
            form: "DOMAIN",
            wanted: "one domain name, such as example.org; up to 100000 may be given",
            set: localnames,
        },
        "Admit all recipients of this domain.",
    ),
    row(
        "user",
        &[],
        "",
        Argument::Text {
            form: "NAME[:GROUP]",
            wanted: "the name or number of a user, and of a group if it is not the user's own, such as mail:mail",
            set: user,
        },
        "Who the server becomes when it was started as root, once its ports and files are open.",
    )
    .global(),
    row(
        "timeout-command",
        &[],
        "300",
        wait(SHORTEST, |s, t| s.timeouts.command = t),
        "How long a client may take for its next command.",
    ),
    row(
        "timeout-data",
        &[],
        "180",
        wait(SHORTEST, |s, t| s.timeouts.data_block = t),
        "How long a client may pause within a message.",
    ),
    row(
        "timeout-answer",
        &[],
        "60",
        wait(SHORTEST, |s, t| s.timeouts.answer = t),
        "How long a session waits for the answer to a question of policy.",
    ),
    row(
        "timeout-store",
        &[],
        "540",
        wait(SHORTEST, |s, t| s.timeouts.store = t),
        "How long a session waits until its message is stored; clients wait ten minutes.",
    ),
    row(
        "timeout-handshake",
        &[],
        "30",
        wait(SHORTEST, |s, t| s.timeouts.handshake = t),
        "How long a TLS handshake may take.",
    ),
    row(
        "timeout-session",
        &[],
        "14400",
        wait(SHORTEST, |s, t| s.timeouts.session = t),
        "How long a session may last in all.",
    ),
    row(
        "timeout-drain",
        &[],
        "30",
        wait(Duration::ZERO, |s, t| s.timeouts.drain = t),
        "How long sessions may go on after the order to stop.",
    )
    .global(),
    row(
        "data-rate-min",
        &[],
        "200",
        count(0, OCTETS_MOST, "octets a second", |s, n| s.timeouts.data_rate_min = n),
        "Least average rate of a message's octets, a second; 0 for none.",
    ),
    row(
        "data-grace",
        &[],
        "180",
        wait(Duration::ZERO, |s, t| s.timeouts.data_grace = t),
        "Time within a message before its rate counts.",
    ),
    row(
        "syslog-format",
        &[],
        "rfc3164",
        Argument::Text {
            form: "rfc3164|rfc5424",
            wanted: "rfc3164 or rfc5424",
            set: |s, value| logs::set_form(&mut s.logs, value),
        },
        "Form of the lines that the option -l SYSLOG sends.",
    )
    .global(),
    row(
        "syslog-facility",
        &[],
        "mail",
        Argument::Text {
            form: "NAME",
            wanted: "mail, daemon, user, auth, authpriv or local0 to local7",
            set: |s, value| logs::set_facility(&mut s.logs, value),
        },
        "Facility under which lines are sent to syslog.",
    )
    .global(),
    row(
        "syslog-socket",
        &[],
        "/dev/log",
        Argument::Text {
            form: "PATH",
            wanted: "an absolute path",
            set: |s, value| logs::set_socket(&mut s.logs, value),
        },
        "Socket at which syslog takes datagrams.",
    )
    .global(),
    row(
        "metrics",
        &[],
        "off",
        Argument::Text {
            form: "ADDRESS:PORT|unix:PATH|off",
            wanted: "a loopback address with a port such as 127.0.0.1:9125, unix: and an absolute path, or off",
            set: |s, value| logs::set_metrics(&mut s.logs, value),
        },
        "Where counters are shown by HTTP, to this machine only.",
    )
    .global(),
];
