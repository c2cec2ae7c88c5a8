//! The answer to a question as a log keeps it: the verdict without its proof.

use super::entry::{code, decoded};
use super::fault::{LogFault, LogFaultKind};
use super::octets::{Cursor, put_length, put_number, put_signed};
use crate::limits::{MILTER_PACKET_MAX, RECORDED_TEXT_MAX};
use crate::now::Duration;
use crate::now::micros;
use crate::policy::evaluate::{No, Place, Why};
use crate::policy::{Conditions, Denial, Verdict, postmaster};
use crate::reply::Words;
use crate::server::rate_window::RateVerdict;
use crate::subserver::filter::{Fate, Sentence};
use crate::subserver::milter::{self, Outcome};
use crate::subserver::policy_service::Action;
use crate::subserver::{ServiceId, Trade};
use crate::wire::text::BareNewline;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// A verdict without its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// [`Verdict::Accept`].
    Accept,
    /// [`Verdict::Admit`].
    Admit(Place),
    /// [`Verdict::NoSpace`].
    NoSpace,
    /// [`Verdict::Busy`].
    Busy,
    /// [`Verdict::TurnAway`].
    TurnAway,
    /// [`Verdict::Welcome`].
    Welcome(Conditions),
    /// [`Verdict::Traced`].
    Traced(String),
    /// [`Verdict::KeptOut`].
    KeptOut,
    /// [`Verdict::Report`].
    Report(Option<Vec<String>>),
    /// [`Verdict::LoginFirst`].
    LoginFirst,
    /// [`Verdict::Refuse`].
    Refuse(Box<Denial>),
    /// [`Verdict::Judged`].
    Judged(Box<Sentence>),
    /// [`Verdict::Routed`].
    Routed(Box<Words>),
    /// [`Verdict::Action`].
    Action(Box<Action>),
    /// [`Verdict::Milted`].
    Milted(Box<Outcome>),
    /// [`Verdict::NoHelper`].
    NoHelper(Trade),
}

impl Ruling {
    pub(super) fn of(verdict: &Verdict) -> Ruling {
        match verdict {
            Verdict::Accept => Ruling::Accept,
            Verdict::Admit(_, place) => Ruling::Admit(*place),
            Verdict::NoSpace => Ruling::NoSpace,
            Verdict::Busy => Ruling::Busy,
            Verdict::TurnAway => Ruling::TurnAway,
            Verdict::Welcome(conditions) => Ruling::Welcome(*conditions),
            Verdict::Traced(field) => Ruling::Traced(field.clone()),
            Verdict::KeptOut => Ruling::KeptOut,
            Verdict::Report(lines) => Ruling::Report(lines.clone()),
            Verdict::LoginFirst => Ruling::LoginFirst,
            Verdict::Refuse(denial) => Ruling::Refuse(denial.clone()),
            Verdict::Judged(sentence) => Ruling::Judged(sentence.clone()),
            Verdict::Routed(words) => Ruling::Routed(words.clone()),
            Verdict::Action(action) => Ruling::Action(action.clone()),
            Verdict::Milted(outcome) => Ruling::Milted(outcome.clone()),
            Verdict::NoHelper(trade) => Ruling::NoHelper(numberless(*trade)),
        }
    }

    /// The verdict. The proof of an admission is the postmaster's: nothing is received by it, for what replays a log
    /// keeps no message.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Ruling::Accept => Verdict::Accept,
            Ruling::Admit(place) => Verdict::Admit(postmaster(), place),
            Ruling::NoSpace => Verdict::NoSpace,
            Ruling::Busy => Verdict::Busy,
            Ruling::TurnAway => Verdict::TurnAway,
            Ruling::Welcome(conditions) => Verdict::Welcome(conditions),
            Ruling::Traced(field) => Verdict::Traced(field),
            Ruling::KeptOut => Verdict::KeptOut,
            Ruling::Report(lines) => Verdict::Report(lines),
            Ruling::LoginFirst => Verdict::LoginFirst,
            Ruling::Refuse(denial) => Verdict::Refuse(denial),
            Ruling::Judged(sentence) => Verdict::Judged(sentence),
            Ruling::Routed(words) => Verdict::Routed(words),
            Ruling::Action(action) => Verdict::Action(action),
            Ruling::Milted(outcome) => Verdict::Milted(outcome),
            Ruling::NoHelper(trade) => Verdict::NoHelper(trade),
        }
    }
}

