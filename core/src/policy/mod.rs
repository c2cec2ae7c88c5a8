//! The operator's rules and what they conclude. This room knows no octets of the dialogue and no reply codes.

mod decide;
pub mod evaluate;
mod question;
pub mod rules;
pub mod source;
mod verdict;

pub use decide::{Policy, Space, admit_user, decide, judge_load};
pub use question::{Answer, Question, Ticket};
pub use rules::Rules;
pub use source::{Role, SourceFile, compile};
pub use verdict::{Admitted, Verdict};
