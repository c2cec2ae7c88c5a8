//! Simulators over the unchanged core, and the lane in which scripts meet a bare session in exact time.

pub mod clients;
mod lane_core;
pub mod model;

pub use lane_core::CoreLane;