/// Which of several services it was is nothing to a session.
fn numberless(trade: Trade) -> Trade {
    match trade {
        Trade::Router | Trade::Filter | Trade::Milter => trade,
        Trade::Policy(_) => Trade::Policy(ServiceId::default()),
    }
}

const ACCEPT: u8 = 0;
const ADMIT: u8 = 1;
const NO_SPACE: u8 = 2;
const BUSY: u8 = 3;
const TURN_AWAY: u8 = 4;
const WELCOME: u8 = 5;
const TRACED: u8 = 6;
const REFUSE: u8 = 7;
const KEPT_OUT: u8 = 16;
const REPORT: u8 = 17;
const LOGIN_FIRST: u8 = 8;
const JUDGED: u8 = 9;
const ROUTED: u8 = 10;
const NO_HELPER: u8 = 11;
const ACTION: u8 = 12;
const MILTED: u8 = 13;

const TRADES: [Trade; 4] = [Trade::Router, Trade::Filter, Trade::Policy(ServiceId(0)), Trade::Milter];

const PLACES: [Place; 3] = [Place::Router, Place::Freezer, Place::Nowhere];

const PASS: u8 = 0;
const HOLD: u8 = 1;
const DISCARD: u8 = 2;
const PREPEND: u8 = 3;
const REFUSING: u8 = 4;

const TAKEN: u8 = 0;
const REFUSED: u8 = 1;
const DISCARDED: u8 = 2;
const NEWLINES: [Option<BareNewline>; 3] = [None, Some(BareNewline::Reject), Some(BareNewline::Normalize)];
const WHYS: [Why; 12] = [
    Why::Client,
    Why::Listed,
    Why::NoConnections,
    Why::Sender,
    Why::SenderDomain,
    Why::Spf,
    Why::Recipient,
    Why::NotAdmitted,
    Why::NotExchanger,
    Why::RecipientDomain,
    Why::Route,
    Why::Trouble,
];
/// Behind those of the table.
const MESSAGES: u8 = 12;
const RECIPIENTS: u8 = 13;

/// Appends a ruling.
pub(super) fn put(out: &mut Vec<u8>, ruling: &Ruling) {
    match ruling {
        Ruling::Accept => out.push(ACCEPT),
        Ruling::Admit(place) => out.extend([ADMIT, code(&PLACES, place)]),
        Ruling::NoSpace => out.push(NO_SPACE),
        Ruling::Busy => out.push(BUSY),
        Ruling::TurnAway => out.push(TURN_AWAY),
        Ruling::LoginFirst => out.push(LOGIN_FIRST),
        Ruling::Welcome(Conditions { message_octets_max, bare_newline, skips_filter }) => {
            out.push(WELCOME);
            // 0 stands for none, so that none has no number of its own.
            put_number(out, message_octets_max.map_or(0, |most| most.saturating_add(1)));
            out.extend([code(&NEWLINES, bare_newline), u8::from(*skips_filter)]);
        }
        Ruling::Traced(field) => {
            out.push(TRACED);
            put_text(out, field);
        }
        Ruling::KeptOut => out.push(KEPT_OUT),
        Ruling::Report(lines) => {
            out.push(REPORT);
            put_texts(out, lines.as_deref());
        }
        Ruling::Judged(sentence) => {
            out.push(JUDGED);
            let fate = match sentence.fate {
                Fate::Destroyed => -1,
                Fate::Kept => 0,
                Fate::Frozen(code) => i64::from(code),
            };
            put_signed(out, fate);
            put_words(out, &sentence.words);
        }
        Ruling::Routed(words) => {
            out.push(ROUTED);
            put_words(out, words);
        }
        Ruling::Milted(outcome) => {
            out.push(MILTED);
            put_outcome(out, outcome);
        }
        Ruling::Action(action) => {
            out.push(ACTION);
            put_action(out, action);
        }
        Ruling::NoHelper(trade) => out.extend([NO_HELPER, code(&TRADES, trade)]),
        Ruling::Refuse(denial) => {
            out.push(REFUSE);
            put_denial(out, denial);
        }
    }
}

