//! MAIL and RCPT as somebody else reads them: smtp-proto, the parser of another server. Where both take a line they must
//! have understood the same. Where only one takes it, the difference must be one of those named here, and the line
//! itself must show it: what either side gives as its reason proves nothing.

use smtp_proto::{self as other, Request};
use smtpserver_core::wire::command::{Command, Offered, SyntaxFault, parse};
use smtpserver_core::wire::params::{BodyKind, ByMode, MailParams, Ret};
use smtpserver_core::wire::path::{ForwardPath, PathFault, ReversePath};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

type Theirs<'a> = Request<Cow<'a, str>>;

/// All of it is a command line without its CRLF. Only MAIL and RCPT are compared.
pub fn oracle(data: &[u8]) {
    let word = data.get(..5).unwrap_or_default();
    let is_mail = word.eq_ignore_ascii_case(b"MAIL ");
    if (!is_mail && !word.eq_ignore_ascii_case(b"RCPT ")) || data.iter().any(|octet| b"\r\n".contains(octet))
    {
        return;
    }
    let offered = Offered { auth: true, ..Offered::default() };
    let mut line = data.to_vec();
    line.extend_from_slice(b"\r\n");
    let ours = parse(data, &offered);
    // It takes what is text for granted; ours refuses everything else before it looks any further.
    if !data.is_ascii() {
        assert!(ours.is_err(), "{} is not ASCII", data.escape_ascii());
        return;
    }
    let theirs = Request::parse(&mut line.iter());
    let shown = data.escape_ascii();
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert!(
            same(&ours, &theirs) || excuses_meaning(data),
            "{shown} is {ours:?} to us and {theirs:?} to them"
        ),
        (Err(fault), Ok(theirs)) => assert!(
            shows(data, is_mail, &fault),
            "{shown} is refused for {fault:?}, which it does not show; to them it is {theirs:?}"
        ),
        (Ok(ours), Err(fault)) => {
            assert!(excuses_them(data), "{shown} is {ours:?} to us, and they refuse it: {fault:?}");
        }
        (Err(_), Err(_)) => {}
    }
}

fn same(ours: &Command, theirs: &Theirs<'_>) -> bool {
    match (ours, theirs) {
        (Command::Mail { path, params, .. }, Request::Mail { from }) => {
            let address = match path {
                ReversePath::Null => String::new(),
                ReversePath::Address(address) => unquoted(address.local()) + "@" + address.domain(),
            };
            address == from.address && same_params(params, from)
        }
        (Command::Rcpt { path, params }, Request::Rcpt { to }) => {
            let address = match path {
                // It has no word for the postmaster without a domain but the empty one.
                ForwardPath::Postmaster => String::new(),
                ForwardPath::Address(address) => unquoted(address.local()) + "@" + address.domain(),
            };
            let flags = params.notify.as_ref().map_or(0, |notify| {
                let flag = |word| match word {
                    "SUCCESS" => other::RCPT_NOTIFY_SUCCESS,
                    "FAILURE" => other::RCPT_NOTIFY_FAILURE,
                    "DELAY" => other::RCPT_NOTIFY_DELAY,
                    _ => other::RCPT_NOTIFY_NEVER,
                };
                notify.to_string().split(',').map(flag).fold(0, |flags, flag| flags | flag)
            });
            let orcpt = params.orcpt.as_ref().map(|orcpt| decoded(&orcpt.address.decoded()));
            address == to.address && flags == to.flags && orcpt.as_deref() == to.orcpt.as_deref()
        }
        _ => false,
    }
}

