//! One session and no daemon: on the connection that inetd hands over (`-n`), or over a batch of commands on standard
//! input (`-i`). No pid file, no limits on connections; the rules for messages are the same.

use crate::args::DaemonArgs;
use crate::auth::{self, BackEnds, Ready, Whom};
use crate::clock::{Clock, SystemClock};
use crate::config_file::Loaded;
use crate::daemon::give_up_rights;
use crate::desk::{Admission, Desk};
use crate::doors::{Sign, welcome};
use crate::drive::drive_on;
use crate::journal::{Journal, Logbook};
use crate::limits::LAST_WRITES_MAX;
use crate::metrics::Metrics;
use crate::process::privileges;
use crate::spool_fs::{self, FileSpool, Layout};
use crate::subserver::{self, Hired, Plan};
use crate::{Stop, log};
use smtpserver_core::config::manners::Batch;
use smtpserver_core::event::{Event, Outcome};
use smtpserver_core::limits::COMMAND_LINE_MAX;
use smtpserver_core::server::tarpit::TarpitRule;
use smtpserver_core::wire::unix_lines::UnixLines;
use smtpserver_core::{Now, Peer, Reason, Session, SessionId, Settings};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// A batch has no client that could hold a place in the server for ever, and may be long.
const BATCH_LASTS_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// The connection that stands as standard input, if it is one, and whose it is.
pub(crate) fn handed_over() -> std::io::Result<(std::net::TcpStream, SocketAddr)> {
    let stream = std::net::TcpStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let client = stream.peer_addr()?;
    Ok((stream, client))
}

/// Serves the connection that stands as standard input, then ends.
pub(crate) fn inetd(args: &DaemonArgs, loaded: &Loaded) -> Result<(), Stop> {
    let unfit = |error| Stop::unfit(format!("-n wants a connection of TCP as standard input: {error}"));
    let (stream, client) = handed_over().map_err(unfit)?;
    stream.set_nonblocking(true).map_err(unfit)?;
    // Nothing is said on standard error: inetd made it the client's.
    let mut settings = loaded.configuration.global().clone();
    let tls = loaded.tls.terms(&settings.tls);
    if args.inetd_tls {
        if tls.is_none() {
            return Err(Stop::unfit("-t needs PARAM use-tls and a certificate"));
        }
        settings.tls.first = true;
    }
    let settings = Arc::new(settings);
    // A stranger speaks: as for the daemon, with no more rights than are needed.
    let account = privileges::account(settings.run_as.as_ref(), &loaded.postoffice)
        .map_err(|why| loaded.blame("user", why))?;
    let layout = Layout::read(&loaded.configuration.zenv, &loaded.postoffice);
    let postoffice = spool_fs::find(&loaded.postoffice).map_err(Stop::unfit)?;
    let plan = Plan::of(args, loaded, &postoffice)?;
    let logins = auth::ready([&*settings], &BackEnds::default(), false).map_err(Stop::unfit)?;
    let (.., hired) = give_up_rights(args, loaded, &loaded.postoffice, &layout, &plan, account.as_ref())?;
    let sign = Sign { settings: settings.clone(), tls };
    let staff = Staff { hired, logins };
    alone(args, &loaded.postoffice, layout, staff, settings, None, async move |desk| {
        let stream = tokio::net::TcpStream::from_std(stream)?;
        if let Some(life) = welcome(stream, client, &desk, sign) {
            // A session that broke an assertion has told its client.
            let _ = life.await;
        }
        Ok(())
    })
}

