//! The operator's rules and what they conclude. This room knows no octets of the dialogue and no reply codes.

pub mod evaluate;
mod local;
mod question;
pub mod rules;
pub mod source;
mod space;
mod verdict;

pub use local::Policy;
pub use question::{Answer, Question, ReportClaim, Ticket};
pub use rules::Rules;
pub use source::{Role, SourceFile, compile};
pub use space::{Space, judge_load};
pub use verdict::{Admitted, Conditions, Denial, Verdict};
pub(crate) use verdict::{by_milter, postmaster};