fn put_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Taken(changes) => {
            out.push(TAKEN);
            put_length(out, changes.len());
            for change in changes {
                let octets = milter::encode_change(change);
                put_length(out, octets.len());
                out.extend(octets);
            }
        }
        Outcome::Refused(words) => {
            out.push(REFUSED);
            put_words(out, words);
        }
        Outcome::Discarded => out.push(DISCARDED),
    }
}

fn outcome(cursor: &mut Cursor<'_>) -> Result<Outcome, LogFault> {
    Ok(match cursor.octet()? {
        TAKEN => {
            let count = cursor.number_in_memory()?;
            // Each takes an octet at least: whoever lies about their number comes to the end first.
            Outcome::Taken((0..count).map(|_| change(cursor)).collect::<Result<_, _>>()?)
        }
        REFUSED => Outcome::Refused(words(cursor)?),
        DISCARDED => Outcome::Discarded,
        _ => return Err(cursor.fault(LogFaultKind::Unfit("an unknown outcome"))),
    })
}

/// A change, as a milter says it: behind its length.
fn change(cursor: &mut Cursor<'_>) -> Result<milter::Change, LogFault> {
    let octets = cursor.string(MILTER_PACKET_MAX)?;
    let said = octets.split_at_checked(4).and_then(|(_, said)| said.split_first());
    match said.and_then(|(what, rest)| milter::reply(*what, rest)) {
        Some(milter::Reply::Change(change)) => Ok(change),
        _ => Err(cursor.fault(LogFaultKind::Unfit("a change that is none"))),
    }
}

fn put_action(out: &mut Vec<u8>, action: &Action) {
    match action {
        Action::Pass => out.push(PASS),
        Action::Hold => out.push(HOLD),
        Action::Discard => out.push(DISCARD),
        Action::Prepend(field) => {
            out.push(PREPEND);
            put_text(out, field);
        }
        Action::Refuse(words) => {
            out.push(REFUSING);
            put_words(out, words);
        }
    }
}

fn action(cursor: &mut Cursor<'_>) -> Result<Action, LogFault> {
    Ok(match cursor.octet()? {
        PASS => Action::Pass,
        HOLD => Action::Hold,
        DISCARD => Action::Discard,
        PREPEND => Action::Prepend(text(cursor)?),
        REFUSING => Action::Refuse(words(cursor)?),
        _ => return Err(cursor.fault(LogFaultKind::Unfit("an unknown action"))),
    })
}

/// Appends a helper's words: its codes, 0 for none, then the lines.
fn put_words(out: &mut Vec<u8>, words: &Words) {
    let (code, enhanced, lines) = words.parts();
    put_number(out, code.into());
    out.extend(enhanced);
    put_length(out, lines.len());
    for line in lines {
        put_text(out, line);
    }
}

fn words(cursor: &mut Cursor<'_>) -> Result<Words, LogFault> {
    let code = u16::try_from(cursor.number()?).unwrap_or(u16::MAX);
    let enhanced = [cursor.octet()?, cursor.octet()?, cursor.octet()?];
    let count = cursor.number_in_memory()?;
    // Each takes an octet at least: whoever lies about their number comes to the end first.
    let lines = (0..count).map(|_| text(cursor)).collect::<Result<_, _>>()?;
    Words::from_parts(code, enhanced, lines)
        .ok_or_else(|| cursor.fault(LogFaultKind::Unfit("a reply that is none")))
}

fn fate(cursor: &mut Cursor<'_>) -> Result<Fate, LogFault> {
    Ok(match cursor.signed()? {
        -1 => Fate::Destroyed,
        0 => Fate::Kept,
        code => match u32::try_from(code) {
            Ok(code) => Fate::Frozen(code),
            Err(_) => return Err(cursor.fault(LogFaultKind::Unfit("an unknown fate"))),
        },
    })
}

