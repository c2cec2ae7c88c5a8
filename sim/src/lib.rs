//! Simulators over the unchanged core, and the lane in which scripts meet a bare session in exact time.
//!
//! [`plan`] is what will happen, [`des::run`] lets it happen, [`trace`] is what happened, [`laws`] say what was wrong
//! with it.

pub mod clients;
pub mod des;
pub mod dice;
mod lane_core;
mod lane_net;
pub mod laws;
pub mod model;
pub mod net;
pub mod plan;
mod played;
mod played_names;
pub mod runner;
mod script_world;
pub mod tls;
pub mod trace;
pub mod users;
mod zone;

pub use lane_core::CoreLane;
pub use lane_net::NetLane;
