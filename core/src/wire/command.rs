//! From a line to a command, or to the one fault that keeps it from being one.
//!
//! Nothing here depends on what was said before: whether a command is in order, offered or allowed is for the
//! session to say.

use super::client_name::ClientName;
use super::params::{self, MailParams, ParamName, RcptParams};
use super::path::{self, ForwardPath, Misplaced, PathFault, ReversePath, SourceRoute};
use super::report::ReportWish;
use super::spelling;
use super::xclient::Xclient;
use alloc::boxed::Box;
use alloc::string::String;

pub use super::spelling::Strictness;
pub use super::verb::Verb;

/// A well-formed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// HELO, EHLO or LHLO. Spec: RFC 2821 §4.1.1.1, RFC 2033 §4.1.
    Hello {
        /// Which of the three.
        verb: Verb,
        /// What the client calls itself.
        name: ClientName,
    },
    /// MAIL or one of its seven aliases. Spec: RFC 2821 §4.1.1.2.
    Mail {
        /// Which of the eight.
        verb: Verb,
        /// Whom to tell about failure.
        path: ReversePath,
        /// What was said about the message.
        params: MailParams,
    },
    /// RCPT. Spec: RFC 2821 §4.1.1.3.
    Rcpt {
        /// Where the message goes.
        path: ForwardPath,
        /// What was said about the recipient.
        params: RcptParams,
    },
    /// DATA. Spec: RFC 2821 §4.1.1.4.
    Data,
    /// BDAT; that many octets follow at once. Spec: RFC 3030 §2.
    Bdat(Chunk),
    /// RSET. Spec: RFC 2821 §4.1.1.5.
    Rset,
    /// QUIT. Spec: RFC 2821 §4.1.1.10.
    Quit,
    /// NOOP or ONEX, whatever follows. Spec: RFC 2821 §4.1.1.9.
    Noop {
        /// Which of the two.
        verb: Verb,
    },
    /// HELP, with its subject. Spec: RFC 2821 §4.1.1.8.
    Help(Option<String>),
    /// VRFY or EVFY. Spec: RFC 2821 §4.1.1.6.
    Vrfy {
        /// Which of the two.
        verb: Verb,
        /// Who is asked about; not empty.
        argument: String,
    },
    /// EXPN, with the list that is asked about; not empty. Spec: RFC 2821 §4.1.1.7.
    Expn(String),
    /// TURN, whatever follows.
    Turn,
    /// TICK, with whatever follows.
    Tick(String),
    /// VERB, whatever follows.
    Verbose,
    /// ETRN, with the node; not empty. Spec: RFC 1985 §5.
    Etrn(String),
    /// AUTH, with the mechanism and perhaps the first response; not empty. It may hold a password: never log it.
    /// Spec: RFC 2554 §4.
    Auth(String),
    /// STARTTLS. Spec: RFC 3207 §4.
    StartTls,
    /// XCLIENT, with what is told of the client.
    Xclient(Xclient),
    /// DEBUG or Z-DEBUG, whatever follows.
    Debug(Verb),
    /// Z-REPORT. It holds a password: never log it.
    Report(Box<ReportWish>),
    /// Z-IDENT, whatever follows.
    Ident,
}

/// The argument of BDAT.
///
/// Spec: RFC 3030 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many octets follow the command.
    pub octets: u64,
    /// LAST: the message ends with them.
    pub last: bool,
}

/// What the server offers to this client: a parameter of an extension that is not offered is unknown.
///
/// Verbs are always understood, BDAT among them: the octets behind it must be counted even where it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// SIZE. Spec: RFC 1870 §4.
    pub size: bool,
    /// 8BITMIME. Spec: RFC 1652 §3.
    pub eightbitmime: bool,
    /// BINARYMIME; worth nothing without CHUNKING. Spec: RFC 3030 §3.
    pub binarymime: bool,
    /// CHUNKING. Spec: RFC 3030 §2.
    pub chunking: bool,
    /// DSN. Spec: RFC 3461 §4.
    pub dsn: bool,
    /// DELIVERBY. Spec: RFC 2852 §4.
    pub deliverby: bool,
    /// The AUTH parameter of MAIL. Spec: RFC 2554 §5.
    pub auth: bool,
    /// Source routes stay in the text of addresses, where they are otherwise dropped.
    pub source_route_kept: bool,
    /// How commands and addresses must be written.
    pub strictness: Strictness,
}

impl Offered {
    /// Whether a message may be `BODY=BINARYMIME`.
    pub(super) fn takes_binary(&self) -> bool {
        self.binarymime && self.chunking
    }

