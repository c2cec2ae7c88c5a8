//! Every way to say no, by blame. A refusal is data: what it sounds like on the wire is the catalogue's affair.

use crate::auth::LoginFault;
use crate::policy::Denial;
use crate::policy::evaluate::Why;
use crate::reply::Words;
use crate::server::rate_window::RateVerdict;
use crate::spool::SpoolFault;
use crate::tls::Distrust;
use crate::wire::command::SyntaxFault;
use crate::wire::line::LineFault;
use crate::wire::text::TextFault;
use crate::wire::verb::Verb;
use alloc::boxed::Box;
use alloc::string::String;

/// A reason to say no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The command line was broken before any word of it was read.
    Line(LineFault),
    /// The command is ill-formed.
    Syntax(SyntaxFault),
    /// The command is known and not offered here.
    NotOffered(Verb),
    /// Too many unknown commands; the session ends.
    TooManyUnknown,
    /// A broken command line that has no end; the session ends.
    EndlessLine,
    /// A command that needs HELO or EHLO before it.
    HelloFirst,
    /// The name in HELO or EHLO is no domain and no address literal, where that is asked for.
    HelloSyntax,
    /// The operator refuses clients of this name, with this text (which may be empty).
    HelloRefused(String),
    /// The client spoke before it was greeted; the session ends.
    EarlyTalker,
    /// The client sent ahead where it must wait for a reply (RFC 2920 §3.1); the session ends.
    SentAhead,
    /// STARTTLS where TLS is on already.
    SecuredAlready,
    /// STARTTLS of a client that a proxy has named: what was said of it in clear text must not outlive a handshake.
    SecuredByProxy,
    /// A command that needs TLS before it (`tls-enforce-tls`).
    TlsFirst,
    /// Mail of a client without a certificate that we trust (`tls-require-cert`); why the one it showed counts for nothing.
    CertificateFirst(Option<Distrust>),
    /// A command that is not for transactions.
    InTransaction(Verb),
    /// MAIL inside a transaction.
    NestedMail,
    /// RCPT, DATA or BDAT without MAIL.
    MailFirst,
    /// DATA or BDAT without an admitted recipient.
    RecipientFirst,
    /// A command other than BDAT, RSET, NOOP, HELP or QUIT between the chunks of a message.
    ChunksUnfinished(Verb),
    /// DATA for a message declared as BINARYMIME (RFC 3030 §3).
    BinaryNeedsBdat,
    /// The rest of a message that was refused in an earlier chunk.
    ChunkAfterRefusal,
    /// The operator's rules are against it, or what they hang on could not be found out.
    Policy(Box<Denial>),
    /// No service for this client: it was told so in place of a greeting.
    Unwelcome,
    /// hosts.allow and hosts.deny keep the client out; the session ends.
    KeptOut,
    /// Too many recipients for a message with the null reverse-path.
    TooManyErrorRecipients,
    /// Mode R with less time than the least that is offered (RFC 2852 §4).
    DeliverByTooSoon,
    /// The declared size is more than is taken.
    DeclaredTooBig,
    /// The message is bigger than is taken.
    TooBig,
    /// A bare CR, a bare LF or a NUL in the message.
    Text(TextFault),
    /// The message has passed too many hosts.
    Looping,
    /// The content filter is against the message.
    Condemned(Words),
    /// The interactive router is against the address.
    Unroutable(Words),
    /// The policy service refuses the recipient, in these words.
    Delegated(Words),
    /// AUTH, where the operator wants it on other services only (`no-smtp-auth-on-25`).
    LoginElsewhere,
    /// AUTH, and the channel is not private.
    LoginNeedsTls,
    /// AUTH or STARTTLS after a login.
    LoggedInAlready(Verb),
    /// A login that was none.
    Login(LoginFault),
    /// Mail is taken only from those who have logged in.
    LoginFirst,
    /// The sender is not the user who has logged in (`sender-login-match`).
    SenderNotUser,
    /// Not the client's fault.
    Trouble(Trouble),
}

