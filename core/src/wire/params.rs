//! The parameters behind a path: SIZE, BODY, RET, ENVID, BY and AUTH for MAIL; NOTIFY and ORCPT for RCPT.
//!
//! Each is read once and by the letter. What a parameter is good for is not known here.

use super::command::{Offered, SyntaxFault};
use super::path::{Address, is_atext};
use super::xtext::Xtext;
use alloc::string::String;
use core::fmt;

/// The greatest length of the value of ENVID in octets, as typed. Spec: RFC 3461 §4.4.
pub(crate) const ENVID_OCTETS_MAX: usize = 100;
/// The greatest length of the value of ORCPT in octets, as typed. Spec: RFC 3461 §4.2.
pub(crate) const ORCPT_OCTETS_MAX: usize = 500;
/// The greatest length of the value of NOTIFY in octets: each occasion, twice and more.
pub(crate) const NOTIFY_OCTETS_MAX: usize = 64;
/// The greatest number of digits in SIZE. Spec: RFC 1870 §4.
pub(crate) const SIZE_DIGITS_MAX: usize = 20;
/// The greatest number of digits in BY. Spec: RFC 2852 §4.
pub(crate) const BY_DIGITS_MAX: usize = 9;
/// How much of an unknown keyword is kept for the reply, in octets.
pub(crate) const PARAM_NAME_OCTETS_MAX: usize = 64;

/// The keyword of a parameter in upper case, cut to 64 octets of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParamName(String);

impl ParamName {
    /// A name for replies; what is not printable becomes `?`.
    pub fn new(keyword: &[u8]) -> ParamName {
        let cut = &keyword[..keyword.len().min(PARAM_NAME_OCTETS_MAX)];
        let printable = |&octet: &u8| if octet.is_ascii_graphic() { char::from(octet) } else { '?' };
        ParamName(cut.iter().map(printable).collect::<String>().to_ascii_uppercase())
    }

    /// The keyword.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ParamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What octets the message is made of.
///
/// Spec: RFC 1652 §3, RFC 3030 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyKind {
    /// `7BIT`: lines of ASCII.
    SevenBit,
    /// `8BITMIME`: lines of octets.
    EightBitMime,
    /// `BINARYMIME`: any octets, no lines; only BDAT can carry them.
    BinaryMime,
}

impl BodyKind {
    fn parse(value: &str, offered: &Offered) -> Option<BodyKind> {
        let all = [BodyKind::SevenBit, BodyKind::EightBitMime, BodyKind::BinaryMime];
        let kind = all.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(value))?;
        let known = match kind {
            BodyKind::SevenBit => true,
            BodyKind::EightBitMime => offered.eightbitmime,
            BodyKind::BinaryMime => offered.takes_binary(),
        };
        known.then_some(kind)
    }

    /// The value of BODY.
    pub fn name(self) -> &'static str {
        match self {
            BodyKind::SevenBit => "7BIT",
            BodyKind::EightBitMime => "8BITMIME",
            BodyKind::BinaryMime => "BINARYMIME",
        }
    }
}

/// How much of the message a failure report returns.
///
/// Spec: RFC 3461 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its header.
    Hdrs,
}

impl Ret {
    fn parse(value: &str) -> Option<Ret> {
        [Ret::Full, Ret::Hdrs].into_iter().find(|ret| ret.name().eq_ignore_ascii_case(value))
    }

    /// The value of RET.
    pub fn name(self) -> &'static str {
        match self {
            Ret::Full => "FULL",
            Ret::Hdrs => "HDRS",
        }
    }
}

/// What the client wants when the time for delivery has run out.
///
/// Spec: RFC 2852 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ByMode {
    /// `R`: give the message back.
    Return,
    /// `N`: tell the sender and go on.
    Notify,
}

/// A time limit for delivery.
///
/// Spec: RFC 2852 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliverBy {
    /// Seconds from the MAIL command, -999,999,999 to 999,999,999; more than zero when the mode is `Return`.
    pub seconds: i32,
    /// What happens then.
    pub mode: ByMode,
    /// `T`: report every relaying.
    pub trace: bool,
}

