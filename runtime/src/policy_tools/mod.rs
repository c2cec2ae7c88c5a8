//! Policies tried by an operator before clients meet them: what one would answer, and what another would change.

mod bench;
pub(crate) mod dialogue;
pub(crate) mod diff;
mod page;
pub(crate) mod test;

use crate::Stop;
use crate::policy_db::PolicyDb;
use smtpserver_core::policy::Rules;
use std::path::Path;
use std::sync::Arc;

/// Reads a policy of either kind; what is wrong with it goes to stderr.
fn load(path: &Path) -> Result<Arc<Rules>, Stop> {
    PolicyDb::either(path).and_then(|db| db.load()).map_err(|faults| {
        let mut faults: Vec<&str> = faults.lines().collect();
        let last = faults.pop().unwrap_or_default().to_owned();
        for fault in faults {
            eprintln!("{fault}");
        }
        Stop::unfit(last)
    })
}
