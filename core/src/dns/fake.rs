//! A small world of names for tests: a line a record, `NAME KIND VALUE`; `NAME TIMEOUT` and `NAME SERVFAIL` are trouble
//! for all of a name, `NAME KIND TIMEOUT` for one kind. Case counts nowhere.

use super::{Answer, Gathering, Kind, Name, Question, Trouble};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The records there are, and what was asked of them.
pub(crate) struct World {
    lines: Vec<(Name, String, String)>,
    /// Each question, in its order.
    pub(crate) asked: Vec<String>,
}

impl World {
    /// Reads lines; `\_` in a name stands for a space.
    pub(crate) fn parse(zone: &str) -> World {
        let lines = zone.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
            let mut words = line.splitn(3, ' ');
            let name = words.next().unwrap_or_default().replace("\\_", " ");
            let name = Name::parse(&name).unwrap_or_else(|| panic!("{line}"));
            (name, words.next().expect(line).to_string(), words.next().unwrap_or_default().to_string())
        });
        World { lines: lines.collect(), asked: Vec::new() }
    }

    /// What this world answers.
    pub(crate) fn answer(&mut self, question: &Question) -> Answer {
        self.asked.push(question.to_string());
        let mut gathering = Gathering::new(question.kind);
        let mut known = false;
        for (name, kind, value) in &self.lines {
            if *name != question.name {
                continue;
            }
            known = true;
            let this_kind = *kind == question.kind.to_string();
            match kind.as_str() {
                "TIMEOUT" => return Answer::Trouble(Trouble::Timeout),
                "SERVFAIL" => return Answer::Trouble(Trouble::ServerFailure),
                _ if this_kind && value == "TIMEOUT" => return Answer::Trouble(Trouble::Timeout),
                "A" => gathering.a(value.parse().expect(value)),
                "AAAA" => gathering.aaaa(value.parse().expect(value)),
                "PTR" => gathering.ptr(labels(value)),
                "TXT" => gathering.txt([value.as_bytes()]),
                "MX" => {
                    let (preference, host) = value.split_once(' ').expect(value);
                    gathering.mx(preference.parse().expect(value), labels(host));
                }
                other => panic!("{other}"),
            }
        }
        if known { gathering.finish() } else { Answer::NoName }
    }
}

fn labels(name: &str) -> impl Iterator<Item = &[u8]> {
    name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes)
}

/// Whether the kinds are spelled as `World` reads them.
#[test]
fn kinds_are_spelled_as_in_zones() {
    let all = [Kind::A, Kind::Aaaa, Kind::Mx, Kind::Txt, Kind::Ptr].map(|kind| kind.to_string());
    assert_eq!(all, ["A", "AAAA", "MX", "TXT", "PTR"]);
}
