//! `smtpserver -i -T '[ADDR]'`: a person speaks SMTP on standard input as if from that address, and with `-d` sees what
//! leads to each answer. The session is one like any other; only that no message is kept, as it would be a lie.

use crate::Stop;
use crate::args::DaemonArgs;
use crate::clock::SystemClock;
use crate::config_file::Loaded;
use crate::desk::{Admission, Desk};
use crate::drive::drive_on;
use crate::journal::Journal;
use crate::lines::printable;
use crate::resolver::Resolver;
use crate::single::{self, Lines, Stream};
use crate::spool::{Account, Draft, Spool, Task};
use smtpserver_core::server::tarpit::TarpitRule;
use smtpserver_core::spool::{Destination, Revision, SpoolFault};
use smtpserver_core::{Duration, Event, Now, Peer, Session, SessionId};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Serves the person until he goes.
pub(crate) fn run(args: &DaemonArgs, loaded: &Loaded, address: IpAddr) -> Result<(), Stop> {
    if !args.interactive {
        return Err(Stop::unfit("-T tests the policy in a session on standard input: give -i as well"));
    }
    if single::handed_over().is_ok() {
        return Err(Stop::unfit(
            "-T is for a person at a terminal or in a pipe, and standard input is a connection",
        ));
    }
    let mut settings = loaded.configuration.global().clone();
    settings.reasons = args.debug > 0;
    // Nobody has to be slowed down or found out here.
    settings.tarpit = TarpitRule::default();
    settings.manners.greet_pause = Duration::ZERO;
    // The policy is tested, and no helper is started for it.
    (settings.helpers.router, settings.helpers.filter) = (false, None);
    let settings = Arc::new(settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::failed(format!("cannot start: {error}")))?;
    eprintln!(
        "smtpserver: a test as if from {address}: no message is kept, and the end of one is answered with 451"
    );
    runtime.block_on(async {
        let resolver = Resolver::of(&settings.sources.resolvers).map_err(Stop::unfit)?;
        let desk = Desk::new(settings, NoSpool, Arc::new(SystemClock::default()), Arc::new(Shown));
        desk.asks(Arc::new(resolver));
        let local = SocketAddr::from(([127, 0, 0, 1], 25));
        let peer = Arc::new(Peer::new(SocketAddr::new(address, 0), local));
        match desk.admit(&peer) {
            Admission::Welcome(settings, seat) => {
                let session = Session::new(settings, seat.session(), peer);
                let stream =
                    Stream::new(tokio::io::stdin(), std::io::stdout(), Lines::Undecided).one_by_one();
                drive_on(stream, Vec::new(), session, seat).await;
            }
            Admission::TurnAway(words, _) => print!("{}", String::from_utf8_lossy(&words)),
            Admission::Drop => eprintln!("smtpserver: the connection is closed without a word"),
        }
        Ok(())
    })?;
    // A thread may still be waiting for standard input.
    runtime.shutdown_background();
    Ok(())
}

/// Shows what leads to each answer, before it is given.
struct Shown;

impl Journal for Shown {
    fn opened(&self, _: Now, _: SessionId, _: &Peer) {}

    fn note(&self, _: Now, _: SessionId, _: &Peer, _: &Event) {}

    fn reasoned(&self, _: Now, _: SessionId, reasons: &[String]) {
        let mut out = std::io::stdout().lock();
        for reason in reasons {
            // Whoever has gone does not read it.
            let _ = writeln!(out, "000- {}", printable(reason));
        }
    }
}

/// A spool that keeps nothing and says so.
struct NoSpool;

/// A message that will not be kept.
struct NoDraft(Account);

impl Draft for NoDraft {
    fn append(&mut self, octets: Vec<u8>) {
        self.0.room(octets.len());
    }

    fn revise(&mut self, _revision: Box<Revision>) {}

    fn show(&mut self) {
        self.0.failed(SpoolFault::Unusable);
    }

    fn bound_for(&mut self, _: Destination) {}
}

impl Spool for NoSpool {
    type Draft = NoDraft;

    fn begin(&self, account: Account) -> NoDraft {
        NoDraft(account)
    }

    fn start(&self, desk: &Arc<Desk<NoSpool>>, task: Task<NoDraft>) {
        let next = match task {
            Task::Sync(session, _) => desk.synced(session, Err(SpoolFault::Unusable)),
            Task::Publish(publication, _) => desk.published(publication, Vec::new()),
            Task::Measure => desk.measured(None),
        };
        for task in next {
            self.start(desk, task);
        }
    }
}
