//! The operator's rules and what they conclude. This room knows no octets of the dialogue and no reply codes.

mod decide;
mod question;
mod verdict;

pub use decide::{Policy, Space, decide, judge_load};
pub use question::{Answer, Question, Ticket};
pub use verdict::{Admitted, Verdict};
