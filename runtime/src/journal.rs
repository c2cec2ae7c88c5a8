//! Events, written down and counted: an entry of the log for each session and each transaction, the dialogue in a session
//! log when one is kept, and the counters. It judges nothing, and it never holds up or fails a session.

use crate::log::open::Writers;
use crate::log::{Entry, Log, Value};
use crate::metrics::Metrics;
use crate::session_log::SessionLog;
use smtpserver_core::event::{Event, Outcome, SessionRecord, TransactionRecord};
use smtpserver_core::policy::evaluate::Place;
use smtpserver_core::refusal::Refusal;
use smtpserver_core::server::admission::Limit;
use smtpserver_core::{Duration, Now, Peer, SessionId};
use std::fmt::{self, Display};
use std::sync::Arc;
use tracing::Level;

/// Where events go to. No function waits or fails.
pub trait Journal: Send + Sync + 'static {
    /// A session begins.
    fn opened(&self, now: Now, session: SessionId, peer: &Peer);
    /// Something happened in it.
    fn note(&self, now: Now, session: SessionId, peer: &Peer, event: &Event);
    /// This leads to the answer that a session is about to get; only where its settings want it told.
    fn reasoned(&self, _now: Now, _session: SessionId, _reasons: &[String]) {}
    /// Something was asked of the domain name system for a session (`D> example.com MX`), or was answered (`D< ...`).
    fn looked(&self, _now: Now, _session: SessionId, _line: fmt::Arguments<'_>) {}
    /// The hands did something that no session tells of.
    fn count(&self, _work: Work) {}
    /// Files may have been moved away: they are looked for anew.
    fn reopen(&self) {}
}

/// What the hands do besides what sessions tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A connection was told that there are too many.
    TurnedAway(Limit),
    /// A connection was closed without a word, as there are far too many.
    Dropped(Limit),
    /// A connection was closed, as too many wait for their PROXY header.
    HeadersAwaited,
    /// A connection was closed, as its PROXY header was ill-formed or did not come.
    NoHeader,
    /// A session's connection is over.
    Left,
    /// So many octets came from a client.
    Heard(usize),
    /// So many octets were given to the wire.
    Said(usize),
    /// A refusal begins to wait in the tarpit (true), or has left it (false).
    Tarpit(bool),
    /// A draft that was to be committed was reported on so long after the order: it is kept (true), or it failed.
    Committed(bool, Duration),
    /// A file was written and synced, in so long.
    Synced(Duration),
    /// So many messages were renamed into the router's directory, and that directory was synced, in so long.
    Published(usize, Duration),
    /// The first of our certificates ends then, in seconds since 1970; there is none.
    CertificateEnds(Option<i64>),
    /// A session broke an assertion of ours.
    Defect,
}

/// The daemon's journal.
pub struct Logbook {
    log: Log,
    session_log: Option<SessionLog>,
    metrics: Arc<Metrics>,
    writers: Writers,
}

impl Logbook {
    /// A journal that keeps these.
    pub(crate) fn new(
        log: Log,
        session_log: Option<SessionLog>,
        metrics: Arc<Metrics>,
        writers: Writers,
    ) -> Logbook {
        Logbook { log, session_log, metrics, writers }
    }

    fn say(&self, now: Now, level: Level, event: &'static str, fields: &[(&'static str, Value<'_>)]) {
        self.log.say(now.wall, &Entry { level, event, message: None, fields });
    }

    fn remark(&self, now: Now, level: Level, session: SessionId, peer: &Peer, event: &Event) {
        let fields = [
            ("session", Value::Word(&session)),
            ("peer", Value::Word(&peer.client)),
            ("what", Value::Text(&event.to_string())),
        ];
        self.say(now, level, event.name(), &fields);
    }
}

impl Journal for Logbook {
    fn opened(&self, now: Now, session: SessionId, peer: &Peer) {
        self.metrics.opened();
        let fields = [
            ("session", Value::Word(&session)),
            ("peer", Value::Word(&peer.client)),
            ("local", Value::Word(&peer.local)),
        ];
        self.say(now, Level::DEBUG, "opened", &fields);
        if let Some(log) = &self.session_log {
            let remark = format!("connection from {} on port {}", ends(peer), peer.local.port());
            log.remark(now, session, &remark);
        }
    }

