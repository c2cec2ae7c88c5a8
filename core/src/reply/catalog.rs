//! The server's whole vocabulary, one small function a sentence. Texts name the command they answer (RFC 2920
//! §3.2) and promise no more than has happened.

use super::code::*;
use super::encode::Reply;
use super::words::Words;
use crate::auth::LoginFault;
use crate::policy::Verdict;
use crate::policy::evaluate::{No, Why};
use crate::refusal::{Refusal, Trouble};
use crate::server::rate_window::RateVerdict;
use crate::spool::{Durable, SpoolFault};
use crate::subserver::Trade;
use crate::subserver::policy_service::Action;
use crate::tls::Distrust;
use crate::wire::command::{SyntaxFault, Verb};
use crate::wire::line::LineFault;
use crate::wire::path::PathFault;
use crate::wire::text::TextFault;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

/// `220`: the greeting. The host comes first (RFC 2821 §4.3.1).
pub fn greeting(host: &str, protocol: &str) -> Reply {
    Reply::plain(C220_READY, alloc::vec![Cow::Owned(format!("{host} {protocol} smtpserver ready"))])
}

/// `220`: the greeting in the operator's words; at least one line.
pub fn own_greeting(lines: Vec<String>) -> Reply {
    Reply::plain(C220_READY, lines.into_iter().map(Cow::Owned).collect())
}

/// The same refusal with the operator's pointer as its last line (manual, contact-pointer-message).
pub fn with_contact(refusal: Reply, contact: &str) -> Reply {
    refusal.and_line(Cow::Owned(contact.into()))
}

/// `250 2.0.0`: DEBUG, with what there is to tell.
pub fn debug(lines: Vec<String>) -> Reply {
    Reply::many(C250_OK, E2_0_0_OK, lines.into_iter().map(Cow::Owned).collect())
}

/// `250`: the reply to HELO.
pub fn hello(host: &str, client: &str) -> Reply {
    Reply::plain(C250_OK, alloc::vec![Cow::Owned(format!("{host} hello {client}"))])
}

/// `250`: the reply to EHLO, a line for the greeting and one for each keyword (RFC 2821 §4.1.1.1).
pub fn extended_hello(host: &str, client: &str, keywords: Vec<Cow<'static, str>>) -> Reply {
    let mut lines = alloc::vec![Cow::Owned(format!("{host} hello {client}"))];
    lines.extend(keywords);
    Reply::list(C250_OK, lines)
}

/// `250 2.1.0`: MAIL opened a transaction.
///
/// In the router's words, if it has any.
pub fn sender_ok(path: &dyn Display, words: &Words) -> Reply {
    words.or(Reply::new(C250_OK, E2_1_0_SENDER_OK, format!("sender {path} ok")))
}

/// `250 2.1.5`: RCPT added a recipient.
///
/// In the router's words, if it has any.
pub fn recipient_ok(path: &dyn Display, words: &Words) -> Reply {
    words.or(Reply::new(C250_OK, E2_1_5_RECIPIENT_OK, format!("recipient {path} ok")))
}

/// What the router has to say to VRFY or EXPN.
pub fn in_words(words: &Words) -> Reply {
    words.or(Reply::new(C250_OK, E2_0_0_OK, "ok"))
}

/// How a challenge begins that is the server's own proof: the base64 of `v=`, as far as it does not depend on the proof.
pub(crate) const PROOF: &[u8] = b"334 dj";

/// `334`: a challenge of a login, in base64.
pub fn challenge(text: String) -> Reply {
    Reply::plain(C334_CHALLENGE, alloc::vec![Cow::Owned(text)])
}

/// `235 2.7.0`: the client has logged in.
pub fn logged_in() -> Reply {
    Reply::new(C235_LOGGED_IN, E2_7_0_LOGGED_IN, "AUTH: you are logged in")
}

/// `354`: go on with the message.
pub fn start_mail() -> Reply {
    Reply::plain(C354_START_MAIL, alloc::vec![Cow::Borrowed("DATA: send the message, end with CRLF.CRLF")])
}

