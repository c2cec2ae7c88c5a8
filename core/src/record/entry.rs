//! One record of a log and its octets: a tag, then numbers and strings. It judges no order of records.

use super::fault::{LogFault, LogFaultKind};
use super::octets::{Cursor, put_length, put_number, put_signed};
use super::ruling::{self, Ruling};
use super::said::{Deed, Said};
use super::tls;
use crate::auth::{Advice, Finding, Means, Nonce};
use crate::input::Input;
use crate::limits::{RECORDED_HEARD_MAX, RECORDED_SAID_MAX, SCRAM_SALT_MAX};
use crate::now::{Instant, Now, Wall};
use crate::policy::{Answer, Ticket};
use crate::spool::{DraftPath, Report, SpoolFault, Stored};
use crate::tls::{HandshakeFault, TlsFacts};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Something was brought to the session.
    Brought(Now, Brought<'a>),
    /// The session put something out.
    Said(Said),
}

/// What was brought: an [`Input`] that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought<'a> {
    /// [`Input::Opened`].
    Opened,
    /// [`Input::Bytes`].
    Bytes(&'a [u8]),
    /// [`Input::Tick`].
    Tick,
    /// [`Input::Answered`].
    Answered(Ticket, Ruling),
    /// [`Input::Advised`] with [`Advice::Terms`].
    Terms(Ticket, Means, Nonce),
    /// [`Input::Advised`] with [`Advice::Found`].
    Found(Ticket, Learnt),
    /// [`Input::Reported`].
    Reported(Report),
    /// [`Input::Secured`], without the channel binding.
    Secured(Arc<TlsFacts>),
    /// [`Input::Unsecured`].
    Unsecured(HandshakeFault),
    /// [`Input::Sent`].
    Sent,
    /// [`Input::PeerClosed`].
    PeerClosed,
    /// [`Input::ShuttingDown`].
    ShuttingDown,
}

/// A finding without what could serve to find out a password: not the server's own proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// [`Finding::Right`].
    Right,
    /// [`Finding::Proven`].
    Proven,
    /// [`Finding::Salt`]: octets of the salt, at most [`SCRAM_SALT_MAX`], how many of them count, and the iterations.
    Salt([u8; SCRAM_SALT_MAX], u8, u32),
    /// [`Finding::Wrong`].
    Wrong,
    /// [`Finding::Trouble`].
    Trouble,
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The session had ended.
    Closed,
    /// The session was dropped before it had ended: the server stopped and could not wait for it.
    Dropped,
    /// The session broke an assertion of ours, with the last thing that was brought.
    Panicked,
    /// There was no room for more; the session went on.
    Full,
}

impl<'a> Brought<'a> {
    pub(super) fn of(input: &Input<'a>) -> Brought<'a> {
        match input {
            Input::Opened => Brought::Opened,
            Input::Bytes(octets) => Brought::Bytes(octets),
            Input::Tick => Brought::Tick,
            Input::Answered(ticket, answer) => {
                let ruling = Ruling::of(&answer.verdict);
                Brought::Answered(*ticket, ruling)
            }
            Input::Advised(ticket, Advice::Terms(means, nonce)) => Brought::Terms(*ticket, *means, *nonce),
            Input::Advised(ticket, Advice::Found(finding)) => Brought::Found(*ticket, Learnt::of(finding)),
            Input::Reported(report) => Brought::Reported(*report),
            Input::Secured(facts) => Brought::Secured(Arc::clone(facts)),
            Input::Unsecured(fault) => Brought::Unsecured(*fault),
            Input::Sent => Brought::Sent,
            Input::PeerClosed => Brought::PeerClosed,
            Input::ShuttingDown => Brought::ShuttingDown,
        }
    }

    /// The input that was kept.
    pub fn input(self) -> Input<'a> {
        match self {
            Brought::Opened => Input::Opened,
            Brought::Bytes(octets) => Input::Bytes(octets),
            Brought::Tick => Input::Tick,
            Brought::Answered(ticket, ruling) => {
                Input::Answered(ticket, Answer { verdict: ruling.verdict() })
            }
            Brought::Terms(ticket, means, nonce) => Input::Advised(ticket, Advice::Terms(means, nonce)),
            Brought::Found(ticket, learnt) => Input::Advised(ticket, Advice::Found(learnt.finding())),
            Brought::Reported(report) => Input::Reported(report),
            Brought::Secured(facts) => Input::Secured(facts),
            Brought::Unsecured(fault) => Input::Unsecured(fault),
            Brought::Sent => Input::Sent,
            Brought::PeerClosed => Input::PeerClosed,
            Brought::ShuttingDown => Input::ShuttingDown,
        }
    }
}