    fn source_route(&self) -> SourceRoute {
        if self.source_route_kept { SourceRoute::Kept } else { SourceRoute::Dropped }
    }
}

/// Every extension but AUTH; source routes are dropped.
impl Default for Offered {
    fn default() -> Self {
        Offered {
            size: true,
            eightbitmime: true,
            binarymime: true,
            chunking: true,
            dsn: true,
            deliverby: true,
            auth: false,
            source_route_kept: false,
            strictness: Strictness::Usual,
        }
    }
}

/// Every way a command line can be ill-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxFault {
    /// Blanks where none belong; said only where every letter counts.
    Blanks,
    /// The first word is no verb, or there is none.
    UnknownVerb,
    /// The first word is a command of HTTP: somebody makes a browser or a proxy speak to us.
    ForeignProtocol,
    /// An octet that is not ASCII. Spec: RFC 2821 §2.4.
    NotAscii,
    /// A control character. Spec: RFC 2821 §4.1.2.
    ControlCharacter,
    /// The verb needs an argument.
    ArgumentMissing(Verb),
    /// The verb takes no argument.
    ArgumentUnexpected(Verb),
    /// The name of the client is too long, more than one word, or unfit for a trace field.
    HelloName,
    /// `FROM:` or `TO:` does not follow the verb.
    NoColonKeyword(Verb),
    /// The path is ill-formed.
    PathBad {
        /// The command.
        verb: Verb,
        /// Where in the line the fault is; the first octet of the line is 1.
        column: usize,
        /// The fault.
        why: PathFault,
    },
    /// No extension on offer has this parameter.
    ParamUnknown(ParamName),
    /// The parameter was given before.
    ParamTwice(ParamName),
    /// The keyword or the value is ill-formed.
    ParamBad(ParamName),
    /// The parameter needs a value.
    ParamMissingValue(ParamName),
    /// BDAT without a clear size: the octets that follow cannot be told from commands.
    ChunkSize,
}

/// First words of HTTP requests that can carry text of an attacker's choice behind them.
const FOREIGN: [&str; 5] = ["GET", "POST", "PUT", "CONNECT", "OPTIONS"];

/// The verb of a command line, whatever else is wrong with the line.
pub fn verb(line: &[u8]) -> Option<Verb> {
    Verb::named(&line[..line.iter().position(is_blank).unwrap_or(line.len())])
}

/// Understands a command line; `line` is without its CRLF.
///
/// Spec: RFC 2821 §2.4, RFC 2821 §4.1.1.
pub fn parse(line: &[u8], offered: &Offered) -> Result<Command, SyntaxFault> {
    match offered.strictness {
        Strictness::Usual => understand(line, offered),
        Strictness::Strict if !spelling::is_exact(line) && verb(line) != Some(Verb::Bdat) => {
            understand(line, offered).and(Err(SyntaxFault::Blanks))
        }
        Strictness::Strict => understand(line, offered),
        Strictness::Sloppy => match spelling::mended(line) {
            // Should it be ill-formed all the same, the fault is that of what was typed.
            Some(mended) => understand(&mended, offered).or_else(|_| understand(line, offered)),
            None => understand(line, offered),
        },
    }
}

