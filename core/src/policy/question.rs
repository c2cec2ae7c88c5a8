//! What a session asks before it decides. Questions carry what is asked about, never how to answer.

use super::verdict::Verdict;
use crate::peer::Peer;
use crate::spool::DraftPath;
use crate::subserver::milter::Facts;
use crate::subserver::policy_service::Attributes;
use crate::subserver::router::Function;
use crate::wire::path::{ForwardPath, ReversePath};
use crate::wire::report::ReportWish;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

/// Joins an answer to its question. A late or repeated answer carries an old ticket and is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// A ticket of this number, for whoever asks without being a session.
    pub fn numbered(number: u64) -> Ticket {
        Ticket(number)
    }

    /// The ticket's number, for logs and recordings.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// A question from a session to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// May this client speak to us at all, and on what conditions?
    Connect,
    /// It gives itself this name. What follows from it shows when it names a sender.
    Hello {
        /// The name in HELO, EHLO or LHLO.
        name: String,
    },
    /// May this sender open a transaction, and is there room for `size` octets (0: not declared)?
    Sender {
        /// The reverse-path.
        path: ReversePath,
        /// The declared size in octets (RFC 1870), 0 when none was declared.
        size: u64,
    },
    /// May mail go to this recipient?
    Recipient {
        /// The forward-path.
        path: ForwardPath,
    },
    /// Is the machine less busy than this?
    Load {
        /// The greatest load average, in whole processes.
        most: u32,
    },
    /// The client turned out to be another one, behind a proxy: is there room for a connection from there? From here on
    /// it counts as that client's.
    Client {
        /// Who is connected in truth.
        peer: Arc<Peer>,
    },
    /// May this client begin a TLS handshake, or were there too many from there?
    Handshake {
        /// Who is connected.
        peer: Arc<Peer>,
    },
    /// What is counted, for an operator elsewhere?
    Report(Box<ReportClaim>),
    /// The message is complete: may it be kept, and is there still room?
    Content {
        /// Octets of the message.
        octets: u64,
        /// Where the content filter finds it; `None` when that is not to be asked.
        draft: Option<DraftPath>,
    },
    /// What does the policy service want done about a recipient?
    Delegated(Box<Attributes>),
    /// What does a milter say of the message?
    Milter(Box<Facts>),
    /// What does the interactive router say?
    Router {
        /// What it is to do.
        function: Function,
        /// With what.
        argument: String,
    },
}

/// Somebody who wants a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportClaim {
    /// Who is connected.
    pub peer: Arc<Peer>,
    /// Nobody else heard the password: it came within TLS, or from this machine, or the operator does not mind.
    pub is_private: bool,
    /// Who he says he is, and what he wants to know.
    pub wish: ReportWish,
}

/// The answer to a question.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// What policy concluded.
    pub verdict: Verdict,
}
