//! The only place where the digits of a reply are written. Other rooms say what happened; this one says how it
//! sounds. `Reply` cannot be made outside.

pub mod catalog;
mod code;
mod encode;

pub use encode::Reply;