fn understand(line: &[u8], offered: &Offered) -> Result<Command, SyntaxFault> {
    let line = trimmed_end(line);
    let word_end = line.iter().position(is_blank).unwrap_or(line.len());
    let verb = verb(line);
    if let Some(octet) = line.iter().find(|&&octet| octet != b'\t' && !matches!(octet, b' '..=b'~')) {
        // Whatever is wrong with BDAT, data may follow it.
        return Err(match verb {
            Some(Verb::Bdat) => SyntaxFault::ChunkSize,
            //= rfc2821#2.4/10
            _ if !octet.is_ascii() => SyntaxFault::NotAscii,
            //= rfc2821#4.1.2/11
            _ => SyntaxFault::ControlCharacter,
        });
    }
    let Some(verb) = verb else {
        let word = &line[..word_end];
        let foreign = FOREIGN.iter().any(|foreign| foreign.as_bytes().eq_ignore_ascii_case(word));
        return Err(if foreign { SyntaxFault::ForeignProtocol } else { SyntaxFault::UnknownVerb });
    };
    let argument = trimmed_start(&line[word_end..]);
    match verb {
        Verb::Helo | Verb::Ehlo | Verb::Lhlo => {
            let name = ClientName::parse(needed(argument, verb)?).ok_or(SyntaxFault::HelloName)?;
            Ok(Command::Hello { verb, name })
        }
        Verb::Mail
        | Verb::Send
        | Verb::Soml
        | Verb::Saml
        | Verb::Emal
        | Verb::Esnd
        | Verb::Esom
        | Verb::Esam => {
            let text = after_keyword(argument, b"FROM:", verb)?;
            let (path, used) = path::reverse_path_routed(text, offered.source_route())
                .map_err(|fault| path_bad(line, text, verb, fault))?;
            Ok(Command::Mail { verb, path, params: params::mail_params(&text[used..], offered)? })
        }
        Verb::Rcpt => {
            let text = after_keyword(argument, b"TO:", verb)?;
            let (path, used) = path::forward_path_routed(text, offered.source_route())
                .map_err(|fault| path_bad(line, text, verb, fault))?;
            Ok(Command::Rcpt { path, params: params::rcpt_params(&text[used..], offered)? })
        }
        Verb::Data => alone(argument, verb, Command::Data),
        Verb::Bdat => chunk(argument).map(Command::Bdat).ok_or(SyntaxFault::ChunkSize),
        Verb::Rset => alone(argument, verb, Command::Rset),
        Verb::Noop | Verb::Onex => Ok(Command::Noop { verb }),
        Verb::Quit => alone(argument, verb, Command::Quit),
        Verb::Help => Ok(Command::Help(if argument.is_empty() { None } else { Some(words(argument)) })),
        Verb::Vrfy | Verb::Evfy => Ok(Command::Vrfy { verb, argument: words(needed(argument, verb)?) }),
        Verb::Expn => Ok(Command::Expn(words(needed(argument, verb)?))),
        Verb::Turn => Ok(Command::Turn),
        Verb::Tick => Ok(Command::Tick(words(argument))),
        Verb::Verb_ => Ok(Command::Verbose),
        Verb::Etrn => Ok(Command::Etrn(words(needed(argument, verb)?))),
        Verb::Auth => Ok(Command::Auth(words(needed(argument, verb)?))),
        Verb::StartTls => alone(argument, verb, Command::StartTls),
        Verb::Xclient => Xclient::parse(needed(argument, verb)?).map(Command::Xclient),
        Verb::Debug | Verb::ZDebug => Ok(Command::Debug(verb)),
        // Whoever does not know how it is spelt is not to learn that it is there.
        Verb::ZReport => match ReportWish::read(&words(argument)) {
            Some(wish) => Ok(Command::Report(Box::new(wish))),
            None => Err(SyntaxFault::UnknownVerb),
        },
        Verb::ZIdent => Ok(Command::Ident),
    }
}

fn is_blank(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn trimmed_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|octet| is_blank(octet)).count();
    &text[blanks..]
}

fn trimmed_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|octet| is_blank(octet)).count();
    &text[..text.len() - blanks]
}

/// An argument as text; the line was seen to be ASCII.
fn words(argument: &[u8]) -> String {
    String::from_utf8_lossy(argument).into_owned()
}

fn needed(argument: &[u8], verb: Verb) -> Result<&[u8], SyntaxFault> {
    if argument.is_empty() { Err(SyntaxFault::ArgumentMissing(verb)) } else { Ok(argument) }
}

fn alone(argument: &[u8], verb: Verb, command: Command) -> Result<Command, SyntaxFault> {
    if argument.is_empty() { Ok(command) } else { Err(SyntaxFault::ArgumentUnexpected(verb)) }
}

/// What follows `FROM:` or `TO:`. Blanks behind the colon are not legal, but common clients send them.
fn after_keyword<'a>(argument: &'a [u8], keyword: &[u8], verb: Verb) -> Result<&'a [u8], SyntaxFault> {
    match needed(argument, verb)?.split_at_checked(keyword.len()) {
        Some((head, text)) if head.eq_ignore_ascii_case(keyword) => Ok(trimmed_start(text)),
        Some(_) | None => Err(SyntaxFault::NoColonKeyword(verb)),
    }
}

/// `text` is the end of `line`, which tells the column.
fn path_bad(line: &[u8], text: &[u8], verb: Verb, (at, why): Misplaced) -> SyntaxFault {
    SyntaxFault::PathBad { verb, column: line.len() - text.len() + at + 1, why }
}

/// `SIZE [LAST]`. Spec: RFC 3030 §2.
fn chunk(argument: &[u8]) -> Option<Chunk> {
    let end = argument.iter().position(is_blank).unwrap_or(argument.len());
    let (size, marker) = argument.split_at(end);
    let marker = trimmed_start(marker);
    if !size.iter().all(u8::is_ascii_digit) || !(marker.is_empty() || marker.eq_ignore_ascii_case(b"LAST")) {
        return None;
    }
    Some(Chunk { octets: core::str::from_utf8(size).ok()?.parse().ok()?, last: !marker.is_empty() })
}

#[cfg(test)]
mod tests;
