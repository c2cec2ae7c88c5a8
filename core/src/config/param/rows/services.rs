//! Rows about logins, policy, helpers and clusters.

use crate::auth::{Mechanism, Mechanisms};
use crate::config::Settings;
use crate::config::choices::{
    EtrnPeer, FilterFailure, MilterFailure, PolicyDb, RatePeer, Secret, SpfLevel, StatsSocket, Users,
    WrapperFiles,
};
use crate::config::param::table::{count, is_domain, narrow, row};
use crate::config::param::{Argument, CheckedWords, Param, Unfit};
use crate::limits::MILTERS_MAX;
use crate::spf::LocalPolicy;
use crate::subserver::Address;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// Octets of a prompt: it travels in base64 within a reply line.
const PROMPT_OCTETS_MAX: usize = 100;
/// Machines of a cluster.
const PEERS_MAX: usize = 40;

pub(super) const fn words(
    form: &'static str,
    wanted: &'static str,
    count: (usize, usize),
    set: fn(&mut Settings, &[&str]) -> CheckedWords,
) -> Argument {
    Argument::Words { form, wanted, count, set }
}

pub(super) const fn path(form: &'static str, set: fn(&mut Settings, &[&str]) -> CheckedWords) -> Argument {
    words(form, "an absolute path", (1, 1), set)
}

pub(super) const fn number(most: u64, unit: &'static str, set: fn(&mut Settings, u64)) -> Argument {
    Argument::Whole { least: 0, floor: 0, most, unit, set }
}

/// A number whose row keeps it within 8 bits.
pub(super) fn small(number: u64) -> u8 {
    u8::try_from(number).expect("every row that uses this is bounded by a hundred")
}

pub(super) fn absolute(place: &mut Option<String>, words: &[&str]) -> CheckedWords {
    if !words[0].starts_with('/') {
        return Err((0, Unfit::NotAbsolute));
    }
    named(place, words)
}

pub(super) fn named(place: &mut Option<String>, words: &[&str]) -> CheckedWords {
    if words[0].is_empty() {
        return Err((0, Unfit::Missing));
    }
    if words[0].contains(char::is_control) {
        return Err((0, Unfit::Control));
    }
    *place = Some(words[0].into());
    Ok(None)
}

fn prompt(place: &mut String, words: &[&str]) -> CheckedWords {
    if words[0].contains(char::is_control) {
        return Err((0, Unfit::Control));
    }
    if words[0].len() > PROMPT_OCTETS_MAX {
        return Err((0, Unfit::TooLong));
    }
    *place = words[0].into();
    Ok(None)
}

fn mechanisms(settings: &mut Settings, given: &[&str]) -> CheckedWords {
    let names: Vec<&str> = given.iter().flat_map(|word| word.split([' ', '\t', ','])).collect();
    let names = names.into_iter().filter(|name| !name.is_empty());
    let (known, foreign): (Vec<_>, Vec<_>) = names.map(Mechanism::parse).partition(Option::is_some);
    if known.is_empty() && foreign.is_empty() {
        return Err((0, Unfit::Missing));
    }
    let named = Mechanisms::of(known.into_iter().flatten());
    settings.auth.mechanisms = (!named.names().is_empty()).then_some(named);
    let all = "only SCRAM-SHA-256-PLUS, SCRAM-SHA-256, OAUTHBEARER, EXTERNAL, PLAIN and LOGIN exist here; the other \
               names are left out";
    Ok((!foreign.is_empty()).then_some(all))
}

fn users(settings: &mut Settings, words: &[&str], of: impl FnOnce(String) -> Users) -> CheckedWords {
    let mut path = None;
    let note = absolute(&mut path, words)?;
    settings.auth.users = path.map(of);
    Ok(note)
}

fn program(settings: &mut Settings, words: &[&str], tokens: bool) -> CheckedWords {
    users(settings, words, |path| Users::Program { path, tokens })
}

