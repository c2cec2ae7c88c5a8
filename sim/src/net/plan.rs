//! What is tried in one world. A seed makes a plan, and the plan alone decides what happens: settings and rates are
//! drawn first, so that some worlds have none of a fault and others much of it.

use super::disk::{Faults, Plants};
use super::fabric::Shape;
use super::spool::Pace;
use crate::clients::{Kind, Wishes};
use crate::dice::{Dice, Purpose};
use smtpserver_core::Settings;
use smtpserver_core::config::param;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) shape: Shape,
    /// Octets that the server may send and a client leave untaken.
    pub(super) window: usize,
    pub(super) settings: Settings,
    pub(super) clients: Vec<Wishes>,
    /// What goes wrong, in order of time.
    pub(super) acts: Vec<(Duration, Act)>,
    /// From here on nothing goes wrong any more.
    pub(super) healed: Duration,
    pub(super) plants: Plants,
}

/// One thing that the world does to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The server is gone in the middle of everything, and the disk has lost some of what was pending. When it is
    /// `silent`, the clients are not told.
    CutPower { silent: bool },
    /// It is back.
    RestorePower,
    /// It is told to stop, and started again when it has.
    Stop,
    /// The disk begins to fail, or ceases to.
    Disk(Faults),
    /// The disk becomes slow, or fast.
    Pace(Pace),
    /// What travels waits.
    Hold,
    /// What waited arrives.
    Release,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, Purpose::World, 0);
        let tick = Duration::from_millis(*dice.pick(&[5, 10, 10, 20]));
        let latency_min = dice.millis(0, 20);
        let spread = *dice.pick(&[0, 10, 200]);
        let latency_max = latency_min + dice.millis(0, spread);
        let window = *dice.pick(&[1024, 8192, 65_536]);
        let settings = settings(&mut dice);
        let healed = dice.millis(5_000, 40_000);
        // A tenth of the worlds: all that is said is said within TLS.
        let sealed = dice.once_in(10);
        let mut settings = settings;
        settings.tls.offered = sealed;
        settings.tls.first = sealed;
        Plan {
            seed,
            shape: Shape { seed, tick, latency_min, latency_max },
            window,
            settings,
            clients: clients(&mut Dice::new(seed, Purpose::Clients, 0)),
            acts: acts(&mut Dice::new(seed, Purpose::Faults, 0), healed),
            healed,
            plants: Plants::default(),
        }
    }

    /// The same plan on a disk that forgets to sync files.
    #[must_use]
    pub fn without_file_syncs(mut self) -> Plan {
        self.plants.no_file_sync = true;
        self
    }

    /// The same plan on a disk that forgets to write files out before they get their names.
    #[must_use]
    pub fn without_pushes(mut self) -> Plan {
        self.plants.no_push = true;
        self
    }

    /// The same plan on a disk that forgets to sync the router's directory.
    #[must_use]
    pub fn without_directory_syncs(mut self) -> Plan {
        self.plants.no_directory_sync = true;
        self
    }
}

fn settings(dice: &mut Dice) -> Settings {
    let mut settings = Settings::new("mx.local.example");
    let mut lines = vec!["localnames local.example"];
    for (line, once_in) in [("NoCHUNKING", 5), ("NoPIPELINING", 5), ("NoDSN", 5), ("tarpit 1 0.5 10", 3)] {
        if dice.once_in(once_in) {
            lines.push(line);
        }
    }
    for line in lines {
        param::apply(&mut settings, line).expect("these are right");
    }
    settings.timeouts.command = dice.millis(20_000, 300_000);
    settings.timeouts.data_block = dice.millis(10_000, 180_000);
    settings.timeouts.store = dice.millis(2_000, 60_000);
    settings.timeouts.session = dice.millis(60_000, 600_000);
    settings.timeouts.drain = dice.millis(500, 20_000);
    settings.limits.parallel_syncs_max = *dice.pick(&[1, 2, 64]);
    settings.limits.same_source_max = *dice.pick(&[2, 10, 100]);
    settings.limits.connections_max = *dice.pick(&[4, 800, 800]);
    if dice.once_in(4) {
        settings.limits.message_octets_max = dice.between(1_000, 100_000);
    }
    settings
}

fn clients(dice: &mut Dice) -> Vec<Wishes> {
    let most = *dice.pick(&[5, 12, 30]);
    let count = dice.between(2, most);
    let body_octets_max = *dice.pick(&[200, 4_000, 40_000, 200_000]);
    let messages_max = if body_octets_max > 40_000 { 2 } else { 5 };
    let pause_max = dice.millis(0, 2_000);
    let sources = dice.between(1, 8);
    // Which sorts of client this world has. There is always one that only wants to send its mail.
    let mut kinds = vec![Kind::Honest];
    let most = dice.between(0, 6);
    kinds.extend((0..most).map(|_| *dice.pick(&Kind::ALL)));
    (0..count)
        .map(|_| {
            let last = u8::try_from(dice.between(1, sources)).expect("few sources");
            Wishes {
                kind: *dice.pick(&kinds),
                messages: u32::try_from(dice.between(1, messages_max)).expect("few messages"),
                body_octets_max,
                pause_max,
                source: IpAddr::V4(Ipv4Addr::new(198, 51, 100, last)),
                seed: dice.any(),
            }
        })
        .collect()
}

fn acts(dice: &mut Dice, healed: Duration) -> Vec<(Duration, Act)> {
    let mut acts = vec![(Duration::ZERO, Act::Pace(pace(dice)))];
    let end = u64::try_from(healed.as_millis()).expect("a short world");
    let faults = dice.between(0, 6);
    // Which sorts of fault this world has.
    let sorts: Vec<u64> = (0..5).filter(|_| dice.once_in(2)).collect();
    for _ in 0..if sorts.is_empty() { 0 } else { faults } {
        let at = dice.millis(100, end);
        let after = at + dice.millis(10, 5_000);
        let (what, healing) = match *dice.pick(&sorts) {
            0 => (Act::CutPower { silent: dice.once_in(3) }, Some(Act::RestorePower)),
            1 => (Act::Stop, None),
            2 => (Act::Disk(faults_of(dice)), Some(Act::Disk(Faults::default()))),
            3 => (Act::Pace(pace(dice)), None),
            _ => (Act::Hold, Some(Act::Release)),
        };
        acts.push((at, what));
        acts.extend(healing.map(|healing| (after, healing)));
    }
    acts.sort_by_key(|(at, _)| *at);
    acts.retain(|(at, _)| *at < healed);
    acts
}

fn pace(dice: &mut Dice) -> Pace {
    let least_ms = dice.between(0, 5);
    let spread = *dice.pick(&[0, 20, 3_000]);
    Pace { least_ms, most_ms: least_ms + dice.between(0, spread) }
}

fn faults_of(dice: &mut Dice) -> Faults {
    match dice.between(1, 3) {
        1 => Faults { full: true, ..Faults::default() },
        2 => Faults { write_fails_once_in: dice.between(1, 4), ..Faults::default() },
        _ => Faults { sync_fails_once_in: dice.between(1, 4), ..Faults::default() },
    }
}
