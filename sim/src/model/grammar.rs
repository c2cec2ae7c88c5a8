//! The grammar of command lines, read straight from the RFCs: RFC 2821 §4.1, and the parameters of RFC 1652, 1870,
//! 2852, 3030 and 3461. It only says yes or no and what was meant; it explains nothing.

use smtpserver_core::Settings;
use std::net::Ipv6Addr;

/// What a well-formed line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Hello,
    Mail(Sender),
    Rcpt(Who),
    Data,
    Bdat {
        octets: usize,
        last: bool,
    },
    Rset,
    Quit,
    /// Answered with this code in every state, and changes none.
    Polite(u16),
    NotOffered,
    StartTls,
}

/// Why a line is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The first word is no verb.
    Unknown,
    /// Anything else, with its code.
    Code(u16),
    /// BDAT without a clear count: nothing behind it can be understood.
    Count,
}

/// What MAIL said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) who: Who,
    pub(super) size: u64,
    pub(super) binary: bool,
    /// BY with mode R: the seconds.
    pub(super) return_after: Option<i64>,
}

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    Postmaster,
    Mailbox { local: String, domain: String },
}

impl Who {
    pub(super) fn bare(&self) -> String {
        match self {
            Who::Nobody => String::new(),
            Who::Postmaster => "postmaster".to_owned(),
            Who::Mailbox { local, domain } => format!("{local}@{domain}"),
        }
    }
}

pub(super) fn understand(line: &[u8], settings: &Settings) -> Result<Command, Fault> {
    let blank = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let end = line.iter().rposition(|octet| !blank(octet)).map_or(0, |last| last + 1);
    let line = &line[..end];
    let word = &line[..line.iter().position(blank).unwrap_or(line.len())];
    let verb = String::from_utf8_lossy(word).to_ascii_uppercase();
    if let Some(odd) = line.iter().find(|octet| **octet != b'\t' && !matches!(octet, b' '..=b'~')) {
        return Err(match verb.as_str() {
            "BDAT" => Fault::Count,
            _ if !odd.is_ascii() => Fault::Code(500),
            _ => Fault::Code(501),
        });
    }
    let argument =
        std::str::from_utf8(&line[word.len()..]).expect("it is ASCII").trim_start_matches([' ', '\t']);
    match verb.as_str() {
        "HELO" | "EHLO" | "LHLO" => {
            let safe = |c: char| c.is_ascii_graphic() && !"()<>\"\\;,".contains(c);
            if argument.is_empty() || argument.len() > 255 || !argument.chars().all(safe) {
                return Err(Fault::Code(501));
            }
            Ok(if verb == "LHLO" { Command::NotOffered } else { Command::Hello })
        }
        "MAIL" | "SEND" | "SOML" | "SAML" | "EMAL" | "ESND" | "ESOM" | "ESAM" => {
            let (who, rest) = path_after(argument, "FROM:")?;
            if who == Who::Postmaster {
                // A local part alone names nobody to whom a report could go.
                return Err(Fault::Code(501));
            }
            mail_parameters(who, rest, settings).map(Command::Mail)
        }
        "RCPT" => {
            let (who, rest) = path_after(argument, "TO:")?;
            if who == Who::Nobody {
                return Err(Fault::Code(501));
            }
            rcpt_parameters(rest, settings)?;
            Ok(Command::Rcpt(who))
        }
        "BDAT" => count(argument).ok_or(Fault::Count),
        "DATA" => alone(argument, Command::Data),
        "RSET" => alone(argument, Command::Rset),
        "QUIT" => alone(argument, Command::Quit),
        "STARTTLS" => alone(argument, Command::StartTls),
        "NOOP" | "ONEX" | "VERB" | "TICK" => Ok(Command::Polite(250)),
        "HELP" => Ok(Command::Polite(214)),
        "TURN" => Ok(Command::NotOffered),
        "VRFY" | "EVFY" | "EXPN" if !argument.is_empty() => Ok(Command::Polite(252)),
        "ETRN" | "AUTH" if !argument.is_empty() => Ok(Command::NotOffered),
        "VRFY" | "EVFY" | "EXPN" | "ETRN" | "AUTH" => Err(Fault::Code(501)),
        _ => Err(Fault::Unknown),
    }
}

