//! Whole files: what they make, and what is said about those that are not fit.

use super::remark::Gravity;
use super::*;
use crate::config::bind::{BindAddress, Service};
use crate::config::choices::SpfLevel;
use crate::config::param::{self, Argument, Directive, Scope};
use crate::config::patterns::PatternAction;
use alloc::format;
use alloc::string::{String, ToString};
use core::net::Ipv4Addr;
use proptest::prelude::*;

const ZENV: &[u8] = b"MAILVAR=/var/mail\nDBTYPE=btree\nTWO=1 2\n";

fn zenv() -> Zenv {
    Zenv::read("zmailer.conf", ZENV).0
}

fn result(text: &str) -> Result<Configuration, Vec<Remark>> {
    super::read("t.conf", text.as_bytes(), zenv(), &Settings::new("mx.example"), None)
}

fn fit(text: &str) -> Configuration {
    result(text).unwrap_or_else(|remarks| panic!("{text}: {remarks:?}"))
}

/// All errors, each in one line.
fn errors(text: &str) -> Vec<String> {
    let remarks = result(text).expect_err(text);
    assert!(remarks.iter().all(|remark| remark.gravity == Gravity::Error));
    remarks.iter().map(Remark::short).collect()
}

fn warnings(text: &str) -> Vec<String> {
    fit(text).warnings.iter().map(Remark::short).collect()
}

#[test]
fn an_empty_file_listens_for_smtp_everywhere() {
    let configuration = fit("# nothing\n\n  indented is nothing\n");
    assert_eq!(configuration.groups.len(), 1);
    let bind = &configuration.groups[0].binds[0];
    assert_eq!((bind.service, &bind.address, bind.port), (Service::Smtp, &BindAddress::Everywhere, 25));
    assert_eq!(configuration.groups[0].settings, Settings::new("mx.example"));
    assert_eq!(configuration.warnings, []);
    let port = |text: &str, port| {
        let plain = Settings::new("mx.example");
        super::read("t", text.as_bytes(), zenv(), &plain, port).expect(text).groups[0].binds[0].port
    };
    assert_eq!(port("PARAM BindPort 26", None), 26);
    assert_eq!(port("PARAM BindPort 26", Some(27)), 27, "the command line wins");
    assert_eq!(port("PARAM BindSmtp any 26", Some(27)), 26, "which is about old binds only");
}

#[test]
fn the_zenv_file_has_a_say() {
    let with = |zenv: &[u8]| {
        let (zenv, _) = Zenv::read("z", zenv);
        super::read("t", b"", zenv, &Settings::new("mx.example"), None)
    };
    let group = &with(b"BINDADDR=[127.0.0.1]").expect("fit").groups[0];
    assert_eq!(group.binds[0].address, BindAddress::Ip(Ipv4Addr::LOCALHOST.into()));
    assert!(!group.settings.source_routes);
    assert!(with(b"ALLOWSOURCEROUTE=").expect("fit").groups[0].settings.source_routes);
    assert_eq!(
        with(b"BINDADDR=nowhere").expect_err("no address")[0].short(),
        format!("t: BINDADDR of the ZENV file is \"nowhere\"; it takes {}", BindAddress::WANTED)
    );
}

