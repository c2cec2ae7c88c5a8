//! A world of names as a script writes it: a line a record, `NAME KIND VALUE`; `NAME TROUBLE` is how all questions for a
//! name end, with `TIMEOUT`, `SERVFAIL`, `REFUSED` or `GARBAGE`. `NAME PLAYED` leaves the answers to the script.

use smtpserver_core::dns::{Answer, Gathering, Name, Question, Trouble};

/// The records there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zone {
    lines: Vec<(Name, Line)>,
}

/// What a line says of its name.
#[derive(Clone, Debug)]
enum Line {
    Record(String, String),
    Trouble(Trouble),
    Played,
}

impl Zone {
    /// Reads lines. The error says which is none.
    pub(crate) fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Zone, String> {
        let mut zone = Zone::default();
        for line in lines {
            let read = Zone::line(line).ok_or_else(|| format!("this is no record: {line}"))?;
            zone.lines.push(read);
        }
        Ok(zone)
    }

    fn line(text: &str) -> Option<(Name, Line)> {
        let mut words = text.splitn(3, ' ');
        let name = Name::parse(words.next()?)?;
        let line = match (words.next()?, words.next()) {
            ("TIMEOUT", None) => Line::Trouble(Trouble::Timeout),
            ("SERVFAIL", None) => Line::Trouble(Trouble::ServerFailure),
            ("REFUSED", None) => Line::Trouble(Trouble::Refused),
            ("PLAYED", None) => Line::Played,
            ("GARBAGE", None) => Line::Trouble(Trouble::Malformed),
            (kind @ ("A" | "AAAA" | "MX" | "TXT" | "PTR"), Some(value)) => {
                Line::Record(kind.into(), value.into())
            }
            _ => return None,
        };
        Some((name, line))
    }

    /// Whether a script answers questions for this name.
    pub(crate) fn is_played(&self, name: &Name) -> bool {
        self.lines.iter().any(|(own, line)| own == name && matches!(line, Line::Played))
    }

    /// What this world answers; where a script would, nobody does.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let mut gathering = Gathering::new(question.kind);
        let mut known = false;
        for (_, line) in self.lines.iter().filter(|(name, _)| *name == question.name) {
            known = true;
            match line {
                Line::Played => return Answer::Trouble(Trouble::Timeout),
                Line::Trouble(trouble) => return Answer::Trouble(*trouble),
                // A value that is none is no record: the script will see that nothing is found.
                Line::Record(kind, value) => match kind.as_str() {
                    "A" => value.parse().map_or((), |address| gathering.a(address)),
                    "AAAA" => value.parse().map_or((), |address| gathering.aaaa(address)),
                    "PTR" => gathering.ptr(labels(value)),
                    "TXT" => gathering.txt([value.as_bytes()]),
                    _ => {
                        let (preference, host) = value.split_once(' ').unwrap_or(("0", value));
                        gathering.mx(preference.parse().unwrap_or_default(), labels(host));
                    }
                },
            }
        }
        if known { gathering.finish() } else { Answer::NoName }
    }
}

fn labels(name: &str) -> impl Iterator<Item = &[u8]> {
    name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes)
}