impl Learnt {
    fn of(finding: &Finding) -> Learnt {
        match finding {
            Finding::Right => Learnt::Right,
            Finding::Proven(_) => Learnt::Proven,
            Finding::Salt { salt, iterations } => {
                let mut octets = [0; SCRAM_SALT_MAX];
                let count = salt.len().min(SCRAM_SALT_MAX);
                octets[..count].copy_from_slice(&salt[..count]);
                Learnt::Salt(octets, u8::try_from(count).expect("few octets"), *iterations)
            }
            Finding::Wrong => Learnt::Wrong,
            Finding::Trouble => Learnt::Trouble,
        }
    }

    fn finding(self) -> Finding {
        match self {
            Learnt::Right => Finding::Right,
            Learnt::Proven => Finding::Proven([0; 32]),
            Learnt::Salt(octets, count, iterations) => {
                Finding::Salt { salt: octets[..usize::from(count)].to_vec(), iterations }
            }
            Learnt::Wrong => Finding::Wrong,
            Learnt::Trouble => Finding::Trouble,
        }
    }
}

const OPENED: u8 = 1;
const BYTES: u8 = 2;
const TICK: u8 = 3;
const ANSWERED: u8 = 4;
const REPORTED: u8 = 5;
const PEER_CLOSED: u8 = 6;
const SHUTTING_DOWN: u8 = 7;
const SENT: u8 = 8;
const SECURED: u8 = 9;
const UNSECURED: u8 = 10;
const TERMS: u8 = 11;
const FOUND: u8 = 12;
const WROTE: u8 = 32;
/// The deeds begin here.
const DID: u8 = 33;
/// The last record.
pub(super) const END: u8 = 64;

/// Findings that are nothing but a word; a salt has the number behind them.
const LEARNT: [Learnt; 4] = [Learnt::Right, Learnt::Proven, Learnt::Wrong, Learnt::Trouble];
const SALT: u8 = 4;

const DEEDS: [Deed; 13] = [
    Deed::Ask,
    Deed::Begin,
    Deed::Append,
    Deed::Commit,
    Deed::Abandon,
    Deed::Event,
    Deed::Close,
    Deed::Leave,
    Deed::Show,
    Deed::Secure,
    Deed::Inquire,
    Deed::Attempt,
    Deed::Revise,
];
const SPOOL_FAULTS: [SpoolFault; 3] = [SpoolFault::Full, SpoolFault::Unusable, SpoolFault::Broken];
const ENDINGS: [Ending; 4] = [Ending::Closed, Ending::Dropped, Ending::Panicked, Ending::Full];

/// The place of a value in its table, which is its number in a log.
pub(super) fn code<T: PartialEq>(table: &[T], value: &T) -> u8 {
    let place = table.iter().position(|own| own == value).expect("every value stands in its table");
    u8::try_from(place).expect("tables are short")
}

pub(super) fn decoded<T: Copy>(
    table: &[T],
    cursor: &mut Cursor<'_>,
    what: &'static str,
) -> Result<T, LogFault> {
    let code = cursor.octet()?;
    table.get(usize::from(code)).copied().ok_or_else(|| cursor.fault(LogFaultKind::Unfit(what)))
}