    fn note(&self, now: Now, session: SessionId, peer: &Peer, event: &Event) {
        self.metrics.note(event);
        match event {
            Event::Command(_) | Event::Reply(_) => {}
            Event::Heard(_) | Event::Said(_) => {
                if self.log.wants(Level::TRACE) {
                    self.remark(now, Level::TRACE, session, peer, event);
                }
            }
            // Whoever guesses passwords is to be seen, and who is in.
            Event::LoggedIn(_) | Event::Refused { refusal: Refusal::Login(_), .. } => {
                self.remark(now, Level::INFO, session, peer, event);
            }
            Event::Filter(_)
            | Event::Refused { .. }
            | Event::TarpitDelayed(_)
            | Event::Secured(_)
            | Event::Unsecured(_) => {
                if self.log.wants(Level::DEBUG) {
                    self.remark(now, Level::DEBUG, session, peer, event);
                }
            }
            Event::Explained { token, chain } => {
                let fields = [
                    ("session", Value::Word(&session)),
                    ("peer", Value::Word(&peer.client)),
                    ("token", Value::Word(token)),
                    ("chain", Value::Texts(chain)),
                ];
                self.say(now, Level::INFO, event.name(), &fields);
            }
            Event::Transaction(record) => transaction(record, peer, |fields| {
                self.say(now, Level::INFO, event.name(), fields);
            }),
            Event::Closed(record) => closed(record, session, peer, |fields| {
                self.say(now, Level::INFO, event.name(), fields);
            }),
        }
        if let Some(log) = &self.session_log {
            log.note(now, session, event);
        }
    }

    fn reasoned(&self, now: Now, session: SessionId, reasons: &[String]) {
        let fields = [("session", Value::Word(&session)), ("chain", Value::Texts(reasons))];
        self.say(now, Level::INFO, "reasoned", &fields);
    }

    fn looked(&self, now: Now, session: SessionId, line: fmt::Arguments<'_>) {
        if let Some(log) = &self.session_log {
            log.remark(now, session, &line.to_string());
        }
    }

    fn count(&self, work: Work) {
        self.metrics.count(work);
    }

    fn reopen(&self) {
        self.writers.reopen();
    }
}

/// `[192.0.2.7]:4711`.
fn ends(peer: &Peer) -> String {
    format!("{}:{}", peer.literal(), peer.client.port())
}

/// The fields of a transaction, in their order.
fn transaction<R>(
    record: &TransactionRecord,
    peer: &Peer,
    say: impl FnOnce(&[(&'static str, Value<'_>)]) -> R,
) -> R {
    let verdicts: Vec<&dyn Display> = record.verdicts.iter().map(|verdict| verdict as &dyn Display).collect();
    let (outcome, detail): (_, Option<(_, &dyn Display)>) = match &record.outcome {
        Outcome::Stored(id) => ("stored", Some(("spool", id))),
        Outcome::Discarded => ("discarded", None),
        Outcome::Refused(refusal) => ("refused", Some(("why", &refusal.name()))),
        Outcome::Reset => ("reset", None),
        Outcome::Cut(reason) => ("cut", Some(("why", &reason.name()))),
    };
    let mut fields = vec![
        ("session", Value::Word(&record.id.session)),
        ("id", Value::Word(&record.id)),
        ("peer", Value::Word(&peer.client)),
        ("from", Value::Text(&record.from)),
        ("to", Value::Texts(&record.to)),
        ("recipients", Value::Number(record.recipients.into())),
        ("refused", Value::Number(record.recipients_refused.into())),
        ("octets", Value::Number(record.octets)),
        ("normalized", Value::Number(record.normalized.into())),
        ("envelope_ms", Value::Millis(record.envelope)),
        ("data_ms", Value::Millis(record.data)),
        ("store_ms", Value::Millis(record.store)),
        ("verdicts", Value::Words(&verdicts)),
        ("outcome", Value::Word(&outcome)),
    ];
    fields.extend(detail.map(|(key, word)| (key, Value::Word(word))));
    if record.place == Place::Freezer {
        fields.push(("place", Value::Word(&"freezer")));
    }
    say(&fields)
}

