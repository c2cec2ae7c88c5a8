//! The `Received:` field at the head of a stored message (RFC 2821 §4.4). Every part of it is either ours or was
//! checked by the grammar, so that no client octet can end the field.

use super::envelope::Hello;
use super::transaction::Addressed;
use crate::now::Wall;
use crate::peer::Peer;
use alloc::format;
use alloc::string::String;

/// The trace field in stored form: lines end with LF, continuation lines begin with a tab.
pub fn received(hello: &Hello, peer: &Peer, host: &str, transaction: &Addressed, now: Wall) -> String {
    let recipient = match transaction.only_recipient() {
        Some(path) => format!("\n\tfor <{path}>"),
        None => String::new(),
    };
    format!(
        "Received: from {name} ({literal})\n\tby {host} with {protocol} id {id}{recipient};\n\t{date} (UTC)\n",
        name = hello.name,
        literal = peer.literal(),
        protocol = hello.protocol(),
        id = transaction.opened.id,
        date = now.rfc2822(),
    )
}
