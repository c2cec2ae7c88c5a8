//! Laws 4 and 10 on single sessions: some of each run are held again, alone, in the kindest of worlds, with the same
//! octets cut in other places; and some are told anew by the naive model.

use super::by_connection::ByConnection;
use super::rules::Session as Ruled;
use super::{Case, Violation};
use crate::des::Run;
use crate::dice::{Dice, Purpose};
use crate::model::follow;
use crate::plan::{Fault, OWN, Plan};
use crate::tls;
use crate::trace::{ConnectionId, Looked, News, Noted, What};
use crate::users;
use crate::zone::Zone;
use memchr::memmem;
use smtpserver_core::server::Solo;
use smtpserver_core::spool::{Order, Report, Stored};
use smtpserver_core::wire::text::BareNewline;
use smtpserver_core::{Input, Now, Output, Peer, Session, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Sessions of a run that are looked at.
const SAMPLE: usize = 2;
/// Longer sessions are not cut into single octets.
const OCTETS_MAX: usize = 50_000;

/// Octets of drafts that are reported together.
const BLOCK: usize = 4096;

/// Sessions of a run that the model tells anew.
const MODELLED: usize = 8;

#[derive(Debug, Default)]
struct Heard {
    octets: Vec<u8>,
    replies: Vec<u8>,
    client_closed: bool,
    source: Option<IpAddr>,
    /// The fault of the plan that changed its settings, if one did.
    change: Option<usize>,
    over: bool,
}

/// The sessions of a run that are looked at.
#[derive(Debug, Default)]
pub(super) struct Sample {
    heard: BTreeMap<ConnectionId, Heard>,
    /// Those that are held again.
    again: Vec<ConnectionId>,
    /// Those that are told anew.
    modelled: Vec<ConnectionId>,
}

/// Law 4, seamless: where segments end never changes a reply.
pub(super) fn seamless(Case { plan, sample, .. }: &Case<'_>) -> Result<(), Violation> {
    let zone =
        Zone::read(plan.zone.iter().map(String::as_str)).map_err(|what| Violation::new(4, None, what))?;
    // What others have sent within the hour is not here, and neither is the hour.
    let plan = &without_rates(plan);
    let octetwise = Dice::new(plan.seed, Purpose::Sample, 2).chance(500);
    for (number, id) in sample.again.iter().enumerate() {
        let heard = &sample.heard[id];
        let settings = Arc::new(plan.settings(heard.change).map_err(|what| Violation::new(4, None, what))?);
        let helpers = &settings.helpers;
        if helpers.router
            || helpers.filter.is_some()
            || helpers.policy_service.is_some()
            || !helpers.milters.is_empty()
        {
            // What its helpers said cannot be had again.
            continue;
        }
        let said = masked(&heard.replies);
        // Octet by octet is dear: in half of all worlds; the seeds together try everything.
        let piece = if number > 0 {
            usize::MAX
        } else if octetwise {
            1
        } else {
            7
        };
        let replies = masked(&hold(&settings, &zone, heard, piece));
        if replies != said {
            let what = format!(
                "connection {id} hears something else when its octets come {} at a time: {} / {}",
                if piece == usize::MAX { "all".to_owned() } else { piece.to_string() },
                said.escape_ascii(),
                replies.escape_ascii(),
            );
            return Err(Violation::new(4, None, what));
        }
    }
    Ok(())
}

/// Law 10, exact: a session's replies are those of the naive model, which knows no time and no trouble: where the world
/// may say "not now" the model believes what was said.
pub(super) fn as_modelled(Case { plan, sample, rulings, .. }: &Case<'_>) -> Result<(), Violation> {
    for id in &sample.modelled {
        let heard = &sample.heard[id];
        let codes = codes(&heard.replies);
        let Some(source) = heard.source else { continue };
        let mut settings = plan.settings(heard.change).map_err(|what| Violation::new(10, None, what))?;
        let rulings = rulings.session(*id);
        if let Some(rulings) = rulings {
            bind(&mut settings, rulings);
        }
        let ruled = rulings.map(|rulings| rulings.codes.as_slice());
        let course = follow(&settings, source, &heard.octets, &codes, ruled);
        let expected: Vec<u16> = course.replies.iter().map(|said| said.code).collect();
        let differs = codes.iter().zip(&expected).position(|(said, expected)| said != expected);
        let last = codes.len().saturating_sub(1);
        let wrong = match differs {
            // A session may end by its time or by ours, whatever the client said.
            Some(at) => !(at == last && is_trouble(codes[at])),
            None if codes.len() > expected.len() => {
                !(codes.len() == expected.len() + 1 && is_trouble(codes[last]))
            }
            None => heard.over && codes.len() < expected.len(),
        };
        if wrong {
            let at = differs.unwrap_or(codes.len().min(expected.len()));
            let what = format!(
                "connection {id}: reply {at} is {:?}, and the model says {:?}; all: {codes:?} / {expected:?}",
                codes.get(at),
                expected.get(at)
            );
            return Err(Violation::new(10, None, what));
        }
    }
    Ok(())
}

/// The settings, as policy makes them for this client.
fn bind(settings: &mut Settings, rulings: &Ruled) {
    let own = &mut settings.limits.message_octets_max;
    if let Some(most) = rulings.octets_max.filter(|most| *most > 0) {
        *own = if *own == 0 { most } else { most.min(*own) };
    }
    if let Some(normalizes) = rulings.normalizes {
        settings.bare_newline = if normalizes { BareNewline::Normalize } else { BareNewline::Reject };
    }
}

/// The plan with nothing in its policy that depends on what was counted.
fn without_rates(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let later = plan.faults.iter_mut().filter_map(|fault| match fault {
        Fault::Reconfigure { policy, .. } => Some(policy),
        _ => None,
    });
    for line in std::iter::once(&mut plan.policy).chain(later).flatten() {
        let words: Vec<&str> = line.split(' ').collect();
        let kept = words.iter().enumerate().map(|(at, word)| {
            // What forbids at once forbids again.
            let counts = at > 0 && words[at - 1] == "ratelimitmsgs" && !word.contains('-');
            if counts { "0" } else { *word }
        });
        *line = kept.collect::<Vec<&str>>().join(" ");
    }
    plan
}

/// A session may end with the world's trouble as its last words.
fn is_trouble(code: u16) -> bool {
    (400..500).contains(&code)
}

/// The codes of all replies.
fn codes(replies: &[u8]) -> Vec<u16> {
    let lines = replies.split(|octet| *octet == b'\n');
    lines
        .filter(|line| line.get(3).is_some_and(|mark| *mark != b'-'))
        .filter_map(|line| std::str::from_utf8(line.get(..3)?).ok()?.parse().ok())
        .collect()
}

/// A session in outline: what decides whether it is looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Outline {
    octets: usize,
    /// Something happened that octets alone do not tell.
    troubled: bool,
    over: bool,
}