/// `250 2.0.0`: a chunk was taken, and more are to come. Promises nothing about the message (RFC 3030 §2).
pub fn chunk_ok(octets: u64) -> Reply {
    Reply::new(C250_OK, E2_0_0_OK, format!("BDAT {octets} octets received"))
}

/// `250 2.0.0`: the message is accepted. The proof goes in by value: there is no other way to say this. The content filter
/// may have other words, which may even refuse: then the message is in the freezer, and the client is not to know it.
pub fn message_accepted(durable: Durable, words: &Words) -> Reply {
    let id = durable.id();
    words.and_note(id).or(Reply::new(C250_OK, E2_0_0_OK, format!("message accepted as {id}")))
}

/// `550 5.7.1`: the content filter condemns the message; perhaps in other words, which may accept it in spite of that: then
/// the operator wants it destroyed, and the client not to know it.
pub fn message_condemned(words: &Words) -> Reply {
    words.or(Reply::new(C550_REFUSED, E5_7_1_REFUSED, "message refused: its content is not wanted here"))
}

/// `250 2.0.0`: the message was taken, and nothing is kept of it, as the operator wants it: the client is not to know.
pub fn message_discarded(words: &Words) -> Reply {
    words.or(Reply::new(C250_OK, E2_0_0_OK, "message accepted"))
}

/// `200`: Z-REPORT, with what is counted (manual, Z-REPORT).
pub fn report(lines: Vec<String>) -> Reply {
    Reply::plain(C200_REPORT, lines.into_iter().map(Cow::Owned).collect())
}

/// `250 2.0.0`: NOOP and its like.
pub fn noop_ok(verb: Verb) -> Reply {
    Reply::new(C250_OK, E2_0_0_OK, format!("{} ok", verb.name()))
}

/// `250 2.0.0`: RSET.
pub fn reset_ok() -> Reply {
    Reply::new(C250_OK, E2_0_0_OK, "RSET ok, nothing is kept")
}

/// `220 2.0.0`: the next octets are those of a TLS handshake (RFC 3207 §4).
pub fn start_handshake() -> Reply {
    Reply::new(C220_READY, E2_0_0_OK, "STARTTLS ok, begin TLS")
}

/// `250 2.0.0`: VERB, which turns on nothing.
pub fn verbose_ok() -> Reply {
    Reply::new(C250_OK, E2_0_0_OK, "VERB ok, replies are as verbose as they get")
}

/// `250 2.0.0`: TICK.
pub fn tick_ok(argument: &str) -> Reply {
    Reply::new(C250_OK, E2_0_0_OK, format!("TICK {argument}"))
}

/// `252 2.5.2`: addresses are not verified; what a site that disables VRFY or EXPN must say (RFC 2821 §7.3).
pub fn not_verified(verb: Verb, enabled: bool) -> Reply {
    let why = if enabled { "finds no router to ask" } else { "is disabled here" };
    Reply::new(
        C252_CANNOT_VRFY,
        E2_5_2_CANNOT_VRFY,
        format!("{} {why}; send the mail and it will be attempted", verb.name()),
    )
}

/// `221 2.0.0`: QUIT.
pub fn closing(host: &str) -> Reply {
    Reply::new(C221_CLOSING, E2_0_0_OK, format!("{host} closing connection"))
}

/// `214 2.0.0`: help.
pub fn help(lines: Vec<String>) -> Reply {
    Reply::many(C214_HELP, E2_0_0_OK, lines.into_iter().map(Cow::Owned).collect())
}

/// `450 4.7.1` in place of a greeting: too many connections (manual, MaxSameIpSource, MaxParallelConnections).
pub fn too_many_connections(host: &str) -> Reply {
    Reply::new(
        C450_BUSY,
        E4_7_1_NOT_NOW,
        format!("{host} Too many simultaneous connections, try again later"),
    )
}

