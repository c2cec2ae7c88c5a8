//! What is counted when, and that the manual page speaks of all of it.

use super::*;
use smtpserver_core::Reason;
use smtpserver_core::event::SessionRecord;
use smtpserver_core::peer::{SessionId, TransactionId};
use smtpserver_core::refusal::Refusal;
use smtpserver_core::server::admission::Limit;
use smtpserver_core::spool::Stored;
use smtpserver_core::spool::id::SpoolId;

const FARMS: [FarmNow; 1] = [FarmNow { trade: "router", helpers: 3, hungry: 1, waiting: 7 }];

/// The number on the line that begins with these words.
fn number(page: &str, series: &str) -> String {
    let name = format!("smtpserver_{series} ");
    page.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("none").to_string()
}

fn record(outcome: Outcome) -> Event {
    Event::Transaction(Box::new(TransactionRecord {
        id: TransactionId { session: SessionId { began: 0, serial: 1 }, number: 1 },
        from: "ann@client.example\"} 1\nevil 2".into(),
        to: vec![],
        recipients: 2,
        recipients_refused: 1,
        octets: 100,
        normalized: 0,
        envelope: Duration::from_millis(1),
        data: Duration::from_millis(2),
        store: Duration::from_millis(3),
        verdicts: vec![],
        place: smtpserver_core::policy::evaluate::Place::Router,
        outcome,
    }))
}

fn busy() -> Metrics {
    let metrics = Metrics::new(Wall::from_seconds(1_795_412_439));
    metrics.opened();
    metrics.opened();
    for work in [
        Work::TurnedAway(Limit::SameSource),
        Work::Dropped(Limit::Total),
        Work::HeadersAwaited,
        Work::NoHeader,
        Work::Left,
        Work::Heard(7),
        Work::Said(9),
        Work::Tarpit(true),
        Work::Committed(true, Duration::from_millis(5)),
        Work::Committed(false, Duration::from_millis(5)),
        Work::Synced(Duration::from_millis(4)),
        Work::Published(3, Duration::from_millis(1)),
        Work::Defect,
    ] {
        metrics.count(work);
    }
    let id = SpoolId::of(Stored { inode: 17, mtime_seconds: 0, mtime_nanos: 0 });
    let closed = SessionRecord {
        reason: Reason::Quit,
        commands: 1,
        transactions: 1,
        stored: 1,
        refused: 0,
        last_refusal: None,
        heard: 7,
        said: 9,
        tarpitted: Duration::ZERO,
        lasted: Duration::from_secs(2),
    };
    for event in [
        Event::Heard("x\" 1\nevil 2".into()),
        Event::Command(Some(Verb::Mail)),
        Event::Command(None),
        Event::Reply(250),
        Event::Refused { verb: None, refusal: Refusal::TooManyErrorRecipients, line: None },
        Event::TarpitDelayed(Duration::from_millis(1500)),
        record(Outcome::Stored(id)),
        record(Outcome::Refused(Refusal::TooBig)),
        record(Outcome::Reset),
        record(Outcome::Cut(Reason::PeerClosed)),
        Event::Closed(closed),
    ] {
        metrics.note(&event);
    }
    metrics
}

#[test]
fn everything_is_counted_where_it_belongs() {
    let page = busy().page([("events", 5)].into_iter(), &FARMS);
    for (series, wanted) in [
        ("start_time_seconds", "1795412439"),
        ("connections_total{fate=\"welcomed\"}", "2"),
        ("helpers{trade=\"router\"}", "3"),
        ("helpers_free{trade=\"router\"}", "1"),
        ("helper_queue{trade=\"router\"}", "7"),
        ("connections_total{fate=\"turned-away\",why=\"same-source\"}", "1"),
        ("connections_total{fate=\"turned-away\",why=\"total\"}", "0"),
        ("connections_total{fate=\"dropped\",why=\"total\"}", "1"),
        ("connections_total{fate=\"dropped\",why=\"proxy-headers-awaited\"}", "1"),
        ("connections_total{fate=\"dropped\",why=\"no-proxy-header\"}", "1"),
        ("sessions_open", "1"),
        ("sessions_total{why=\"quit\"}", "1"),
        ("session_seconds_count", "1"),
        ("session_seconds_sum", "2"),
        ("octets_total{direction=\"in\"}", "7"),
        ("octets_total{direction=\"out\"}", "9"),
        ("commands_total{verb=\"MAIL\"}", "1"),
        ("commands_total{verb=\"RCPT\"}", "0"),
        ("commands_total{verb=\"other\"}", "1"),
        ("replies_total{code=\"250\"}", "1"),
        ("refusals_total{why=\"too-many-error-recipients\"}", "1"),
        ("tarpit_delays_total", "1"),
        ("tarpit_delay_seconds_total", "1.5"),
        ("tarpitted_sessions", "1"),
        ("transactions_total{outcome=\"stored\"}", "1"),
        ("transactions_total{outcome=\"refused\"}", "1"),
        ("transactions_total{outcome=\"reset\"}", "1"),
        ("transactions_total{outcome=\"cut\"}", "1"),
        ("recipients_total{verdict=\"admitted\"}", "8"),
        ("recipients_total{verdict=\"refused\"}", "4"),
        ("stored_octets_total", "100"),
        ("phase_seconds_count{phase=\"store\"}", "2"),
        ("phase_seconds_sum{phase=\"envelope\"}", "0.002"),
        ("spool_commit_seconds_count", "2"),
        ("spool_commits_failed_total", "1"),
        ("spool_sync_seconds_sum", "0.004"),
        ("spool_publish_seconds_count", "1"),
        ("spool_batch_messages_sum", "3"),
        ("spool_batch_messages_bucket{le=\"2\"}", "0"),
        ("spool_batch_messages_bucket{le=\"4\"}", "1"),
        ("log_lines_lost_total{log=\"events\"}", "5"),
        ("defects_total", "1"),
    ] {
        assert_eq!(number(&page, series), wanted, "{series} in\n{page}");
    }
    assert!(!page.contains("evil"), "nothing of a client gets here");
}

#[test]
fn the_page_has_the_form_that_collectors_read() {
    let page = busy().page([("events", 0)].into_iter(), &FARMS);
    let mut family = "";
    let mut seen = std::collections::BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            family = rest.split(' ').nth(1).expect("a name");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(series.starts_with(family), "{line} is not of the family {family}");
        assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        assert!(seen.insert(series), "twice: {series}");
        let name = series.split('{').next().unwrap_or_default();
        assert!(name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_'), "{name}");
    }
    assert!(page.ends_with('\n'));
}

#[test]
fn the_manual_page_has_every_family_and_its_explanation() {
    let manual = include_str!("../../../man/smtpserver.8").replace("\\-", "-");
    let section = manual.split_once(".SH METRICS").expect("a section").1;
    let section = section.split_once("\n.SH ").expect("another section").0;
    let page = busy().page([("events", 0)].into_iter(), &FARMS);
    let mut families = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = line.split_once(' ').expect("an explanation");
        assert!(section.contains(&format!(".B {name}\n{help}")), "METRICS does not have {name}: {help}");
        families += 1;
    }
    assert_eq!(section.matches("\n.B smtpserver_").count(), families, "METRICS has what is not counted");
}