impl Sample {
    /// Draws sessions of a run.
    pub(super) fn of(plan: &Plan, run: &Run) -> Sample {
        let outlines = outlines(run);
        let short = |outline: &Outline| outline.octets <= OCTETS_MAX;
        let again = |outline: &Outline| short(outline) && outline.over && !outline.troubled;
        let again = draw(plan, 0, SAMPLE, &outlines, again);
        let modelled = draw(plan, 1, MODELLED, &outlines, short);
        let heard = gather(run, again.iter().chain(&modelled).copied().collect());
        Sample { heard, again, modelled }
    }
}

/// So many of the sessions that are fit, or fewer, in an order of their own.
fn draw(
    plan: &Plan,
    number: u64,
    count: usize,
    outlines: &ByConnection<Outline>,
    is_fit: impl Fn(&Outline) -> bool,
) -> Vec<ConnectionId> {
    let fit: Vec<ConnectionId> =
        outlines.iter().filter(|(_, outline)| is_fit(outline)).map(|(id, _)| id).collect();
    let mut dice = Dice::new(plan.seed, Purpose::Sample, number);
    let drawn: BTreeSet<ConnectionId> = (0..count.min(fit.len())).map(|_| *dice.pick(&fit)).collect();
    drawn.into_iter().collect()
}

fn outlines(run: &Run) -> ByConnection<Outline> {
    let mut sessions: ByConnection<Outline> = ByConnection::default();
    for entry in run.trace.entries() {
        let (What::Took(id, _)
        | What::Wrote(id, _)
        | What::Told(id, _)
        | What::Noted(id, Noted::Delayed(_))
        | What::Looked(id, _, Looked::Trouble)
        | What::Welcomed { connection: id, .. }
        | What::Closed(id, _)) = &entry.what
        else {
            continue;
        };
        let outline = match &entry.what {
            What::Welcomed { .. } => sessions.or_default(*id),
            _ => match sessions.get_mut(*id) {
                Some(outline) => outline,
                None => continue,
            },
        };
        match &entry.what {
            What::Took(_, octets) => outline.octets += octets.len(),
            // Trouble of the world is told with a 4; it is not the octets' doing.
            What::Wrote(_, octets) => {
                outline.troubled |= octets.starts_with(b"4") || memmem::find(octets, b"\n4").is_some();
            }
            What::Told(_, News::Tick | News::Failed | News::ShuttingDown)
            | What::Noted(..)
            | What::Looked(..) => {
                outline.troubled = true;
            }
            // A session that ends because its client broke off in the middle says less than it would have.
            What::Closed(_, "quit" | "misbehaved") => outline.over = true,
            _ => {}
        }
    }
    sessions
}

