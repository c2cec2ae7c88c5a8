//! Logins, with a back end that answers now, late or never.

use super::*;
use crate::auth::{Mechanisms, Secret, UserName};
use crate::config::bind::Service;
use alloc::format;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Knows `ann` with the password `pencil`.
fn knows_ann(check: &Check) -> Option<Finding> {
    Some(match check {
        Check::Password { user, password } => {
            if user.as_str() == "ann" && *password == Secret::from(&b"pencil"[..]) {
                Finding::Right
            } else {
                Finding::Wrong
            }
        }
        Check::Salt { .. } => Finding::Salt { salt: alloc::vec![1; 16], iterations: 4096 },
        Check::Proof { .. } | Check::Token { .. } => Finding::Wrong,
    })
}

fn bench(change: impl FnOnce(&mut Settings)) -> Bench {
    let mut bench = Bench::new(|settings| {
        settings.auth.offered = true;
        settings.auth.without_tls = true;
        change(settings);
    });
    bench.back_end = knows_ann;
    bench.means = Means { passwords: true, ..Means::default() };
    bench.say("EHLO c.example\r\n");
    bench
}

/// `\0ann\0pencil`.
const RIGHT: &str = "AUTH PLAIN AGFubgBwZW5jaWw=\r\n";
/// `\0ann\0crayon`.
const WRONG: &str = "AUTH PLAIN AGFubgBjcmF5b24=\r\n";

#[test]
fn plain_and_login_with_all_their_forms() {
    let mut bench = bench(|settings| settings.auth.username_prompt = "Who?".into());
    assert!(bench.heard().contains("250-AUTH PLAIN LOGIN\r\n250-AUTH=LOGIN\r\n"));
    for (words, replies) in [
        (WRONG, "535 5.7.8 AUTH: name or password is wrong\r\n"),
        ("AUTH PLAIN\r\n*\r\n", "334 \r\n501 5.7.0 AUTH: given up, as you wish\r\n"),
        ("AUTH PLAIN =\r\n", "501 5.5.2 AUTH: that is not what the mechanism wants\r\n"),
        ("AUTH PLAIN AGFub\r\n", "501 5.5.2 AUTH: that is not base64\r\n"),
        ("AUTH PLAIN x y\r\n", "501 5.5.2 AUTH: that is not what the mechanism wants\r\n"),
        ("AUTH CRAM-MD5\r\n", "504 5.5.4 AUTH: this mechanism is not offered here\r\n"),
        ("AUTH SCRAM-SHA-256\r\n", "504 5.5.4 AUTH: this mechanism is not offered here\r\n"),
        ("AUTH\r\n", "501 5.5.4 AUTH needs an argument\r\n"),
        // V2hvPw== is "Who?", UGFzc3dvcmQ6 is "Password:".
        (
            "AUTH LOGIN\r\nYW5u\r\nY3JheW9u\r\n",
            "334 V2hvPw==\r\n334 UGFzc3dvcmQ6\r\n535 5.7.8 AUTH: name or password is wrong\r\n",
        ),
        ("auth login YW5u\r\n*\r\n", "334 UGFzc3dvcmQ6\r\n501 5.7.0 AUTH: given up, as you wish\r\n"),
        ("AUTH LOGIN =\r\n", "501 5.5.2 AUTH: that is not what the mechanism wants\r\n"),
        ("AUTH LOGIN\r\na\nb\r\n", "334 V2hvPw==\r\n501 5.5.2 AUTH: that is not base64\r\n"),
        ("NOOP\r\n", "250 2.0.0 NOOP ok\r\n"),
        (
            "AUTH LOGIN\r\nYW5u\r\ncGVuY2ls\r\n",
            "334 V2hvPw==\r\n334 UGFzc3dvcmQ6\r\n235 2.7.0 AUTH: you are logged in\r\n",
        ),
        (RIGHT, "503 5.5.1 AUTH: you are logged in already\r\n"),
    ] {
        bench.say(words);
        assert_eq!(bench.heard(), replies, "{words:?}");
    }
    bench.say("EHLO c.example\r\n");
    assert!(!bench.heard().contains("AUTH"), "nothing more is offered to whoever is in");
    let told: Vec<String> =
        bench.events.iter().filter(|e| e.name() == "logged_in").map(|e| format!("{e}")).collect();
    assert_eq!(told, ["ann LOGIN"]);
}

