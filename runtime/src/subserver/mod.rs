//! Helpers as processes and as connections: they are started, told their lines, heard, and ended with all that they have
//! started. Which of them is asked, how long, and what its answer means is decided in `smtpserver_core::subserver`.
//!
//! The network process, which the fence keeps from starting anything, does not start them itself: the [`host`] does, a
//! process of the same binary with the same user, that knows the operator's programs from its command line and never sees
//! an octet of the network but as a line for a helper. [`Staff`] is our end of the line to it.

mod frame;
pub mod host;
mod socket;
mod staff;

pub use staff::Staff;
pub(crate) use staff::{Hired, Plan};