fn sender_match(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    if let Some(index) = words.iter().position(|word| !is_domain(word)) {
        return Err((index, Unfit::NotADomain));
    }
    let mut domains: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    if domains.is_empty() {
        domains.push(settings.host.to_ascii_lowercase());
    }
    settings.auth.sender_match = Some(domains);
    Ok(None)
}

fn policydb(place: &mut Option<PolicyDb>, words: &[&str]) -> CheckedWords {
    if let Some(index) = words.iter().position(|word| word.is_empty()) {
        return Err((index, Unfit::Missing));
    }
    *place = Some(PolicyDb { kind: words[0].into(), path: words[1].into() });
    Ok(None)
}

/// Name servers that may be named.
const RESOLVERS_MAX: usize = 10;
/// Where name servers listen (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

fn resolver(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    let resolvers = &mut settings.sources.resolvers;
    if words[0] == "system" {
        resolvers.clear();
        return Ok(None);
    }
    let plain = || words[0].parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    let address = words[0].parse::<SocketAddr>().or_else(|_| plain()).map_err(|_| (0, Unfit::NotAServer))?;
    if resolvers.len() >= RESOLVERS_MAX {
        return Err((0, Unfit::TooMany));
    }
    resolvers.push(address);
    Ok(None)
}

fn wrapper_files(settings: &mut Settings, given: &[&str]) -> CheckedWords {
    let mut files = WrapperFiles::default();
    match given {
        [] => {}
        [allow, deny] => {
            let path = |index: usize, word: &str| {
                let mut place = None;
                absolute(&mut place, &[word]).map_err(|(_, unfit)| (index, unfit))?;
                Ok(place.unwrap_or_default())
            };
            files = WrapperFiles { allow: path(0, allow)?, deny: path(1, deny)? };
        }
        _ => return Err((given.len(), Unfit::Missing)),
    }
    settings.sources.tcp_wrapper = Some(files);
    Ok(None)
}

fn stats_socket(settings: &mut Settings, given: &[&str]) -> CheckedWords {
    let mut place = None;
    settings.sources.stats_socket = if given[0].eq_ignore_ascii_case("off") {
        StatsSocket::Off
    } else {
        absolute(&mut place, given)?;
        StatsSocket::At(place.unwrap_or_default())
    };
    Ok(None)
}

fn filter_failure(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    settings.helpers.filter_failure = match words[0].to_ascii_lowercase().as_str() {
        "freeze" => FilterFailure::Freeze,
        "defer" => FilterFailure::Defer,
        _ => return Err((0, Unfit::NotAChoice)),
    };
    Ok(None)
}

fn policy_service(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    settings.helpers.policy_service = if words[0].eq_ignore_ascii_case("off") {
        None
    } else {
        Some(Address::read(words[0]).ok_or((0, Unfit::NotAService))?)
    };
    Ok(None)
}

fn milter(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    let milters = &mut settings.helpers.milters;
    if words[0].eq_ignore_ascii_case("off") {
        milters.clear();
        return Ok(None);
    }
    let address = Address::read(words[0]).ok_or((0, Unfit::NotAService))?;
    if milters.len() >= MILTERS_MAX {
        return Err((0, Unfit::TooMany));
    }
    milters.push(address);
    Ok(None)
}

fn milter_failure(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    settings.helpers.milter_failure = match words[0].to_ascii_lowercase().as_str() {
        "tempfail" => MilterFailure::Tempfail,
        "accept" => MilterFailure::Accept,
        _ => return Err((0, Unfit::NotAChoice)),
    };
    Ok(None)
}

fn spf_threshold(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    settings.spf.threshold = Some(match words[0].to_ascii_lowercase().as_str() {
        "fail" => SpfLevel::Fail,
        "softfail" => SpfLevel::SoftFail,
        "none" => SpfLevel::None,
        "neutral" => SpfLevel::Neutral,
        "pass" => SpfLevel::Pass,
        _ => return Err((0, Unfit::NotAChoice)),
    });
    Ok(None)
}

fn spf_whitelist(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    settings.spf.default_whitelist = match words[0].to_ascii_lowercase().as_str() {
        "true" => true,
        "false" => false,
        _ => return Err((0, Unfit::NotAChoice)),
    };
    Ok(None)
}

