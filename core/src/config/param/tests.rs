//! The table against the settings it sets, the complaints against what an operator may write.

use super::*;
use crate::limits::RECIPIENTS_MIN;
use crate::near;
use crate::server::tarpit::TarpitRule;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use proptest::prelude::*;

fn settings() -> Settings {
    Settings::new("mx.example.org")
}

fn set(line: &str) -> Settings {
    let mut settings = settings();
    assert_eq!(apply(&mut settings, line), Ok(None), "{line}");
    settings
}

/// The column and the text of the complaint about a line, which must change nothing.
fn complaint(line: &str) -> (usize, String) {
    let mut settings = settings();
    let fault = apply(&mut settings, line).expect_err(line);
    assert_eq!(settings, self::settings(), "{line}");
    (fault.column, fault.to_string())
}

#[test]
fn every_name_is_there_once_and_every_row_is_told() {
    let mut names = BTreeSet::new();
    for param in table() {
        for name in param.names() {
            assert!(names.insert(name.to_ascii_lowercase()), "{name} twice");
        }
        assert!(param.doc.ends_with('.') && param.doc.len() <= 105, "{}", param.name);
        assert!(!param.argument.wanted().is_empty());
    }
}

#[test]
fn the_defaults_in_the_table_are_the_defaults() {
    for param in table().iter().filter(|param| !param.default.is_empty()) {
        assert_eq!(set(&format!("{} {}", param.name, param.default)), settings(), "{}", param.name);
    }
    assert_eq!(table::RECIPIENTS_FLOOR, u64::from(RECIPIENTS_MIN));
}

#[test]
fn numbers_go_to_their_places() {
    assert_eq!(set("maxsize 10000000").limits.message_octets_max, 10_000_000);
    assert_eq!(set("min-availspace 6000").limits.free_kib_min, 6_000);
    assert_eq!(set("RcptLimitCount 500").limits.recipients_max, 500);
    assert_eq!(set("rcptlimitcnt 501").limits.recipients_max, 501);
    assert_eq!(set("Rcpt-Limit-Count 502").limits.recipients_max, 502);
    assert_eq!(set("max-error-recipients 5").limits.error_recipients_max, 5);
    assert_eq!(set("max-unknown-commands 7").limits.unknown_commands_max, 7);
    assert_eq!(set("MaxSameIpSource 11").limits.same_source_max, 11);
    assert_eq!(set("same-ip-source-parallel-max 12").limits.same_source_max, 12);
    assert_eq!(set("MAXPARALLELCONNECTIONS 13").limits.connections_max, 13);
    assert_eq!(set(" max-parallel-connections\t14  ").limits.connections_max, 14);
    assert_eq!(set("data-rate-min 0").timeouts.data_rate_min, 0);
}

#[test]
fn waits_go_to_their_places() {
    let half = Duration::from_millis(500);
    assert_eq!(set("timeout-command 0.5").timeouts.command, half);
    assert_eq!(set("timeout-data 0.5").timeouts.data_block, half);
    assert_eq!(set("timeout-answer 0.5").timeouts.answer, half);
    assert_eq!(set("timeout-store 0.5").timeouts.store, half);
    assert_eq!(set("timeout-session 0.5").timeouts.session, half);
    assert_eq!(set("timeout-drain 0").timeouts.drain, Duration::ZERO);
    assert_eq!(set("data-grace 0.5").timeouts.data_grace, half);
}

#[test]
fn switches_turn_extensions_off_and_on_again() {
    type Look = fn(&Settings) -> bool;
    let cases: [(&str, &str, Look); 11] = [
        ("No8BITMIME", "8BITMIME-OK", |s| s.extensions.eightbitmime),
        ("nochunking", "Chunking-ok", |s| s.extensions.chunking),
        ("NoDSN", "DSN-OK", |s| s.extensions.dsn),
        ("NoPIPELINING", "PIPELINING-OK", |s| s.extensions.pipelining),
        ("NoENHANCEDSTATUSCODES", "ENHANCEDSTATUSCODES-OK", |s| s.extensions.enhanced_status_codes),
        ("NoENHANCEDSTATUS", "ENHANCEDSTATUS-OK", |s| s.extensions.enhanced_status_codes),
        ("NoENCHANCEDSTATUS", "ENCHANCEDSTATUS-OK", |s| s.extensions.enhanced_status_codes),
        ("NoENCHANCEDSTATUSCODES", "ENCHANCEDSTATUSCODES-OK", |s| s.extensions.enhanced_status_codes),
        ("NoDELIVERBY", "deliverby", |s| s.extensions.deliverby == Some(0)),
        ("NoDELIVERBY", "deliverby 0", |s| s.extensions.deliverby == Some(0)),
        ("NoDELIVERBY", "DELIVERBY 120", |s| s.extensions.deliverby == Some(120)),
    ];
    for (off, on, look) in cases {
        let mut settings = set(off);
        assert!(!look(&settings), "{off}");
        assert_eq!(apply(&mut settings, on), Ok(None));
        assert!(look(&settings), "{on}");
    }
    assert_eq!(set("NoDELIVERBY").extensions.deliverby, None);
}

