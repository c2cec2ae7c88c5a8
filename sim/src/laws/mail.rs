//! Laws 1, 3 and 9: what is in the spool, what should be, and what must not.

use super::Violation;
use crate::clients::Belief;
use crate::des::Run;
use crate::plan::{LOCAL_DOMAIN, Plan};
use crate::trace::{News, Operation, What};
use bytes::Bytes;
use smtpserver_conformance::lane::Message;
use smtpserver_core::spool::id::SpoolId;
use std::collections::{BTreeMap, BTreeSet};

/// Law 1, kept: after 250 the message survives any crash. After every crash, and at the end, each message that was
/// promised lies in `router`, whole; and what a client believes to be accepted is there as it sent it.
pub(super) fn kept(plan: &Plan, run: &Run) -> Result<(), Violation> {
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
        let file = SpoolId::file_name(id)
            .and_then(|name| name.parse().ok())
            .and_then(|inode: u64| run.files.get(&inode));
        let Some(file) = file else {
            return Err(Violation::new(
                1,
                None,
                format!("client {client} was told {id}, which is not there"),
            ));
        };
        let stored = read(file).map_err(|what| Violation::new(1, None, format!("{id}: {what}")))?;
        if !is_as_sent(plan, belief, &stored) {
            let envelope = (&stored.from, &stored.to);
            let stored = plain(plan, &stored.body);
            let sent = plain(plan, &belief.body);
            let same = sent.iter().zip(&stored).take_while(|(sent, stored)| sent == stored).count();
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
pub(super) fn honest(plan: &Plan, run: &Run) -> Result<(), Violation> {
    let withdrawn: BTreeSet<u64> = run
        .trace
        .entries()
        .iter()
        .filter_map(|entry| match entry.what {
            What::Disk { operation: Operation::Withdraw(inode), .. } => Some(inode),
            _ => None,
        })
        .collect();
    let mut by_body: BTreeMap<Vec<u8>, (usize, Vec<&Belief>)> = BTreeMap::new();
    let (mut rude, mut senders) = (BTreeSet::new(), BTreeSet::new());
    for (client, belief) in beliefs(run) {
        let body = plain(plan, &belief.body);
        if is_rude(plan, client) {
            rude.insert(body.clone());
            senders.insert(belief.envelope_from.as_str());
        }
        by_body.entry(body).or_default().1.push(belief);
    }
    for (inode, file) in &run.files {
        let wrong = |what: &str| Violation::new(3, None, format!("message {inode} {what}"));
        let stored = read(file).map_err(|what| wrong(&what))?;
        // A babbler's octets may become messages of which it knows nothing; it signs them by their recipients.
        if stored.to.iter().all(|to| to.starts_with("babbler.")) {
            continue;
        }
        let Some((count, beliefs)) = by_body.get_mut(&plain(plan, &stored.body)) else {
            // The text behind a DATA that was refused is commands, and they may make a message.
            if senders.contains(stored.from.as_str()) {
                continue;
            }
            return Err(wrong("holds what nobody sent"));
        };
        // Who does not wait for replies cannot tell a refused MAIL from a refused message.
        if rude.contains(&plain(plan, &stored.body)) {
            continue;
        }
        if !beliefs.iter().any(|belief| is_as_sent(plan, belief, &stored)) {
            return Err(wrong("goes from or to where nobody sent it"));
        }
        if !withdrawn.contains(inode) {
            *count += 1;
            if *count > beliefs.iter().filter(|belief| !belief.refused).count() {
                return Err(wrong("was refused, or was sent less often than it is there"));
            }
        }
    }
    Ok(())
}

/// Law 9, closed: no recipient without admission. In every world only one domain, and our own postmaster, are.
pub(super) fn closed(_plan: &Plan, run: &Run) -> Result<(), Violation> {
    for (inode, file) in &run.files {
        let stored =
            read(file).map_err(|what| Violation::new(9, None, format!("message {inode}: {what}")))?;
        for to in &stored.to {
            let to = to.to_ascii_lowercase();
            let domain = to.rsplit_once('@').map(|(_, domain)| domain);
            let admitted = domain == Some(LOCAL_DOMAIN) || to.starts_with("postmaster");
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

fn read(file: &Bytes) -> Result<Message, String> {
    Message::parse(file).map_err(|trouble| trouble.0)
}

/// Whether a stored message is the one that a client sent.
fn is_as_sent(plan: &Plan, belief: &Belief, stored: &Message) -> bool {
    // Whoever says everything at once and does not listen may have its MAIL refused in an open transaction and its text
    // taken into that: the envelope is then of its own making, but not the one that it believes in.
    let mixed_up = belief.refused;
    let envelope = stored.from == belief.envelope_from
        && stored.to.iter().all(|to| belief.tried.contains(to))
        && belief.to.iter().all(|to| stored.to.contains(to));
    (envelope || mixed_up) && plain(plan, &stored.body) == plain(plan, &belief.body)
}

/// A body as it is compared: where the server makes bare newlines line ends, all line ends are the same.
fn plain(plan: &Plan, body: &[u8]) -> Vec<u8> {
    if !plan.has_setting("bare-newline normalize") {
        return body.to_vec();
    }
    let mut out = Vec::with_capacity(body.len());
    for (index, octet) in body.iter().enumerate() {
        match octet {
            b'\r' if body.get(index + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            octet => out.push(*octet),
        }
    }
    out
}