fn put_denial(out: &mut Vec<u8>, denial: &Denial) {
    let Denial { no: No { why, text }, chain } = denial;
    match why {
        Why::Messages(verdict) => {
            out.push(MESSAGES);
            put_rate(out, *verdict);
        }
        Why::Recipients(verdict) => {
            out.push(RECIPIENTS);
            put_rate(out, *verdict);
        }
        Why::Client
        | Why::Listed
        | Why::NoConnections
        | Why::Sender
        | Why::SenderDomain
        | Why::Spf
        | Why::Recipient
        | Why::NotAdmitted
        | Why::NotExchanger
        | Why::RecipientDomain
        | Why::Route
        | Why::Trouble => out.push(code(&WHYS, why)),
    }
    let text: &[String] = text.as_ref().map_or(&[], core::slice::from_ref);
    put_texts(out, Some(text));
    put_texts(out, chain.as_deref());
}

/// 0 for none at all, else one more than there are, and then each.
fn put_texts(out: &mut Vec<u8>, texts: Option<&[String]>) {
    put_length(out, texts.map_or(0, |texts| texts.len() + 1));
    for text in texts.unwrap_or(&[]) {
        put_text(out, text);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = text.floor_char_boundary(RECORDED_TEXT_MAX);
    put_length(out, end);
    out.extend_from_slice(&text.as_bytes()[..end]);
}

/// Microseconds to wait; -1 for never.
fn put_rate(out: &mut Vec<u8>, verdict: RateVerdict) {
    put_signed(
        out,
        match verdict {
            RateVerdict::Within => 0,
            RateVerdict::Excess { retry_after } => i64::try_from(micros(retry_after)).unwrap_or(i64::MAX),
            RateVerdict::Forbidden => -1,
        },
    );
}

/// Reads a ruling.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Ruling, LogFault> {
    Ok(match cursor.octet()? {
        ACCEPT => Ruling::Accept,
        ADMIT => Ruling::Admit(decoded(&PLACES, cursor, "an unknown place")?),
        NO_SPACE => Ruling::NoSpace,
        BUSY => Ruling::Busy,
        TURN_AWAY => Ruling::TurnAway,
        LOGIN_FIRST => Ruling::LoginFirst,
        WELCOME => Ruling::Welcome(Conditions {
            message_octets_max: cursor.number()?.checked_sub(1),
            bare_newline: decoded(&NEWLINES, cursor, "an unknown treatment of newlines")?,
            skips_filter: cursor.octet()? != 0,
        }),
        JUDGED => Ruling::Judged(Box::new(Sentence { fate: fate(cursor)?, words: words(cursor)? })),
        ROUTED => Ruling::Routed(Box::new(words(cursor)?)),
        MILTED => Ruling::Milted(Box::new(outcome(cursor)?)),
        ACTION => Ruling::Action(Box::new(action(cursor)?)),
        NO_HELPER => Ruling::NoHelper(decoded(&TRADES, cursor, "an unknown trade")?),
        TRACED => Ruling::Traced(text(cursor)?),
        KEPT_OUT => Ruling::KeptOut,
        REPORT => Ruling::Report(texts(cursor)?),
        REFUSE => Ruling::Refuse(Box::new(denial(cursor)?)),
        _ => return Err(cursor.fault(LogFaultKind::Unfit("an unknown verdict"))),
    })
}

fn denial(cursor: &mut Cursor<'_>) -> Result<Denial, LogFault> {
    let why = match cursor.octet()? {
        MESSAGES => Why::Messages(rate(cursor)?),
        RECIPIENTS => Why::Recipients(rate(cursor)?),
        code => *WHYS
            .get(usize::from(code))
            .ok_or_else(|| cursor.fault(LogFaultKind::Unfit("an unknown reason")))?,
    };
    let text = texts(cursor)?.and_then(|texts| texts.into_iter().next());
    Ok(Denial { no: No { why, text }, chain: texts(cursor)? })
}