/// What a question's verdict says when it is not yes.
pub fn verdict_refusal(verdict: &Verdict) -> Option<Refusal> {
    match verdict {
        Verdict::Accept
        | Verdict::Welcome(_)
        | Verdict::Traced(_)
        | Verdict::Report(_)
        | Verdict::Admit(..) => None,
        Verdict::KeptOut => Some(Refusal::KeptOut),
        Verdict::Judged(_) | Verdict::Routed(_) | Verdict::Milted(_) => None,
        Verdict::Action(action) => match &**action {
            Action::Refuse(words) => Some(Refusal::Delegated(words.clone())),
            Action::Pass | Action::Prepend(_) | Action::Hold | Action::Discard => None,
        },
        Verdict::NoHelper(Trade::Router) => Some(Refusal::Trouble(Trouble::Router)),
        Verdict::NoHelper(Trade::Filter) => Some(Refusal::Trouble(Trouble::Filter)),
        Verdict::NoHelper(Trade::Policy(_)) => Some(Refusal::Trouble(Trouble::PolicyService)),
        Verdict::NoHelper(Trade::Milter) => Some(Refusal::Trouble(Trouble::Milter)),
        Verdict::Busy => Some(Refusal::Trouble(Trouble::Loaded)),
        Verdict::TurnAway => Some(Refusal::Trouble(Trouble::TooManyConnections)),
        Verdict::NoSpace => Some(Refusal::Trouble(Trouble::NoSpace)),
        Verdict::Refuse(denial) => Some(Refusal::Policy(denial.clone())),
        Verdict::LoginFirst => Some(Refusal::LoginFirst),
    }
}