/// A node of a cluster: a name, or an address with or without brackets.
fn node(word: &str) -> Result<String, (usize, Unfit)> {
    let is_address = crate::config::bind::BindAddress::read(word).is_some_and(
        |address| matches!(address, crate::config::bind::BindAddress::Ip(ip) if !ip.is_unspecified()),
    );
    if is_address || is_domain(word) { Ok(word.into()) } else { Err((0, Unfit::NotADomain)) }
}

fn rate_peer(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    let node = node(words[0])?;
    let port = words[1].parse().ok().filter(|port| *port > 0).ok_or((1, Unfit::OutOfRange))?;
    if words[2].is_empty() {
        return Err((2, Unfit::Missing));
    }
    let peers = &mut settings.cluster.rates;
    if peers.len() >= PEERS_MAX {
        return Err((0, Unfit::TooMany));
    }
    peers.push(RatePeer { node, port, secret: Secret(words[2].into()) });
    Ok(None)
}

fn etrn_peer(settings: &mut Settings, words: &[&str]) -> CheckedWords {
    let node = node(words[0])?;
    if let Some(index) = words.iter().position(|word| word.is_empty()) {
        return Err((index, Unfit::Missing));
    }
    let peers = &mut settings.cluster.etrn;
    if peers.len() >= PEERS_MAX {
        return Err((0, Unfit::TooMany));
    }
    peers.push(EtrnPeer { node, user: words[1].into(), password: Secret(words[2].into()) });
    Ok(None)
}

