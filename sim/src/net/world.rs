//! One world, from its plan to its end: first everything goes wrong that the plan says, then all is healed and every
//! client must come to its end, then the server stops and nothing may be left over.

use super::actor::{Role, play};
use super::check;
use super::clock::StepClock;
use super::disk::{Dir, Disk, Faults};
use super::fabric::Fabric;
use super::plan::{Act, Plan};
use super::site::Site;
use super::spool::{Pace, Store};
use super::trace::Trace;
use super::wire::Wires;
use crate::clients::{self, Belief, Wishes};
use crate::dice::{Dice, Purpose};
use crate::tls;
use crate::zone::Zone;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long it takes until a server that has ended is started again.
const RESTART: Duration = Duration::from_millis(500);
/// How long a client's system waits for a host that does not answer.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// All clients must have ended so long after all was healed: the longest patience of a client, and what follows it.
const ENDING_MAX: Duration = Duration::from_secs(3_600);
/// A server that was told to stop has gone so long afterwards, whatever its drain.
const STOPPING_MAX: Duration = Duration::from_secs(60);

/// What came of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of its trace.
    pub hash: u64,
    /// What was not as it must be, each in a sentence.
    pub broken: Vec<String>,
    /// The trace, if it was asked for.
    pub lines: Vec<String>,
    /// Messages for which a client read 250.
    pub accepted: usize,
    /// Messages in the router's directory.
    pub stored: usize,
    /// Times the power was cut.
    pub crashes: u32,
    /// Times the server was told to stop, and did, before the end.
    pub stops: u32,
    /// Simulated time in all.
    pub lasted: Duration,
}

/// Runs a plan; `lines` says whether the trace is kept for reading.
pub fn run(plan: &Plan, lines: bool) -> Outcome {
    let mut world = World::new(plan, lines);
    let ended = world.live(plan);
    if let Err(error) = ended {
        world.broken.push(error);
    }
    world.outcome()
}

struct World {
    fabric: Fabric,
    clock: Arc<StepClock>,
    trace: Arc<Trace>,
    site: Arc<Site>,
    wires: Arc<Wires>,
    roles: Vec<Role>,
    wishes: Vec<Wishes>,
    /// All is said within TLS.
    sealed: bool,
    /// When the power was cut, if it is off.
    dark: bool,
    /// When the server was first seen to have ended.
    ended_at: Option<Duration>,
    broken: Vec<String>,
    crashes: u32,
    stops: u32,
}

impl World {
    fn new(plan: &Plan, lines: bool) -> World {
        let clock = Arc::<StepClock>::default();
        let trace = Trace::new(clock.clone(), lines);
        let wires = Wires::new(plan.window);
        let disk = Disk::new(Dice::new(plan.seed, Purpose::Disk, 0), plan.plants);
        let store = Store::new(disk, Dice::new(plan.seed, Purpose::Pace, 0), trace.clone());
        let site = Site::new(
            plan.settings.clone(),
            Zone::default(),
            store,
            wires.clone(),
            clock.clone(),
            trace.clone(),
        );
        let roles: Vec<Role> =
            plan.clients.iter().map(|wishes| Rc::new(RefCell::new(clients::make(wishes)))).collect();
        let (cast, its_trace, server) = (roles.clone(), trace.clone(), site.clone());
        let its_wires = wires.clone();
        let sealed = plan.settings.tls.first;
        tls::seed(plan.seed);
        let clients = async move {
            for (number, role) in cast.into_iter().enumerate() {
                tokio::task::spawn_local(play(role, number, sealed, its_wires.clone(), its_trace.clone()));
            }
            std::future::pending::<()>().await;
        };
        let fabric = Fabric::new(&plan.shape, clients, move || server.clone().serve());
        let (dark, ended_at, broken, crashes, stops) = (false, None, Vec::new(), 0, 0);
        let wishes = plan.clients.clone();
        World {
            fabric,
            clock,
            trace,
            site,
            wires,
            roles,
            wishes,
            sealed,
            dark,
            ended_at,
            broken,
            crashes,
            stops,
        }
    }

    fn live(&mut self, plan: &Plan) -> Result<(), String> {
        let mut acts: VecDeque<_> = plan.acts.iter().cloned().collect();
        while self.fabric.elapsed() < plan.healed {
            let now = self.fabric.elapsed();
            while let Some((_, act)) = acts.pop_front_if(|(at, _)| *at <= now) {
                self.act(&act)?;
            }
            self.step()?;
        }
        for act in [Act::Release, Act::Disk(Faults::default()), Act::Pace(Pace::default()), Act::RestorePower]
        {
            self.act(&act)?;
        }
        let (mut dead_from, end) = (Some(plan.healed + KEEP_ALIVE), plan.healed + ENDING_MAX);
        while !(self.roles.iter().all(|role| role.borrow().is_done()) && self.site.sessions() == 0) {
            if self.fabric.elapsed() > end {
                return Err(self.unended());
            }
            if dead_from.take_if(|from| *from < self.fabric.elapsed()).is_some() {
                self.wires.break_dead();
            }
            self.step()?;
        }
        self.farewell()
    }

