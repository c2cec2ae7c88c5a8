//! The lane `core`: scripts against bare sessions, microseconds a script, time exact. The world around the core is
//! the kindest there is: questions are answered at once, the disk is memory and never fails.

use crate::played::{self, Played};
use crate::played_names::PlayedNames;
use crate::zone::Zone;
use crate::{script_world, users};
use smtpserver_conformance::lane::{Abilities, End, Message, Refused, Stage, Taken, Trouble};
use smtpserver_conformance::script::Helper;
use smtpserver_conformance::{Lane, script};
use smtpserver_core::auth::Inquiry;
use smtpserver_core::limits::DRAFT_MEMORY_MAX;
use smtpserver_core::server::{self, News, Staff};
use smtpserver_core::spool::{DraftPath, Order, Report, Stored};
use smtpserver_core::subserver::{Errand, HelperId};
use smtpserver_core::tls::{HandshakeFault, TlsFacts, TlsVersion};
use smtpserver_core::{Event, Input, Instant, Now, Output, Peer, Server, Session, SessionId, Settings, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What the wall clock says when a world opens: 2026-11-23T00:00:00Z.
const EPOCH_SECONDS: i64 = 1_795_392_000;

/// The lane.
#[derive(Debug, Default)]
pub struct CoreLane;

impl Lane for CoreLane {
    fn name(&self) -> &str {
        "core"
    }

    fn abilities(&self) -> Abilities {
        let mut helpers = played::playable();
        helpers.push(Helper::Resolver);
        Abilities { tls: true, helpers, ..script_world::abilities() }
    }

    fn open(&mut self, world: &script::World) -> Result<Box<dyn Stage + '_>, Refused> {
        Ok(Box::new(World::new(Arc::new(script_world::settings(world)?), script_world::zone(world)?)))
    }
}

/// One client's end, and the session at the other.
struct Connection {
    id: Option<SessionId>,
    session: Option<Session>,
    /// Octets that the client sent and the session did not want yet.
    sent: VecDeque<u8>,
    /// The server waits for a handshake.
    securing: bool,
    client_ended: bool,
    told_of_end: bool,
    /// What the server did and the client did not take yet.
    done: VecDeque<Taken>,
    draft: Vec<u8>,
    unreported: usize,
}

struct World {
    settings: Arc<Settings>,
    zone: Zone,
    server: Server,
    instant: Instant,
    connections: Vec<Connection>,
    by_session: BTreeMap<SessionId, usize>,
    drafts: BTreeMap<u64, Vec<u8>>,
    inode: u64,
    stored: Vec<Vec<u8>>,
    helpers: Played,
    names: PlayedNames<(server::judge::LookUp, Instant)>,
    events: Vec<String>,
}

impl World {
    fn new(settings: Arc<Settings>, zone: Zone) -> World {
        World {
            server: Server::new(Arc::clone(&settings)),
            settings,
            zone,
            instant: Instant::from_micros(1_000_000),
            connections: Vec::new(),
            by_session: BTreeMap::new(),
            drafts: BTreeMap::new(),
            inode: 0,
            stored: Vec::new(),
            helpers: Played::default(),
            names: PlayedNames::default(),
            events: Vec::new(),
        }
    }

    fn at(&self) -> Now {
        let micros = i64::try_from(self.instant.micros()).expect("a script ends before that");
        Now { instant: self.instant, wall: Wall::from_micros(EPOCH_SECONDS * 1_000_000 + micros) }
    }

    fn handle(&mut self, index: usize, input: Input<'_>) {
        let now = self.at();
        if let Some(session) = &mut self.connections[index].session {
            session.handle(now, input);
            self.drain(index);
        }
    }

    /// Brings what the client sent, as far as the session wants it.
    fn deliver(&mut self, index: usize) {
        loop {
            let connection = &mut self.connections[index];
            let Some(session) = &connection.session else { return };
            let take = session.wants_bytes().min(connection.sent.len());
            if take > 0 {
                let octets: Vec<u8> = connection.sent.drain(..take).collect();
                self.handle(index, Input::Bytes(&octets));
            } else if connection.sent.is_empty() && connection.client_ended && !connection.told_of_end {
                connection.told_of_end = true;
                self.handle(index, Input::PeerClosed);
            } else {
                return;
            }
        }
    }

    fn drain(&mut self, index: usize) {
        self.obey_all(index);
        // The client takes every reply at once, so the session may go on.
        while self.connections[index].session.as_ref().is_some_and(Session::awaits_sent) {
            self.handle(index, Input::Sent);
        }
    }

