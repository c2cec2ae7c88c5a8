//! TLS as a session sees it: a handshake is an input.

use super::*;
use crate::config::param;
use crate::tls::{ClientCertificate, Distrust, HandshakeFault, Opening, TlsFacts, TlsVersion};

fn bench(port: u16, lines: &[&str]) -> Bench {
    Bench::at(port, |settings| {
        for line in ["use-tls"].iter().chain(lines) {
            param::apply(settings, line).expect("a parameter");
        }
    })
}

pub(super) fn facts(trust: Option<Result<(), Distrust>>) -> Arc<TlsFacts> {
    let certificate = trust.map(|trust| ClientCertificate {
        subject: "CN=client.example (x)".into(),
        names: Vec::new(),
        fingerprint: [0; 32],
        trust,
    });
    facts_with(certificate)
}

pub(super) fn facts_with(certificate: Option<ClientCertificate>) -> Arc<TlsFacts> {
    Arc::new(TlsFacts {
        version: TlsVersion::V1_3,
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        bits: 256,
        server_name: None,
        resumed: false,
        binding: None,
        certificate,
    })
}

impl Bench {
    fn secure(&mut self, trust: Option<Result<(), Distrust>>) {
        self.handle(Input::Secured(facts(trust)));
    }

    fn stored_text(&self) -> String {
        let mut text = Vec::new();
        for order in &self.orders {
            if let Order::Append(octets) = order {
                text.extend_from_slice(octets);
            }
        }
        String::from_utf8(text).expect("ASCII")
    }
}

#[test]
fn a_handshake_begins_when_its_reply_has_left_and_forgets_all() {
    let mut bench = bench(25, &[]);
    bench.say("EHLO c.example\r\n");
    assert!(bench.heard().contains("250-STARTTLS\r\n"));
    bench.say("STARTTLS\r\n");
    assert_eq!(bench.heard(), "220 2.0.0 STARTTLS ok, begin TLS\r\n");
    assert_eq!(bench.securing, [Opening::Asked]);
    assert_eq!(bench.session.wants_bytes(), 0);
    bench.secure(None);
    assert_eq!(bench.heard(), "", "nobody is greeted twice");
    bench.say("MAIL FROM:<a@c.example>\r\n");
    assert!(bench.heard().starts_with("503 5.5.1"), "the old EHLO is forgotten");
    bench.say("EHLO c.example\r\n");
    assert!(!bench.heard().contains("STARTTLS"));
    bench.say("STARTTLS\r\n");
    assert_eq!(bench.heard(), "503 5.5.1 STARTTLS: TLS is on already\r\n");
    bench.say("MAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nDATA\r\n");
    assert!(bench.stored_text().contains("with ESMTPS\n"));
}

#[test]
fn what_comes_too_soon_is_neither_obeyed_nor_kept() {
    for ahead in ["STARTTLS\r\nNOOP\r\n", "STARTTLS\r\nN", "STARTTLS\r\n\x16\x03\x01"] {
        let mut bench = bench(25, &[]);
        bench.say("EHLO c.example\r\n");
        bench.heard();
        bench.say(ahead);
        assert!(bench.heard().starts_with("554 5.5.1"), "{ahead}");
        assert_eq!((bench.closed, bench.securing.len()), (Some(Reason::Misbehaved), 0));
    }
    // While the question is open, too.
    let mut bench = bench(25, &[]);
    bench.say("EHLO c.example\r\n");
    bench.heard();
    bench.answering = false;
    bench.say("STARTTLS\r\n");
    bench.say("NOOP\r\n");
    let ticket = Ticket(bench.session.next_ticket);
    bench.handle(Input::Answered(ticket, Answer { verdict: crate::policy::Verdict::Accept }));
    assert!(bench.heard().starts_with("554 5.5.1"));
    assert_eq!((bench.closed, bench.securing.len()), (Some(Reason::Misbehaved), 0));
}

