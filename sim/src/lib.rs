//! Simulators over the unchanged core, and the lane in which scripts meet a bare session in exact time.

mod lane_core;

pub use lane_core::CoreLane;
