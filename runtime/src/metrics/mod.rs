//! Counters of what happens, and the page on which they are shown. To count costs an atomic addition: no lock, no memory.
//! Labels are words of ours; nothing that a client says gets here.

mod counter;
pub(crate) mod door;
mod http;
mod page;

use crate::journal::Work;
use counter::{ByCode, ByName, Counter, Gauge, Histogram, Mark};
use page::{Kind, Page};
use smtpserver_core::Duration;
use smtpserver_core::event::{Event, Outcome, TransactionRecord};
use smtpserver_core::now::{Wall, micros};
use smtpserver_core::server::admission::Limit;
use smtpserver_core::tls::{HandshakeFault, TlsVersion};
use smtpserver_core::wire::command::Verb;
use std::sync::{Arc, OnceLock};

/// Bounds of histograms of time, in microseconds.
const TIMES: &[u64] = &[
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    3_600_000_000,
];
/// The versions of TLS.
const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];
/// Bounds of the histogram of batches, in messages.
const BATCHES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Connections by the limit that they came up against.
#[derive(Default)]
struct ByLimit {
    same_source: Counter,
    total: Counter,
}

impl ByLimit {
    fn of(&self, limit: Limit) -> &Counter {
        match limit {
            Limit::SameSource => &self.same_source,
            Limit::Total => &self.total,
        }
    }
}

/// All that is counted.
pub struct Metrics {
    began: Wall,
    welcomed: Counter,
    turned_away: ByLimit,
    dropped: ByLimit,
    headers_awaited: Counter,
    no_header: Counter,
    open: Gauge,
    ended: ByName,
    session: Histogram,
    commands: ByName,
    replies: ByCode,
    refusals: ByName,
    logins: ByName,
    transactions: ByName,
    recipients: Counter,
    recipients_refused: Counter,
    stored_octets: Counter,
    heard: Counter,
    said: Counter,
    envelope: Histogram,
    data: Histogram,
    store: Histogram,
    batch: Histogram,
    commit: Histogram,
    commits_failed: Counter,
    sync: Histogram,
    publish: Histogram,
    secured: ByName,
    unsecured: ByName,
    certificate_ends: Mark,
    tarpit_delays: Counter,
    tarpit_micros: Counter,
    tarpitted: Gauge,
    defects: Counter,
}

impl Metrics {
    /// Nothing has happened yet; the process began at this time.
    pub fn new(began: Wall) -> Metrics {
        let names: Vec<_> = Verb::all().iter().map(|verb| verb.name()).collect();
        Metrics {
            began,
            welcomed: Counter::default(),
            turned_away: ByLimit::default(),
            dropped: ByLimit::default(),
            headers_awaited: Counter::default(),
            no_header: Counter::default(),
            open: Gauge::default(),
            ended: ByName::default(),
            session: Histogram::new(TIMES),
            commands: ByName::of(&names),
            replies: ByCode::default(),
            refusals: ByName::default(),
            logins: ByName::default(),
            transactions: ByName::of(&["stored", "refused", "reset", "cut"]),
            recipients: Counter::default(),
            recipients_refused: Counter::default(),
            stored_octets: Counter::default(),
            heard: Counter::default(),
            said: Counter::default(),
            envelope: Histogram::new(TIMES),
            data: Histogram::new(TIMES),
            store: Histogram::new(TIMES),
            batch: Histogram::new(BATCHES),
            commit: Histogram::new(TIMES),
            commits_failed: Counter::default(),
            sync: Histogram::new(TIMES),
            publish: Histogram::new(TIMES),
            secured: ByName::of(&VERSIONS.map(TlsVersion::name)),
            unsecured: ByName::of(&HandshakeFault::ALL.map(HandshakeFault::name)),
            certificate_ends: Mark::default(),
            tarpit_delays: Counter::default(),
            tarpit_micros: Counter::default(),
            tarpitted: Gauge::default(),
            defects: Counter::default(),
        }
    }

    /// A session begins.
    pub(crate) fn opened(&self) {
        self.welcomed.add(1);
        self.open.enter();
    }

    /// Something happened in a session.
    pub(crate) fn note(&self, event: &Event) {
        match event {
            Event::Heard(_) | Event::Said(_) | Event::Filter(_) | Event::Explained { .. } => {}
            Event::Command(verb) => self.commands.add(verb.map_or("other", Verb::name)),
            Event::Reply(code) => self.replies.add(*code),
            Event::Refused { refusal, .. } => self.refusals.add(refusal.name()),
            Event::LoggedIn(login) => self.logins.add(login.mechanism().name()),
            Event::Secured(facts) => self.secured.add(facts.version.name()),
            Event::Unsecured(fault) => self.unsecured.add(fault.name()),
            Event::TarpitDelayed(delay) => {
                self.tarpit_delays.add(1);
                self.tarpit_micros.add(micros(*delay));
            }
            Event::Transaction(record) => self.transaction(record),
            Event::Closed(record) => {
                self.ended.add(record.reason.name());
                self.session.observe_time(record.lasted);
            }
        }
    }

