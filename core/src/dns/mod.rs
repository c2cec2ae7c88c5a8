//! Questions to the domain name system and their answers, as values, and the small machines that ask several of them
//! in a row. Nothing here sends or receives: whoever runs the core asks, with its own deadline, and brings the answer.
//!
//! Every machine has the same face: [`Step`] from `poll`, which repeats itself until `answer` is called.

mod answer;
pub mod blocklist;
pub mod exchange;
mod gather;
mod name;
mod question;
pub mod reverse;
mod shown;

pub use answer::{Answer, Finding, Mx, Records, Trouble};
pub use gather::Gathering;
pub use name::Name;
pub use question::{Kind, Question};

/// What a machine wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// The answer to this; asked again, it repeats the same question.
    Ask(Question),
    /// Nothing more: this is what it came to.
    Done(T),
}

#[cfg(test)]
pub(crate) mod fake;
