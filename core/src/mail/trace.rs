//! The `Received:` field at the head of a stored message (RFC 2821 §4.4). Every part of it is either ours or was
//! checked by the grammar, so that no client octet can end the field.

use super::envelope::Hello;
use super::transaction::Addressed;
use crate::now::Wall;
use alloc::format;
use alloc::string::String;

/// The trace field in stored form: lines end with LF, continuation lines begin with a tab.
///
/// `origin` is where it came from, an address literal or a user of this machine. `secured` is what is told of TLS, as a
/// comment.
pub fn received(
    hello: &Hello,
    origin: &str,
    protocol: &str,
    host: &str,
    transaction: &Addressed,
    now: Wall,
    secured: Option<&str>,
) -> String {
    let recipient = match transaction.only_recipient() {
        Some(path) => format!("\n\tfor <{path}>"),
        None => String::new(),
    };
    let comment = secured.map(|secured| format!("\n\t{secured}")).unwrap_or_default();
    format!(
        "Received: from {name} ({origin}){comment}\n\tby {host} with {protocol} id {id}{recipient};\n\t{date} (UTC)\n",
        name = hello.name,
        id = transaction.opened.id,
        date = now.rfc2822(),
    )
}
