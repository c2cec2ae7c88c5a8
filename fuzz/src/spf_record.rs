//! SPF: whatever records a domain publishes, a check ends within its bounds, and what it says is safe to repeat.

use super::choice;
use smtpserver_core::Wall;
use smtpserver_core::dns::{Answer, Gathering, Kind, Question, Step};
use smtpserver_core::spf::{Check, Facts, SpfResult, received_spf, validate};

/// All that one check can ask: its record, ten terms with ten hosts each, the client's names, an explanation.
const QUESTIONS_MAX: usize = 1 + 10 * 11 + 11 + 1;

/// A choice of the client, then records parted by line ends, given in turn to whatever asks for one.
pub fn spf_record(data: &[u8]) {
    let (chosen, text) = choice(data);
    let records: Vec<&[u8]> = text.split(|octet| *octet == b'\n').collect();
    let facts = Facts {
        client: if chosen & 1 == 0 {
            [192, 0, 2, 7].into()
        } else {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into()
        },
        helo: String::from_utf8_lossy(records.last().copied().unwrap_or_default()).into_owned(),
        mail_from: if chosen & 2 == 0 { "a.b+c@example.com".to_owned() } else { String::new() },
        receiver: "mx.example.net".to_owned(),
        wall: Wall::from_seconds(1_000),
    };
    let mut check = Check::new(facts.clone(), None);
    let mut next = records.iter().cycle();
    let mut asked = 0;
    let outcome = loop {
        match check.poll() {
            Step::Done(outcome) => break outcome,
            Step::Ask(question) => check.answer(answer(&question, next.next().copied().unwrap_or_default())),
        }
        asked += 1;
        assert!(asked <= QUESTIONS_MAX, "{asked} questions");
    };
    let first = validate(records.first().copied().unwrap_or_default());
    if chosen & 2 == 0
        && first.as_ref().is_err_and(|problem| problem.to_string() != "no record where one is named")
    {
        assert_eq!(outcome.result, SpfResult::PermError, "{first:?} and yet {outcome:?}");
    }
    let field = received_spf(&facts, &outcome);
    assert!(field.bytes().all(|octet| b"\t\n".contains(&octet) || (b' '..=b'~').contains(&octet)));
    assert!(field.lines().skip(1).all(|line| line.starts_with('\t') && line.len() < 998));
    assert!(outcome.explanation.is_none() || outcome.result == SpfResult::Fail);
    assert!(outcome.explanation.unwrap_or_default().bytes().all(|octet| (b' '..=b'~').contains(&octet)));
}

/// Texts are the record; anything else is made of its octets, so that some look-ups find something.
fn answer(question: &Question, record: &[u8]) -> Answer {
    let mut gathering = Gathering::new(question.kind);
    let octet = record.last().copied().unwrap_or_default();
    match question.kind {
        Kind::Txt => gathering.txt([record]),
        Kind::A if octet & 1 == 1 => gathering.a([192, 0, 2, octet].into()),
        Kind::Aaaa if octet & 1 == 1 => {
            gathering.aaaa([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(octet)].into())
        }
        Kind::A | Kind::Aaaa => {}
        Kind::Mx => record.chunks(8).for_each(|label| gathering.mx(u16::from(octet), [label, b"example"])),
        Kind::Ptr => record.chunks(8).for_each(|label| gathering.ptr([label, b"example"])),
    }
    gathering.finish()
}
