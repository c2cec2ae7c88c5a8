//! Laws 9 and 10 on policy: every conclusion of the server is the one that a naive evaluator comes to, which reads the
//! policy's own lines, knows what names there are and what of that could not be found out, and counts every message of
//! every source. And what that evaluator admitted: nothing else may be in the spool.

use super::by_connection::ByConnection;
use super::{Case, Violation};
use crate::des::Run;
use crate::model::{Counted, Line, Names, Policy, Rates, Room, read};
use crate::plan::{OWN, Plan};
use crate::trace::{ConnectionId, Looked, News, Posed, Ruling, What};
use smtpserver_core::limits::JUDGEMENT_TIME_MAX;
use smtpserver_core::now::micros;
use smtpserver_core::policy::evaluate::{Told, Wish};
use smtpserver_core::server::rate_window::RateVerdict;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// What a naive evaluator concludes in a run.
#[derive(Debug, Default)]
pub(super) struct Rulings {
    sessions: ByConnection<Session>,
    /// Who was admitted for each message that was reported to be kept, by inode.
    kept: BTreeMap<u64, BTreeSet<String>>,
    /// Everybody who was admitted at any time.
    admitted: BTreeSet<String>,
    /// The first conclusion that is another one.
    wrong: Option<Violation>,
}

/// What was concluded in a session.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The code with which each question about policy must be answered, if it was answered at all.
    pub(super) codes: Vec<Option<u16>>,
    /// The largest message that the rules allow, in octets, where they say something.
    pub(super) octets_max: Option<u64>,
    /// Whether bare newlines become line ends, where the rules say something.
    pub(super) normalizes: Option<bool>,
}

/// A session while it is followed.
struct Followed<'a> {
    policy: Policy<'a>,
    source: IpAddr,
    /// How long the server looks things up for one question, in microseconds.
    patience: u64,
    /// Questions by their tickets, and the place of each.
    posed: BTreeMap<u64, (usize, Posed)>,
    open: Option<Open>,
    /// The transaction's sender was taken; whether its message goes to the freezer.
    sender: Option<bool>,
    /// Recipients that were admitted in it.
    to: BTreeSet<String>,
}

/// The question that is before the server.
struct Open {
    ticket: u64,
    since: u64,
    /// Look-ups without an answer.
    sought: BTreeMap<u64, (String, String)>,
    /// Whether each look-up came to nothing, in their order.
    looked: BTreeMap<(String, String), VecDeque<bool>>,
}

