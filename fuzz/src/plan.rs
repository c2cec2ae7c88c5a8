//! Worlds: whatever octets spell is a plan that can be kept, and no law of the house is broken when it happens.

use smtpserver_sim::plan::{from_octets, parse, text};
use smtpserver_sim::runner::judge;

/// All of it spells a small plan.
pub fn plan(data: &[u8]) {
    let plan = from_octets(data);
    let kept = text(&plan, "").expect("a plan can be written down");
    assert_eq!(parse(&kept).as_ref(), Ok(&plan), "a plan is read as it was written");
    if let Err(failure) = judge(&plan, None, false) {
        panic!("{}\n{kept}", failure.violation);
    }
}
