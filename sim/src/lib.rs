//! Simulators over the unchanged core, and the lane in which scripts meet a bare session in exact time.

pub mod clients;
mod lane_core;
mod lane_net;
pub mod net;

pub use lane_core::CoreLane;
pub use lane_net::NetLane;
