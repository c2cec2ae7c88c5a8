//! The production driver on a simulated network: for what only a driver can get wrong. Sockets that end in the middle,
//! servers that crash or stop, disks and clients that are slow, tasks and files that are left over.
//!
//! Two hosts: one server, and one for all clients. Everything runs in one thread, on simulated time, from one seed.

mod actor;
mod check;
mod clock;
mod crew;
mod disk;
mod fabric;
mod plan;
mod puppets;
mod site;
mod spool;
mod staff;
mod trace;
mod wire;
mod world;

pub(crate) use clock::StepClock;
pub(crate) use disk::{Dir, Disk, Plants};
pub(crate) use fabric::{Fabric, Shape};
pub use plan::Plan;
pub(crate) use puppets::Puppets;
pub(crate) use site::Site;
pub(crate) use spool::Store;
pub(crate) use trace::Trace;
pub(crate) use wire::Wires;
pub use world::{Outcome, run};