/// The reply to every way of saying no.
pub fn refusal(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Line(fault) => line(*fault),
        Refusal::Syntax(fault) => syntax(fault),
        Refusal::NotOffered(verb) => Reply::new(
            C502_NOT_IMPLEMENTED,
            E5_5_1_INVALID_COMMAND,
            format!("{} is not offered here", verb.name()),
        ),
        Refusal::TooManyUnknown => {
            Reply::new(C421_NOT_AVAILABLE, E4_7_1_NOT_NOW, "too many unknown commands, closing connection")
        }
        Refusal::EndlessLine => {
            Reply::new(C421_NOT_AVAILABLE, E4_7_1_NOT_NOW, "command line without end, closing connection")
        }
        Refusal::HelloFirst => out_of_order("send EHLO or HELO first"),
        Refusal::HelloSyntax => Reply::new(
            C501_BAD_ARGUMENT,
            E5_5_4_INVALID_ARGUMENTS,
            "HELO and EHLO need the name of a domain, or an address literal",
        ),
        Refusal::HelloRefused(text) => {
            let text: Cow<'static, str> = match text.as_str() {
                "" => Cow::Borrowed("clients of this name are not served here"),
                own => Cow::Owned(own.into()),
            };
            Reply::new(C501_BAD_ARGUMENT, E5_7_1_REFUSED, text)
        }
        Refusal::EarlyTalker => Reply::new(
            C554_FAILED,
            E5_5_1_INVALID_COMMAND,
            "you spoke before you were greeted, closing connection",
        ),
        Refusal::SentAhead => Reply::new(
            C554_FAILED,
            E5_5_1_INVALID_COMMAND,
            "you sent ahead where a client waits for the reply, closing connection",
        ),
        Refusal::SecuredAlready => out_of_order("STARTTLS: TLS is on already"),
        Refusal::SecuredByProxy => out_of_order("STARTTLS: not behind a proxy that has told who you are"),
        Refusal::TlsFirst => Reply::new(C530_NEEDED_FIRST, E5_7_0_SECURITY, "send STARTTLS first"),
        Refusal::CertificateFirst(None) => {
            Reply::new(C550_REFUSED, E5_7_1_REFUSED, "mail is taken only of clients with a certificate")
        }
        Refusal::CertificateFirst(Some(why)) => Reply::new(
            C550_REFUSED,
            E5_7_1_REFUSED,
            format!("your certificate is not trusted here: {}", distrust(*why)),
        ),
        Refusal::InTransaction(verb) => {
            out_of_order(format!("{} does not belong in a transaction, RSET first", verb.name()))
        }
        Refusal::NestedMail => out_of_order("MAIL: a sender is already given, RSET first"),
        Refusal::MailFirst => out_of_order("send MAIL first"),
        Refusal::RecipientFirst => {
            // RFC 2821 §3.3 allows 503 and 554 for DATA without a recipient; RFC 2033 names 503.
            out_of_order("no valid recipients, send RCPT first")
        }
        Refusal::ChunksUnfinished(verb) => out_of_order(format!(
            "{} between the chunks of a message; finish with BDAT LAST or give up with RSET",
            verb.name()
        )),
        Refusal::BinaryNeedsBdat => out_of_order("DATA cannot carry BODY=BINARYMIME, use BDAT"),
        Refusal::ChunkAfterRefusal => out_of_order("BDAT: the message was refused, RSET first"),
        Refusal::Policy(denial) => policy(&denial.no),
        Refusal::KeptOut => Reply::new(
            C421_NOT_AVAILABLE,
            E4_7_1_NOT_NOW,
            "connections from this client are not accepted, closing connection",
        ),
        Refusal::Unwelcome => out_of_order("no service for this client, QUIT is all that is left"),
        Refusal::TooManyErrorRecipients => Reply::new(
            C550_REFUSED,
            E5_7_1_REFUSED,
            "RCPT: too many recipients for a message with the null sender",
        ),
        Refusal::DeliverByTooSoon => Reply::new(
            C555_PARAMETER_REFUSED,
            E5_5_4_INVALID_ARGUMENTS,
            "MAIL: BY with mode R asks for less time than the least offered",
        ),
        Refusal::DeclaredTooBig => {
            Reply::new(C552_TOO_MUCH, E5_3_4_TOO_BIG, "MAIL: SIZE is more than is accepted here")
        }
        Refusal::TooBig => {
            Reply::new(C552_TOO_MUCH, E5_3_4_TOO_BIG, "message is bigger than is accepted here")
        }
        Refusal::Text(fault) => {
            let what = match fault {
                TextFault::BareCr => "message refused: it has a bare CR, lines must end with CRLF",
                TextFault::BareLf => "message refused: it has a bare LF, lines must end with CRLF",
                TextFault::Nul => "message refused: it has a NUL octet",
            };
            Reply::new(C550_REFUSED, E5_5_2_SYNTAX, what)
        }
        Refusal::Looping => Reply::new(
            C554_FAILED,
            E5_4_6_LOOP,
            "message refused: too many Received fields, it goes in circles",
        ),
        Refusal::Condemned(words) => message_condemned(words),
        Refusal::Unroutable(words) => {
            words.or(Reply::new(C550_REFUSED, E5_7_1_REFUSED, "this address is not accepted here"))
        }
        Refusal::Delegated(words) => {
            words.or(Reply::new(C554_FAILED, E5_7_1_REFUSED, "RCPT: this address is not accepted here"))
        }
        Refusal::LoginElsewhere => out_of_order("AUTH is not offered on this port"),
        Refusal::LoginNeedsTls => Reply::new(
            C538_NEEDS_TLS,
            E5_7_11_NEEDS_TLS,
            "AUTH needs an encrypted connection, use STARTTLS first",
        ),
        Refusal::LoggedInAlready(verb) => out_of_order(format!("{verb}: you are logged in already")),
        Refusal::Login(fault) => login(*fault),
        Refusal::LoginFirst => Reply::new(
            C530_NEEDED_FIRST,
            E5_7_0_SECURITY,
            "MAIL is taken only after a login, send AUTH first",
        ),
        Refusal::SenderNotUser => Reply::new(
            C553_NOT_THIS_SENDER,
            E5_7_1_REFUSED,
            "MAIL: this sender is not yours; give the address that belongs to your login",
        ),
        Refusal::Trouble(trouble) => self::trouble(*trouble),
    }
}

/// The same refusal in place of a greeting (RFC 2821 §3.1): its code says that there is no service at all.
pub fn no_service(refusal: Reply) -> Reply {
    if refusal.is_temporary() { refusal } else { refusal.with_code(C554_FAILED) }
}