/// The rows.
pub(in crate::config::param) const ROWS: &[Param] = &[
    row(
        "smtp-auth",
        &[],
        "",
        Argument::Switch(|s| s.auth.offered = true),
        "Offer AUTH; who logs in may relay.",
    ),
    row(
        "no-smtp-auth",
        &[],
        "",
        Argument::Switch(|s| s.auth.offered = false),
        "Do not offer AUTH (the default).",
    ),
    row(
        "auth-failrate",
        &[],
        "20",
        count(3, 1_000_000, "failed logins", |s, n| s.auth.failures_max = narrow(n)),
        "Failed logins of one source in an hour; above it every login fails.",
    ),
    row(
        "no-smtp-auth-on-25",
        &["no-smtp-auth-on-port-25"],
        "",
        Argument::Switch(|s| s.auth.not_on_smtp = true),
        "Do not offer AUTH on the service SMTP; SMTPS and SUBMIT have it.",
    ),
    row(
        "smtp-auth-username-prompt",
        &[],
        "\"Username:\"",
        words("TEXT", "a text in quotes of up to 100 octets", (1, 1), |s, w| {
            prompt(&mut s.auth.username_prompt, w)
        }),
        "What AUTH LOGIN asks for the user.",
    ),
    row(
        "smtp-auth-password-prompt",
        &[],
        "\"Password:\"",
        words("TEXT", "a text in quotes of up to 100 octets", (1, 1), |s, w| {
            prompt(&mut s.auth.password_prompt, w)
        }),
        "What AUTH LOGIN asks for the password.",
    ),
    row(
        "AUTH-LOGIN-also-without-TLS",
        &[],
        "",
        Argument::Switch(|s| s.auth.without_tls = true),
        "Offer AUTH without TLS, too.",
    ),
    row(
        "smtp-auth-sasl",
        &[],
        "",
        Argument::Switch(|s| s.auth.sasl = true),
        "Offer all mechanisms there are, or those of sasl-mechanisms.",
    ),
    row(
        "no-smtp-auth-sasl",
        &[],
        "",
        Argument::Switch(|s| s.auth.sasl = false),
        "Offer LOGIN and PLAIN only (the default).",
    ),
    row(
        "sasl-mechanisms",
        &[],
        "",
        words("'NAMES'", "names of mechanisms, such as \"PLAIN LOGIN\"", (1, 20), mechanisms),
        "The mechanisms to offer.",
    ),
    row(
        "SMTP-auth-pipe",
        &[],
        "",
        path("PATH", |s, w| program(s, w, false)),
        "Program that checks logins: user as its argument, password on its input, exit status 0 for yes.",
    ),
    row(
        "smtp-auth-pipe-tokens",
        &[],
        "",
        path("PATH", |s, w| program(s, w, true)),
        "The same, for a program that checks tokens of OAUTHBEARER, too (SMTP_AUTH_KIND=token).",
    ),
    row(
        "smtp-auth-file",
        &[],
        "",
        path("PATH", |s, w| users(s, w, Users::File)),
        "Password file, made by smtpserver passwd.",
    ),
    row(
        "smtp-auth-pam",
        &[],
        "",
        Argument::Switch(|s| s.auth.users = Some(Users::Pam)),
        "Ask PAM, service smtpauth-login.",
    ),
    row(
        "smtp-auth-dovecot",
        &[],
        "",
        path("SOCKET", |s, w| users(s, w, Users::Dovecot)),
        "Ask Dovecot, over this auth socket.",
    ),
    row(
        "smtp-auth-user",
        &[],
        "",
        words("USER", "a user of this machine", (1, 1), |s, w| named(&mut s.auth.run_as, w)),
        "User as whom passwords are checked; without it, whoever started the server.",
    ),
    row(
        "auth-equals-login",
        &[],
        "",
        Argument::Switch(|s| s.auth.equals_login = true),
        "Offer LOGIN as AUTH=LOGIN, too, for very old clients (the default).",
    ),
    row(
        "no-auth-equals-login",
        &[],
        "",
        Argument::Switch(|s| s.auth.equals_login = false),
        "Do not offer AUTH=LOGIN.",
    ),
    row(
        "sender-login-match",
        &[],
        "",
        words("[DOMAINS]", "domains; none for our own name", (0, 100), sender_match),
        "Who has logged in sends as itself: its name is the address, or the local part in one of these domains.",
    ),
    row(
        "add-missing-fields",
        &[],
        "",
        Argument::Switch(|s| s.auth.adds_fields = true),
        "Where a login is required: add Date and Message-ID to messages that lack them.",
    ),
    row(
        "MSA-mode",
        &[],
        "",
        Argument::Switch(|s| s.auth.msa_mode = true),
        "Require a login on every service, but from trusted networks.",
    )
    .global()
    .instead("an old form: a BindSubmit in a group of its own does this for one service"),
    row(
        "use-tcp-wrapper",
        &[],
        "",
        words("[ALLOW DENY]", "nothing, or two absolute paths", (0, 2), wrapper_files),
        "Ask hosts.allow and hosts.deny for the service smtp-receiver; those of /etc when none are named.",
    ),
    row(
        "policydb",
        &[],
        "",
        words("DBTYPE PATH", "a type and a path", (2, 2), |s, w| policydb(&mut s.sources.policydb, w)),
        "The policy data base.",
    ),
    row(
        "policydb-submit",
        &[],
        "",
        words("DBTYPE PATH", "a type and a path", (2, 2), |s, w| policydb(&mut s.sources.policydb_submit, w)),
        "The policy data base of the service SUBMIT, instead of policydb.",
    ),
    row(
        "explain-token",
        &[],
        "",
        Argument::Switch(|s| s.explain_token = true),
        "Show a token in refusals by the policy, under which the log tells what led to them.",
    ),
    row(
        "resolver",
        &[],
        "",
        words("ADDR[:PORT]|system", "the address of a name server, or system", (1, 1), resolver),
        "A name server to ask instead of those that the system names; may be repeated.",
    )
    .global(),
    row(
        "report-auth-file",
        &[],
        "",
        path("PATH", |s, w| absolute(&mut s.sources.report_auth_file, w)),
        "Who may use Z-REPORT, in the form of scheduler.auth.",
    ),
    row(
        "stats-socket",
        &[],
        "",
        words("PATH|off", "an absolute path, or off", (1, 1), stats_socket),
        "Where smtpserver stats and reload ask; without it, .stats.smtpserver in the POSTOFFICE.",
    )
    .global(),
    row(
        "enable-router",
        &[],
        "",
        Argument::Switch(|s| s.helpers.router = true),
        "Let the interactive router be asked about addresses.",
    )
    .global(),
    row(
        "enable-router-maxpar",
        &[],
        "2",
        Argument::Whole {
            least: 1,
            floor: 1,
            most: 20,
            unit: "routers",
            set: |s, n| s.helpers.routers_max = small(n),
        },
        "Interactive routers at a time.",
    )
    .global(),
    row(
        "contentfilter",
        &[],
        "",
        path("PATH", |s, w| absolute(&mut s.helpers.filter, w)),
        "The content filter: a program, or the socket of a running one.",
    )
    .global(),
    row(
        "contentfilter-maxpar",
        &[],
        "2",
        Argument::Whole {
            least: 1,
            floor: 1,
            most: 20,
            unit: "filters",
            set: |s, n| s.helpers.filters_max = small(n),
        },
        "Content filters at a time.",
    )
    .global(),
    row(
        "contentfilter-failure",
        &[],
        "freeze",
        words("freeze|defer", "freeze or defer", (1, 1), filter_failure),
        "What becomes of a message that the filter does not judge: the freezer, or 451 to the client.",
    )
    .global(),
    row(
        "debug-contentfilter",
        &[],
        "",
        Argument::Switch(|s| s.helpers.filter_debug = true),
        "Log what the content filter is asked and answers.",
    )
    .global(),
    row(
        "policy-service",
        &[],
        "off",
        words("ADDRESS|off", "unix:/PATH, inet:HOST:PORT or off", (1, 1), policy_service),
        "A policy service, as Postfix asks one, that is asked about each recipient.",
    ),
    row(
        "milter",
        &[],
        "off",
        words("ADDRESS|off", "unix:/PATH, inet:HOST:PORT or off; up to 4 may be given", (1, 1), milter),
        "A milter that sees each message and may change it; may be repeated, and off begins anew.",
    ),
    row(
        "milter-failure",
        &[],
        "tempfail",
        words("tempfail|accept", "tempfail or accept", (1, 1), milter_failure),
        "What becomes of a message that a milter does not judge: 451 to the client, or on without that milter.",
    ),
    row(
        "perl-hook",
        &[],
        "",
        path("PATH", |s, w| absolute(&mut s.helpers.perl_hook, w)),
        "A Perl script whose hooks are called.",
    )
    .global(),
    row(
        "spf-received",
        &[],
        "",
        Argument::Switch(|s| s.spf.received = true),
        "Write a Received-SPF field where SPF was checked.",
    ),
    row(
        "spf-threshold",
        &[],
        "",
        words("LEVEL", "fail, softfail, none, neutral or pass", (1, 1), spf_threshold),
        "The worst result that is accepted: fail, softfail, none, neutral or pass.",
    ),
    row(
        "spf-localpolicy",
        &[],
        "",
        words("'POLICY'", "SPF mechanisms, in quotes where there are blanks", (1, 1), |s, w| {
            LocalPolicy::parse(w[0], false).map_err(|_| (0, Unfit::NotMechanisms))?;
            named(&mut s.spf.local_policy, w)
        }),
        "SPF mechanisms that are tried before the final one of a record.",
    ),
    row(
        "spf-whitelist-use-default",
        &[],
        "false",
        words("true|false", "true or false", (1, 1), spf_whitelist),
        "Whether forwarders that all trust pass.",
    ),
    row(
        "smtpserver-cluster",
        &["tracking-cluster"],
        "",
        words("NODE PORT SECRET", "a node, its port and a secret; up to 40 may be given", (3, 3), rate_peer),
        "A peer with which rates are shared; may be repeated.",
    )
    .global(),
    row(
        "etrn-cluster",
        &[],
        "",
        words(
            "NODE USER PASSWORD",
            "a node, its mailq user and the password; up to 40 may be given",
            (3, 3),
            etrn_peer,
        ),
        "A node to which ETRN is passed on; may be repeated.",
    )
    .global(),
];