/// Appends all of an input but the octets of [`Brought::Bytes`], which stand behind it. `before` is the time of the
/// input before it.
pub(super) fn put_brought(out: &mut Vec<u8>, before: Now, now: Now, brought: &Brought<'_>) {
    out.push(match brought {
        Brought::Opened => OPENED,
        Brought::Bytes(_) => BYTES,
        Brought::Tick => TICK,
        Brought::Answered(..) => ANSWERED,
        Brought::Terms(..) => TERMS,
        Brought::Found(..) => FOUND,
        Brought::Reported(_) => REPORTED,
        Brought::Secured(_) => SECURED,
        Brought::Unsecured(_) => UNSECURED,
        Brought::Sent => SENT,
        Brought::PeerClosed => PEER_CLOSED,
        Brought::ShuttingDown => SHUTTING_DOWN,
    });
    let steady = now.instant.micros().wrapping_sub(before.instant.micros()).cast_signed();
    put_signed(out, steady);
    // The wall clock mostly goes as the steady one does.
    put_signed(out, now.wall.micros().wrapping_sub(before.wall.micros()).wrapping_sub(steady));
    match brought {
        Brought::Opened | Brought::Tick | Brought::Sent | Brought::PeerClosed | Brought::ShuttingDown => {}
        Brought::Bytes(octets) => put_length(out, octets.len()),
        Brought::Answered(ticket, ruling) => {
            put_number(out, ticket.0);
            ruling::put(out, ruling);
        }
        Brought::Terms(ticket, means, nonce) => {
            put_number(out, ticket.0);
            let Means { passwords, proofs, tokens } = means;
            out.push(u8::from(*passwords) | u8::from(*proofs) << 1 | u8::from(*tokens) << 2);
            out.extend_from_slice(&nonce.octets());
        }
        Brought::Found(ticket, learnt) => {
            put_number(out, ticket.0);
            match learnt {
                Learnt::Salt(octets, count, iterations) => {
                    out.push(SALT);
                    put_number(out, (*iterations).into());
                    put_length(out, (*count).into());
                    out.extend_from_slice(&octets[..usize::from(*count)]);
                }
                word @ (Learnt::Right | Learnt::Proven | Learnt::Wrong | Learnt::Trouble) => {
                    out.push(code(&LEARNT, word));
                }
            }
        }
        Brought::Reported(Report::Room(octets)) => {
            out.push(0);
            put_length(out, *octets);
        }
        Brought::Reported(Report::Committed(stored)) => {
            out.push(1);
            put_number(out, stored.inode);
            put_signed(out, stored.mtime_seconds);
            put_number(out, stored.mtime_nanos.into());
        }
        Brought::Reported(Report::Shown(path)) => {
            out.push(3);
            put_length(out, path.as_str().len());
            out.extend_from_slice(path.as_str().as_bytes());
        }
        Brought::Reported(Report::Failed(fault)) => {
            out.push(2);
            out.push(code(&SPOOL_FAULTS, fault));
        }
        Brought::Secured(facts) => tls::put_facts(out, facts),
        Brought::Unsecured(fault) => tls::put_fault(out, *fault),
    }
}

/// Appends an output.
pub(super) fn put_said(out: &mut Vec<u8>, said: &Said) {
    match said {
        Said::Wrote(octets) => {
            out.push(WROTE);
            put_length(out, octets.len());
            out.extend_from_slice(octets);
        }
        Said::Did { deed, octets, print } => {
            out.push(DID + code(&DEEDS, deed));
            put_number(out, *octets);
            out.extend_from_slice(&print.to_le_bytes());
        }
    }
}

/// Appends how the log ends; the fingerprint belongs behind it.
pub(super) fn put_ending(out: &mut Vec<u8>, ending: Ending) {
    out.push(END);
    out.push(code(&ENDINGS, &ending));
}

/// Reads the way the log ends, behind its tag.
pub(super) fn ending(cursor: &mut Cursor<'_>) -> Result<Ending, LogFault> {
    decoded(&ENDINGS, cursor, "an unknown ending")
}