/// Works off the batch on standard input; replies go to standard output. It has failed if anything in it was refused.
pub(crate) fn batch(args: &DaemonArgs, loaded: &Loaded) -> Result<(), Stop> {
    if handed_over().is_ok() {
        // Somebody elsewhere speaks, and has no right to what a user of this machine may do.
        return inetd(args, loaded);
    }
    let mut settings = loaded.configuration.global().clone();
    // Whoever runs this could write into the spool as well: it is their mail that is submitted.
    settings.policy.open_to_loopback = true;
    (settings.rules, settings.submit_rules) = (None, None);
    settings.timeouts.session = BATCH_LASTS_MAX;
    // Nobody is there to be slowed down, and the end of the file would cut off what waits behind a refusal.
    settings.tarpit = TarpitRule::default();
    // Nobody guesses at verbs here, and what follows a line that is no command would be lost.
    settings.limits.unknown_commands_max = u32::MAX;
    let batch = Batch {
        marked: args.bsmtp_channel,
        echo: args.verbose > 0,
        unix_lines: false,
        user: nix::unistd::getuid().as_raw(),
    };
    settings.manners.batch = Some(batch);
    let verdict = Arc::new(Verdict::default());
    let journal = verdict.clone();
    let layout = Layout::read(&loaded.configuration.zenv, &loaded.postoffice);
    let postoffice = spool_fs::find(&loaded.postoffice).map_err(Stop::unfit)?;
    let hired = Plan::of(args, loaded, &postoffice)?.hire().map_err(Stop::failed)?;
    // Nobody logs in.
    let staff = Staff { hired, logins: Vec::new() };
    alone(args, &loaded.postoffice, layout, staff, Arc::new(settings), Some(journal), async |desk| {
        bsmtp(&desk, tokio::io::stdin(), std::io::stdout()).await;
        Ok(())
    })?;
    if verdict.refused.load(Ordering::Relaxed) {
        return Err(Stop::failed("not all of the batch was accepted"));
    }
    Ok(())
}

/// A session over a stream of commands that waits for no reply.
pub(crate) async fn bsmtp<R, W>(desk: &Arc<Desk<FileSpool>>, mut input: R, output: W)
where
    R: AsyncRead + Unpin,
    W: Write + Unpin,
{
    let mut head = Vec::with_capacity(COMMAND_LINE_MAX);
    while head.len() < COMMAND_LINE_MAX && !head.contains(&b'\n') {
        match input.read_buf(&mut head).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peer = Arc::new(Peer::new(nobody, nobody));
    // There is no other session that could fill the place.
    let Admission::Welcome(settings, seat) = desk.admit(&peer) else { return };
    let mut settings = Settings::clone(&settings);
    let mut lines = Lines::Wire;
    if UnixLines::begin(&head) {
        let mut converted = Vec::new();
        let mut unix = UnixLines::default();
        unix.convert(&head, &mut converted);
        head = converted;
        lines = Lines::Unix(unix);
        if let Some(batch) = &mut settings.manners.batch {
            batch.unix_lines = true;
        }
    }
    let session = Session::new(Arc::new(settings), seat.session(), peer);
    drive_on(Stream::new(input, output, lines), head, session, seat).await;
}

/// Who helps a session: started while there were the rights for it.
struct Staff {
    hired: Hired,
    logins: Vec<(Whom, Option<Ready>)>,
}

/// Sets up what a session needs, lets `serve` have it, and waits for the disk.
fn alone(
    args: &DaemonArgs,
    postoffice: &Path,
    layout: Layout,
    staff: Staff,
    settings: Arc<Settings>,
    verdict: Option<Arc<Verdict>>,
    serve: impl AsyncFnOnce(Arc<Desk<FileSpool>>) -> std::io::Result<()>,
) -> Result<(), Stop> {
    let postoffice = spool_fs::prepare(postoffice, &layout).map_err(Stop::unfit)?;
    // Standard error may be the client's.
    let logs = log::open::open(&args.log, &settings)?.away_from_stderr();
    let log::open::Started { log, session_log, writers } =
        logs.start(log::level(args.verbose)).map_err(Stop::failed)?;
    let clock = SystemClock::default();
    let metrics = Arc::new(Metrics::new(clock.now().wall));
    let logbook = Arc::new(Logbook::new(log, session_log, metrics, writers.clone()));
    let journal: Arc<dyn Journal> = match verdict {
        Some(verdict) => Arc::new(Both { verdict, logbook }),
        None => logbook,
    };
    let spool = FileSpool::open(&postoffice, &settings.host, layout);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::failed(format!("cannot start: {error}")))?;
    let desk = Desk::new(settings, spool, Arc::new(clock), journal);
    drop(desk.measured(desk.spool().free_kib()));
    let served = runtime.block_on(async {
        desk.back_ends().set(staff.logins);
        subserver::employ(&desk, staff.hired)?;
        serve(desk.clone()).await
    });
    // A thread may still be waiting for standard input.
    runtime.shutdown_background();
    desk.spool().wait_for_rest(LAST_WRITES_MAX);
    writers.flush();
    served.map_err(|error| Stop::failed(format!("cannot serve: {error}")))
}

