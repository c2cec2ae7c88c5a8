//! The lane `sim`: scripts against the production driver on a simulated network, with its desk and a simulated disk.
//!
//! The network here is as fast as can be: what a client says is there at once, though it takes a few ticks to see
//! that. While nothing but octets move, the clock that server and script are shown stands still; it goes on, tick by
//! tick, when all are quiet. So everything that the server does at a moment is seen at that moment, to the tick.

use crate::dice::{Dice, Purpose};
use crate::net::Dir;
use crate::net::{Disk, Fabric, Plants, Puppets, Shape, Site, StepClock, Store, Trace, Wires};
use crate::zone::Zone;
use crate::{played, script_world, tls};
use smtpserver_conformance::lane::{Abilities, End, Message, Refused, Stage, Taken, Trouble};
use smtpserver_conformance::script::Helper;
use smtpserver_conformance::{Lane, script};
use smtpserver_core::Settings;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The least step of time. Every hour in a script is a multiple of it.
const TICK: Duration = Duration::from_millis(100);
/// Octets that the server may send and a script leave untaken: more than the judge bears.
const WINDOW: usize = 16 * 1024 * 1024;
/// Ticks after which a world that is still not quiet never will be.
const STIRRING_MAX: u32 = 1_000_000;

/// The lane.
#[derive(Debug, Default)]
pub struct NetLane;

impl Lane for NetLane {
    fn name(&self) -> &str {
        "sim"
    }

    fn abilities(&self) -> Abilities {
        let helpers = played::playable().into_iter().chain([Helper::Resolver]).collect();
        Abilities { tls: true, helpers, ..script_world::abilities() }
    }

    fn open(&mut self, world: &script::World) -> Result<Box<dyn Stage + '_>, Refused> {
        let mut world = World::new(script_world::settings(world)?, script_world::zone(world)?);
        // The server opens its door.
        world.settle().map_err(Refused::Trouble)?;
        Ok(Box::new(world))
    }
}

struct World {
    fabric: Fabric,
    clock: Arc<StepClock>,
    wires: Arc<Wires>,
    site: Arc<Site>,
    puppets: Rc<Puppets>,
}

impl World {
    fn new(settings: Settings, zone: Zone) -> World {
        tls::seed(0);
        let clock = Arc::<StepClock>::default();
        let trace = Trace::new(clock.clone(), false);
        let wires = Wires::new(WINDOW);
        let disk = Disk::new(Dice::new(0, Purpose::Disk, 0), Plants::default());
        let store = Store::new(disk, Dice::new(0, Purpose::Disk, 0), trace.clone());
        let site = Site::new(settings, zone, store, wires.clone(), clock.clone(), trace);
        let puppets = Puppets::new(wires.clone());
        let shape = Shape { seed: 0, tick: TICK, latency_min: Duration::ZERO, latency_max: Duration::ZERO };
        let (clients, server) = (puppets.clone(), site.clone());
        let fabric = Fabric::new(&shape, clients.play(), move || server.clone().serve());
        World { fabric, clock, wires, site, puppets }
    }

    /// Lets octets move until none do, while the clock stands still.
    fn settle(&mut self) -> Result<(), Trouble> {
        for _ in 0..STIRRING_MAX {
            let before = self.wires.activity();
            self.fabric.step().map_err(Trouble)?;
            if self.wires.activity() == before {
                return Ok(());
            }
        }
        Err(Trouble("the world does not come to rest".to_string()))
    }

    /// Lets time pass up to `until`, or until `wanted` says that there is something to take.
    fn pass(&mut self, until: Duration, wanted: impl Fn(&World) -> bool) -> Result<(), Trouble> {
        while !wanted(self) {
            self.settle()?;
            let now = self.clock.elapsed();
            if now >= until || wanted(self) {
                return Ok(());
            }
            self.clock.set((now + TICK).min(until));
        }
        Ok(())
    }
}

impl Stage for World {
    fn connect(&mut self) -> Result<usize, Trouble> {
        let connection = self.puppets.connect();
        self.settle()?;
        Ok(connection)
    }

    fn send(&mut self, connection: usize, segment: &[u8]) -> Result<(), Trouble> {
        self.puppets.say(connection, segment);
        Ok(())
    }

    fn take(&mut self, connection: usize, at_most: Duration) -> Result<Taken, Trouble> {
        let until = self.clock.elapsed() + at_most;
        self.pass(until, |world| world.puppets.has_news(connection))?;
        Ok(self.puppets.take(connection))
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    fn rest(&mut self, time: Duration) -> Result<(), Trouble> {
        self.pass(self.clock.elapsed() + time, |_| false)
    }

    fn end(&mut self, connection: usize, how: End) -> Result<(), Trouble> {
        self.puppets.end(connection, how);
        Ok(())
    }

    fn start_tls(&mut self, connection: usize) -> Result<(), Trouble> {
        self.puppets.start_tls(connection);
        self.settle()?;
        if self.puppets.is_sealed(connection) {
            Ok(())
        } else {
            Err(Trouble(format!("connection {connection}: the handshake did not come to its end")))
        }
    }

    fn spool(&mut self) -> Result<Option<Vec<Message>>, Trouble> {
        self.settle()?;
        let disk = self.site.store.disk();
        disk.list(Dir::Router)
            .into_iter()
            .map(|inode| Message::parse(disk.read(inode)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn asked(&mut self, helper: Helper, at_most: Duration) -> Result<Vec<u8>, Trouble> {
        if helper == Helper::Resolver {
            self.pass(self.clock.elapsed() + at_most, |world| world.site.names.was_asked())?;
            let asked = self.site.names.asked();
            return asked
                .map(String::into_bytes)
                .ok_or_else(|| Trouble(format!("not asked within {at_most:?}")));
        }
        let trade = played::trade(helper)?;
        self.pass(self.clock.elapsed() + at_most, |world| world.site.staff.was_asked(trade))?;
        let asked = self.site.staff.asked(trade);
        asked.ok_or_else(|| Trouble(format!("no {helper} was asked within {at_most:?}")))
    }

    fn answer(&mut self, helper: Helper, line: Option<&str>) -> Result<(), Trouble> {
        if helper == Helper::Resolver {
            let answered = self.site.names.answer(line).ok_or_else(|| Trouble("nothing was asked".into()))?;
            answered.map_err(Trouble)?;
            return self.settle();
        }
        let trade = played::trade(helper)?;
        if !self.site.staff.answer(trade, line) {
            return Err(Trouble(format!("no {helper} is at work")));
        }
        self.settle()
    }

    fn events(&mut self) -> Result<Option<Vec<String>>, Trouble> {
        self.settle()?;
        Ok(Some(self.site.events()))
    }
}