/// A reason to say "not now": the world's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The machine is too busy; the session ends.
    Loaded,
    /// Too many connections of this client, or in all; the session ends.
    TooManyConnections,
    /// Too little free space for a message (of the declared size).
    NoSpace,
    /// The message has as many recipients as one message may have.
    TooManyRecipients,
    /// The spool could not keep the message.
    Spool(SpoolFault),
    /// Too many handshakes from there of late.
    TooManyHandshakes,
    /// The interactive router is dead, silent, or talks nonsense.
    Router,
    /// The content filter is, and the operator wants the message to come again (`contentfilter-failure defer`).
    Filter,
    /// The policy service has not answered, or with what cannot be understood.
    PolicyService,
    /// A milter has not answered, or wants what cannot be done.
    Milter,
    /// No answer to a question came in time.
    NoAnswer,
    /// The client was silent too long, or too slow.
    TimedOut,
    /// The server stops.
    ShuttingDown,
    /// A defect of ours.
    Internal,
}

impl Refusal {
    /// One word for logs and counters.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Line(_) => "broken-line",
            Refusal::Syntax(SyntaxFault::UnknownVerb) => "unknown-verb",
            Refusal::NotOffered(_) => "not-offered",
            Refusal::Syntax(SyntaxFault::ForeignProtocol) => "foreign-protocol",
            Refusal::Syntax(_) => "syntax",
            Refusal::TooManyUnknown => "too-many-unknown",
            Refusal::EndlessLine => "endless-line",
            Refusal::HelloFirst => "hello-first",
            Refusal::HelloSyntax => "hello-syntax",
            Refusal::HelloRefused(_) => "hello-refused",
            Refusal::EarlyTalker => "early-talker",
            Refusal::SentAhead => "sent-ahead",
            Refusal::SecuredAlready => "secured-already",
            Refusal::SecuredByProxy => "secured-by-proxy",
            Refusal::TlsFirst => "tls-first",
            Refusal::CertificateFirst(_) => "certificate-first",
            Refusal::InTransaction(_) => "in-transaction",
            Refusal::NestedMail => "nested-mail",
            Refusal::MailFirst => "mail-first",
            Refusal::RecipientFirst => "recipient-first",
            Refusal::ChunksUnfinished(_) => "chunks-unfinished",
            Refusal::BinaryNeedsBdat => "binary-needs-bdat",
            Refusal::ChunkAfterRefusal => "chunk-after-refusal",
            Refusal::Policy(denial) => why(denial.no.why),
            Refusal::Unwelcome => "unwelcome",
            Refusal::KeptOut => "kept-out",
            Refusal::TooManyErrorRecipients => "too-many-error-recipients",
            Refusal::DeliverByTooSoon => "deliverby-too-soon",
            Refusal::DeclaredTooBig => "declared-too-big",
            Refusal::TooBig => "too-big",
            Refusal::Text(_) => "bare-newline",
            Refusal::Looping => "looping",
            Refusal::Condemned(_) => "condemned",
            Refusal::Unroutable(_) => "unroutable",
            Refusal::Delegated(_) => "service-refused",
            Refusal::LoginElsewhere => "login-elsewhere",
            Refusal::LoginNeedsTls => "login-needs-tls",
            Refusal::LoggedInAlready(_) => "logged-in-already",
            Refusal::Login(fault) => fault.name(),
            Refusal::LoginFirst => "login-first",
            Refusal::SenderNotUser => "sender-not-user",
            Refusal::Trouble(trouble) => match trouble {
                Trouble::Loaded => "loaded",
                Trouble::TooManyConnections => "too-many-connections",
                Trouble::NoSpace => "no-space",
                Trouble::TooManyRecipients => "too-many-recipients",
                Trouble::Spool(SpoolFault::Full) => "spool-full",
                Trouble::Spool(SpoolFault::Unusable) => "spool-unusable",
                Trouble::Spool(SpoolFault::Broken) => "spool-broken",
                Trouble::TooManyHandshakes => "too-many-handshakes",
                Trouble::Router => "router",
                Trouble::Filter => "contentfilter",
                Trouble::PolicyService => "policy-service",
                Trouble::Milter => "milter",
                Trouble::NoAnswer => "no-answer",
                Trouble::TimedOut => "timed-out",
                Trouble::ShuttingDown => "shutting-down",
                Trouble::Internal => "internal",
            },
        }
    }

    /// Whether it is the operator's choice that speaks, and not the grammar or the hour: such a client may want to know
    /// whom to ask.
    pub fn is_policy(&self) -> bool {
        if let Refusal::Policy(denial) = self {
            return denial.no.why != Why::Trouble;
        }
        matches!(
            self,
            Refusal::HelloSyntax
                | Refusal::Condemned(_)
                | Refusal::Unroutable(_)
                | Refusal::Delegated(_)
                | Refusal::HelloRefused(_)
                | Refusal::EarlyTalker
                | Refusal::KeptOut
                | Refusal::CertificateFirst(_)
                | Refusal::TooManyErrorRecipients
                | Refusal::SenderNotUser
        )
    }

    /// How often the reply waits in the tarpit: once or more for what a guesser or a spammer meets, never for what a
    /// mistaken program meets in the middle of a message. The original lets logins where there are none wait twice.
    pub fn tarpits(&self) -> u32 {
        if *self == Refusal::LoginElsewhere { 2 } else { u32::from(self.is_tarpitted()) }
    }

    fn is_tarpitted(&self) -> bool {
        match self {
            Refusal::Syntax(fault) => !matches!(fault, SyntaxFault::ChunkSize),
            Refusal::Login(fault) => !matches!(fault, LoginFault::Cancelled | LoginFault::Trouble),
            Refusal::NotOffered(_)
            | Refusal::LoginElsewhere
            | Refusal::LoginNeedsTls
            | Refusal::SenderNotUser
            | Refusal::HelloFirst
            | Refusal::HelloSyntax
            | Refusal::HelloRefused(_)
            | Refusal::NestedMail
            | Refusal::MailFirst
            | Refusal::Unwelcome
            | Refusal::CertificateFirst(_)
            | Refusal::TooManyErrorRecipients
            | Refusal::DeliverByTooSoon
            | Refusal::DeclaredTooBig => true,
            // Nobody need be slowed down because a name server is.
            Refusal::Policy(denial) => denial.no.why != Why::Trouble,
            Refusal::Unroutable(words) | Refusal::Delegated(words) => words.refuses_for_good(),
            Refusal::Trouble(trouble) => matches!(trouble, Trouble::NoSpace | Trouble::TooManyRecipients),
            Refusal::Line(_)
            | Refusal::TooManyUnknown
            | Refusal::EndlessLine
            | Refusal::EarlyTalker
            | Refusal::KeptOut
            | Refusal::SentAhead
            | Refusal::SecuredAlready
            | Refusal::SecuredByProxy
            | Refusal::TlsFirst
            | Refusal::InTransaction(_)
            | Refusal::RecipientFirst
            | Refusal::ChunksUnfinished(_)
            | Refusal::BinaryNeedsBdat
            | Refusal::ChunkAfterRefusal
            | Refusal::TooBig
            | Refusal::Text(_)
            | Refusal::Condemned(_)
            | Refusal::LoggedInAlready(_)
            | Refusal::LoginFirst
            | Refusal::Looping => false,
        }
    }
}

/// One word for a reason of policy's.
fn why(why: Why) -> &'static str {
    match why {
        Why::Client => "client-refused",
        Why::Listed => "listed",
        Why::NoConnections => "no-connections",
        Why::Sender => "sender-refused",
        Why::SenderDomain => "sender-domain",
        Why::Spf => "spf",
        Why::Messages(RateVerdict::Forbidden) => "no-messages",
        Why::Messages(_) => "too-many-messages",
        Why::Recipients(RateVerdict::Forbidden) => "no-recipients",
        Why::Recipients(_) => "too-many-recipients-hour",
        Why::Recipient => "recipient-refused",
        Why::NotAdmitted => "not-admitted",
        Why::NotExchanger => "not-exchanger",
        Why::RecipientDomain => "recipient-domain",
        Why::Route => "route",
        Why::Trouble => "not-found-out",
    }
}
