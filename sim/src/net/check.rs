//! What must be true of a world: clients' beliefs against the router's directory, and nothing left over at the end.

use super::disk::{Dir, Disk};
use super::site::Site;
use crate::clients::{Belief, Wishes};
use smtpserver_conformance::lane::Message;
use smtpserver_core::spool::id::SpoolId;
use std::collections::BTreeMap;

/// Kept: each message for which a client read 250 lies in the router's directory, whole, under the id it was told.
pub(super) fn kept(disk: &Disk, beliefs: &[Vec<Belief>]) -> Vec<String> {
    let messages = messages(disk);
    let mut broken = Vec::new();
    for (own, belief) in beliefs.iter().flat_map(|own| own.iter().map(move |belief| (own, belief))) {
        let Some(id) = &belief.accepted else { continue };
        let inode = SpoolId::file_name(id).and_then(|name| name.parse().ok());
        match inode.and_then(|inode: u64| messages.get(&inode)) {
            None => broken.push(format!("kept: {id} from <{}> is not there", belief.envelope_from)),
            Some(Ok(message)) if is(message, belief, own) && message.to == belief.to => {}
            Some(found) => broken.push(format!(
                "kept: {id} from <{}> to {:?}, {} octets, is {}",
                belief.envelope_from,
                belief.to,
                belief.body.len(),
                spelled(found)
            )),
        }
    }
    broken
}

/// Honest: whatever lies in the router's directory is a whole message that some client sent, to recipients that it
/// named, and was not told to be refused. What a babbler says may become a message of which it knows nothing, and so
/// may text that a rude client sends behind a refused DATA.
pub(super) fn honest(disk: &Disk, wishes: &[Wishes], beliefs: &[Vec<Belief>]) -> Vec<String> {
    let sent = |message: &Message| {
        let babbled = message.to.iter().all(|to| to.starts_with("babbler."));
        let named = |belief: &Belief| message.to.iter().all(|to| belief.tried.contains(to));
        // A refused MAIL refuses nothing when the transaction before is open still: see `is`.
        let refused = |belief: &Belief| belief.refused && message.from == belief.envelope_from;
        let rude = wishes.iter().zip(beliefs).filter(|(wishes, _)| wishes.kind.is_rude());
        let unknowing = rude.flat_map(|(_, own)| own).any(|belief| message.from == belief.envelope_from)
            && !beliefs.iter().flatten().any(|belief| message.body == belief.body);
        babbled
            || unknowing
            || beliefs.iter().any(|own| {
                own.iter().any(|belief| {
                    belief.said && !refused(belief) && is(message, belief, own) && named(belief)
                })
            })
    };
    messages(disk)
        .iter()
        .filter(|(_, message)| !message.as_ref().is_ok_and(sent))
        .map(|(inode, message)| format!("honest: {inode} is nobody's: {}", spelled(message)))
        .collect()
}

/// Sealed: where every connection begins with a handshake, no message came by another way.
pub(super) fn sealed(disk: &Disk) -> Vec<String> {
    let clear = |message: &Message| {
        // Behind HELO there is no name for it.
        let held = |text: &[u8]| message.raw.windows(text.len()).any(|window| window == text);
        !(held(b"\nwith ESMTPS\n") || held(b"\nwith SMTP\n"))
    };
    messages(disk)
        .iter()
        .filter(|(_, message)| message.as_ref().is_ok_and(clear))
        .map(|(inode, message)| format!("sealed: {inode} came in clear text: {}", spelled(message)))
        .collect()
}

/// Closed: nothing is left over.
pub(super) fn closed(site: &Site) -> Vec<String> {
    let disk = site.store.disk();
    let unfinished = disk.list(Dir::Public).len();
    let left =
        [("sessions", site.sessions()), ("drafts", site.store.drafts()), ("unfinished files", unfinished)];
    left.iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("closed: {count} {what} left"))
        .collect()
}

fn messages(disk: &Disk) -> BTreeMap<u64, Result<Message, String>> {
    let read = |inode| Message::parse(disk.read(inode)).map_err(|trouble| trouble.0);
    disk.list(Dir::Router).into_iter().map(|inode| (inode, read(inode))).collect()
}

/// Whether it is this message. A hasty client may say its next MAIL behind a transaction whose recipients were all
/// refused and which therefore never ended: that MAIL is refused as one too many, and what it sends next goes under
/// the sender before.
fn is(message: &Message, belief: &Belief, own: &[Belief]) -> bool {
    message.body == belief.body && own.iter().any(|other| message.from == other.envelope_from)
}

fn spelled(message: &Result<Message, String>) -> String {
    match message {
        Ok(message) => {
            format!("from <{}> to {:?}, {} octets", message.from, message.to, message.body.len())
        }
        Err(fault) => fault.clone(),
    }
}
