//! The demonstration: a server for whoever has just built this program. It takes mail for anybody from this machine,
//! tells in plain words what it does, and delivers nothing.

use crate::args::{self, DemoArgs};
use crate::auth::{self, BackEnds, Scheme};
use crate::clock::{Clock, SystemClock};
use crate::journal::Journal;
use crate::limits::LAST_WRITES_MAX;
use crate::lines::{Lines, printable};
use crate::listen::Wanted;
use crate::log::{Log, Place};
use crate::places::serving;
use crate::spool_fs::{self, FileSpool, Layout, ROUTER};
use crate::tls::shop::Shop;
use crate::{Stop, listen, passwd, serve, signals, tls};
use smtpserver_core::auth::{Secret, UserName};
use smtpserver_core::config::bind::Service;
use smtpserver_core::config::choices::Users;
use smtpserver_core::config::file::remark::Spot;
use smtpserver_core::event::{Outcome, TransactionRecord};
use smtpserver_core::spool::id::SpoolId;
use smtpserver_core::{Event, Now, Peer, SessionId};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A line for the person at the terminal. Whoever has gone does not read it, and mail comes all the same.
macro_rules! say {
    ($($words:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Runs the demonstration until it is told to stop.
pub(crate) fn run(args: DemoArgs) -> Result<(), Stop> {
    let place = args.place()?;
    let mut settings = args::settings(&args.params)?;
    settings.policy.open_to_loopback = true;
    signals::keep_away()?;
    serve::raise_limits(&settings.limits);

    spool_fs::make(&args.postoffice).map_err(|error| {
        Stop::unfit(format!("the spool directory {} cannot be made: {error}", args.postoffice.display()))
    })?;
    let postoffice = spool_fs::prepare(&args.postoffice, &Layout::default()).map_err(Stop::unfit)?;
    let recorder = serve::start_recorder(args.record.wish()?.as_ref())?;
    settings.tls = tls::own::settings(&postoffice).map_err(Stop::unfit)?;
    let password = make_user(&postoffice)?;
    settings.auth.offered = true;
    settings.auth.users = Some(Users::File(postoffice.join(USERS).display().to_string()));
    let logins = auth::ready([&settings], &BackEnds::default(), false).map_err(Stop::unfit)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let terms = Shop::one(&settings.tls, &clock).map_err(Stop::unfit)?;
    let settings = Arc::new(settings);
    let wanted = |port, service| Wanted {
        address: SocketAddr::new(place.ip, port),
        settings: Arc::new(serving(&settings, service)),
        tls: Some(terms.clone()),
        asked_by: Spot::whole("--listen"),
        optional: false,
    };
    let port = place.port.unwrap_or(DemoArgs::PORT);
    // Beside a port of one's own choice, any that is free.
    let smtps = if port == DemoArgs::PORT { DemoArgs::SMTPS_PORT } else { 0 };
    let submit = if port == DemoArgs::PORT { DemoArgs::SUBMIT_PORT } else { 0 };
    let wanted =
        vec![wanted(port, Service::Smtp), wanted(smtps, Service::SmtpS), wanted(submit, Service::Submit)];
    let doors = listen::open(wanted, &mut Vec::new()).map_err(Stop::unfit)?;
    listen::start(&doors).map_err(Stop::unfit)?;
    let address = doors[0].socket.local_addr().map_err(Stop::failed)?;
    let smtps = doors[1].socket.local_addr().map_err(Stop::failed)?;
    let submit = doors[2].socket.local_addr().map_err(Stop::failed)?;

    let stderr = Lines::to(|| Ok(Box::new(std::io::stderr()))).map_err(Stop::failed)?;
    Log::new(tracing::Level::WARN, vec![Place::Text(stderr.clone())]).trace();
    say!("This is smtpserver, for a try. It takes mail for any recipient, from this machine only.");
    say!("Nothing is delivered anywhere: each message becomes a file in");
    say!("  {}", postoffice.join(ROUTER).display());
    say!();
    for line in serve::listening_lines(&doors) {
        say!("{line}");
    }
    say!("In this order: SMTP; SMTPS, with TLS from the first octet; and SUBMIT, for users.");
    say!();
    say!("Send it something from another terminal:");
    say!("  {}", curl_line(&format!("smtp://{address}")));
    say!("  swaks --server {address} --from ann@example.org --to bob@example.net");
    say!("Within TLS, with a certificate that nobody has signed (so -k does not look at it):");
    say!("  {} -k --ssl-reqd", curl_line(&format!("smtp://{address}")));
    say!("  {} -k", curl_line(&format!("smtps://{smtps}")));
    say!("As a user who logs in, {USER} with the password {password}:");
    say!("  {} -k --ssl-reqd -u {USER}:{password}", curl_line(&format!("smtp://{submit}")));
    say!(
        "  swaks --server {submit} --tls --auth PLAIN --auth-user {USER} --auth-password {password} \
         --from ann@example.org --to bob@example.net"
    );
    say!();
    say!("Ctrl-C stops it.");

    let stdout = Lines::to(|| Ok(Box::new(std::io::stdout()))).map_err(Stop::failed)?;
    let page = Arc::new(Page {
        router: postoffice.join(ROUTER),
        lines: stdout.clone(),
        accepted: AtomicU64::new(0),
    });
    let spool = FileSpool::open(&postoffice, &settings.host, Layout::default());
    let ended = serve::serve(settings, spool, doors, page.clone(), recorder, logins, None);
    for lines in [stdout, stderr] {
        lines.flush(LAST_WRITES_MAX);
    }
    match page.accepted.load(Ordering::Relaxed) {
        0 => say!("Stopped. No message came."),
        1 => say!("Stopped. One message came; it stays where it is."),
        n => say!("Stopped. {n} messages came; they stay where they are."),
    }
    ended
}

/// The user of the demonstration.
const USER: &str = "demo";
/// The file that knows it, in the spool's folder.
const USERS: &str = "demo-users";

/// Makes the user, with a password that is another one each time.
fn make_user(postoffice: &Path) -> Result<String, Stop> {
    let octets = auth::fresh_octets::<8>().map_err(Stop::failed)?;
    let password: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let user = UserName::new(USER).ok_or_else(|| Stop::failed("no name for a user"))?;
    let secret = Secret::from(password.as_bytes());
    passwd::set(&postoffice.join(USERS), &user, &secret, Scheme::Argon2id)?;
    Ok(password)
}

fn curl_line(address: &str) -> String {
    format!(
        "printf 'Subject: hello\\r\\n\\r\\nIt works.\\r\\n' | curl -sS {address} \
         --mail-from ann@example.org --mail-rcpt bob@example.net -T -"
    )
}

/// Shows accepted messages on stdout.
struct Page {
    router: PathBuf,
    lines: Lines,
    accepted: AtomicU64,
}

impl Journal for Page {
    fn opened(&self, _now: Now, _session: SessionId, _peer: &Peer) {}

    fn note(&self, _now: Now, _session: SessionId, _peer: &Peer, event: &Event) {
        if let Event::Transaction(record) = event
            && let Outcome::Stored(id) = &record.outcome
        {
            self.accepted.fetch_add(1, Ordering::Relaxed);
            self.lines.add(human_line(record, id, &self.router).as_bytes());
        }
    }
}

fn human_line(record: &TransactionRecord, id: &SpoolId, router: &Path) -> String {
    let from = match record.from.as_str() {
        "" => "nobody (a report)".into(),
        from => printable(from),
    };
    let first = record.to.first().map(|to| printable(to)).unwrap_or_default();
    let others = match record.recipients.saturating_sub(1) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let file = router.join(SpoolId::file_name(id.as_str()).unwrap_or_default());
    format!("{} octets from {from} to {first}{others}: {}\n", record.octets, file.display())
}