fn alone(argument: &str, command: Command) -> Result<Command, Fault> {
    if argument.is_empty() { Ok(command) } else { Err(Fault::Code(501)) }
}

fn count(argument: &str) -> Option<Command> {
    let mut words = argument.split([' ', '\t']).filter(|word| !word.is_empty());
    let number = words.next()?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    if words.next().is_some() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let octets: u64 = number.parse().ok()?;
    Some(Command::Bdat { octets: usize::try_from(octets).unwrap_or(usize::MAX), last })
}

fn path_after<'a>(argument: &'a str, keyword: &str) -> Result<(Who, &'a str), Fault> {
    let head = argument.get(..keyword.len()).filter(|head| head.eq_ignore_ascii_case(keyword));
    let text = head.map(|_| argument[keyword.len()..].trim_start_matches([' ', '\t']));
    text.and_then(path).ok_or(Fault::Code(501))
}

/// A path at the head of the text, and what follows it: nothing, or a space first.
fn path(text: &str) -> Option<(Who, &str)> {
    let inside = text.strip_prefix('<')?;
    let (who, rest) = if inside.starts_with('>') {
        (Who::Nobody, inside)
    } else {
        let mailbox = if inside.starts_with('@') { behind_route(inside)? } else { inside };
        let (local, rest) = local_part(mailbox)?;
        if rest.starts_with('>') {
            let postmaster = local.eq_ignore_ascii_case("postmaster") && mailbox == inside;
            (postmaster.then_some(Who::Postmaster)?, rest)
        } else {
            let (domain, rest) = domain(rest.strip_prefix('@')?)?;
            (Who::Mailbox { local, domain }, rest)
        }
    };
    let rest = rest.strip_prefix('>')?;
    let fits = text.len() - rest.len() <= 256;
    (fits && (rest.is_empty() || rest.starts_with(' '))).then_some((who, rest))
}

fn behind_route(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = domain(rest.strip_prefix('@')?)?.1;
        if let Some(mailbox) = rest.strip_prefix(':') {
            return Some(mailbox);
        }
        rest = rest.strip_prefix(',')?;
    }
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// A local part with the least quoting, and what follows it.
fn local_part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c| !is_atext(c) && c != '.').unwrap_or(text.len());
        let (local, rest) = text.split_at(end);
        return (is_dot_string(local) && local.len() <= 64).then(|| (local.to_owned(), rest));
    };
    let mut content = String::new();
    let mut letters = quoted.char_indices();
    loop {
        let (at, letter) = letters.next()?;
        match letter {
            '"' if at + 2 > 64 => return None,
            '"' if is_dot_string(&content) => return Some((content, &quoted[at + 1..])),
            '"' => {
                let escaped = content.replace('\\', "\\\\").replace('"', "\\\"");
                return Some((format!("\"{escaped}\""), &quoted[at + 1..]));
            }
            '\\' => {
                content.push(letters.next().map(|(_, letter)| letter).filter(|c| (' '..='~').contains(c))?)
            }
            ' '..='~' => content.push(letter),
            _ => return None,
        }
    }
}

/// A domain or an address literal in its usual form, and what follows it.
fn domain(text: &str) -> Option<(String, &str)> {
    if let Some(literal) = text.strip_prefix('[') {
        let (inside, rest) = literal.split_once(']')?;
        let usual = match inside.split_once(':') {
            Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
                format!("[IPv6:{}]", address.parse::<Ipv6Addr>().ok()?)
            }
            Some(_) => return None,
            None => {
                let numbers: Vec<&str> = inside.split('.').collect();
                let digits =
                    |number: &&str| number.len() <= 3 && number.bytes().all(|digit| digit.is_ascii_digit());
                if numbers.len() != 4 || !numbers.iter().all(digits) {
                    return None;
                }
                let numbers: Option<Vec<u8>> = numbers.iter().map(|number| number.parse().ok()).collect();
                let numbers: Vec<String> = numbers?.iter().map(u8::to_string).collect();
                format!("[{}]", numbers.join("."))
            }
        };
        return Some((usual, rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.').unwrap_or(text.len());
    let (domain, rest) = text.split_at(end);
    let label =
        |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    let last = domain.rsplit('.').next().unwrap_or_default();
    let good =
        domain.len() <= 255 && domain.split('.').all(label) && !last.bytes().all(|c| c.is_ascii_digit());
    good.then(|| (domain.to_owned(), rest))
}

/// The parameters, each once: name in upper case, and value. `known` are those that are offered.
fn parameters<'a>(
    text: &'a str,
    known: &[&str],
    settings: &Settings,
) -> Result<Vec<(String, &'a str)>, Fault> {
    let mut found: Vec<(String, &str)> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
            return Err(Fault::Code(501));
        }
        let name = name.to_ascii_uppercase();
        if !known.contains(&name.as_str()) {
            return Err(Fault::Code(555));
        }
        let twice = found.iter().any(|(before, _)| *before == name);
        let refused =
            name == "BODY" && value.eq_ignore_ascii_case("BINARYMIME") && !settings.extensions.chunking;
        if value.is_empty() || twice || refused || !is_good_value(&name, value) {
            return Err(Fault::Code(501));
        }
        found.push((name, value));
    }
    Ok(found)
}