/// Reads the record behind `tag`, which was just read and is not [`END`]. `before` is the time of the input before it.
pub(super) fn entry<'a>(tag: u8, cursor: &mut Cursor<'a>, before: Now) -> Result<Entry<'a>, LogFault> {
    let deed = tag.checked_sub(DID).and_then(|place| DEEDS.get(usize::from(place)));
    if let Some(deed) = deed {
        let octets = cursor.number()?;
        return Ok(Entry::Said(Said::Did { deed: *deed, octets, print: cursor.print()? }));
    }
    if tag == WROTE {
        return Ok(Entry::Said(Said::Wrote(cursor.string(RECORDED_SAID_MAX)?.to_vec())));
    }
    if !(OPENED..=FOUND).contains(&tag) {
        return Err(cursor.fault(LogFaultKind::UnknownRecord(tag)));
    }
    let steady = cursor.signed()?;
    let wall = before.wall.micros().wrapping_add(steady).wrapping_add(cursor.signed()?);
    let instant = before.instant.micros().wrapping_add(steady.cast_unsigned());
    let now = Now { instant: Instant::from_micros(instant), wall: Wall::from_micros(wall) };
    let brought = match tag {
        OPENED => Brought::Opened,
        BYTES => Brought::Bytes(cursor.string(RECORDED_HEARD_MAX)?),
        TICK => Brought::Tick,
        ANSWERED => {
            let ticket = Ticket(cursor.number()?);
            Brought::Answered(ticket, ruling::read(cursor)?)
        }
        REPORTED => Brought::Reported(report(cursor)?),
        SENT => Brought::Sent,
        TERMS => {
            let ticket = Ticket(cursor.number()?);
            let bits = cursor.octet()?;
            let means = Means { passwords: bits & 1 != 0, proofs: bits & 2 != 0, tokens: bits & 4 != 0 };
            Brought::Terms(ticket, means, Nonce::new(cursor.octets()?))
        }
        FOUND => Brought::Found(Ticket(cursor.number()?), learnt(cursor)?),
        SECURED => Brought::Secured(Arc::new(tls::facts(cursor)?)),
        UNSECURED => Brought::Unsecured(tls::fault(cursor)?),
        PEER_CLOSED => Brought::PeerClosed,
        _ => Brought::ShuttingDown,
    };
    Ok(Entry::Brought(now, brought))
}

fn learnt(cursor: &mut Cursor<'_>) -> Result<Learnt, LogFault> {
    match cursor.octet()? {
        SALT => {
            let iterations = cursor.number32()?;
            let salt = cursor.string(SCRAM_SALT_MAX)?;
            let mut octets = [0; SCRAM_SALT_MAX];
            octets[..salt.len()].copy_from_slice(salt);
            Ok(Learnt::Salt(octets, u8::try_from(salt.len()).expect("few octets"), iterations))
        }
        word => LEARNT
            .get(usize::from(word))
            .copied()
            .ok_or_else(|| cursor.fault(LogFaultKind::Unfit("an unknown finding"))),
    }
}

fn report(cursor: &mut Cursor<'_>) -> Result<Report, LogFault> {
    match cursor.octet()? {
        0 => Ok(Report::Room(cursor.number_in_memory()?)),
        1 => {
            let stored = Stored {
                inode: cursor.number()?,
                mtime_seconds: cursor.signed()?,
                mtime_nanos: cursor.number32()?,
            };
            Ok(Report::Committed(stored))
        }
        2 => Ok(Report::Failed(decoded(&SPOOL_FAULTS, cursor, "an unknown fault of the spool")?)),
        3 => {
            let path = core::str::from_utf8(cursor.string(DraftPath::OCTETS_MAX)?).ok();
            let path = path.and_then(DraftPath::new);
            path.map(Report::Shown).ok_or_else(|| cursor.fault(LogFaultKind::Unfit("a path that is none")))
        }
        _ => Err(cursor.fault(LogFaultKind::Unfit("an unknown report"))),
    }
}