impl DeliverBy {
    fn parse(value: &str) -> Option<DeliverBy> {
        let (time, wish) = value.split_once(';')?;
        let digits = time.strip_prefix(['+', '-']).unwrap_or(time);
        if !is_number(digits, BY_DIGITS_MAX) {
            return None;
        }
        let seconds: i32 = time.parse().ok()?;
        let (mode, trace) = match wish.to_ascii_uppercase().as_str() {
            "R" => (ByMode::Return, false),
            "RT" => (ByMode::Return, true),
            "N" => (ByMode::Notify, false),
            "NT" => (ByMode::Notify, true),
            _ => return None,
        };
        let possible = match mode {
            ByMode::Return => seconds > 0,
            ByMode::Notify => true,
        };
        possible.then_some(DeliverBy { seconds, mode, trace })
    }
}

/// The value of BY.
impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            ByMode::Return => 'R',
            ByMode::Notify => 'N',
        };
        write!(f, "{};{mode}{}", self.seconds, if self.trace { "T" } else { "" })
    }
}

/// The parameters of MAIL; what was not given is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParams {
    /// SIZE: the octets of the message as the client estimates them. Spec: RFC 1870 §4.
    pub size: Option<u64>,
    /// BODY; 7BIT when it is not given.
    pub body: Option<BodyKind>,
    /// RET. Spec: RFC 3461 §4.3.
    pub ret: Option<Ret>,
    /// ENVID: the sender's own name for this envelope, at most 100 octets. Spec: RFC 3461 §4.4.
    pub envid: Option<Xtext>,
    /// BY. Spec: RFC 2852 §4.
    pub by: Option<DeliverBy>,
    /// AUTH: who submitted the message first, or `<>`. Spec: RFC 2554 §5.
    pub auth: Option<Xtext>,
}

/// The parameters of RCPT; what was not given is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParams {
    /// NOTIFY. Spec: RFC 3461 §4.1.
    pub notify: Option<Notify>,
    /// ORCPT. Spec: RFC 3461 §4.2.
    pub orcpt: Option<Orcpt>,
}

/// When to report on a recipient: NEVER alone, or a list of SUCCESS, FAILURE and DELAY. It goes on as it was
/// given, in upper case: order and repetition are the sender's affair.
///
/// Spec: RFC 3461 §4.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notify(String);

impl Notify {
    fn parse(value: &str) -> Option<Notify> {
        let value = value.to_ascii_uppercase();
        let known = |occasion: &str| matches!(occasion, "SUCCESS" | "FAILURE" | "DELAY");
        let valid = value == "NEVER" || value.split(',').all(known);
        (valid && value.len() <= NOTIFY_OCTETS_MAX).then_some(Notify(value))
    }

    /// No report at all.
    pub fn never() -> Notify {
        Notify(String::from("NEVER"))
    }

    /// Whether there shall be no report at all.
    pub fn is_never(&self) -> bool {
        self.0 == "NEVER"
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The recipient as the sender first wrote it.
///
/// Spec: RFC 3461 §4.2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Orcpt {
    /// The kind of the address as typed, an atom: `rfc822`.
    pub kind: String,
    /// The address; decoded it is printable ASCII.
    pub address: Xtext,
}

impl Orcpt {
    fn parse(value: &str) -> Option<Orcpt> {
        let (kind, address) = value.split_once(';')?;
        if value.len() > ORCPT_OCTETS_MAX || kind.is_empty() || !kind.bytes().all(is_atext) {
            return None;
        }
        Some(Orcpt { kind: String::from(kind), address: printable_xtext(address)? })
    }
}

/// The value of ORCPT.
impl fmt::Display for Orcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.kind, self.address)
    }
}

