//! The resolver against a name server of its own on loopback: one that knows, one that lies, one that dies.
#![allow(missing_docs)]

mod name_server;

use name_server::NameServer;
use smtpserver::resolver::{NameServers, Patience, Resolver};
use smtpserver_core::Wall;
use smtpserver_core::dns::{Answer, Finding, Kind, Name, Question, Step, Trouble};
use smtpserver_core::spf::{Check, Facts, SpfResult};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Short, because some of these servers never answer; what is answered comes within a millisecond.
const PATIENCE: Patience =
    Patience { question: Duration::from_millis(1_500), attempt: Duration::from_millis(200) };

fn resolver(servers: &[SocketAddr]) -> Resolver {
    Resolver::new(&NameServers::At(servers.to_vec()), PATIENCE).expect("resolver")
}

fn question(name: &str, kind: Kind) -> Question {
    Question::new(Name::parse(name).expect(name), kind)
}

/// The answer as a line.
async fn ask(resolver: &Resolver, name: &str, kind: Kind) -> String {
    let answer = resolver.ask(&question(name, kind)).await;
    match answer {
        Answer::NoData => "no data".to_owned(),
        Answer::NoName => "no name".to_owned(),
        Answer::Trouble(trouble) => trouble.to_string(),
        Answer::Found(_) => match kind {
            Kind::A | Kind::Aaaa => words(answer.addresses()),
            Kind::Ptr => words(answer.names()),
            Kind::Mx => match answer.exchanges() {
                Finding::Some(all) => {
                    let host = |host: &Option<Name>| host.as_ref().map_or(".".to_owned(), Name::to_string);
                    let all: Vec<_> =
                        all.iter().map(|mx| format!("{} {}", mx.preference, host(&mx.host))).collect();
                    all.join(", ")
                }
                Finding::Void | Finding::Trouble(_) => panic!("not exchanges"),
            },
            Kind::Txt => match answer.texts() {
                Finding::Some(all) => {
                    let all: Vec<_> = all.iter().map(|text| String::from_utf8_lossy(text)).collect();
                    all.join(", ")
                }
                Finding::Void | Finding::Trouble(_) => panic!("not texts"),
            },
        },
    }
}

fn words<T: std::fmt::Display>(finding: Finding<T>) -> String {
    match finding {
        Finding::Some(all) => {
            let mut all: Vec<_> = all.iter().map(T::to_string).collect();
            all.sort();
            all.join(", ")
        }
        Finding::Void | Finding::Trouble(_) => panic!("not of this kind"),
    }
}

#[tokio::test]
async fn records_of_each_kind_come_as_they_are() {
    let server = NameServer::start(
        "host.example A 192.0.2.1
         host.example A 192.0.2.2
         host.example AAAA 2001:db8::1
         mail.example MX 20 b.example
         mail.example MX 10 A.Example
         null.example MX 0 .
         text.example TXT v=spf1 |-all
         text.example TXT other
         1.2.0.192.in-addr.arpa PTR Host.Example
         alias.example CNAME other.example
         other.example CNAME host.example
         lost.example CNAME nowhere.example
         a\\_b%.example A 192.0.2.3",
    );
    let resolver = resolver(&[server.address()]);
    for (name, kind, answer) in [
        ("host.example", Kind::A, "192.0.2.1, 192.0.2.2"),
        ("HOST.example", Kind::Aaaa, "2001:db8::1"),
        ("mail.example", Kind::Mx, "10 a.example, 20 b.example"),
        ("null.example", Kind::Mx, "0 ."),
        ("text.example", Kind::Txt, "v=spf1 -all, other"),
        ("1.2.0.192.in-addr.arpa", Kind::Ptr, "host.example"),
        ("alias.example", Kind::A, "192.0.2.1, 192.0.2.2"),
        ("lost.example", Kind::A, "no name"),
        ("a b%.example", Kind::A, "192.0.2.3"),
        ("host.example", Kind::Mx, "no data"),
        ("absent.example", Kind::A, "no name"),
    ] {
        assert_eq!(ask(&resolver, name, kind).await, answer, "{name} {kind}");
    }
}

#[tokio::test]
async fn an_answer_is_asked_for_once() {
    let server = NameServer::start("host.example A 192.0.2.1\nbad.example SERVFAIL");
    let resolver = resolver(&[server.address()]);
    for _ in 0..3 {
        assert_eq!(ask(&resolver, "host.example", Kind::A).await, "192.0.2.1");
    }
    assert_eq!(server.asked(), ["udp host.example. A"]);
    // What is not known is asked for again.
    ask(&resolver, "bad.example", Kind::A).await;
    let once = server.asked().len();
    ask(&resolver, "bad.example", Kind::A).await;
    assert!(server.asked().len() > once);
}

