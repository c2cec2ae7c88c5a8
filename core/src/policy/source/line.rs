//! The pairs of a line: attributes with their values, labels, messages. Faults come with the place in the line.

use super::fault::FaultKind;
use super::words::{Word, Words};
use crate::limits::{POLICY_LINE_PAIRS_MAX, POLICY_TEXT_OCTETS_MAX};
use crate::near;
use crate::policy::rules::{ATTRIBUTES, Attribute, Form, Newlines};
use alloc::vec::Vec;

/// One thing that a line says, its texts not yet kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Alias(&'a str),
    Pair { attribute: Attribute, value: SaidValue<'a>, message: Option<&'a str> },
}

/// A value, its text not yet kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SaidValue<'a> {
    Yes,
    No,
    Number(u64),
    Rates(i32, i32),
    Zones(&'a str),
    Text(&'a str),
    Newlines(Newlines),
}

/// Where a fault or a remark is: octets before it.
pub(super) type Place = (usize, FaultKind);

/// Reads what is behind the key. A message belongs to the next attribute of the line; labels may stand between.
pub(super) fn read<'a>(
    words: &mut Words<'a>,
    said: &mut Vec<Said<'a>>,
    remarks: &mut Vec<Place>,
) -> Result<(), Place> {
    let mut message: Option<(usize, &str)> = None;
    let mut first = true;
    while let Some(name) = words.next()? {
        if name.text.starts_with('#') && !name.quoted {
            if first {
                return Ok(());
            }
            return Err((name.at, FaultKind::Comment));
        }
        first = false;
        if said.len() >= POLICY_LINE_PAIRS_MAX {
            return Err((name.at, FaultKind::TooManyPairs));
        }
        let known = Attribute::named(name.text);
        if known.is_none() && !matches!(name.text, "=" | "message") {
            return Err((name.at, unknown(name.text)));
        }
        let value = words.next()?.ok_or_else(|| (name.at, FaultKind::NoValue(name.text.into())))?;
        if value.text.len() > POLICY_TEXT_OCTETS_MAX {
            return Err((value.at, FaultKind::TooLong(POLICY_TEXT_OCTETS_MAX)));
        }
        if let Some(bad) = value.text.find(|letter: char| !letter.is_ascii_graphic() && letter != ' ') {
            let letter = value.text[bad..].chars().next().unwrap_or('?');
            return Err((value.at + usize::from(value.quoted) + bad, FaultKind::Letter(letter)));
        }
        match known {
            Some((attribute, form)) => {
                let value = of_form(attribute, form, value)?;
                if is_idle(attribute, value) {
                    remarks.push((name.at, FaultKind::NoEffect(attribute.name())));
                }
                let message = message.take().map(|(_, text)| text);
                said.push(Said::Pair { attribute, value, message });
            }
            None if name.text == "=" => {
                if !value.text.starts_with('_') || value.text.len() < 2 {
                    return Err((value.at, FaultKind::Label));
                }
                said.push(Said::Alias(value.text));
            }
            None => message = Some((name.at, value.text)),
        }
    }
    if let Some((at, _)) = message {
        remarks.push((at, FaultKind::IdleMessage));
    }
    Ok(())
}

/// Whether somebody would wait in vain for what the attribute promises.
fn is_idle(attribute: Attribute, value: SaidValue<'_>) -> bool {
    attribute == Attribute::MaxOutSize
        || (matches!(attribute, Attribute::RelayCustomer | Attribute::TrustWhoson) && value == SaidValue::Yes)
}

fn of_form<'a>(attribute: Attribute, form: Form, word: Word<'a>) -> Result<SaidValue<'a>, Place> {
    let bad = |wanted| Err((word.at, FaultKind::Value { attribute: attribute.name(), wanted }));
    match form {
        Form::Switch => match word.text {
            "+" => Ok(SaidValue::Yes),
            "-" => Ok(SaidValue::No),
            _ => bad("+ or -"),
        },
        Form::Number => match digits(word.text).and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok(SaidValue::Number(number)),
            None => bad("a whole number"),
        },
        Form::Rates => match rates(word.text) {
            Some((messages, recipients)) => Ok(SaidValue::Rates(messages, recipients)),
            None => bad("messages, or messages,recipients in an hour; with a - before them they are final"),
        },
        Form::Newlines => match word.text {
            "reject" => Ok(SaidValue::Newlines(Newlines::Reject)),
            "normalize" => Ok(SaidValue::Newlines(Newlines::Normalize)),
            _ => bad("reject or normalize"),
        },
        Form::Zones => zones(word),
        Form::ZonesOrText => match word.text.strip_prefix('_') {
            // A text that begins with + is none.
            Some(text) if text.starts_with('+') || text.is_empty() => Ok(SaidValue::No),
            Some(text) => Ok(SaidValue::Text(text)),
            None => zones(word),
        },
    }
}

fn zones(word: Word<'_>) -> Result<SaidValue<'_>, Place> {
    if word.text == "-" {
        return Ok(SaidValue::No);
    }
    let mut at = word.at + usize::from(word.quoted);
    for zone in word.text.split(':') {
        if zone == "+" {
            return Err((at, FaultKind::DeadZone));
        }
        if !is_zone(zone) {
            return Err((at, FaultKind::Zone(zone.into())));
        }
        at += zone.len() + 1;
    }
    Ok(SaidValue::Zones(word.text))
}

/// A domain, and behind a `=` the return codes that count. What the codes mean is for whoever asks.
fn is_zone(text: &str) -> bool {
    let (domain, codes) = text.split_once('=').map_or((text, None), |(domain, codes)| (domain, Some(codes)));
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    let code = |octet: u8| octet.is_ascii_digit() || matches!(octet, b'.' | b',' | b'-');
    let codes_fit = codes.is_none_or(|codes| codes.starts_with("127.") && codes.bytes().all(code));
    // Room for the reversed nibbles of an IPv6 address before it.
    domain.len() <= 180 && domain.split('.').all(label) && codes_fit
}

fn rates(text: &str) -> Option<(i32, i32)> {
    let number = |text: &str| {
        digits(text.strip_prefix(['-', '+']).unwrap_or(text))?;
        text.parse().ok()
    };
    match text.split_once(',') {
        Some((messages, recipients)) => Some((number(messages)?, number(recipients)?)),
        None => Some((number(text)?, 0)),
    }
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())).then_some(text)
}

fn unknown(name: &str) -> FaultKind {
    let names = ATTRIBUTES.iter().map(|(_, name, _)| *name).chain(["message"]);
    let shown = name.chars().take(40).collect();
    FaultKind::Unknown { name: shown, near: near::nearest(name, names) }
}
