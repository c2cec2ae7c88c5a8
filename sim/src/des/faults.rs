//! What goes wrong with the server and its machine: crashes, stops, windows of trouble, and the hour when all of it
//! ends.

use super::link::Parcel;
use super::parts::{Host, Stage};
use super::plant::Plant;
use super::spool::Spool;
use super::world::{Happening, World};
use crate::plan::Fault;
use crate::trace::{ConnectionId, What};
use smtpserver_core::Server;
use smtpserver_core::record::Ending;
use smtpserver_core::server::Input as ServerInput;
use smtpserver_core::server::rate_window::RateWindows;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long sessions that are asked to stop may still talk after their drain, in microseconds.
const LAST_WORDS_US: u64 = 10_000_000;

impl World<'_> {
    /// The server begins, unless a later life has begun already.
    pub(super) fn start(&mut self, life: u32) {
        if self.host.is_some() || life != self.life {
            return;
        }
        self.life += 1;
        self.disk.tidy_up();
        self.host = Some(Host {
            server: Server::new(self.settings.clone()),
            spool: Spool::new(self.plan.disk.threads, self.plan.disk.ordered, self.plant),
            by_session: BTreeMap::new(),
            commits: BTreeMap::new(),
            open: 0,
            stopping: false,
            down_us: 0,
        });
        self.restore_rates();
        self.note(What::Up);
        self.open_farms();
    }

    pub(super) fn fault(&mut self, index: usize) {
        if self.healed {
            return;
        }
        let fault = &self.plan.faults[index];
        self.note(What::Fault(format!("{fault:?}")));
        let over = |world: &mut Self, for_ms: u64| {
            world.put(world.now + for_ms * 1000, Happening::FaultOver(index));
        };
        match fault {
            Fault::PowerCut { down_ms, .. } => self.crash(true, down_ms * 1000),
            Fault::Kill { down_ms, .. } => self.crash(false, down_ms * 1000),
            Fault::Stop { down_ms, .. } => self.stop(down_ms * 1000),
            Fault::Reconfigure { .. } => {
                let settings = self.plan.settings(Some(index)).expect("a plan was checked");
                self.settings = Arc::new(settings);
                self.note(What::Reconfigured(index));
                if self.plant == Some(Plant::ForgottenRates)
                    && let Some(host) = &mut self.host
                {
                    *host.server.rates_mut() = RateWindows::default();
                }
                self.tell_server(ServerInput::Reconfigured(self.settings.clone()));
            }
            Fault::WallJump { seconds, .. } => self.wall_shift += seconds * 1_000_000,
            Fault::Pause { for_ms, .. } => {
                let until = (self.now + for_ms * 1000).min(self.plan.heal_ms * 1000);
                self.paused_until = self.paused_until.max(until);
            }
            Fault::ReadOnly { for_ms, .. } => {
                self.disk.read_only = true;
                over(self, *for_ms);
            }
            Fault::Full { for_ms, .. } => {
                self.disk.full = true;
                over(self, *for_ms);
            }
            Fault::SlowDisk { for_ms, by_ms, .. } => {
                self.slow_us += by_ms * 1000;
                over(self, *for_ms);
            }
            Fault::FullAfter { .. } | Fault::DiskError { .. } | Fault::Cut { .. } | Fault::Stall { .. } => {
                unreachable!("these are built into the disk and the links")
            }
        }
    }

    pub(super) fn fault_over(&mut self, index: usize) {
        if self.healed {
            return;
        }
        match &self.plan.faults[index] {
            Fault::ReadOnly { .. } => self.disk.read_only = false,
            Fault::Full { .. } => self.disk.full = false,
            Fault::SlowDisk { by_ms, .. } => self.slow_us -= by_ms * 1000,
            Fault::PowerCut { .. }
            | Fault::Kill { .. }
            | Fault::Stop { .. }
            | Fault::Reconfigure { .. }
            | Fault::WallJump { .. }
            | Fault::Pause { .. }
            | Fault::FullAfter { .. }
            | Fault::DiskError { .. }
            | Fault::Cut { .. }
            | Fault::Stall { .. } => unreachable!("only windows end"),
        }
    }

    /// Crashes that were to fall between this operation of the disk and the next.
    pub(super) fn crash_after(&mut self, number: u64) {
        if self.healed {
            return;
        }
        while let Some(at) = self.crashes.iter().position(|(when, _)| *when <= number) {
            let (_, index) = self.crashes.swap_remove(at);
            self.fault(index);
        }
    }

    fn crash(&mut self, power: bool, down_us: u64) {
        if self.host.take().is_none() {
            return;
        }
        self.note(What::Down);
        if power {
            self.disk.power_cut();
            self.note(What::PowerCut);
        }
        self.note(What::Scanned(self.disk.scan()));
        self.paused_until = self.now;
        self.put(self.now, Happening::Thaw);
        for index in 0..self.connections.len() {
            self.end_recording(ConnectionId::try_from(index).expect("it is there"), Ending::Dropped);
            let connection = &mut self.connections[index];
            if matches!(connection.stage, Stage::Open | Stage::Parting) {
                connection.stage = Stage::Over;
                connection.session = None;
                connection.letters.clear();
                connection.arrived.clear();
                connection.waiting_since = None;
                connection.unsent.clear();
                if !power {
                    // The system closes what the process has left open.
                    self.send_down(ConnectionId::try_from(index).expect("it is there"), Parcel::Reset);
                }
            }
        }
        let life = self.life;
        self.put(self.now + down_us, Happening::Start(life));
    }

    fn stop(&mut self, down_us: u64) {
        let Some(host) = &mut self.host else { return };
        host.stopping = true;
        host.down_us = down_us;
        let drain = self.settings.timeouts.drain;
        let drain = u64::try_from(drain.as_micros()).expect("a short time");
        self.tell_all_to_stop();
        let life = self.life;
        self.put(self.now + drain + LAST_WORDS_US, Happening::Drained(life));
        self.exit_if_drained();
    }

    /// A server that is to stop and has no connection left is done.
    pub(super) fn exit_if_drained(&mut self) {
        if let Some(host) = self.host.as_ref().filter(|host| host.stopping && host.open == 0) {
            let down_us = host.down_us;
            self.save_rates();
            self.crash(false, down_us);
        }
    }

    pub(super) fn drained(&mut self, life: u32) {
        if life == self.life
            && let Some(host) = self.host.as_ref().filter(|host| host.stopping)
        {
            let down_us = host.down_us;
            self.save_rates();
            self.crash(false, down_us);
        }
    }

    /// All faults end; what was lost in silence shows itself.
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.disk.heal();
        self.slow_us = 0;
        self.note(What::Healed);
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            if connection.up.silent || connection.down.silent {
                connection.up.silent = false;
                connection.down.silent = false;
                let id = ConnectionId::try_from(index).expect("it is there");
                self.send_down(id, Parcel::Reset);
                self.send_up(id, Parcel::Reset);
            }
        }
        if self.host.is_none() {
            self.start(self.life);
        }
    }
}