#[tokio::test]
async fn a_liar_is_not_believed() {
    let server = NameServer::start(
        "never.example NEVER
         fail.example SERVFAIL
         refused.example REFUSED
         garbage.example GARBAGE
         forged.example WRONGID
         forged.example A 192.0.2.1
         onlyforged.example ONLYWRONGID
         wrong.example WRONGNAME
         stray.example.com STRAY
         stray.example.com A 192.0.2.1
         long.example TRUNCATED
         long.example A 192.0.2.1
         toolong.example ALWAYSTRUNCATED
         toolong.example A 192.0.2.1",
    );
    let resolver = resolver(&[server.address()]);
    for (name, answer) in [
        ("never.example", "timeout"),
        ("fail.example", "server failure"),
        ("refused.example", "refused"),
        ("garbage.example", "malformed answer"),
        ("forged.example", "192.0.2.1"),
        ("onlyforged.example", "timeout"),
        ("wrong.example", "timeout"),
        ("stray.example.com", "192.0.2.1"),
        ("long.example", "192.0.2.1"),
        ("toolong.example", "malformed answer"),
    ] {
        assert_eq!(ask(&resolver, name, Kind::A).await, answer, "{name}");
    }
    assert!(server.asked().iter().any(|asked| asked == "tcp long.example. A"));
}

#[tokio::test]
async fn a_dead_server_is_trouble_and_another_one_helps() {
    let dead = NameServer::start("").address();
    let alone = resolver(&[dead]);
    let answer = alone.ask(&question("host.example", Kind::A)).await;
    assert!(matches!(answer, Answer::Trouble(Trouble::Unreachable | Trouble::Timeout)), "{answer:?}");
    let alive = NameServer::start("host.example A 192.0.2.1");
    let both = resolver(&[dead, alive.address()]);
    assert_eq!(ask(&both, "host.example", Kind::A).await, "192.0.2.1");
}

#[tokio::test]
async fn a_question_has_a_deadline() {
    let server = NameServer::start("never.example NEVER\nhost.example A 192.0.2.1");
    let patience = Patience { question: Duration::from_millis(100), attempt: Duration::from_secs(60) };
    let resolver = Resolver::new(&NameServers::At(vec![server.address()]), patience).expect("resolver");
    assert_eq!(ask(&resolver, "never.example", Kind::A).await, "timeout");
    // The one that gave up leaves its place to others.
    assert_eq!(ask(&resolver, "host.example", Kind::A).await, "192.0.2.1");
}

#[tokio::test]
async fn too_many_questions_at_once_are_told_to_come_again() {
    let server = NameServer::start("never.example NEVER");
    let resolver = Arc::new(resolver(&[server.address()]));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..4_100 {
        let resolver = resolver.clone();
        asking.spawn(async move { resolver.ask(&question("never.example", Kind::A)).await });
    }
    let answers = asking.join_all().await;
    let with = |trouble| answers.iter().filter(|answer| **answer == Answer::Trouble(trouble)).count();
    assert_eq!((with(Trouble::Busy), with(Trouble::Timeout)), (4, 4_096));
    // They cost the server no more than one of them.
    assert!(server.asked().len() < 100, "{}", server.asked().len());
}

#[tokio::test]
async fn without_a_server_there_is_no_resolver() {
    let error = Resolver::new(&NameServers::At(vec![]), PATIENCE).expect_err("nobody to ask");
    assert!(error.contains("resolver ADDR:PORT"), "{error}");
}

#[tokio::test]
async fn a_whole_check_runs_over_it() {
    let server = NameServer::start(
        "example.com TXT v=spf1 include:_spf.example.net mx -all exp=why.%{d}
         _spf.example.net TXT v=spf1 ip4:198.51.100.0/24 ?all
         example.com MX 10 mx.example.com
         mx.example.com A 192.0.2.7
         why.example.com TXT %{i} is not ours",
    );
    let resolver = resolver(&[server.address()]);
    for (client, result, explanation) in [
        ("198.51.100.9", SpfResult::Pass, None),
        ("192.0.2.7", SpfResult::Pass, None),
        ("203.0.113.1", SpfResult::Fail, Some("203.0.113.1 is not ours")),
    ] {
        let mut check = Check::new(
            Facts {
                client: client.parse().expect(client),
                helo: "helo.example".to_owned(),
                mail_from: "a@example.com".to_owned(),
                receiver: "mx.example.org".to_owned(),
                wall: Wall::default(),
            },
            None,
        );
        let outcome = loop {
            match check.poll() {
                Step::Ask(question) => check.answer(resolver.ask(&question).await),
                Step::Done(outcome) => break outcome,
            }
        };
        assert_eq!((outcome.result, outcome.explanation.as_deref()), (result, explanation), "{client}");
    }
}