fn mail_parameters(who: Who, text: &str, settings: &Settings) -> Result<Sender, Fault> {
    let extensions = &settings.extensions;
    let mut known = vec!["SIZE", "BODY"];
    if extensions.dsn {
        known.extend(["RET", "ENVID"]);
    }
    if extensions.deliverby.is_some() {
        known.push("BY");
    }
    let mut sender = Sender { who, size: 0, binary: false, return_after: None };
    for (name, value) in parameters(text, &known, settings)? {
        match name.as_str() {
            "SIZE" => sender.size = value.parse().unwrap_or(u64::MAX),
            "BODY" => sender.binary = value.eq_ignore_ascii_case("BINARYMIME"),
            "BY" => {
                let (seconds, mode) = value.split_once(';').expect("it is a good value");
                let seconds = seconds.parse().expect("it is a good value");
                sender.return_after = mode.starts_with(['R', 'r']).then_some(seconds);
            }
            _ => {}
        }
    }
    Ok(sender)
}

fn rcpt_parameters(text: &str, settings: &Settings) -> Result<(), Fault> {
    let known: &[&str] = if settings.extensions.dsn { &["NOTIFY", "ORCPT"] } else { &[] };
    parameters(text, known, settings).map(|_| ())
}

fn is_good_value(name: &str, value: &str) -> bool {
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit())
    };
    let upper = value.to_ascii_uppercase();
    match name {
        "SIZE" => digits(value, 20),
        "BODY" => matches!(upper.as_str(), "7BIT" | "8BITMIME" | "BINARYMIME"),
        "RET" => matches!(upper.as_str(), "FULL" | "HDRS"),
        "ENVID" => value.len() <= 100 && is_printable_xtext(value),
        "BY" => upper.split_once(';').is_some_and(|(seconds, mode)| {
            let number = seconds.strip_prefix(['+', '-']).unwrap_or(seconds);
            let positive = !seconds.starts_with('-') && number.bytes().any(|digit| digit != b'0');
            digits(number, 9) && (matches!(mode, "N" | "NT") || (matches!(mode, "R" | "RT") && positive))
        }),
        "NOTIFY" => {
            let occasion = |word: &str| matches!(word, "SUCCESS" | "FAILURE" | "DELAY");
            upper.len() <= 64 && (upper == "NEVER" || upper.split(',').all(occasion))
        }
        "ORCPT" => value.split_once(';').is_some_and(|(kind, address)| {
            let atom = !kind.is_empty() && kind.chars().all(is_atext);
            value.len() <= 500 && atom && is_printable_xtext(address)
        }),
        _ => false,
    }
}

/// xtext (RFC 3461 §4) that stands for printable ASCII.
fn is_printable_xtext(text: &str) -> bool {
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[1..];
        if letter == '+' {
            let Some((hex, behind)) = rest.split_at_checked(2) else { return false };
            let upper = hex.chars().all(|c| matches!(c, '0'..='9' | 'A'..='F'));
            let octet = u8::from_str_radix(hex, 16).unwrap_or(0);
            if !upper || !matches!(octet, b' '..=b'~') {
                return false;
            }
            rest = behind;
        } else if !letter.is_ascii_graphic() || letter == '=' {
            return false;
        }
    }
    true
}
