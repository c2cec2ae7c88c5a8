//! The discrete-event simulator: the core's machines, a disk, links and clients around one queue of events. Time is a
//! number that jumps from event to event, so waiting costs nothing. Whatever happens is drawn from the plan's seed;
//! nothing is read from the machine that runs it.

mod chunk_eater;
mod clients;
mod desk;
pub mod disk;
mod faults;
mod helpers;
mod link;
mod names;
mod parts;
mod plant;
mod queue;
mod recording;
mod sealing;
mod serving;
mod spool;
mod wires;
mod world;

pub use plant::Plant;

use crate::clients::Belief;
use crate::plan::Plan;
use crate::trace::{ConnectionId, Trace};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of a plan.
#[derive(Debug)]
pub struct Run {
    /// What happened.
    pub trace: Trace,
    /// What each client believes at the end, by the clients' numbers.
    pub beliefs: BTreeMap<u32, Vec<Belief>>,
    /// Whether each client was done at the end.
    pub done: BTreeMap<u32, bool>,
    /// The files in `router` at the end, by inode.
    pub files: BTreeMap<u64, Bytes>,
    /// Recordings of some of the sessions.
    pub recordings: BTreeMap<ConnectionId, Bytes>,
    /// An assertion of ours that broke, if one did.
    pub panic: Option<String>,
}

/// Lets a plan happen, with a planted defect or without.
///
/// # Panics
/// When the plan's settings are not settings; a plan that was loaded or generated has good ones.
pub fn run(plan: &Plan, plant: Option<Plant>) -> Run {
    let mut world = world::World::new(plan, plant);
    let ended = catch_unwind(AssertUnwindSafe(|| world.go_on_to_the_end()));
    let panic = ended.err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
    });
    world.into_run(panic)
}