fn same_params(ours: &MailParams, theirs: &other::MailFrom<Cow<'_, str>>) -> bool {
    let body = match ours.body {
        None => 0,
        Some(BodyKind::SevenBit) => other::MAIL_BODY_7BIT,
        Some(BodyKind::EightBitMime) => other::MAIL_BODY_8BITMIME,
        Some(BodyKind::BinaryMime) => other::MAIL_BODY_BINARYMIME,
    };
    let ret = match ours.ret {
        None => 0,
        Some(Ret::Full) => other::MAIL_RET_FULL,
        Some(Ret::Hdrs) => other::MAIL_RET_HDRS,
    };
    let by = ours.by.map_or(0, |by| {
        let trace = if by.trace { other::MAIL_BY_TRACE } else { 0 };
        trace
            | match by.mode {
                ByMode::Return => other::MAIL_BY_RETURN,
                ByMode::Notify => other::MAIL_BY_NOTIFY,
            }
    });
    let text = |text: &Option<_>| {
        text.as_ref().map(|text: &smtpserver_core::wire::xtext::Xtext| decoded(&text.decoded()))
    };
    ours.size.unwrap_or(0) == u64::try_from(theirs.size).unwrap_or(u64::MAX)
        && body | ret | by == theirs.flags
        && ours.by.map_or(0, |by| i64::from(by.seconds)) == theirs.by
        && text(&ours.envid).as_deref() == theirs.env_id.as_deref()
        && text(&ours.auth).as_deref() == theirs.auth.as_deref()
}

fn decoded(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

/// A local part without its quotes and backslashes, as they keep it.
fn unquoted(local: &str) -> String {
    let Some(inside) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut letters = inside.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

/// A line cut where MAIL and RCPT have their joints.
struct Line<'a> {
    /// Behind the verb and its blanks.
    argument: &'a [u8],
    /// From the `<` to its `>`, quotes heeded; `None` when there is no such pair right behind the colon.
    path: Option<&'a [u8]>,
    /// Behind the `>`.
    params: &'a [u8],
}

impl<'a> Line<'a> {
    fn of(data: &'a [u8], is_mail: bool) -> Line<'a> {
        let argument = data[4..].trim_ascii();
        let keyword: &[u8] = if is_mail { b"FROM:" } else { b"TO:" };
        let behind = match argument.split_at_checked(keyword.len()) {
            Some((word, behind)) if word.eq_ignore_ascii_case(keyword) => behind.trim_ascii_start(),
            _ => return Line { argument, path: None, params: b"" },
        };
        let end = end_of_path(behind);
        let (path, params) = behind.split_at(end.unwrap_or(0));
        Line { argument, path: end.map(|_| path), params }
    }

    fn inside(&self) -> &'a [u8] {
        self.path.map_or(b"", |path| &path[1..path.len() - 1])
    }

    /// Local part and domain, without a route.
    fn halves(&self) -> (&'a [u8], &'a [u8]) {
        let mut inside = self.inside();
        if inside.starts_with(b"@") {
            let colon = inside.iter().position(|octet| *octet == b':').map_or(inside.len(), |at| at + 1);
            inside = &inside[colon..];
        }
        match inside.iter().rposition(|octet| *octet == b'@') {
            Some(at) => (&inside[..at], &inside[at + 1..]),
            None => (inside, b""),
        }
    }

    fn words(&self) -> impl Iterator<Item = &'a [u8]> {
        self.params.split(|octet| *octet == b' ').filter(|word| !word.is_empty())
    }

    /// The values of a parameter, each time that it was given.
    fn values(&self, name: &str) -> Vec<&'a [u8]> {
        let value = |word: &'a [u8]| {
            let (key, value) =
                word.split_at(word.iter().position(|octet| *octet == b'=').unwrap_or(word.len()));
            key.eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..).unwrap_or_default())
        };
        self.words().filter_map(value).collect()
    }
}