#[test]
fn texts_are_added() {
    let mut settings = settings();
    for line in ["help =====", "HELP   Questions to  <postmaster>  ", "help"] {
        assert_eq!(apply(&mut settings, line), Ok(None));
    }
    assert_eq!(settings.help, ["=====", "  Questions to  <postmaster>", ""], "leading blanks belong to it");
    for line in ["localnames Example.ORG", "localnames example.org", "localnames a-1.example.net"] {
        assert_eq!(apply(&mut settings, line), Ok(None));
    }
    let domains: Vec<_> = settings.policy.local_domains.iter().map(String::as_str).collect();
    assert_eq!(domains, ["a-1.example.net", "example.org"]);
    let rule =
        TarpitRule { initial_micros: 20_000_000, exponent_millionths: 100_000, top_micros: 300_000_000 };
    assert_eq!(set("tarpit 20 0.1 300").tarpit, rule);
}

#[test]
fn a_greeting_has_no_letters_that_mean_nothing() {
    assert_eq!(set("hdr220 %% %H %I %i %p %V %T %X").greeting, ["%% %H %I %i %p %V %T %X"]);
    for (line, column) in
        [("hdr220 %H at %Q!", 14), ("hdr220 100%", 11), ("hdr220 %%%", 10), ("hdr220 %h", 8)]
    {
        let (at, text) = complaint(line);
        assert_eq!(at, column, "{line}");
        assert!(
            text.contains("has a % without one of its letters; it takes a line of text with %H, %V"),
            "{text}"
        );
    }
}

#[test]
fn a_cache_is_shared_by_an_absolute_path() {
    assert_eq!(set("tls-scache-name /etc/secret").tls.cache_name.as_deref(), Some("/etc/secret"));
    let (column, text) = complaint("tls-scache-name etc/secret");
    assert_eq!(column, 17);
    assert!(text.contains("is no absolute path; it takes an absolute path"), "{text}");
    // The manual's own form.
    let note = apply(&mut settings(), "tls-scache-name 'zzzz'").expect("fit").expect("a note");
    assert!(note.to_string().contains("shared with nobody: write the absolute path"), "{note}");
}

#[test]
fn whom_to_become_is_a_user_and_perhaps_a_group() {
    let run_as = |line: &str| set(line).run_as.map(|run_as| (run_as.user, run_as.group));
    assert_eq!(run_as("user mail"), Some(("mail".into(), None)));
    assert_eq!(run_as("USER 8:adm"), Some(("8".into(), Some("adm".into()))));
    for line in ["user mail:", "user :adm", "user a:b:c", "user two words", "user -1", "user ../x"] {
        let (column, text) = complaint(line);
        assert_eq!(column, 6, "{line}");
        assert!(text.contains("is no user") && text.contains("such as mail:mail"), "{text}");
    }
}

#[test]
fn help_has_an_end() {
    let mut settings = settings();
    for _ in 0..41 {
        assert_eq!(apply(&mut settings, "help line"), Ok(None));
    }
    let before = settings.clone();
    let fault = apply(&mut settings, "help line").expect_err("one too many");
    assert_eq!(fault.to_string().split(';').next(), Some("help: \"line\" is one too many"));
    assert_eq!(settings, before);
    let long = "x".repeat(481);
    assert!(complaint(&format!("help {long}")).1.contains("is too long"));
}

#[test]
fn small_values_are_raised_with_a_note() {
    for (line, name, given, used) in [
        ("min-availspace 999", "min-availspace", 999, 1_000),
        ("Rcpt-Limit-Count 99", "RcptLimitCount", 99, 100),
        ("max-unknown-commands 0", "max-unknown-commands", 0, 1),
        ("MaxSameIpSource 0", "MaxSameIpSource", 0, 1),
    ] {
        let mut settings = settings();
        let kind = NoteKind::Raised { given, used };
        assert_eq!(apply(&mut settings, line), Ok(Some(ParamNote { name, kind })));
        assert_ne!(settings, self::settings(), "{line}");
    }
    let note = ParamNote { name: "min-availspace", kind: NoteKind::Raised { given: 500, used: 1_000 } };
    assert_eq!(note.to_string(), "min-availspace: 500 is too small, 1000 is used");
}

