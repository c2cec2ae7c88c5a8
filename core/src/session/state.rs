//! The states of a session. Each owns only what is true in it; moving on consumes it.
//!
//! | state | what it waits for | leaves by |
//! | --- | --- | --- |
//! | Greeting | the connection, then the answer about it | 220 said; closed |
//! | Hush | the hour of the greeting, and silence until then | 220 said; closed |
//! | Unwelcome | QUIT, and nothing else, after a 554 in place of the greeting | QUIT; closed |
//! | Early | a client that begins with a handshake unasked | its first octet; 2 s |
//! | Turning | nothing: what came too soon is seen | 220 said, handshake begun; closed |
//! | Securing | the end of a TLS handshake | done; failed; its deadline |
//! | Ready | a command, no transaction open | MAIL, QUIT |
//! | Opened | the first recipient | RCPT admitted; RSET, HELO, QUIT |
//! | Addressed | more recipients, or the message | DATA, BDAT; RSET, HELO, QUIT |
//! | Receiving | CRLF.CRLF | the end of data |
//! | Chunking | the next BDAT | BDAT; RSET, HELO, QUIT |
//! | InChunk | the octets of a chunk | its last octet |
//! | ChunksRefused | LAST or RSET, after a chunk was refused | BDAT LAST; RSET, HELO, QUIT |
//! | Unwanted | CRLF.CRLF, in a batch whose DATA was refused | the end of data |
//! | Swallowing | the octets of a chunk that nobody wants | its last octet |
//! | Login | the client's next line of a login | that line; its deadline |
//! | Skipping | the end of a broken line | CRLF |
//! | Showing | the message's file, for the content filter | Shown, Failed; its deadline |
//! | Asking | an answer | the answer; its deadline |
//! | Storing | the spool's report | Committed, Failed; its deadline |
//! | Paused | the hour of a reply (tarpit) | the tick |
//! | Closing | nothing | - |
//!
//! All moves from one to another stand in `state.moves` and are drawn in `state.dot`, both beside this file. A test walks
//! through everything that can happen to a session and holds that table against it; `cargo xtask states` redraws both.

use super::pace::Pace;
use crate::auth::{Asking, Awaiting, Request};
use crate::config::patterns::Styles;
use crate::mail::envelope::{Hello, Recipient, Sender};
use crate::mail::transaction::{Addressed, Message, Opened};
use crate::now::Instant;
use crate::peer::Peer;
use crate::policy::Ticket;
use crate::refusal::Refusal;
use crate::reply::{Reply, Words};
use crate::wire::chunk::ChunkReader;
use crate::wire::command::Chunk;
use crate::wire::dotted::DottedReader;
use crate::wire::params::RcptParams;
use crate::wire::path::ForwardPath;
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Where a session is. See the table above.
#[derive(Debug)]
pub(super) enum State {
    Greeting,
    Hush {
        until: Instant,
    },
    Unwelcome,
    Early {
        until: Instant,
    },
    Turning(Option<Hello>),
    /// Nothing can be said or heard.
    Securing {
        until: Instant,
        /// The client was not greeted yet.
        first: bool,
    },
    Ready(Option<Hello>),
    Opened(Box<InTransaction<Opened>>),
    Addressed(Box<InTransaction<Addressed>>),
    Receiving(Box<Receiving>),
    Chunking(Box<Chunking>),
    InChunk(Box<Chunking>, Chunk),
    /// Of so many recipients.
    ChunksRefused(Hello, u32),
    Unwanted(Box<Unwanted>),
    Swallowing(Box<Swallowing>),
    Login(Box<LoggingIn>),
    Skipping {
        dropped: usize,
        then: Box<State>,
    },
    Showing(Box<Shown>),
    Asking {
        ticket: Ticket,
        deadline: Instant,
        resume: Box<Resume>,
    },
    Storing(Box<Storing>),
    Paused {
        until: Instant,
        verb: Option<Verb>,
        reply: Reply,
        then: Box<State>,
    },
    Closing,
    /// Only while a state is being replaced; `invariants` forbids it to stay.
    Moving,
}

