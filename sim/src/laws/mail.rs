//! Laws 1, 3 and 9: what is in the spool, what should be, and what must not.

use super::{Case, Violation};
use crate::clients::Belief;
use crate::des::Run;
use crate::plan::{LOCAL_DOMAIN, Plan};
use crate::trace::{News, Operation, What};
use smtpserver_conformance::lane::Message;
use smtpserver_core::spool::id::SpoolId;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The files that are left, read as messages once for all laws; and how bodies are compared.
pub(super) struct Spooled {
    messages: BTreeMap<u64, Result<Message, String>>,
    /// Bare newlines were made line ends, at some time.
    normalized: bool,
}

impl Spooled {
    /// What a run has left.
    pub(super) fn of(plan: &Plan, run: &Run) -> Spooled {
        let read = |file: &[u8]| match Message::parse(file) {
            // The files are at hand; a second copy of each would only fill the cache.
            Ok(message) => Ok(Message { raw: Vec::new(), ..message }),
            Err(trouble) => Err(trouble.0),
        };
        let messages = run.files.iter().map(|(inode, file)| (*inode, read(file)));
        let policy = plan.changes().flat_map(|change| plan.policy(change));
        let normalized = plan.has_setting("bare-newline normalize")
            || policy.into_iter().any(|line| line.contains("bare-newline normalize"));
        Spooled { messages: messages.collect(), normalized }
    }

    /// All messages; a file that is none is a violation of the law that asks.
    fn messages(&self, law: u8) -> impl Iterator<Item = Result<(u64, &Message), Violation>> {
        self.messages.iter().map(move |(inode, message)| match message {
            Ok(message) => Ok((*inode, message)),
            Err(what) => Err(Violation::new(law, None, format!("message {inode}: {what}"))),
        })
    }

    /// A body as it is compared: where the server makes bare newlines line ends, all line ends are the same.
    fn plain<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        if !self.normalized {
            return Cow::Borrowed(body);
        }
        let mut out = Vec::with_capacity(body.len());
        for (index, octet) in body.iter().enumerate() {
            match octet {
                b'\r' if body.get(index + 1) == Some(&b'\n') => {}
                b'\r' => out.push(b'\n'),
                octet => out.push(*octet),
            }
        }
        Cow::Owned(out)
    }

    /// Whether a stored message is the one that a client sent.
    fn is_as_sent(&self, belief: &Belief, stored: &Message) -> bool {
        // Whoever says everything at once and does not listen may have its MAIL refused in an open transaction and its
        // text taken into that: the envelope is then of its own making, but not the one that it believes in.
        let mixed_up = belief.refused;
        let envelope = stored.from == belief.envelope_from
            && stored.to.iter().all(|to| belief.tried.contains(to))
            && belief.to.iter().all(|to| stored.to.contains(to));
        (envelope || mixed_up) && self.plain(&stored.body) == self.plain(&belief.body)
    }
}