/// The fields of a session that has ended, in their order.
fn closed<R>(
    record: &SessionRecord,
    session: SessionId,
    peer: &Peer,
    say: impl FnOnce(&[(&'static str, Value<'_>)]) -> R,
) -> R {
    let mut fields = vec![
        ("session", Value::Word(&session)),
        ("peer", Value::Word(&peer.client)),
        ("local", Value::Word(&peer.local)),
    ];
    let (why, last) = (record.reason.name(), record.last_refusal);
    fields.extend([
        ("why", Value::Word(&why)),
        ("commands", Value::Number(record.commands.into())),
        ("transactions", Value::Number(record.transactions.into())),
        ("stored", Value::Number(record.stored.into())),
        ("refused", Value::Number(record.refused.into())),
        ("octets_in", Value::Number(record.heard)),
        ("octets_out", Value::Number(record.said)),
        ("tarpitted_ms", Value::Millis(record.tarpitted)),
        ("lasted_ms", Value::Millis(record.lasted)),
    ]);
    fields.extend(last.as_ref().map(|last| ("last_refusal", Value::Word(last))));
    say(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::Reason;
    use smtpserver_core::event::NamedRefusal;
    use smtpserver_core::peer::TransactionId;
    use smtpserver_core::refusal::Refusal;
    use smtpserver_core::spool::Stored;
    use smtpserver_core::spool::id::SpoolId;
    use smtpserver_core::wire::command::Verb;

    const SESSION: SessionId = SessionId { began: 0, serial: 1 };

    fn peer() -> Peer {
        Peer::new(([192, 0, 2, 7], 4711).into(), ([127, 0, 0, 1], 25).into())
    }

    fn record(outcome: Outcome) -> TransactionRecord {
        TransactionRecord {
            id: TransactionId { session: SESSION, number: 1 },
            from: r#""x\" to=y outcome=stored"@client.example"#.into(),
            to: vec!["bob@local.example".into(), r#""<>, "@local.example"#.into()],
            recipients: 2,
            recipients_refused: 1,
            octets: 12,
            normalized: 0,
            envelope: Duration::ZERO,
            data: Duration::ZERO,
            store: Duration::ZERO,
            verdicts: vec![NamedRefusal { verb: Some(Verb::Rcpt), why: "not-admitted" }],
            place: Place::Router,
            outcome,
        }
    }

    fn session() -> SessionRecord {
        SessionRecord {
            reason: Reason::Quit,
            commands: 7,
            transactions: 1,
            stored: 1,
            refused: 1,
            last_refusal: Some(NamedRefusal { verb: None, why: "syntax" }),
            heard: 100,
            said: 200,
            tarpitted: Duration::ZERO,
            lasted: Duration::from_micros(1_500),
        }
    }

    fn words(fields: &[(&'static str, Value<'_>)]) -> String {
        Entry { level: Level::INFO, event: "x", message: None, fields }.words()
    }

    #[test]
    fn no_address_can_look_like_another_key() {
        let line = transaction(&record(Outcome::Reset), &peer(), words);
        assert_eq!(
            line,
            "x session=0-1 id=0-1.1 peer=192.0.2.7:4711 from=\"\\\"x\\\\\\\" to=y outcome=stored\\\"@client.example\" \
             to=\"bob@local.example\",\"\\\"<>, \\\"@local.example\" recipients=2 refused=1 octets=12 normalized=0 \
             envelope_ms=0.000 data_ms=0.000 store_ms=0.000 verdicts=RCPT:not-admitted outcome=reset"
        );
        // Whatever is outside of quotes is ours.
        let outside: String = line.replace("\\\\", "").replace("\\\"", "").split('"').step_by(2).collect();
        assert_eq!(outside.matches("outcome=").count(), 1);
    }

    #[test]
    fn a_session_that_ended() {
        assert_eq!(
            closed(&session(), SESSION, &peer(), words),
            "x session=0-1 peer=192.0.2.7:4711 local=127.0.0.1:25 why=quit commands=7 transactions=1 stored=1 \
             refused=1 octets_in=100 octets_out=200 tarpitted_ms=0.000 lasted_ms=1.500 last_refusal=-:syntax"
        );
    }

    #[test]
    fn the_manual_page_explains_every_field() {
        let page = include_str!("../../man/smtpserver.8").replace("\\-", "-");
        let section = page.split_once(".SH LOGS").expect("a section").1;
        let section = section.split_once("\n.SH ").expect("another section").0;
        let keys =
            |fields: &[(&'static str, Value<'_>)]| fields.iter().map(|(key, _)| *key).collect::<Vec<_>>();
        let refused = Outcome::Refused(Refusal::TooManyErrorRecipients);
        let file = Stored { inode: 17, mtime_seconds: 0, mtime_nanos: 0 };
        let stored = Outcome::Stored(SpoolId::of(file));
        let all = [
            transaction(&record(refused), &peer(), keys),
            transaction(&record(stored), &peer(), keys),
            closed(&session(), SESSION, &peer(), keys),
        ];
        for key in all.iter().flatten().chain(&["time", "level", "event", "message", "lines"]) {
            assert!(section.contains(&format!(".B {key}\n")), "LOGS does not explain {key}");
        }
    }
}