fn end_of_path(text: &[u8]) -> Option<usize> {
    if !text.starts_with(b"<") {
        return None;
    }
    let (mut quoted, mut at) = (false, 1);
    loop {
        match text.get(at)? {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

/// We refuse and they do not. We are the stricter of the two, on purpose; the line must show what we refuse it for.
fn shows(data: &[u8], is_mail: bool, fault: &SyntaxFault) -> bool {
    let line = Line::of(data, is_mail);
    let (local, domain) = line.halves();
    match fault {
        // Said only in a style that is not asked for here.
        SyntaxFault::Blanks => false,
        // They take every octet: what goes into trace fields and envelopes of ours is printable.
        SyntaxFault::NotAscii => !data.is_ascii(),
        SyntaxFault::ControlCharacter => data.iter().any(u8::is_ascii_control),
        // They skip spaces before and behind the colon's word.
        SyntaxFault::NoColonKeyword(_) => {
            let keyword = if is_mail { &b"FROM:"[..] } else { b"TO:" };
            !line.argument.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        }
        SyntaxFault::PathBad { why, .. } => match why {
            PathFault::BracketMissing => line.path.is_none(),
            // To them nobody is somebody, too.
            PathFault::Empty => line.inside().trim_ascii().is_empty(),
            PathFault::LocalPartBad => !is_local_part(local),
            // Lengths: they know only that of the whole, and measure it without brackets, quotes and route.
            PathFault::LocalPartTooLong => local.len() > 64,
            PathFault::DomainTooLong => domain.len() > 255,
            PathFault::PathTooLong => line.path.is_some_and(|path| path.len() > 256),
            // They look at the octets of a domain, and not at what they make.
            PathFault::DomainBad => !is_domain(domain),
            // `<postmaster>` as a sender, or no `@` at all.
            PathFault::DomainMissing => domain.is_empty(),
            // They have no literals.
            PathFault::LiteralBad => false,
            PathFault::RouteBad => !is_route(line.inside()),
            // `<a@b.example>SIZE=1`: they need no space.
            PathFault::Junk => !line.params.starts_with(b" "),
        },
        // They know extensions that we do not offer.
        SyntaxFault::ParamUnknown(name) => {
            let known: &[&str] =
                if is_mail { &["SIZE", "BODY", "RET", "ENVID", "BY", "AUTH"] } else { &["NOTIFY", "ORCPT"] };
            !known.contains(&name.as_str())
        }
        // To them the last one counts.
        SyntaxFault::ParamTwice(name) => line.values(name.as_str()).len() > 1,
        // Spaces behind `=`, values of any length, xtext of any form: they take what they can.
        SyntaxFault::ParamMissingValue(name) => {
            line.values(name.as_str()).iter().any(|value| value.is_empty())
        }
        SyntaxFault::ParamBad(name) => {
            let values = line.values(name.as_str());
            !is_keyword(name.as_str()) || values.iter().any(|value| !is_value(name.as_str(), value))
        }
        SyntaxFault::UnknownVerb
        | SyntaxFault::ForeignProtocol
        | SyntaxFault::ArgumentMissing(_)
        | SyntaxFault::ArgumentUnexpected(_)
        | SyntaxFault::HelloName
        | SyntaxFault::ChunkSize => false,
    }
}

fn is_atext(octet: u8) -> bool {
    octet.is_ascii_graphic() && !br#"()<>[]:;@\,.""#.contains(&octet)
}

fn is_local_part(local: &[u8]) -> bool {
    if let Some(inside) = local.strip_prefix(b"\"") {
        let mut octets = inside.iter();
        loop {
            match octets.next() {
                Some(b'"') => return octets.next().is_none(),
                Some(b'\\') => match octets.next() {
                    Some(b' '..=b'~') => {}
                    _ => return false,
                },
                Some(b' '..=b'~') => {}
                _ => return false,
            }
        }
    }
    local
        .split(|octet| *octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|octet| is_atext(*octet)))
}

fn is_domain(domain: &[u8]) -> bool {
    let mut last_is_number = false;
    let labels = domain.split(|octet| *octet == b'.').all(|label| {
        last_is_number = label.iter().all(u8::is_ascii_digit);
        let inner = label.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
        let ends = label.first() != Some(&b'-') && label.last() != Some(&b'-');
        inner && ends && (1..=63).contains(&label.len())
    });
    // Without brackets an address of the network is no domain.
    labels && !last_is_number
}

fn is_route(inside: &[u8]) -> bool {
    let Some(end) = inside.iter().position(|octet| *octet == b':') else { return false };
    inside[..end].split(|octet| *octet == b',').all(|hop| hop.strip_prefix(b"@").is_some_and(is_domain))
}

fn is_keyword(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// Whether xtext says a mailbox, or that nobody is known.
fn is_submitter(xtext: &str) -> bool {
    let mut mailbox = String::new();
    let mut rest = xtext;
    while let Some((plain, coded)) = rest.split_once('+') {
        let octet = coded.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(octet) = octet else { return false };
        mailbox += plain;
        mailbox.push(char::from(octet));
        rest = &coded[2..];
    }
    mailbox += rest;
    let is_literal = |domain: &str| {
        let inside = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inside.is_some_and(|inside| match inside.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => inside[5..].parse::<Ipv6Addr>().is_ok(),
            Some(_) | None => inside.parse::<Ipv4Addr>().is_ok(),
        })
    };
    mailbox == "<>"
        || mailbox.rsplit_once('@').is_some_and(|(local, domain)| {
            let fits = local.len() <= 64 && domain.len() <= 255 && mailbox.len() <= 254;
            fits && is_local_part(local.as_bytes()) && (is_domain(domain.as_bytes()) || is_literal(domain))
        })
}

fn is_value(name: &str, value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let upper = text.to_ascii_uppercase();
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
    };
    match name {
        "SIZE" => digits(text, 20),
        "BODY" => ["7BIT", "8BITMIME", "BINARYMIME"].contains(&upper.as_str()),
        "RET" => ["FULL", "HDRS"].contains(&upper.as_str()),
        "ENVID" => value.len() <= 100 && is_printable_xtext(value),
        "AUTH" => is_printable_xtext(value) && is_submitter(text),
        "BY" => upper.split_once(';').is_some_and(|(time, wish)| {
            let past = time.starts_with('-');
            let time = time.strip_prefix(['+', '-']).unwrap_or(time);
            let later = !past && time.bytes().any(|octet| octet != b'0');
            digits(time, 9) && (["N", "NT"].contains(&wish) || (["R", "RT"].contains(&wish) && later))
        }),
        "NOTIFY" => {
            let occasion = |word: &str| ["SUCCESS", "FAILURE", "DELAY"].contains(&word);
            upper.len() <= 64 && (upper == "NEVER" || upper.split(',').all(occasion))
        }
        "ORCPT" => text.split_once(';').is_some_and(|(kind, address)| {
            let kind = !kind.is_empty() && kind.bytes().all(is_atext);
            kind && value.len() <= 500 && is_printable_xtext(address.as_bytes())
        }),
        _ => true,
    }
}

/// xtext without nonsense, whose meaning is printable.
fn is_printable_xtext(value: &[u8]) -> bool {
    let mut octets = value.iter();
    let digit = |octet: Option<&u8>| match octet {
        Some(octet @ (b'0'..=b'9' | b'A'..=b'F')) => char::from(*octet).to_digit(16),
        _ => None,
    };
    while let Some(octet) = octets.next() {
        let meant = match octet {
            b'+' => match (digit(octets.next()), digit(octets.next())) {
                (Some(high), Some(low)) => high * 16 + low,
                _ => return false,
            },
            b'=' => return false,
            b'!'..=b'~' => u32::from(*octet),
            _ => return false,
        };
        if !(32..=126).contains(&meant) {
            return false;
        }
    }
    true
}

/// They refuse and we do not.
fn excuses_them(data: &[u8]) -> bool {
    let is_mail = data[..4].eq_ignore_ascii_case(b"MAIL");
    let line = Line::of(data, is_mail);
    let (local, domain) = line.halves();
    let orcpt = line.values("ORCPT");
    // They have no address literals (RFC 2821 §4.1.3).
    domain.starts_with(b"[")
        // An empty quoted string is a local part (RFC 2821 §4.1.2), if a strange one.
        || local == b"\"\""
        // Kinds of addresses are an open list (RFC 3461 §4.2); they know one.
        || orcpt.iter().any(|value| !value.get(..7).is_some_and(|kind| kind.eq_ignore_ascii_case(b"rfc822;")))
        // The xtext behind the kind may be empty (RFC 3461 §4.2), not to them; and they bound what is in it.
        || orcpt.iter().any(|value| value.len() == 7 || value.len() > 256)
        || line.values("AUTH").iter().any(|value| value.len() > 256)
        // A tab is a blank to us, behind the verb and behind the colon: lenient, and harmless.
        || data.contains(&b'\t')
        // Of numbers beyond their largest they make something else.
        || line.values("SIZE").iter().any(|value| value.len() > 19)
}

/// Both take it, and mean different things.
fn excuses_meaning(data: &[u8]) -> bool {
    let is_mail = data[..4].eq_ignore_ascii_case(b"MAIL");
    let line = Line::of(data, is_mail);
    // Blanks at the end of a line are none of its words to us.
    data[data.trim_ascii_end().len()..].contains(&b'\t')
        // Of numbers beyond their largest they make something else.
        || line.values("SIZE").iter().any(|value| value.len() > 19)
}
