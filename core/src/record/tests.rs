//! Sessions with hands in memory are recorded and live through their logs again; logs that are not whole are refused.

use super::*;
use crate::auth::{Advice, Check, Finding, Inquiry, Means, Nonce};
use crate::config::param;
use crate::server::{self, Server};
use crate::spool::{Order, Report, SpoolFault, Stored};
use crate::tls::{ChannelBinding, TlsFacts, TlsVersion};
use crate::{Duration, Input, Instant, Now, Output, Peer, Session, SessionId, Settings, Wall};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use proptest::prelude::*;

/// What a client does, a segment at a time.
#[derive(Clone, Copy)]
enum Act<'a> {
    Says(&'a [u8]),
    Closes,
    /// The server's order to stop comes.
    Stop,
    /// The spool does not report before the next act.
    Stalls,
}

/// A session that is recorded, with hands that are quick.
struct World {
    session: Session,
    recorder: Recorder,
    server: Server,
    now: Now,
    octets: Vec<u8>,
    late: Vec<Report>,
    stalled: bool,
    closed: bool,
    wrote: Vec<u8>,
}

fn record(keep: Keep, params: &[&str], acts: &[Act<'_>]) -> (Vec<u8>, String) {
    let mut settings = Settings::new("mx.local.example");
    for line in params {
        if *line == TRANSCRIPT {
            settings.transcript = true;
            continue;
        }
        param::apply(&mut settings, line).expect("a parameter");
    }
    let settings = Arc::new(settings);
    let peer = Peer::new(SocketAddr::from(([192, 0, 2, 7], 40_000)), SocketAddr::from(([192, 0, 2, 1], 25)));
    let peer = Arc::new(peer);
    let now = Now { instant: Instant::from_micros(5_000_000), wall: Wall::from_seconds(1_795_412_439) };
    let mut server = Server::new(settings.clone());
    server.handle(now, server::Input::Connected(peer.clone()));
    let Some(server::Output::Welcome(id)) = server.poll() else { panic!("there is room") };
    let mut session = Session::new(settings, id, peer);
    let recorder = Recorder::new(&mut session, now, keep);
    let mut world = World {
        session,
        recorder,
        server,
        now,
        octets: Vec::new(),
        late: Vec::new(),
        stalled: false,
        closed: false,
        wrote: Vec::new(),
    };
    world.bring(Input::Opened);
    for act in acts {
        world.act(*act);
        world.octets.extend(world.recorder.take());
    }
    world.stalled = false;
    while !world.closed {
        world.hear_reports();
        if !world.closed {
            world.tick();
        }
    }
    let wrote = String::from_utf8(world.wrote).expect("replies are ASCII");
    world.octets.extend(world.recorder.finish(&mut world.session, Ending::Closed));
    (world.octets, wrote)
}

impl World {
    fn act(&mut self, act: Act<'_>) {
        self.now.instant = self.now.instant + Duration::from_millis(3);
        self.now.wall = Wall::from_micros(self.now.wall.micros() + 2_999);
        match act {
            Act::Says(mut rest) => {
                while !rest.is_empty() && !self.closed {
                    let taken = self.session.wants_bytes().min(rest.len());
                    if taken == 0 {
                        self.tick();
                    } else {
                        self.bring(Input::Bytes(&rest[..taken]));
                        rest = &rest[taken..];
                    }
                }
                self.stalled = false;
            }
            Act::Closes => self.bring(Input::PeerClosed),
            Act::Stop => self.bring(Input::ShuttingDown),
            Act::Stalls => self.stalled = true,
        }
        self.hear_reports();
    }

    fn hear_reports(&mut self) {
        while !self.stalled && !self.late.is_empty() {
            let report = self.late.remove(0);
            self.bring(Input::Reported(report));
        }
    }

    fn tick(&mut self) {
        let deadline = self.session.deadline().expect("a session that is not closed has a deadline");
        self.now.instant = self.now.instant.max(deadline);
        self.bring(Input::Tick);
    }

    fn handle(&mut self, input: Input<'_>) {
        self.recorder.input(self.now, &input);
        self.session.handle(self.now, input);
        self.recorder.settle(&mut self.session);
    }

    fn bring(&mut self, input: Input<'_>) {
        self.handle(input);
        while let Some(output) = self.session.poll() {
            self.recorder.output(&output);
            match output {
                Output::Write(octets) => self.wrote.extend(octets),
                Output::Ask(ticket, question) => {
                    let asked = server::Input::Asked(self.session.id(), ticket, question);
                    self.server.handle(self.now, asked);
                    while let Some(output) = self.server.poll() {
                        if let server::Output::Answer(_, ticket, answer) = output {
                            self.handle(Input::Answered(ticket, answer));
                        }
                    }
                }
                Output::Inquire(ticket, inquiry) => {
                    let advice = advice(&inquiry);
                    self.handle(Input::Advised(ticket, advice));
                }
                Output::Attempt(attempt) => {
                    self.server.handle(self.now, server::Input::Attempted(self.session.id(), attempt));
                }
                Output::Order(order) => match order {
                    Order::Append(octets) => self.late.push(Report::Room(octets.len())),
                    Order::Show | Order::Revise(_) => {}
                    Order::Commit(_) if self.stalled => self.late.push(Report::Failed(SpoolFault::Full)),
                    Order::Commit(_) => {
                        let stored = Stored { inode: 4711, mtime_seconds: -5, mtime_nanos: 999_999_999 };
                        self.late.push(Report::Committed(stored));
                    }
                    Order::Begin | Order::Abandon | Order::Leave(_) => {}
                },
                Output::Secure(_) => self.handle(Input::Secured(facts())),
                Output::Event(_) => {}
                Output::Close(_) => self.closed = true,
            }
        }
    }
}

/// Everybody's password begins with p, and whoever proves something is believed.
fn advice(inquiry: &Inquiry) -> Advice {
    Advice::Found(match inquiry {
        Inquiry::Terms => {
            let means = Means { passwords: true, proofs: true, tokens: true };
            return Advice::Terms(means, Nonce::new([5; 18]));
        }
        Inquiry::Check {
            check: Check::Password { password: secret, .. } | Check::Token { token: secret, .. },
            ..
        } => {
            if secret.reveal().starts_with(b"p") {
                Finding::Right
            } else {
                Finding::Wrong
            }
        }
        Inquiry::Check { check: Check::Salt { .. }, .. } => {
            Finding::Salt { salt: b"0123456789abcdef".to_vec(), iterations: 4096 }
        }
        Inquiry::Check { check: Check::Proof { .. }, .. } => Finding::Proven([0x5a; 32]),
        Inquiry::Certified { .. } => Finding::Right,
    })
}

fn facts() -> Arc<TlsFacts> {
    Arc::new(TlsFacts {
        version: TlsVersion::V1_3,
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        bits: 256,
        server_name: Some("mx.example".into()),
        resumed: false,
        binding: Some(ChannelBinding([0xab; 32])),
        certificate: None,
    })
}

fn replayed(log: &Log<'_>) -> Result<(), Difference> {
    let mut replay = Replay::new(log);
    while let Some(step) = replay.step() {
        step.map_err(|difference| *difference)?;
    }
    Ok(())
}

fn checked(octets: &[u8]) -> Log<'_> {
    let log = Log::decode(octets).expect("a whole log");
    assert!(log.header.settings_are_whole());
    assert_eq!(replayed(&log), Ok(()));
    log
}

