//! A plan: everything that will happen in a world, as data. A seed makes a plan, the plan is the test: it can be read,
//! changed, shrunk and kept, and it still means the same when the generator has changed. A bare seed rots.

mod generate;
mod policy;
mod shrink;
mod text;

pub use generate::{crowd, from_octets, generate};
pub use shrink::shrink;
pub use text::{PlanFault, load, parse, save, text};

use crate::clients::Wishes;
use crate::des::disk::{Failing, Order};
use serde::{Deserialize, Serialize};
use smtpserver_core::Settings;
use smtpserver_core::config::param;
use smtpserver_core::policy::{Role, SourceFile, compile};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Our own name in every world.
pub const HOST: &str = "mx.local.example";
/// The domain whose mailboxes are admitted in every world.
pub const LOCAL_DOMAIN: &str = "local.example";

/// Our own address in every world.
pub const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 250));

/// A world to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where the chance comes from that the plan does not spell out: latencies, cuts, what survives a power cut.
    pub seed: u64,
    /// When all faults end, in milliseconds.
    pub heal_ms: u64,
    /// Events of the same moment are shuffled.
    pub shuffle_ties: bool,
    /// Every connection begins with a TLS handshake.
    #[serde(default)]
    pub sealed: bool,
    /// Parameters of the server, as in its configuration file.
    pub settings: Vec<String>,
    /// The policy, in its own language; where it is empty our domain makes one.
    #[serde(default)]
    pub policy: Vec<String>,
    /// What the domain name system knows: a line a record.
    #[serde(default)]
    pub zone: Vec<String>,
    /// What becomes of look-ups.
    #[serde(default)]
    pub names: NamesPlan,
    /// Files that are synced at the same moment.
    pub parallel_syncs: u32,
    /// The disk.
    pub disk: DiskPlan,
    /// What becomes of questions.
    pub answers: AnswersPlan,
    /// What helpers do, where the settings ask for some.
    #[serde(default)]
    pub helpers: HelpersPlan,
    /// Who comes.
    pub clients: Vec<PlannedClient>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// The disk of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPlan {
    /// Room, in kibibytes, before it is healed.
    pub capacity_kib: u64,
    /// Names become durable in order; otherwise each on its own.
    pub journal: bool,
    /// And what was written out, too: the spool relies on it, and names files before they are synced.
    #[serde(default)]
    pub ordered: bool,
    /// Threads of the spool.
    pub threads: u32,
    /// Longest time of an operation, in microseconds.
    pub operation_us: u64,
    /// Longest time of a sync, in microseconds.
    pub sync_us: u64,
}

impl DiskPlan {
    /// In which order changes become durable.
    pub fn order(&self) -> Order {
        match (self.ordered, self.journal) {
            (true, _) => Order::All,
            (false, true) => Order::Names,
            (false, false) => Order::None,
        }
    }
}

/// What becomes of questions, each in so many of 1,000 cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersPlan {
    /// The answer comes late.
    pub late: u32,
    /// By how much, at most, in milliseconds.
    pub late_ms: u64,
    /// The answer comes twice.
    pub twice: u32,
    /// There is no answer.
    pub never: u32,
}

/// What becomes of look-ups, each in so many of 1,000 cases, before all is healed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamesPlan {
    /// The longest time of a look-up, in microseconds; also after the healing.
    pub takes_us: u64,
    /// There is no answer.
    pub silent: u32,
    /// The answer is that the server of names has failed.
    pub fails: u32,
    /// The answer is no answer to what was asked.
    pub garbage: u32,
    /// There are two answers, and the second one is wrong.
    pub twice: u32,
    /// The answer is late.
    pub late: u32,
    /// By how much, in milliseconds.
    pub late_ms: u64,
}

/// What helpers do, each in so many of 1,000 cases, before all is healed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelpersPlan {
    /// The longest time of a job, in microseconds; also after the healing.
    pub work_us: u64,
    /// The content filter sends a message to the freezer; also after the healing.
    pub freezes: u32,
    /// Nothing is said.
    pub silent: u32,
    /// It ends.
    pub dies: u32,
    /// It says half a line and ends.
    pub cut: u32,
    /// It answers twice.
    pub twice: u32,
    /// What it says is no answer.
    pub nonsense: u32,
    /// It is late.
    pub late: u32,
    /// By how much, in milliseconds.
    pub late_ms: u64,
}

/// A client of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedClient {
    /// Its number; faults speak of it by this.
    pub id: u32,
    /// When it begins, in milliseconds. One that begins after the healing is held to have all its mail taken.
    pub start_ms: u64,
    /// Its way to the server.
    pub link: LinkPlan,
    /// What it is.
    pub wishes: Wishes,
}

/// The way between a client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkPlan {
    /// Shortest time that a segment takes, in microseconds.
    pub least_us: u64,
    /// Longest time that a segment takes, in microseconds. Segments stay in order.
    pub most_us: u64,
    /// How segments are cut on the way.
    pub cut: Cutting,
    /// Octets that the client's end keeps while the client does not read.
    pub window: u32,
}

/// How segments are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cutting {
    /// Not at all.
    Whole,
    /// Here and there.
    Pieces,
    /// At every octet (long segments: every few).
    Octets,
    /// Not at all; and what comes close together is read together.
    Joined,
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At this time, in milliseconds.
    AtMs(u64),
    /// When the disk has done so many operations.
    DiskOperation(u64),
}

