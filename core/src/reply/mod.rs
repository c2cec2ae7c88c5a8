//! The only place where the digits of a reply are written. Other rooms say what happened; this one says how it
//! sounds. `Reply` cannot be made outside.

pub mod catalog;
mod code;
mod encode;
mod words;

pub use encode::Reply;
pub use words::Words;