impl Rulings {
    /// Follows a run.
    pub(super) fn of(plan: &Plan, run: &Run) -> Rulings {
        let mut rulings = Rulings::default();
        if !plan.has_policy() {
            return rulings;
        }
        let lines: BTreeMap<Option<usize>, Vec<Line>> =
            plan.changes().map(|change| (change, read(plan.policy(change)))).collect();
        let names = Names::read(&plan.zone);
        let mut change = None;
        let mut sources: ByConnection<IpAddr> = ByConnection::default();
        let mut followed: ByConnection<Followed<'_>> = ByConnection::default();
        let (mut rates, mut saved) = (Rates::default(), Rates::default());
        for (index, entry) in run.trace.entries().iter().enumerate() {
            match &entry.what {
                What::Reconfigured(fault) => change = Some(*fault),
                What::Connects { connection, source, .. } => sources.insert(*connection, *source),
                What::Saved => saved = rates.clone(),
                What::Up => rates = saved.clone(),
                What::Welcomed { connection, .. } => {
                    let (Some(source), Ok(settings)) = (sources.get_mut(*connection), plan.settings(change))
                    else {
                        continue;
                    };
                    let patience = (settings.timeouts.answer * 3 / 4).min(JUDGEMENT_TIME_MAX);
                    let session = Followed {
                        policy: Policy::new(&lines[&change], OWN, *source),
                        source: *source,
                        patience: micros(patience),
                        posed: BTreeMap::new(),
                        open: None,
                        sender: None,
                        to: BTreeSet::new(),
                    };
                    followed.insert(*connection, session);
                }
                What::Told(id, News::Committed { inode, .. }) => {
                    if let Some(session) = followed.get_mut(*id) {
                        rulings.kept.insert(*inode, session.to.clone());
                    }
                }
                What::Posed(id, ticket, posed) => {
                    let codes = &mut rulings.sessions.or_default(*id).codes;
                    if let Some(session) = followed.get_mut(*id) {
                        session.posed.insert(*ticket, (codes.len(), posed.clone()));
                        if matches!(posed, Posed::Sender(_)) {
                            session.to.clear();
                        }
                    }
                    codes.push(None);
                }
                What::Put(id, ticket) => {
                    if let Some(session) = followed.get_mut(*id) {
                        session.put(*ticket, entry.at);
                    }
                }
                What::Sought(id, number, question) => {
                    if let Some(open) = followed.get_mut(*id).and_then(|session| session.open.as_mut())
                        && let Some((name, kind)) = question.to_ascii_lowercase().rsplit_once(' ')
                    {
                        open.sought.insert(*number, (name.to_owned(), kind.to_ascii_uppercase()));
                    }
                }
                What::Looked(id, number, looked) => {
                    if let Some(open) = followed.get_mut(*id).and_then(|session| session.open.as_mut())
                        && let Some(question) = open.sought.remove(number)
                    {
                        open.looked.entry(question).or_default().push_back(*looked == Looked::Trouble);
                    }
                }
                What::Ruled(id, ticket, found) => {
                    let Some(session) = followed.get_mut(*id) else { continue };
                    let Some((place, expected, code)) =
                        session.rule(*ticket, entry.at, &names, &mut rates, found)
                    else {
                        continue;
                    };
                    let told = rulings.sessions.or_default(*id);
                    told.codes[place].get_or_insert(code);
                    told.octets_max = session.policy.octets_max();
                    told.normalizes = session.policy.normalizes();
                    rulings.admitted.extend(session.to.iter().cloned());
                    if expected != *found && rulings.wrong.is_none() {
                        let asked = session.posed.get(ticket).map(|(_, posed)| posed);
                        let what = format!(
                            "connection {id}: asked {asked:?}, the server rules {found:?}, and should have ruled {expected:?}"
                        );
                        rulings.wrong = Some(Violation::new(10, index, what));
                    }
                }
                _ => {}
            }
        }
        rulings
    }

    /// What was concluded in a session, where there is a policy.
    pub(super) fn session(&self, id: ConnectionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// Whether a recipient of a message may be there.
    pub(super) fn is_admitted(&self, inode: u64, to: &str) -> bool {
        // A message whose report was lost is not to be told apart from others of its kind.
        self.kept.get(&inode).unwrap_or(&self.admitted).contains(&bare(to))
    }
}

/// Law 10, exact: the server concludes from its policy what a naive evaluator concludes.
pub(super) fn exact(Case { rulings, .. }: &Case<'_>) -> Result<(), Violation> {
    rulings.wrong.clone().map_or(Ok(()), Err)
}

/// A path without brackets and without its route, as it is compared.
fn bare(path: &str) -> String {
    let mailbox =
        if path.starts_with('@') { path.split_once(':').map_or(path, |(_, rest)| rest) } else { path };
    mailbox.to_ascii_lowercase()
}

impl Followed<'_> {
    fn put(&mut self, ticket: u64, at: u64) {
        if let Some((_, Posed::Sender(_))) = self.posed.get(&ticket) {
            self.sender = None;
        }
        self.open = Some(Open { ticket, since: at, sought: BTreeMap::new(), looked: BTreeMap::new() });
    }

