//! The daemon as a process among others: how it leaves the terminal, takes the duty over from the server before it and
//! hands it to the next one, talks to systemd, gives up the rights that it does not need, and has helper processes kept that do
//! not give them up. It knows nothing of mail.

pub(crate) mod descriptors;
pub(crate) mod detach;
mod duty;
pub(crate) mod fence;
mod holder;
pub(crate) mod keeper;
pub(crate) mod privileges;
pub(crate) mod systemd;
mod takeover;

pub(crate) use duty::{Duty, OnDuty};
pub(crate) use takeover::{HandOver, Inherited};

#[cfg(test)]
mod tests;
