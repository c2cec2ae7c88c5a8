//! A second server, deliberately simple: what must be said and kept, told from everything that was sent at once, and
//! twins of the clever parts that keep every event. Slow, straight, and sharing no code with the core but the types
//! of its settings, and of what a policy wishes to know. Law 10 (exact) compares the two.
//!
//! The model knows no time, no disk and no trouble. Where the world may turn a yes into a 4yz, [`follow`] believes
//! what was heard and goes on from there.

mod admission;
mod grammar;
mod names;
mod policy;
mod rates;
mod session;
mod tarpit;

pub use admission::{Connections, Door};
pub use names::{Names, Unknown};
pub use policy::{Line, Outcome, Policy, World, read};
pub use rates::{Counted, Rates, Room};
pub use session::{Course, Kept, Said, Wait, follow, predict};
pub use tarpit::delay;