#[test]
fn groups_inherit_from_the_default_group_only() {
    let configuration = fit("\
PARAM max-error-recipients 7
PARAM tarpit 20 0.1 300
PARAM BindSmtp any 25
PARAM newgroup # the second
PARAM max-error-recipients 8
PARAM NoDSN
PARAM BindSubmit [IPv6.::1]
PARAM BindSmtp iface:eth0:1 2500 #
PARAM newgroup
PARAM BindSmtp any 2501
PARAM maxsize 1000
* ve
");
    let groups = &configuration.groups;
    let recipients: Vec<u32> =
        groups.iter().map(|group| group.settings.limits.error_recipients_max).collect();
    assert_eq!(recipients, [7, 8, 7]);
    assert!(groups[0].settings.extensions.dsn && !groups[1].settings.extensions.dsn);
    assert!(groups[2].settings.extensions.dsn);
    let binds: Vec<Vec<String>> = groups
        .iter()
        .map(|group| {
            let said =
                |bind: &Bind| format!("{} {} {} {}", bind.service, bind.address, bind.port, bind.spot.line);
            group.binds.iter().map(said).collect()
        })
        .collect();
    assert_eq!(binds[0], ["SMTP any 25 3"]);
    assert_eq!(binds[1], ["SUBMIT [IPv6:::1] 587 7", "SMTP iface:eth0:1 2500 8"]);
    assert_eq!(binds[2], ["SMTP any 2501 10"]);
    let tarpit = configuration.set_by(1, "tarpit").expect("the default group's");
    assert_eq!((tarpit.line, tarpit.excerpt.as_str()), (2, "PARAM tarpit 20 0.1 300"));
    assert_eq!(configuration.set_by(1, "max-error-recipients").map(|spot| spot.line), Some(5));
    assert_eq!(configuration.set_by(2, "max-error-recipients").map(|spot| spot.line), Some(1));
    assert_eq!(configuration.set_by(2, "maxsize").map(|spot| spot.line), Some(11));
    assert_eq!(configuration.set_by(2, "user"), None);
    for group in groups {
        assert_eq!(group.settings.limits.message_octets_max, 1000, "global wherever it stands");
        assert_eq!(group.settings.tarpit.initial_micros, 20_000_000);
        assert_eq!(group.settings.patterns.lines().len(), 1);
    }
}

#[test]
fn values_are_cut_expanded_and_unquoted() {
    let configuration = fit("\
PARAM help   indented $MAILVAR # all of it
PARAM help
PARAM hdr220 %H ESMTP \"x\" $$5
PARAM contact-pointer-message \"See http://mx.example/\"
PARAM policydb\t$DBTYPE  $MAILVAR/db/smtp-policy # comment
PARAM smtp-auth-username-prompt \"Your name: \"
PARAM sasl-mechanisms \"plain LOGIN\"
PARAM spf-localpolicy 'ip4:192.0.2.0/24 ?exists:%{ir}.example'
PARAM spf-threshold SoftFail
PARAM tls-key-file ${MAILVAR}/key.pem
PARAM etrn-cluster node.example user pw
PARAM tracking-cluster [192.0.2.1] 4711 'a secret'
PARAM deliverby # none
PARAM tls-ask-cert 1
spam.* !no $MAILVAR
");
    let settings = configuration.global();
    assert_eq!(settings.help, ["  indented /var/mail # all of it", ""]);
    assert_eq!(settings.greeting, ["%H ESMTP \"x\" $5"]);
    assert_eq!(settings.contact, "See http://mx.example/");
    let policydb = settings.sources.policydb.as_ref().expect("set");
    assert_eq!((policydb.kind.as_str(), policydb.path.as_str()), ("btree", "/var/mail/db/smtp-policy"));
    assert_eq!(settings.auth.username_prompt, "Your name: ");
    assert_eq!(settings.auth.wanted().names(), "PLAIN LOGIN");
    assert_eq!(settings.spf.local_policy.as_deref(), Some("ip4:192.0.2.0/24 ?exists:%{ir}.example"));
    assert_eq!(settings.spf.threshold, Some(SpfLevel::SoftFail));
    assert_eq!(settings.tls.key_files, ["/var/mail/key.pem"]);
    assert!(settings.tls.ask_client);
    assert_eq!(settings.cluster.etrn[0].password.0, "pw");
    assert_eq!(settings.cluster.rates[0].secret.0, "a secret");
    assert!(!format!("{settings:?}").contains("a secret"));
    let found = settings.patterns.find("spam.example").expect("a line");
    assert_eq!(found.action, PatternAction::Refuse("no $MAILVAR".into()));
}

#[test]
fn pattern_lines_leave_something_to_helo_pattern() {
    let configuration = fit("\
PARAM BindSmtp any 25
PARAM helo-pattern one.* !one
spam.* !file
* ve
PARAM newgroup
PARAM BindSmtp any 26
PARAM helo-pattern spam.* !group
");
    let globs = |group: &Group| -> Vec<String> {
        group.settings.patterns.lines().iter().map(|line| line.glob.clone()).collect()
    };
    assert_eq!(globs(&configuration.groups[0]), ["one.*", "spam.*", "*"]);
    assert_eq!(globs(&configuration.groups[1]), ["one.*", "spam.*", "spam.*", "*"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let text = "\
PARAM maxsiz 5
PARAM maxsize many
PARAM  maxsize
PARAM
PARAM policydb $DBTYP /x
PARAM tls-key-file relative.pem
PARAM NoDSN yes
PARAM BindSmtp nowhere 25
PARAM BindSmtp any 70000
PARAM BindSmtp
PARAM BindAddress any 25
PARAM newgroup twice
PARAM spf-localpolicy \"open
PARAM enable-router-maxpar 21
param maxsize 5
[a ve
PARAM sasl-mechanisms a\u{7}b
PARAM $TWO
PARAM tarpit $TWO x
";
    let positions: Vec<(usize, usize)> =
        result(text).expect_err("much").iter().map(|remark| (remark.spot.line, remark.spot.column)).collect();
    let wanted = [
        [(1, 7), (2, 15), (3, 15), (4, 6)],
        [(5, 16), (6, 20), (7, 13), (8, 16)],
        [(9, 20), (10, 15), (11, 23), (12, 7)],
        [(12, 16), (13, 23), (14, 28), (15, 7)],
        [(16, 1), (17, 24), (18, 7), (19, 19)],
    ]
    .concat();
    assert_eq!(positions, wanted);
    let said = errors(text);
    for words in [
        "t.conf:1:7: there is no parameter \"maxsiz\"; did you mean \"maxsize\"?",
        "t.conf:3:15: maxsize: the value is missing; it takes a whole number of octets",
        "t.conf:5:16: there is no ZENV variable \"DBTYP\"; did you mean \"DBTYPE\"?",
        "t.conf:6:20: tls-key-file: \"relative.pem\" is no absolute path",
        "t.conf:13:23: spf-localpolicy: \"\\\"open\" has a quote that is not closed",
        "t.conf:16:1: this [ has no ]; write \\[ for a bracket itself",
        "t.conf:17:24: this is a control character",
        "t.conf:12:7: this group listens nowhere",
    ] {
        assert!(said.iter().any(|error| error.starts_with(words)), "{words}\n{}", said.join("\n"));
    }
}

#[test]
fn binds_are_held_against_each_other() {
    for (text, wanted) in [
        ("PARAM BindSmtp any 25\nPARAM newgroup", "t.conf:2:7: this group listens nowhere"),
        ("PARAM newgroup\nPARAM BindSmtp any 25", "t.conf:1:7: the default group listens nowhere"),
        (
            "PARAM BindSmtp anny\nPARAM newgroup\nPARAM BindSmtp any",
            "t.conf:1:16: BindSmtp: \"anny\" is no address",
        ),
        ("PARAM BindSmtpS any", "t.conf:1:17: BindSmtpS needs use-tls in its group"),
        (
            "PARAM BindSmtp any\nPARAM BindSubmit any 25",
            "t.conf:2:18: any port 25 is taken by line 1 already",
        ),
        ("PARAM listen-ssmtp", "t.conf: BindSmtpS needs use-tls in its group"),
    ] {
        let said = errors(text);
        assert!(said[0].starts_with(wanted), "{wanted}: {said:?}");
        assert_eq!(said.len(), 1, "{said:?}");
    }
    assert_eq!(fit("PARAM BindSmtp any 0\nPARAM BindSmtp any 0").groups[0].binds.len(), 2);
    let old = fit("PARAM use-tls\nPARAM listen-ssmtp\nPARAM BindAddress any\nPARAM BindAddress any6");
    let ports: Vec<u16> = old.groups[0].binds.iter().map(|bind| bind.port).collect();
    assert_eq!(ports, [465, 25, 465, 25]);
}

#[test]
fn secrets_are_not_repeated() {
    for text in [
        "PARAM etrn-cluster node..example user geheim",
        "PARAM smtpserver-cluster node.example x geheim",
        "PARAM etrn-cluster node user geheim more",
        "PARAM etrn-clustr node user geheim",
    ] {
        for remark in result(text).expect_err(text) {
            assert!(!remark.to_string().contains("geheim") && !remark.short().contains("geheim"), "{remark}");
        }
    }
}

#[test]
fn old_lines_say_what_to_write_today() {
    let said = warnings(
        "PARAM tls-dh512 /x\nPARAM BindAddress any\nPARAM MSA-mode\nPARAM sasl-mechanisms PLAIN CRAM-MD5\n\
         PARAM RcptLimitCount 5\n",
    );
    for words in [
        "t.conf:1:7: warning: tls-dh512: key exchange needs no parameters today",
        "t.conf:2:7: warning: BindAddress is an old form: write BindSmtp ADDRESS PORT",
        "t.conf:3:7: warning: MSA-mode: an old form",
        "t.conf:4:7: warning: sasl-mechanisms: only SCRAM-SHA-256-PLUS, SCRAM-SHA-256, OAUTHBEARER, EXTERNAL, PLAIN and LOGIN exist here; the other names are left out",
        "t.conf:5:7: warning: RcptLimitCount: 5 is too small, 100 is used",
    ] {
        assert!(said.iter().any(|warning| warning.starts_with(words)), "{words}\n{}", said.join("\n"));
    }
}

/// A fit value for each parameter that wants one.
fn value(param: &param::Param) -> String {
    match param.argument {
        Argument::Switch(_) | Argument::Directive(Directive::NewGroup) => String::new(),
        Argument::Obsolete => "/some/thing".to_string(),
        Argument::Directive(_) => "any".to_string(),
        Argument::Whole { floor, .. } => floor.max(1).to_string(),
        Argument::Seconds { .. } => "5".to_string(),
        Argument::Text { form, .. } | Argument::Words { form, .. } => match form {
            "initial exponent toplimit" => "20 0.1 300",
            "reject|normalize" => "normalize",
            "DOMAIN" => "example.org",
            "PATH" => "/some/file",
            "PATH ..." => "/some/file /other/file",
            "DBTYPE PATH" => "$DBTYPE $MAILVAR/db/smtp-policy",
            "ADDR[:PORT]|system" => "192.0.2.53",
            "'POLICY'" => "ip4:192.0.2.0/24",
            "freeze|defer" => "defer",
            "LEVEL" => "softfail",
            "true|false" => "true",
            "NODE PORT SECRET" => "node.example 25 x",
            "NODE USER PASSWORD" => "node.example user x",
            "SOCKET" => "/run/auth",
            "USER" => "nobody",
            "[DOMAINS]" => "local.example",
            "'NAMES'" => "\"PLAIN LOGIN\"",
            "[ALLOW DENY]" => "",
            "PATH|off" => "off",
            "[N]" => "5",
            "rfc3164|rfc5424" => "rfc5424",
            "NAME" => "local3",
            "ADDRESS:PORT|unix:PATH|off" => "unix:/run/smtpserver/metrics",
            "[ftvehRSD]" => "strict",
            "GLOB [LOAD] STYLES" => "*.example * ve",
            "NET..." => "192.0.2.0/24 2001:db8::/32",
            "tempfail|accept" => "accept",
            "ADDRESS|off" => "inet:localhost:10023",
            _ => "text",
        }
        .to_string(),
    }
}

#[test]
fn a_file_that_uses_every_name_of_every_parameter_is_fit() {
    let mut text = String::new();
    for param in param::table() {
        for name in param.names() {
            if !matches!(param.argument, Argument::Directive(_)) && name != "listen-ssmtp" {
                text += &format!("PARAM {name} {}\n", value(param));
            }
        }
    }
    text +=
        "PARAM use-tls\nPARAM BindAddress any\nPARAM BindSmtp any6\nPARAM BindSmtpS any\nPARAM newgroup\n";
    text += "PARAM BindSubmit any\nlocalhost * ftveR\n* veR\n";
    let configuration = fit(&text);
    assert_eq!(configuration.groups.len(), 2);
    assert_ne!(configuration.global(), &Settings::new("mx.example"));
}

#[test]
fn every_parameter_of_the_manual_has_its_scope() {
    let global: Vec<&str> = param::table()
        .iter()
        .filter(|param| param.scope == Scope::Global && !matches!(param.argument, Argument::Obsolete))
        .map(|param| param.name)
        .collect();
    for name in [
        "maxsize",
        "min-availspace",
        "MaxSameIpSource",
        "MaxParallelConnections",
        "max-unknown-commands",
        "enable-router",
        "enable-router-maxpar",
        "MSA-mode",
        "hdr220",
        "help",
        "contentfilter",
        "contentfilter-maxpar",
        "debug-contentfilter",
        "smtpserver-cluster",
        "etrn-cluster",
        "lmtp-mode",
        "allowsourceroute",
    ] {
        assert!(global.contains(&name), "{name}");
    }
    for name in ["max-error-recipients", "RcptLimitCount", "tarpit", "use-tls", "policydb", "smtp-auth"] {
        assert!(!global.contains(&name), "{name}");
    }
}

#[test]
fn there_are_bounds() {
    assert!(errors(&"x\n".repeat(1_000)).len() <= crate::limits::CONFIG_REMARKS_MAX);
    let groups = "PARAM newgroup\nPARAM BindSmtp any 0\n".repeat(200);
    assert!(errors(&groups).iter().any(|error| error.contains("more than 100 groups")));
    assert!(errors(&"PARAM BindSmtp any 0\n".repeat(1_001))[0].contains("more than 1000 places"));
    assert!(errors(&"* ve\n".repeat(10_001))[0].contains("more than 10000 pattern lines"));
    assert!(errors(&"x".repeat(5_000))[0].contains("longer than 4096"));
    let foreign = super::read("t", b"* ve\n* \xff ve\n", zenv(), &Settings::new("mx"), None);
    let remark = &foreign.expect_err("no text")[0];
    assert_eq!((remark.spot.line, remark.spot.column), (2, 3));
}

proptest! {
    /// Lines made of what lines are made of: no panic, and each error stands within the text.
    #[test]
    fn whatever_stands_there_is_read_or_refused(
        lines in prop::collection::vec((
            prop_oneof![
                3 => prop::sample::select(param::table().iter().map(|param| format!("PARAM {} ", param.name)).collect::<Vec<_>>()),
                1 => "PARAM .{0,8}",
                1 => ".{0,6}",
            ],
            "[-a-z0-9$\"'#!*%{}\\[\\]./: é\t]{0,20}",
        ), 0..12),
    ) {
        let text: Vec<String> = lines.iter().map(|(head, tail)| format!("{head}{tail}")).collect();
        let text = text.join("\n");
        let count = text.split('\n').count();
        let remarks = match result(&text) {
            Ok(configuration) => configuration.warnings,
            Err(errors) => errors,
        };
        for remark in remarks {
            prop_assert!(remark.spot.line <= count);
            let line = text.split('\n').nth(remark.spot.line.wrapping_sub(1)).unwrap_or_default();
            prop_assert!(remark.spot.column <= line.chars().count() + 1, "{}", remark);
            prop_assert!(remark.what.lines().count() == 1 && remark.hint.lines().count() <= 1);
        }
    }
}