    fn obey_all(&mut self, index: usize) {
        while let Some(output) = self.connections[index].session.as_mut().and_then(Session::poll) {
            match output {
                Output::Write(octets) => self.connections[index].done.push_back(Taken::Wrote(octets)),
                Output::Ask(ticket, question) => {
                    let id = self.connections[index].id.expect("a session has an id");
                    self.tell_server(server::Input::Asked(id, ticket, question));
                }
                Output::Inquire(ticket, terms @ Inquiry::Terms) => {
                    self.handle(index, Input::Advised(ticket, users::advice(&terms)));
                }
                Output::Inquire(ticket, Inquiry::Check { source, check }) => {
                    let id = self.connections[index].id.expect("a session has an id");
                    self.tell_server(server::Input::Inquired(id, ticket, source, check));
                }
                Output::Inquire(ticket, Inquiry::Certified { source, user }) => {
                    let id = self.connections[index].id.expect("a session has an id");
                    self.tell_server(server::Input::Certified(id, ticket, source, user));
                }
                Output::Attempt(attempt) => {
                    let id = self.connections[index].id.expect("a session has an id");
                    self.tell_server(server::Input::Attempted(id, attempt));
                }
                Output::Order(order) => self.obey(index, order),
                Output::Secure(_) => self.connections[index].securing = true,
                Output::Event(event) => self.note(&event),
                Output::Close(_) => {
                    let connection = &mut self.connections[index];
                    connection.session = None;
                    connection.done.push_back(Taken::Closed);
                    let id = connection.id.expect("a session has an id");
                    self.by_session.remove(&id);
                    self.tell_server(server::Input::Disconnected(id));
                }
            }
        }
    }

    /// Octets of a draft that was shown.
    fn piece(&self, helper: HelperId, draft: DraftPath, from: u64, most: usize) -> server::News {
        let index = draft.as_str().trim_start_matches("public/").parse().ok();
        let connection = index.and_then(|index: usize| self.connections.get(index));
        let octets = connection.map(|connection| {
            let from = usize::try_from(from).expect("a draft is in memory").min(connection.draft.len());
            connection.draft[from..].iter().copied().take(most).collect()
        });
        server::News::Piece(helper, octets)
    }

    fn note(&mut self, event: &Event) {
        self.events.push(format!("{} {event}", event.name()).trim_end().to_owned());
    }

    fn obey(&mut self, index: usize, order: Order) {
        let connection = &mut self.connections[index];
        match order {
            Order::Begin | Order::Abandon | Order::Leave(_) => {
                connection.draft.clear();
                connection.unreported = 0;
            }
            Order::Append(octets) => {
                connection.draft.extend_from_slice(&octets);
                connection.unreported += octets.len();
                if connection.unreported > DRAFT_MEMORY_MAX {
                    let room = std::mem::take(&mut connection.unreported);
                    self.handle(index, Input::Reported(Report::Room(room)));
                }
            }
            Order::Show => {
                let path = DraftPath::new(&format!("public/{index}")).expect("it is short");
                self.handle(index, Input::Reported(Report::Shown(path)));
            }
            Order::Revise(revision) => {
                connection.draft = played::revised(&connection.draft, &revision);
            }
            Order::Commit(_) => {
                let id = connection.id.expect("a session has an id");
                self.tell_server(server::Input::CommitOrdered(id));
            }
        }
    }