    fn transaction(&self, record: &TransactionRecord) {
        self.recipients.add(record.recipients.into());
        self.recipients_refused.add(record.recipients_refused.into());
        let (name, whole) = match record.outcome {
            Outcome::Stored(_) => ("stored", true),
            Outcome::Discarded => ("discarded", true),
            Outcome::Refused(_) => ("refused", true),
            Outcome::Reset => ("reset", false),
            Outcome::Cut(_) => ("cut", false),
        };
        self.transactions.add(name);
        if whole {
            self.envelope.observe_time(record.envelope);
            self.data.observe_time(record.data);
            self.store.observe_time(record.store);
        }
        if matches!(record.outcome, Outcome::Stored(_)) {
            self.stored_octets.add(record.octets);
        }
    }

    /// The hands did something.
    pub(crate) fn count(&self, work: Work) {
        match work {
            Work::TurnedAway(limit) => self.turned_away.of(limit).add(1),
            Work::Dropped(limit) => self.dropped.of(limit).add(1),
            Work::HeadersAwaited => self.headers_awaited.add(1),
            Work::NoHeader => self.no_header.add(1),
            Work::Left => self.open.leave(),
            Work::Heard(octets) => self.heard.add(wide(octets)),
            Work::Said(octets) => self.said.add(wide(octets)),
            Work::Tarpit(true) => self.tarpitted.enter(),
            Work::Tarpit(false) => self.tarpitted.leave(),
            Work::Committed(kept, took) => {
                self.commit.observe_time(took);
                self.commits_failed.add(u64::from(!kept));
            }
            Work::Synced(took) => self.sync.observe_time(took),
            Work::Published(messages, took) => {
                self.batch.observe(wide(messages));
                self.publish.observe_time(took);
            }
            Work::CertificateEnds(ends) => {
                self.certificate_ends.set(u64::try_from(ends.unwrap_or(0)).unwrap_or(0));
            }
            Work::Defect => self.defects.add(1),
        }
    }

