//! The words a command line may begin with.
//!
//! Which of them the server offers, and what they do, is not known here.

use core::fmt;

/// The first word of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the word itself; what it asks for is said in `Command`")]
pub enum Verb {
    Helo,
    Ehlo,
    Lhlo,
    Mail,
    Send,
    Soml,
    Saml,
    Emal,
    Esnd,
    Esom,
    Esam,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Onex,
    Quit,
    Help,
    Vrfy,
    Evfy,
    Expn,
    Turn,
    Tick,
    /// VERB; the underscore keeps the variant apart from the type.
    Verb_,
    Etrn,
    Auth,
    StartTls,
    Xclient,
    Debug,
    /// The manual's own name of DEBUG.
    ZDebug,
    /// Z-REPORT: an operator elsewhere wants to know what is counted.
    ZReport,
    /// Z-IDENT: what the client's ident service said.
    ZIdent,
}

impl Verb {
    /// The word in upper case, as the client should write it.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Helo => "HELO",
            Verb::Ehlo => "EHLO",
            Verb::Lhlo => "LHLO",
            Verb::Mail => "MAIL",
            Verb::Send => "SEND",
            Verb::Soml => "SOML",
            Verb::Saml => "SAML",
            Verb::Emal => "EMAL",
            Verb::Esnd => "ESND",
            Verb::Esom => "ESOM",
            Verb::Esam => "ESAM",
            Verb::Rcpt => "RCPT",
            Verb::Data => "DATA",
            Verb::Bdat => "BDAT",
            Verb::Rset => "RSET",
            Verb::Noop => "NOOP",
            Verb::Onex => "ONEX",
            Verb::Quit => "QUIT",
            Verb::Help => "HELP",
            Verb::Vrfy => "VRFY",
            Verb::Evfy => "EVFY",
            Verb::Expn => "EXPN",
            Verb::Turn => "TURN",
            Verb::Tick => "TICK",
            Verb::Verb_ => "VERB",
            Verb::Etrn => "ETRN",
            Verb::Auth => "AUTH",
            Verb::StartTls => "STARTTLS",
            Verb::Xclient => "XCLIENT",
            Verb::Debug => "DEBUG",
            Verb::ZDebug => "Z-DEBUG",
            Verb::ZReport => "Z-REPORT",
            Verb::ZIdent => "Z-IDENT",
        }
    }

    /// Every verb, in the order of the declaration.
    pub fn all() -> &'static [Verb] {
        use Verb::*;
        &[
            Helo, Ehlo, Lhlo, Mail, Send, Soml, Saml, Emal, Esnd, Esom, Esam, Rcpt, Data, Bdat, Rset, Noop,
            Onex, Quit, Help, Vrfy, Evfy, Expn, Turn, Tick, Verb_, Etrn, Auth, StartTls, Xclient, Debug,
            ZDebug, ZReport, ZIdent,
        ]
    }

    /// MAIL, or one of the seven other names that it has had.
    pub fn is_mail(self) -> bool {
        matches!(
            self,
            Verb::Mail
                | Verb::Send
                | Verb::Soml
                | Verb::Saml
                | Verb::Emal
                | Verb::Esnd
                | Verb::Esom
                | Verb::Esam
        )
    }

    /// Whether a client need not wait for the answer before it goes on.
    ///
    /// Spec: RFC 2920 §3.1, RFC 3030 §2.
    pub fn may_be_grouped(self) -> bool {
        self.is_mail() || matches!(self, Verb::Rcpt | Verb::Rset | Verb::Bdat)
    }

    /// The verb a word names, in any mixture of cases.
    ///
    /// Spec: RFC 2821 §2.4.
    pub fn named(word: &[u8]) -> Option<Verb> {
        Verb::all().iter().copied().find(|verb| verb.name().as_bytes().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