/// The same refusal with a token at its end, under which the log tells what led to it.
pub fn with_token(refusal: Reply, token: &str) -> Reply {
    refusal.and_text(&format!(" [{token}]"))
}

/// What the rules are against, in the operator's words where there are any. Those of a domain name that is not there
/// say more with the code for it, but the operator's own are about his rules.
fn policy(no: &No) -> Reply {
    let (code, enhanced, text) = match no.why {
        Why::Client => (C550_REFUSED, E5_7_1_REFUSED, "mail from this client is not accepted here".into()),
        Why::Listed => (C550_REFUSED, E5_7_1_REFUSED, "a list of unwanted clients names this address".into()),
        Why::NoConnections => {
            (C550_REFUSED, E5_7_1_REFUSED, "connections from this network are not accepted here".into())
        }
        Why::Sender => {
            (C553_NOT_THIS_SENDER, E5_7_1_REFUSED, "MAIL: mail from this sender is not accepted here".into())
        }
        Why::SenderDomain => (
            C553_NOT_THIS_SENDER,
            E5_4_3_DIRECTORY,
            "MAIL: the domain of the sender does not exist, or takes no mail".into(),
        ),
        Why::Spf => (C550_REFUSED, E5_7_23_SPF, "MAIL: SPF does not permit this client".into()),
        Why::Messages(verdict) => return rate("MAIL", "messages", verdict, no.text.as_deref()),
        Why::Recipients(verdict) => return rate("RCPT", "recipients", verdict, no.text.as_deref()),
        Why::Recipient | Why::NotAdmitted => {
            (C550_REFUSED, E5_7_1_REFUSED, "RCPT: mail for this recipient is not accepted here".into())
        }
        Why::NotExchanger => (
            C550_REFUSED,
            E5_7_1_REFUSED,
            "RCPT: mail for this recipient is not relayed here, we are no mail exchanger of its domain"
                .into(),
        ),
        Why::RecipientDomain => (
            C550_REFUSED,
            E5_4_3_DIRECTORY,
            "RCPT: the domain of the recipient does not exist, or takes no mail".into(),
        ),
        Why::Route => (
            C550_REFUSED,
            E5_7_1_REFUSED,
            "RCPT: where % and ! of this recipient lead is not understood".into(),
        ),
        Why::Trouble => {
            (C450_BUSY, E4_4_3_DIRECTORY, "the domain name system gave no answer, try again later".into())
        }
    };
    let text: Cow<'static, str> = text;
    match &no.text {
        Some(own) if no.why == Why::Spf || no.why == Why::Trouble => Reply::new(code, enhanced, own.clone()),
        Some(own) => Reply::new(code, E5_7_1_REFUSED, own.clone()),
        None => Reply::new(code, enhanced, text),
    }
}

/// Too many within the hour, with a hint when there will be room (manual, ratelimitmsgs: 450, or 550 for ever).
fn rate(verb: &str, what: &str, verdict: RateVerdict, own: Option<&str>) -> Reply {
    let text = match own {
        Some(own) => own.into(),
        None => format!("{verb}: too many {what} within the hour"),
    };
    match verdict {
        RateVerdict::Forbidden => {
            let text = own.map_or_else(|| format!("{verb}: no {what} are accepted from here"), Into::into);
            Reply::new(C550_REFUSED, E5_7_1_REFUSED, text)
        }
        RateVerdict::Excess { retry_after } => {
            let seconds = retry_after.as_secs().max(1);
            Reply::new(C450_BUSY, E4_7_1_NOT_NOW, format!("{text}, retry after {seconds} seconds"))
        }
        RateVerdict::Within => Reply::new(C450_BUSY, E4_7_1_NOT_NOW, text),
    }
}

fn out_of_order(text: impl Into<Cow<'static, str>>) -> Reply {
    Reply::new(C503_BAD_SEQUENCE, E5_5_1_INVALID_COMMAND, text)
}