#[test]
fn complaints_name_the_place_the_fault_and_what_is_wanted() {
    for (line, column, text) in [
        ("", 1, "the name of a parameter is missing"),
        (" \t", 1, "the name of a parameter is missing"),
        (
            "maxsize",
            8,
            "maxsize: the value is missing; it takes a whole number of octets from 0 to 1000000000000000",
        ),
        (
            "  MaxSameIpSource  many",
            20,
            "MaxSameIpSource: \"many\" is no whole number; it takes a whole number of connections from 1 to 1000000",
        ),
        (
            "max-error-recipients 0",
            22,
            "max-error-recipients: \"0\" is out of range; it takes a whole number of recipients from 1 to 1000000",
        ),
        ("NoDSN yes", 7, "NoDSN: \"yes\" is too much; it takes no value"),
        (
            "timeout-command 0",
            17,
            "timeout-command: \"0\" is out of range; it takes seconds from 0.001 to 86400, such as 30 or 0.5",
        ),
        (
            "timeout-command soon",
            17,
            "timeout-command: \"soon\" is not a decimal number such as 20 or 0.1; it takes seconds from 0.001 to \
             86400, such as 30 or 0.5",
        ),
        (
            "tarpit 20 -0.1 300",
            11,
            "tarpit: \"20 -0.1 300\" must not be negative; it takes the first delay in seconds, its growth, and the \
             longest delay in seconds, such as 20 0.1 300",
        ),
        (
            "localnames -x.example",
            12,
            "localnames: \"-x.example\" is no domain name; it takes one domain name, such as example.org; up to \
             100000 may be given",
        ),
        ("maxsiz 5", 1, "there is no parameter \"maxsiz\"; did you mean \"maxsize\"?"),
        (" NoPIPELINNIG", 2, "there is no parameter \"NoPIPELINNIG\"; did you mean \"NoPIPELINING\"?"),
        ("frobnicate 1", 1, "there is no parameter \"frobnicate\""),
        ("\u{e9}\u{7} 1", 1, "there is no parameter \"\u{e9}\\u{7}\""),
        (
            "help \u{e9}\u{7}",
            7,
            "help: \"\u{e9}\\u{7}\" holds control characters; it takes a line of text; up to 41 lines of up to 480 octets may be given",
        ),
    ] {
        assert_eq!(complaint(line), (column, text.into()), "{line:?}");
    }
}

#[test]
fn numbers_beyond_their_bounds_are_refused() {
    for line in [
        "maxsize -1",
        "maxsize 1000000000000001",
        "maxsize 99999999999999999999999",
        "maxsize 10 20",
        "maxsize 1k",
        "maxsize +5",
        "maxsize 0x10",
        "MaxParallelConnections 1000001",
        "deliverby 1000000000",
        "deliverby -1",
        "deliverby x",
        "timeout-drain 86400.000001",
        "timeout-drain -1",
        "timeout-drain",
        "tarpit",
        "tarpit 20",
        "localnames",
        "localnames a..b",
        "localnames a b",
        "localnames example.org.",
        "localnames ex\u{e4}mple.org",
    ] {
        complaint(line);
    }
}

#[test]
fn near_is_near() {
    assert_eq!(near::distance("", "abc"), 3);
    assert_eq!(near::distance("kitten", "SITTING"), 3);
    assert_eq!(fault::nearest("rcpt-limit-cuont"), Some("Rcpt-Limit-Count"));
    assert_eq!(fault::nearest("hlep"), Some("help"));
    assert_eq!(fault::nearest("xyz"), None);
    assert_eq!(fault::nearest(&"maxsize".repeat(1_000)), None);
}

proptest! {
    /// Whatever is written: no panic, and what is refused changes nothing.
    #[test]
    fn what_is_refused_changes_nothing(
        param in prop::sample::select(table().iter().map(|param| param.name).collect::<Vec<_>>()),
        value in "[-.0-9a-z \u{e4}\u{1}]{0,30}",
        mangled in any::<bool>(),
    ) {
        let line = if mangled { format!("{}{value}", &param[1..]) } else { format!("{param} {value}") };
        let mut settings = settings();
        if let Err(fault) = apply(&mut settings, &line) {
            prop_assert_eq!(settings, self::settings());
            prop_assert!(fault.column >= 1 && fault.column <= line.chars().count() + 1);
            prop_assert!(fault.to_string().len() < 1_000);
        }
    }

    /// Each number between its bounds is taken, and no other.
    #[test]
    fn bounds_are_kept(number in prop_oneof![any::<u64>(), 0_u64..2_000_000]) {
        for param in table() {
            let Argument::Whole { least, floor, most, .. } = param.argument else { continue };
            let result = apply(&mut settings(), &format!("{} {number}", param.name));
            prop_assert_eq!(result.is_ok(), (least..=most).contains(&number), "{}", param.name);
            let raised = NoteKind::Raised { given: number, used: floor };
            let note = result.unwrap_or(None).map(|note| note.kind).filter(|kind| *kind != NoteKind::Old(param.instead));
            prop_assert_eq!(note, (least <= number && number < floor).then_some(raised));
        }
    }

    #[test]
    fn distance_is_a_distance(one in "[ab]{0,6}", other in "[ab]{0,6}", third in "[ab]{0,6}") {
        prop_assert_eq!(near::distance(&one, &other), near::distance(&other, &one));
        prop_assert_eq!(near::distance(&one, &other) == 0, one == other);
        prop_assert!(near::distance(&one, &third) <= near::distance(&one, &other) + near::distance(&other, &third));
    }
}
