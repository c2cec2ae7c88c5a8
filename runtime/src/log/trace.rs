//! What the rest of the program says by `tracing` comes into the log here: messages with their fields. There are no
//! spans; those of libraries are passed over.

use super::{Entry, Log, Value};
use crate::clock::{Clock, SystemClock};
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Takes what is traced.
pub(super) struct ToLog {
    log: Log,
    clock: SystemClock,
}

impl ToLog {
    pub(super) fn new(log: Log) -> ToLog {
        ToLog { log, clock: SystemClock::default() }
    }
}

impl Subscriber for ToLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.log.wants(*metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.log.level))
    }

    fn event(&self, event: &Event<'_>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        let fields: Vec<_> = seen.fields.iter().map(|(key, text)| (*key, Value::Text(text))).collect();
        let entry = Entry {
            level: *event.metadata().level(),
            event: "remark",
            message: Some(&seen.message),
            fields: &fields,
        };
        self.log.say(self.clock.now().wall, &entry);
    }

    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

/// The message and the fields of an event.
#[derive(Default)]
struct Seen {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").expect("writing to memory");
        } else {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use crate::lines::Lines;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tracing::Level;

    #[test]
    fn remarks_keep_their_words_and_fields() {
        let file: Arc<Mutex<Vec<u8>>> = Arc::default();
        let written = file.clone();
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Shared {
            fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
                self.0.lock().expect("unpoisoned").extend_from_slice(octets);
                Ok(octets.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::to(move || Ok(Box::new(Shared(file.clone())))).expect("thread");
        let log = Log::new(Level::INFO, vec![Place::Json(lines.clone()), Place::Text(lines.clone())]);
        tracing::subscriber::with_default(ToLog::new(log), || {
            tracing::warn!(session = %"1-2", number = 7, "the disk is {}\n", "full");
            tracing::debug!("not wanted");
        });
        lines.flush(Duration::from_secs(10));
        let text = String::from_utf8(written.lock().expect("unpoisoned").clone()).expect("text");
        let (json, text) = text.split_once('\n').expect("two lines");
        let rest = r#""level":"warn","event":"remark","message":"the disk is full\u000a","session":"1-2","number":"7"}"#;
        assert!(json.ends_with(rest), "{json}");
        assert!(text.ends_with("  WARN the disk is full\\x0A session=\"1-2\" number=\"7\"\n"), "{text}");
    }
}