fn login(fault: LoginFault) -> Reply {
    match fault {
        LoginFault::Cancelled => {
            Reply::new(C501_BAD_ARGUMENT, E5_7_0_SECURITY, "AUTH: given up, as you wish")
        }
        LoginFault::NotBase64 => Reply::new(C501_BAD_ARGUMENT, E5_5_2_SYNTAX, "AUTH: that is not base64"),
        LoginFault::Malformed => {
            Reply::new(C501_BAD_ARGUMENT, E5_5_2_SYNTAX, "AUTH: that is not what the mechanism wants")
        }
        LoginFault::TooLong => {
            Reply::new(C500_UNRECOGNIZED, E5_5_6_LINE_TOO_LONG, "AUTH: the line is too long")
        }
        LoginFault::NoSuchMechanism => Reply::new(
            C504_NO_SUCH_MECHANISM,
            E5_5_4_INVALID_ARGUMENTS,
            "AUTH: this mechanism is not offered here",
        ),
        LoginFault::Wrong => Reply::new(C535_NOT_LOGGED_IN, E5_7_8_WRONG, "AUTH: name or password is wrong"),
        LoginFault::Trouble => {
            Reply::new(C454_SECURITY_NOT_NOW, E4_7_0_SECURITY, "AUTH: cannot be checked now, try again later")
        }
    }
}

fn trouble(trouble: Trouble) -> Reply {
    match trouble {
        Trouble::Loaded => Reply::new(
            C421_NOT_AVAILABLE,
            E4_3_2_STOPPING,
            "system load is too high, try again later, closing connection",
        ),
        Trouble::TooManyConnections => {
            Reply::new(C450_BUSY, E4_7_1_NOT_NOW, "Too many simultaneous connections, try again later")
        }
        Trouble::NoSpace | Trouble::Spool(SpoolFault::Full) => {
            Reply::new(C452_NO_STORAGE, E4_3_1_FULL, "insufficient storage, try again later")
        }
        Trouble::TooManyRecipients => Reply::new(
            C452_NO_STORAGE,
            E4_5_3_TOO_MANY_RECIPIENTS,
            "RCPT: too many recipients, send the others in another transaction",
        ),
        Trouble::Spool(SpoolFault::Unusable | SpoolFault::Broken) => {
            Reply::new(C451_LOCAL_ERROR, E4_3_0_SYSTEM, "message not stored, try again later")
        }
        Trouble::TooManyHandshakes => Reply::new(
            C454_SECURITY_NOT_NOW,
            E4_7_0_SECURITY,
            "STARTTLS: too many handshakes from there, try later",
        ),
        Trouble::NoAnswer => {
            Reply::new(C451_LOCAL_ERROR, E4_3_0_SYSTEM, "no answer from a helper in time, try again later")
        }
        Trouble::Router => {
            Reply::new(C451_LOCAL_ERROR, E4_3_0_SYSTEM, "addresses cannot be judged now, try again later")
        }
        Trouble::PolicyService => {
            Reply::new(C451_LOCAL_ERROR, E4_3_0_SYSTEM, "recipients cannot be judged now, try again later")
        }
        Trouble::Filter | Trouble::Milter => {
            Reply::new(C451_LOCAL_ERROR, E4_7_1_NOT_NOW, "messages cannot be judged now, try again later")
        }
        Trouble::TimedOut => {
            Reply::new(C421_NOT_AVAILABLE, E4_4_2_TIMED_OUT, "waited too long, closing connection")
        }
        Trouble::ShuttingDown => {
            Reply::new(C421_NOT_AVAILABLE, E4_3_2_STOPPING, "server is stopping, closing connection")
        }
        Trouble::Internal => {
            Reply::new(C421_NOT_AVAILABLE, E4_3_0_SYSTEM, "internal fault, closing connection")
        }
    }
}

fn line(fault: LineFault) -> Reply {
    let text = match fault {
        LineFault::BareCr => "command line has a bare CR, lines must end with CRLF",
        LineFault::BareLf => "command line has a bare LF, lines must end with CRLF",
        LineFault::Nul => "command line has a NUL",
        LineFault::TooLong => "command line is too long",
    };
    Reply::new(C500_UNRECOGNIZED, E5_5_2_SYNTAX, text)
}