fn texts(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, LogFault> {
    match cursor.number_in_memory()? {
        0 => Ok(None),
        // Each takes an octet at least: whoever lies about their number comes to the end first.
        more => (1..more).map(|_| text(cursor)).collect::<Result<_, _>>().map(Some),
    }
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, LogFault> {
    let octets = cursor.string(RECORDED_TEXT_MAX)?.to_vec();
    String::from_utf8(octets).map_err(|_| cursor.fault(LogFaultKind::Unfit("a text that is not UTF-8")))
}

fn rate(cursor: &mut Cursor<'_>) -> Result<RateVerdict, LogFault> {
    Ok(match u64::try_from(cursor.signed()?) {
        Ok(0) => RateVerdict::Within,
        Ok(micros) => RateVerdict::Excess { retry_after: Duration::from_micros(micros) },
        Err(_) => RateVerdict::Forbidden,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_ruling_comes_back() {
        let denial = |why, text: Option<&str>, chain: Option<&[&str]>| {
            let text = text.map(String::from);
            let chain = chain.map(|lines| lines.iter().copied().map(String::from).collect());
            Ruling::Refuse(Box::new(Denial { no: No { why, text }, chain }))
        };
        let conditions = Conditions {
            message_octets_max: Some(0),
            bare_newline: Some(BareNewline::Normalize),
            skips_filter: true,
        };
        let sentence = |fate| Box::new(Sentence { fate, words: Words::read("550 5.6.0 a\rb") });
        let soon = RateVerdict::Excess { retry_after: Duration::from_secs(450) };
        let mut all = vec![
            Ruling::Accept,
            Ruling::Admit(Place::Router),
            Ruling::Admit(Place::Freezer),
            Ruling::NoSpace,
            Ruling::Busy,
            Ruling::TurnAway,
            Ruling::KeptOut,
            Ruling::Report(None),
            Ruling::Report(Some(vec!["a".into()])),
            Ruling::LoginFirst,
            Ruling::Welcome(Conditions::default()),
            Ruling::Welcome(conditions),
            Ruling::Traced("Received-SPF: pass\n".into()),
            Ruling::Judged(sentence(Fate::Destroyed)),
            Ruling::Judged(sentence(Fate::Kept)),
            Ruling::Judged(sentence(Fate::Frozen(u32::MAX))),
            Ruling::Routed(Box::default()),
            Ruling::NoHelper(Trade::Router),
            Ruling::NoHelper(Trade::Filter),
            Ruling::NoHelper(Trade::Policy(ServiceId(0))),
            Ruling::Admit(Place::Nowhere),
            Ruling::NoHelper(Trade::Milter),
            Ruling::Milted(Box::new(Outcome::Discarded)),
            Ruling::Milted(Box::new(Outcome::Refused(Words::read("550 5.7.1 spam")))),
            Ruling::Milted(Box::new(Outcome::Taken(vec![
                milter::Change::AddField("X".into(), " y\n\tz".into()),
                milter::Change::InsertField(1, "X".into(), "y".into()),
                milter::Change::ChangeField(2, "X".into(), String::new()),
                milter::Change::AddRecipient("a@local.example".into()),
                milter::Change::DropRecipient("b@local.example".into()),
                milter::Change::Sender(String::new()),
                milter::Change::Quarantine,
            ]))),
            Ruling::Action(Box::new(Action::Pass)),
            Ruling::Action(Box::new(Action::Hold)),
            Ruling::Action(Box::new(Action::Discard)),
            Ruling::Action(Box::new(Action::Prepend("X-Greylist: delayed\n".into()))),
            Ruling::Action(Box::new(Action::Refuse(Words::read("450 4.2.0 soon")))),
            denial(Why::Messages(soon), None, Some(&[])),
            denial(Why::Recipients(RateVerdict::Forbidden), Some(""), Some(&["a", "b"])),
        ];
        all.extend(WHYS.map(|why| denial(why, Some("no"), None)));
        for ruling in all {
            let mut octets = Vec::new();
            put(&mut octets, &ruling);
            let mut cursor = Cursor::new(&octets, 0);
            assert_eq!(read(&mut cursor), Ok(ruling.clone()));
            assert!(cursor.is_at_end());
            assert_eq!(Ruling::of(&ruling.clone().verdict()), ruling);
        }
        for unfit in [&[9][..], &[12, 99], &[11, 4], &[13, 3], &[7, 99], &[7, 0, 200, 1], &[6, 2, 0xff, 0xff]]
        {
            assert!(read(&mut Cursor::new(unfit, 0)).is_err(), "{unfit:?}");
        }
    }
}