    /// Stops the server for good, and looks at what it leaves behind.
    fn farewell(&mut self) -> Result<(), String> {
        while !self.site.is_open() || !self.fabric.is_up() {
            self.step()?;
        }
        let started = self.fabric.elapsed();
        self.site.stop();
        while self.fabric.is_up() {
            if self.fabric.elapsed() > started + STOPPING_MAX {
                return Err("live: the server does not stop".to_string());
            }
            self.tick()?;
        }
        self.count_panics();
        self.broken.extend(check::closed(&self.site));
        self.look();
        Ok(())
    }

    /// A tick, and the service manager's part.
    fn step(&mut self) -> Result<(), String> {
        self.tick()?;
        if self.dark || self.fabric.is_up() {
            return Ok(());
        }
        let now = self.fabric.elapsed();
        let ended_at = *self.ended_at.get_or_insert(now);
        if now >= ended_at + RESTART {
            self.count_panics();
            self.ended_at = None;
            self.stops += 1;
            self.site.bury();
            self.fabric.bounce();
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), String> {
        self.clock.set(self.fabric.elapsed());
        self.fabric.step()
    }

    fn act(&mut self, act: &Act) -> Result<(), String> {
        self.clock.set(self.fabric.elapsed());
        self.trace.note("world", format_args!("{act:?}"));
        match act {
            Act::CutPower { silent } => {
                if !self.dark && self.fabric.is_up() {
                    self.cut_power(*silent)?;
                }
            }
            Act::RestorePower => {
                if self.dark {
                    self.restore_power();
                }
            }
            Act::Stop => self.site.stop(),
            Act::Disk(faults) => self.site.store.disk().set_faults(faults.clone()),
            Act::Pace(pace) => self.site.store.set_pace(*pace),
            Act::Hold => self.fabric.hold(),
            Act::Release => self.fabric.release(),
        }
        Ok(())
    }

    fn cut_power(&mut self, silent: bool) -> Result<(), String> {
        self.count_panics();
        self.dark = true;
        self.crashes += 1;
        // What the server's tasks still do while they are dropped, a dead server does not do.
        self.site.store.disk().cut_power();
        if silent {
            self.fabric.partition();
        }
        self.site.kill();
        self.tick()?;
        self.fabric.crash();
        self.site.bury();
        Ok(())
    }

    fn restore_power(&mut self) {
        self.dark = false;
        self.site.store.disk().restore_power();
        self.look();
        self.fabric.repair();
        self.fabric.bounce();
    }

    /// What a router finds that looks now.
    fn look(&mut self) {
        let beliefs = self.beliefs();
        let disk = self.site.store.disk();
        let mut broken =
            [check::kept(&disk, &beliefs), check::honest(&disk, &self.wishes, &beliefs)].concat();
        if self.sealed {
            broken.extend(check::sealed(&disk));
        }
        drop(disk);
        self.trace.note("router", format_args!("{} broken", broken.len()));
        self.broken.extend(broken);
    }

    /// The beliefs of each client.
    fn beliefs(&self) -> Vec<Vec<Belief>> {
        self.roles.iter().map(|role| role.borrow().beliefs()).collect()
    }

    fn count_panics(&mut self) {
        let panics = self.site.panics();
        if panics > 0 {
            self.broken.push(format!("{panics} sessions broke an assertion"));
        }
    }

    fn unended(&self) -> String {
        let clients: Vec<usize> = self
            .roles
            .iter()
            .enumerate()
            .filter(|(_, role)| !role.borrow().is_done())
            .map(|(number, _)| number)
            .collect();
        format!("live: clients {clients:?} and {} sessions do not end", self.site.sessions())
    }

    fn outcome(self) -> Outcome {
        let beliefs = self.beliefs();
        Outcome {
            hash: self.trace.hash(),
            lines: self.trace.lines(),
            accepted: beliefs.iter().flatten().filter(|belief| belief.accepted.is_some()).count(),
            stored: self.site.store.disk().list(Dir::Router).len(),
            crashes: self.crashes,
            stops: self.stops,
            lasted: self.fabric.elapsed(),
            broken: self.broken,
        }
    }
}