#[test]
fn not_within_a_transaction_and_not_where_it_is_not_offered() {
    let mut inside = bench(25, &[]);
    inside.say("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n");
    inside.heard();
    inside.say("STARTTLS\r\n");
    assert!(inside.heard().starts_with("503 5.5.1"));
    inside.say("RSET\r\n");
    inside.say("STARTTLS now\r\n");
    assert!(inside.heard().ends_with("501 5.5.4 STARTTLS takes no argument\r\n"));
    assert!(inside.securing.is_empty());
    let mut plain = Bench::new(|_| {});
    plain.say("EHLO c.example\r\nSTARTTLS\r\n");
    let heard = plain.heard();
    assert!(heard.ends_with("502 5.5.1 STARTTLS is not offered here\r\n") && !heard.contains("250-STARTTLS"));
    let mut proxied = bench(25, &["xclient-from 127.0.0.1"]);
    proxied.say("XCLIENT ADDR=192.0.2.9\r\n");
    proxied.heard();
    proxied.say("EHLO c.example\r\n");
    assert!(!proxied.heard().contains("STARTTLS"));
    proxied.say("STARTTLS\r\n");
    assert!(proxied.heard().starts_with("503 5.5.1"));
}

#[test]
fn nothing_is_said_when_it_fails_or_takes_too_long() {
    let mut failed = bench(25, &[]);
    failed.say("STARTTLS\r\n");
    failed.heard();
    failed.handle(Input::Unsecured(HandshakeFault::Garbled));
    assert_eq!((failed.heard().as_str(), failed.closed), ("", Some(Reason::Unsecured)));
    let mut slow = bench(25, &["timeout-handshake 10"]);
    slow.say("STARTTLS\r\n");
    slow.heard();
    slow.pass(9);
    slow.handle(Input::Tick);
    assert_eq!(slow.closed, None);
    slow.handle(Input::ShuttingDown);
    slow.pass(1);
    slow.handle(Input::Tick);
    assert_eq!((slow.heard().as_str(), slow.closed), ("", Some(Reason::Unsecured)));
    // What is late changes nothing.
    slow.handle(Input::Secured(facts(None)));
    assert!(slow.session.secured.is_none());
    let mut unasked = bench(25, &[]);
    unasked.say("EHLO c.example\r\n");
    unasked.secure(None);
    assert!(unasked.session.secured.is_none());
}

#[test]
fn a_connection_may_begin_with_it() {
    let mut bench = Bench::at(465, |settings| {
        settings.tls.offered = true;
        settings.tls.first = true;
    });
    assert_eq!(bench.heard(), "");
    assert_eq!(bench.securing, [Opening::First(Vec::new())]);
    bench.secure(None);
    assert!(bench.heard().starts_with("220 mx.example"));
    bench.say("HELO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\nDATA\r\n");
    assert!(bench.stored_text().contains("with SMTP\n"));
}

#[test]
fn a_client_that_begins_with_it_unasked_is_understood() {
    let line = "outlook-tls-bug";
    let mut other = bench(25, &[line]);
    assert!(other.heard().starts_with("220 "), "not on port 25");
    let mut unasked = bench(587, &[line]);
    assert_eq!(unasked.heard(), "");
    unasked.say("\x16\x03\x01");
    assert_eq!(unasked.securing, [Opening::First(b"\x16\x03\x01".to_vec())]);
    unasked.secure(None);
    assert!(unasked.heard().starts_with("220 "));
    let mut talker = bench(587, &[line]);
    talker.say("EHLO c.example\r\n");
    assert!(talker.heard().starts_with("220 ") && talker.securing.is_empty());
    let mut waiting = bench(587, &[line]);
    waiting.pass(2);
    waiting.handle(Input::Tick);
    assert!(waiting.heard().starts_with("220 "));
    waiting.say("\x16\x03\x01\r\n");
    assert!(waiting.securing.is_empty());
}

