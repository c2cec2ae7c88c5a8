//! Law 12: what was recorded can be lived through again.

use super::{Case, Violation};
use smtpserver_core::record::{Log, Replay};

/// Law 12, replayable: a recorded session, fed to a fresh core, gives the same octets and orders in the same order; and
/// its recording is whole.
pub(super) fn replayable(Case { run, .. }: &Case<'_>) -> Result<(), Violation> {
    for (id, octets) in &run.recordings {
        let wrong = |what: String| Violation::new(12, None, format!("connection {id}: {what}"));
        let log = Log::decode(octets).map_err(|fault| wrong(format!("its recording is none: {fault}")))?;
        if !log.header.settings_are_whole() {
            return Err(wrong("its recording lacks some of its settings".into()));
        }
        let mut replay = Replay::new(&log);
        while let Some(step) = replay.step() {
            step.map_err(|difference| wrong(format!("it does not live through it again: {difference:?}")))?;
        }
    }
    Ok(())
}
