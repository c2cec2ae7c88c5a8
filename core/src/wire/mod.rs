//! Octets to words: lines, commands, addresses, parameters and the text of messages.
//!
//! Nothing here knows the state of the dialogue, the policy of the site or the digits of a reply.
//! Whatever the octets are, every function here ends with a value: the client's mistakes are data, never a panic.

pub mod chunk;
pub mod client_name;
pub mod command;
mod domain;
pub mod dotted;
pub mod field;
pub mod header;
pub mod line;
pub mod missing;
pub mod params;
pub mod path;
pub mod proxy;
pub mod report;
pub mod spelling;
pub mod text;
pub mod unix_lines;
pub mod verb;
pub mod xclient;
pub mod xtext;