#[test]
fn where_it_is_enforced_mail_waits_for_it() {
    let mut bench = bench(25, &["tls-enforce-tls 1"]);
    bench.say("EHLO c.example\r\nNOOP\r\n");
    bench.heard();
    for (command, wanted) in [
        ("MAIL FROM:<a@c.example>\r\n", "530 5.7.0 send STARTTLS first\r\n"),
        ("RCPT TO:<b@local.example>\r\n", "530 5.7.0 send STARTTLS first\r\n"),
        ("DATA\r\n", "530 5.7.0 send STARTTLS first\r\n"),
        ("BDAT 6 LAST\r\nQUIT\r\n", "530 5.7.0 send STARTTLS first\r\n"),
        ("RSET\r\n", "250 2.0.0 RSET ok, nothing is kept\r\n"),
    ] {
        bench.say(command);
        assert_eq!(bench.heard(), wanted, "{command}");
    }
    bench.say("STARTTLS\r\n");
    bench.secure(None);
    bench.heard();
    bench.say("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n");
    assert!(bench.heard().ends_with("250 2.1.0 sender <a@c.example> ok\r\n"));
}

#[test]
fn where_a_certificate_is_required_only_one_that_counts_will_do() {
    let mail = "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n";
    for (shown, wanted) in [
        (None, "550 5.7.1 mail is taken only of clients with a certificate\r\n"),
        (
            Some(Err(Distrust::OutOfTime)),
            "550 5.7.1 your certificate is not trusted here: it has expired, or is not valid yet\r\n",
        ),
        (Some(Ok(())), "250 2.1.0 sender <a@c.example> ok\r\n"),
    ] {
        let mut bench = bench(25, &["tls-require-cert 1"]);
        bench.say(mail);
        assert!(bench.heard().ends_with("530 5.7.0 send STARTTLS first\r\n"));
        bench.say("STARTTLS\r\n");
        bench.secure(shown);
        bench.say(mail);
        assert!(bench.heard().ends_with(wanted), "{wanted}");
    }
}

#[test]
fn traces_tell_what_the_operator_wants_told() {
    let mut bench = bench(25, &["rcvd-tls-mode", "rcvd-tls-peer"]);
    bench.say("STARTTLS\r\n");
    bench.secure(Some(Ok(())));
    bench.say("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\n");
    bench.say("DATA\r\n");
    let mode = "TLS_AES_256_GCM_SHA384 keybits 256 version TLSv1.3";
    let peer = "\"CN=client.example \\(x\\)\"";
    let text = bench.stored_text();
    assert!(
        text.contains(&alloc::format!(" TLS-CIPHER: \"{mode}\" TLS-PEER-CN1: {peer} rhost-flags")),
        "{text}"
    );
    let comment = alloc::format!(
        "([127.0.0.1])\n\t({mode}, client certificate {peer})\n\tby mx.example with ESMTPS id "
    );
    assert!(text.contains(&comment), "{text}");
    let mut plain = self::bench(25, &["rcvd-tls-mode", "rcvd-tls-peer"]);
    plain.open_data();
    let text = plain.stored_text();
    assert!(text.contains(" TLS-CIPHER: <none> TLS-PEER-CN1: <none> rhost-flags"), "{text}");
    assert!(text.contains("([127.0.0.1])\n\tby mx.example with ESMTP id "), "{text}");
}

#[test]
fn the_end_of_the_stream_stores_nothing() {
    for message in ["DATA\r\nSubject: x\r\n\r\nx\r\n.\r", "BDAT 4\r\nx\r\n\r\nBDAT 100 LAST\r\nx"] {
        let mut bench = bench(25, &[]);
        bench.say("STARTTLS\r\n");
        bench.secure(None);
        bench.say("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@local.example>\r\n");
        bench.say(message);
        bench.handle(Input::PeerClosed);
        assert_eq!(bench.closed, Some(Reason::PeerClosed));
        assert!(
            bench.orders.contains(&Order::Abandon)
                && !bench.orders.iter().any(|order| matches!(order, Order::Commit(_)))
        );
    }
}
