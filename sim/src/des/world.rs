//! The world: all its parts, the clock, and the loop that lets one event happen after the other. What each event does
//! is in the rooms beside: `clients`, `wires`, `serving`, `faults`.

use super::Run;
use super::disk::{Disk, Room};
use super::link::{Lane, Parcel};
use super::parts::{Connection, Customer, Host, Stage};
use super::plant::Plant;
use super::queue::Queue;
use super::spool::JobId;
use crate::clients;
use crate::dice::{Dice, Purpose};
use crate::plan::{Fault, Plan, Side, When};
use crate::played::milter::Milter;
use crate::tls;
use crate::trace::{ConnectionId, Looked, Rest, Trace, What};
use crate::zone::Zone;
use bytes::Bytes;
use smtpserver_core::auth::Finding;
use smtpserver_core::dns;
use smtpserver_core::policy::{Question, Ticket};
use smtpserver_core::record::Ending;
use smtpserver_core::server::judge::LookUp;
use smtpserver_core::subserver::{Errand, HelperId, Trade};
use smtpserver_core::{Instant, Now, SessionId, Settings, Wall};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the wall clock says when a world begins: 2026-11-23T00:00:00Z, in microseconds.
const EPOCH_MICROS: i64 = 1_795_392_000_000_000;
/// Events after which a world is taken to be endless.
const EVENTS_MAX: u64 = 4_000_000;
/// The time after the healing at which a world is taken to be endless: ten days, in microseconds.
const REST_MAX: u64 = 10 * 86_400_000_000;

/// What can be due.
#[derive(Debug)]
pub(super) enum Happening {
    /// A client wants to be woken.
    Wake(usize),
    /// A parcel reaches the server's end of a connection.
    AtServer(ConnectionId, Parcel),
    /// A parcel reaches the client's end.
    AtClient(ConnectionId, Parcel),
    /// What came together is to be read together.
    Readable(ConnectionId),
    /// The client has taken octets: the server may send more.
    Writable(ConnectionId),
    /// A deadline of a session or of its pipe.
    Due(ConnectionId),
    /// The planted tick that comes early.
    Hasten(ConnectionId),
    /// The server waits no longer for a client to close.
    Lingered(ConnectionId),
    /// A back end answers, if the server that asked still lives.
    Checked(u32, SessionId, Ticket, Box<Finding>),
    /// A late or repeated answer.
    Answer(ConnectionId, Ticket, Box<Question>),
    /// The answer to a look-up, if the server that asked still lives.
    Looked(u32, LookUp, Box<(Looked, dns::Answer)>),
    /// A helper says something, or ends, if the server that started it still lives.
    Helper(u32, Trade, HelperId, Option<Vec<u8>>),
    /// The server wants to be called for its helpers.
    FarmDue(u32),
    /// An operation of the disk is over, if the server that began it still lives.
    Disk(u32, JobId),
    /// A fault of the plan sets in.
    Fault(usize),
    /// A fault of the plan ends.
    FaultOver(usize),
    /// The server starts, if this life has not begun yet.
    Start(u32),
    /// A stopping server waits no longer.
    Drained(u32),
    /// A pause of the server's process is over.
    Thaw,
    /// All faults end.
    Heal,
}