#[test]
fn who_has_logged_in_may_relay_and_the_trace_says_so() {
    let mut bench = bench(|settings| settings.received.auth_user = true);
    bench.say("MAIL FROM:<ann@c.example> AUTH=<>\r\nRCPT TO:<x@elsewhere.example>\r\n");
    assert!(bench.heard().contains("550 5.7.1 RCPT"));
    bench.say(RIGHT);
    assert!(bench.heard().starts_with("503 5.5.1 AUTH does not belong in a transaction"));
    bench.say("RSET\r\n");
    bench.say(RIGHT);
    bench.say("MAIL FROM:<ann@c.example> AUTH=a+2Bb@c.example\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n");
    assert!(bench.heard().ends_with("CRLF.CRLF\r\n"));
    let written: Vec<u8> = bench
        .orders
        .iter()
        .flat_map(|order| if let Order::Append(octets) = order { octets.as_slice() } else { &[] })
        .copied()
        .collect();
    let written = String::from_utf8(written).expect("ASCII");
    for wanted in [
        "external\ncomment smtp-auth: \"ann\"\nrcvdfrom",
        "\nwith ESMTPA\n",
        "\ncomment submitter: a+2Bb@c.example\n",
        "Received: from c.example ([127.0.0.1])\n\t(smtp-auth: \"ann\")\n\tby mx.example with ESMTPA id",
    ] {
        assert!(written.contains(wanted), "{written}");
    }
}

#[test]
fn where_there_are_no_logins_a_try_is_refused_and_counted() {
    for (change, reply) in [
        ((|s| s.auth.offered = false) as fn(&mut Settings), "502 5.5.1 AUTH is not offered here\r\n"),
        (
            |s| s.auth.without_tls = false,
            "538 5.7.11 AUTH needs an encrypted connection, use STARTTLS first\r\n",
        ),
        (|s| s.auth.not_on_smtp = true, "503 5.5.1 AUTH is not offered on this port\r\n"),
    ] {
        let mut bench = bench(change);
        assert!(!bench.heard().contains("AUTH"));
        bench.say(RIGHT);
        assert_eq!(bench.heard(), reply);
        let key = crate::server::rate_window::Key::Source(crate::Source::of(SOURCE));
        assert_eq!(bench.server.auth_windows().failures(key, bench.now.instant), 1);
    }
    let mut bench = bench(|settings| {
        settings.auth.not_on_smtp = true;
        settings.service = Service::SmtpS;
    });
    bench.heard();
    bench.say(RIGHT);
    assert!(bench.heard().starts_with("235"));
}

#[test]
fn a_try_where_logins_are_elsewhere_waits_twice() {
    let mut bench = bench(|settings| {
        settings.auth.not_on_smtp = true;
        settings.tarpit = crate::server::tarpit::TarpitRule {
            initial_micros: 1_000_000,
            exponent_millionths: 1_000_000,
            top_micros: 60_000_000,
        };
    });
    bench.heard();
    bench.say(RIGHT);
    assert_eq!(bench.heard(), "");
    assert_eq!(bench.session.deadline(), Some(bench.now.instant + Duration::from_secs(1 + 2)));
}

#[test]
fn above_the_limit_the_right_password_is_as_wrong_as_others() {
    let mut bench = bench(|settings| settings.auth.failures_max = 3);
    bench.heard();
    for _ in 0..4 {
        bench.say(WRONG);
        assert!(bench.heard().starts_with("535 5.7.8"));
    }
    bench.say(RIGHT);
    assert_eq!(bench.heard(), "535 5.7.8 AUTH: name or password is wrong\r\n");
    assert!(bench.server.logged_in(bench.session.id()).is_none());
    let key = crate::server::rate_window::Key::user("ann");
    assert_eq!(bench.server.auth_windows().failures(key, bench.now.instant), 4, "untried is not ann's fault");
    bench.now.instant = bench.now.instant + Duration::from_secs(9 * 450);
    bench.say("NOOP\r\n");
    bench.heard();
    bench.say(RIGHT);
    assert!(bench.heard().starts_with("235"));
}

