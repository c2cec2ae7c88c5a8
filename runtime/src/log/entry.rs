//! One entry of the log, and its forms: a line of text, a line of JSON, the words of a line for syslog. All of them are
//! one line of printable ASCII, whatever the values are.

use crate::lines::{printable, quoted};
use jiff::Timestamp;
use smtpserver_core::Duration;
use smtpserver_core::now::Wall;
use std::fmt::{Display, Write};
use tracing::Level;

/// Something that happened.
pub struct Entry<'a> {
    /// How much it matters.
    pub level: Level,
    /// What kind of thing it is: one word, ours.
    pub event: &'static str,
    /// A sentence for people; in text it stands in place of the event.
    pub message: Option<&'a str>,
    /// Keys, each once, and values.
    pub fields: &'a [(&'static str, Value<'a>)],
}

/// The value of a key.
pub enum Value<'a> {
    /// A word or number of ours.
    Word(&'a dyn Display),
    /// Words of ours.
    Words(&'a [&'a dyn Display]),
    /// A number.
    Number(u64),
    /// A time, written in milliseconds with three decimals.
    Millis(Duration),
    /// Any text; perhaps a client's.
    Text(&'a str),
    /// Any texts; perhaps a client's.
    Texts(&'a [String]),
}

impl Entry<'_> {
    /// The line for people, with its line end.
    pub fn text(&self, wall: Wall) -> String {
        format!("{:.6} {:>5} {}\n", timestamp(wall), self.level.as_str(), self.words())
    }

    /// Event or message, and the fields, without a line end.
    pub fn words(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push_str(&printable(self.message.unwrap_or(self.event)));
        for (key, value) in self.fields {
            write!(out, " {key}=").expect("writing to memory");
            value.text(&mut out);
        }
        out
    }

    /// The line of JSON, with its line end.
    pub fn json(&self, wall: Wall) -> String {
        let mut out = String::with_capacity(512);
        let level = self.level.as_str().to_ascii_lowercase();
        write!(out, r#"{{"time":"{:.6}","level":"{level}","event":"#, timestamp(wall))
            .expect("writing to memory");
        string(&mut out, self.event);
        if let Some(message) = self.message {
            out.push_str(r#","message":"#);
            string(&mut out, message);
        }
        for (key, value) in self.fields {
            out.push(',');
            string(&mut out, key);
            out.push(':');
            value.json(&mut out);
        }
        out.push_str("}\n");
        out
    }
}

impl Value<'_> {
    fn text(&self, out: &mut String) {
        match self {
            Value::Word(word) => out.push_str(&printable(&word.to_string())),
            Value::Words(words) => {
                list(out, words.iter(), |out, word| out.push_str(&printable(&word.to_string())))
            }
            Value::Number(number) => write!(out, "{number}").expect("writing to memory"),
            Value::Millis(span) => millis(out, *span),
            Value::Text(text) => out.push_str(&quoted(text)),
            Value::Texts(texts) => list(out, texts.iter(), |out, text| out.push_str(&quoted(text))),
        }
    }

    fn json(&self, out: &mut String) {
        match self {
            Value::Word(word) => string(out, &word.to_string()),
            Value::Number(number) => write!(out, "{number}").expect("writing to memory"),
            Value::Millis(span) => millis(out, *span),
            Value::Text(text) => string(out, text),
            Value::Words(words) => {
                out.push('[');
                list(out, words.iter(), |out, word| string(out, &word.to_string()));
                out.push(']');
            }
            Value::Texts(texts) => {
                out.push('[');
                list(out, texts.iter(), |out, text| string(out, text));
                out.push(']');
            }
        }
    }
}

/// The items with commas between them.
fn list<T>(out: &mut String, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
}

fn millis(out: &mut String, span: Duration) {
    let micros = span.as_micros();
    write!(out, "{}.{:03}", micros / 1000, micros % 1000).expect("writing to memory");
}

/// A JSON string of nothing but printable ASCII, so that it does no harm on a terminal either (RFC 8259 §7).
fn string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            ' '..='~' => out.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("writing to memory");
                }
            }
        }
    }
    out.push('"');
}

/// The moment; outside of the years that can be written, the beginning of 1970.
pub(super) fn timestamp(wall: Wall) -> Timestamp {
    Timestamp::from_microsecond(wall.micros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_an_entry() {
        let texts = ["bob@local.example".to_string(), "\"x\" y\u{1f600}\u{7f}".to_string()];
        let entry = Entry {
            level: Level::INFO,
            event: "message_stored",
            message: None,
            fields: &[
                ("id", Value::Word(&"1-2.3")),
                ("to", Value::Texts(&texts)),
                ("octets", Value::Number(12)),
                ("data_ms", Value::Millis(Duration::from_micros(1_002_003))),
                ("verdicts", Value::Words(&[&"RCPT:not-admitted", &"-:syntax"])),
            ],
        };
        let wall = Wall::from_micros(1_795_412_439_000_120);
        assert_eq!(
            entry.text(wall),
            "2026-11-23T05:40:39.000120Z  INFO message_stored id=1-2.3 to=\"bob@local.example\",\
             \"\\\"x\\\" y\\xF0\\x9F\\x98\\x80\\x7F\" octets=12 data_ms=1002.003 verdicts=RCPT:not-admitted,-:syntax\n"
        );
        assert_eq!(
            entry.json(wall),
            "{\"time\":\"2026-11-23T05:40:39.000120Z\",\"level\":\"info\",\"event\":\"message_stored\",\
             \"id\":\"1-2.3\",\"to\":[\"bob@local.example\",\"\\\"x\\\" y\\ud83d\\ude00\\u007f\"],\"octets\":12,\
             \"data_ms\":1002.003,\"verdicts\":[\"RCPT:not-admitted\",\"-:syntax\"]}\n"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_client_says_is_one_harmless_line_that_can_be_read_back(
            message in any::<Option<String>>(),
            from in any::<String>(),
            to in prop::collection::vec(any::<String>(), 0..5),
            octets: u64,
            wall: i64,
        ) {
            let fields = [
                ("from", Value::Text(&from)),
                ("to", Value::Texts(&to)),
                ("word", Value::Word(&from)),
                ("octets", Value::Number(octets)),
            ];
            let entry =
                Entry { level: Level::WARN, event: "x", message: message.as_deref(), fields: &fields };
            let (text, json) = (entry.text(Wall::from_micros(wall)), entry.json(Wall::from_micros(wall)));
            for line in [&text, &json] {
                let inside = line.strip_suffix('\n').expect("a whole line");
                prop_assert!(inside.bytes().all(|octet| matches!(octet, b' '..=b'~')), "{line:?}");
            }
            let read: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
            prop_assert_eq!(read["from"].as_str(), Some(from.as_str()));
            prop_assert_eq!(read["word"].as_str(), Some(from.as_str()));
            prop_assert_eq!(read["message"].as_str(), message.as_deref());
            prop_assert_eq!(read["octets"].as_u64(), Some(octets));
            let list: Vec<_> = read["to"].as_array().expect("a list").iter().filter_map(|to| to.as_str()).collect();
            prop_assert_eq!(list, to);
        }
    }
}
