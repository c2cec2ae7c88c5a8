//! The public test suite for RFC 7208, when the folder with test data is there: `SMTPSERVER_TEST_DATA`, by default
//! `../shared` beside the project. The project's own cases are in `core/src/spf/tests`.
#![allow(missing_docs)]

use serde_json::Value;
use smtpserver_core::Wall;
use smtpserver_core::dns::{Answer, Gathering, Kind, Name, Question, Step, Trouble};
use smtpserver_core::spf::{Check, Facts, Outcome};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

#[test]
fn every_case_of_the_suite_passes() {
    let path = folder().join("corpus/spf/rfc7208-tests.json");
    let Ok(text) = std::fs::read(&path) else {
        assert!(std::env::var_os("SMTPSERVER_REQUIRE_PEERS").is_none(), "there is no {}", path.display());
        // Not by a macro, whose output a test that passes would hide.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {}", path.display());
        return;
    };
    let suite: Value = serde_json::from_slice(&text).expect("JSON");
    let (mut cases, mut wrong) = (0, Vec::new());
    for scenario in suite.as_array().expect("scenarios") {
        let world = World::read(&scenario["zonedata"]);
        for (name, case) in scenario["tests"].as_object().expect("tests") {
            cases += 1;
            let (outcome, questions) = run(case, &world);
            let complaint = complaint(case, &outcome);
            if let Some(complaint) = complaint {
                wrong.push(format!("{name}: {complaint}: {outcome:#?}"));
            }
            assert!(questions <= 131, "{name} asked {questions} questions");
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(cases, 203);
}

fn folder() -> PathBuf {
    std::env::var_os("SMTPSERVER_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

fn complaint(case: &Value, outcome: &Outcome) -> Option<String> {
    let result = outcome.result.to_string();
    let wanted = &case["result"];
    let among = |all: &Vec<Value>| all.iter().any(|one| one == result.as_str());
    if wanted != result.as_str() && !wanted.as_array().is_some_and(among) {
        return Some(format!("{wanted} is wanted"));
    }
    match case["explanation"].as_str() {
        Some("DEFAULT") if outcome.explanation.is_some() => Some("no explanation is wanted".to_owned()),
        Some("DEFAULT") | None => None,
        wanted if outcome.explanation.as_deref() != wanted => Some(format!("{wanted:?} is wanted")),
        Some(_) => None,
    }
}

fn run(case: &Value, world: &World) -> (Outcome, usize) {
    let text = |key: &str| case[key].as_str().expect(key).to_owned();
    let facts = Facts {
        client: text("host").parse().expect("address"),
        helo: text("helo"),
        mail_from: text("mailfrom"),
        receiver: "receiver.example".to_owned(),
        wall: Wall::from_seconds(1_000_000),
    };
    let mut check = Check::new(facts, None);
    let mut questions = 0;
    loop {
        match check.poll() {
            Step::Ask(question) => check.answer(world.answer(&question)),
            Step::Done(outcome) => return (outcome, questions),
        }
        questions += 1;
    }
}

/// Records by name, each with its type and value; the type `TIMEOUT` has no value.
struct World(BTreeMap<Name, Vec<(String, Value)>>);

impl World {
    fn read(zones: &Value) -> World {
        let mut names: BTreeMap<Name, Vec<(String, Value)>> = BTreeMap::new();
        for (name, records) in zones.as_object().expect("names") {
            let records = records.as_array().expect("records").iter().map(|record| match record {
                Value::String(word) => (word.clone(), Value::Null),
                Value::Object(pair) => {
                    let (kind, value) = pair.iter().next().expect("a record");
                    (kind.clone(), value.clone())
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => panic!("{record}"),
            });
            names.entry(Name::parse(name).expect(name)).or_default().extend(records);
        }
        World(names)
    }

    fn answer(&self, question: &Question) -> Answer {
        let mut name = question.name.clone();
        for _ in 0..8 {
            let Some(records) = self.0.get(&name) else { return Answer::NoName };
            match records.iter().find(|(kind, _)| kind == "CNAME") {
                Some((_, target)) => name = Name::parse(target.as_str().expect("name")).expect("name"),
                None => return World::of(records, question.kind),
            }
        }
        Answer::Trouble(Trouble::ServerFailure)
    }

    fn of(records: &[(String, Value)], kind: Kind) -> Answer {
        let has_text = records.iter().any(|(kind, _)| kind == "TXT");
        let mut gathering = Gathering::new(kind);
        for (of_kind, value) in records {
            let text = || value.as_str().unwrap_or_default();
            match of_kind.as_str() {
                "A" => gathering.a(text().parse().expect("IPv4")),
                "AAAA" => gathering.aaaa(text().parse().expect("IPv6")),
                "PTR" => gathering.ptr(labels(text())),
                "MX" => {
                    let preference = u16::try_from(value[0].as_u64().expect("number")).expect("u16");
                    gathering.mx(preference, labels(value[1].as_str().expect("host")));
                }
                "TXT" if value == "NONE" => {}
                "SPF" if has_text => {}
                "TXT" | "SPF" => gathering.txt(strings(value).iter().map(Vec::as_slice)),
                "TIMEOUT" => {}
                other => panic!("{other}"),
            }
        }
        let times_out = records.iter().any(|(kind, _)| kind == "TIMEOUT");
        let answer = gathering.finish();
        if times_out && answer == Answer::NoData { Answer::Trouble(Trouble::Timeout) } else { answer }
    }
}

fn labels(name: &str) -> impl Iterator<Item = &[u8]> {
    name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes)
}

/// One string or several; each character stands for one octet.
fn strings(value: &Value) -> Vec<Vec<u8>> {
    let octets = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).expect("an octet")).collect();
    match value {
        Value::String(text) => vec![octets(text)],
        Value::Array(all) => all.iter().map(|text| octets(text.as_str().expect("string"))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => panic!("{value}"),
    }
}
