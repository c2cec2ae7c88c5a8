//! Events, written down. One line for each transaction on stderr, by way of `tracing`; the dialogue in a session log
//! when one is kept. It judges nothing, and it never holds up or fails a session.

use crate::lines::{Lines, quoted};
use crate::session_log::SessionLog;
use smtpserver_core::event::{Event, Outcome, SessionRecord, TransactionRecord};
use smtpserver_core::{Duration, Now, Peer, SessionId};
use std::fmt;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Where events go to. Neither function waits or fails.
pub trait Journal: Send + Sync + 'static {
    /// A session begins.
    fn opened(&self, now: Now, session: SessionId, peer: &Peer);
    /// Something happened in it.
    fn note(&self, now: Now, session: SessionId, peer: &Peer, event: &Event);
}

/// The daemon's journal.
pub struct Logbook {
    session_log: Option<SessionLog>,
}

impl Logbook {
    /// A journal that keeps a session log as well, if it is given one.
    pub fn new(session_log: Option<SessionLog>) -> Logbook {
        Logbook { session_log }
    }
}

impl Journal for Logbook {
    fn opened(&self, now: Now, session: SessionId, peer: &Peer) {
        tracing::debug!(%session, peer = %peer.client, local = %peer.local, "opened");
        if let Some(log) = &self.session_log {
            let remark = format!("connection from {} on port {}", ends(peer), peer.local.port());
            log.remark(now, session, &remark);
        }
    }

    fn note(&self, now: Now, session: SessionId, peer: &Peer, event: &Event) {
        match event {
            Event::Heard(line) => tracing::trace!(%session, "heard {}", quoted(line)),
            Event::Said(line) => tracing::trace!(%session, "said {}", quoted(line)),
            Event::Refused { .. } | Event::TarpitDelayed(_) => {
                tracing::debug!(%session, peer = %peer.client, "{} {event}", event.name());
            }
            Event::Transaction(record) => {
                tracing::info!("{} peer={} {}", event.name(), peer.client, TransactionLine(record));
            }
            Event::Closed(record) => {
                tracing::debug!(%session, peer = %peer.client, "closed {}", SessionLine(record));
            }
        }
        if let Some(log) = &self.session_log {
            log.note(now, session, event);
        }
    }
}

/// `[192.0.2.7]:4711`.
fn ends(peer: &Peer) -> String {
    format!("{}:{}", peer.literal(), peer.client.port())
}

struct TransactionLine<'a>(&'a TransactionRecord);

impl fmt::Display for TransactionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        write!(f, "id={} from={} to=", record.id, quoted(&record.from))?;
        for (index, recipient) in record.to.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "," }, quoted(recipient))?;
        }
        write!(
            f,
            " recipients={} refused={} octets={} envelope_ms={} data_ms={} store_ms={}",
            record.recipients,
            record.recipients_refused,
            record.octets,
            Millis(record.envelope),
            Millis(record.data),
            Millis(record.store),
        )?;
        match &record.outcome {
            Outcome::Stored(id) => write!(f, " outcome=stored spool={id}"),
            Outcome::Refused(refusal) => write!(f, " outcome=refused why={}", refusal.name()),
            Outcome::Reset => f.write_str(" outcome=reset"),
            Outcome::Cut(reason) => write!(f, " outcome=cut why={}", reason.name()),
        }
    }
}

struct SessionLine<'a>(&'a SessionRecord);

impl fmt::Display for SessionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        write!(
            f,
            "why={} commands={} transactions={} stored={} tarpitted_ms={} lasted_ms={}",
            record.reason.name(),
            record.commands,
            record.transactions,
            record.stored,
            Millis(record.tarpitted),
            Millis(record.lasted),
        )
    }
}

struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}

/// What option `-v`, given this many times, lets through: at first what an operator wants to know, then also each
/// session and each refusal, then everything.
pub fn level(verbosity: u8) -> Level {
    match verbosity {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// Sends everything of `level` and above that is traced from now on to `lines`.
pub fn trace_to(lines: Lines, level: Level) {
    // Others in this process (tests) may have been faster; then theirs stays.
    let _ = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .with_max_level(level)
        .with_writer(ToLines(lines))
        .try_init();
}

struct ToLines(Lines);

impl<'a> MakeWriter<'a> for ToLines {
    type Writer = LineWriter<'a>;
    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(&self.0)
    }
}

/// Takes one traced event, which comes as one write.
struct LineWriter<'a>(&'a Lines);

impl std::io::Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpserver_core::peer::TransactionId;

    #[test]
    fn no_address_can_look_like_another_key() {
        let record = TransactionRecord {
            id: TransactionId { session: SessionId { began: 0, serial: 1 }, number: 1 },
            from: r#""x\" to=y outcome=stored"@client.example"#.into(),
            to: vec!["bob@local.example".into(), r#""<>, "@local.example"#.into()],
            recipients: 2,
            recipients_refused: 0,
            octets: 0,
            normalized: 0,
            envelope: Duration::ZERO,
            data: Duration::ZERO,
            store: Duration::ZERO,
            outcome: Outcome::Reset,
        };
        let line = TransactionLine(&record).to_string();
        let rest = line.split_once(" from=").expect("a sender").1;
        assert!(
            rest.starts_with(concat!(
                r#""\"x\\\" to=y outcome=stored\"@client.example" "#,
                r#"to="bob@local.example","\"<>, \"@local.example" recipients=2 "#
            )),
            "{line}"
        );
        let nobody = TransactionRecord { from: String::new(), to: Vec::new(), ..record };
        assert!(TransactionLine(&nobody).to_string().contains(r#" from="" to= recipients="#));
    }
}
