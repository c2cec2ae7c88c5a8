//! The parts of a world: clients, connections with both their ends, and the server's process. Data only; what happens
//! to them is in the rooms beside.

use super::chunk_eater::ChunkEater;
use super::link::{Lane, Parcel};
use super::spool::{DraftId, Spool};
use crate::clients::Client;
use crate::dice::Dice;
use crate::plan::LinkPlan;
use crate::tls::Seal;
use crate::trace::ConnectionId;
use bytes::Bytes;
use smtpserver_core::auth::Advice;
use smtpserver_core::policy::{Answer, Ticket};
use smtpserver_core::record::Recorder;
use smtpserver_core::spool::Report;
use smtpserver_core::{Server, Session, SessionId};
use std::collections::{BTreeMap, VecDeque};

/// A client and where it stands.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) id: u32,
    pub(super) machine: Box<dyn Client>,
    pub(super) link: LinkPlan,
    pub(super) start: u64,
    /// Its present connection.
    pub(super) connection: Option<ConnectionId>,
    /// How many it has had.
    pub(super) connections: u32,
    /// The hour for which it is in the queue.
    pub(super) wakes: Option<u64>,
}

/// How far a connection has come at the server's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not there yet.
    Coming,
    /// A session.
    Open,
    /// The last words are said.
    Parting,
    /// Nothing is left of it.
    Over,
}

/// Something for a session from elsewhere than its client.
#[derive(Debug)]
pub(super) enum Letter {
    Answered(Ticket, Answer),
    Advised(Ticket, Advice),
    Reported(DraftId, Report),
    ShuttingDown,
}

/// A connection, both ends.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) customer: usize,
    pub(super) source: std::net::IpAddr,
    pub(super) up: Lane,
    pub(super) down: Lane,
    pub(super) dice: Dice,
    // The client's end.
    pub(super) client_writes: bool,
    pub(super) client_reads: bool,
    pub(super) client_gone: bool,
    /// Its TLS, where there is some.
    pub(super) client_seal: Option<Seal>,
    pub(super) held: VecDeque<Parcel>,
    /// Octets that the server sent and the client has not taken.
    pub(super) in_flight: usize,
    // The server's end.
    pub(super) stage: Stage,
    pub(super) id: Option<SessionId>,
    pub(super) session: Option<Box<Session>>,
    /// Records the session, if it is one of those that are.
    pub(super) tape: Option<Box<Recorder>>,
    pub(super) arrived: VecDeque<Bytes>,
    pub(super) ended: bool,
    pub(super) broken: bool,
    pub(super) told_gone: bool,
    /// The server's TLS, once the session has asked for it.
    pub(super) seal: Option<Seal>,
    pub(super) unsent: VecDeque<u8>,
    pub(super) waiting_since: Option<u64>,
    pub(super) due: Option<u64>,
    pub(super) letters: VecDeque<Letter>,
    /// What it asked last, until it is told.
    pub(super) asked: Option<Ticket>,
    /// The draft that is being written; none once its commit is ordered.
    pub(super) draft: Option<DraftId>,
    /// The draft of which reports are welcome.
    pub(super) current: Option<DraftId>,
    /// The last draft whose commit was ordered, with its octets and their fingerprint.
    pub(super) committed: Option<(DraftId, u64, u64)>,
    /// For the planted defect that takes a refused chunk for commands.
    pub(super) chunk_eater: Option<ChunkEater>,
}

/// A commit that the server knows of and has not reported.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) draft: DraftId,
    pub(super) cancelled: bool,
}

/// The server's process: what is lost when it dies.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) server: Server,
    pub(super) spool: Spool,
    pub(super) by_session: BTreeMap<SessionId, ConnectionId>,
    pub(super) commits: BTreeMap<SessionId, Commit>,
    pub(super) open: u32,
    pub(super) stopping: bool,
    /// How long it is down after a stop, in microseconds.
    pub(super) down_us: u64,
}
