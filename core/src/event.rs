//! All that is worth logging: the one source of logs, counters and test assertions.

use crate::auth::LoggedIn;
use crate::now::Duration;
use crate::output::Reason;
use crate::peer::TransactionId;
use crate::policy::evaluate::Place;
use crate::refusal::Refusal;
use crate::spool::id::SpoolId;
use crate::tls::{HandshakeFault, TlsFacts};
use crate::wire::command::Verb;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A command line as heard, made printable. Only when the session keeps a transcript.
    Heard(String),
    /// A reply line as said. Only when the session keeps a transcript.
    Said(String),
    /// What the content filter is asked, or has said. Only with `debug-contentfilter`.
    Filter(String),
    /// A command line came; its verb, `None` when it had none that we know.
    Command(Option<Verb>),
    /// A reply was said; its code.
    Reply(u16),
    /// A command was refused.
    Refused {
        /// Its verb; `None` when the line had none that we know.
        verb: Option<Verb>,
        /// The reason.
        refusal: Refusal,
        /// Up to which line of a batch it was read, counted from 1; `None` where a client speaks.
        line: Option<u64>,
    },
    /// A refusal by the operator's rules showed this token; what led to it, a line for each step.
    Explained {
        /// The token, as it stands in the reply.
        token: String,
        /// What led to it.
        chain: Vec<String>,
    },
    /// The client has logged in.
    LoggedIn(LoggedIn),
    /// A TLS handshake was done.
    Secured(Arc<TlsFacts>),
    /// A TLS handshake failed; the session ends.
    Unsecured(HandshakeFault),
    /// A reply waits this long in the tarpit.
    TarpitDelayed(Duration),
    /// A transaction ended, one way or another.
    Transaction(Box<TransactionRecord>),
    /// The session ended.
    Closed(SessionRecord),
}

/// What is known of a transaction when it ends. Times are measured from MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// Which transaction.
    pub id: TransactionId,
    /// The reverse-path, empty for the null one.
    pub from: String,
    /// The first admitted recipients (at most 10).
    pub to: Vec<String>,
    /// Recipients admitted.
    pub recipients: u32,
    /// Recipients refused.
    pub recipients_refused: u32,
    /// Octets of the message, as RFC 1870 counts them.
    pub octets: u64,
    /// Bare newlines that were made line ends, where the operator allows that.
    pub normalized: u32,
    /// From MAIL to the first octet of data asked for.
    pub envelope: Duration,
    /// From there to the end of data.
    pub data: Duration,
    /// From there to the last reply.
    pub store: Duration,
    /// What was refused since MAIL was accepted, the first ones (at most 10), in their order. That the message itself
    /// was refused is its outcome, and not among them.
    pub verdicts: Vec<NamedRefusal>,
    /// Where the message goes; the client is never told.
    pub place: Place,
    /// How it ended.
    pub outcome: Outcome,
}

/// A refusal by name: nothing of what the client said is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedRefusal {
    /// The command's verb; `None` when it had none that we know.
    pub verb: Option<Verb>,
    /// [`Refusal::name`].
    pub why: &'static str,
}

/// `RCPT:not-admitted`.
impl fmt::Display for NamedRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.verb.map_or("-", Verb::name), self.why)
    }
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted: durable, and so reported to the client.
    Stored(SpoolId),
    /// Destroyed as the content filter wanted it, while the client was told that it was taken.
    Discarded,
    /// Refused after the data.
    Refused(Refusal),
    /// Given up before its data were complete: RSET, a new HELO, QUIT.
    Reset,
    /// The session ended first.
    Cut(Reason),
}

/// What is known of a session when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Why it ended.
    pub reason: Reason,
    /// Commands heard.
    pub commands: u32,
    /// Transactions opened.
    pub transactions: u32,
    /// Messages stored.
    pub stored: u32,
    /// Commands and messages refused.
    pub refused: u32,
    /// The last refusal.
    pub last_refusal: Option<NamedRefusal>,
    /// Octets heard.
    pub heard: u64,
    /// Octets said.
    pub said: u64,
    /// Time spent in the tarpit.
    pub tarpitted: Duration,
    /// How long it lasted.
    pub lasted: Duration,
}

impl Event {
    /// The event's name, as scripts and logs spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Heard(_) => "heard",
            Event::Said(_) => "said",
            Event::Filter(_) => "contentfilter",
            Event::Command(_) => "command",
            Event::Reply(_) => "reply",
            Event::Refused { .. } => "refused",
            Event::Explained { .. } => "explained",
            Event::LoggedIn(_) => "logged_in",
            Event::Secured(_) => "secured",
            Event::Unsecured(_) => "unsecured",
            Event::TarpitDelayed(_) => "tarpit_delayed",
            Event::Transaction(record) => match record.outcome {
                Outcome::Stored(_) => "message_stored",
                Outcome::Discarded => "message_discarded",
                Outcome::Refused(_) => "message_refused",
                Outcome::Reset => "transaction_reset",
                Outcome::Cut(_) => "transaction_cut",
            },
            Event::Closed(_) => "closed",
        }
    }
}