    fn tell_server(&mut self, input: server::Input) {
        let now = self.at();
        self.server.handle(now, input);
        while let Some(output) = self.server.poll() {
            match output {
                server::Output::Welcome(_) | server::Output::TurnAway(..) | server::Output::Drop(_) => {
                    unreachable!("only a connection is welcomed or not")
                }
                server::Output::Answer(id, ticket, answer) => {
                    if let Some(&index) = self.by_session.get(&id) {
                        self.handle(index, Input::Answered(ticket, answer));
                    }
                }
                server::Output::HelperNote(..) | server::Output::Reasoned(..) => {}
                server::Output::Helper(trade, errand) => {
                    let news = match errand {
                        Errand::Read(helper, draft, from, most) => {
                            Some(self.piece(helper, draft, from, most))
                        }
                        errand @ (Errand::Start(_)
                        | Errand::Connect(..)
                        | Errand::Say(..)
                        | Errand::LetGo(_)
                        | Errand::End(_)) => self.helpers.run(trade, errand),
                    };
                    if let Some(news) = news {
                        self.tell_server(server::Input::Helper(trade, news));
                    }
                }
                server::Output::Advise(id, ticket, advice) => {
                    if let Some(&index) = self.by_session.get(&id) {
                        self.handle(index, Input::Advised(ticket, advice));
                    }
                }
                server::Output::Check(id, ticket, check) => {
                    self.tell_server(server::Input::Checked(id, ticket, users::find(&check)));
                }
                server::Output::Sync(id) => {
                    let index = self.by_session[&id];
                    self.inode += 1;
                    let stored = Stored { inode: self.inode, mtime_seconds: EPOCH_SECONDS, mtime_nanos: 1 };
                    let draft = std::mem::take(&mut self.connections[index].draft);
                    self.connections[index].unreported = 0;
                    self.drafts.insert(self.inode, draft);
                    self.tell_server(server::Input::Synced(id, Ok(stored)));
                }
                server::Output::Publish(publication, batch) => {
                    for (_, stored) in &batch {
                        let draft = self.drafts.remove(&stored.inode).expect("it was synced");
                        self.stored.push(draft);
                    }
                    let results = batch.into_iter().map(|(id, stored)| (id, Ok(stored))).collect();
                    self.tell_server(server::Input::Published(publication, results));
                }
                server::Output::Report(id, report) => {
                    if let Some(&index) = self.by_session.get(&id) {
                        self.handle(index, Input::Reported(report));
                    }
                }
                server::Output::Look { look_up, question, until } => {
                    if self.zone.is_played(&question.name) {
                        self.names.ask((look_up, until), question);
                    } else {
                        let answer = self.zone.answer(&question);
                        self.tell_server(server::Input::Looked(look_up, answer));
                    }
                }
                server::Output::MeasureSpace => self.tell_server(server::Input::SpaceMeasured(None)),
            }
        }
    }

    /// Helpers that the settings ask for can be started.
    fn open_farms(&mut self) {
        for trade in played::wanted(&self.settings) {
            self.tell_server(server::Input::Helper(trade, News::Open(Staff::Processes)));
        }
    }

    fn deliver_all(&mut self) {
        for index in 0..self.connections.len() {
            self.deliver(index);
        }
    }

    /// The next moment at which a session wants to be called, and which.
    fn next_deadline(&self) -> Option<(Instant, usize)> {
        self.connections
            .iter()
            .enumerate()
            .filter_map(|(index, connection)| Some((connection.session.as_ref()?.deadline()?, index)))
            .min()
    }

    /// Lets time pass up to `until`, or until `wanted` says that there is something to take.
    fn pass(&mut self, until: Instant, wanted: impl Fn(&World) -> bool) {
        while !wanted(self) {
            if let Some(deadline) = self.names.deadline()
                && deadline <= until
                && self.next_deadline().is_none_or(|(own, _)| deadline <= own)
            {
                self.instant = self.instant.max(deadline);
                while let Some((look_up, answer)) = self.names.late(self.instant) {
                    self.tell_server(server::Input::Looked(look_up, answer));
                }
                self.deliver_all();
                continue;
            }
            if let Some(deadline) = self.server.deadline()
                && deadline <= until
                && self.next_deadline().is_none_or(|(own, _)| deadline <= own)
            {
                self.instant = self.instant.max(deadline);
                self.tell_server(server::Input::Tick);
                self.deliver_all();
                continue;
            }
            match self.next_deadline() {
                Some((deadline, index)) if deadline <= until => {
                    self.instant = self.instant.max(deadline);
                    self.handle(index, Input::Tick);
                    self.deliver(index);
                }
                _ => {
                    self.instant = until;
                    return;
                }
            }
        }
    }
}