fn holds(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Among parameters: the session tells what it hears and says.
const TRANSCRIPT: &str = "transcript";
const LOCAL: &str = "localnames local.example";
const GROUP: &[u8] = b"MAIL FROM:<ann@client.example>\r\nRCPT TO:<bob@local.example>\r\nDATA\r\n";
const SECRET: &[u8] = b"Subject: Geheimnis\r\nReceived: secret\r\n\r\n..Passwort \xfc\r\n.\r\nQUIT\r\n";

#[test]
fn logins_are_lived_through_again_and_nothing_of_their_secrets_is_kept() {
    let login = ["smtp-auth", "AUTH-LOGIN-also-without-TLS", "smtp-auth-sasl", TRANSCRIPT];
    fn encode(text: &str) -> String {
        <base64ct::Base64 as base64ct::Encoding>::encode_string(text.as_bytes())
    }
    let nonce = encode(core::str::from_utf8(&[5; 18]).expect("ASCII"));
    let first = encode("n,,n=ann,r=abc");
    let last = encode(&alloc::format!("c=biws,r=abc{nonce},p={}", encode(&"q".repeat(32))));
    let bearer = encode("n,a=ann,\u{1}auth=Bearer pSECRETTOKEN\u{1}\u{1}");
    let bad_bearer = encode("n,a=ann,\u{1}auth=Bearer SECRETTOKEN\u{1}\u{1}");
    let lines = [
        alloc::format!("AUTH PLAIN {}\r\n", encode("\0ann\0pencil")),
        alloc::format!("AUTH PLAIN {}\r\n", encode("\0ann\0crayon")),
        alloc::format!("AUTH PLAIN {}\r\n", encode("bob\0ann\0pencil")),
        alloc::format!("AUTH PLAIN {}\r\n", encode("pencil")),
        "AUTH PLAIN pencil\r\n".into(),
        "AUTH PLAIN\r\npencil\r\n".into(),
        "AUTH pencil\r\n".into(),
        "AUTH PLAIN pencil crayon\r\n".into(),
        "AUTH  plain   =\r\n".into(),
        alloc::format!("AUTH LOGIN\r\n{}\r\n{}\r\n", encode("ann"), encode("pencil")),
        alloc::format!("AUTH LOGIN {}\r\n{}\r\n", encode("ann"), encode("crayon")),
        alloc::format!("AUTH LOGIN\r\n{}\r\n", encode("pen\tcil")),
        alloc::format!("AUTH LOGIN\r\n{}\r\n\r\n", encode("ann")),
        "AUTH LOGIN\r\n*\r\n".into(),
        "AUTH LOGIN\r\npencil\nx\r\n".into(),
        alloc::format!("AUTH LOGIN\r\n{}\r\n", "pencil".repeat(2100)),
        alloc::format!("AUTH SCRAM-SHA-256 {first}\r\n{last}\r\n\r\n"),
        alloc::format!("AUTH SCRAM-SHA-256\r\n{first}\r\n{last}\r\n{}\r\n", encode("pencil")),
        alloc::format!("AUTH SCRAM-SHA-256 {first}\r\n{}\r\n", encode("pencil")),
        alloc::format!("AUTH SCRAM-SHA-256 {}\r\n", encode("n,,pencil")),
        alloc::format!("AUTH SCRAM-SHA-256 {}\r\n", encode("pencil")),
        alloc::format!("AUTH OAUTHBEARER {bearer}\r\n"),
        alloc::format!("AUTH OAUTHBEARER {bad_bearer}\r\nAQ==\r\n"),
        alloc::format!("AUTH OAUTHBEARER {}\r\n", encode("pencil")),
    ];
    for line in &lines {
        for piece in [1, 7, usize::MAX] {
            let words = alloc::format!("NOOP\r\n{line}NOOP\r\nAUTH PLAIN pencil\r\nQUIT\r\n");
            let acts: Vec<Act<'_>> = [&b"EHLO c.example\r\n"[..]]
                .into_iter()
                .chain(words.as_bytes().chunks(piece.min(words.len())))
                .map(Act::Says)
                .collect();
            let octets = record(Keep::Shape, &login, &acts).0;
            checked(&octets);
            for secret in ["pencil", "crayon", "SECRET", "qqqqq"] {
                for hidden in [secret.to_string(), encode(secret).trim_end_matches('=').to_string()] {
                    assert!(!holds(&octets, &hidden), "{line} in pieces of {piece} shows {hidden}");
                }
                for head in ["\0ann\0", "n,a=ann,\u{1}auth=Bearer p", "n,,"] {
                    let whole = encode(&alloc::format!("{head}{secret}"));
                    assert!(!holds(&octets, whole.trim_end_matches('=')), "{line} shows {whole}");
                }
            }
            // The server's own proof: `v=` and 32 octets.
            assert!(!holds(&octets, "dj1Xb"), "{line}");
        }
    }
}

#[test]
fn fields_that_are_added_are_added_again() {
    let params = ["smtp-auth", "AUTH-LOGIN-also-without-TLS", "MSA-mode", "add-missing-fields", TRANSCRIPT];
    let envelope = "MAIL FROM:<ann@client.example>\r\nRCPT TO:<bob@x.example>\r\n";
    // Chunks that end anywhere.
    let chunked = |message: &str| {
        let mut all = Vec::new();
        for piece in message.as_bytes().chunks(5) {
            all.extend(alloc::format!("BDAT {}\r\n", piece.len()).bytes().chain(piece.iter().copied()));
        }
        [&all, &b"BDAT 0 LAST\r\n"[..]].concat()
    };
    let whole = |message: &str| alloc::format!("DATA\r\n{}.\r\n", message.replace("\r\n.", "\r\n.."));
    for message in [
        "Subject: Geheimnis\r\n\r\nGeheimnis\r\n",
        "Date: Geheimnis\r\nDatei: x\r\n\r\nGeheimnis\r\n",
        "Message-ID: <Geheimnis@x>\r\nReceived: Geheimnis\r\n fold: x\r\n",
        "date : x\r\nMESSAGE-id\t: y\r\n\r\nDate: Geheimnis\r\n",
        "Geheimnis\r\nDate: x\r\n",
        "Da te: Geheimnis\r\n\r\n",
        " Date: Geheimnis\r\n\r\n",
        "Mess\u{1}age: x\r\nGeheimnis: y\r\n\r\n",
        "Mess\u{e9}age: x\r\n\r\n",
        ".Date: x\r\nrdate: x\r\nDate\r\n",
        "\r\nDate: Geheimnis\r\n",
    ] {
        for text in [whole(message).into_bytes(), chunked(message)] {
            let mail = [envelope.as_bytes(), &text].concat();
            let words = [&b"AUTH PLAIN AGFubgBwZW5jaWw=\r\n"[..], &mail, &mail, b"QUIT\r\n"].concat();
            for piece in [1, 9, usize::MAX] {
                let acts: Vec<Act<'_>> = [&b"EHLO c.example\r\n"[..]]
                    .into_iter()
                    .chain(words.chunks(piece.min(words.len())))
                    .map(Act::Says)
                    .collect();
                let (octets, wrote) = record(Keep::Shape, &params, &acts);
                assert_eq!(wrote.matches("message accepted").count(), 2, "{message}: {wrote}");
                checked(&octets);
                assert!(!holds(&octets, "Geheimnis"), "{message}");
            }
        }
    }
}

#[test]
fn sessions_in_other_manners_are_lived_through_again() {
    let secured: &[Act<'_>] = &[
        Act::Says(b"EHLO c.example\r\n"),
        Act::Says(b"STARTTLS\r\n"),
        Act::Says(b"EHLO c.example\r\n"),
        Act::Says(GROUP),
        Act::Says(SECRET),
    ];
    let table: [(&[&str], &[Act<'_>], &str); 9] = [
        (
            &["xclient-from 192.0.2.0/24", "max-loadaverage 4", "hdr220 %i %T %p"],
            &[
                Act::Says(b"EHLO proxy.example\r\nXCLIENT ADDR=203.0.113.9 PROTO=ESMTP HELO=c.example\r\n"),
                Act::Says(GROUP),
                Act::Says(SECRET),
            ],
            "220 [203.0.113.9] ",
        ),
        (
            &["lmtp-mode", "contact-pointer-message \" a \"b\" \""],
            &[
                Act::Says(b"LHLO c.example\r\n"),
                Act::Says(GROUP),
                Act::Says(b"a\nb\r\n.\r\nRCPT TO:<x@y.example>\r\n"),
            ],
            "550 5.5.2",
        ),
        (&["greet-pause 2.5"], &[Act::Says(b"EHLO c.example\r\nGeheimnis\r\n")], "554 5.5.1"),
        (
            &["check-pipelining"],
            &[Act::Says(b"EHLO c.example\r\n"), Act::Says(b"NOOP\r\nNOOP\r\n")],
            "554 5.5.1",
        ),
        (
            &["style sloppy", "force-rcpt-notify-never", "allowsourceroute", "no-multiline-replies"],
            &[Act::Says(
                b"MAIL FROM:a@c.example\r\nRCPT TO:<<@x.example:bob@local.example>\r\nHELP\r\nQUIT\r\n",
            )],
            "<@x.example:bob@local.example>",
        ),
        (
            &[
                "helo-pattern *.Bad.example !Go  away",
                "helo-pattern * 9 veS",
                "DEBUGcmd",
                "helo-syntax-check",
            ],
            &[Act::Says(b"EHLO a.bad.example\r\nEHLO a_b\r\nEHLO c.example\r\nDEBUG\r\nMAIL FROM:a@c\r\n")],
            "styles veS",
        ),
        (&["use-tls", "tls-enforce-tls 1", "rcvd-tls-mode"], secured, "begin TLS"),
        (&["use-tls", "tls-require-cert 1"], secured, "only of clients with a certificate"),
        (&["style strict"], &[Act::Says(b"EHLO  c.example\r\nQUIT \r\n")], "501 5.5.2"),
    ];
    for (params, acts, said) in table {
        for transcript in [None, Some(TRANSCRIPT)] {
            let params: Vec<&str> = params.iter().copied().chain([LOCAL]).chain(transcript).collect();
            let (octets, wrote) = record(Keep::Shape, &params, acts);
            assert!(wrote.contains(said), "{params:?}: {wrote}");
            checked(&octets);
            assert!(!holds(&octets, "Geheimnis"));
        }
    }
}

#[test]
fn a_session_is_lived_through_again_without_its_secrets() {
    let acts = [
        Act::Says(b"EHLO client.example\r\nAUTH PLAIN AGFubgBHZWhlaW1uaXM=\r\nUGFzc3dvcnQ=\r\n"),
        Act::Says(GROUP),
        Act::Says(SECRET),
    ];
    for params in
        [&[LOCAL, TRANSCRIPT][..], &[LOCAL, "tarpit 20 0.1 300", "NoENHANCEDSTATUSCODES", "help a line"]]
    {
        let (filled, wrote) = record(Keep::Shape, params, &acts);
        assert!(wrote.contains("S4711") && wrote.contains("\r\n221 "), "{wrote}");
        checked(&filled);
        for secret in ["Geheimnis", "secret", "Passwort", "R2VoZWltbmlz", "HZWhlaW1u", "UGFzc3dvcnQ"] {
            assert!(!holds(&filled, secret), "{secret}");
        }
        assert!(holds(&filled, "ann@client.example") && holds(&filled, "Received:"));
        let (kept, same) = record(Keep::Messages, params, &acts);
        assert_eq!(same, wrote);
        checked(&kept);
        assert!(holds(&kept, "Geheimnis") && !holds(&kept, "HZWhlaW1u") && !holds(&kept, "UGFzc3dvcnQ"));
    }
}

#[test]
fn every_way_to_end_is_lived_through_again() {
    let chunks =
        b"MAIL FROM:<>\r\nRCPT TO:<bob@local.example>\r\nBDAT 9\r\nSubject: BDAT 6 LAST\r\nabc\r\n\nQUIT\r\n";
    let hops = b"ReCeived: x\r\n".repeat(101);
    let table: &[&[Act<'_>]] = &[
        &[Act::Closes],
        &[Act::Stop],
        &[Act::Says(b"EHLO c.example\r\nMAIL FR"), Act::Closes],
        &[Act::Says(b"EHLO c.example\r\n"), Act::Says(GROUP), Act::Says(b"half a mess"), Act::Closes],
        &[Act::Says(b"EHLO c.example\r\n"), Act::Says(GROUP), Act::Stalls, Act::Says(SECRET), Act::Stop],
        &[Act::Says(b"EHLO c.example\r\n"), Act::Says(chunks)],
        &[Act::Says(b"EHLO c.example\r\nBDAT 20\r\nnobody wants these.\r\nQUIT\r\n")],
        &[Act::Says(b"EHLO c.example\r\n"), Act::Says(GROUP), Act::Says(&hops), Act::Says(b".\r\nQUIT\r\n")],
        &[Act::Says(b"EHLO c.example\nNOOP\r\nAUTH x\rsecret\0\r\nQUIT\r\n")],
        &[Act::Says(b"BDATA\nx\r\n")],
        &[Act::Says(&[b'x'; 70_000])],
        &[Act::Says(b"a\r\nb\r\nc\r\nd\r\n\xe9\r\n\x01\r\nAUTH\r\nAUTH \xe9\r\ng\r\nh\r\ni\r\nj\r\nk\r\n")],
    ];
    for acts in table {
        let (octets, wrote) = record(Keep::Shape, &[LOCAL, TRANSCRIPT], acts);
        checked(&octets);
        // In single octets, too.
        let single: Vec<Act<'_>> = acts
            .iter()
            .flat_map(|act| match act {
                Act::Says(octets) => octets.chunks(1).map(Act::Says).collect(),
                Act::Closes | Act::Stop | Act::Stalls => alloc::vec![*act],
            })
            .collect();
        let (octets, _) = record(Keep::Shape, &[LOCAL, TRANSCRIPT], &single);
        checked(&octets);
        assert!(wrote.contains("mx.local.example"), "{wrote}");
    }
}

#[test]
fn another_outcome_is_found_where_it_happens() {
    let (octets, _) = record(Keep::Shape, &[LOCAL], &[Act::Says(b"EHLO c.example\r\n"), Act::Says(GROUP)]);
    let mut log = checked(&octets);
    log.header.settings.extensions.dsn = false;
    let difference = replayed(&log).expect_err("DSN is missing");
    let Unlike::Said { recorded: Some(Said::Wrote(recorded)), replayed: Some(Said::Wrote(replayed)) } =
        difference.unlike
    else {
        panic!("{difference:?}")
    };
    assert!(holds(&recorded, "-DSN\r\n") && !holds(&replayed, "-DSN\r\n"));
    assert_eq!(difference.now.instant, Instant::from_micros(5_003_000));
    log.entries.pop();
    assert!(!log.header.settings_are_whole());
}

#[test]
fn what_is_missing_at_the_end_is_a_difference() {
    let (octets, _) = record(Keep::Shape, &[LOCAL], &[Act::Says(b"QUIT\r\n")]);
    let mut log = checked(&octets);
    log.entries.pop();
    let difference = replayed(&log).expect_err("the close is missing");
    assert!(matches!(difference.unlike, Unlike::Said { recorded: None, replayed: Some(_) }));
    log.ending = Some(Ending::Dropped);
    assert_eq!(replayed(&log), Ok(()), "nobody polled any more");
}

#[test]
fn octets_that_the_session_does_not_want_are_no_panic() {
    let (octets, _) = record(Keep::Shape, &[LOCAL], &[Act::Says(b"EHLO c.example\r\n")]);
    let mut log = checked(&octets);
    let flood = [b'x'; 60_000];
    let now = log.header.began;
    log.entries.insert(1, Entry::Brought(now, Brought::Bytes(&flood)));
    assert!(replayed(&log).is_err());
}

#[test]
fn octets_that_were_never_looked_at_are_filled() {
    let settings = Arc::new(Settings::new("mx.example"));
    let end = SocketAddr::from(([127, 0, 0, 1], 25));
    let id = SessionId { began: 0, serial: 1 };
    let mut session = Session::new(settings, id, Arc::new(Peer::new(end, end)));
    let mut recorder = Recorder::new(&mut session, Now::default(), Keep::Shape);
    recorder.input(Now::default(), &Input::Bytes(b"NOOP now\r\nNOOP later\r\n"));
    let octets = recorder.finish(&mut session, Ending::Panicked);
    assert!(!holds(&octets, "NOOP"));
    assert_eq!(Log::decode(&octets).expect("a log").ending, Some(Ending::Panicked));
}

#[test]
fn every_cut_and_every_damage_is_seen() {
    let acts = [Act::Says(b"EHLO c.example\r\n"), Act::Says(GROUP), Act::Says(SECRET)];
    let (octets, _) = record(Keep::Shape, &[LOCAL, TRANSCRIPT, "help a line"], &acts);
    let whole = checked(&octets);
    for end in 0..octets.len() {
        let fault = Log::decode(&octets[..end]).expect_err("cut");
        let wanted = if end == 0 { LogFaultKind::Foreign } else { LogFaultKind::Truncated };
        assert_eq!(fault.kind, wanted, "cut at {end}");
        if let Ok(rest) = Log::decode_what_is_there(&octets[..end]) {
            assert!(rest.ending.is_none() && whole.entries.starts_with(&rest.entries));
            assert_eq!(replayed(&rest), Ok(()), "cut at {end}");
        }
    }
    for at in 0..octets.len() {
        for bit in [1, 0x80] {
            let mut damaged = octets.clone();
            damaged[at] ^= bit;
            assert!(Log::decode(&damaged).is_err(), "bit {bit} of octet {at}");
        }
    }
    let kind = |octets: &[u8]| Log::decode(octets).expect_err("no log").kind;
    assert_eq!(kind(b"From ann Mon Nov 23"), LogFaultKind::Foreign);
    assert_eq!(kind(b"smtpserver recording 9\n"), LogFaultKind::OtherVersion("9".into()));
    assert_eq!(kind(&[&octets[..], b"x"].concat()), LogFaultKind::Surplus);
    assert_eq!(
        kind(&[b"smtpserver recording 2\nprogram ", &[b'x'; 70_000][..]].concat()),
        LogFaultKind::TooLong
    );
}

proptest! {
    /// Whatever a client sends in whatever pieces, filled or kept: the log is whole and the replay the same.
    #[test]
    fn any_session_is_lived_through_again(
        words in prop::collection::vec(prop::sample::select(alloc::vec![
            "EHLO a.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<b@local.example>\r\n", "DATA\r\n", ".\r\n",
            "BDAT 7\r\n", "BDAT 3 LAST\r\n", "receiVed: by", "\r", "\n", "\r\n", ".", "\0", "\u{e9}", "text ", "AUTH ",
            "RSET\r\n", "NOOP\r\n", "BODY=BINARYMIME", "HELO b\r\n",
        ]), 0..40),
        piece in 1_usize..50,
        bodies in any::<bool>(),
        normalize in any::<bool>(),
        stall in any::<bool>(),
    ) {
        let input = [b"EHLO c.example\r\n", GROUP, words.concat().as_bytes()].concat();
        let mut acts: Vec<Act<'_>> = input.chunks(piece).map(Act::Says).collect();
        if stall {
            acts.insert(acts.len() / 2, Act::Stalls);
        }
        acts.push(Act::Closes);
        let keep = if bodies { Keep::Messages } else { Keep::Shape };
        let params = if normalize { &[LOCAL, "bare-newline normalize"][..] } else { &[LOCAL, "tarpit 1 1 9"] };
        let (octets, _) = record(keep, params, &acts);
        let log = Log::decode(&octets).expect("a whole log");
        prop_assert_eq!(replayed(&log), Ok(()));
    }
}
