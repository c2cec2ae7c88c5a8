//! SPF: may this client send mail in the name of this domain? RFC 7208, whole, as a machine that asks the domain name
//! system through [`crate::dns`] and never by itself. It says what holds and what led to it; what follows from that
//! is the policy's business.
//!
//! [`Check`] is the machine; [`Outcome`] what it comes to; [`LocalPolicy`] what an operator adds to every record;
//! [`received_spf`] the trace field.

mod check;
mod header;
mod local;
mod macros;
mod outcome;
mod record;
mod term;

pub use check::{Check, Facts};
pub use header::received_spf;
pub use local::LocalPolicy;
pub use outcome::{Cause, Identity, Outcome, Problem, SpfResult, Threshold};

/// Whether octets are a record that a check would take, and else what is wrong with it. For those who write records.
pub fn validate(record: &[u8]) -> Result<(), Problem> {
    match record::select(core::slice::from_ref(&record.to_vec()))? {
        Some(_) => Ok(()),
        None => Err(Problem::NoRecord),
    }
}

#[cfg(test)]
mod tests;
