//! What a session asks of the spool and what the spool says back. This room touches no file: it holds the words
//! (`Order`, `Report`), the envelope lines at the head of a spooled file, and the one place that makes `Durable`.

pub mod control;
pub mod id;
mod order;
mod report;
mod revision;

pub use order::{Destination, Leftover, Order};
pub use report::{DraftPath, Durable, Report, SpoolFault, Stored};
pub use revision::{Editor, FieldChange, Revision, Unrevisable};