fn syntax(fault: &SyntaxFault) -> Reply {
    let bad = |text: String| Reply::new(C501_BAD_ARGUMENT, E5_5_4_INVALID_ARGUMENTS, text);
    match fault {
        SyntaxFault::UnknownVerb => {
            Reply::new(C500_UNRECOGNIZED, E5_5_1_INVALID_COMMAND, "unknown command, try HELP")
        }
        SyntaxFault::ForeignProtocol => {
            Reply::new(C421_NOT_AVAILABLE, E4_7_1_NOT_NOW, "this is SMTP, closing connection")
        }
        SyntaxFault::NotAscii => {
            Reply::new(C500_UNRECOGNIZED, E5_5_2_SYNTAX, "command has octets that are not ASCII")
        }
        SyntaxFault::ControlCharacter => {
            Reply::new(C501_BAD_ARGUMENT, E5_5_2_SYNTAX, "command has control characters")
        }
        SyntaxFault::Blanks => {
            Reply::new(C501_BAD_ARGUMENT, E5_5_2_SYNTAX, "command has blanks where none belong")
        }
        SyntaxFault::ArgumentMissing(verb) => bad(format!("{verb} needs an argument")),
        SyntaxFault::ArgumentUnexpected(verb) => bad(format!("{verb} takes no argument")),
        SyntaxFault::HelloName => bad(String::from(
            "HELO or EHLO needs your name: one word, at most 255 octets, without quotes and brackets of addresses",
        )),
        SyntaxFault::NoColonKeyword(verb) => {
            let keyword = if *verb == Verb::Rcpt { "TO:" } else { "FROM:" };
            Reply::new(
                C501_BAD_ARGUMENT,
                E5_5_2_SYNTAX,
                format!("{verb} needs {keyword} and an address in angle brackets"),
            )
        }
        SyntaxFault::PathBad { verb, column, why } => {
            let enhanced =
                if *verb == Verb::Rcpt { E5_1_3_BAD_RECIPIENT_SYNTAX } else { E5_1_7_BAD_SENDER_SYNTAX };
            Reply::new(C501_BAD_ARGUMENT, enhanced, format!("{verb}: {} (column {column})", path_fault(*why)))
        }
        SyntaxFault::ParamUnknown(name) => Reply::new(
            C555_PARAMETER_REFUSED,
            E5_5_4_INVALID_ARGUMENTS,
            format!("parameter {name} is not known"),
        ),
        SyntaxFault::ParamTwice(name) => bad(format!("parameter {name} is given twice")),
        SyntaxFault::ParamBad(name) => bad(format!("parameter {name} is ill-formed")),
        SyntaxFault::ParamMissingValue(name) => bad(format!("parameter {name} needs a value")),
        SyntaxFault::ChunkSize => bad(String::from(
            "BDAT needs a size and perhaps LAST; what follows cannot be understood, closing connection",
        )),
    }
}

/// What is wrong with a client's certificate, for a person.
fn distrust(why: Distrust) -> &'static str {
    match why {
        Distrust::UnknownIssuer => "its issuer is not known",
        Distrust::OutOfTime => "it has expired, or is not valid yet",
        Distrust::WrongPurpose => "it is not for clients",
        Distrust::TooDeep => "its chain is too long",
        Distrust::Unfit => "it is not fit",
    }
}

/// What is wrong with an address, for a person.
fn path_fault(fault: PathFault) -> &'static str {
    match fault {
        PathFault::BracketMissing => "an address stands in angle brackets",
        PathFault::Empty => "an address is needed between the brackets",
        PathFault::LocalPartBad => "the part before the @ is ill-formed",
        PathFault::LocalPartTooLong => "the part before the @ is longer than 64 octets",
        PathFault::DomainBad => "the domain is ill-formed",
        PathFault::DomainTooLong => "the domain is longer than 255 octets",
        PathFault::DomainMissing => "an address needs @ and a domain",
        PathFault::PathTooLong => "the address is longer than 256 octets",
        PathFault::LiteralBad => "the address literal is ill-formed",
        PathFault::RouteBad => "the source route is ill-formed",
        PathFault::Junk => "something stands right behind the address",
    }
}