/// Remembers whether anything was refused.
#[derive(Debug, Default)]
struct Verdict {
    refused: AtomicBool,
}

impl Verdict {
    fn look_at(&self, event: &Event) {
        let refused = match event {
            Event::Refused { .. } => true,
            Event::Transaction(record) => matches!(record.outcome, Outcome::Refused(_) | Outcome::Cut(_)),
            // It did not end by itself: what followed was not looked at.
            Event::Closed(record) => !matches!(record.reason, Reason::Quit | Reason::PeerClosed),
            Event::Command(_)
            | Event::Reply(_)
            | Event::Heard(_)
            | Event::Said(_)
            | Event::Filter(_)
            | Event::Explained { .. }
            | Event::LoggedIn(_)
            | Event::Secured(_)
            | Event::Unsecured(_)
            | Event::TarpitDelayed(_) => false,
        };
        self.refused.fetch_or(refused, Ordering::Relaxed);
    }
}

/// Writes events down and looks at them.
struct Both {
    verdict: Arc<Verdict>,
    logbook: Arc<Logbook>,
}

impl Journal for Both {
    fn opened(&self, now: Now, session: SessionId, peer: &Peer) {
        self.logbook.opened(now, session, peer);
    }

    fn note(&self, now: Now, session: SessionId, peer: &Peer, event: &Event) {
        self.verdict.look_at(event);
        self.logbook.note(now, session, peer, event);
    }
}

/// How the input ends its lines.
pub(crate) enum Lines {
    /// Its first line will tell.
    Undecided,
    /// As the wire has it.
    Wire,
    /// With LF.
    Unix(UnixLines),
}

/// A stream in and a stream out as one. What is written leaves at once: nobody else waits for this thread.
pub(crate) struct Stream<R, W> {
    input: R,
    output: W,
    lines: Lines,
    /// What there was no room for: lines grow when their CR is put in.
    over: Vec<u8>,
}

impl<R, W> Stream<R, W> {
    pub(crate) fn new(input: R, output: W, lines: Lines) -> Stream<R, W> {
        Stream { input, output, lines, over: Vec::new() }
    }
}

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Stream<R, W> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Stream { input, lines, over, .. } = self.get_mut();
        if over.is_empty() {
            let mut octets = vec![0; buffer.remaining()];
            let mut plain = ReadBuf::new(&mut octets);
            ready!(Pin::new(input).poll_read(context, &mut plain))?;
            let heard = plain.filled();
            if matches!(lines, Lines::Undecided) && heard.contains(&b'\n') {
                *lines =
                    if UnixLines::begin(heard) { Lines::Unix(UnixLines::default()) } else { Lines::Wire };
            }
            match lines {
                Lines::Unix(unix) => unix.convert(heard, over),
                Lines::Undecided | Lines::Wire => over.extend_from_slice(heard),
            }
        }
        let rest = over.split_off(over.len().min(buffer.remaining()));
        buffer.put_slice(&std::mem::replace(over, rest));
        Poll::Ready(Ok(()))
    }
}

impl<R: Unpin, W: Write + Unpin> AsyncWrite for Stream<R, W> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<std::io::Result<usize>> {
        let output = &mut self.get_mut().output;
        Poll::Ready(output.write(octets).and_then(|taken| output.flush().map(|()| taken)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.get_mut().output.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(context)
    }
}