impl Stage for World {
    fn connect(&mut self) -> Result<usize, Trouble> {
        if self.connections.is_empty() {
            self.open_farms();
        }
        let index = self.connections.len();
        let port = 40_000 + u16::try_from(index).map_err(|_| Trouble("too many connections".into()))?;
        let client = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), port);
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 25);
        let peer = Arc::new(Peer::new(client, local));
        self.connections.push(Connection {
            id: None,
            session: None,
            sent: VecDeque::new(),
            securing: false,
            client_ended: false,
            told_of_end: false,
            done: VecDeque::new(),
            draft: Vec::new(),
            unreported: 0,
        });
        let now = self.at();
        self.server.handle(now, server::Input::Connected(Arc::clone(&peer)));
        match self.server.poll() {
            Some(server::Output::Welcome(id)) => {
                let connection = &mut self.connections[index];
                connection.id = Some(id);
                connection.session = Some(Session::new(Arc::clone(&self.settings), id, peer));
                self.by_session.insert(id, index);
                self.handle(index, Input::Opened);
            }
            Some(server::Output::TurnAway(_, octets, _)) => {
                self.connections[index].done.extend([Taken::Wrote(octets), Taken::Closed]);
            }
            Some(server::Output::Drop(_)) => self.connections[index].done.push_back(Taken::Closed),
            other => return Err(Trouble(format!("a connection was answered by {other:?}"))),
        }
        Ok(index)
    }

    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble> {
        if std::mem::take(&mut self.connections[connection].securing) {
            // Whatever a script can say is no handshake.
            self.handle(connection, Input::Unsecured(HandshakeFault::Garbled));
        } else if self.connections[connection].session.is_some() {
            self.connections[connection].sent.extend(segment);
            self.deliver(connection);
        }
        Ok(())
    }

    fn take(&mut self, connection: usize, at_most: std::time::Duration) -> Result<Taken, Trouble> {
        self.pass(self.instant + at_most, |world| !world.connections[connection].done.is_empty());
        let done = &mut self.connections[connection].done;
        Ok(match done.front() {
            // Closed stays closed.
            Some(Taken::Closed) => Taken::Closed,
            Some(_) => done.pop_front().expect("it was there"),
            None => Taken::Nothing,
        })
    }

    fn now(&self) -> std::time::Duration {
        self.instant.since(Instant::from_micros(1_000_000))
    }

    fn rest(&mut self, time: std::time::Duration) -> Result<(), Trouble> {
        self.pass(self.instant + time, |_| false);
        Ok(())
    }

    fn end(&mut self, connection: usize, how: End) -> Result<(), Trouble> {
        let end = &mut self.connections[connection];
        end.client_ended = true;
        if how == End::Reset {
            end.sent.clear();
        }
        self.deliver(connection);
        Ok(())
    }

    fn start_tls(&mut self, connection: usize) -> Result<(), Trouble> {
        if !std::mem::take(&mut self.connections[connection].securing) {
            return Err(Trouble(format!("connection {connection}: the server waits for no handshake")));
        }
        let facts = TlsFacts {
            version: TlsVersion::V1_3,
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            bits: 256,
            server_name: None,
            resumed: false,
            binding: None,
            certificate: None,
        };
        self.handle(connection, Input::Secured(Arc::new(facts)));
        Ok(())
    }

    fn spool(&mut self) -> Result<Option<Vec<Message>>, Trouble> {
        self.stored.iter().map(|raw| Message::parse(raw)).collect::<Result<Vec<_>, _>>().map(Some)
    }

    fn asked(&mut self, helper: Helper, at_most: std::time::Duration) -> Result<Vec<u8>, Trouble> {
        if helper == Helper::Resolver {
            self.pass(self.instant + at_most, |world| world.names.was_asked());
            let asked = self.names.asked();
            return asked
                .map(String::into_bytes)
                .ok_or_else(|| Trouble(format!("not asked within {at_most:?}")));
        }
        let trade = played::trade(helper)?;
        self.pass(self.instant + at_most, |world| world.helpers.was_asked(trade));
        let asked = self.helpers.asked(trade);
        asked.ok_or_else(|| Trouble(format!("no {helper} was asked within {at_most:?}")))
    }

    fn answer(&mut self, helper: Helper, line: Option<&str>) -> Result<(), Trouble> {
        if helper == Helper::Resolver {
            let answer = self.names.answer(line).ok_or_else(|| Trouble("nothing was asked".into()))?;
            let ((look_up, _), answer) = answer.map_err(Trouble)?;
            self.tell_server(server::Input::Looked(look_up, answer));
            self.deliver_all();
            return Ok(());
        }
        let trade = played::trade(helper)?;
        let news = self.helpers.answer(trade, line);
        let news = news.ok_or_else(|| Trouble(format!("no {helper} is at work")))?;
        self.tell_server(server::Input::Helper(trade, news));
        self.deliver_all();
        Ok(())
    }

    fn events(&mut self) -> Result<Option<Vec<String>>, Trouble> {
        Ok(Some(self.events.clone()))
    }
}