/// Directions of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    /// Both.
    Both,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Both ends see a reset.
    Reset,
    /// Both ends see the end of the stream.
    End,
    /// Nobody sees anything: what is sent vanishes.
    Silence,
    /// Nobody sees anything: what is sent in the direction that was counted vanishes, the other goes on.
    OneWay,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The power fails; the server is back after a while.
    PowerCut {
        /// When.
        when: When,
        /// How long it is down, in milliseconds.
        down_ms: u64,
    },
    /// The server's process dies; what it wrote is in the system's hands.
    Kill {
        /// When.
        when: When,
        /// How long it is down, in milliseconds.
        down_ms: u64,
    },
    /// The server is told to stop; it is back after a while.
    Stop {
        /// When, in milliseconds.
        at_ms: u64,
        /// How long it is down after it has ended, in milliseconds.
        down_ms: u64,
    },
    /// Other settings for new sessions.
    Reconfigure {
        /// When, in milliseconds.
        at_ms: u64,
        /// Parameters, as in the configuration file.
        settings: Vec<String>,
        /// Another policy, if there is to be another.
        #[serde(default)]
        policy: Vec<String>,
    },
    /// The wall clock jumps.
    WallJump {
        /// When, in milliseconds.
        at_ms: u64,
        /// How far, in seconds; back when negative.
        seconds: i64,
    },
    /// The server's process does not run for a while.
    Pause {
        /// When, in milliseconds.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// The disk is read-only for a while.
    ReadOnly {
        /// When, in milliseconds.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// The disk is full for a while, by somebody else's doing.
    Full {
        /// When, in milliseconds.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// The files may hold so many octets and not one more, and nobody can see that before: a quota.
    FullAfter {
        /// How many.
        octets: u64,
    },
    /// Every operation of the disk takes longer.
    SlowDisk {
        /// When, in milliseconds.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
        /// By how much, in milliseconds.
        by_ms: u64,
    },
    /// An operation fails with an input/output error.
    DiskError {
        /// The first operation of its kind that is this one or later, counted from 0.
        operation: u64,
        /// Which kind.
        kind: Failing,
    },
    /// A connection is cut.
    Cut {
        /// Whose.
        client: u32,
        /// Which of its connections, counted from 0.
        connection: u32,
        /// Where octets are counted.
        side: Side,
        /// After so many octets.
        after: u64,
        /// How.
        ending: Ending,
    },
    /// Nothing arrives for a while; it comes afterwards.
    Stall {
        /// Whose link.
        client: u32,
        /// Which direction.
        side: Side,
        /// When, in milliseconds.
        at_ms: u64,
        /// How long, in milliseconds.
        for_ms: u64,
    },
}

impl Plan {
    /// Whether the server has, at any time, a parameter that begins so.
    pub fn has_setting(&self, start: &str) -> bool {
        let later = self.faults.iter().filter_map(|fault| {
            if let Fault::Reconfigure { settings, .. } = fault { Some(settings) } else { None }
        });
        std::iter::once(&self.settings).chain(later).flatten().any(|line| line.starts_with(start))
    }

    /// The policy, once the fault of this number has changed it; at first when there is none.
    pub fn policy(&self, change: Option<usize>) -> &[String] {
        match change.map(|index| &self.faults[index]) {
            Some(Fault::Reconfigure { policy, .. }) if !policy.is_empty() => policy,
            _ => &self.policy,
        }
    }

    /// The server's settings, once the fault of this number has changed them; at first when there is none.
    ///
    /// # Errors
    /// A line that the server does not take.
    pub fn settings(&self, change: Option<usize>) -> Result<Settings, String> {
        let none = Vec::new();
        let more = match change.map(|index| &self.faults[index]) {
            Some(Fault::Reconfigure { settings, .. }) => settings,
            _ => &none,
        };
        let mut settings = Settings::new(HOST);
        let local = format!("localnames {LOCAL_DOMAIN}");
        for line in std::iter::once(&local).chain(&self.settings).chain(more) {
            param::apply(&mut settings, line).map_err(|fault| format!("{line}: {fault}"))?;
        }
        settings.limits.parallel_syncs_max = self.parallel_syncs;
        settings.tls.offered |= self.sealed;
        settings.tls.first = self.sealed;
        let policy = self.policy(change);
        if !policy.is_empty() {
            let text = policy.join("\n") + "\n";
            let source = SourceFile { role: Role::Source, name: "policy", text: text.as_bytes() };
            let compiled = compile(&[source]).map_err(|faults| format!("policy: {faults:?}"))?;
            settings.rules = Some(Arc::new(compiled.rules));
            settings.own_addresses = Arc::new(BTreeSet::from([OWN]));
        }
        Ok(settings)
    }

    /// All changes of the settings, and that there is none yet.
    pub fn changes(&self) -> impl Iterator<Item = Option<usize>> {
        let changes =
            self.faults.iter().enumerate().filter_map(|(index, fault)| {
                matches!(fault, Fault::Reconfigure { .. }).then_some(Some(index))
            });
        std::iter::once(None).chain(changes)
    }

    /// Whether a policy was drawn.
    pub fn has_policy(&self) -> bool {
        self.changes().any(|change| !self.policy(change).is_empty())
    }
}