    /// The page that a collector reads. `lost` are the lines that each log has lost, `farms` the helpers there are now.
    pub(crate) fn page(&self, lost: impl Iterator<Item = (&'static str, u64)>, farms: &[FarmNow]) -> String {
        let mut page = Page::default();
        page.family("build_info", Kind::Gauge, "Always 1; the label says which program runs.");
        page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("start_time_seconds", Kind::Gauge, "When the process began, in seconds since 1970.");
        page.sample(&[], u64::try_from(self.began.seconds()).unwrap_or(0));
        self.connections(&mut page);
        self.dialogues(&mut page);
        self.mail(&mut page);
        self.spool(&mut page);
        helpers(&mut page, farms);
        page.family("log_lines_lost_total", Kind::Counter, "Lines that did not get into a log, by log.");
        lost.for_each(|(log, lines)| page.sample(&[("log", log)], lines));
        page.family("defects_total", Kind::Counter, "Sessions that ended by a defect of the server.");
        page.sample(&[], self.defects.get());
        page.text()
    }

    fn connections(&self, page: &mut Page) {
        page.family(
            "connections_total",
            Kind::Counter,
            "Connections: welcomed as a session, turned-away with a reply, or dropped without a word; and why not welcomed.",
        );
        page.sample(&[("fate", "welcomed")], self.welcomed.get());
        for (fate, why, counter) in [
            ("turned-away", "same-source", &self.turned_away.same_source),
            ("turned-away", "total", &self.turned_away.total),
            ("dropped", "same-source", &self.dropped.same_source),
            ("dropped", "total", &self.dropped.total),
            ("dropped", "proxy-headers-awaited", &self.headers_awaited),
            ("dropped", "no-proxy-header", &self.no_header),
        ] {
            page.sample(&[("fate", fate), ("why", why)], counter.get());
        }
        page.family("sessions_open", Kind::Gauge, "Sessions that are open.");
        page.sample(&[], self.open.get());
        page.family("sessions_total", Kind::Counter, "Sessions that have ended, by why.");
        self.ended.each(|why, count| page.sample(&[("why", why)], count));
        page.family("session_seconds", Kind::Histogram, "How long sessions lasted.");
        page.times(&[], &self.session);
        page.family("octets_total", Kind::Counter, "Octets from clients (in) and to clients (out).");
        page.sample(&[("direction", "in")], self.heard.get());
        page.sample(&[("direction", "out")], self.said.get());
    }

    fn dialogues(&self, page: &mut Page) {
        page.family(
            "commands_total",
            Kind::Counter,
            "Command lines, by verb; other: none that the server knows.",
        );
        self.commands.each(|verb, count| page.sample(&[("verb", verb)], count));
        page.family("replies_total", Kind::Counter, "Replies in sessions, by code.");
        self.replies.each(|code, count| page.sample(&[("code", code)], count));
        page.family("refusals_total", Kind::Counter, "Refused commands and messages, by why.");
        self.refusals.each(|why, count| page.sample(&[("why", why)], count));
        page.family("logins_total", Kind::Counter, "Logins, by mechanism; those that failed are refusals.");
        self.logins.each(|mechanism, count| page.sample(&[("mechanism", mechanism)], count));
        page.family("tls_handshakes_total", Kind::Counter, "TLS handshakes that were done, by version.");
        self.secured.each(|version, count| page.sample(&[("version", version)], count));
        page.family("tls_handshakes_failed_total", Kind::Counter, "TLS handshakes that failed, by why.");
        self.unsecured.each(|why, count| page.sample(&[("why", why)], count));
        page.family(
            "tls_certificate_ends_seconds",
            Kind::Gauge,
            "When the first of our certificates ends, in seconds since 1970; 0 without TLS.",
        );
        page.sample(&[], self.certificate_ends.get());
        page.family("tarpit_delays_total", Kind::Counter, "Refusals that had to wait in the tarpit.");
        page.sample(&[], self.tarpit_delays.get());
        page.family("tarpit_delay_seconds_total", Kind::Counter, "How long they had to wait, together.");
        page.seconds(&[], self.tarpit_micros.get());
        page.family("tarpitted_sessions", Kind::Gauge, "Sessions that are in the tarpit.");
        page.sample(&[], self.tarpitted.get());
    }

    fn mail(&self, page: &mut Page) {
        page.family(
            "transactions_total",
            Kind::Counter,
            "Transactions that have ended: stored, refused after the data, reset, or cut with their session.",
        );
        self.transactions.each(|outcome, count| page.sample(&[("outcome", outcome)], count));
        page.family("recipients_total", Kind::Counter, "Recipients of these transactions, by verdict.");
        page.sample(&[("verdict", "admitted")], self.recipients.get());
        page.sample(&[("verdict", "refused")], self.recipients_refused.get());
        page.family("stored_octets_total", Kind::Counter, "Octets of the messages that were stored.");
        page.sample(&[], self.stored_octets.get());
        page.family(
            "phase_seconds",
            Kind::Histogram,
            "Phases of the transactions that came to the end of their data: envelope, data, store.",
        );
        for (phase, histogram) in [("envelope", &self.envelope), ("data", &self.data), ("store", &self.store)]
        {
            page.times(&[("phase", phase)], histogram);
        }
    }

    fn spool(&self, page: &mut Page) {
        page.family("spool_commit_seconds", Kind::Histogram, "From the order to commit to the report.");
        page.times(&[], &self.commit);
        page.family("spool_commits_failed_total", Kind::Counter, "Commits that failed.");
        page.sample(&[], self.commits_failed.get());
        page.family("spool_sync_seconds", Kind::Histogram, "Writing the rest of a file and syncing it.");
        page.times(&[], &self.sync);
        page.family("spool_publish_seconds", Kind::Histogram, "Renaming a batch and syncing the directory.");
        page.times(&[], &self.publish);
        page.family("spool_batch_messages", Kind::Histogram, "Messages of a batch.");
        page.numbers(&[], &self.batch);
    }
}

/// The helpers of a trade at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FarmNow {
    /// The trade's name.
    pub(crate) trade: &'static str,
    /// Those that run.
    pub(crate) helpers: usize,
    /// Those of them that can be asked.
    pub(crate) hungry: usize,
    /// Questions that wait for one.
    pub(crate) waiting: usize,
}

/// Who tells of the helpers, once there is somebody.
pub(crate) type Farms = Arc<OnceLock<Box<dyn Fn() -> Vec<FarmNow> + Send + Sync>>>;

fn helpers(page: &mut Page, farms: &[FarmNow]) {
    let mut family = |name, help, count: fn(&FarmNow) -> usize| {
        page.family(name, Kind::Gauge, help);
        farms.iter().for_each(|farm| page.sample(&[("trade", farm.trade)], wide(count(farm))));
    };
    family("helpers", "Helpers that run, by trade.", |farm| farm.helpers);
    family("helpers_free", "Helpers that could be asked now, by trade.", |farm| farm.hungry);
    family("helper_queue", "Questions that wait for a helper, by trade.", |farm| farm.waiting);
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).expect("a length in memory fits 64 bits")
}

impl Histogram {
    fn observe_time(&self, span: Duration) {
        self.observe(micros(span));
    }
}

#[cfg(test)]
mod tests;