/// The world.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) plant: Option<Plant>,
    pub(super) now: u64,
    pub(super) wall_shift: i64,
    pub(super) queue: Queue<Happening>,
    pub(super) trace: Trace,
    pub(super) customers: Vec<Customer>,
    pub(super) connections: Vec<Connection>,
    pub(super) disk: Disk,
    pub(super) disk_dice: Dice,
    pub(super) answers_dice: Dice,
    pub(super) helper_dice: Dice,
    /// Helpers that were started and not ended.
    pub(super) helpers: BTreeSet<(Trade, HelperId)>,
    /// What milters among them were told.
    pub(super) milters: BTreeMap<HelperId, Milter>,
    /// What farms want done.
    pub(super) errands: VecDeque<(Trade, Errand)>,
    /// When the server is called for its helpers.
    pub(super) farm_due: Option<u64>,
    pub(super) logins_dice: Dice,
    pub(super) names_dice: Dice,
    /// What the domain name system knows.
    pub(super) zone: Zone,
    /// Whether what policy is asked goes into the trace.
    pub(super) has_policy: bool,
    /// What is counted of sources and users, as a server that stopped has written it down.
    pub(super) saved_rates: String,
    pub(super) host: Option<Host>,
    pub(super) life: u32,
    pub(super) settings: Arc<Settings>,
    pub(super) paused_until: u64,
    /// What came for the server's process while it did not run.
    pub(super) frozen: VecDeque<Happening>,
    pub(super) slow_us: u64,
    pub(super) healed: bool,
    /// Crashes that wait for an operation of the disk: its number and the fault's.
    pub(super) crashes: Vec<(u64, usize)>,
    /// Connections whose session has something to do.
    pub(super) ready: VecDeque<ConnectionId>,
    /// What was recorded, session by session.
    pub(super) recordings: BTreeMap<ConnectionId, Bytes>,
    /// Reports so far, for the planted lost wake-up.
    pub(super) reports: u64,
}

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan, plant: Option<Plant>) -> World<'a> {
        tls::seed(plan.seed);
        let settings = Arc::new(plan.settings(None).expect("a plan was checked"));
        let errors: Vec<_> = plan
            .faults
            .iter()
            .filter_map(|fault| {
                if let Fault::DiskError { operation, kind } = fault {
                    Some((*operation, *kind))
                } else {
                    None
                }
            })
            .collect();
        let customers = plan.clients.iter().map(|client| Customer {
            id: client.id,
            machine: clients::make(&client.wishes),
            link: client.link,
            start: client.start_ms * 1000,
            connection: None,
            connections: 0,
            wakes: None,
        });
        let capacity = plan.disk.capacity_kib.saturating_mul(1024);
        let quotas = plan
            .faults
            .iter()
            .filter_map(|fault| if let Fault::FullAfter { octets } = fault { Some(*octets) } else { None });
        let quota = quotas.min().unwrap_or(u64::MAX);
        let mut world = World {
            plant,
            now: 0,
            wall_shift: 0,
            queue: Queue::new(plan.shuffle_ties.then_some(plan.seed)),
            trace: Trace::default(),
            customers: customers.collect(),
            connections: Vec::new(),
            disk: Disk::new(plan.seed, Room { capacity, quota }, plan.disk.order(), &errors),
            disk_dice: Dice::new(plan.seed, Purpose::Disk, 0),
            answers_dice: Dice::new(plan.seed, Purpose::Answers, 0),
            helper_dice: Dice::new(plan.seed, Purpose::Helpers, 0),
            helpers: BTreeSet::new(),
            milters: BTreeMap::new(),
            errands: VecDeque::new(),
            farm_due: None,
            logins_dice: Dice::new(plan.seed, Purpose::Logins, 0),
            names_dice: Dice::new(plan.seed, Purpose::Names, 0),
            zone: Zone::read(plan.zone.iter().map(String::as_str)).expect("a plan was checked"),
            has_policy: plan.has_policy(),
            saved_rates: String::new(),
            host: None,
            life: 0,
            settings,
            paused_until: 0,
            frozen: VecDeque::new(),
            slow_us: 0,
            healed: false,
            crashes: Vec::new(),
            ready: VecDeque::new(),
            recordings: BTreeMap::new(),
            reports: 0,
            plan,
        };
        world.put(0, Happening::Start(0));
        for index in 0..world.customers.len() {
            world.set_alarm(index);
        }
        world.plan_faults();
        world.put(plan.heal_ms * 1000, Happening::Heal);
        world
    }

    /// Lets everything happen that will.
    pub(super) fn go_on_to_the_end(&mut self) {
        let mut events = 0;
        let mut endless = false;
        while let Some((at, what)) = self.queue.take() {
            assert!(at >= self.now, "time goes forward");
            self.now = at;
            events += 1;
            if events > EVENTS_MAX || at > self.plan.heal_ms * 1000 + REST_MAX {
                endless = true;
                self.note(What::Fault(format!("endless: {what:?}")));
                break;
            }
            // A process that does not run notices nothing; all of it is there, in order, when it runs again.
            if what.is_for_the_server() && (at < self.paused_until || !self.frozen.is_empty()) {
                if self.frozen.is_empty() {
                    self.queue.put(self.paused_until, Happening::Thaw);
                }
                self.frozen.push_back(what);
                continue;
            }
            self.happen(what);
            self.settle();
        }
        self.look_at_farms();
        self.note(What::Scanned(self.disk.scan()));
        let rest = self.rest(endless);
        self.note(What::Ended(rest));
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Wake(customer) => self.wake(customer),
            Happening::AtServer(id, parcel) => self.at_server(id, parcel),
            Happening::AtClient(id, parcel) => self.at_client(id, parcel),
            Happening::Readable(id) => self.ready.push_back(id),
            Happening::Writable(id) => {
                self.flush(id);
                self.ready.push_back(id);
            }
            Happening::Due(id) => self.due(id),
            Happening::Hasten(id) => self.hasten(id),
            Happening::Lingered(id) => self.release(id),
            Happening::Answer(id, ticket, question) => self.answer_late(id, ticket, *question),
            Happening::Helper(life, trade, helper, says) => self.helper(life, trade, helper, says),
            Happening::FarmDue(life) => self.farm_due(life),
            Happening::Looked(life, look_up, said) => self.looked(life, look_up, said.0, said.1),
            Happening::Checked(life, session, ticket, finding) => {
                self.checked(life, session, ticket, *finding);
            }
            Happening::Disk(life, job) => self.disk_done(life, job),
            Happening::Fault(index) => self.fault(index),
            Happening::FaultOver(index) => self.fault_over(index),
            Happening::Start(life) => self.start(life),
            Happening::Drained(life) => self.drained(life),
            Happening::Thaw => self.thaw(),
            Happening::Heal => self.heal(),
        }
    }

    fn thaw(&mut self) {
        if self.now < self.paused_until {
            self.queue.put(self.paused_until, Happening::Thaw);
            return;
        }
        for what in std::mem::take(&mut self.frozen) {
            self.happen(what);
            self.settle();
        }
    }

    pub(super) fn put(&mut self, at: u64, what: Happening) {
        self.queue.put(at, what);
    }

    pub(super) fn note(&mut self, what: What) {
        self.trace.note(self.now, what);
    }

    /// Both clocks of the server's machine.
    pub(super) fn clock(&self) -> Now {
        let micros = i64::try_from(self.now).expect("worlds end before that");
        Now {
            instant: Instant::from_micros(self.now),
            wall: Wall::from_micros(EPOCH_MICROS + micros + self.wall_shift),
        }
    }

    /// The time that a file gets: seconds and nanoseconds.
    pub(super) fn mtime(&self) -> (i64, u32) {
        let wall = self.clock().wall.micros();
        let nanos = u32::try_from(wall.rem_euclid(1_000_000) * 1000).expect("below a second");
        (wall.div_euclid(1_000_000), nanos)
    }

    fn plan_faults(&mut self) {
        let plan = self.plan;
        for (index, fault) in plan.faults.iter().enumerate() {
            let at_ms = match fault {
                Fault::PowerCut { when, .. } | Fault::Kill { when, .. } => match when {
                    When::AtMs(at_ms) => *at_ms,
                    When::DiskOperation(number) => {
                        self.crashes.push((*number, index));
                        continue;
                    }
                },
                Fault::Stop { at_ms, .. }
                | Fault::Reconfigure { at_ms, .. }
                | Fault::WallJump { at_ms, .. }
                | Fault::Pause { at_ms, .. }
                | Fault::ReadOnly { at_ms, .. }
                | Fault::Full { at_ms, .. }
                | Fault::SlowDisk { at_ms, .. } => *at_ms,
                // These are built into the disk and the links.
                Fault::FullAfter { .. }
                | Fault::DiskError { .. }
                | Fault::Cut { .. }
                | Fault::Stall { .. } => continue,
            };
            if at_ms < plan.heal_ms {
                self.put(at_ms * 1000, Happening::Fault(index));
            }
        }
    }

    /// The lanes of a client's next connection, with the plan's faults in them.
    pub(super) fn lane(&self, customer: usize, direction: Side) -> Lane {
        let customer = &self.customers[customer];
        let mut cut = None;
        let mut stalls = Vec::new();
        if self.now < self.plan.heal_ms * 1000 {
            for fault in &self.plan.faults {
                if let Fault::Cut { client, connection, side, after, ending } = fault
                    && (*client, *connection) == (customer.id, customer.connections)
                    && (*side == direction || *side == Side::Both)
                {
                    cut = Some((*after, *ending));
                }
                if let Fault::Stall { client, side, at_ms, for_ms } = fault
                    && *client == customer.id
                    && (*side == direction || *side == Side::Both)
                {
                    let until = (at_ms + for_ms).min(self.plan.heal_ms);
                    stalls.push((at_ms * 1000, until * 1000));
                }
            }
        }
        Lane::new(cut, stalls)
    }

    fn rest(&self, endless: bool) -> Rest {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let open = self
            .connections
            .iter()
            .filter(|connection| matches!(connection.stage, Stage::Open | Stage::Parting));
        let (drafts, jobs) = self.host.as_ref().map_or((0, 0), |host| host.spool.burden());
        Rest {
            sessions: self.host.as_ref().map_or(0, |host| host.server.sessions()),
            connections: count(open.count()),
            drafts: count(drafts),
            unfinished: count(self.disk.unfinished()),
            jobs: count(jobs),
            endless,
        }
    }

    pub(super) fn into_run(mut self, panic: Option<String>) -> Run {
        if panic.is_none() {
            for index in 0..self.connections.len() {
                self.end_recording(ConnectionId::try_from(index).expect("it is there"), Ending::Dropped);
            }
        }
        // What was begun and not ended has no recording: an assertion broke, and law 6 says so.
        self.recordings.retain(|_, octets| !octets.is_empty());
        let beliefs = self.customers.iter().map(|customer| (customer.id, customer.machine.beliefs()));
        let done = self.customers.iter().map(|customer| (customer.id, customer.machine.is_done()));
        let files = self.disk.into_published().map(|(inode, octets)| (inode, Bytes::from(octets)));
        Run {
            beliefs: beliefs.collect(),
            done: done.collect(),
            files: files.collect(),
            recordings: self.recordings,
            panic,
            trace: self.trace,
        }
    }
}

impl Happening {
    /// Whether the server's process has to run for it.
    fn is_for_the_server(&self) -> bool {
        match self {
            Happening::AtServer(..)
            | Happening::Readable(_)
            | Happening::Writable(_)
            | Happening::Due(_)
            | Happening::Hasten(_)
            | Happening::Lingered(_)
            | Happening::Answer(..)
            | Happening::Helper(..)
            | Happening::Looked(..)
            | Happening::FarmDue(_)
            | Happening::Checked(..)
            | Happening::Disk(..)
            | Happening::Drained(_) => true,
            Happening::Wake(_)
            | Happening::AtClient(..)
            | Happening::Fault(_)
            | Happening::FaultOver(_)
            | Happening::Start(_)
            | Happening::Thaw
            | Happening::Heal => false,
        }
    }
}