/// Reads what follows the path of MAIL: nothing, or parameters with spaces before each.
///
/// Spec: RFC 2821 §4.1.1.2, RFC 2821 §4.1.1.2.
pub fn mail_params(text: &[u8], offered: &Offered) -> Result<MailParams, SyntaxFault> {
    let mut params = MailParams::default();
    for word in words(text) {
        let param = Param::parse(word)?;
        match param.name.as_str() {
            "SIZE" if offered.size => param.once(&mut params.size, size)?,
            "BODY" if offered.eightbitmime || offered.takes_binary() => {
                param.once(&mut params.body, |value| BodyKind::parse(value, offered))?;
            }
            "RET" if offered.dsn => param.once(&mut params.ret, Ret::parse)?,
            "ENVID" if offered.dsn => param.once(&mut params.envid, envid)?,
            "BY" if offered.deliverby => param.once(&mut params.by, DeliverBy::parse)?,
            "AUTH" if offered.auth => param.once(&mut params.auth, submitter)?,
            _ => return Err(SyntaxFault::ParamUnknown(param.name)),
        }
    }
    Ok(params)
}

/// Reads what follows the path of RCPT: nothing, or parameters with spaces before each.
///
/// Spec: RFC 2821 §4.1.1.3, RFC 2821 §4.1.1.2.
pub fn rcpt_params(text: &[u8], offered: &Offered) -> Result<RcptParams, SyntaxFault> {
    let mut params = RcptParams::default();
    for word in words(text) {
        let param = Param::parse(word)?;
        match param.name.as_str() {
            "NOTIFY" if offered.dsn => param.once(&mut params.notify, Notify::parse)?,
            "ORCPT" if offered.dsn => param.once(&mut params.orcpt, Orcpt::parse)?,
            _ => return Err(SyntaxFault::ParamUnknown(param.name)),
        }
    }
    Ok(params)
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&octet| octet == b' ').filter(|word| !word.is_empty())
}

/// One parameter, not understood yet.
struct Param<'a> {
    name: ParamName,
    value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// Spec: RFC 2821 §4.1.2.
    fn parse(word: &'a [u8]) -> Result<Param<'a>, SyntaxFault> {
        let mut halves = word.splitn(2, |&octet| octet == b'=');
        let keyword = halves.next().unwrap_or_default();
        let name = ParamName::new(keyword);
        let well_formed = keyword.first().is_some_and(u8::is_ascii_alphanumeric)
            && keyword.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
        if !well_formed {
            return Err(SyntaxFault::ParamBad(name));
        }
        Ok(Param { name, value: halves.next().filter(|value| !value.is_empty()) })
    }

    /// Fills the place of this parameter, which must be free.
    fn once<T>(
        self,
        place: &mut Option<T>,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<(), SyntaxFault> {
        if place.is_some() {
            return Err(SyntaxFault::ParamTwice(self.name));
        }
        let Some(value) = self.value else { return Err(SyntaxFault::ParamMissingValue(self.name)) };
        match core::str::from_utf8(value).ok().and_then(read) {
            Some(read) => *place = Some(read),
            None => return Err(SyntaxFault::ParamBad(self.name)),
        }
        Ok(())
    }
}

fn is_number(text: &str, digits_max: usize) -> bool {
    (1..=digits_max).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// Twenty digits may say more than 64 bits hold; no limit is that high, so the greatest number serves as well.
///
/// Spec: RFC 1870 §4.
fn size(value: &str) -> Option<u64> {
    is_number(value, SIZE_DIGITS_MAX).then(|| value.parse().unwrap_or(u64::MAX))
}

/// Spec: RFC 3461 §4.4.
fn envid(value: &str) -> Option<Xtext> {
    if value.len() > ENVID_OCTETS_MAX { None } else { printable_xtext(value) }
}

/// A mailbox, or `<>`. Spec: RFC 4954 §5.
fn submitter(value: &str) -> Option<Xtext> {
    let text = printable_xtext(value)?;
    let decoded = text.decoded();
    let mailbox = core::str::from_utf8(&decoded).ok()?;
    //= rfc4954#8/2
    (mailbox == "<>" || Address::parse(mailbox).is_ok()).then_some(text)
}

/// xtext that a report may print: nothing in it can begin another line there.
fn printable_xtext(value: &str) -> Option<Xtext> {
    let text = Xtext::parse(value)?;
    text.decoded().iter().all(|octet| matches!(octet, b' '..=b'~')).then_some(text)
}

#[cfg(test)]
mod tests;