/// The event's arguments, as scripts spell them: `20s`, `quit`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Heard(line) | Event::Said(line) | Event::Filter(line) => f.write_str(line),
            Event::Command(verb) => f.write_str(verb.map_or("-", Verb::name)),
            Event::Reply(code) => write!(f, "{code}"),
            Event::Refused { verb, refusal, .. } => {
                write!(f, "{} {}", verb.map_or("-", Verb::name), refusal.name())
            }
            Event::Explained { token, chain } => write!(f, "{token} {}", chain.join("; ")),
            Event::LoggedIn(login) => write!(f, "{} {}", login.user(), login.mechanism()),
            Event::Secured(facts) => write!(f, "{facts}"),
            Event::Unsecured(fault) => f.write_str(fault.name()),
            Event::TarpitDelayed(delay) => write!(f, "{delay:?}"),
            Event::Transaction(record) => match &record.outcome {
                Outcome::Stored(id) => write!(f, "{id}"),
                Outcome::Refused(refusal) => f.write_str(refusal.name()),
                Outcome::Reset | Outcome::Discarded => Ok(()),
                Outcome::Cut(reason) => f.write_str(reason.name()),
            },
            Event::Closed(record) => f.write_str(record.reason.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::input::Input;
    use crate::now::{Now, Wall};
    use crate::output::Output;
    use crate::peer::Peer;
    use crate::server::{self, Server};
    use crate::session::Session;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::sync::Arc;
    use core::net::SocketAddr;

    /// All events of a session that is opened, says these words and goes, with the octets of the replies.
    fn events(words: &[u8]) -> (Vec<Event>, usize) {
        let mut settings = Settings::new("mx.example");
        settings.policy.local_domains.insert("local.example".into());
        let settings = Arc::new(settings);
        let end = SocketAddr::from(([127, 0, 0, 1], 25));
        let (mut server, peer) = (Server::new(settings.clone()), Arc::new(Peer::new(end, end)));
        let now = Now { wall: Wall::from_seconds(0), ..Now::default() };
        server.handle(now, server::Input::Connected(peer.clone()));
        let Some(server::Output::Welcome(id)) = server.poll() else { panic!("there is room") };
        let mut session = Session::new(settings, id, peer);
        let (mut events, mut said) = (Vec::new(), 0);
        for input in [Input::Opened, Input::Bytes(words), Input::PeerClosed] {
            session.handle(now, input);
            while let Some(output) = session.poll() {
                match output {
                    Output::Event(event) => events.push(event),
                    Output::Write(octets) => said += octets.len(),
                    Output::Ask(ticket, question) => {
                        server.handle(now, server::Input::Asked(id, ticket, question));
                        while let Some(output) = server.poll() {
                            if let server::Output::Answer(_, ticket, answer) = output {
                                session.handle(now, Input::Answered(ticket, answer));
                            }
                        }
                    }
                    Output::Inquire(..)
                    | Output::Attempt(_)
                    | Output::Order(_)
                    | Output::Secure(_)
                    | Output::Close(_) => {}
                }
            }
        }
        (events, said)
    }

    #[test]
    fn each_command_and_each_reply_is_told_and_refusals_belong_to_their_transaction() {
        let words =
            b"EHLO client.example\r\nRCPT TO:<early@local.example>\r\nMAIL FROM:<ann@client.example>\r\n\
            RCPT TO:<x@elsewhere.example>\r\nXYZZY\r\nRCPT TO:<bob@local.example>\r\nRSET\r\n\
            MAIL FROM:<ann@client.example>\r\nNOOP\n\r\n";
        let (events, said) = events(words);
        let told = |name: &str| -> Vec<_> {
            let named = events.iter().filter(|event| event.name() == name);
            named.map(ToString::to_string).collect()
        };
        assert_eq!(
            told("command"),
            ["EHLO", "RCPT", "MAIL", "RCPT", "-", "RCPT", "RSET", "MAIL", "-"].map(ToString::to_string)
        );
        assert_eq!(
            told("reply"),
            [220, 250, 503, 250, 550, 500, 250, 250, 250, 500].map(|code: u16| code.to_string())
        );
        let verdicts = |record: &TransactionRecord| -> Vec<_> {
            record.verdicts.iter().map(ToString::to_string).collect()
        };
        let records: Vec<_> = events
            .iter()
            .filter_map(|event| if let Event::Transaction(record) = event { Some(record) } else { None })
            .collect();
        assert_eq!(verdicts(records[0]), ["RCPT:not-admitted", "-:unknown-verb"]);
        assert_eq!(verdicts(records[1]), ["-:broken-line"]);
        assert_eq!(records.len(), 2);
        let Some(Event::Closed(record)) = events.last() else { panic!("the end comes last: {events:?}") };
        assert_eq!(
            (record.refused, format!("{}", record.last_refusal.expect("refused"))),
            (4, "-:broken-line".into())
        );
        assert_eq!(
            (record.heard, record.said),
            (u64::try_from(words.len()).expect("short"), u64::try_from(said).expect("short"))
        );
    }
}