#[test]
fn a_back_end_that_is_silent_or_lies_lets_nobody_in() {
    let mut bench = bench(|settings| settings.timeouts.answer = Duration::from_secs(10));
    bench.heard();
    bench.back_end = |_| None;
    bench.say(RIGHT);
    bench.say("NOOP\r\n");
    assert_eq!(bench.heard(), "");
    bench.pass(10);
    bench.handle(Input::Tick);
    assert_eq!(
        bench.heard(),
        "454 4.7.0 AUTH: cannot be checked now, try again later\r\n250 2.0.0 NOOP ok\r\n"
    );
    // The answer comes too late.
    for ticket in 0..20 {
        bench.handle(Input::Advised(Ticket(ticket), Advice::Found(Finding::Right)));
    }
    assert_eq!(bench.heard(), "");
    assert!(bench.session.login.is_none());
    for lie in [
        (|_| Some(Finding::Proven([0; 32]))) as fn(&Check) -> Option<Finding>,
        |_| Some(Finding::Salt { salt: Vec::new(), iterations: 1 }),
        |_| Some(Finding::Trouble),
    ] {
        bench.back_end = lie;
        bench.say(RIGHT);
        assert!(bench.heard().starts_with("454 4.7.0"));
    }
    bench.answering = false;
    bench.say(RIGHT);
    bench.pass(10);
    bench.handle(Input::Tick);
    assert!(bench.heard().starts_with("454 4.7.0"), "nor does one that does not say what it can");
    bench.say("EHLO c.example\r\n");
    bench.pass(10);
    bench.handle(Input::Tick);
    let heard = bench.heard();
    assert!(heard.starts_with("250-") && !heard.contains("AUTH"), "{heard}");
}

#[test]
fn a_line_of_a_login_has_its_limit_and_its_deadline() {
    let mut bench = bench(|_| {});
    bench.heard();
    bench.say("AUTH LOGIN\r\n");
    bench.heard();
    let long = "A".repeat(12_289);
    for piece in long.as_bytes().chunks(1000) {
        assert!(bench.session.wants_bytes() >= piece.len());
        bench.handle(Input::Bytes(piece));
    }
    bench.say("AAA\r\nNOOP\r\n");
    assert_eq!(bench.heard(), "500 5.5.6 AUTH: the line is too long\r\n250 2.0.0 NOOP ok\r\n");
    bench.say("AUTH LOGIN\r\n");
    bench.heard();
    bench.pass(300);
    bench.handle(Input::Tick);
    assert_eq!(bench.closed, Some(Reason::TimedOut));
}