    /// What must be concluded, and the code that says it. Where the disk is said to be full that is believed.
    fn rule(
        &mut self,
        ticket: u64,
        now: u64,
        names: &Names,
        rates: &mut Rates,
        found: &Ruling,
    ) -> Option<(usize, Ruling, u16)> {
        let open = self.open.take_if(|open| open.ticket == ticket)?;
        let (place, posed) = self.posed.get(&ticket)?.clone();
        let late = now >= open.since + self.patience;
        let (at, source) = (Duration::from_micros(now), self.source);
        let looked = RefCell::new(open.looked);
        let retry = Cell::new(None);
        let unknown =
            |name: &str, kind: &str| match looked.borrow_mut().get_mut(&(name.to_owned(), kind.to_owned())) {
                Some(answers) if answers.len() > 1 => answers.pop_front() == Some(true),
                Some(answers) => answers.front() == Some(&true),
                None => late || open.sought.values().any(|(other, k)| other == name && k == kind),
            };
        let rate = |room: Room| {
            Told::Rate(match room {
                Room::Yes => RateVerdict::Within,
                Room::In(wait) => {
                    retry.set(Some(micros(wait)));
                    RateVerdict::Excess { retry_after: wait }
                }
                Room::Never => RateVerdict::Forbidden,
            })
        };
        let counted = &*rates;
        let world = |wish: &Wish| match wish {
            Wish::Listing { address, zones } => names.listing(&unknown, *address, zones),
            Wish::Domain(domain, sought) => names.domain(&unknown, domain, *sought, OWN),
            Wish::Message(limit) => rate(counted.room_for_message(source, at, limit.messages)),
            Wish::Recipient(limit) => rate(counted.room_for_recipient(source, at, limit.recipients)),
            Wish::Spf => Told::Spf(Ok(())),
        };
        let outcome = match &posed {
            Posed::Connect => {
                let outcome = self.policy.connect(&world);
                if outcome.is_ok()
                    && let Some(name) = names.reverse(&unknown, source)
                {
                    self.policy.reverse(&name);
                }
                outcome.map(|_| false)
            }
            Posed::Hello(name) => {
                self.policy.hello(&name.to_ascii_lowercase());
                Ok(false)
            }
            Posed::Sender(path) => {
                let path = path.as_ref().map(|path| path.to_ascii_lowercase());
                let outcome = self.policy.mail(&world, path.as_ref().and_then(|path| path.rsplit_once('@')));
                if *found != Ruling::NoSpace && outcome.is_ok() {
                    rates.count(source, at, Counted::Message);
                    self.sender = outcome.ok();
                }
                outcome.map(|_| false)
            }
            Posed::Recipient(path) => {
                let path = path.to_ascii_lowercase();
                let outcome = match (self.sender, path.rsplit_once('@')) {
                    (None, _) => Err("NotAdmitted"),
                    (Some(_), None) => Ok(false),
                    (Some(_), Some((local, domain))) => self.policy.rcpt(&world, local, domain),
                };
                if outcome.is_ok() {
                    rates.count(source, at, Counted::Recipients(1));
                    // A late answer is for a transaction that is over.
                    if self.posed.last_key_value().is_some_and(|(last, _)| *last == ticket) {
                        self.to.insert(path);
                    }
                }
                outcome.map(|freezer| freezer || self.sender == Some(true))
            }
        };
        let ruling = match outcome {
            Ok(_) if *found == Ruling::NoSpace && matches!(posed, Posed::Sender(_)) => Ruling::NoSpace,
            Ok(true) => Ruling::Freezer,
            Ok(false) => Ruling::Yes,
            Err(why) => Ruling::No { why: why.to_owned(), retry: retry.get() },
        };
        let code = code(&posed, &ruling);
        Some((place, ruling, code))
    }
}

/// The code that a conclusion is told with.
fn code(posed: &Posed, ruling: &Ruling) -> u16 {
    match (posed, ruling) {
        (_, Ruling::NoSpace) => 452,
        (Posed::Connect, Ruling::No { .. }) => 554,
        (Posed::Connect, _) => 220,
        (_, Ruling::Yes | Ruling::Freezer) => 250,
        (_, Ruling::No { retry: Some(_), .. }) => 450,
        (_, Ruling::No { why, .. }) => match why.as_str() {
            "Trouble" => 450,
            "Sender" | "SenderDomain" => 553,
            _ => 550,
        },
    }
}
