//! Helpers as processes and as connections: they are started, told their lines, heard, and ended with all that they have
//! started. Which of them is asked, how long, and what its answer means is decided in `smtpserver_core::subserver`.
//!
//! The network process, which the fence keeps from starting anything, does not start them itself: the [`host`] does, a
//! process of the same binary with the same user, that knows the operator's programs from its command line and never sees
//! an octet of the network but as a line for a helper. [`Staff`] is our end of the line to it. A keeper, outside the fence too,
//! starts another host when one ends.

mod frame;
pub mod host;
mod kept;
mod socket;
mod staff;

pub use staff::Staff;
pub(crate) use staff::{Hired, Plan, check_program};

use crate::desk::Desk;
use crate::lines::printable;
use crate::spool::Spool;
use smtpserver_core::server::News;
use smtpserver_core::subserver::{Errand, Note, Trade};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// What came first of two.
enum First<A, B> {
    One(A),
    Other(B),
}

/// Waits for whichever comes first; the one, when both are there. The other is given up, so both must bear that.
async fn first<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if let Poll::Ready(one) = one.as_mut().poll(context) {
            return Poll::Ready(First::One(one));
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}

/// Who does the errands of farms.
pub trait Foreman: Send + Sync + 'static {
    /// Does an errand. Never waits: what cannot be done is a helper that has ended.
    fn run(&self, trade: Trade, errand: Errand);
}

/// Gives a desk helpers. Needs a tokio runtime around it.
pub(crate) fn employ<S: Spool>(desk: &Arc<Desk<S>>, hired: Hired) -> std::io::Result<()> {
    let hears = desk.clone();
    let (staff, open) = hired.begin(Arc::new(move |trade, news| hears.helper(trade, news)))?;
    desk.employs(staff);
    for (trade, kinds) in open {
        desk.helper(trade, News::Open(kinds));
    }
    tokio::spawn(desk.clone().keep_time());
    Ok(())
}

/// Says in the log what there is to say of helpers.
pub(crate) fn tell(trade: Trade, note: &Note) {
    let (trade, what) = (trade.name(), note.to_string());
    let what = printable(&what);
    match note {
        Note::Ready(_) => tracing::debug!("{trade}: {what}"),
        Note::Works => tracing::info!("{trade}: {what}"),
        Note::Lost(..) | Note::Unfit(..) | Note::Nonsense(_) => tracing::warn!("{trade}: {what}"),
        Note::Broken => tracing::error!("{trade}: {what}"),
    }
}
