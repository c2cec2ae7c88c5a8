//! Who a message is from and for. A `Recipient` holds its `Admitted`: without policy's proof there is none.

use crate::policy::Admitted;
use crate::policy::evaluate::Place;
use crate::wire::client_name::ClientName;
use crate::wire::command::Verb;
use crate::wire::params::{DeliverBy, MailParams, RcptParams};
use crate::wire::path::{ForwardPath, ReversePath};

/// How the client announced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// HELO, EHLO or LHLO.
    pub verb: Verb,
    /// The name it gave.
    pub name: ClientName,
}

impl Hello {
    /// Whether extensions may be used.
    pub fn is_extended(&self) -> bool {
        matches!(self.verb, Verb::Ehlo | Verb::Lhlo)
    }

    /// The protocol as `Received:` and the spool name it (RFC 3848): within TLS or not, after a login or not.
    pub fn protocol(&self, secured: bool, logged_in: bool) -> &'static str {
        match (self.verb, secured, logged_in) {
            (Verb::Lhlo, false, false) => "LMTP",
            (Verb::Lhlo, false, true) => "LMTPA",
            (Verb::Lhlo, true, false) => "LMTPS",
            (Verb::Lhlo, true, true) => "LMTPSA",
            // A client that said HELO speaks no extension; there is no name for it within TLS.
            _ if !self.is_extended() => "SMTP",
            (_, false, false) => "ESMTP",
            (_, false, true) => "ESMTPA",
            (_, true, false) => "ESMTPS",
            (_, true, true) => "ESMTPSA",
        }
    }
}

/// What MAIL said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The reverse-path.
    pub path: ReversePath,
    /// Its parameters.
    pub params: MailParams,
    /// The hour by which the message must be delivered, in seconds since the epoch, with its mode (RFC 2852).
    pub deliver_by: Option<(i64, DeliverBy)>,
}

/// An admitted recipient.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipient {
    path: ForwardPath,
    params: RcptParams,
    place: Place,
    _admitted: Admitted,
}

impl Recipient {
    /// A recipient; policy's proof goes in by value.
    pub fn new(path: ForwardPath, params: RcptParams, admitted: Admitted, place: Place) -> Recipient {
        Recipient { path, params, place, _admitted: admitted }
    }

    /// Where the message goes, as far as it is up to this recipient.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The forward-path.
    pub fn path(&self) -> &ForwardPath {
        &self.path
    }

    /// Its parameters.
    pub fn params(&self) -> &RcptParams {
        &self.params
    }
}
