//! The duty: the right to serve a POSTOFFICE, of which there is one. Whoever holds the lock of the pid file has it; a
//! successor gets it together with the sockets, without a moment in which nobody listens.

use super::detach::Caller;
use super::takeover::{self, HandOver, Inherited, Offer, Predecessor};
use super::{holder, systemd};
use crate::limits::LOCK_WAIT_MAX;
use crate::log::open::Writers;
use crate::metrics::door::{Answering, Door, Page};
use crate::pid_file::{Claim, Held, PidFile};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// The duty, claimed and not begun: another may still have it.
pub(crate) struct Duty {
    // Before the claim: it is removed while we still have the lock.
    place: Option<Place>,
    claim: Claim,
    predecessor: Option<Predecessor>,
    listener: Option<UnixListener>,
    /// Where successors ask.
    path: PathBuf,
    offer: Offer,
    /// Who waits until we serve, and where our words to it are on their way.
    caller: Option<(Caller, Writers)>,
    /// Where the counters are to be shown: by one server at a time, as by turns they would make no sense.
    counters: Option<(Door, Page)>,
}

/// The duty while it is ours.
#[derive(Debug)]
pub(crate) struct OnDuty {
    // In this order, as above.
    place: Option<Place>,
    pid_file: Option<PidFile>,
    offer: Offer,
    counters: Option<Answering>,
}

/// The name at which successors ask, while it is ours; removed when it is dropped.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// It is a successor's by now.
    given: bool,
}

impl Duty {
    /// Claims the duty that this pid file stands for. When another server has it, that is an error, unless we are to
    /// `replace` it.
    pub(crate) fn claim(pid_file: &Path, replace: bool) -> Result<Duty, String> {
        let path = beside(pid_file)?;
        let mut duty = Duty {
            place: None,
            claim: PidFile::claim(pid_file)?,
            predecessor: None,
            listener: None,
            path,
            offer: Offer::default(),
            caller: None,
            counters: None,
        };
        if let Claim::Held(held) = &duty.claim {
            if !replace {
                return Err(held.refusal());
            }
            match Predecessor::ask(&duty.path) {
                Ok(mut predecessor) => {
                    duty.listener = predecessor.listener.take();
                    duty.predecessor = Some(predecessor);
                    return Ok(duty);
                }
                Err(error) => {
                    let path = duty.path.display();
                    eprintln!(
                        "smtpserver: the server that runs as pid {} does not hand over ({path}: {error}); it is \
                         told to stop, and nobody listens until it has",
                        held.pid()
                    );
                    holder::stop(held.file(), held.pid())?;
                }
            }
            duty.claim = Claim::Ours(PidFile::lock(pid_file)?);
        }
        if let Claim::Ours(pid_file) = &mut duty.claim {
            // What forbids it is said while somebody reads that.
            pid_file.write()?;
        }
        // Where that fails it is tried once more, and then said.
        duty.listener = takeover::make(&duty.path).ok();
        duty.place = duty.listener.is_some().then(|| Place { path: duty.path.clone(), given: false });
        Ok(duty)
    }

    /// The sockets of the server before us.
    pub(crate) fn inherited(&mut self) -> Inherited {
        self.predecessor
            .as_mut()
            .map(|predecessor| std::mem::take(&mut predecessor.sockets))
            .unwrap_or_default()
    }

    /// Somebody waits until we serve, and reads what we say there until then.
    pub(crate) fn told_to(&mut self, caller: Caller, writers: Writers) {
        self.caller = Some((caller, writers));
    }

    /// The counters are to be shown as soon as the duty is ours.
    pub(crate) fn shown_at(&mut self, door: Door, page: Page) {
        self.counters = Some((door, page));
    }

    /// Takes the duty: the server before us, if there is one, lets go. Everything that could keep us from serving
    /// must have been tried. Successors are told to `orders` from now on; they get these copies of our sockets.
    pub(crate) fn begin(
        self,
        sockets: Vec<OwnedFd>,
        orders: mpsc::Sender<HandOver>,
    ) -> Result<OnDuty, String> {
        if let Some(predecessor) = self.predecessor {
            predecessor.relieve().map_err(|error| format!("the server before does not let go: {error}"))?;
        }
        let pid_file = match self.claim {
            Claim::Ours(pid_file) => pid_file,
            Claim::Held(held) => {
                let mut pid_file = Held::wait(held, LOCK_WAIT_MAX)?;
                pid_file.write()?;
                pid_file
            }
        };
        let answering = |(door, page): (Door, Page)| {
            // The duty is ours already, and mail does not wait for numbers.
            let refused = |error| tracing::error!("the counters cannot be shown: {error}");
            door.answer(page).map_err(refused).ok()
        };
        let counters = self.counters.and_then(answering);
        let mut duty = OnDuty { place: self.place, pid_file: Some(pid_file), offer: self.offer, counters };
        match self.listener.map_or_else(|| takeover::make(&self.path), Ok) {
            Ok(listener) => {
                // Made here, or the predecessor's until now.
                duty.place.get_or_insert_with(|| Place { path: self.path, given: false });
                duty.offer(sockets);
                let tell = move |hand_over| orders.blocking_send(hand_over).is_ok();
                takeover::stand_by(listener, duty.offer.clone(), tell)
                    .map_err(|error| format!("cannot wait for a successor: {error}"))?;
            }
            Err(error) => {
                let path = self.path.display();
                tracing::warn!("no server can take over from this one without a gap: {path}: {error}");
            }
        }
        systemd::ready();
        if let Some((caller, writers)) = self.caller {
            writers.flush();
            caller.served().map_err(|error| format!("cannot detach: {error}"))?;
        }
        Ok(duty)
    }
}

impl OnDuty {
    /// Copies of the sockets that a successor gets from now on; that of the counters comes with them.
    pub(crate) fn offer(&self, mut sockets: Vec<OwnedFd>) {
        match self.counters.as_ref().and_then(Answering::copy).transpose() {
            // First, as there may be more sockets than can be handed over.
            Ok(copy) => sockets.splice(0..0, copy).for_each(drop),
            Err(error) => tracing::warn!("no server can take over the counters: {error}"),
        }
        self.offer.set(sockets);
    }

    /// We do not accept mail any more: its sockets are not offered, so that they are really closed.
    pub(crate) fn close(&self) {
        self.offer(Vec::new());
    }

    /// Lets go of the duty: it is the successor's.
    pub(crate) fn hand_over(&mut self, to: HandOver) {
        self.offer.set(Vec::new());
        if let Some(counters) = &mut self.counters {
            counters.give_away();
        }
        if let Some(mut place) = self.place.take() {
            place.given = true;
        }
        systemd::succeeded_by(to.successor);
        if let Some(pid_file) = self.pid_file.take() {
            pid_file.release();
        }
        to.done();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.given {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where successors ask: beside the pid file, of its name and this ending.
fn beside(pid_file: &Path) -> Result<PathBuf, String> {
    let absolute = std::path::absolute(pid_file)
        .map_err(|error| format!("cannot use the pid file {}: {error}", pid_file.display()))?;
    let mut name = absolute.into_os_string();
    name.push(".takeover");
    Ok(name.into())
}
