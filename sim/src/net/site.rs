//! The server's host: the daemon's parts put together as the daemon does it, on simulated sockets, disk and clock.
//! The driver, the desk and the seats are those of production, unchanged.

use super::clock::StepClock;
use super::crew::Crew;
use super::fabric::{Door, Stream};
use super::spool::{SimSpool, Store};
use super::staff::Staff;
use super::trace::Trace;
use super::wire::{ServerEnd, Wires};
use crate::played_names::AwaitedNames;
use crate::tls;
use crate::users::KnowsAll;
use crate::zone::Zone;
use smtpserver::desk::{Admission, Desk};
use smtpserver::drive::{drive, turn_away};
use smtpserver::journal::Journal;
use smtpserver::tls::Terms;
use smtpserver_core::{Event, Now, Peer, Session, SessionId, Settings};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Where the server listens, as sessions see it.
const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 25);
/// How much later than a session's own deadline it is cut off when the server stops, as in the daemon.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What outlasts the server's lives.
pub(crate) struct Site {
    settings: Arc<Settings>,
    /// What name servers know.
    pub(crate) names: Arc<AwaitedNames>,
    pub(crate) store: Arc<Store>,
    wires: Arc<Wires>,
    /// Helpers, where the settings ask for some.
    pub(crate) staff: Arc<Staff>,
    clock: Arc<StepClock>,
    journal: Arc<Diary>,
    life: Mutex<Option<Life>>,
}

/// One run of the server's software.
struct Life {
    desk: Arc<Desk<SimSpool>>,
    stop: Arc<Notify>,
    crew: Arc<Crew>,
}

impl Site {
    pub(crate) fn new(
        settings: Settings,
        zone: Zone,
        store: Arc<Store>,
        wires: Arc<Wires>,
        clock: Arc<StepClock>,
        trace: Arc<Trace>,
    ) -> Arc<Site> {
        let journal = Arc::new(Diary { trace, wires: wires.clone(), events: Mutex::default() });
        let (settings, names) = (Arc::new(settings), AwaitedNames::new(zone, wires.clone()));
        let staff = Staff::new(wires.clone());
        Arc::new(Site { settings, names, store, wires, staff, clock, journal, life: Mutex::new(None) })
    }

    /// Sessions that the server has now.
    pub(crate) fn sessions(&self) -> usize {
        self.life().as_ref().map_or(0, |life| life.desk.sessions())
    }

    /// Broken assertions in this life.
    pub(crate) fn panics(&self) -> u64 {
        self.life().as_ref().map_or(0, |life| life.desk.panics())
    }

    /// What the operator says with SIGTERM.
    pub(crate) fn stop(&self) {
        if let Some(life) = &*self.life() {
            life.stop.notify_one();
        }
    }

    /// All the server's tasks end where they are. They are gone after the next tick.
    pub(crate) fn kill(&self) {
        if let Some(life) = &*self.life() {
            life.crew.dismiss();
        }
    }

    /// Whether the server has begun its present life.
    pub(crate) fn is_open(&self) -> bool {
        self.life().is_some()
    }

    /// Forgets the last life, before the next one or after a crash.
    pub(crate) fn bury(&self) {
        *self.life() = None;
    }

    /// All events so far, as scripts spell them.
    pub(crate) fn events(&self) -> Vec<String> {
        self.journal.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's software: serves until it is told to stop, and then until the sessions have ended or their time
    /// is over.
    pub(crate) async fn serve(self: Arc<Self>) -> io::Result<()> {
        let crew = Arc::<Crew>::default();
        let spool = SimSpool::open(&self.store, &crew);
        let desk = Desk::new(self.settings.clone(), spool, self.clock.clone(), self.journal.clone());
        desk.asks(self.names.clone());
        desk.back_ends().put(&self.settings, Arc::new(KnowsAll));
        self.staff.work_for(&desk, &self.settings, &crew);
        let stop = Arc::new(Notify::new());
        *self.life() = Some(Life { desk: desk.clone(), stop: stop.clone(), crew: crew.clone() });
        let door = Door::open().await?;
        let accepting = tokio::spawn(accept(door, desk.clone(), self.clone(), crew.clone()));
        stop.notified().await;
        self.journal.trace.note("server", format_args!("stopping {} sessions", desk.sessions()));
        accepting.abort();
        // When it is gone its socket is closed, and new connections are refused.
        let _ = accepting.await;
        desk.stop();
        let drain = self.settings.timeouts.drain + LAST_WORDS;
        let emptied = tokio::time::timeout(drain, desk.emptied()).await.is_ok();
        self.journal.trace.note("server", format_args!("stopped, emptied {emptied}"));
        // Sessions that are still there end here, and their drafts with them.
        crew.dissolve().await;
        Ok(())
    }
}

async fn accept(door: Door, desk: Arc<Desk<SimSpool>>, site: Arc<Site>, crew: Arc<Crew>) {
    // An error would be one of the world, and end it.
    while let Ok(stream) = door.accept().await {
        crew.spawn(welcome(stream, desk.clone(), site.clone()));
    }
}

async fn welcome(stream: Stream, desk: Arc<Desk<SimSpool>>, site: Arc<Site>) {
    let Some((stream, client)) = ServerEnd::greet(stream, site.wires.clone()).await else { return };
    let peer = Arc::new(Peer::new(client, SocketAddr::from(LOCAL)));
    match desk.admit(&peer) {
        Admission::Welcome(settings, mut seat) => {
            seat.does_tls(
                settings.tls.offered.then(|| Arc::new(Terms::of(tls::server_config(), site.clock.clone()))),
            );
            let session = Session::new(settings, seat.session(), peer);
            drive(stream, session, seat).await;
        }
        // A client that begins with a handshake would not understand the words.
        Admission::TurnAway(_, presence) if site.settings.tls.first => {
            turn_away(stream, Vec::new(), presence).await;
        }
        Admission::TurnAway(words, presence) => turn_away(stream, words, presence).await,
        Admission::Drop => {}
    }
}

/// The journal: every event into the trace, and as a line for scripts.
struct Diary {
    trace: Arc<Trace>,
    wires: Arc<Wires>,
    events: Mutex<Vec<String>>,
}

impl Journal for Diary {
    fn opened(&self, _now: Now, session: SessionId, peer: &Peer) {
        self.trace.note("server", format_args!("{session} opened from {}", peer.client));
    }

    fn note(&self, _now: Now, session: SessionId, _peer: &Peer, event: &Event) {
        self.trace.note("server", format_args!("{session} {event:?}"));
        self.wires.stir();
        let line = format!("{} {event}", event.name()).trim_end().to_owned();
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