/// Law 1, kept: after 250 the message survives any crash. After every crash, and at the end, each message that was
/// promised lies in `router`, whole; and what a client believes to be accepted is there as it sent it.
pub(super) fn kept(Case { run, spooled, .. }: &Case<'_>) -> Result<(), Violation> {
    let mut promised = BTreeMap::new();
    for (index, entry) in run.trace.entries().iter().enumerate() {
        match &entry.what {
            What::Told(_, News::Committed { inode, length, digest }) => {
                promised.insert(*inode, (*length, *digest));
            }
            What::Scanned(files) => {
                let there: BTreeMap<_, _> =
                    files.iter().map(|file| (file.inode, (file.length, file.digest))).collect();
                for (inode, (length, digest)) in &promised {
                    match there.get(inode) {
                        None => {
                            return Err(Violation::new(
                                1,
                                index,
                                format!("message {inode} was promised and is gone"),
                            ));
                        }
                        Some(found) if *found != (*length, *digest) => {
                            let what = format!(
                                "message {inode} was promised with {length} octets and is not what it was: {} octets",
                                found.0
                            );
                            return Err(Violation::new(1, index, what));
                        }
                        Some(_) => {}
                    }
                }
            }
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    for (client, belief) in beliefs(run) {
        let Some(id) = &belief.accepted else { continue };
        if !seen.insert(id) {
            return Err(Violation::new(
                1,
                None,
                format!("client {client} was told {id}, and somebody else too"),
            ));
        }
        let stored = SpoolId::file_name(id)
            .and_then(|name| name.parse().ok())
            .and_then(|inode: u64| spooled.messages.get(&inode));
        let Some(stored) = stored else {
            return Err(Violation::new(
                1,
                None,
                format!("client {client} was told {id}, which is not there"),
            ));
        };
        let stored = stored.as_ref().map_err(|what| Violation::new(1, None, format!("{id}: {what}")))?;
        if !spooled.is_as_sent(belief, stored) {
            let envelope = (&stored.from, &stored.to);
            let stored = spooled.plain(&stored.body);
            let sent = spooled.plain(&belief.body);
            let same = sent.iter().zip(stored.iter()).take_while(|(sent, stored)| sent == stored).count();
            let what = format!(
                "client {client} was told {id}, but what is there is not what it sent: from {:?} to {:?} became {envelope:?}; of {} octets {} are \
                 there, the first {same} are the same",
                belief.envelope_from,
                belief.tried,
                sent.len(),
                stored.len(),
            );
            return Err(Violation::new(1, None, what));
        }
    }
    Ok(())
}

/// Law 3, honest: nothing is in the spool that was refused, and nothing that nobody sent whole. A message whose names
/// could not be made durable and were taken back may still be there: the router may be faster than we are.
pub(super) fn honest(Case { plan, run, spooled, .. }: &Case<'_>) -> Result<(), Violation> {
    let withdrawn: BTreeSet<u64> = run
        .trace
        .entries()
        .iter()
        .filter_map(|entry| match entry.what {
            What::Disk { operation: Operation::Withdraw(inode), .. } => Some(inode),
            _ => None,
        })
        .collect();
    let mut by_body: BTreeMap<Cow<'_, [u8]>, (usize, Vec<&Belief>)> = BTreeMap::new();
    let (mut rude, mut senders) = (BTreeSet::new(), BTreeSet::new());
    for (client, belief) in beliefs(run) {
        let body = spooled.plain(&belief.body);
        if is_rude(plan, client) {
            rude.insert(body.clone());
            senders.insert(belief.envelope_from.as_str());
        }
        by_body.entry(body).or_default().1.push(belief);
    }
    // Where a policy admits more than our domain, a babbler's message may go to others than those that are its mark.
    let babbles =
        plan.has_policy() && plan.clients.iter().any(|client| !client.wishes.kind.knows_its_messages());
    for message in spooled.messages(3) {
        let (inode, stored) = message?;
        let wrong = |what: &str| Violation::new(3, None, format!("message {inode} {what}"));
        // A babbler's octets may become messages of which it knows nothing; it signs them by their recipients.
        if stored.to.iter().all(|to| to.starts_with("babbler.")) {
            continue;
        }
        let body = spooled.plain(&stored.body);
        let Some((count, beliefs)) = by_body.get_mut(&body) else {
            // The text behind a DATA that was refused is commands, and they may make a message.
            if babbles || senders.contains(stored.from.as_str()) {
                continue;
            }
            return Err(wrong("holds what nobody sent"));
        };
        // Who does not wait for replies cannot tell a refused MAIL from a refused message.
        if rude.contains(&body) {
            continue;
        }
        if !beliefs.iter().any(|belief| spooled.is_as_sent(belief, stored)) {
            return Err(wrong("goes from or to where nobody sent it"));
        }
        if !withdrawn.contains(&inode) {
            *count += 1;
            if *count > beliefs.iter().filter(|belief| !belief.refused).count() {
                return Err(wrong("was refused, or was sent less often than it is there"));
            }
        }
    }
    Ok(())
}

/// Law 9, closed: no recipient without admission. Where a policy was drawn a naive evaluator says who is admitted; in every
/// other world only one domain, and our own postmaster, are.
pub(super) fn closed(Case { plan, spooled, rulings, .. }: &Case<'_>) -> Result<(), Violation> {
    let has_policy = plan.has_policy();
    for message in spooled.messages(9) {
        let (inode, stored) = message?;
        for to in &stored.to {
            let to = to.to_ascii_lowercase();
            let domain = to.rsplit_once('@').map(|(_, domain)| domain);
            let admitted = if has_policy {
                rulings.is_admitted(inode, &to)
            } else {
                domain == Some(LOCAL_DOMAIN) || to.starts_with("postmaster")
            };
            if !admitted {
                return Err(Violation::new(9, None, format!("message {inode} goes to {to}")));
            }
        }
    }
    Ok(())
}

/// Whether a client says what it has to say without waiting for replies.
fn is_rude(plan: &Plan, client: u32) -> bool {
    let client = plan.clients.iter().find(|other| other.id == client);
    client.is_some_and(|client| client.wishes.kind.is_rude())
}

fn beliefs(run: &Run) -> impl Iterator<Item = (u32, &Belief)> {
    run.beliefs.iter().flat_map(|(client, beliefs)| beliefs.iter().map(|belief| (*client, belief)))
}