/// A transaction and the client that has it open.
#[derive(Debug)]
pub(super) struct InTransaction<T> {
    pub(super) hello: Hello,
    pub(super) transaction: T,
}

/// DATA under way.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) hello: Hello,
    pub(super) message: Message,
    pub(super) reader: DottedReader,
    /// Why the message will be refused at its end, if it will.
    pub(super) spoiled: Option<Refusal>,
    pub(super) pace: Pace,
}

/// BDAT under way: the message spans its chunks.
#[derive(Debug)]
pub(super) struct Chunking {
    pub(super) hello: Hello,
    pub(super) message: Message,
    pub(super) reader: ChunkReader,
    /// Why the message will be refused at the end of this chunk, if it will.
    pub(super) spoiled: Option<Refusal>,
    pub(super) pace: Pace,
}

/// A chunk of known size that nobody wants: its octets must not become commands.
#[derive(Debug)]
pub(super) struct Swallowing {
    pub(super) left: u64,
    pub(super) pace: Pace,
    pub(super) refusal: Refusal,
    /// How often the refusal is said.
    pub(super) times: u32,
    pub(super) then: State,
}

/// The text of a message that was refused before it began.
#[derive(Debug)]
pub(super) struct Unwanted {
    pub(super) reader: DottedReader,
    pub(super) pace: Pace,
    pub(super) then: State,
}

/// AUTH under way, and the client's turn.
#[derive(Debug)]
pub(super) struct LoggingIn {
    pub(super) hello: Hello,
    pub(super) awaiting: Awaiting,
}

/// How a handshake came up.
#[derive(Debug)]
pub(super) enum Beginning {
    /// By STARTTLS, of a client that had called itself so.
    Asked(Option<Hello>),
    /// The connection begins with it; these octets of it came already.
    First(Vec<u8>),
}

/// The client that a proxy named.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) peer: Arc<Peer>,
    pub(super) hello: Option<Hello>,
}

/// The message is complete; the spool was told to show it to helpers.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) seen: Seen,
    pub(super) deadline: Instant,
}

/// A message that helpers see.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) hello: Hello,
    pub(super) message: Message,
    /// Octets of the message as it came.
    pub(super) octets: u64,
    /// Which milter sees it, from 0; behind them the content filter does.
    pub(super) milter: usize,
}

/// The message is complete; the spool was told to commit it.
#[derive(Debug)]
pub(super) struct Storing {
    pub(super) hello: Hello,
    pub(super) message: Message,
    pub(super) deadline: Instant,
    /// What the content filter wants said.
    pub(super) words: Words,
}

/// What goes on when the answer comes.
#[derive(Debug)]
pub(super) enum Resume {
    /// What the client called itself, if a proxy told that; then it was greeted before.
    Greet {
        hello: Option<Hello>,
        again: bool,
    },
    Load,
    /// A handshake is to begin.
    Secure(Beginning),
    Client(Known),
    /// Whether the machine is busy, before anybody is asked about the client's name.
    HelloLoad {
        state: State,
        hello: Hello,
        styles: Styles,
    },
    Hello {
        state: State,
        hello: Hello,
        styles: Styles,
    },
    /// The reply to HELO, which names what can be done to log in.
    Offer {
        state: State,
        hello: Hello,
        styles: Styles,
    },
    /// AUTH, which was not looked at yet.
    Auth {
        hello: Hello,
        request: Request,
    },
    Login {
        hello: Hello,
        asking: Asking,
    },
    Mail {
        hello: Hello,
        sender: Sender,
    },
    Rcpt {
        state: State,
        path: ForwardPath,
        params: RcptParams,
    },
    HelloRouted {
        state: State,
        hello: Hello,
        styles: Styles,
    },
    MailRouted {
        hello: Hello,
        sender: Sender,
        trace: Option<String>,
    },
    RcptRouted {
        state: State,
        recipient: Recipient,
    },
    /// The words for the recipient, if the policy service has nothing against it.
    RcptDelegated {
        state: State,
        recipient: Recipient,
        words: Words,
    },
    Verified {
        state: State,
        verb: Verb,
    },
    /// A milter sees it.
    Milter(Box<Seen>),
    Content {
        hello: Hello,
        message: Message,
    },
    Report(State),
}