/// What these sessions heard and said.
fn gather(run: &Run, wanted: BTreeSet<ConnectionId>) -> BTreeMap<ConnectionId, Heard> {
    let mut sessions: BTreeMap<ConnectionId, Heard> =
        wanted.into_iter().map(|id| (id, Heard::default())).collect();
    let mut change = None;
    for entry in run.trace.entries() {
        match &entry.what {
            What::Reconfigured(fault) => change = Some(*fault),
            What::Welcomed { connection, .. } => {
                if let Some(heard) = sessions.get_mut(connection) {
                    heard.change = change;
                }
            }
            What::Connects { connection: id, source, .. } => {
                if let Some(heard) = sessions.get_mut(id) {
                    heard.source = Some(*source);
                }
            }
            What::Took(id, octets) => {
                if let Some(heard) = sessions.get_mut(id) {
                    heard.octets.extend_from_slice(octets);
                }
            }
            What::Wrote(id, octets) => {
                if let Some(heard) = sessions.get_mut(id) {
                    heard.replies.extend_from_slice(octets);
                }
            }
            What::Told(id, News::PeerClosed) => {
                if let Some(heard) = sessions.get_mut(id) {
                    heard.client_closed = true;
                }
            }
            What::Closed(id, "quit" | "misbehaved") => {
                if let Some(heard) = sessions.get_mut(id) {
                    heard.over = true;
                }
            }
            _ => {}
        }
    }
    sessions
}

/// Holds a session again, with its octets `piece` at a time.
fn hold(settings: &Arc<Settings>, zone: &Zone, heard: &Heard, piece: usize) -> Vec<u8> {
    let source = heard.source.unwrap_or(OWN);
    let peer = Arc::new(Peer::new(SocketAddr::new(source, 40_000), SocketAddr::new(OWN, 25)));
    let mut server = Solo::new(Now::default(), settings.clone(), peer.clone());
    let mut session = Session::new(settings.clone(), server.session(), peer);
    let mut replies = Vec::new();
    let mut written = 0;
    let now = Now::default();
    session.handle(now, Input::Opened);
    obey(&mut session, (&mut server, zone), &mut replies, &mut written);
    let mut rest = heard.octets.as_slice();
    while !rest.is_empty() {
        let take = session.wants_bytes().min(piece).min(rest.len());
        if take == 0 {
            break;
        }
        session.handle(now, Input::Bytes(&rest[..take]));
        rest = &rest[take..];
        obey(&mut session, (&mut server, zone), &mut replies, &mut written);
    }
    if heard.client_closed {
        session.handle(now, Input::PeerClosed);
        obey(&mut session, (&mut server, zone), &mut replies, &mut written);
    }
    replies
}

/// Does what the session wants. `written` are octets of drafts whose writing was not reported yet: disks report blocks.
fn obey(
    session: &mut Session,
    (server, zone): (&mut Solo, &Zone),
    replies: &mut Vec<u8>,
    written: &mut usize,
) {
    let now = Now::default();
    loop {
        let Some(output) = session.poll() else {
            // The client takes every reply at once.
            if !session.awaits_sent() {
                return;
            }
            session.handle(now, Input::Sent);
            continue;
        };
        match output {
            Output::Write(octets) => replies.extend_from_slice(&octets),
            Output::Ask(ticket, question) => {
                let answer = server.answer_knowing(now, (ticket, question), |wanted| zone.answer(wanted));
                session.handle(now, Input::Answered(ticket, answer));
            }
            Output::Secure(_) => session.handle(now, Input::Secured(Arc::new(tls::facts()))),
            Output::Inquire(ticket, inquiry) => {
                let advice = users::advice(&inquiry);
                session.handle(now, Input::Advised(ticket, advice));
            }
            Output::Order(Order::Append(octets)) => {
                *written += octets.len();
                if *written >= BLOCK {
                    session.handle(now, Input::Reported(Report::Room(std::mem::take(written))));
                }
            }
            Output::Order(Order::Commit(_)) => {
                let stored = Stored { inode: 1, mtime_seconds: 0, mtime_nanos: 0 };
                session.handle(now, Input::Reported(Report::Committed(stored)));
            }
            Output::Order(
                Order::Begin | Order::Show | Order::Revise(_) | Order::Abandon | Order::Leave(_),
            )
            | Output::Attempt(_)
            | Output::Event(_)
            | Output::Close(_) => {}
        }
    }
}

/// Replies without what is different each time: the name under which a message is kept.
fn masked(replies: &[u8]) -> Vec<u8> {
    let mark = b"accepted as ";
    let mut out = Vec::with_capacity(replies.len());
    for line in replies.split_inclusive(|octet| *octet == b'\n') {
        match line.windows(mark.len()).position(|window| window == mark) {
            Some(at) => out.extend_from_slice(&line[..at]),
            None => out.extend_from_slice(line),
        }
    }
    out
}
