//! Law 8, sealed: where a connection begins with a handshake, a session takes nothing and says nothing before it is done;
//! and what it takes and says after a handshake has failed is nothing either.

use super::by_connection::ByConnection;
use super::{Case, Violation};
use crate::trace::{News, What};

/// How far a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Seal {
    #[default]
    Open,
    Done,
    Failed,
}

pub(super) fn sealed(Case { plan, run, .. }: &Case<'_>) -> Result<(), Violation> {
    if !plan.sealed {
        return Ok(());
    }
    let mut seals: ByConnection<Seal> = ByConnection::default();
    for (index, entry) in run.trace.entries().iter().enumerate() {
        match &entry.what {
            What::Told(id, News::Secured) => seals.insert(*id, Seal::Done),
            What::Told(id, News::Unsecured) => seals.insert(*id, Seal::Failed),
            What::Took(id, octets) | What::Wrote(id, octets) if *seals.or_default(*id) != Seal::Done => {
                let what = format!("connection {id}: in clear text, {}", octets.escape_ascii());
                return Err(Violation::new(8, index, what));
            }
            _ => {}
        }
    }
    Ok(())
}