impl Beginning {
    /// What the client called itself in clear text.
    pub(super) fn hello(self) -> Option<Hello> {
        match self {
            Beginning::Asked(hello) => hello,
            Beginning::First(_) => None,
        }
    }
}

impl State {
    /// One word, for assertions and recordings.
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::Greeting => "greeting",
            State::Hush { .. } => "hush",
            State::Unwelcome => "unwelcome",
            State::Early { .. } => "early",
            State::Turning(_) => "turning",
            State::Securing { .. } => "securing",
            State::Unwanted(_) => "unwanted",
            State::Ready(_) => "ready",
            State::Opened(_) => "opened",
            State::Addressed(_) => "addressed",
            State::Receiving(_) => "receiving",
            State::Chunking(_) => "chunking",
            State::InChunk(..) => "in-chunk",
            State::ChunksRefused(..) => "chunks-refused",
            State::Swallowing(_) => "swallowing",
            State::Login(_) => "login",
            State::Skipping { .. } => "skipping",
            State::Showing(_) => "showing",
            State::Asking { .. } => "asking",
            State::Storing(_) => "storing",
            State::Paused { .. } => "paused",
            State::Closing => "closing",
            State::Moving => "moving",
        }
    }

    /// Whether the next octets would be a command, or a line of a login: the boundary at which a session may be told to go.
    pub(super) fn is_at_command(&self) -> bool {
        match self {
            State::Unwelcome
            | State::Ready(_)
            | State::Opened(_)
            | State::Addressed(_)
            | State::Chunking(_)
            | State::ChunksRefused(..)
            | State::Hush { .. }
            | State::Login(_)
            | State::Early { .. }
            | State::Skipping { .. } => true,
            State::Greeting
            | State::Turning(_)
            | State::Securing { .. }
            | State::Unwanted(_)
            | State::Receiving(_)
            | State::InChunk(..)
            | State::Swallowing(_)
            | State::Showing(_)
            | State::Asking { .. }
            | State::Storing(_)
            | State::Paused { .. }
            | State::Closing
            | State::Moving => false,
        }
    }

    /// Whether a session that is told to stop may be ended here: between commands, and not between the chunks of a
    /// message, which is under way.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that is not named refuses or ignores it")]
    pub(super) fn may_be_stopped(&self) -> bool {
        match self {
            State::Chunking(_) => false,
            State::Skipping { then, .. } => then.may_be_stopped(),
            _ => self.is_at_command(),
        }
    }

    /// Whether the next octets would belong to a message or a chunk.
    pub(super) fn is_in_data(&self) -> bool {
        matches!(self, State::Receiving(_) | State::InChunk(..) | State::Swallowing(_) | State::Unwanted(_))
    }

    /// What the client called itself, where a command is awaited.
    #[expect(clippy::wildcard_enum_match_arm, reason = "elsewhere no command is looked at")]
    pub(super) fn hello(&self) -> Option<&Hello> {
        match self {
            State::Ready(hello) => hello.as_ref(),
            State::Opened(inside) => Some(&inside.hello),
            State::Addressed(inside) => Some(&inside.hello),
            State::Chunking(chunking) => Some(&chunking.hello),
            State::ChunksRefused(hello, _) => Some(hello),
            State::Login(login) => Some(&login.hello),
            _ => None,
        }
    }
}