#[test]
fn no_word_of_a_login_is_told() {
    let mut bench = bench(|settings| settings.transcript = true);
    bench.say(WRONG);
    bench.say("auth\tlogin YW5u\r\ncGVuY2ls\r\nNOOP\r\n");
    let heard: Vec<String> =
        bench.events.iter().filter(|event| event.name() == "heard").map(|event| format!("{event}")).collect();
    assert_eq!(heard, ["EHLO c.example", "AUTH ...", "AUTH ...", "...", "NOOP"]);
    let all = format!("{:?}", bench.events);
    for secret in ["AGFubgBjcmF5b24", "crayon", "cGVuY2ls", "pencil"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn lines_that_a_refused_login_leaves_behind_are_not_told_either() {
    for (change, reply) in [
        ((|s| s.auth.without_tls = false) as fn(&mut Settings), "538"),
        (|s| s.auth.offered = false, "502"),
        (|s| s.auth.mechanisms = Mechanisms::parse("PLAIN").ok(), "504"),
    ] {
        let mut bench = bench(|settings| {
            settings.transcript = true;
            change(settings);
        });
        bench.heard();
        bench.say(
            "AUTH LOGIN\r\nYW5u\r\ncGVuY2ls\r\nAUTHPLAIN AGFubgBwZW5jaWw=\r\nAUTH PLAIN cGVuY2ls\nNOOP\r\n",
        );
        assert!(bench.heard().starts_with(reply), "{reply}");
        let all = format!("{:?}", bench.events);
        for secret in ["YW5u", "cGVuY2ls", "AGFubgBwZW5jaWw"] {
            assert!(!all.contains(secret), "{reply}: {all}");
        }
    }
}

#[test]
fn a_certificate_is_no_way_around_the_limit() {
    let mut bench = bench(|settings| {
        for line in ["use-tls", "smtp-auth-sasl", "auth-failrate 3"] {
            crate::config::param::apply(settings, line).expect("a parameter");
        }
    });
    let certificate = crate::tls::ClientCertificate {
        subject: "CN=ann".into(),
        names: alloc::vec!["ann@c.example".into()],
        fingerprint: [0; 32],
        trust: Ok(()),
    };
    bench.say("STARTTLS\r\n");
    bench.handle(Input::Secured(super::tls::facts_with(Some(certificate))));
    bench.say("EHLO c.example\r\n");
    bench.heard();
    for _ in 0..4 {
        // Somebody else.
        bench.say("AUTH EXTERNAL Ym9i\r\n");
        assert!(bench.heard().starts_with("535"));
    }
    bench.say("AUTH EXTERNAL =\r\n");
    assert_eq!(bench.heard(), "535 5.7.8 AUTH: name or password is wrong\r\n");
    let key = crate::server::rate_window::Key::Source(crate::Source::of(SOURCE));
    assert_eq!(bench.server.auth_windows().failures(key, bench.now.instant), 5);
    bench.now.instant = bench.now.instant + Duration::from_secs(9 * 450);
    bench.say("NOOP\r\n");
    bench.heard();
    bench.say("AUTH EXTERNAL =\r\n");
    assert!(bench.heard().starts_with("235"));
    assert_eq!(
        bench.server.logged_in(bench.session.id()).map(|login| login.user().clone()),
        UserName::new("ann@c.example")
    );
}

#[test]
fn where_a_login_is_wanted_mail_waits_for_it_and_may_have_to_be_the_users_own() {
    let mut bench = bench(|settings| {
        settings.service = Service::Submit;
        settings.auth.sender_match = Some(alloc::vec!["local.example".into()]);
    });
    bench.heard();
    bench.say("MAIL FROM:<ann@local.example>\r\nNOOP\r\n");
    assert_eq!(
        bench.heard(),
        "530 5.7.0 MAIL is taken only after a login, send AUTH first\r\n250 2.0.0 NOOP ok\r\n"
    );
    bench.say(RIGHT);
    bench.heard();
    for (sender, code) in [
        ("bob@local.example", "553 5.7.1"),
        ("ann@other.example", "553 5.7.1"),
        ("Ann@local.example", "553 5.7.1"),
        ("ann@LOCAL.example", "250 2.1.0"),
        ("", "250 2.1.0"),
    ] {
        bench.say(&format!("MAIL FROM:<{sender}>\r\n"));
        assert!(bench.heard().starts_with(code), "{sender}");
        bench.say("RSET\r\n");
        bench.heard();
    }
}

#[test]
fn a_name_with_a_domain_is_the_sender() {
    let mut bench = bench(|settings| settings.auth.sender_match = Some(Vec::new()));
    bench.session.login = None;
    bench.back_end = |_| Some(Finding::Right);
    // \0ann@c.example\0x
    bench.say("AUTH PLAIN AGFubkBjLmV4YW1wbGUAeA==\r\n");
    bench.heard();
    for (sender, code) in [("ann@c.EXAMPLE", "250"), ("bob@c.example", "553"), ("ann@d.example", "553")] {
        bench.say(&format!("MAIL FROM:<{sender}>\r\nRSET\r\n"));
        assert!(bench.heard().starts_with(code), "{sender}");
    }
    assert_eq!(
        bench.session.login.as_ref().map(|login| login.user().clone()),
        UserName::new("ann@c.example")
    );
}
